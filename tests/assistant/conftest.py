"""A person with a project of a hostile name, whose assistants are connected over stdio."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest
from tests.assistant.clients import Assistant, assistant

HOSTILE = "내 '연구' \"x\" $(touch pwned) `rm -rf ~`\n-n {braces} %j"

Connect = Callable[..., Assistant]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a project."""
    folder = tmp_path / HOSTILE.replace("/", "_")
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def connect(project: Path, jido_home: Path, tmp_path: Path) -> Iterator[Connect]:
    """Connect an assistant to a server of its own: ``connect("--allow")``."""
    numbers = count(1)
    with ExitStack() as stack:

        def call(*options: str, path: str = "") -> Assistant:
            env = {"JIDO_HOME": str(jido_home), "LANG": "C.UTF-8", "JIDO_SPOOL_IDLE": "0.5"}
            env |= {"HOME": os.environ["HOME"], "PATH": os.pathsep.join(filter(None, (path, os.environ["PATH"])))}
            talk = tmp_path / f"stderr-{next(numbers)}"
            return stack.enter_context(assistant(env, project, talk, *options))

        yield call


@pytest.fixture
def toy_ssh(tmp_path: Path) -> Path:
    """A folder with an ``ssh`` that counts its calls, waits for a gate where there is one, and reaches nobody."""
    folder = tmp_path / "toys"
    folder.mkdir()
    ssh = folder / "ssh"
    ssh.write_text(
        f"""#!/bin/sh
case " $* " in
*" -G "*) echo "hostname $0"; exit 0 ;;
esac
echo "$$" >>'{folder}/calls'
while [ -e '{folder}/gate' ]; do sleep 0.05; done
echo 'ssh: connect to host far port 22: No route to host' >&2
exit 255
"""
    )
    ssh.chmod(0o755)
    return folder
