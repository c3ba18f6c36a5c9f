"""A toy PBS for tests: its commands on a PATH, its orders to misbehave, and its end."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import sys
import time
from pathlib import Path
from typing import Any

TOOLS = ("qsub", "qstat", "qselect", "qdel", "qhold", "qrls", "pbsnodes")
_COMMANDS = Path(__file__).with_name("toys") / "toy_commands.py"


class ToyPbs:
    """A queue in a new folder.

    Args:
        folder: Where it lies.
        dialect: ``pro`` or ``torque``.

    Attributes:
        bin: The folder of its commands, for a PATH.
    """

    def __init__(self, folder: Path, dialect: str) -> None:
        self.folder, self.bin, self.dialect = folder, folder / "bin", dialect
        for made in (self.bin, folder / "orders", folder / "spool"):
            made.mkdir(parents=True)
        (folder / "dialect").write_text(dialect)
        top, python, file = (shlex.quote(str(word)) for word in (folder, sys.executable, _COMMANDS))
        for tool in TOOLS:
            # -S -E: no site, so that a call takes some 20 ms.
            text = f'#!/bin/sh\nTOY_PBS={top} exec {python} -SE {file} {tool} "$@"\n'
            (self.bin / tool).write_text(text)
            (self.bin / tool).chmod(0o755)

    def order(self, tool: str, how: str, *, always: bool = False) -> None:
        """How a tool's next call misbehaves, or all of them from now on."""
        (self.folder / "orders" / tool).write_text(f"{how} {'always' if always else 'once'}")

    def behave(self) -> None:
        """Take all orders back."""
        for order in (self.folder / "orders").iterdir():
            order.unlink()

    def jobs(self) -> dict[str, Any]:
        """What it knows, by number, ended ones too."""
        file = self.folder / "state.json"
        found: dict[str, Any] = json.loads(file.read_text())["jobs"] if file.exists() else {}
        return found

    def close(self) -> None:
        """End every job and every keeper."""
        deadline = time.monotonic() + 10
        while running := [job for job in self.jobs().values() if job["state"] == "R"]:
            for job in running:
                with contextlib.suppress(KeyError, ProcessLookupError):
                    os.killpg(job["group"], signal.SIGKILL)
            assert time.monotonic() < deadline, running
            time.sleep(0.05)
