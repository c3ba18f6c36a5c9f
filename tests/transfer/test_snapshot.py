"""Snapshots: what is queued is what was submitted, and runs never meet."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from hostile_names import write

from jido.model.workspace import Workspace
from jido.transfer import files
from jido.transfer.push import push
from jido.transfer.snapshot import STALE, snapshot
from jido.transports.base import Transport
from jido.transports.local import Local

LINKS = {"data", "checkpoints", "results", "logs"}


def tree(folder: Path) -> str:
    """The tree of a run's code without the links that were added."""
    found = files.read(folder, files.everything(folder))
    entries = tuple(entry for entry in found.entries if os.fsdecode(entry.path) not in LINKS)
    return files.Manifest(entries).tree


def test_a_run_has_exactly_what_was_pushed(
    project: Path, workspace: Workspace, remote: Transport, tmp_path: Path
) -> None:
    pushed = push(remote, project, workspace)
    write(Path(workspace.role("code")), b"left by hand.txt")
    run = "3 한글 $(touch pwned)"
    remote.run(snapshot(workspace, pushed.tree, run)).check("taking a snapshot")
    assert tree(Path(workspace.run_code(run))) == pushed.tree
    assert not list(tmp_path.glob("**/pwned"))


def test_what_is_pushed_later_does_not_reach_a_queued_run(project: Path, workspace: Workspace) -> None:
    first = push(Local(), project, workspace)
    Local().run(snapshot(workspace, first.tree, "1")).check("")
    (project / "train.py").write_text("later")
    second = push(Local(), project, workspace)
    Local().run(snapshot(workspace, second.tree, "2")).check("")
    assert tree(Path(workspace.run_code("1"))) == first.tree
    assert tree(Path(workspace.run_code("2"))) == second.tree


def test_runs_of_equal_code_share_its_files_and_cannot_write_into_them(project: Path, workspace: Workspace) -> None:
    pushed = push(Local(), project, workspace)
    for run in ("1", "2"):
        Local().run(snapshot(workspace, pushed.tree, run)).check("")
    one, two = (Path(workspace.run_code(run)) / "train.py" for run in ("1", "2"))
    assert one.samefile(two)
    assert one.stat().st_mode & 0o222 == 0
    (one.parent / "made by the run").write_text("folders can be written to")
    (one.parent / "deep" / "too").write_text("inner ones as well")
    assert not (two.parent / "made by the run").exists()


def test_a_snapshot_outlives_the_code(project: Path, workspace: Workspace) -> None:
    pushed = push(Local(), project, workspace)
    Local().run(snapshot(workspace, pushed.tree, "1")).check("")
    shutil.rmtree(workspace.role("code"))
    Local().run(snapshot(workspace, pushed.tree, "2")).check("")
    assert tree(Path(workspace.run_code("2"))) == pushed.tree


def test_code_that_is_not_there_is_refused_and_nothing_is_left(project: Path, workspace: Workspace) -> None:
    push(Local(), project, workspace)
    reply = Local().run(snapshot(workspace, "f" * 24, "1"))
    assert reply.code == STALE
    assert "push again" in reply.complaint
    assert list(Path(workspace.role("snapshots")).iterdir()) == []
    assert list(Path(workspace.run("1")).iterdir()) == []


def test_twice_is_once(project: Path, workspace: Workspace) -> None:
    pushed = push(Local(), project, workspace)
    command = snapshot(workspace, pushed.tree, "1")
    Local().run(command).check("")
    write(Path(workspace.run_code("1")), b"made by the run")
    Local().run(command).check("")
    assert (Path(workspace.run_code("1")) / "made by the run").exists()


def test_many_at_once(project: Path, workspace: Workspace) -> None:
    pushed = push(Local(), project, workspace)
    runs = [str(number) for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(lambda run: Local().run(snapshot(workspace, pushed.tree, run)), runs))
    assert [reply.code for reply in replies] == [0] * 12
    assert [path.name for path in Path(workspace.role("snapshots")).iterdir()] == [pushed.tree]
    assert {tree(Path(workspace.run_code(run))) for run in runs} == {pushed.tree}
    assert {path.name for run in runs for path in Path(workspace.run(run)).iterdir()} == {"code"}


def test_relative_paths_of_a_beginner_work_and_do_not_meet(project: Path, workspace: Workspace) -> None:
    write(project, b"results/kept here.txt")
    pushed = push(Local(), project, workspace)
    for run in ("1", "2"):
        Local().run(snapshot(workspace, pushed.tree, run)).check("")
        code = Path(workspace.run_code(run))
        for role in ("results", "checkpoints", "logs"):
            (code / role / "file").write_text(run)
    assert (Path(workspace.results("1")) / "file").read_text() == "1"
    assert (Path(workspace.checkpoints("2")) / "file").read_text() == "2"
    assert (Path(workspace.run_code("1")) / "data").readlink() == Path(workspace.role("data"))


