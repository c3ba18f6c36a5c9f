"""Whether code is pure: what it imports and calls, and what it does while it is watched."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Modules that act, wait or tell the time.
FORBIDDEN = {
    *("subprocess", "multiprocessing", "threading", "concurrent", "asyncio", "signal"),
    *("socket", "ssl", "select", "http", "urllib", "requests", "httpx", "paramiko", "asyncssh"),
    *("time", "shutil", "tempfile"),
}
_CLOCKS = frozenset({"now", "utcnow", "today", "time"})


def imported(node: ast.AST) -> Iterator[str]:
    """The modules that a statement imports by their full names."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module


def reads_clock_or_file(node: ast.Call) -> bool:
    """Whether a call asks for the time, opens a file or runs text."""
    if isinstance(node.func, ast.Name):
        return node.func.id in ("open", "input", "exec", "eval")
    return isinstance(node.func, ast.Attribute) and (
        (node.func.attr in _CLOCKS and not node.args)
        or node.func.attr in ("read_text", "write_text", "system", "popen")
    )


# An audit hook stays for the life of the process: one, that tells whoever is watching.
_WATCH: list[list[str]] = []
_ACTS = frozenset({"subprocess.Popen", "os.system", "os.posix_spawn", "os.exec", "os.fork", "socket.connect"})


def _hook(event: str, _arguments: tuple[object, ...]) -> None:
    if event in _ACTS:
        for done in _WATCH:
            done.append(event)


sys.addaudithook(_hook)


@contextmanager
def watched() -> Iterator[list[str]]:
    """The processes started and sockets connected meanwhile, by audit event."""
    done: list[str] = []
    _WATCH.append(done)
    try:
        yield done
    finally:
        # By identity: two empty lists are equal, and the other one may still be watching.
        _WATCH[:] = [one for one in _WATCH if one is not done]
