"""A person who types a line into a real shell, with Tab in it, and what command then is executed."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import shutil
import sys
import time
from pathlib import Path

from jido.cli.completions import tree

SCRIPTS = Path(tree.__file__).parent
PROMPT = "ready> "
START = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
SET_UP = {
    "bash": "PS1='{prompt}'; source '{scripts}/jido.bash'",
    "zsh": "PS1='{prompt}'; autoload -Uz compinit && compinit -u -d '{folder}/dump'; source '{scripts}/jido.zsh'",
    "fish": "function fish_prompt; echo '{prompt}'; end; source '{scripts}/jido.fish'",
}


class Shell:
    """One shell on a terminal of its own.

    ``jido`` on its PATH is the real one for Tab; else it only writes down the words that it was called with.
    """

    def __init__(self, kind: str, folder: Path, cwd: Path) -> None:
        self.kind, self.folder = kind, folder
        self.called = folder / "called"
        self.answered = folder / "answered"
        bin_ = folder / "bin"
        bin_.mkdir(parents=True)
        toy = bin_ / "jido"
        toy.write_text(
            f"""#!/bin/sh
if [ "$1" = --complete ]; then '{sys.executable}' -m jido "$@"; echo >>'{self.answered}'; exit 0; fi
for word; do printf '%s\\0' "$word"; done >'{self.called}.new'; mv '{self.called}.new' '{self.called}'
"""
        )
        toy.chmod(0o755)
        program = shutil.which(kind)
        assert program
        self.seen = b""
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            keep = {"HOME": str(folder), "TERM": "xterm", "LC_ALL": "C.UTF-8"}
            keep |= {"PATH": f"{bin_}:{os.environ['PATH']}", "JIDO_HOME": os.environ["JIDO_HOME"]}
            os.execve(program, START[kind], keep)
        self.type(SET_UP[kind].format(prompt=PROMPT, scripts=SCRIPTS, folder=folder) + "\r")
        self.wait(lambda: self.seen.replace(b"'" + PROMPT.encode(), b"").count(PROMPT.encode()) > 0)

    def type(self, keys: str) -> None:
        os.write(self.terminal, keys.encode())

    def wait(self, over, within: float = 60) -> None:  # type: ignore[no-untyped-def]
        """Read what the shell writes until something holds."""
        deadline = time.monotonic() + within
        while not over():
            assert time.monotonic() < deadline, self.seen[-3000:]
            if select.select([self.terminal], [], [], 0.05)[0]:
                self.seen += os.read(self.terminal, 65536)
                if b"\x1b[c" in self.seen[-40:] or b"\x1b[0c" in self.seen[-40:]:
                    self.type("\x1b[?1;2c")  # what am I, asks a newer fish

    def words(self, line: str) -> list[str]:
        """The words that jido is called with by a line; each Tab in it is answered before the next key."""
        self.called.unlink(missing_ok=True)
        *parts, last = line.split("\t")
        for part in parts:
            before = self._answers()
            self.type(part + "\t")
            self.wait(lambda: self._answers() > before)  # noqa: B023 - called before the next turn
            self.wait_for_quiet()
        self.type(last + "\r")
        self.wait(self.called.exists)
        return [word.decode() for word in self.called.read_bytes().split(b"\0")[:-1]]

    def _answers(self) -> int:
        return self.answered.stat().st_size if self.answered.exists() else 0

    def wait_for_quiet(self) -> None:
        until = time.monotonic() + 0.3
        while time.monotonic() < until:
            if select.select([self.terminal], [], [], 0.05)[0]:
                self.seen += os.read(self.terminal, 65536)
                until = time.monotonic() + 0.3

    def close(self) -> None:
        os.close(self.terminal)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
