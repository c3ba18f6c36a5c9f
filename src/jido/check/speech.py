"""The rules' own sentences in the reader's language; what a finding fills in is English so far."""

from __future__ import annotations

import re
import sys
from functools import cache
from importlib import resources

import msgspec

from jido.check.findings import Finding
from jido.check.rule import Rule
from jido.check.rules import BY_NAME
from jido.model.batch import WORD
from jido.words import catalogue

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@cache
def _texts(lang: str) -> dict[str, dict[str, str]]:
    if lang == "en":
        return {}
    return tomllib.loads((resources.files("jido.check") / "words" / f"rules.{lang}.toml").read_text("utf-8"))


def rule_in(rule: Rule, lang: str) -> Rule:
    """A rule with its sentences in a language.

    Args:
        rule: The rule.
        lang: ``en`` or ``ko``.
    """
    return msgspec.structs.replace(rule, **_texts(lang).get(rule.name, {}))


def finding_in(finding: Finding, lang: str) -> Finding:
    """A finding with its rule's sentences in a language; what to do is left where it is more than the rule says."""
    rule = BY_NAME[finding.rule]
    spoken = rule_in(rule, lang)
    fix = _alike(rule.fix, finding.fix, spoken.fix) or _told(finding.fix, lang)
    why = _alike(rule.why, finding.why, spoken.why) or _told(finding.why, lang)
    return msgspec.structs.replace(finding, why=why, fix=fix)


def _told(said: str, lang: str) -> str:
    """A whole sentence of the scheduler's own, where the catalogue has it."""
    return said if lang == "en" else catalogue(lang).get(said, said)


def _alike(rule: str, said: str, spoken: str) -> str:
    """A rule's sentence in a language, with the scheduler's words that the finding has; empty where it differs."""
    words = WORD.findall(rule)
    pattern = "(.+?)".join(map(re.escape, WORD.split(rule)))
    match = re.fullmatch(pattern, said, re.DOTALL)
    if match is None:
        return ""
    written = dict(zip(words, match.groups(), strict=True))
    return WORD.sub(lambda found: written.get(found[0], found[0]), spoken)
