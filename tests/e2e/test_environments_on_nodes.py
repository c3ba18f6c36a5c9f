"""Environments on nodes' own disks, on a real Slurm with small disks: from jido.toml to the Python that runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import Person
from tests.e2e.sokcho import FIRST, FULL, LARGE, SECOND, SMALL, fresh, on, shell, until_said
from tests.jobs.environment_ground import tiny_wheel

pytestmark = [pytest.mark.twin, pytest.mark.xdist_group("sokcho")]

SAY = ("python", "-c", "import tiny, sys; print(tiny.answer, 'in', sys.prefix)")
STORE = "/data/student/.jido/envs"


@pytest.fixture
def person(on_sokcho: Person, tmp_path: Path) -> Person:
    """The person in a new project that needs a package, with the nodes' disks and the store as they were."""
    person = fresh(on_sokcho, tmp_path)
    shell(person, f"rm -rf {STORE}")
    (person.folder / "requirements.txt").write_text("tiny==1.0\n")
    (person.folder / "wheels").mkdir()
    tiny_wheel(person.folder / "wheels")
    wants(person, "local = true")
    return person


def wants(person: Person, line: str) -> None:
    toml = f'[env]\nrequirements = "requirements.txt"\nwheels = "wheels"\n{line}\n'
    (person.folder / "jido.toml").write_text(toml)


def runs_on(node: str, *more: str) -> tuple[str, ...]:
    # What pip takes is more than a job has there by default.
    return on(node, "-m", "500M", *more)


def mine(person: Person) -> Any:
    [found] = person.json("env", "ls", "--on", "sokcho")
    return found


def test_ten_array_tasks_on_one_node_build_once_and_unpack_once(person: Person) -> None:
    person.types("sweep", *runs_on(FIRST, "--param", "n=0..9"), "--", *SAY)
    person.types("wait", "last")
    logs = [person.types("logs", f"last.{number}").stdout for number in range(10)]
    for words in ("building the environment", "packing the environment", ": unpacking in "):
        assert sum(words in log for log in logs) == 1, words
    assert all(f"42 in {LARGE}/jido-data-student/env+" in log for log in logs), logs
    again = person.types("run", *runs_on(FIRST), "--", "tiny-say").stdout
    assert "unpacking" not in again
    assert f"said by {LARGE}/jido-data-student/env+" in again
    kept = mine(person)
    assert list(kept["packed"]) == list(kept["builds"])
    assert 0 < sum(kept["packed"].values()) < kept["bytes"]
    said = person.types("env", "ls", "--on", "sokcho")
    assert "nodes have copies on their own disks: jido.toml says so" in said.stderr
    told = person.json("data", "ls", "--nodes", "--on", "sokcho")["copies"]
    [copy] = [one for one in told if kept["digest"] in one["key"]]
    assert (copy["node"], copy["name"]) == (FIRST, f"environment {kept['digest']}")
    shown = person.types("data", "ls", "--nodes", "--on", "sokcho").stdout
    assert f"environment {kept['digest']} " in shown
    assert not list(person.home.rglob("pwned"))


def test_a_full_disk_leaves_it_on_the_work_volume_and_says_so(person: Person) -> None:
    log = person.types("run", *runs_on(FULL), "--", *SAY).stdout
    assert "is used from the shared disk, because: /local_datasets" in log
    assert "0M free of" in log
    assert f"42 in {STORE}/" in log


def test_what_is_removed_and_pruned_goes_with_its_archive(person: Person) -> None:
    person.types("run", *runs_on(FIRST), "--", "true")
    kept = mine(person)
    folder = f"{STORE}/{kept['digest']}"
    archive = shell(person, f"ls {folder}").split()
    assert [name for name in archive if name.endswith((".tar", ".tar.zst"))]
    # What a packer that was killed leaves goes; the archive of what is kept stays.
    shell(person, f"touch {folder}/py9.9-x86_64.node-77-1234.packing")
    person.types("env", "prune", "--on", "sokcho", "--yes")
    assert sorted(shell(person, f"ls {folder}").split()) == sorted(archive)
    assert "unpacking" not in person.types("run", *runs_on(FIRST), "--", *SAY).stdout
    person.types("env", "rm", kept["digest"], "--on", "sokcho", "--yes")
    assert shell(person, f"ls -A {STORE}") == ""
    # Built anew it is another: the old copy is not taken for it.
    log = person.types("run", *runs_on(FIRST), "--", *SAY).stdout
    assert "building" in log
    assert "unpacking" in log


