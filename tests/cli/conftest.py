"""The command line as a person meets it: words in, stdout, stderr and an exit code out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from jido.cli.app import run


class Said(NamedTuple):
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Jido = Callable[..., Said]


@pytest.fixture
def jido(capfd: pytest.CaptureFixture[str]) -> Jido:
    """Run ``jido WORDS`` in this process."""

    def call(*words: str) -> Said:
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            run(list(words))
        code = end.value.code
        return Said(code if isinstance(code, int) else 1, *capfd.readouterr())

    return call
