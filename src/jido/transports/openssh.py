"""Commands over the system's OpenSSH client, through one shared connection.

The user's ``~/.ssh/config``, keys, agent, ProxyJump and known hosts are honoured because ssh itself reads them. Only
`OpenSSH.login` and `OpenSSH.interactive` may ask the person anything; every other call says at once that a login is
needed.

A connection that may be dead is looked at, end to end, before it is used, and whenever a command is silent
(`jido.transports.openssh_pulse`); one over which the look comes back is kept, however long a command takes.

Opening the connection and using it are two steps. The first executes nothing, so that its failures are certain; the
second never opens another connection, so that a command which did not begin either was not executed, and is tried
again, or may have been, and is reported as `ConnectionLost`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from jido.errors import ConnectionLost, TransportError, Unreachable
from jido.model.command import Command, Reply
from jido.model.destination import Destination
from jido.transports.framing import Cutter, carried, checked, framed, posix_line
from jido.transports.openssh_client import client, quietly
from jido.transports.openssh_live import SSHLive
from jido.transports.openssh_pulse import Pulse, heard
from jido.transports.openssh_words import LONGEST_SOCKET, REFUSED, lost, not_executed, problem, silent, ssh_words
from jido.words import tr

T = TypeVar("T")

_QUEUE_SECONDS = 60.0
_OPEN_SECONDS = 60.0

# Ends what a session left running: the group of the shell that carries our mark, so that a number which meanwhile
# belongs to somebody else is left alone. (dash's kill, 0.5.12, takes no `--`.)
_END = (
    'case $(ps -ww -o args= -p "$1") in *"$2"*) g=$(($(ps -o pgid= -p "$1"))) && '
    'kill -TERM "-$g" && sleep 1; kill -KILL "-$g";; esac'
)


class OpenSSH:
    """A machine reached by ssh.

    Args:
        to: Where.
        runtime: Private folder (mode 0700) for the control socket; its path must be short, because a socket's path
            has about 100 bytes.
        cluster: The name the user gave the cluster, for hints.
    """

    def __init__(self, to: Destination, runtime: Path, cluster: str = "") -> None:
        self.to = to
        self.host = cluster or to.host
        key = "\n".join((to.host, to.user, str(to.port), to.jump, to.identity, to.config))
        # Two destinations of one name may share a checksum once in four thousand million; a digest would cost
        # a millisecond of import in every command.
        name = "".join(char for char in to.host if char.isascii() and char.isalnum())[:16]
        self.control = runtime / f"cm-{name}-{zlib.crc32(key.encode('utf-8', 'surrogateescape')):08x}"
        self._pulse = Pulse(to, self.host, self.control)

    def run(self, command: Command) -> Reply:
        """See `Transport.run`."""
        return self._over_shared(self._once, command)

    def _over_shared(self, attempt: Callable[[Command], tuple[T | None, str]], command: Command) -> T:
        """Execute a command over the shared connection, again for as long as it certainly was not."""
        patience = time.monotonic() + (_QUEUE_SECONDS if command.timeout is None else command.timeout)
        pause, reopened = 0.02, 0
        while True:
            self._connect()
            result, said = attempt(command)
            if result is not None:
                return result
            if REFUSED in said:
                if time.monotonic() > patience:
                    raise Unreachable(
                        tr("{host} takes no more commands at a time over one connection", host=self.host),
                        cause=REFUSED,
                        hint=tr("other jido commands are using it; try again when they are done"),
                        transient=True,
                    )
                time.sleep(pause)
                pause = min(pause * 1.5, 0.5)
            elif reopened == 2:
                raise Unreachable(
                    tr("the shared connection to {host} breaks as soon as it is opened", host=self.host),
                    cause=said.strip(),
                    hint=tr("open it by hand: `jido login {host}`", host=self.host),
                    transient=True,
                )
            else:
                reopened += 1

    def _once(self, command: Command) -> tuple[Reply | None, str]:
        """Run a command over the standing connection.

        Returns:
            The reply, or None and ssh's complaint when it is certain that nothing was executed.
        """
        mark = os.urandom(6).hex()
        out, err = Cutter(mark), Cutter(mark)
        began, clock = time.time(), time.monotonic()
        with client():
            process = subprocess.Popen(
                self._argv(framed(command, mark)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        stdout, stderr, timed_out = heard(process, command.stdin, command.timeout, self._look)
        said_out = out.feed(stdout) + out.rest()
        said_err = err.feed(stderr) + err.rest()
        took = time.monotonic() - clock
        # The end may have been seen although something left behind kept the pipes open until the time limit.
        if out.ended or (timed_out and out.begun):
            self._pulse.used()
            if not out.ended:
                self._end(out.pid, mark)
            return Reply(command, self.host, out.code, said_out, said_err, began, took), ""
        complaint = stderr.decode("utf-8", "replace")
        if timed_out:
            raise silent(self.host, command.timeout or 0)
        if not out.begun and not_executed(complaint):
            return None, complaint
        raise lost(self.host, complaint if not err.begun else "")

    def _end(self, pid: int | None, mark: str) -> None:
        """End what a command that exceeded its time limit still runs; a machine out of reach is left alone."""
        try:
            self._once(Command(("sh", "-c", _END, "sh", str(pid), mark), timeout=10))
        except TransportError:
            return

    def start(self, command: Command) -> SSHLive:
        """See `Transport.start`; returns once the machine has begun."""
        return self._over_shared(self._begin, command)

    def _begin(self, command: Command) -> tuple[SSHLive | None, str]:
        mark = os.urandom(6).hex()
        with client():
            process = subprocess.Popen(
                self._argv(framed(command, mark, live=True)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        live = SSHLive(self.host, process, mark, command.stdin)
        limit = _OPEN_SECONDS if command.timeout is None else command.timeout
        try:
            begun = live.begins(limit, self._look)
        except TransportError:
            live.stop()
            raise
        if begun:
            self._pulse.used()
            return live, ""
        stuck = begun is None
        said = "" if stuck else live.complaint()
        live.stop()
        if stuck:
            raise silent(self.host, limit)
        if not_executed(said):
            return None, said
        raise lost(self.host, said)

    def rsync_shell(self) -> tuple[Sequence[str], str]:
        """See `Transport.rsync_shell`; opens the connection, so that rsync need not."""
        self._connect()
        return ssh_words(self.to, self.control), f"{self.to.host}:"

    def pipe_to(self, host: str, port: int) -> Sequence[str]:
        """See `Transport.pipe_to`: a channel of the shared connection, which sshd does not count as a session."""
        self._connect()
        inner = f"[{host}]" if ":" in host else host
        return [*ssh_words(self.to, self.control, only_shared=True), "-W", f"{inner}:{port}", "--", self.to.host]

    def interactive(self, command: Command) -> int:
        """See `Transport.interactive`."""
        self._place()
        words = [*ssh_words(self.to, self.control, interactive=True), "-t", "--", self.to.host]
        if command.argv or command.cwd or command.env:
            words.append(carried(posix_line(checked(command) if command.argv else command)))
        with client():
            return subprocess.call(words)

    def login(self) -> None:
        """Open the shared connection anew, asking the person at this terminal whatever ssh wants to know.

        Raises:
            TransportError: It could not be opened.
        """
        self.close()
        self._place()
        # ssh asks on the terminal itself; what it says on stderr is shown as it comes, and kept to be understood.
        with client():
            ssh = subprocess.Popen(
                [*ssh_words(self.to, self.control, interactive=True), "-f", "-N", "--", self.to.host],
                stderr=subprocess.PIPE,
            )
        said = b""
        assert ssh.stderr is not None
        with ssh.stderr as stream:
            while chunk := os.read(stream.fileno(), 4096):
                said += chunk
                sys.stderr.write(chunk.decode("utf-8", "replace"))
                sys.stderr.flush()
        if ssh.wait() != 0:
            raise problem(self.to, self.host, said.decode("utf-8", "replace"))

    def is_open(self) -> bool:
        """Whether a shared connection stands."""
        return self.control.exists() and self._ask_master("check")

    def close(self) -> None:
        """Close the shared connection, for every user of it."""
        if self.control.exists():
            self._ask_master("exit")
        self._pulse.forget()

    def _ask_master(self, verb: str) -> bool:
        words = [*ssh_words(self.to, self.control, only_shared=True), "-O", verb, "--", self.to.host]
        return quietly(words, 20)[0] == 0

    def words(self, command: Command, mark: str) -> list[str]:
        """The words that execute a command over the standing connection, framed by a mark; for who repeats them."""
        return self._argv(framed(command, mark))

    def _argv(self, line: str) -> list[str]:
        return [*ssh_words(self.to, self.control, only_shared=True), "--", self.to.host, line]

    def _place(self) -> None:
        """Make the folder of the control socket.

        Raises:
            TransportError: The socket's path would be too long.
        """
        if len(os.fsencode(self.control)) > LONGEST_SOCKET:
            raise TransportError(
                tr("the path of the shared connection's socket is too long"),
                cause=tr(
                    "{control} has more than {LONGEST_SOCKET} bytes",
                    control=self.control,
                    LONGEST_SOCKET=LONGEST_SOCKET,
                ),
                hint=tr("set XDG_RUNTIME_DIR to a private folder with a short path"),
            )
        self.control.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _connect(self) -> None:
        """Open the shared connection where none stands, without asking anybody anything.

        Raises:
            TransportError: It could not be opened; nothing was executed.
        """
        if self.control.is_socket() and not self._pulse.idle:
            return
        self._place()
        with self._alone():
            if self.control.is_socket() and not self._pulse.idle:
                return
            there = self._pulse.there() if self.control.is_socket() else False
            if not there:
                self._open(instead=there is None)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Many commands that begin at once open one connection, not one each: sshd drops some of too many at once."""
        with self.control.with_name(f"{self.control.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _open(self, *, instead: bool) -> None:
        """Open the shared connection; `instead` of one over which nothing comes back, if there is another way in."""
        if instead:
            self._pulse.other_way()
            self.close()
        # What else lies in the place of the socket is rubbish, and ssh would stumble over it.
        if not self.control.is_dir():
            self.control.unlink(missing_ok=True)
        code, said = quietly([*ssh_words(self.to, self.control), "-f", "-N", "--", self.to.host], _OPEN_SECONDS)
        if code is None:
            raise Unreachable(
                tr(
                    "{host} ({to}) did not let us in within {OPEN_SECONDS:g} s",
                    host=self.host,
                    to=self.to,
                    OPEN_SECONDS=_OPEN_SECONDS,
                ),
                hint=tr("is its login overloaded? try again, or by hand"),
                transient=True,
            )
        if code != 0:
            raise problem(self.to, self.host, said)
        self._pulse.used()

    def _look(self) -> None:
        """Look whether the connection under a silent command lives.

        Raises:
            ConnectionLost: It does not, and a fresh one stands in its place.
            TransportError: It does not, and there is no other.
        """
        if self._pulse.there() is not None:
            return
        with self._alone():
            if self._pulse.idle or self._pulse.there() is None:
                self._open(instead=True)
        raise ConnectionLost(
            tr("the connection to {host} was dead in the middle of a command", host=self.host),
            cause=tr("nothing came back over it any more; a fresh one stands now"),
            hint=tr("whether the command was executed is not known; look before you repeat it"),
            transient=True,
        )