def test_each_node_of_a_job_over_several_has_its_own_unless_the_command_starts_there_itself(person: Person) -> None:
    line = 'echo "$(uname -n) $(python -c "import sys; print(sys.prefix)") $JIDO_ENV $(command -v tiny-say)"'
    both = (*runs_on("sokcho-g[1-2]"), "-N", "2")
    said = person.types("run", *both, "--", "bash", "-c", line).stdout
    for node, disk in (
        (FIRST, f"{LARGE}/jido-data-student/env+"),
        (SECOND, f"{SMALL}/student/jido-data-student/env+"),
    ):
        [words] = [row for row in said.splitlines() if row.startswith(f"{node} ")]
        assert words.count(disk) == 3, said
    (person.folder / "say.py").write_text("import sys, tiny; print(tiny.answer, 'in', sys.prefix)\n")
    said = person.types("run", *both, "--", "bash", "-c", "srun -N2 python say.py").stdout
    assert "is used from the shared disk, because: several nodes that the command itself uses" in said
    assert said.count(f"42 in {STORE}/") == 2, said


def test_a_copy_in_use_is_never_removed_to_make_room_and_goes_when_it_is_not(person: Person) -> None:
    gate = "/data/student/gate-env"
    shell(person, f"rm -f {gate}")
    hold = f"until [ -e {gate} ]; do sleep 0.1; done; tiny-say"
    person.types("submit", *runs_on(SECOND), "--", "sh", "-c", hold)
    holder = str(person.run()["number"])
    place = f"{SMALL}/student/jido-data-student"
    until_said(person, f"srun -w {SECOND} sh -c 'ls {place}/env+*/done'")
    size = 32 * 10**6
    folder = person.folder / "big"
    folder.mkdir()
    (folder / "one").write_bytes(bytes(size))
    person.types("data", "add", str(folder), "--name", "big", "--compress", "none", "--on", "sokcho")
    # It needs no environment itself.
    (person.folder / "jido.toml").unlink()
    big = ("run", *runs_on(SECOND, "--stage", "big"), "--", "true")
    try:
        assert "big: on the shared disk, because: " in person.types(*big).stdout
        shell(person, f"touch {gate}")
        person.types("wait", holder)
        assert f"said by {place}/env+" in person.types("logs", holder).stdout
        assert f"removed from {place}, least recently used: env+" in person.types(*big).stdout
    finally:
        person.types("data", "rm", "big", "--on", "sokcho", "--yes")


def measured(person: Person, work: float, local: float) -> None:
    """Put figures into the newest map, as if this had been measured."""
    [*_, newest] = sorted((person.home / "jido/state/maps/sokcho").glob("*.json"))
    map_ = json.loads(newest.read_text())
    for row in map_["storage"]["volumes"]:
        rate = {"/data": work, LARGE: local}.get(row["path"])
        row.pop("speed", None)
        if rate:
            row["speed"] = [{"node": FIRST, "at": 1.0, "files_read": rate, "files": 1000}]
    newest.write_text(json.dumps(map_))


def test_auto_goes_by_what_the_map_says_was_measured(person: Person) -> None:
    wants(person, "")
    dry = ("run", *runs_on(FIRST), "--dry-run", "--", *SAY)
    try:
        script = person.types(*dry).stdout
        assert "it was not measured whether small files are read faster from nodes' own disks" in script
        assert "stage_environment" not in script
        assert f"42 in {STORE}/" in person.types("run", *runs_on(FIRST), "--", *SAY).stdout
        assert "jido probe sokcho --compute --measure" in person.types("env", "ls", "--on", "sokcho").stderr
        measured(person, 20_000, 40_000)
        script = person.types(*dry).stdout
        assert "read small files 2.0 times as fast as /data (measured on sokcho-g1)" in script
        assert "stage_environment" not in script
        measured(person, 1_000, 40_000)
        assert "40.0 times as fast as /data" in person.types(*dry).stdout
        log = person.types("run", *runs_on(FIRST), "--", *SAY).stdout
        assert f"42 in {LARGE}/jido-data-student/env+" in log
        wants(person, "local = false")
        assert "stage_environment" not in person.types(*dry).stdout
    finally:
        measured(person, 0, 0)
