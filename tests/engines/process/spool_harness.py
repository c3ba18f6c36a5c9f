"""The spooler as tests drive it: real processes, all of which can be found and ended."""

import atexit
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jido.engines.process.spooler import program

# As it travels: one text.
_FOLDER = tempfile.mkdtemp(prefix="jido-spooler-")
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)
SPOOLER = Path(_FOLDER, "spooler.py")
SPOOLER.write_bytes(program())
# Any Python from 3.6 on must run it: name an old one here to run all of these tests under it.
PYTHON = os.environ.get("JIDO_SPOOLER_PYTHON", sys.executable)
HOSTILE = "빈 칸 'q\" $(touch pwned) `x`\n#\\ *"


class Spool:
    """The spooler as its callers see it: a program that is run with arguments and answers in JSON."""

    def __init__(self, folder: Path, work: Path, **settings: str) -> None:
        self.folder, self.work, self.count = folder, work, 0
        self.env = dict(os.environ, JIDO_SPOOL=str(folder), JIDO_SPOOL_IDLE="0.3", JIDO_SPOOL_GRACE="0.5")
        machine = {"JIDO_PROCESS_CPUS": "4", "JIDO_PROCESS_MEMORY": str(8 << 30), "JIDO_PROCESS_GPUS": "0"}
        self.env.update(machine, **settings)
        self.env.pop("OMP_NUM_THREADS", None)

    def run(self, *argv: str, **env: str) -> "subprocess.CompletedProcess[str]":
        command = [PYTHON, "-I", str(SPOOLER), *argv]
        return subprocess.run(
            command, env={**self.env, **env}, cwd=self.work, capture_output=True, text=True, timeout=60
        )

    def ask(self, *argv: str, **env: str) -> Any:
        reply = self.run(*argv, **env)
        assert reply.returncode == 0, reply.stderr
        assert reply.stderr == ""
        return json.loads(reply.stdout)

    def refused(self, *argv: str, **env: str) -> tuple[int, dict[str, str]]:
        reply = self.run(*argv, **env)
        assert reply.stdout == ""
        return reply.returncode, json.loads(reply.stderr)

    def spec(self, body: str, **fields: Any) -> str:
        self.count += 1
        script = self.work / f"job{self.count}.sh"
        script.write_text(body if body.startswith("#!") else "#!/bin/bash\n" + body)
        return json.dumps({"token": f"t{self.count}", "script": script.name, "cwd": str(self.work), **fields})

    def submit(self, body: str, **fields: Any) -> str:
        return str(self.ask("submit", self.spec(body, **fields))["id"])

    def job(self, job: str) -> dict[str, Any]:
        (found,) = self.ask("status", job)
        return dict(found)

    def until(self, job: str, *states: str, seconds: float = 20) -> dict[str, Any]:
        found: dict[str, Any] = {}

        def there() -> bool:
            found.update(self.job(job))
            return found["state"] in (states or ENDED)

        wait_for(there, seconds, lambda: f"job {job} is not {states or 'over'}: {found}\n{self.log()}")
        return found

    def output(self, job: str) -> str:
        return Path(self.job(job)["stdout"]).read_text()

    def log(self) -> str:
        log = self.folder / "log"
        return log.read_text() if log.exists() else ""

    def daemon(self) -> int | None:
        pid: int | None = self.ask("inventory")["daemon"]
        return pid

    def alive(self) -> list[int]:
        """Whatever lives on behalf of this spool: found by the one variable that all of it inherits."""
        return marked(b"JIDO_SPOOL=" + os.fsencode(self.folder))

    def end(self) -> None:
        for _ in range(100):
            pids = self.alive()
            if not pids:
                return
            for pid in pids:
                kill(pid)
            time.sleep(0.01)
        raise AssertionError(f"still alive: {pids}")


ENDED = ("done", "failed", "timed_out", "cancelled", "out_of_memory", "node_failed", "dependency")


def wait_for(fine: Callable[[], object], seconds: float = 20, why: Callable[[], str] = lambda: "in vain") -> None:
    deadline = time.monotonic() + seconds
    while not fine():
        assert time.monotonic() < deadline, why()
        time.sleep(0.02)


def marked(mark: bytes) -> list[int]:
    """Pids of the processes with this entry in their environment, zombies not counted."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
            except OSError:
                continue
    return found


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
