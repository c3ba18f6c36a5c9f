"""The parts of RESULTS.md: each command of the bench writes its own and leaves the others alone."""

from __future__ import annotations

import re
from pathlib import Path

RESULTS = Path(__file__).with_name("RESULTS.md")


def put(title: str, text: str) -> None:
    """Write one section; it begins with its title, a line ``## ...``, and takes the place of the one before it."""
    before = RESULTS.read_text()
    old = re.search(rf"(?ms)^{re.escape(title)}\n.*?(?=^## |\Z)", before)
    whole = before[: old.start()] + text + before[old.end() :] if old else before.rstrip("\n") + "\n\n" + text
    RESULTS.write_text(whole)


def others() -> str:
    """All sections, without what stands before the first."""
    found = re.search(r"(?ms)^## .*", RESULTS.read_text()) if RESULTS.exists() else None
    return "\n" + found[0] if found else ""
