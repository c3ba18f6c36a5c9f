"""A real HTCondor pool and a person who uses it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.conftest import HOSTILE, Person
from tests.trees import HTCONDOR, tree

from jido.twins import processes

SOBAN = Path(__file__).with_name("soban.yaml")


class Pool(Person):
    """A person on the pool's access point."""

    up: Any

    def renewed(self, folder: Path) -> Pool:
        """In a new project folder with a hostile name."""
        self.folder = folder / f"{folder.name} {HOSTILE}"
        self.folder.mkdir()
        return self

    @property
    def twin(self) -> Path:
        return self.home / "jido/state/twins/soban"

    def says(self, command: str) -> str:
        """What a command typed on the access point prints."""
        argv = ["ssh", "-F", str(self.twin / "ssh_config"), "soban", command]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=True)
        return done.stdout

    def submit(self, *words: str) -> Any:
        """Hand a job over; the run as the ledger has it."""
        self.types("submit", "--on", "soban", "-m", "100M", *words)
        return self.run()

    def until(self, number: int, holds: Callable[[Any], bool], within: float = 60.0) -> Any:
        """Ask until something holds of a run."""
        deadline = time.monotonic() + within
        while True:
            run = next(one for one in self.json("ps", "-a")["runs"] if one["number"] == number)
            if holds(run):
                return run
            assert time.monotonic() < deadline, run
            time.sleep(0.3)

    def counts(self) -> dict[str, str]:
        """By run, what its job wrote into ``count`` each time that it ran."""
        files = (self.twin / "volumes").glob("**/results/*/count")
        return {file.parent.name: file.read_text() for file in files}

    def schedd(self, within: float = 30.0) -> int:
        """The pid of the access point's schedd, once there is one."""
        [master] = [one["pid"] for one in self.up["daemons"] if one["name"] == "condor_master@login"]
        deadline = time.monotonic() + within
        while True:
            for pid in processes.children(master):
                if processes.command_of(pid) == "condor_schedd":
                    return pid
            assert time.monotonic() < deadline, "no schedd"
            time.sleep(0.05)

    def killed(self) -> None:
        """Kill the schedd; its master starts another one."""
        pid = self.schedd()
        os.kill(pid, 9)
        assert processes.until(lambda: not Path(f"/proc/{pid}").exists(), within=10)

    def answers(self, within: float = 60.0) -> None:
        """Wait until the queue answers again."""
        deadline = time.monotonic() + within
        while self.says("timeout 5 condor_q >/dev/null 2>&1 && echo yes || echo no") != "yes\n":
            assert time.monotonic() < deadline, "the schedd does not come back"
            time.sleep(0.2)


@contextmanager
def pool(home: Path) -> Iterator[Pool]:
    """The pool, up and probed; down again whatever happens."""
    root = tree(HTCONDOR)
    person = Pool(home)
    try:
        person.up = person.json("twin", "up", str(SOBAN), "--root", root)
        person.types("probe", "soban")
        yield person
    finally:
        person.types("twin", "down", "--all")
