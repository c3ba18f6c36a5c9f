"""Where jido keeps things, for what has to answer before anything heavier is imported.

The same as `jido.config.places`, which takes longer to import than these to do all they do; a test compares them.
"""

from __future__ import annotations

import os


def folder(inside: str, variable: str, fallback: str) -> str:
    """The folder of ``config`` or ``state``, as the environment decides."""
    home = os.environ.get("JIDO_HOME")
    if home:
        return os.path.join(os.path.expanduser(home), inside)  # noqa: PTH111, PTH118
    base = os.environ.get(variable) or os.path.join(os.path.expanduser("~"), fallback)  # noqa: PTH111, PTH118
    return base + "/jido"


def state() -> str:
    """What jido remembers."""
    return folder("state", "XDG_STATE_HOME", ".local/state")


def config() -> str:
    """What the user decided."""
    return folder("config", "XDG_CONFIG_HOME", ".config")
