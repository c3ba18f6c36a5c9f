"""Starting a twin's keeper, asking it, and ending it."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jido.errors import TwinError
from jido.twins import processes

PLAN, CONTROL, LOG = "run/plan.json", "run/control", "logs/keeper.log"


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


def start(
    folder: Path, prefix: Sequence[str], env: dict[str, str], held: Sequence[socket.socket]
) -> processes.Process:
    """Start the keeper, detached from this process.

    Args:
        folder: The twin's; its plan is written.
        prefix: Argv of the outer bwrap; empty in plain mode.
        env: The keeper's environment.
        held: Port reservations to hand over.

    Raises:
        TwinError: It did not start; the cause is what it said.
    """
    read, write = os.pipe()
    keeper = [sys.executable, "-I", "-S", str(Path(__file__).with_name("keeper.py")), str(folder / PLAN), str(write)]
    with (folder / LOG).open("ab") as log:
        # setsid --fork: the keeper belongs to no terminal and is nobody's child to bury.
        done = subprocess.run(
            ["setsid", "--fork", *prefix, *(["--"] if prefix else []), *keeper],
            env=env,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[write, *(holder.fileno() for holder in held)],
            check=False,
        )
    os.close(write)
    said = b""
    with os.fdopen(read, "rb") as report:
        if done.returncode == 0 and select.select([report], [], [], 30)[0]:
            said = report.readline()
    process = processes.identify(json.loads(said)["pid"]) if said else None
    if process is None:
        text = (folder / LOG).read_text(errors="replace").strip()
        raise TwinError(
            "the twin's keeper did not start",
            cause=text.rpartition("\n")[2] or "it said nothing",
            hint=f"see {folder / LOG}",
        )
    return process


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
        raise TwinError("the twin's keeper does not answer", cause=str(error), transient=True) from error
    return answer


def daemon_process(keeper: processes.Process, inner: int, tree: dict[int, list[int]]) -> processes.Process | None:
    """The daemon itself, below the bwraps that make its machine.

    Args:
        keeper: The keeper.
        inner: The PID by which the keeper knows what it started.
        tree: All processes, as `processes.parents` gives them.
    """
    for pid in tree.get(keeper.pid, ()):
        if processes.inner_pid(pid) == inner:
            while processes.command_of(pid) == "bwrap" and tree.get(pid):
                pid = tree[pid][0]
            return processes.identify(pid)
    return None
