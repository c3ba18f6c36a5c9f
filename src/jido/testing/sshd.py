"""A real OpenSSH server on loopback for tests: own keys, own port, own home folder, no root needed.

It lets in whoever runs the tests, by a key of its own, and touches nothing of the machine's accounts: the login
shell and the home folder are set for its sessions only, by a forced command.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from jido.errors import Unreachable
from jido.model.destination import Destination

HOST = "testhost"
_MARK = "JIDO_TEST_SSHD"

# A forced command stands in for the account: it gives every session a home of its own, prints what a site's login
# would print, and hands the client's line to the login shell under test as sshd itself does (`SHELL -c LINE`).
# SHLVL is unset because bash reads ~/.bashrc over ssh only as the outermost shell.
_ACCOUNT = """\
#!/bin/sh
{mark}={tag}; export {mark}
HOME={home}; export HOME
unset SHLVL
cd "$HOME" || exit 99
[ -f {folder}/noise.out ] && cat {folder}/noise.out
[ -f {folder}/noise.err ] && cat {folder}/noise.err >&2
SHELL=$(cat {folder}/shell); export SHELL
if [ -n "$SSH_ORIGINAL_COMMAND" ]; then exec "$SHELL" -c "$SSH_ORIGINAL_COMMAND"; fi
exec "$SHELL" -l
"""


def sshd_path() -> str | None:
    """Where this machine's sshd is; None when it is not installed."""
    return shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin:/sbin")


