"""What the tests on the twin with small disks share; `on_sokcho` brings it up."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from tests.e2e.conftest import HOSTILE, Person

FIRST, SECOND, FULL = "sokcho-g1", "sokcho-g2", "sokcho-g3"
SMALL, LARGE = "/local_datasets", "/data2/local 'q\" $(touch pwned) 한글"


def fresh(person: Person, folder: Path) -> Person:
    """The person in a new project, with the nodes' disks as they were."""
    person.folder = folder / f"{folder.name} {HOSTILE}"
    person.folder.mkdir()
    shell(person, "srun -N3 sh -c 'rm -rf /local_datasets/*/jido-data-* /data2/*/jido-data-*'")
    return person


def shell(person: Person, line: str) -> str:
    """What a shell line prints on the login node."""
    config = person.home / "jido/state/twins/sokcho/ssh_config"
    done = subprocess.run(
        ["ssh", "-F", str(config), "sokcho", line], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done
    return done.stdout


def on(node: str, *more: str) -> tuple[str, ...]:
    return ("--on", "sokcho", "--extra", f"--nodelist={node}", *more)


def until_said(person: Person, line: str) -> str:
    """What a line prints as soon as it prints anything; time is only a bound."""
    deadline = time.monotonic() + 90
    while not (said := shell(person, f"{line} 2>/dev/null; :")):
        assert time.monotonic() < deadline, line
    return said
