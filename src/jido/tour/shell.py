"""The tour's own prompt: the learner's real shell, in which a few short names work as well.

The names are small scripts in a folder that comes first on PATH, since every shell finds those.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from jido.tour import progress as kept

# Says to what runs inside that it does: the file that is there as long as the tour is under way.
INSIDE = "JIDO_TOUR"
SHORT = ("show", "check", "hint", "next", "quit")

# Without the folder she is in, whose modules may be called like those of jido.
_JIDO = "import sys; sys.path[:] = [one for one in sys.path if one]; from jido.__main__ import main; main()"
_SSH = """#!/bin/sh
# ssh as it is, except that the tour's twin goes by its name.
for word; do
    [ "$word" = {name} ] && exec {ssh} -F {config} "$@"
done
exec {ssh} "$@"
"""
# A script cannot end the shell that called it by itself; this is what closing the terminal does.
_QUIT = '#!/bin/sh\nkill -HUP "$PPID"\n'
_NEXT = '#!/bin/sh\n"${0%/*}/jido" tour next "$@"\ncode=$?\n[ -e "$JIDO_TOUR" ] || kill -HUP "$PPID"\nexit $code\n'
_OTHER = '#!/bin/sh\nexec "${{0%/*}}/jido" tour {name} "$@"\n'


def inside() -> bool:
    """Whether this very command was typed in the tour's shell."""
    return os.environ.get(INSIDE) == str(kept.file())


def bin_folder() -> Path:
    """Where the short names lie."""
    return kept.room() / "bin"


@contextlib.contextmanager
def alone() -> Iterator[bool]:
    """Hold the tour's only shell: the twin goes down behind it, so that a second one would lose its ground.

    Yields:
        Whether there is no other.
    """
    kept.room().mkdir(parents=True, exist_ok=True)
    with (kept.room() / "shell.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def enter(progress: kept.Progress, config: Path) -> None:
    """Give the learner her shell and come back when she has left it, or her terminal has gone.

    Args:
        progress: The tour.
        config: ssh's configuration for the twin.
    """
    _write(progress.cluster, config)
    environment = {**os.environ, INSIDE: str(kept.file()), "PATH": f"{bin_folder()}{os.pathsep}{_path()}"}
    before = {one: signal.signal(one, lambda *_: None) for one in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)}
    try:
        subprocess.run([_shell()], cwd=progress.folder, env=environment, check=False)
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _shell() -> str:
    mine = os.environ.get("SHELL", "")
    return mine if mine and shutil.which(mine) else "/bin/sh"


def _path() -> str:
    parts = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(part for part in parts if part != str(bin_folder()))


def _write(cluster: str, config: Path) -> None:
    ssh = shlex.quote(shutil.which("ssh", path=_path()) or "ssh")
    texts = {
        "jido": f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c {shlex.quote(_JIDO)} "$@"\n',
        "ssh": _SSH.format(name=shlex.quote(cluster), ssh=ssh, config=shlex.quote(str(config))),
        **{name: _OTHER.format(name=name) for name in SHORT},
        "quit": _QUIT,
        "next": _NEXT,
    }
    bin_folder().mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        file = bin_folder() / name
        file.write_text(text, "utf-8", errors="surrogateescape")
        file.chmod(0o755)
