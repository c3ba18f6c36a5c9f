"""The process that holds a twin together: starts its daemons, sees them die, answers questions, takes all along.

It is run as a script by an interpreter without site packages (``python -I -S keeper.py REPORT_FD ...``, the plan on
stdin), so it uses the standard library only, and little of it: subprocess, typing and pathlib would double its start.
In a twin of namespaces everything runs in one outer PID namespace that ends with the keeper: the kernel ends whatever
is within. In plain mode it is the subreaper of all that the twin starts, and ends them itself.
"""

# ruff: noqa: PTH110, PTH112, PTH114, PTH115, PTH116, PTH120, PTH123, PTH208, SIM105
from __future__ import annotations

import json
import os
import select
import signal
import socket
import struct
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER, _PR_CAP_AMBIENT, _CLEAR_ALL = 1, 36, 47, 4
_DEFAULT = (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGTERM, signal.SIGCHLD)
_LISTEN = 10
_SOCK_DIAG, _BY_FAMILY, _REQUEST_DUMP, _DONE = 4, 20, 0x301, 3


def prctl(option: int, value: int) -> None:
    """Call prctl(2)."""
    import ctypes

    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def listening() -> set[int]:
    """TCP ports that something listens on; asked of the kernel, since a stray connection is an error in Slurm's log.

    By sock_diag(7), as `ss -ltn` does: /proc/net/tcp walks the table of all connections, which takes milliseconds.
    """
    found: set[int] = set()
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as line:
            wanted = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 1 << _LISTEN) + bytes(48)
            line.sendall(struct.pack("=IHHII", 16 + len(wanted), _BY_FAMILY, _REQUEST_DUMP, 1, 0) + wanted)
            while True:
                answer, at = line.recv(1 << 16), 0
                while at < len(answer):
                    size, kind = struct.unpack_from("=IH", answer, at)
                    if kind == _DONE:
                        return found
                    if kind != _BY_FAMILY:
                        raise OSError("no sock_diag here")
                    # After the header: family, state, timer, retransmits, then the port in network order.
                    found.add(struct.unpack_from("!H", answer, at + 20)[0])
                    at += (size + 3) & ~3
    except OSError:
        with open("/proc/net/tcp", encoding="ascii") as table:
            rows = [row.split() for row in table][1:]
        return {int(row[1].rpartition(":")[2], 16) for row in rows if int(row[3], 16) == _LISTEN}


def is_there(after: list[dict[str, Any]], ports: set[int], done: set[str]) -> bool:
    """Whether all that a daemon waits for is there."""
    return all(
        (not a["socket"] or os.path.exists(a["socket"]))
        and (not a["port"] or a["port"] in ports)
        and (not a["done"] or a["done"] in done)
        for a in after
    )


def give(path: str, uid: int) -> None:
    """Make a file, or a folder with all within, a user's."""
    os.chown(path, uid, uid, follow_symlinks=False)
    if os.path.isdir(path) and not os.path.islink(path):
        for entry in os.scandir(path):
            give(entry.path, uid)


def spawn(view: list[str], argv: list[str], env: dict[str, str], out: int, err: int, hold: int = -1) -> int:
    """Start a command in a machine's view; an empty view is this process's own and dies with it.

    Args:
        view: Options of the machine's bwrap.
        argv: The command.
        env: Its whole environment.
        out: Descriptor for its stdout.
        err: Descriptor for its stderr.
        hold: Descriptor of a pipe: the machine is made at once, but the command begins when a byte comes.

    Returns:
        Its PID as the keeper numbers it.
    """
    if not view:
        return fork(argv, env, out, err)
    # By way of a descriptor, so that `ps` inside does not show where the twin lies outside.
    options = os.memfd_create("options", 0)
    os.write(options, b"\0".join(os.fsencode(option) for option in view))
    os.lseek(options, 0, os.SEEK_SET)
    if hold >= 0:
        os.set_inheritable(hold, True)
    waits = ["--block-fd", str(hold)] if hold >= 0 else []
    io: list[Any] = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)]
    io += [(os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, err, 2)]
    try:
        # Not fork: that takes milliseconds of copied pages for each machine.
        return os.posix_spawnp(
            "bwrap", ["bwrap", "--args", str(options), *waits, "--", *argv], env, file_actions=io, setsigdef=_DEFAULT
        )
    finally:
        os.close(options)


