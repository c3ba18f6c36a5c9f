"""The rules' own sentences in the reader's language; what a finding fills in is English so far."""

from __future__ import annotations

import sys
from functools import cache
from importlib import resources

import msgspec

from jido.check.findings import Finding
from jido.check.rule import Rule
from jido.check.rules import BY_NAME

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
    fix = spoken.fix if finding.fix == rule.fix else finding.fix
    return msgspec.structs.replace(finding, why=spoken.why, fix=fix)
