"""Commands over the system's OpenSSH client, through one shared connection.

The user's ``~/.ssh/config``, keys, agent, ProxyJump and known hosts are honoured because ssh itself reads them. Only
`login` may ask the person anything; every other call says at once that a login is needed.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from jido.errors import ConnectionLost, HostKeyProblem, LoginNeeded, TransportError, Unreachable
from jido.model.command import Command, Reply
from jido.model.destination import Destination
from jido.transports.framing import BEGIN, END, cut_stderr, cut_stdout, framed, posix_line

PERSIST = "4h"

# What OpenSSH 8.2 to 10.0 prints; the first that matches decides.
_COMPLAINTS: tuple[tuple[str, type[TransportError], str], ...] = (
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|Host key for .* has changed",
        HostKeyProblem,
        "the host key has changed: ask the administrators whether that is right; if it is, `ssh-keygen -R {name}` and"
        " `jido login {cluster}`",
    ),
    (
        r"Host key verification failed|No .* host key is known",
        HostKeyProblem,
        "the host key is not known yet: `jido login {cluster}` shows its fingerprint and asks you",
    ),
    (
        r"Permission denied|Too many authentication failures|No supported authentication methods",
        LoginNeeded,
        "`jido login {cluster}` asks for your password or one-time code once and keeps the connection",
    ),
    (
        r"Could not resolve hostname",
        Unreachable,
        "check the name in `jido ls`; is a VPN needed for it?",
    ),
    (
        r"Connection refused|timed out|No route to host|Network is unreachable|Connection (?:closed|reset) by"
        r"|kex_exchange_identification|Connection to .* closed|UNKNOWN port",
        Unreachable,
        "is the port right (-p), are you on the right network or VPN, is the machine up?",
    ),
)


def option_words(to: Destination, *, control: Path | None, interactive: bool = False) -> list[str]:
    """The ssh command line for a destination, up to and without the host."""
    words = ["ssh"]
    if to.config:
        words += ["-F", to.config]
    options = {
        "ConnectTimeout": "10",
        "ServerAliveInterval": "15",
        "ServerAliveCountMax": "4",
        "BatchMode": "no" if interactive else "yes",
        "StrictHostKeyChecking": "ask" if interactive else "yes",
        "LogLevel": "ERROR",
        "RequestTTY": "no",
        "ForwardX11": "no",
        "ForwardAgent": "no",
        "ClearAllForwardings": "yes",
    }
    if control is not None:
        options |= {"ControlMaster": "auto", "ControlPath": str(control), "ControlPersist": PERSIST}
    for key, value in options.items():
        words += ["-o", f"{key}={value}"]
    if to.port is not None:
        words += ["-p", str(to.port)]
    if to.user:
        words += ["-l", to.user]
    if to.jump:
        words += ["-J", to.jump]
    if to.identity:
        words += ["-i", to.identity]
    return words


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
        key = hashlib.sha256(repr((to, cluster)).encode()).hexdigest()[:12]
        self.control = runtime / f"cm-{key}"

    def _words(self, *, interactive: bool = False) -> list[str]:
        self.control.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return option_words(self.to, control=self.control, interactive=interactive)

    def _problem(self, complaint: str) -> TransportError:
        """The error that ssh's own words amount to."""
        text = complaint.strip()
        said = next((line for line in reversed(text.splitlines()) if line.strip()), "ssh said nothing")
        for pattern, kind, hint in _COMPLAINTS:
            if re.search(pattern, text):
                what = {
                    HostKeyProblem: f"the host key of {self.host} cannot be trusted",
                    LoginNeeded: f"{self.host} wants a login first",
                    Unreachable: f"{self.host} ({self.to}) cannot be reached",
                }[kind]
                hint = hint.format(name=self.to.host, cluster=self.host)
                return kind(what, cause=said, hint=hint, transient=kind is Unreachable)
        return TransportError(
            f"ssh to {self.host} ({self.to}) failed", cause=said, hint=f"try it by hand: ssh {self.to}"
        )

    def run(self, command: Command) -> Reply:
        """See `Transport.run`."""
        mark = secrets.token_hex(6)
        began, clock = time.time(), time.monotonic()
        argv = [*self._words(), "--", self.to.host, framed(command, mark)]
        try:
            done = subprocess.run(
                argv,
                input=command.stdin,
                capture_output=True,
                timeout=command.timeout,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired as error:
            begun, out, _ = cut_stdout(error.stdout or b"", mark)
            if not begun:
                raise Unreachable(
                    f"{self.host} did not begin a command within {command.timeout:g} s",
                    hint=f"`jido login {self.host}` opens a fresh connection",
                    transient=True,
                ) from error
            took = time.monotonic() - clock
            return Reply(command, self.host, None, out, cut_stderr(error.stderr or b"", mark), began, took)
        begun, out, code = cut_stdout(done.stdout, mark)
        if not begun:
            raise self._problem(done.stderr.decode("utf-8", "replace"))
        if code is None:
            raise ConnectionLost(
                f"the connection to {self.host} was cut in the middle of a command",
                cause=done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:][0] if done.stderr else "",
                transient=True,
            )
        return Reply(command, self.host, code, out, cut_stderr(done.stderr, mark), began, time.monotonic() - clock)

    def start(self, command: Command) -> SSHLive:
        """See `Transport.start`."""
        mark = secrets.token_hex(6)
        argv = [*self._words(), "--", self.to.host, framed(command, mark)]
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        live = SSHLive(self, process, mark)
        if command.stdin:
            live.stdin.write(command.stdin)
            live.stdin.flush()
        return live

    def rsync_shell(self) -> tuple[Sequence[str], str]:
        """See `Transport.rsync_shell`."""
        return self._words(), f"{self.to.host}:"

    def interactive(self, command: Command) -> int:
        """See `Transport.interactive`."""
        words = self._words(interactive=True)
        return subprocess.call([*words, "-t", "--", self.to.host, posix_line(command)])

    def login(self) -> None:
        """Open the shared connection, asking the person at this terminal whatever ssh wants to know.

        Raises:
            TransportError: It could not be opened.
        """
        self.close()
        words = self._words(interactive=True)
        done = subprocess.run(
            [*words, "-o", "ControlMaster=yes", "-f", "-N", "--", self.to.host], stderr=subprocess.PIPE
        )
        if done.returncode != 0:
            raise self._problem(done.stderr.decode("utf-8", "replace"))

    def is_open(self) -> bool:
        """Whether a shared connection stands."""
        if not self.control.exists():
            return False
        words = [*self._words(), "-O", "check", "--", self.to.host]
        return subprocess.run(words, capture_output=True).returncode == 0

    def close(self) -> None:
        """Close the shared connection, for every user of it."""
        if self.control.exists():
            words = [*self._words(), "-O", "exit", "--", self.to.host]
            subprocess.run(words, capture_output=True)


