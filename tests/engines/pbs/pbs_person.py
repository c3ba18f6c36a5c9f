"""Somebody at a keyboard with an account on a toy PBS cluster behind a real sshd."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from tests.engines.pbs.toy_pbs import ToyPbs

from jido.cli.app import run
from jido.config import clusters
from jido.testing.sshd import Server

# What a shell, a table or PBS could stumble over.
HOSTILE = "내 프로젝트 'q\" $(touch pwned) `x` %j\n-n"

CLUSTER = "한라-1"


class Said(NamedTuple):
    """What jido printed."""

    stdout: str
    stderr: str


class PbsPerson:
    """She has a project with a hostile name here, and a home and a work folder there."""

    def __init__(self, top: Path, toy: ToyPbs, sshd: Server, caught: pytest.CaptureFixture[str]) -> None:
        self.toy, self._caught = toy, caught
        self.folder = top / HOSTILE
        self.work = top / "work 디스크 'w $(y)"
        for made in (self.folder, self.work):
            made.mkdir()
        self._address = msgspec.structs.replace(sshd.destination, work=str(self.work))
        clusters.put(CLUSTER, self._address)
        sshd.set_shell("/bin/bash")
        # bash reads it over ssh too, as a site's module system has it.
        sshd.home.mkdir(exist_ok=True)
        (sshd.home / ".bashrc").write_text(f'export PATH="{_quoted(str(toy.bin))}:$PATH"\n')

    def told(self) -> None:
        """Say that PBS runs jobs there, so that nothing need be probed."""
        clusters.put(CLUSTER, msgspec.structs.replace(self._address, engine="pbs"))

    def types(self, *words: str, code: int | None = 0) -> Said:
        """Run ``jido WORDS`` in this process, to save its start; None is any code."""
        self._caught.readouterr()
        with pytest.raises(SystemExit) as end:
            run(list(words))
        out, err = self._caught.readouterr()
        ended = end.value.code or 0
        assert code in (None, ended), f"jido {words}: code {ended}\n{out}\n{err}"
        return Said(out, err)

    def json(self, *words: str) -> Any:
        return json.loads(self.types(*words, "--json").stdout)

    def run(self, number: int | str = "last") -> Any:
        return self.json("story", str(number))["run"]


def _quoted(text: str) -> str:
    for odd in '\\"$`':
        text = text.replace(odd, "\\" + odd)
    return text


def until(holds: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)