def test_a_package_called_data_stays_a_package(project: Path, workspace: Workspace) -> None:
    write(project, b"data/__init__.py")
    pushed = push(Local(), project, workspace)
    Local().run(snapshot(workspace, pushed.tree, "1")).check("")
    assert (Path(workspace.run_code("1")) / "data" / "__init__.py").is_file()


@pytest.mark.parametrize("missing", ["cp -al", "tar --null", "mv -T", "find -cnewer"])
def test_lesser_tools_do(project: Path, workspace: Workspace, tmp_path: Path, missing: str) -> None:
    """Tools of other systems, or a file system without hard links: toy programs that lack an option."""
    program, option = missing.split(" ")
    real = shutil.which(program)
    toy = tmp_path / "bin" / program
    toy.parent.mkdir()
    toy.write_text(
        f'#!/bin/sh\nfor word do case $word in {option}) echo "{program}: no such option" >&2; exit 1;; esac; done\n'
        f'exec {real} "$@"\n'
    )
    toy.chmod(0o755)
    pushed = push(Local(), project, workspace)
    command = snapshot(workspace, pushed.tree, "1")
    command = msgspec.structs.replace(command, env={"PATH": f"{toy.parent}:{os.environ['PATH']}"})
    Local().run(command).check("")
    assert tree(Path(workspace.run_code("1"))) == pushed.tree
    assert sorted(path.name for path in Path(workspace.run("1")).iterdir()) == ["code"]
    assert (Path(workspace.run_code("1")) / "data").is_symlink()


def test_what_has_not_changed_costs_no_copy(project: Path, workspace: Workspace, remote: Transport) -> None:
    write(project, b"pack\n age/keep.py", b"kept")
    first = push(remote, project, workspace)
    remote.run(snapshot(workspace, first.tree, "1")).check("")
    # Two pushes between two snapshots: what each of them changed is copied, nothing else.
    (project / "train.py").write_text("second")
    (project / "pack\n age" / "new.py").write_text("new")
    push(remote, project, workspace)
    (project / "empty").unlink()
    (project / "run.sh").chmod(0o644)
    (project / "dangling").unlink()
    (project / "dangling").write_text("a file now")
    third = push(remote, project, workspace)
    remote.run(snapshot(workspace, third.tree, "3")).check("")
    assert tree(Path(workspace.run_code("3"))) == third.tree
    assert tree(Path(workspace.run_code("1"))) == first.tree
    one, three = (Path(workspace.role("snapshots"), one.tree) for one in (first, third))
    same = {path.relative_to(one) for path in one.rglob("*") if path.is_file() and not path.is_symlink()}
    for name in same - {Path("train.py"), Path("empty"), Path("run.sh"), Path("dangling")}:
        assert (one / name).samefile(three / name), name
    for name in ("train.py", "run.sh"):
        assert not (one / name).samefile(three / name)


def test_what_lies_there_by_hand_under_a_name_that_is_gone_is_no_part_of_a_snapshot(
    project: Path, workspace: Workspace
) -> None:
    push(Local(), project, workspace)
    Local().run(snapshot(workspace, push(Local(), project, workspace).tree, "1")).check("")
    (project / "empty").unlink()
    done = push(Local(), project, workspace)
    write(Path(workspace.role("code")), b"empty", b"by hand")
    Local().run(snapshot(workspace, done.tree, "2")).check("")
    assert tree(Path(workspace.run_code("2"))) == done.tree


def test_snapshots_go_when_no_run_needs_them_and_never_before(project: Path, workspace: Workspace) -> None:
    trees: list[str] = []

    def submit(run: str) -> list[str]:
        (project / "train.py").write_text(run)
        trees.append(push(Local(), project, workspace).tree)
        Local().run(snapshot(workspace, trees[-1], run)).check("")
        there = {path.name for path in Path(workspace.role("snapshots")).iterdir()}
        return [run for run, tree in enumerate(trees) if tree in there]

    def end(run: str, days: int) -> None:
        file = Path(workspace.run(run), "exit.json")
        file.write_text("{}")
        at = file.stat().st_mtime - days * 86400
        os.utime(file, (at, at))

    for run in ("0", "1 $(touch pwned)", "2", "3"):
        submit(run)
    # The first ended long ago, the second lately, the others were not seen to end.
    end("0", 30)
    end("1 $(touch pwned)", 3)
    assert submit("4") == [1, 2, 3, 4]
    end("2", 15)
    end("1 $(touch pwned)", 15)
    shutil.rmtree(workspace.run("3"))
    assert submit("5") == [4, 5]
    assert (Path(workspace.run_code("0")) / "train.py").read_text() == "0", "the run keeps its own tree"
    assert sorted(path.name for path in Path(workspace.root, ".jido", "uses").iterdir()) == sorted(trees[4:])
