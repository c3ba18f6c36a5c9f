"""Making the folders: nothing existing is moved or overwritten."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from jido.config.project import Project, find
from jido.errors import CommandFailed, InputError, Refused
from jido.layout import making, memory
from jido.layout.planning import Layout, plan
from jido.model.destination import Destination
from jido.model.workspace import ROLES, Workspace
from jido.transports.base import Transport, ask
from jido.transports.local import Local


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "pro ject $(touch pwned) 과제'\n"
    folder.mkdir()
    return find(folder)


@pytest.fixture
def layout(project: Project, tmp_path: Path) -> Layout:
    work = str(tmp_path / "-work $(touch pwned) '\"\n한")
    return plan(project, "aurora", Destination(host="h"), None, "me", work=work)


def test_the_folders_there(project: Project, layout: Layout, remote: Transport, tmp_path: Path) -> None:
    ask(remote, making.there(layout, project))
    root = Path(layout.workspace.root)
    assert {path.name for path in root.iterdir()} == {*ROLES, ".jido"}
    (root / "data" / "big").write_text("stays")
    ask(remote, making.there(layout, project))
    assert (root / "data" / "big").read_text() == "stays"
    assert not list(tmp_path.glob("**/pwned"))


def test_another_project_of_that_name_is_not_mixed_in(project: Project, layout: Layout, remote: Transport) -> None:
    ask(remote, making.there(layout, project))
    stranger = msgspec.structs.replace(project, folder=Path("/home/someone/digits"))
    with pytest.raises(Refused) as caught:
        ask(remote, making.there(layout, stranger))
    assert str(project.folder).strip() in caught.value.cause
    assert "--join" in caught.value.hint
    ask(remote, making.there(layout, stranger, join=True))
    ask(remote, making.there(layout, stranger))


def test_many_at_once_lay_it_out_and_of_strangers_one_does(project: Project, layout: Layout, tmp_path: Path) -> None:
    strangers = [msgspec.structs.replace(project, folder=Path(f"/home/{n}/digits")) for n in range(3)]

    def lay_out(one: Project, root: Path) -> bool:
        place = msgspec.structs.replace(layout, workspace=Workspace(str(root)))
        try:
            ask(Local(), making.there(place, one))
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(9) as pool:
        for n in range(10):
            same = pool.map(lay_out, [project] * 9, [tmp_path / f"same {n}"] * 9)
            other = pool.map(lay_out, strangers * 3, [tmp_path / f"other {n}"] * 9)
            assert all(same)
            assert sum(other) == 3
            assert sorted(path.name for path in (tmp_path / f"other {n}" / ".jido").iterdir()) == ["origin"]


def test_a_place_where_nothing_can_be_made(project: Project, layout: Layout, remote: Transport) -> None:
    nowhere = msgspec.structs.replace(layout, workspace=Workspace("/proc/nothing/digits"))
    with pytest.raises(CommandFailed) as caught:
        ask(remote, making.there(nowhere, project))
    assert "--work DIR" in caught.value.hint


def test_the_folders_here(project: Project) -> None:
    missing = making.missing_here(project)
    assert (missing.folders, missing.file) == (("data", "logs", "checkpoints", "results"), True)
    making.here(project, missing, name="digits", cluster="aurora")
    found = find(project.folder)
    assert (found.name, found.cluster) == ("digits", "aurora")
    assert (project.folder / ".gitignore").read_text().splitlines()[1:] == [
        "/data/",
        "/logs/",
        "/checkpoints/",
        "/results/",
    ]
    again = making.missing_here(found)
    assert (again.folders, again.file, again.ignore) == ((), False, ())


def test_what_exists_here_stays(project: Project) -> None:
    folder = project.folder
    (folder / "data").symlink_to("/mnt/big")
    (folder / "results").write_text("a file of that name")
    (folder / "jido.toml").write_text("# mine\n")
    (folder / ".gitignore").write_bytes(b"data\r\n*.pyc")
    making.here(project, making.missing_here(project), name="other", cluster="")
    assert (folder / "data").is_symlink()
    assert (folder / "results").read_text() == "a file of that name"
    assert (folder / "jido.toml").read_text() == "# mine\n"
    lines = (folder / ".gitignore").read_bytes().split(b"\r\n")
    assert lines[:2] == [b"data", b"*.pyc"]
    assert b"/data/" not in lines
    assert b"/logs/" in lines


def test_a_package_called_data_is_not_ignored(project: Project) -> None:
    (project.folder / "data").mkdir()
    (project.folder / "data" / "__init__.py").write_text("")
    assert "/data/" not in making.missing_here(project).ignore


def test_a_folder_that_cannot_be_written(project: Project) -> None:
    gone = msgspec.structs.replace(project, folder=Path("/proc/nothing"))
    with pytest.raises(InputError):
        making.here(gone, making.missing_here(gone), name="x", cluster="")


def test_a_place_is_remembered_whatever_its_name(project: Project, layout: Layout) -> None:
    assert memory.recall("aurora", project) is None
    hostile = Workspace(layout.workspace.root + "/\udcff")
    memory.remember("aurora", project, hostile)
    assert memory.recall("aurora", project) == hostile
    assert memory.recall("ariel", project) is None
