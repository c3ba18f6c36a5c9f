"""Apply the rules to cases, and what they would change to a text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jido.check.case import Case
from jido.check.findings import SEVERITIES, Edit, Finding, Report, Unknown
from jido.check.rule import Rule
from jido.check.rules import RULES
from jido.model.batch import WORD


def examine(cases: Iterable[Case], *, cluster: str = "", at: float = 0.0, rules: Sequence[Rule] = RULES) -> Report:
    """Everything the rules find.

    Args:
        cases: What is checked.
        cluster: Against which cluster.
        at: When it was seen, seconds since the epoch.
        rules: Which rules.
    """
    findings: list[Finding] = []
    unknown: dict[str, Unknown] = {}
    checked = []
    for case in cases:
        checked.append(f"{case.file}:[jobs.{case.job}]" if case.job else case.file)
        own: list[Finding] = []
        for rule in rules:
            for one in rule.look(case):
                if isinstance(one, Unknown):
                    unknown.setdefault(one.what, one)
                    continue
                own.append(
                    Finding(
                        rule=rule.name,
                        severity=one.severity or rule.severity,
                        file=case.file,
                        line=one.line,
                        column=one.column,
                        end=one.end,
                        what=one.what,
                        why=_in_its_words(rule.why, case),
                        fix=_in_its_words(one.fix or rule.fix, case),
                        edits=one.edits,
                        job=case.job,
                    )
                )
        own.sort(key=lambda one: (SEVERITIES.index(one.severity), one.line, one.column))
        findings += own
    return Report(cluster, at, tuple(checked), tuple(findings), tuple(unknown.values()))


def _in_its_words(text: str, case: Case) -> str:
    """A sentence of a rule as the script's scheduler would write it."""
    words = case.script.words if case.script else {}
    if text in words:
        return words[text]
    return WORD.sub(lambda found: words.get(found[0], found[0]), text) if words else text


def apply(text: str, edits: Iterable[Edit]) -> str:
    """A text with edits made; of two that overlap the first is made, the other is left for the next round."""
    starts = [0]
    for row in text.split("\n"):
        starts.append(starts[-1] + len(row) + 1)

    def place(line: int, column: int) -> int:
        if line >= len(starts):
            return len(text)
        if column == 0:
            return min(starts[line] - 1, len(text))
        return min(starts[line - 1] + column - 1, len(text))

    spans: dict[tuple[int, int, str], None] = {}
    for edit in edits:
        begin, end = place(edit.line, edit.column), place(edit.last, edit.end)
        if end >= begin:
            spans[begin, end, edit.text] = None
    made: list[str] = []
    at = 0
    for begin, end, new in sorted(spans, key=lambda span: span[:2]):
        if begin < at:
            continue
        made += [text[at:begin], new]
        at = end
    return "".join([*made, text[at:]])


def changes(findings: Iterable[Finding]) -> tuple[Edit, ...]:
    """The edits of findings that can be made together: all of a finding's or none."""
    taken: list[Edit] = []
    for finding in findings:
        if finding.edits and not any(_touch(new, old) for new in finding.edits for old in taken):
            taken += finding.edits
    return tuple(taken)


def _touch(one: Edit, other: Edit) -> bool:
    if one == other:
        return True
    # Two insertions at one place are made one after the other.
    if (one.line, one.column) == (one.last, one.end) and (other.line, other.column) == (other.last, other.end):
        return False
    first, second = sorted((one, other), key=lambda edit: (edit.line, edit.column))
    return (first.last, first.end or 1 << 30) > (second.line, second.column)
