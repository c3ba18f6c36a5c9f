"""Where jido keeps things on this machine, and that nobody else reads along."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jido.config import places
from jido.errors import JidoError


def test_one_variable_moves_everything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = tmp_path / "it's $(x) 한글"
    monkeypatch.setenv("JIDO_HOME", str(home))
    assert places.config() == home / "config"
    assert places.state() == home / "state"
    monkeypatch.setenv("JIDO_HOME", "~/j")
    assert places.state() == Path.home() / "j" / "state"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JIDO_HOME", "relative")
    assert places.state() == tmp_path / "relative" / "state"


def test_the_xdg_folders_are_used_otherwise(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JIDO_HOME")
    assert places.config() == Path.home() / ".config" / "jido"
    assert places.state() == Path.home() / ".local" / "state" / "jido"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "c"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "s"))
    assert places.config() == tmp_path / "c" / "jido"
    assert places.state() == tmp_path / "s" / "jido"


def test_the_runtime_folder_is_private_and_short(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = places.runtime()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert folder.stat().st_uid == os.getuid()
    assert len(os.fsencode(folder)) < 60
    assert places.runtime() == folder


def test_each_home_has_a_runtime_folder_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here = places.runtime()
    monkeypatch.setenv("JIDO_HOME", str(tmp_path / ("long" * 50)))
    there = places.runtime()
    try:
        assert there != here
        assert len(os.fsencode(there)) < 60
    finally:
        there.rmdir()


def test_the_sessions_own_runtime_folder_is_taken_where_it_is_short(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.delenv("JIDO_HOME")
    short = Path(f"/tmp/xdg-{os.getpid()}")
    short.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    try:
        assert places.runtime() == short / "jido"
    finally:
        (short / "jido").rmdir()
        short.rmdir()


@pytest.mark.parametrize("what", ["readable by others", "a file", "a link"])
def test_a_runtime_folder_that_is_not_private_is_refused(what: str, tmp_path: Path) -> None:
    folder = places.runtime()
    folder.rmdir()
    if what == "readable by others":
        folder.mkdir()
        folder.chmod(0o755)
    elif what == "a file":
        folder.write_text("")
    else:
        (tmp_path / "mine").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "mine")
    try:
        with pytest.raises(JidoError) as caught:
            places.runtime()
        assert str(folder) in caught.value.what
        assert "remove it" in caught.value.hint
    finally:
        folder.rmdir() if folder.is_dir() and not folder.is_symlink() else folder.unlink()


def test_what_takes_a_files_place_has_a_name_of_its_own_in_each_thread(tmp_path: Path) -> None:
    file = tmp_path / "한 글 $(x).json"
    ready = threading.Barrier(4)

    def name(_: int) -> Path:
        ready.wait(10)
        return places.beside(file)

    with ThreadPoolExecutor(4) as pool:
        names = set(pool.map(name, range(4)))
    assert len(names) == 4
    assert {one.parent for one in names} == {tmp_path}
