"""What a rule finds, and what a check reports."""

from __future__ import annotations

from typing import Literal

import msgspec

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


class Edit(msgspec.Struct, frozen=True):
    """A change of a text: from (line, column) up to (last, end) it becomes `text`; lines and columns from 1.

    Attributes:
        line: First line.
        column: First letter.
        last: Last line.
        end: The letter behind the last; 0 is the line's end.
        text: What stands there afterwards.
    """

    line: int
    column: int
    last: int
    end: int
    text: str


class Found(msgspec.Struct, frozen=True):
    """What a rule's function says.

    Attributes:
        what: One sentence.
        line: From 1.
        column: From 1.
        end: The column behind it; 0 is to the line's end.
        fix: What to do; empty takes the rule's own words.
        severity: Where it differs from the rule's.
        edits: What `--fix` would change.
    """

    what: str
    line: int = 1
    column: int = 1
    end: int = 0
    fix: str = ""
    severity: Severity | None = None
    edits: tuple[Edit, ...] = ()


class Unknown(msgspec.Struct, frozen=True):
    """What could not be checked.

    Attributes:
        what: One sentence.
        settle: What would settle it, a command where there is one.
    """

    what: str
    settle: str = ""


class Finding(msgspec.Struct, frozen=True):
    """One finding.

    Attributes:
        rule: The rule's name.
        severity: ``error``: refused, or certainly not what was meant; ``warning``: likely to go wrong; ``note``.
        file: As it was named.
        line: From 1.
        column: From 1.
        end: The column behind it; 0 is to the line's end.
        what: One sentence.
        why: Why it matters.
        fix: What to do.
        edits: What `--fix` changes; empty where it changes nothing.
        job: The job of jido.toml it is about; empty for a script.
    """

    rule: str
    severity: Severity
    file: str
    line: int
    column: int
    end: int
    what: str
    why: str
    fix: str
    edits: tuple[Edit, ...] = ()
    job: str = ""


class Report(msgspec.Struct, frozen=True):
    """What a check found.

    Attributes:
        cluster: Against which cluster; empty where none was named.
        at: When the cluster was seen, seconds since the epoch; 0 where it was not mapped.
        checked: What was read: files, and jobs as ``FILE:[jobs.NAME]``.
        findings: Errors first, each group in the order of the files.
        unknown: What could not be checked.
    """

    cluster: str
    at: float
    checked: tuple[str, ...]
    findings: tuple[Finding, ...]
    unknown: tuple[Unknown, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether something certainly goes wrong."""
        return any(finding.severity == "error" for finding in self.findings)