class SSHLive:
    """A command under way over ssh; its pipes carry the command's own bytes only.

    The frames are stripped while reading by one thread a stream, which feed plain pipes.
    """

    def __init__(self, transport: OpenSSH, process: subprocess.Popen[bytes], mark: str) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._transport = transport
        self._process = process
        self._begun = False
        self._code: int | None = None
        self._noise = b""
        self.stdin: IO[bytes] = process.stdin
        self.stdout, out = _pipe()
        self.stderr, err = _pipe()
        self._threads = [
            threading.Thread(target=self._strip, args=(process.stdout, out, mark, True), daemon=True),
            threading.Thread(target=self._strip, args=(process.stderr, err, mark, False), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _strip(self, source: IO[bytes], sink: IO[bytes], mark: str, is_stdout: bool) -> None:
        begin, end = f"{BEGIN}{mark}\n".encode(), f"\n{END}{mark}".encode()
        held, begun = b"", False
        with sink:
            while chunk := os.read(source.fileno(), 65536):
                held += chunk
                if not begun:
                    at = held.find(begin)
                    if at < 0:
                        self._noise = (self._noise + chunk)[-8192:] if not is_stdout else self._noise
                        held = held[-(len(begin) - 1) :] if len(held) >= len(begin) else held
                        continue
                    begun = self._begun = True
                    held = held[at + len(begin) :]
                at = held.find(end)
                if at >= 0:
                    _write(sink, held[:at])
                    rest = held[at + len(end) :]
                    while b"\n" not in rest and (more := os.read(source.fileno(), 65536)):
                        rest += more
                    if is_stdout and (match := re.match(rb" (\d+)\n", rest)):
                        self._code = int(match[1])
                    sink.flush()
                    break
                # A part of the closing mark may still be on its way: keep back what could be its beginning.
                keep = next((n for n in range(min(len(end) - 1, len(held)), 0, -1) if end.startswith(held[-n:])), 0)
                _write(sink, held[: len(held) - keep])
                held = held[len(held) - keep :]
            else:
                if begun:
                    _write(sink, held)
            while os.read(source.fileno(), 65536):
                pass

    def poll(self) -> int | None:
        """See `Live.poll`."""
        return None if self._process.poll() is None else self.wait()

    def wait(self, timeout: float | None = None) -> int:
        """See `Live.wait`."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(str(error)) from error
        for thread in self._threads:
            thread.join(5)
        if self._code is not None:
            return self._code
        said = self._noise.decode("utf-8", "replace")
        if not self._begun:
            raise self._transport._problem(said)
        raise ConnectionLost(
            f"the connection to {self._transport.host} was cut in the middle of a command",
            cause=said.strip(),
            transient=True,
        )

    def stop(self) -> None:
        """See `Live.stop`."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(2)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for pipe in (self.stdin, self.stdout, self.stderr):
            try:
                pipe.close()
            except OSError:
                continue


def _pipe() -> tuple[IO[bytes], IO[bytes]]:
    read, write = os.pipe()
    return os.fdopen(read, "rb"), os.fdopen(write, "wb", buffering=0)


def _write(sink: IO[bytes], data: bytes) -> None:
    """Write all of it; a reader that went away is no reason to stop draining the source."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(sink.fileno(), view) :]
        except BrokenPipeError:
            return