class Server:
    """One sshd with everything it needs in one folder.

    Args:
        folder: An existing folder; its path is the server's only trace on this machine.
        max_sessions: Sessions allowed on one connection, sshd's own default.
        pam: Lines of a PAM service that asks for a second factor after the key, in a ``/etc/pam.d`` of the server's
            own; needs bubblewrap. Empty is none: the key alone opens it.

    Attributes:
        home: The home folder its sessions see.
        config: A client configuration with which ``ssh -F CONFIG testhost`` reaches it.
        port: Where it listens, from the first `start` on.
    """

    def __init__(self, folder: Path, max_sessions: int = 10, pam: str = "") -> None:
        self.folder = folder
        self.pam = pam
        self.max_sessions = max_sessions
        self.home = folder / "remote home"
        self.config = folder / "ssh_config"
        self.known_hosts = folder / "known_hosts"
        self.client_key = folder / "client_key"
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def destination(self) -> Destination:
        """Its address, as the clusters file would hold it."""
        return Destination(host=HOST, config=str(self.config))

    @property
    def log(self) -> str:
        """What it has logged."""
        return (self.folder / "log").read_text("utf-8", "replace")

    def set_shell(self, shell: str) -> None:
        """Make a program the login shell of sessions from now on."""
        (self.folder / "shell").write_text(shell + "\n")

    def set_noise(self, stdout: bytes = b"", stderr: bytes = b"") -> None:
        """Print something before every session's command from now on."""
        (self.folder / "noise.out").write_bytes(stdout)
        (self.folder / "noise.err").write_bytes(stderr)

    def new_host_key(self) -> None:
        """Give it another host key, as a reinstalled machine has; takes effect at the next `start`."""
        _new_key(self.folder / "host_key")

    def trust(self) -> None:
        """Write its host key into the client's known hosts, as a person's first login does."""
        kind, key = (self.folder / "host_key.pub").read_text().split()[:2]
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {kind} {key}\n")

    def start(self) -> None:
        """Bring it up and wait until it answers; the port stays the same from the second time on.

        Raises:
            Unreachable: It does not come up; carries the last lines of its log.
        """
        if not (self.folder / "host_key").exists():
            self._prepare()
        again = self.port != 0
        for _ in range(5):
            if not again:
                self.port = _free_port()
                self._configure()
                self.trust()
            if self._listen():
                return
        raise Unreachable("the test's sshd does not come up", cause=self.log[-2000:])

    def stop(self) -> None:
        """Take it down with every session and every process they left."""
        if self._process is not None:
            listener, self._process = self._process, None
            family = [*_descendants(listener.pid), listener.pid]
            for pid in family:
                _end(pid)
            listener.wait()
        for pid in self.processes():
            _end(pid)

    def restart(self) -> None:
        """Cut every connection and come up again on the same port."""
        self.stop()
        self.start()

    def connections(self) -> list[int]:
        """The pids of the sshd processes that serve connections, the outermost of each."""
        return _children(self._process.pid) if self._process is not None else []

    def cut(self) -> None:
        """Cut every connection at once while the server stays up; what ran in the sessions is not touched."""
        for pid in self.connections():
            for one in [pid, *(p for p in _descendants(pid) if _name(p).startswith("sshd"))]:
                _end(one)

    def processes(self) -> list[int]:
        """The pids of all that runs in its sessions, or was left behind by them."""
        mark = f"{_MARK}={self._tag}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                with contextlib.suppress(OSError):
                    if mark in (entry / "environ").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
        return found

    @property
    def _tag(self) -> str:
        return f"{os.getpid()}:{self.folder.name}:{self.port}"

    def _prepare(self) -> None:
        self.home.mkdir()
        (self.folder / "empty").mkdir()
        _new_key(self.folder / "host_key")
        _new_key(self.client_key)
        shutil.copy(self.client_key.with_suffix(".pub"), self.folder / "authorized_keys")
        self.set_shell("/bin/sh")
        if os.getuid() == 0:
            # sshd started by root confines itself there; the distribution makes it only when its own sshd starts.
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)

    def _configure(self) -> None:
        def quoted(path: Path) -> str:
            return f'"{path}"'

        folder = self.folder
        (folder / "account").write_text(
            _ACCOUNT.format(
                mark=_MARK, tag=self._tag, home=shlex.quote(str(self.home)), folder=shlex.quote(str(folder))
            )
        )
        lines = [
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {quoted(folder / 'host_key')}",
            f"AuthorizedKeysFile {quoted(folder / 'authorized_keys')}",
            "PidFile none",
            f"UsePAM {'yes' if self.pam else 'no'}",
            "StrictModes no",
            "PermitRootLogin yes",
            "PasswordAuthentication no",
            f"KbdInteractiveAuthentication {'yes' if self.pam else 'no'}",
            f"AuthenticationMethods publickey{',keyboard-interactive:pam' if self.pam else ''}",
            "PermitUserRC no",
            "UseDNS no",
            "LogLevel VERBOSE",
            "MaxStartups 200",
            f"MaxSessions {self.max_sessions}",
            "Subsystem sftp internal-sftp",
            # The shell of the machine's own account reads no rc file of the person who runs the tests.
            f"SetEnv HOME={quoted(folder / 'empty')}",
            f"ForceCommand /bin/sh {shlex.quote(str(folder / 'account'))}",
        ]
        if self.pam:
            # Its service has the program's name.
            (folder / "pam.d").mkdir(exist_ok=True)
            (folder / "pam.d" / "sshd").write_text(self.pam)
        (folder / "sshd_config").write_text("\n".join(lines) + "\n")
        self.config.write_text(
            f"Host {HOST}\n"
            "  HostName 127.0.0.1\n"
            f"  Port {self.port}\n"
            f"  User {pwd.getpwuid(os.getuid()).pw_name}\n"
            f"  IdentityFile {quoted(self.client_key)}\n"
            "  IdentitiesOnly yes\n"
            "  IdentityAgent none\n"
            f"  UserKnownHostsFile {quoted(self.known_hosts)}\n"
            "  GlobalKnownHostsFile /dev/null\n"
        )

    def _listen(self) -> bool:
        sshd = sshd_path()
        if sshd is None:
            raise Unreachable("sshd is not installed", hint="apt-get install openssh-server")
        # From 9.8 on sshd makes an address that failed to log in wait, and every test comes from the same one.
        words = [sshd, "-f", str(self.folder / "sshd_config")]
        calm = ["-o", "PerSourcePenalties=no"]
        if subprocess.run([*words, *calm, "-t"], capture_output=True).returncode == 0:
            words += calm
        own = ["bwrap", "--dev-bind", "/", "/", "--bind", str(self.folder / "pam.d"), "/etc/pam.d"]
        if os.getuid() == 0:
            own += ["--cap-add", "ALL"]
        self._process = subprocess.Popen(
            [*(own if self.pam else ()), *words, "-D", "-E", str(self.folder / "log")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as peer:
                if peer.recv(4) == b"SSH-" and self._process.poll() is None:
                    return True
            time.sleep(0.01)
        self.stop()
        return False


def _new_key(path: Path) -> None:
    path.unlink(missing_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path)], check=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _descendants(pid: int) -> list[int]:
    return [one for child in _children(pid) for one in (*_descendants(child), child)]
