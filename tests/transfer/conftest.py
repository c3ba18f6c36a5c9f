"""A project with every name that ever broke a tool, and a workspace with another such name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hostile_names import NAMES, write

from jido.model.workspace import Workspace
from jido.transfer import delivery, rsync


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "pro ject $(touch pwned) 과제'\"\n-x"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        write(folder, name, b"%d %s" % (number, name))
    write(folder, b"run.sh", b"#!/bin/sh\n").chmod(0o755)
    write(folder, b"empty", b"")
    (folder / os.fsdecode(b"link \xff")).symlink_to("train.py")
    (folder / "dangling").symlink_to("no\nwhere")
    return folder


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(str(tmp_path / "work $(touch pwned) 작업'\"\n-y" / "-proj:ect"))


@pytest.fixture(params=["rsync", "tar"])
def carrier(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to carry files; without rsync as on a machine that lacks it."""
    if request.param == "tar":
        monkeypatch.setattr(rsync, "here", lambda: False)
    elif not rsync.here():
        pytest.skip("rsync is not installed")
    else:
        monkeypatch.setattr(delivery, "DELTA_BYTES", 0)
    return str(request.param)