def fork(argv: list[str], env: dict[str, str], out: int, err: int) -> int:
    """Start a command that dies with this process, which only a fork can arrange."""
    pid = os.fork()
    if pid:
        return pid
    try:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        for number in _DEFAULT:
            signal.signal(number, signal.SIG_DFL)
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.execvpe(argv[0], argv, env)  # noqa: S606 - no shell is the point
    except OSError as error:
        os.write(2, f"{argv[0]}: {error}\n".encode())
    finally:
        os._exit(127)


def wait(pid: int, seconds: float) -> int | None:
    """Wait for a child; its exit code (negative for a signal), None when it was ended at the time limit."""
    until = time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > until:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return None
        time.sleep(0.001)


def run(view: list[str], argv: list[str], env: dict[str, str], seconds: float = 10.0) -> dict[str, Any]:
    """Run a command to its end in a machine's view."""
    out, err = os.memfd_create("out"), os.memfd_create("err")
    try:
        code = wait(spawn(view, argv, env, out, err), seconds)
        texts = [os.pread(fd, 1 << 24, 0).decode(errors="replace") for fd in (out, err)]
    finally:
        os.close(out)
        os.close(err)
    return {"code": code, "stdout": texts[0], "stderr": texts[1] if code is not None else "no answer in time"}


class Keeper:
    """State of the running twin."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self.waiting: list[dict[str, Any]] = list(plan["daemons"])
        self.running: dict[str, int] = {}
        self.codes: dict[str, int] = {}
        self.gates: dict[str, int] = {}
        self.done: set[str] = set()
        self.no_disks = ""
        if plan["disks"]:
            self.mount_disks(plan["disks"])

    def mount_disks(self, rows: list[dict[str, Any]]) -> None:
        """Mount volumes that have a size of their own, or show machines the folders beneath."""
        sys.path.insert(0, os.path.dirname(__file__))
        import disks  # type: ignore[import-not-found]

        del sys.path[0]
        log = os.open(self.plan["disks_log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            self.running["disks"] = disks.start(rows, log)
        except OSError as error:
            self.no_disks = str(error)
            beneath = {row["at"]: row["own"] for row in rows}
            for daemon in (*self.plan["daemons"], self.plan["look"]):
                daemon["view"] = [beneath.get(word, word) for word in daemon["view"]]
        finally:
            os.close(log)

    def start(self, daemon: dict[str, Any], hold: int = -1) -> None:
        """Start a daemon, or its machine only."""
        log = os.open(daemon["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.running[daemon["name"]] = spawn(daemon["view"], daemon["argv"], daemon["env"], log, log, hold)
        os.close(log)

    def make_machines(self) -> None:
        """Make the machines of daemons that have to wait, meanwhile."""
        for daemon in list(self.waiting):
            if daemon["view"] and daemon in self.waiting:
                hold, self.gates[daemon["name"]] = os.pipe()
                self.start(daemon, hold)
                os.close(hold)
                # What others wait for goes first, however long the line of machines is.
                self.start_what_can()

    def start_what_can(self) -> None:
        """Start every daemon whose needs are there."""
        ports = listening() if any(a["port"] for d in self.waiting for a in d["after"]) else set()
        for daemon in [d for d in self.waiting if is_there(d["after"], ports, self.done)]:
            self.waiting.remove(daemon)
            gate = self.gates.pop(daemon["name"], -1)
            if gate < 0:
                self.start(daemon)
            else:
                try:
                    os.write(gate, b"x")
                except BrokenPipeError:
                    pass  # its machine died meanwhile, which `see_deaths` tells
                os.close(gate)

    def see_deaths(self) -> None:
        """Note the exit codes of daemons, and bury what plain mode's jobs left behind."""
        names = {pid: name for name, pid in self.running.items()}
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if pid in names:
                name, code = names[pid], os.waitstatus_to_exitcode(status)
                del self.running[name]
                if code == 0 and any(d["once"] for d in self.plan["daemons"] if d["name"] == name):
                    self.done.add(name)
                else:
                    self.codes[name] = code

    def answer(self, ask: str) -> dict[str, Any]:
        """Answer ``state`` or ``nodes`` (state and what the scheduler says of its nodes)."""
        self.see_deaths()
        deaf = [d["name"] for d in self.plan["daemons"] if d["port"]] if self.waiting else self.deaf()
        reply: dict[str, Any] = {"running": self.running, "codes": self.codes, "deaf": deaf}
        reply["deaf"] += [d["name"] for d in self.plan["daemons"] if d["once"] and d["name"] not in self.done]
        reply["no_disks"] = self.no_disks
        if ask == "nodes":
            reply["look"] = run(**self.plan["look"])
        return reply

    def deaf(self) -> list[str]:
        """Daemons that do not listen on their port yet."""
        ports = listening()
        return [d["name"] for d in self.plan["daemons"] if d["port"] and d["port"] not in ports]

    def serve(self, control: socket.socket, wake: int) -> None:
        """Until told to stop by a signal."""
        self.start_what_can()
        self.make_machines()
        while True:
            self.see_deaths()
            if self.waiting:
                self.start_what_can()
            # Pending starts are looked for every 2 ms; afterwards a child's death wakes the select.
            ears: list[Any] = [control, wake]
            ready = select.select(ears, [], [], 0.002 if self.waiting else 5.0)[0]
            if wake in ready:
                os.read(wake, 4096)
            if control in ready:
                connection = control.accept()[0]
                try:
                    connection.settimeout(2)
                    ask = connection.recv(64).decode()
                    connection.sendall(json.dumps(self.answer(ask)).encode())
                except OSError:
                    pass
                finally:
                    connection.close()


