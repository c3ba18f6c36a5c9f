"""Rules on how a script is written: what the scheduler does not read as it was meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jido.check.case import Case
from jido.check.findings import Edit, Found, Severity
from jido.check.rule import Rule
from jido.model.batch import Flaw, Flawed


def _flaws(case: Case, *kinds: Flawed) -> Sequence[Flaw]:
    return [one for one in case.script.flaws if one.kind in kinds] if case.script else []


def _found(case: Case, flaw: Flaw, *edits: Edit, fix: str = "") -> Found:
    span = flaw.span
    severity: Severity | None = None if flaw.certain else "warning"
    return Found(flaw.what, span.line, span.column, 0 if span.last else span.end, fix, severity, edits)


def _written(flaw: Flaw) -> tuple[Edit, ...]:
    span = flaw.span
    return (Edit(span.line, span.column, span.last or span.line, span.end, flaw.instead),) if flaw.instead else ()


def _unknown(case: Case) -> Iterator[Found]:
    for flaw in _flaws(case, "unknown option", "ambiguous option"):
        fix = f"write {flaw.instead}" if flaw.instead else ""
        yield _found(case, flaw, *_written(flaw), fix=fix)


def _unreadable(case: Case) -> Iterator[Found]:
    for flaw in _flaws(case, "no value", "bad value", "stray word", "unreadable", "control character"):
        yield _found(case, flaw, *_written(flaw), fix=f"write {flaw.instead}" if flaw.instead else "")


def _clash(case: Case) -> Iterator[Found]:
    for flaw in _flaws(case, "clash"):
        yield _found(case, flaw)


def _unread(case: Case) -> Iterator[Found]:
    for flaw in _flaws(case, "unread"):
        edits: tuple[Edit, ...] = ()
        if flaw.instead:
            line = flaw.span.line
            edits = (Edit(line, 1, line + 1, 1, ""), case.put(flaw.instead))
        yield _found(case, flaw, *edits)


def _disguised(case: Case) -> Iterator[Found]:
    for flaw in _flaws(case, "disguised"):
        if flaw.instead:
            yield _found(case, flaw, *_written(flaw))
        else:
            span = flaw.span
            yield Found(flaw.what, span.line, span.column, span.end, "write ## where it is meant to be off", "note")


def _line_ends(case: Case) -> Iterator[Found]:
    for flaw in _flaws(case, "line ends"):
        rows = case.text.split("\n")
        edits = tuple(
            Edit(number, len(row), number, len(row) + 1, "") for number, row in enumerate(rows, 1) if row[-1:] == "\r"
        )
        yield _found(case, flaw, *edits)


def _interpreter(case: Case) -> Iterator[Found]:
    for flaw in _flaws(case, "no interpreter"):
        rows = case.text.split("\n")
        blank = 0
        while blank < len(rows) and not rows[blank].strip("\ufeff \t\r"):
            blank += 1
        head = rows[blank].lstrip("\ufeff \t") if blank < len(rows) else ""
        if head.startswith("#!"):
            # It is there, behind blank lines or an invisible mark.
            edit = Edit(1, 1, blank + 1, len(rows[blank]) - len(head) + 1, "")
        elif case.text.startswith("\ufeff"):
            edit = Edit(1, 1, 1, 2, f"{flaw.instead}\n")
        else:
            edit = Edit(1, 1, 1, 1, f"{flaw.instead}\n")
        yield _found(case, flaw, edit)


RULES = (
    Rule(
        "dos-line-ends",
        "error",
        "The lines of the script end as on Windows (CR LF).",
        "sbatch refuses such a script, and bash would take the CR for a part of every word.",
        "convert it: sed -i 's/\\r$//' FILE",
        _line_ends,
        rewrites=True,
    ),
    Rule(
        "shebang-missing",
        "error",
        "The first line does not begin with `#!`.",
        "sbatch takes nothing else for a job script: 'This does not look like a batch script'.",
        "put #!/bin/bash on the first line, with nothing before it",
        _interpreter,
        rewrites=True,
    ),
    Rule(
        "option-unknown",
        "error",
        "An option that sbatch does not have, or a short form that fits several.",
        "sbatch ends with 'unrecognized option' and submits nothing.",
        "spell it as `man sbatch` does",
        _unknown,
        rewrites=True,
    ),
    Rule(
        "option-unreadable",
        "error",
        "A line of options that sbatch cannot read: a value that is missing or of the wrong form, a stray word, an "
        "open quote.",
        "sbatch ends with an error and submits nothing, or takes the next option for the value.",
        "write each option as --name=value",
        _unreadable,
        rewrites=True,
    ),
    Rule(
        "options-clash",
        "error",
        "Options that exclude each other, as --mem and --mem-per-gpu.",
        "sbatch ends with 'mutually exclusive' and submits nothing.",
        "leave one of them away",
        _clash,
    ),
    Rule(
        "option-after-command",
        "error",
        "A line of options behind the first command.",
        "sbatch stops reading there, without a word: the job runs without what the line asks for.",
        "move it above the first command",
        _unread,
        rewrites=True,
    ),
    Rule(
        "option-in-disguise",
        "warning",
        "A line that looks like options and is a comment to sbatch: `#sbatch`, `# SBATCH`, a space before it.",
        "Only lines that begin with exactly #SBATCH count.",
        "write it as #SBATCH at the beginning of the line",
        _disguised,
        rewrites=True,
    ),
)
