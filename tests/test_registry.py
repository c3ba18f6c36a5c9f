"""The tables of plug-in kinds, and what other packages add to them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from jido import registry
from jido.errors import NotFound


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path where packages can be installed."""
    folder = tmp_path / "site packages 한"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def install(folder: Path, entry_points: str) -> None:
    info = folder / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)
    (folder / "their_engine.py").write_text("class Theirs: ...\n")


def test_an_installed_package_adds_an_engine(elsewhere: Path) -> None:
    assert "theirs" not in registry.names("engine")
    install(elsewhere, "[jido.engines]\ntheirs = their_engine:Theirs\n")
    assert "theirs" in registry.names("engine")
    assert registry.load("engine", "theirs").__name__ == "Theirs"


def test_packages_that_add_something_else_are_not_ours(elsewhere: Path) -> None:
    install(elsewhere, "[console_scripts]\ntheirs = their_engine:Theirs\n")
    assert registry.names("engine") == sorted(registry.ENGINES)


def test_what_lies_on_the_path_and_is_no_folder_does_no_harm(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (elsewhere / "file").write_text("")
    (elsewhere / "empty-1.0.dist-info").mkdir()
    (elsewhere / "file-1.0.egg-info").write_text("")
    for strange in (elsewhere / "file", elsewhere / "gone"):
        monkeypatch.setattr(sys, "path", [str(strange), *sys.path])
    assert registry.names("storage") == sorted(registry.STORAGE)


def test_a_name_that_is_not_there_suggests_the_nearest() -> None:
    with pytest.raises(NotFound) as caught:
        registry.load("engine", "slrum")
    assert "slurm" in (caught.value.hint or "")
