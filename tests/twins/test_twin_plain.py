"""Where namespaces cannot be had: the same twin, less true to its cluster, and it says so."""

import os
import shutil
import signal
from pathlib import Path

import pytest
from by_hand import said, small

from jido.twins import TwinState, down, look, processes, state, up
from jido.twins import folder as folders

pytestmark = pytest.mark.twin


@pytest.fixture
def plain(folder: Path) -> TwinState:
    return up(small(), folder, plain=True)


def test_it_comes_up_and_says_what_differs(plain: TwinState) -> None:
    assert plain.healthy
    assert plain.mode == "plain"
    assert any("without namespaces (asked for)" in note for note in plain.notes)
    assert plain.volumes["/data"].is_dir()


def test_jobs_run_with_gpus_on_nodes_of_their_names(plain: TwinState) -> None:
    job = "srun -N2 --gres=gpu:1 sh -c 'echo $SLURMD_NODENAME $CUDA_VISIBLE_DEVICES' | sort"
    assert said(plain, job).split() == ["small-n1", "0", "small-n2", "0"]


def test_sessions_begin_in_the_twins_home(plain: TwinState) -> None:
    said(plain, "touch here")
    assert (plain.volumes["/home"] / plain.user / "here").exists()


def test_down_leaves_nothing_however_detached(plain: TwinState) -> None:
    said(
        plain,
        "sbatch -o /dev/null --wrap 'sleep 600 & setsid sleep 600 & wait'; nohup setsid sleep 600 >/dev/null 2>&1 &",
    )
    assert processes.until(lambda: "R" in said(plain, "squeue -h -o %t"), within=20)
    record = state.read(plain.folder / folders.STATE)
    assert record
    mine = processes.with_environment(f"JIDO_TWIN={record.token}")
    assert len(mine) > 5
    down(plain.folder)
    assert [process for process in mine if processes.is_alive(process)] == []
    assert processes.with_environment(f"JIDO_TWIN={record.token}") == []
    assert not Path(record.short).exists()
    assert not plain.folder.exists()


def test_what_outlived_a_killed_keeper_is_found(plain: TwinState) -> None:
    said(plain, "sbatch -o /dev/null --wrap 'sleep 600'")
    assert processes.until(lambda: "R" in said(plain, "squeue -h -o %t"), within=20)
    record = state.read(plain.folder / folders.STATE)
    assert record
    below = [process for pid in processes.descendants(record.keeper.pid) if (process := processes.identify(pid))]
    assert "slurmstepd" in [processes.command_of(process.pid) for process in below]
    os.kill(record.keeper.pid, signal.SIGKILL)
    assert processes.wait_gone([record.keeper], within=10) == []
    assert not look(plain.folder).running
    down(plain.folder)
    assert processes.with_environment(f"JIDO_TWIN={record.token}") == []
    # The title that slurmstepd gives itself has overwritten its environment, the token with it.
    assert [process for process in below if processes.is_alive(process)] == []


def bwrap_that(does: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "bwrap").write_text(f"#!/bin/sh\n{does}\n")
    (tools / "bwrap").chmod(0o755)
    monkeypatch.setattr("jido.twins.views.PATH", f"{tools}:/usr/bin:/bin:/usr/sbin:/sbin")
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")


def test_it_is_what_one_gets_where_user_namespaces_are_forbidden(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bwrap_that("echo 'bwrap: No permissions to create new namespace' >&2; exit 1", tmp_path, monkeypatch)
    twin = up(small(), folder)
    assert twin.mode == "plain"
    assert twin.healthy
    assert any("No permissions to create new namespace" in note for note in twin.notes)


def test_it_is_what_one_gets_where_namespaces_cannot_be_nested(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shutil.which("bwrap")
    forbids = f'REAL={real}; case "$1" in --args) echo "bwrap: no nesting" >&2; exit 1;; esac; exec "$REAL" "$@"'
    bwrap_that(forbids, tmp_path, monkeypatch)
    twin = up(small(), folder)
    assert twin.mode == "plain"
    assert twin.healthy
    assert any("no nesting" in note for note in twin.notes)
