"""A person at a terminal: a command on a pseudo-terminal of its own, and what is typed when it asks."""

from __future__ import annotations

import os
import pty
import re
import select
import time
from collections.abc import Sequence


def typed(argv: Sequence[str], answers: list[tuple[str, str]], within: float = 30) -> tuple[int, str]:
    """Execute a command on a terminal.

    Args:
        argv: The command.
        answers: What is asked (a regular expression) and what a person types then.
        within: Seconds.

    Returns:
        Its exit code and all that was to be seen on the terminal.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(argv[0], argv)
    seen, looked_from, code = b"", 0, None
    deadline = time.monotonic() + within
    try:
        while True:
            assert time.monotonic() < deadline, f"nothing more came after: {seen!r}"
            if select.select([terminal], [], [], 0.1)[0]:
                try:
                    chunk = os.read(terminal, 4096)
                except OSError:  # Linux: the other side is closed
                    chunk = b""
                if not chunk:
                    break
                seen += chunk
            if answers and re.search(answers[0][0].encode(), seen[looked_from:]):
                looked_from = len(seen)
                os.write(terminal, answers.pop(0)[1].encode() + b"\n")
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    finally:
        os.close(terminal)
        if code is None:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
    assert not answers, f"was not asked {answers!r}, but saw {seen!r}"
    return code, seen.decode("utf-8", "replace")
