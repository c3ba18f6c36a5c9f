"""Pushes that are cut at any moment: no file is ever half-written, and the next push goes on where it stopped."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cutting import Cut, Fate

from jido.errors import JidoError
from jido.model.workspace import Workspace
from jido.transfer import files, incoming
from jido.transfer.push import push
from jido.transfer.snapshot import snapshot
from jido.transports.local import Local

CUTS = 125
SIZES = (0, 1, 511, 512, 513, 3000, 20_000, 90_000)


class There(Local):
    """The same machine, reached by a way that holds."""

    host = "there"

    def rsync_shell(self) -> None:
        return None


@pytest.mark.parametrize("seed", [20261123, 2, 3, 4])
def test_no_cut_leaves_a_half_file_and_every_push_goes_on(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming, "APPEND_BYTES", 10_000)
    pick = random.Random(seed)
    project = tmp_path / "pro ject 과제'"
    workspace = Workspace(str(tmp_path / "work $(touch pwned)"))
    code = Path(workspace.role("code"))
    # What each path may hold: what was pushed last, or any of what was on its way since.
    valid: dict[str, set[bytes]] = {}
    struck = went_on = number = 0
    while struck < CUTS:
        number += 1
        where = f"seed {seed}, number {number}"
        if number % 25 == 1:
            shutil.rmtree(workspace.root, ignore_errors=True)
            shutil.rmtree(project, ignore_errors=True)
            project.mkdir()
            valid = {}
        change(project, pick)
        add(valid, project)
        size = push(There(), project, workspace, dry_run=True).sent_bytes + 10_240
        toys = tmp_path / f"toys{number}"
        toys.mkdir()
        fate = Fate.drawn(pick, size)
        done = None
        if pick.random() < 0.2:
            fell = dies(lambda fate=fate, toys=toys: push(Cut(fate, toys, deadly=True), project, workspace))
        else:
            way = Cut(fate, toys)
            try:
                done = push(way, project, workspace)
            except JidoError:
                assert way.struck, f"{where}: it failed of itself"
            fell = done is None
        if fell:
            struck += 1
            for name, content in contents(code).items():
                assert content in valid[name], f"{where}, {fate}: {name} is half-written"
            if pick.random() < 0.3:
                # Somebody edits before the next push.
                change(project, pick)
            done = push(There(), project, workspace)
            went_on += any("went on" in note for note in done.notes)
        done = done or push(There(), project, workspace)
        assert done.tree == files.read(code, files.everything(code)).tree, f"{where}, {fate}"
        assert not list(Path(workspace.root, ".jido").glob("incoming*")), where
        if number % 10 == 0:
            assert Local().run(snapshot(workspace, done.tree, f"{number}")).ok
        valid = {name: {content} for name, content in contents(code).items()}
    assert went_on > CUTS / 10


def dies(call: Callable[[], object]) -> bool:
    """Do something in a process of its own; whether it was killed, as a laptop whose battery is empty."""
    child = os.fork()
    if child == 0:
        try:
            call()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def contents(folder: Path) -> dict[str, bytes]:
    """What lies in a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def add(valid: dict[str, set[bytes]], project: Path) -> None:
    """Note what may lie there from now on."""
    for name, content in contents(project).items():
        valid.setdefault(name, set()).add(content)


def change(project: Path, pick: random.Random) -> None:
    """Write, overwrite and remove some files."""
    for _ in range(pick.randrange(1, 6)):
        folder = project / pick.choice([".", "a", "a/b c", "-x", "한글"])
        if folder.is_file():
            folder.unlink()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"f{pick.randrange(6)}.py").write_bytes(pick.randbytes(pick.choice(SIZES)))
    there = [path for path in project.rglob("*") if path.is_file()]
    if len(there) > 4 and pick.random() < 0.5:
        pick.choice(there).unlink()
