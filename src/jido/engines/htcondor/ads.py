"""HTCondor's ads as its commands print them with ``-json``. Recorded on 23.9.6.

An empty answer is zero bytes or an empty list. An attribute that is no plain value is printed as an expression,
``"\\/Expr(...)\\/"``; one that is not defined is left out, or null.
"""

from __future__ import annotations

import json
import re
from typing import Any

Ad = dict[str, Any]


def ads(text: str) -> list[Ad] | None:
    """A list of ads; None for anything that is none, such as an answer that broke off."""
    if not text.strip():
        return []
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        return None
    return found


def text(ad: Ad, name: str) -> str:
    """A string; empty for anything else."""
    value = ad.get(name)
    return value if isinstance(value, str) and not value.startswith("/Expr(") else ""


def number(ad: Ad, name: str) -> int | None:
    """A whole number; None for anything else."""
    value = ad.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e18 < value < 1e18:
        return None
    return int(value)


def flag(ad: Ad, name: str) -> bool:
    """Whether it is true."""
    return ad.get(name) is True


def instant(ad: Ad, name: str) -> float | None:
    """Seconds since the epoch; None where it did not happen yet, which is 0 in some attributes."""
    value = number(ad, name)
    return float(value) if value and value > 0 else None


def quoted(value: str) -> str:
    """A string as ClassAds write it."""
    return '"' + re.sub(r'([\\"])', r"\\\1", value) + '"'