def children(pid: int) -> list[int]:
    """Direct children of a process, dead ones included."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            try:
                with open(f"/proc/{entry}/stat", "rb") as stat:
                    if int(stat.read().rpartition(b")")[2].split()[1]) == pid:
                        found.append(int(entry))
            except OSError:
                pass
    return found


def end_all() -> None:
    """End every descendant, however it was detached: orphans come to the subreaper, so all become children."""
    for _ in range(500):
        mine = children(os.getpid())
        if not mine:
            return
        for pid in mine:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        time.sleep(0.005)


def stop(_signal: int, _frame: object) -> None:
    """Leave the loop."""
    raise SystemExit(0)


def control_socket(path: str) -> socket.socket:
    """Listen on a UNIX socket whose path may be longer than the 107 bytes the kernel takes."""
    folder, name = os.path.split(path)
    fd = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    control.bind(f"/proc/self/fd/{fd}/{name}")
    os.close(fd)
    control.listen(64)
    return control


def main(report: int, proc: str, trial: list[str]) -> None:
    """Say who we are, then keep the twin whose plan comes on stdin.

    Args:
        report: Descriptor on which the starter reads one line of JSON.
        proc: A /proc that shows under which PID the starter knows us.
        trial: Options of a bwrap that must work within this one; empty in plain mode.
    """
    os.umask(0o022)
    for name in os.listdir("/proc/self/fd"):
        # Port reservations among them: they are held here, and are nobody else's business.
        if int(name) > 2 and os.path.exists(f"/proc/self/fd/{name}"):
            os.set_inheritable(int(name), False)
    if os.getuid() and trial:
        # To mount volumes is this process's right alone; a bwrap that has it refuses to run.
        prctl(_PR_CAP_AMBIENT, _CLEAR_ALL)
    if not trial:
        prctl(_PR_SET_CHILD_SUBREAPER, 1)
    failed = ""
    if trial:
        tried = run(trial, ["true"], dict(os.environ))
        failed = "" if tried["code"] == 0 else tried["stderr"].strip() or "a nested bwrap failed"
    own = int(os.readlink(f"{proc}/self"))
    os.write(report, json.dumps({"pid": own, "failed": failed}).encode() + b"\n")
    os.close(report)
    text = sys.stdin.read()
    # A starter that was killed, or that chose plain mode after all, sends no plan.
    if not text:
        return
    plan = json.loads(text)
    wake = os.pipe()
    for fd in wake:
        os.set_blocking(fd, False)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake[1], warn_on_full_buffer=False)
    control = control_socket(plan["control"])
    if os.getuid() == 0:
        # The starter is another user here, and may speak to us.
        folder = os.stat(os.path.dirname(plan["control"]))
        os.chown(plan["control"], folder.st_uid, folder.st_gid)
    for path, uid in plan["owners"]:
        give(path, uid)
    try:
        Keeper(plan).serve(control, wake[0])
    finally:
        if not trial:
            end_all()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
