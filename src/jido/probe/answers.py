"""Findings become facts: known, absent or unknown, each with the look that said so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from jido.model.bundle import MISSING, Finding
from jido.model.facts import Fact, absent, known, unknown

T = TypeVar("T")


def clean(finding: Finding) -> Finding:
    """The same with bytes that are UTF-8: what is not is spelt out, so that a map can always be written."""

    def spell(data: bytes) -> bytes:
        return data.decode("utf-8", "backslashreplace").encode()

    return Finding(finding.code, spell(finding.stdout), spell(finding.stderr), finding.took)


class Answers:
    """What the looks brought.

    Args:
        findings: By look name, cleaned.
        commands: What a person would type for each look.
    """

    def __init__(self, findings: Mapping[str, Finding], commands: Mapping[str, str]) -> None:
        self._findings = findings
        self._commands = commands

    @property
    def findings(self) -> Mapping[str, Finding]:
        """All of them, for those who read their own."""
        return self._findings

    def code(self, look: str) -> int | None:
        """The look's exit code; None when it did not end in time or was not made."""
        finding = self._findings.get(look)
        return finding.code if finding else None

    def is_stuck(self, look: str) -> bool:
        """Whether the look was made and did not end in time."""
        return look in self._findings and self._findings[look].code is None

    def text(self, look: str) -> str:
        """What the look printed, even when it did not end in time."""
        finding = self._findings.get(look)
        return finding.text if finding else ""

    def fact(self, look: str, read: Callable[[str], T | None]) -> Fact[T]:
        """What a look establishes.

        Args:
            look: Its name.
            read: Takes the value out of what it printed; None or ValueError where it is not in it.
        """
        failure: Fact[T] | None = self.failure(look)
        if failure is not None:
            return failure
        try:
            value = read(self.text(look))
        except ValueError:
            value = None
        if value is None:
            return unknown("the answer could not be read", settle=self._commands.get(look, ""), by=look)
        return known(value, look)

    def failure(self, look: str) -> Fact[T] | None:
        """Why a look establishes nothing: absent or unknown; None when it ended well."""
        finding = self._findings.get(look)
        settle = self._commands.get(look, "")
        if finding is None:
            return unknown("not looked at", settle=settle)
        if finding.code is None:
            return unknown(f"no answer within {max(finding.took, 1):.0f} s", settle=settle, by=look)
        if finding.code == MISSING:
            return absent(look)
        if finding.code:
            said = finding.stderr.decode("utf-8", "replace").strip().splitlines() or [""]
            why = f"ended with code {finding.code}" + (f": {said[-1][:200]}" if said[-1] else "")
            return unknown(why, settle=settle, by=look)
        return None
