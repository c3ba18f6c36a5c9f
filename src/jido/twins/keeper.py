"""The process that holds a twin together: starts its daemons, sees them die, answers questions, takes all along.

It is run as a script by an interpreter without site packages (``python -I -S keeper.py PLAN REPORT_FD``), which
starts sooner; so it uses the standard library only, and `os` rather than pathlib. In a twin of namespaces everything runs in
one outer PID namespace that ends with the keeper: the kernel ends whatever is within. In plain mode it is the
subreaper of all that the twin starts, and ends them itself.
"""

# ruff: noqa: PTH108, PTH110, PTH115, PTH123, PTH208

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time

TYPE_CHECKING = False  # typing itself is slow to import
if TYPE_CHECKING:
    from typing import Any

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_LISTEN = "0A"
_LIBC = ctypes.CDLL(None, use_errno=True)


def listening() -> set[int]:
    """TCP ports that something listens on; read, not tried, since a stray connection is an error in Slurm's log."""
    found = set()
    with open("/proc/net/tcp", encoding="ascii") as table:
        next(table)
        for row in table:
            fields = row.split()
            if fields[3] == _LISTEN:
                found.add(int(fields[1].rpartition(":")[2], 16))
    return found


def is_there(after: list[dict[str, object]], ports: set[int]) -> bool:
    """Whether all that a daemon waits for is there."""
    return all(
        (not a["socket"] or os.path.exists(str(a["socket"]))) and (not a["port"] or a["port"] in ports) for a in after
    )


def arguments(options: list[str]) -> int:
    """A file descriptor with bwrap's options, so that ``ps`` inside does not show where the twin lies outside."""
    fd = os.memfd_create("options", 0)
    os.write(fd, b"\0".join(os.fsencode(option) for option in options))
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def die_with_keeper() -> None:
    """Have the kernel end this process when the keeper dies (between fork and exec)."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Keeper:
    """State of the running twin."""

    def __init__(self, plan: dict[str, object]) -> None:
        self.plan = plan
        self.waiting: list[dict] = list(plan["daemons"])  # type: ignore[call-overload, type-arg]
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.codes: dict[str, int] = {}

    def start(self, view: list[str], argv: list[str], env: dict[str, str], **io: object) -> subprocess.Popen[bytes]:
        """Start a command in a machine's view; an empty view is this process's own."""
        plain = not view
        fd = -1 if plain else arguments(view)
        try:
            process: subprocess.Popen[bytes] = subprocess.Popen(
                argv if plain else ["bwrap", "--args", str(fd), "--", *argv],
                env=env,
                cwd="/",
                pass_fds=() if plain else (fd,),
                preexec_fn=die_with_keeper if plain else None,
                **io,  # type: ignore[call-overload]
            )
        finally:
            if fd >= 0:
                os.close(fd)
        return process

    def start_what_can(self) -> None:
        """Start every daemon whose needs are there."""
        ports = listening() if any(a["port"] for d in self.waiting for a in d["after"]) else set()
        for daemon in [d for d in self.waiting if is_there(d["after"], ports)]:
            self.waiting.remove(daemon)
            with open(daemon["log"], "ab", buffering=0) as log:
                try:
                    self.running[daemon["name"]] = self.start(
                        daemon["view"],
                        daemon["argv"],
                        daemon["env"],
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                    )
                except OSError as error:
                    log.write(f"{daemon['argv'][0]}: {error}\n".encode())
                    self.codes[daemon["name"]] = 127

    def see_deaths(self) -> None:
        """Note the exit codes of daemons, and bury what plain mode's jobs left behind."""
        for name, process in list(self.running.items()):
            code = process.poll()
            if code is not None:
                self.codes[name] = code
                del self.running[name]
        if self.plan["plain"]:
            mine = {process.pid for process in self.running.values()}
            for pid in children(os.getpid()):
                if pid not in mine:
                    with contextlib.suppress(ChildProcessError):
                        os.waitpid(pid, os.WNOHANG)

    def answer(self, ask: str) -> dict[str, object]:
        """Answer ``state`` or ``nodes`` (state and what the scheduler says of its nodes)."""
        self.see_deaths()
        reply: dict[str, object] = {
            "waiting": [daemon["name"] for daemon in self.waiting],
            "running": {name: process.pid for name, process in self.running.items()},
            "codes": self.codes,
        }
        if ask == "nodes":
            reply["look"] = self.look()
        return reply

    def look(self) -> dict[str, object]:
        """Run the recipe's command on the control machine."""
        look: dict = self.plan["look"]  # type: ignore[assignment, type-arg]
        process = self.start(
            look["view"],
            look["argv"],
            look["env"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            out, err = process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return {"code": None, "stdout": "", "stderr": "no answer within 10 s"}
        return {
            "code": process.returncode,
            "stdout": out.decode(errors="replace"),
            "stderr": err.decode(errors="replace"),
        }

    def serve(self, control: socket.socket) -> None:
        """Until told to stop."""
        while True:
            # Pending starts are looked for every 2 ms; afterwards a child's death wakes the select.
            ears: list[Any] = [control, _WAKE[0]]
            ready, _, _ = select.select(ears, [], [], 0.002 if self.waiting else 5.0)
            if _WAKE[0] in ready:
                os.read(_WAKE[0], 4096)
            self.see_deaths()
            if self.waiting:
                self.start_what_can()
            if control in ready:
                connection, _ = control.accept()
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(2)
                    ask = connection.recv(64).decode().strip()
                    if ask == "stop":
                        return
                    connection.sendall(json.dumps(self.answer(ask)).encode())


def children(pid: int) -> list[int]:
    """Direct children of a process, dead ones included."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{entry}/stat", "rb") as stat:
                if int(stat.read().rpartition(b")")[2].split()[1]) == pid:
                    found.append(int(entry))
    return found


def end_all() -> None:
    """End every descendant, however it was detached: orphans come to the subreaper, so all become children."""
    for _ in range(500):
        mine = children(os.getpid())
        if not mine:
            return
        for pid in mine:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.01)


def stop(_signal: int, _frame: object) -> None:
    """Leave the loop."""
    raise SystemExit(0)


def control_socket(path: str) -> socket.socket:
    """Listen on a UNIX socket whose path may be longer than the 107 bytes the kernel takes."""
    folder, name = os.path.split(path)
    fd = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    control.bind(f"/proc/self/fd/{fd}/{name}")
    os.close(fd)
    control.listen(64)
    return control


_WAKE = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) if hasattr(os, "pipe2") else os.pipe()


def main(plan_file: str, report_fd: int) -> None:
    """Run the plan; tell the starter, on the given descriptor, under which PID it knows us."""
    os.umask(0o022)
    with open(plan_file, encoding="utf-8") as file:
        plan = json.load(file)
    if plan["plain"]:
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(_WAKE[1], warn_on_full_buffer=False)
    control = control_socket(plan["control"])
    # Outside's /proc says under which PID the outside knows us.
    own = int(os.readlink(f"{plan['proc']}/self"))
    os.write(report_fd, json.dumps({"pid": own}).encode() + b"\n")
    os.close(report_fd)
    try:
        Keeper(plan).serve(control)
    finally:
        if plan["plain"]:
            end_all()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
