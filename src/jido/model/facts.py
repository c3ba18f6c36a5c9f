"""A fact and where it comes from: known, absent or unknown.

*Seen is not state*: a failed look never becomes a fact. What was looked for and is not there is `absent`; what
was not looked at, or whose look failed, is `unknown` and carries the reason and the command that would settle it.
"""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

import msgspec

T = TypeVar("T")

# Before the name of a look whose fact stays in the map although a later look of that name told nothing of it; of a
# look from inside it stands behind the node's name.
EARLIER = "earlier/"


class Look(msgspec.Struct, frozen=True, omit_defaults=True):
    """One command that was executed to find something out.

    Attributes:
        command: As a person would type it.
        on: The node it ran on.
        at: When, seconds since the epoch.
        took: Seconds.
        code: Exit code; None when it was stopped at its time limit.
    """

    command: str
    on: str = ""
    at: float = 0.0
    took: float = 0.0
    code: int | None = 0


class Fact(msgspec.Struct, Generic[T], frozen=True, omit_defaults=True):
    """A value with its provenance.

    Attributes:
        value: The value; None unless known.
        state: ``known``, ``absent`` (looked, not there) or ``unknown`` (not looked, or the look failed).
        by: The look's name in the map's `looks`, or ``told`` (a person said so), ``public`` (published about the
            cluster) or ``estimate``.
        why: For unknown: the reason. For what an earlier look told: why it was not told again.
        settle: For unknown: the command that would settle it.
    """

    value: T | None = None
    state: Literal["known", "absent", "unknown"] = "known"
    by: str = ""
    why: str = ""
    settle: str = ""

    @property
    def is_known(self) -> bool:
        """Whether there is a value."""
        return self.state == "known"


def known(value: T, by: str) -> Fact[T]:
    """A fact that a look, a person or a publication established."""
    return Fact(value=value, by=by)


def absent(by: str) -> Fact[T]:
    """Looked, and it is not there."""
    return Fact(state="absent", by=by)


def unknown(why: str, settle: str = "", by: str = "") -> Fact[T]:
    """Not looked, or the look failed."""
    return Fact(state="unknown", why=why, settle=settle, by=by)
