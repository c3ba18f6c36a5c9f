"""Copies of environments on a node's own disk: packed once, unpacked once, run from there; pip, uv, tar are real."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest
from tests.jobs.environment_ground import HOSTILE, PIP, Ground, Job, with_wheel

from jido.config.project import Project

LOCAL = PIP + "local = true\n"
PREFIX = ("python", "-c", "import tiny, sys; print(tiny.answer, 'in', sys.prefix)")


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    made = tmp_path / f"disk {HOSTILE}"
    made.mkdir()
    return made


@pytest.fixture
def ground(tmp_path: Path, disk: Path) -> Ground:
    return Ground(tmp_path / "ground", disk)


def wanted(ground: Ground, toml: str = LOCAL, name: str = "p") -> Project:
    return with_wheel(ground, toml, name, requirements__txt="tiny==1.0\n")


def copies(disk: Path) -> list[Path]:
    return [done.parent for done in disk.glob("jido-data-*/*/done")]


def the_copy(disk: Path) -> Path:
    [found] = copies(disk)
    return found / "files"


def archives(ground: Ground) -> list[Path]:
    return [path for path in ground.envs.glob("*/*") if path.name.endswith((".tar", ".tar.zst"))]


def put_on_path(ground: Ground, tool: str) -> None:
    found = shutil.which(tool) or str(Path(sys.executable).with_name(tool))
    if not Path(found).exists():
        pytest.skip(f"not installed: {tool}")
    (ground.bin / tool).symlink_to(found)


@pytest.mark.parametrize("tools", [(), ("zstd",), ("uv", "zstd")], ids=["pip", "pip-zstd", "uv-zstd"])
def test_ten_jobs_at_once_build_pack_and_unpack_once(ground: Ground, disk: Path, tools: tuple[str, ...]) -> None:
    for tool in tools:
        put_on_path(ground, tool)
    project = wanted(ground)
    logs = [job.ended() for job in [ground.job(project, *PREFIX) for _ in range(10)]]
    for words in ("building the environment", "packing the environment", ": unpacking in "):
        assert sum(words in log for log in logs) == 1, words
    copy = the_copy(disk)
    assert all(f"\n42 in {copy}\n" in f"\n{log}" for log in logs), logs
    again = ground.run(project, *PREFIX)
    assert f"42 in {copy}" in again
    for words in ("building", "packing", "unpacking"):
        assert words not in again
    [archive] = archives(ground)
    assert archive.name.endswith(".tar.zst" if "zstd" in tools else ".tar")
    left = {path.name.rpartition(".")[2] for path in archive.parent.iterdir()} & {"packing", "log", "lock", "beat"}
    assert not left
    assert not list(ground.folder.rglob("pwned"))
    assert not list(disk.rglob("pwned"))


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_interpreter_scripts_and_activation_are_those_of_the_copy(ground: Ground, disk: Path, tool: str) -> None:
    if tool == "uv":
        put_on_path(ground, "uv")
    line = (
        "tiny-say; command -v tiny-say; echo $VIRTUAL_ENV; echo $JIDO_ENV; "
        '. "$VIRTUAL_ENV/bin/activate"; command -v python; python -c "import sys; print(sys.executable)"'
    )
    log = ground.run(wanted(ground), "sh", "-c", line)
    copy = the_copy(disk)
    # What was built is out of the way: nothing that ran had it.
    assert f"said by {copy}/bin/python" in log
    assert f" in {copy}\n{copy}/bin/tiny-say\n{copy}\n{copy}\n{copy}/bin/python\n{copy}/bin/python" in log
    built = archives(ground)[0].name.partition(".tar")[0]
    [folder] = ground.envs.glob(f"*/{built}")
    mention = [
        path.relative_to(copy)
        for path in copy.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and folder.name.encode() in path.read_bytes()
    ]
    assert [path for path in mention if ".dist-info/" not in str(path)] == []
    folder.rename(folder.with_name("elsewhere"))
    folder.mkdir()
    assert f"said by {copy}/bin/python" in ground.run(wanted(ground), "tiny-say")


def test_what_was_built_without_is_packed_by_the_first_job_that_wants_a_copy(ground: Ground, disk: Path) -> None:
    at_work = ground.run(wanted(ground, PIP), *PREFIX)
    assert "building" in at_work
    assert f"42 in {ground.envs}/" in at_work
    assert not archives(ground)
    assert not copies(disk)
    log = ground.run(wanted(ground), *PREFIX)
    assert "building" not in log
    assert "packing the environment" in log
    assert f"42 in {the_copy(disk)}" in log
    # And whoever does not want one still has the other.
    assert f"42 in {ground.envs}/" in ground.run(wanted(ground, PIP), *PREFIX)


def test_an_environment_that_is_built_anew_is_another_copy(ground: Ground, disk: Path) -> None:
    ground.run(wanted(ground), "true")
    first = the_copy(disk)
    shutil.rmtree(ground.envs)
    assert "unpacking" in ground.run(wanted(ground), *PREFIX)
    assert len(copies(disk)) == 2
    assert first.exists()


def test_one_that_names_its_own_place_stays_there_and_says_which_file(ground: Ground, disk: Path) -> None:
    ground.run(wanted(ground, PIP), "sh", "-c", 'echo "$JIDO_ENV" >"$JIDO_RESULTS/env"')
    [tag] = [path for path in ground.envs.glob("*/py*") if path.is_symlink()]
    built = tag.resolve()
    (built / "lib" / "own.cfg").write_text(f"here = {built}\n")
    for _ in range(2):
        log = ground.run(wanted(ground), *PREFIX)
        assert "is used from the shared disk, because: lib/own.cfg names the folder that it was built in" in log
        assert f"42 in {tag}" in log
    # The second did not try again.
    assert "packing" not in log
    assert not archives(ground)
    assert not copies(disk)


def test_without_a_disk_of_the_nodes_own_nothing_is_packed(tmp_path: Path) -> None:
    bare = Ground(tmp_path / "ground", tmp_path / "not there")
    log = bare.run(wanted(bare), *PREFIX)
    assert "has no disk of its own that is known" in log
    assert f"42 in {bare.envs}/" in log
    assert not archives(bare)


def test_a_packing_that_fails_leaves_the_job_with_what_was_built(ground: Ground, disk: Path) -> None:
    ground.toy("zstd", "echo 'zstd: no space left' >&2; exit 1\n")
    log = ground.run(wanted(ground), *PREFIX)
    assert "it could not be packed: OSError: zstd ended with code 1" in log or "Broken pipe" in log
    assert "is used from the shared disk, because: it is not packed" in log
    assert f"42 in {ground.envs}/" in log
    assert not copies(disk)
    assert not [path for path in ground.envs.glob("*/*") if path.name.endswith((".packing", ".lock", ".log"))]
    # The next one tries anew.
    (ground.bin / "zstd").unlink()
    assert f"42 in {the_copy_after(ground, disk)}" in ground.run(wanted(ground), *PREFIX)


def the_copy_after(ground: Ground, disk: Path) -> Path:
    ground.run(wanted(ground), "true")
    return the_copy(disk)


def hang(ground: Ground, tool: str) -> None:
    ground.toy(tool, "while :; do sleep 0.1; done\n")


def killed(job: Job, words: str) -> None:
    job.says(words)
    time.sleep(0.3)
    os.killpg(job.process.pid, signal.SIGKILL)
    job.process.wait()


def test_who_was_killed_while_unpacking_is_taken_over_by_the_next(ground: Ground, disk: Path) -> None:
    tar = (ground.bin / "tar").readlink()
    hang(ground, "tar")
    killed(ground.job(wanted(ground), *PREFIX), ": unpacking in ")
    assert list(disk.glob("jido-data-*/.part.*"))
    assert not copies(disk)
    (ground.bin / "tar").unlink()
    (ground.bin / "tar").symlink_to(tar)
    log = ground.run(wanted(ground), *PREFIX)
    assert "is dead: taken over" in log
    assert f"42 in {the_copy(disk)}" in log
    assert not list(disk.glob("jido-data-*/.part.*"))


def test_who_was_killed_while_packing_leaves_the_environment_whole(ground: Ground, disk: Path) -> None:
    hang(ground, "zstd")
    killed(ground.job(wanted(ground), *PREFIX), "packing the environment")
    assert not archives(ground)
    (ground.bin / "zstd").unlink()
    # A minute of waiting is shortened for the test by a clock that runs faster.
    ground.toy("sleep", "exec /bin/sleep 0.01\n")
    log = ground.run(wanted(ground), *PREFIX)
    assert "waiting for job 1, which packs the environment" in log
    assert "does not build it any more" in log
    assert "building" not in log
    assert f"42 in {the_copy(disk)}" in log
    assert not [path for path in ground.envs.glob("*/*") if path.name.endswith(".packing")]


def test_a_node_that_cannot_read_the_archive_says_so(ground: Ground, disk: Path) -> None:
    put_on_path(ground, "zstd")
    ground.run(wanted(ground), "true")
    shutil.rmtree(copies(disk)[0])
    (ground.bin / "zstd").unlink()
    log = ground.run(wanted(ground), *PREFIX)
    assert "has no zstd to unpack it" in log
    assert f"42 in {ground.envs}/" in log


@pytest.mark.parametrize("shell", ["bash", "busybox"])
def test_it_goes_in_other_shells_too(ground: Ground, disk: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"not installed: {shell}")
    (ground.bin / "sh").unlink()
    ground.toy("sh", f'exec {shutil.which(shell)}{" sh" if shell == "busybox" else ""} "$@"\n')
    log = ground.run(wanted(ground), *PREFIX)
    assert f"42 in {the_copy(disk)}" in log
    assert "unpacking" not in ground.run(wanted(ground), *PREFIX)
