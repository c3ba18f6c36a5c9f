"""Starting a twin's keeper and asking it."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from jido.errors import TwinError
from jido.twins import people, processes
from jido.words import tr

CONTROL, LOG = "run/control", "logs/keeper.log"
# The process that serves volumes of a size and speed of their own.
DISKS = "disks"


def reserve(names: Sequence[str]) -> tuple[dict[str, int], list[socket.socket]]:
    """Free loopback ports, held by sockets until these are closed.

    A port bound with SO_REUSEADDR and not listened on is given to nobody who asks for any free port, and yet a server
    that names it (Slurm and sshd set SO_REUSEADDR too) can bind it. So no two twins meet, without a race.
    """
    ports, held = {}, []
    for name in names:
        holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        ports[name] = holder.getsockname()[1]
        held.append(holder)
    return ports, held


@dataclass
class Starting:
    """A keeper that is on its way; it goes away by itself unless it is sent a plan."""

    folder: Path
    plan: BinaryIO
    report: BinaryIO

    def who(self) -> tuple[processes.Process | None, str]:
        """Wait until it says who it is.

        Returns:
            The process, or None and why there is none.
        """
        said = self.report.readline() if select.select([self.report], [], [], 30)[0] else b""
        self.report.close()
        if not said:
            log = (self.folder / LOG).read_text(errors="replace").strip()
            return None, log.rpartition("\n")[2] or "it said nothing"
        answer = json.loads(said)
        if answer["failed"]:
            return None, str(answer["failed"])
        process = processes.identify(answer["pid"])
        return process, "" if process else "it ended at once"

    def send(self, plan: dict[str, Any]) -> None:
        """Send the plan."""
        self.plan.write(json.dumps(plan).encode())
        self.plan.close()

    def give_up(self) -> None:
        """Let it go away."""
        self.plan.close()
        self.report.close()


def start(
    folder: Path,
    prefix: Sequence[str],
    trial: Sequence[str],
    env: dict[str, str],
    held: Sequence[socket.socket],
    *,
    ids: people.Range | None = None,
    inside: int = 0,
) -> Starting:
    """Start the keeper, detached from this process.

    Args:
        folder: The twin's.
        prefix: Argv of the outer bwrap; empty in plain mode.
        trial: Options of a bwrap to be tried within; empty in plain mode.
        env: The keeper's environment.
        held: Port reservations to hand over.
        ids: User ids it shall have inside besides the starter's own; it is root of them.
        inside: What the starter is inside.

    Raises:
        OSError: The kernel, or newuidmap, refused these ids.
    """
    plan, report = os.pipe(), os.pipe()
    proc = str(folder / "run/proc") if prefix else "/proc"
    keeper = [sys.executable, "-I", "-S", str(Path(__file__).with_name("keeper.py")), str(report[1]), proc, *trial]
    mapping = _Mapping() if ids else None
    between = mapping.options if mapping else ("--",) if prefix else ()
    with (folder / LOG).open("ab") as log:
        # setsid --fork: the keeper belongs to no terminal and is nobody's child to bury.
        subprocess.run(
            ["setsid", "--fork", *prefix, *between, *keeper],
            env=env,
            cwd="/",
            stdin=plan[0],
            stdout=log,
            stderr=log,
            pass_fds=[report[1], *(holder.fileno() for holder in held), *(mapping.descriptors if mapping else ())],
            check=False,
        )
    os.close(plan[0])
    os.close(report[1])
    starting = Starting(folder, os.fdopen(plan[1], "wb"), os.fdopen(report[0], "rb"))
    if mapping and ids:
        try:
            mapping.make(ids, inside)
        except OSError:
            starting.give_up()
            raise
    return starting


class _Mapping:
    """A bwrap that waits until its user namespace has been given ids."""

    def __init__(self) -> None:
        self._info, self._block = os.pipe(), os.pipe()

    @property
    def descriptors(self) -> tuple[int, int]:
        return self._info[1], self._block[0]

    @property
    def options(self) -> tuple[str, ...]:
        # bwrap is the starter's user inside; setpriv makes the keeper root. Ambient capabilities would go down to
        # everything that is started.
        become = ("setpriv", "--reuid=0", "--regid=0", "--clear-groups", "--inh-caps=-all", "--ambient-caps=-all")
        return ("--info-fd", str(self._info[1]), "--userns-block-fd", str(self._block[0]), "--", *become)

    def make(self, ids: people.Range, inside: int) -> None:
        for fd in self.descriptors:
            os.close(fd)
        try:
            said = b""
            while b"}" not in said:
                if not (part := os.read(self._info[0], 4096)):
                    # Namespaces are forbidden: the keeper's log says so, and `who` reads it.
                    return
                said += part
            people.map_ids(json.loads(said)["child-pid"], ids, inside)
            os.write(self._block[1], b"xx")
        finally:
            # A bwrap that is told nothing more ends by itself.
            os.close(self._info[0])
            os.close(self._block[1])


def ask(folder: Path, question: str, *, within: float = 15.0) -> dict[str, Any]:
    """Ask the keeper ``state`` or ``nodes``.

    Raises:
        TwinError: It does not answer.
    """
    try:
        fd = os.open(folder / "run", os.O_PATH | os.O_DIRECTORY)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
                line.settimeout(within)
                # By way of the descriptor, since a socket's path has at most 107 bytes.
                line.connect(f"/proc/self/fd/{fd}/{Path(CONTROL).name}")
                line.sendall(question.encode())
                parts = []
                while part := line.recv(65536):
                    parts.append(part)
        finally:
            os.close(fd)
        answer: dict[str, Any] = json.loads(b"".join(parts))
    except (OSError, ValueError) as error:
        raise TwinError(tr("the twin's keeper does not answer"), cause=str(error), transient=True) from error
    return answer


def daemon_process(keeper: processes.Process, inner: int) -> processes.Process | None:
    """The daemon itself, below the bwraps that make its machine.

    Args:
        keeper: The keeper.
        inner: The PID by which the keeper knows what it started.
    """
    for pid in processes.children(keeper.pid):
        if processes.inner_pid(pid) == inner:
            while processes.command_of(pid) == "bwrap" and (below := processes.children(pid)):
                pid = below[0]
            return processes.identify(pid)
    return None
