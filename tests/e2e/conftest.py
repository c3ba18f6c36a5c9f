"""jido as its users meet it: the command line, on a real Slurm twin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.real_twins import need_parts

HANOK = Path(__file__).with_name("hanok.yaml")
SOKCHO = Path(__file__).with_name("sokcho.yaml")
# Twice everything a shell, a table or Slurm's own file patterns could stumble over.
HOSTILE = "내 프로젝트 'q\" $(touch pwned) `x` %j\n-n"


class Person:
    """Somebody at a keyboard: a home, a JIDO_HOME, a folder she is in."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "project"
        self.folder.mkdir(parents=True)
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "JIDO_HOME": str(home / "jido"),
            "LANG": "C.UTF-8",
            "JIDO_SPOOL_IDLE": "0.5",
        }

    def start(self, *words: str, cwd: Path | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "jido", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.env,
            cwd=cwd or self.folder,
        )

    def types(self, *words: str, code: int = 0, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run ``jido WORDS`` to its end; what it says is shown when the code is not the one expected."""
        process = self.start(*words, cwd=cwd)
        try:
            out, err = process.communicate(timeout=120)
        except BaseException:
            process.kill()
            raise
        assert process.returncode == code, f"jido {words}: code {process.returncode}\n{out}\n{err}"
        assert "Traceback" not in err
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def json(self, *words: str) -> Any:
        return json.loads(self.types(*words, "--json").stdout)

    def run(self, number: int | str = "last") -> Any:
        return self.json("story", str(number))["run"]


@pytest.fixture(scope="session")
def on_twin(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Person]:
    """A person with a twin that was brought up and probed; shared by the tests, so leave it healthy.

    A parameter is the tree whose programs the twin runs.
    """
    person = Person(tmp_path_factory.mktemp("person"))
    try:
        person.types("twin", "up", str(HANOK), "--root", getattr(request, "param", None) or "/")
        person.types("probe", "hanok")
        yield person
    finally:
        person.types("twin", "down", "--all")


@pytest.fixture
def person(on_twin: Person, tmp_path: Path) -> Person:
    """The person in a new project folder with a hostile name."""
    # The folder's name becomes the project's on the cluster, which all tests share.
    on_twin.folder = tmp_path / f"{tmp_path.name} {HOSTILE}"
    on_twin.folder.mkdir()
    return on_twin


@pytest.fixture(scope="session")
def on_sokcho(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """A person with the twin whose nodes have small disks; looked at from inside, so that the map knows these."""
    need_parts()
    person = Person(tmp_path_factory.mktemp("person"))
    try:
        person.types("twin", "up", str(SOKCHO))
        person.types("probe", "sokcho", "--compute")
        yield person
    finally:
        person.types("twin", "down", "--all")


@pytest.fixture
def alone(tmp_path: Path) -> Person:
    """A person with nothing but this machine."""
    return Person(tmp_path / "home")


@pytest.fixture
def tiny_wheel(tmp_path: Path) -> Path:
    """A real wheel of a package with one module."""
    import zipfile

    wheel = tmp_path / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny.py", "answer = 42\n")
        archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr(
            "tiny-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(
            "tiny-1.0.dist-info/RECORD",
            "tiny.py,,\ntiny-1.0.dist-info/METADATA,,\ntiny-1.0.dist-info/WHEEL,,\ntiny-1.0.dist-info/RECORD,,\n",
        )
    return wheel
