"""The command line as a person meets it: words in, stdout, stderr and an exit code out."""

from __future__ import annotations

import pytest
from spoken import Jido, Said

from jido.cli.app import run


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
