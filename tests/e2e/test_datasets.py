"""Datasets, from a folder here to the node's own disk, on a real Slurm with small disks."""

from __future__ import annotations

import hashlib
import random
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import HOSTILE, Person
from tests.e2e.sokcho import FIRST, FULL, LARGE, SECOND, SMALL, fresh, on, shell, until_said

pytestmark = [pytest.mark.twin, pytest.mark.xdist_group("sokcho")]

MB = 10**6


@pytest.fixture
def person(on_sokcho: Person, tmp_path: Path) -> Person:
    """The person in a new project, with the nodes' disks as they were."""
    return fresh(on_sokcho, tmp_path)


def dataset(person: Person, name: str, size: int = 10 * MB, *options: str) -> Any:
    """A dataset of random bytes in ten files, registered."""
    folder = person.home / f"{name} {HOSTILE}"
    folder.mkdir()
    chance = random.Random(name)
    for number in range(10):
        (folder / f"{number} {HOSTILE}").write_bytes(chance.randbytes(size // 10))
    return person.json("data", "add", str(folder), "--name", name, "--on", "sokcho", *options)["dataset"]


def staged(person: Person, node: str, *names: str, words: str = "true") -> str:
    """The log of a run that stages datasets on a node."""
    stage = [word for name in names for word in ("--stage", name)]
    return person.types("run", *on(node, *stage), "--", "sh", "-c", words).stdout


def copies(person: Person, node: str) -> list[str]:
    """Keys of what is on a node's disks."""
    look = "ls -d /local_datasets/*/jido-data-*/*/done /data2/*/jido-data-*/*/done 2>/dev/null; :"
    found = shell(person, f"srun -w {node} sh -c '{look}'")
    return sorted(line.split("/")[-2] for line in found.splitlines())


def test_a_folder_is_packed_unpacked_once_on_the_best_disk_and_found_by_later_jobs(person: Person) -> None:
    one = dataset(person, "cifar")
    assert (one["size"], one["files"], one["made"], one["packing"]) == (10 * MB, 10, True, "tar")
    count = 'ls "$JIDO_DATA/cifar" | wc -l; cat "$JIDO_DATA/cifar"/* | sha256sum'
    first = staged(person, FIRST, "cifar", words=count)
    assert "unpacking in /data2/local 'q\" $(touch pwned) 한글/" in first
    files = sorted((person.home / f"cifar {HOSTILE}").iterdir())
    # The names hold a line break, so that `wc -l` counts each twice.
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    assert f"20\n{digest}" in first
    again = staged(person, FIRST, "cifar", words=count)
    assert "unpacking" not in again
    assert digest in again
    assert not list(person.home.rglob("pwned"))


def test_ten_array_tasks_on_one_node_stage_once(person: Person) -> None:
    dataset(person, "ten")
    words = (
        "sweep",
        *on(FIRST, "--stage", "ten", "--param", "n=0..9"),
        "--",
        "sh",
        "-c",
        'cat "$JIDO_DATA"/ten/* | wc -c',
    )
    person.types(*words)
    person.types("wait", "last")
    logs = [person.types("logs", f"last.{number}").stdout for number in range(10)]
    assert sum("unpacking in" in log for log in logs) == 1
    assert all(log.endswith(f"{10 * MB}\n") for log in logs)


def test_a_full_disk_is_passed_over_and_the_shared_one_is_the_last(person: Person) -> None:
    dataset(person, "spill")
    log = staged(person, FULL, "spill", words='cat "$JIDO_DATA"/spill/* | wc -c')
    assert "spill: on the shared disk, because: /local_datasets" in log
    assert "0M free of" in log
    assert log.endswith(f"{10 * MB}\n")
    assert copies(person, FULL) == []
    assert "unpacking" not in staged(person, FULL, "spill")


def test_the_least_recently_used_copies_make_room_and_none_in_use(person: Person) -> None:
    for name in ("old", "used", "new"):
        dataset(person, name, 12 * MB)
    dataset(person, "fourth", 12 * MB)
    gate = "/data/student/gate-lru"
    holds = (
        "submit",
        *on(SECOND, "--stage", "old"),
        "--",
        "sh",
        "-c",
        f"until [ -e {gate} ]; do sleep 0.1; done; cat $JIDO_DATA/old/* | wc -c",
    )
    person.types(*holds)
    holder = person.run()["number"]
    until_said(person, f"srun -w {SECOND} sh -c 'ls {SMALL}/student/jido-data-student/*/done'")
    staged(person, SECOND, "used")
    staged(person, SECOND, "new")
    staged(person, SECOND, "used")
    log = staged(person, SECOND, "fourth")
    assert re.search(r"removed from /local_datasets/student/jido-data-student, least recently used: new-", log)
    assert [key.rsplit("-", 1)[0] for key in copies(person, SECOND)] == ["fourth", "old", "used"]
    shell(person, f"touch {gate}")
    person.types("wait", str(holder))
    assert person.types("logs", str(holder)).stdout.endswith(f"{12 * MB}\n")


def test_a_staging_that_was_killed_half_way_is_taken_over(person: Person) -> None:
    dataset(person, "half")
    # A tar that never ends, once it has written something.
    hangs = "#!/bin/sh\nhead -c 99 >half\nwhile :; do sleep 0.1; done\n"
    shell(person, f"mkdir -p bin && printf %s {shlex.quote(hangs)} >bin/tar && chmod +x bin/tar")
    start = ("submit", *on(SECOND, "--stage", "half"))
    person.types(*start, "-e", "PATH=/home/student/bin:/usr/bin:/bin", "--", "true")
    first = person.run()["number"]
    mine = "/local_datasets/student/jido-data-student"
    look = f"cd {mine} && ls .part.*/files/half && readlink lock"
    owner = until_said(person, f"srun -w {SECOND} sh -c {shlex.quote(look)}").split()
    person.types(*start, "--", "sh", "-c", 'cat "$JIDO_DATA"/half/* | wc -c')
    second = person.run()["number"]
    shell(person, f"srun -w {SECOND} kill -9 {owner[3]}")
    person.types("wait", str(first), str(second), code=10)
    log = person.types("logs", str(second)).stdout
    assert "is dead: taken over" in log
    assert log.endswith(f"{10 * MB}\n")
    assert person.run(first)["state"] != "done"
    left = shell(person, f"srun -w {SECOND} ls -A {mine}").split()
    assert [name.rsplit("-", 1)[0] for name in left] == ["half", "use"]


def test_what_nodes_hold_is_told_without_a_job_and_staged_ahead(person: Person) -> None:
    dataset(person, "ahead")
    person.types("data", "stage", "ahead", "--node", "g[1-2]", "--on", "sokcho")
    runs = person.json("ps", "-a")["runs"]
    person.types("wait", *(str(run["number"]) for run in runs if run["title"] == "stage-ahead"))
    before = len(person.json("ps", "-a")["runs"])
    told = person.json("data", "ls", "--nodes", "--on", "sokcho")["copies"]
    mine = {copy["node"]: copy["place"] for copy in told if copy["name"] == "ahead"}
    assert set(mine) == {FIRST, SECOND}
    assert mine[FIRST].startswith(f"{LARGE}/jido-data-student/ahead-")
    assert mine[SECOND].startswith(f"{SMALL}/student/jido-data-student/ahead-")
    assert LARGE in person.types("data", "ls", "--nodes", "--on", "sokcho").stdout
    assert len(person.json("ps", "-a")["runs"]) == before
    assert (
        "did you mean 'g3'"
        in person.types("data", "stage", "ahead", "--node", "g33", "--on", "sokcho", code=4).stderr
    )


def test_houses_rules_and_other_peoples_copies_are_honoured(person: Person) -> None:
    dataset(person, "ruled")
    person.types("note", "sokcho", "--largest", SMALL, "5M")
    person.types("note", "sokcho", "--purge", SMALL, "every three months")
    try:
        log = staged(person, SECOND, "ruled")
        assert f"on the shared disk, because: {SMALL}/student is for datasets up to 5M" in log
        person.types("note", "sokcho", "--largest", SMALL, "30M")
        # A folder under my name that is not mine: here a link to elsewhere.
        place = f"{SMALL}/student"
        plant = f"cd {place} && rm -r jido-data-student && mkdir -p jido-data-other/x && ln -s /tmp jido-data-student"
        shell(person, f"srun -w {SECOND} sh -c {shlex.quote(plant)}")
        assert "unpacking" not in staged(person, SECOND, "ruled")
        assert copies(person, SECOND) == []
        shell(person, f"srun -w {SECOND} rm {SMALL}/student/jido-data-student")
        log = staged(person, SECOND, "ruled")
        assert "ruled: of copies there the site says: every three months" in log
        assert "other" in shell(person, f"srun -w {SECOND} ls {SMALL}/student")
        # The site deletes a file of the copy: it is not used as if it were whole.
        shell(person, f"srun -w {SECOND} sh -c 'cd {SMALL}/student/jido-data-student/ruled-*/files && rm 0*'")
        log = staged(person, SECOND, "ruled", words='ls "$JIDO_DATA/ruled" | wc -l')
        assert "is not whole any more" in log
        assert log.endswith("20\n")
    finally:
        for _ in range(2):
            person.types("note", "sokcho", "--rm", "1")


def test_what_a_job_writes_to_its_local_disk_comes_to_its_results(person: Person) -> None:
    (person.folder / "write.sh").write_text(
        'mkdir -p "$JIDO_LOCAL/a b"\necho 1 >"$JIDO_LOCAL/a b/$NAME"\ntouch "$JIDO_LOCAL/.own"\nmktemp\nexit 3\n'
    )
    person.types("run", *on(SECOND), "-e", f"NAME={HOSTILE}", "--", "sh", "write.sh", code=10)
    person.types("pull")
    home = person.folder / "results" / person.run()["name"]
    assert [path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()] == [f"a b/{HOSTILE}"]
    left = shell(person, f"srun -w {SECOND} ls -A {SMALL}/student")
    assert "jido-student-" not in left


def test_it_comes_at_the_warning_too_while_the_command_goes_on(person: Person) -> None:
    (person.folder / "go.sh").write_text(
        'echo 1 >"$JIDO_LOCAL/so far"; echo begun\n'
        'until [ -e "$JIDO_RESULTS/so far" ]; do sleep 0.1; done; echo seen\n'
    )
    person.types("submit", *on(SECOND), "--warn", "30s", "-t", "10m", "--", "sh", "go.sh")
    run = person.run()
    log = f"/data/student/*/logs/{run['name']}.log"
    until_said(person, f"grep begun {log}")
    shell(person, f"scancel -b -s USR1 {run['job']}")
    person.types("wait", "last")
    assert "seen" in person.types("logs", "last").stdout
