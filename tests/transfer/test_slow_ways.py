"""Over a way that was slow, what shrinks goes compressed; holes of files that come home are holes here."""

from __future__ import annotations

import os
import random
import shutil
import time
from pathlib import Path

import pytest

from jido.errors import CommandFailed
from jido.model.workspace import Workspace
from jido.transfer import files, links, tarball
from jido.transfer.pull import pull
from jido.transfer.push import push
from jido.transports.base import Transport
from jido.transports.local import Local

RUN = "train-한글-1"
HOST = "$(touch pwned) 호스트"
MB = 1_000_000


def test_what_was_slow_holds_for_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not links.slow(HOST)
    links.saw(HOST, 50 * MB, 10.0)
    assert (links.slow(HOST), links.slow("another")) == (True, False)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 90_000)
    assert not links.slow(HOST)


def test_a_quick_way_is_quick_again() -> None:
    links.saw(HOST, 50 * MB, 10.0)
    links.saw(HOST, 50 * MB, 0.5)
    assert not links.slow(HOST)


@pytest.mark.parametrize(("size", "seconds"), [(1000, 2.0), (3 * MB, 9.0), (5 * MB, 0.9)])
def test_what_is_small_or_soon_over_tells_nothing_of_the_way(size: int, seconds: float) -> None:
    links.saw(HOST, size, seconds)
    assert not links.slow(HOST)


def test_a_broken_memory_of_it_is_none() -> None:
    links.saw(HOST, 50 * MB, 10.0)
    [file] = links._file(HOST).parent.iterdir()
    file.write_bytes(b"{")
    assert not links.slow(HOST)


@pytest.fixture
def packed_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What gzip and rsync were called with, a line each; the real ones do the work."""
    said, toys = tmp_path / "said", tmp_path / "toys"
    toys.mkdir()
    for name in ("gzip", "rsync"):
        if real := shutil.which(name):
            (toys / name).write_text(f'#!/bin/sh\necho "{name} $*" >>\'{said}\'\nexec {real} "$@"\n')
            (toys / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{toys}:{os.environ['PATH']}")
    return said


def finished(workspace: Workspace) -> Path:
    results = Path(workspace.results(RUN))
    results.mkdir(parents=True)
    Path(workspace.role("logs")).mkdir()
    (results / "table 표.csv").write_text("1,2,3\n" * 50_000)
    return results


@pytest.mark.parametrize("slow", [True, False])
def test_results_come_compressed_over_a_slow_way_only(
    workspace: Workspace, project: Path, carrier: str, packed_by: Path, slow: bool
) -> None:
    remote = Local()
    results = finished(workspace)
    if slow:
        links.saw(remote.host, 50 * MB, 10.0)
    done = pull(remote, workspace, RUN, project)
    assert (done.files, done.by) == (1, carrier)
    assert (project / "results" / RUN / "table 표.csv").read_bytes() == (results / "table 표.csv").read_bytes()
    said = packed_by.read_text() if packed_by.exists() else ""
    assert (("rsync -z" if carrier == "rsync" else "gzip -1") in said) is slow


def test_a_tar_that_fails_before_gzip_is_not_taken_for_a_whole_one(
    workspace: Workspace, project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    remote = Local()
    from jido.transfer import rsync

    monkeypatch.setattr(rsync, "here", lambda: False)
    finished(workspace)
    links.saw(remote.host, 50 * MB, 10.0)
    toys = tmp_path / "toys"
    toys.mkdir()
    (toys / "tar").write_text('#!/bin/sh\n/bin/tar "$@"\necho "tar: the disk gave up" >&2\nexit 2\n')
    (toys / "tar").chmod(0o755)
    monkeypatch.setenv("PATH", f"{toys}:{os.environ['PATH']}")
    with pytest.raises(CommandFailed, match="the disk gave up"):
        pull(remote, workspace, RUN, project)


def test_a_push_over_a_slow_way_is_compressed_from_its_first_byte(
    workspace: Workspace, project: Path, packed_by: Path
) -> None:
    remote = Local()
    (project / "big.txt").write_text("epoch 1 loss 0.5\n" * 400_000)
    links.saw(remote.host, 50 * MB, 10.0)
    push(remote, project, workspace)
    assert "gzip -dc" in packed_by.read_text()
    assert (Path(workspace.role("code")) / "big.txt").read_bytes() == (project / "big.txt").read_bytes()


def test_holes_come_home_as_holes(workspace: Workspace, project: Path, remote: Transport, carrier: str) -> None:
    results = finished(workspace)
    with (results / "sparse.bin").open("wb") as file:
        file.write(b"begin")
        file.seek(64 << 20)
        file.write(b"middle")
        file.truncate(96 << 20)
    pull(remote, workspace, RUN, project)
    here = project / "results" / RUN / "sparse.bin"
    assert here.stat().st_blocks * 512 < 4 << 20
    with here.open("rb") as mine, (results / "sparse.bin").open("rb") as theirs:
        while block := theirs.read(1 << 20):
            assert mine.read(1 << 20) == block
        assert not mine.read(1)


@pytest.mark.parametrize("worth", [True, False])
def test_what_is_worth_compressing_is_judged_by_its_bytes_not_by_its_files(tmp_path: Path, worth: bool) -> None:
    text, noise = b"epoch 1 loss 0.5\n", random.Random(7).randbytes(64)
    for number in range(200):
        (tmp_path / f"small{number:03d}").write_bytes(noise if worth else text)
    (tmp_path / "zbig").write_bytes(text * 400_000 if worth else random.Random(7).randbytes(6 * MB))
    entries = files.code(tmp_path, ()).entries
    assert tarball.shrinks(os.fsencode(tmp_path), entries) is worth
