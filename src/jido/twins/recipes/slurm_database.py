"""The database behind a twin's accounting: filled once, kept, and copied for each twin.

sacctmgr needs half a second for a statement (Slurm writes each message in two parts, and the kernel holds the second
back until the first is acknowledged), so what it filled is kept by a hash of its content. Verified on MariaDB 10.11
with Slurm 22.05.8, and on MariaDB 11.8.9 with Slurm 24.11.5 and 26.05.5.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from jido.config import places
from jido.errors import TwinError
from jido.twins import keeping, processes
from jido.twins.recipes import slurm_accounting
from jido.twins.spec import Accounting, TwinSpec
from jido.words import known, mark, tr

NAME = "slurm_acct_db"
_KEPT = 12
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/local/sbin"
# Of the system tables only this one is needed, since slurmdbd stores a procedure; making all of them takes 2 s.
_TABLES = ("usr/share/mysql/mysql_system_tables.sql", "usr/share/mariadb/mariadb_system_tables.sql")
_BAD = ("error", "unknown", "problem", "bad ", "doesn't exist", "no valid", "invalid")


def server(data: str, socket_file: str, pid_file: str, *, user: str = "", init: str = "") -> tuple[str, ...]:
    """Argv of a small MariaDB that only its socket leads to; who reaches the socket may do all.

    Args:
        data: Its folder.
        socket_file: Its socket.
        pid_file: Where it writes its number.
        user: Whom a root shall become.
        init: File of statements to run first.
    """
    return (
        "mariadbd",
        "--no-defaults",
        *([f"--user={user}"] if user else []),
        f"--datadir={data}",
        f"--socket={socket_file}",
        f"--pid-file={pid_file}",
        *([f"--init-file={init}"] if init else []),
        "--skip-networking",
        "--skip-grant-tables",
        "--skip-name-resolve",
        "--skip-log-bin",
        "--performance-schema=off",
        "--key-buffer-size=1M",
        "--aria-pagecache-buffer-size=1M",
        "--max-connections=40",
        "--innodb-buffer-pool-size=16M",
        "--innodb-log-file-size=4M",
        "--innodb-data-file-path=ibdata1:4M:autoextend",
        "--innodb-temp-data-file-path=ibtmp1:1M:autoextend",
        "--innodb-autoextend-increment=1",
        # The history of jobs survives a kill, not a power cut.
        "--innodb-flush-log-at-trx-commit=2",
        "--loose-innodb-flush-method=nosync",
        "--innodb-doublewrite=0",
        "--innodb-stats-persistent=0",
        # On since MariaDB 11.6.2; slurmdbd 26.05 says that it ends where two transactions meet.
        "--loose-innodb-snapshot-isolation=OFF",
    )


def configuration(port: int, user: str, run: str, munge: str, *, loopback_only: bool = False) -> str:
    """The text of slurmdbd.conf.

    Args:
        port: Where it listens.
        user: Who it runs as.
        run: Folder for its PID file.
        munge: munged's socket.
        loopback_only: Whether this machine's host name is 127.0.0.1, so that it may bind that.
    """
    return "\n".join(
        (
            "# Written by jido. Verified on Slurm 22.05.8, 24.11.5 and 26.05.5.",
            "AuthType=auth/munge",
            f"AuthInfo=socket={munge}",
            "DbdHost=localhost",
            "DbdAddr=127.0.0.1",
            f"DbdPort={port}",
            *(["CommunicationParameters=NoInAddrAny"] if loopback_only else []),
            f"SlurmUser={user}",
            f"PidFile={run}/slurmdbd.pid",
            "DebugLevel=info",
            "StorageType=accounting_storage/mysql",
            "StorageHost=localhost",
            "StorageUser=slurm",
            f"StorageLoc={NAME}",
            "",
        )
    )


def missing(spec: TwinSpec) -> dict[str, str]:
    """Programs of the accounting that this machine lacks, with their Debian packages."""
    needs = {"mariadbd": "mariadb-server", "slurmdbd": "slurmdbd"}
    found = {program: package for program, package in needs.items() if not _program(spec, program)}
    if not found and not _tables(spec):
        found[_TABLES[0]] = "mariadb-server"
    return found


def _program(spec: TwinSpec, name: str) -> Path | None:
    path = ":".join(str(Path(spec.root) / folder.lstrip("/")) for folder in _PATH.split(":") if folder)
    found = shutil.which(name, path=path)
    return Path(found) if found else None


def _tables(spec: TwinSpec) -> Path | None:
    return next((file for name in _TABLES if (file := Path(spec.root) / name).exists()), None)


def put(spec: TwinSpec, accounting: Accounting, data: Path) -> None:
    """Put the database of a twin at its place, unless one is there.

    Args:
        spec: The twin.
        accounting: What the database is to hold.
        data: Where it is to lie.

    Raises:
        TwinError: It could not be made.
    """
    if (data / NAME).is_dir():
        return
    base = places.state() / "twins" / ".databases"
    base.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept = base / _key(spec, accounting)
    if not (kept / NAME).is_dir():
        with _room() as room:
            _fill(spec, accounting, room)
            partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=base))
            shutil.copytree(room / "data", partial, dirs_exist_ok=True)
            # Whoever comes second finds it there, and throws its own away.
            with contextlib.suppress(OSError):
                partial.rename(kept)
            shutil.rmtree(partial, ignore_errors=True)
        _forget(base)
    with contextlib.suppress(OSError):
        os.utime(kept)
    partial = data.with_name(data.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(kept, partial)
    data.mkdir(parents=True, exist_ok=True)
    partial.rename(data)


def _forget(base: Path) -> None:
    """Keep the ones used last, and nothing that a killed jido left half made."""
    old = time.time() - 3600
    for entry in base.glob(".partial-*"):
        if entry.stat().st_mtime < old:
            shutil.rmtree(entry, ignore_errors=True)
    whole = [entry for entry in base.iterdir() if not entry.name.startswith(".")]
    for entry in sorted(whole, key=lambda e: e.stat().st_mtime, reverse=True)[_KEPT:]:
        shutil.rmtree(entry, ignore_errors=True)


def _key(spec: TwinSpec, accounting: Accounting) -> str:
    parts = [*slurm_accounting.statements(spec, accounting), *slurm_accounting.tres(spec)]
    for program in ("mariadbd", "slurmdbd"):
        if file := _program(spec, program):
            seen = file.stat()
            parts.append(f"{file} {seen.st_size} {seen.st_mtime_ns}")
    parts.append(" ".join(server("", "", "")))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


@contextlib.contextmanager
def _room() -> Iterator[Path]:
    """A private folder with a short path, in memory where there is some: the database syncs its files often."""
    memory = Path("/dev/shm")  # noqa: S108
    base = memory if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2**28 else None
    with tempfile.TemporaryDirectory(prefix="jido-", dir=base, ignore_cleanup_errors=True) as room:
        yield Path(room)


def _fill(spec: TwinSpec, accounting: Accounting, room: Path) -> None:
    """Have slurmdbd make its tables and sacctmgr fill them."""
    (room / "data/mysql").mkdir(parents=True)
    tables = _tables(spec)
    lines = tables.read_text("utf-8").splitlines() if tables else []
    create = [line for line in lines if line.startswith("CREATE TABLE IF NOT EXISTS proc ")]
    # slurmdbd makes its database when its first connection fails for want of one, and tries again on the same handle.
    # A failed connection takes the handle's options along, and the client library of MariaDB 11.8.9 (3.4.10) then
    # leaves its new limit of columns at 0: it refuses every result, and slurmdbd ends.
    (room / "init.sql").write_text("\n".join((f"CREATE DATABASE {NAME};", "USE mysql;", *create, "")))
    (room / "munge.key").write_bytes(os.urandom(1024))
    (room / "munge.key").chmod(0o600)
    user = pwd.getpwuid(os.getuid()).pw_name
    ports, held = keeping.reserve(["slurmdbd"])
    munge = f"{room}/munge.socket"
    (room / "slurmdbd.conf").write_text(configuration(ports["slurmdbd"], user, str(room), munge))
    (room / "slurmdbd.conf").chmod(0o600)
    (room / "slurm.conf").write_text(
        f"ClusterName=none\nSlurmctldHost=localhost\nSlurmUser={user}\nAuthInfo=socket={munge}\n"
        "AccountingStorageType=accounting_storage/slurmdbd\nAccountingStorageHost=127.0.0.1\n"
        f"AccountingStoragePort={ports['slurmdbd']}\nAccountingStoragePass={munge}\n"
    )
    with contextlib.ExitStack() as stack:
        for holder in held:
            stack.callback(holder.close)
        running = _Running(spec, room, stack)
        running.start(
            "munged", "--foreground", "--force", f"--socket={munge}", f"--key-file={room}/munge.key",
            f"--pid-file={room}/munged.pid", f"--seed-file={room}/munged.seed",
        )  # fmt: skip
        database = server(
            f"{room}/data", f"{room}/sql", f"{room}/sql.pid",
            user=user if os.getuid() == 0 else "", init=f"{room}/init.sql",
        )  # fmt: skip
        sql = running.start(*database)
        running.wait(sql, lambda: (room / "sql").exists() and Path(munge).exists())
        dbd = running.start("slurmdbd", "-D")
        running.wait(dbd, lambda: _listens(ports["slurmdbd"]))
        # A limit on a resource that slurmdbd has never met is refused; slurmctld would make it known too late.
        running.end(dbd)
        _said(running.run("mariadb", f"--socket={room}/sql", NAME, stdin=_known(slurm_accounting.tres(spec))))
        dbd = running.start("slurmdbd", "-D")
        running.wait(dbd, lambda: _listens(ports["slurmdbd"]))
        text = "\n".join(slurm_accounting.statements(spec, accounting)) + "\n"
        said = _said(running.run("sacctmgr", "-i", "-Q", stdin=text), running.last_words("slurmdbd"))
        wrong = [line for line in said.splitlines() if any(word in line.lower() for word in _BAD)]
        if wrong := [line for line in wrong if not line.startswith("sacctmgr: ") or "error" in line]:
            raise _unfilled(f"{wrong[0].strip()}; {running.last_words('slurmdbd')}")
        running.end(dbd)
        running.end(sql)


class _Running:
    """Processes of this machine that live while the database is made."""

    def __init__(self, spec: TwinSpec, room: Path, stack: contextlib.ExitStack) -> None:
        self._room, self._stack = room, stack
        # In the tree whose programs the twin runs, if that is another than this machine's own.
        # A minimal tree names no host, not even localhost; addresses do.
        tree = [
            "bwrap", "--die-with-parent", "--ro-bind", spec.root, "/", "--dev", "/dev", "--proc", "/proc",
            "--tmpfs", "/tmp", "--tmpfs", "/run",  # noqa: S108
            "--bind", str(room), str(room),
            "--ro-bind", "/etc/passwd", "/etc/passwd",
        ]  # fmt: skip
        self._prefix = [] if spec.root == "/" else tree
        self._env = {
            "PATH": _PATH, "LANG": "C.UTF-8", "HOME": str(room),
            "SLURM_CONF": f"{room}/slurm.conf", "MYSQL_UNIX_PORT": f"{room}/sql",
        }  # fmt: skip

    def start(self, *argv: str) -> subprocess.Popen[bytes]:
        with (self._room / f"{argv[0]}.log").open("ab") as log:
            # Nothing of it outlives a jido that is killed.
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self._prefix, *argv],
                env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                # slurmdbd 22.05.8 at times dumps core as it ends: not where the user stands.
                cwd=self._room,
            )  # fmt: skip
        self._stack.callback(self.end, process)
        return process

    def run(self, *argv: str, stdin: str) -> subprocess.CompletedProcess[str]:
        command = [*self._prefix, *argv]
        return subprocess.run(
            command, input=stdin, env=self._env, capture_output=True, text=True, timeout=120, check=False
        )

    def wait(self, process: subprocess.Popen[bytes], there: Callable[[], bool]) -> None:
        if not processes.until(lambda: process.poll() is not None or there(), within=30, every=0.005) or (
            process.poll() is not None
        ):
            assert isinstance(process.args, list)
            name = next(str(word) for word in process.args[3 + len(self._prefix) :])
            raise TwinError(
                tr("the accounting database cannot be made"), cause=self.last_words(name), hint=known(_HINT)
            )

    def last_words(self, name: str) -> str:
        """The program's name and the last line of its log."""
        log = (self._room / f"{name}.log").read_text(errors="replace").strip()
        return f"{name}: {log.rpartition(chr(10))[2]}"

    def end(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _known(resources: tuple[str, ...]) -> str:
    rows = (name.partition("/") for name in resources)
    values = ", ".join(f"(1, 0, '{kind}', '{name}')" for kind, _, name in rows)
    # Names were checked to be plain words when the spec was.
    return f"INSERT INTO tres_table (creation_time, deleted, type, name) VALUES {values};"  # noqa: S608


_HINT = mark("`--no-accounting` gives the cluster without it")


def _unfilled(cause: str) -> TwinError:
    return TwinError(tr("the accounting database cannot be filled"), cause=cause, hint=known(_HINT))


def _said(done: subprocess.CompletedProcess[str], server: str = "") -> str:
    if done.returncode:
        # sacctmgr itself says no more than "Unspecified error".
        raise _unfilled("; ".join(filter(None, ((done.stderr or done.stdout).strip()[-500:], server))))
    return done.stdout + done.stderr


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
