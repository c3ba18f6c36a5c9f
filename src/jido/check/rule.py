"""What a rule is."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from jido.check.case import Case
from jido.check.findings import Found, Severity, Unknown

Look = Callable[[Case], Iterable[Found | Unknown]]


class Rule(msgspec.Struct, frozen=True):
    """One rule.

    Attributes:
        name: In kebab-case; never reused for something else.
        severity: Of its findings, unless one says otherwise.
        about: What it finds, one sentence.
        why: Why it matters.
        fix: What to do about it.
        look: Finds it.
        rewrites: Whether `--fix` can mend some of it.
    """

    name: str
    severity: Severity
    about: str
    why: str
    fix: str
    look: Look
    rewrites: bool = False
