"""How often a scheduler is asked while somebody waits: soon after a change, else ever more patiently."""

from __future__ import annotations


class Pace:
    """The pauses between looks.

    Args:
        soonest: Seconds after a change.
        longest: Seconds at most.
        by: What each pause is longer by than the one before.

    Attributes:
        pause: Seconds until the next look.
    """

    def __init__(self, soonest: float, longest: float, by: float = 1.4) -> None:
        self.soonest, self.longest, self.by = soonest, longest, by
        self.pause = soonest

    def looked(self, changed: bool) -> float:
        """After a look: how long to pause now, in seconds."""
        self.pause = self.soonest if changed else min(self.pause * self.by, self.longest)
        return self.pause
