"""Compute nodes seen from inside, on a real Slurm whose nodes differ."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import Person

from jido.api import inside as api
from jido.engines.slurm import Slurm
from jido.probe.inside import measure

pytestmark = [pytest.mark.twin, pytest.mark.xdist_group("jeju")]

JEJU = Path(__file__).with_name("jeju.yaml")
HOSTILE_WORK = "/work 'q\" $(touch pwned) `x` 실험"
HOSTILE_DISK = "/local 'disk\" $(touch pwned) 한글"


@pytest.fixture(scope="module")
def jeju(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """A person with the twin up and its login node probed."""
    person = Person(tmp_path_factory.mktemp("person"))
    try:
        person.types("twin", "up", str(JEJU))
        person.types("probe", "jeju")
        yield person
    finally:
        person.types("twin", "down", "--all")


@pytest.fixture
def fresh(jeju: Person) -> Person:
    """The same with a map that knows nothing from inside, and nothing under way."""
    for file in (jeju.home / "jido/state/maps/jeju").glob("*.json"):
        file.unlink()
    for number in [run["number"] for run in jeju.json("ps", "-a")["runs"] if run["state"] in ("running", "queued")]:
        jeju.types("cancel", str(number))
    jeju.types("probe", "jeju")
    return jeju


def rows(map_: Any) -> dict[tuple[str, str], Any]:
    return {(row["path"], row.get("seen_from", "login")): row for row in map_["storage"]["volumes"]}


def seen(map_: Any) -> dict[str, Any]:
    return {row["node"]: row for row in map_["instance"]["seen"]}


def on_each_node(person: Person, command: str) -> str:
    """What a command prints on every node."""
    said = ""
    for node in ("jeju-c1", "jeju-g1", "jeju-g2"):
        words = ("run", "--on", "jeju", "--extra=--nodelist=" + node, "--", "sh", "-c", command)
        said += person.types(*words).stdout
    return said


def occupy(person: Person, node: str, cpus: int) -> None:
    """A job that takes a whole node until the gate is opened."""
    words = (
        "submit",
        "--on",
        "jeju",
        "--cpus",
        str(cpus),
        f"--extra=--nodelist={node}",
        "--partition",
        "batch",
        "--",
    )
    person.types(*words, "sh", "-c", "until [ -e /data/student/gate ]; do sleep 0.1; done")


def in_batch(person: Person) -> list[Any]:
    """The jobs of looks that wait in the partition of the node that is full."""
    queue = person.json("probe", "jeju")["now"]["queue"]["value"]
    return [job for job in queue if (job.get("name"), job.get("partition")) == ("jido-probe", "batch")]


def left_behind(person: Person) -> str:
    """Every file of jido's looks that is anywhere on the cluster."""
    find = "for d in /home /data /work* /scratch /local* /data2/* /tmp; do "
    find += "find \"$d\" -name '.jido-probe*' 2>/dev/null; done; true"
    return on_each_node(person, find)


def test_each_kind_of_node_is_seen_from_inside_by_the_smallest_job(fresh: Person) -> None:
    asked = fresh.types("probe", "jeju", "--compute", "--dry-run").stdout
    for line in ("--cpus-per-task=1", "--time=00:01:00", "--partition=debug_ugrad", "--nodelist=jeju-g1"):
        assert f"#SBATCH {line}" in asked
    assert "professors" not in asked
    said = fresh.types("probe", "jeju", "--compute").stderr
    assert "jeju-c1: seen from inside by batch" in said
    assert "jeju-g1: seen from inside by debug_ugrad" in said
    assert "core-seconds" in said
    map_ = fresh.json("show", "jeju")
    assert set(seen(map_)) == {"jeju-c1", "jeju-g1"}
    node = seen(map_)["jeju-g1"]
    assert 0 < node["cost"] < 30
    for name in ("os", "kernel", "cpus", "memory", "numa", "network", "software"):
        assert node[name]["by"].startswith("jeju-g1:")
        assert node[name]["by"] in map_["looks"]
        assert map_["looks"][node[name]["by"]]["on"] == "jeju-g1"
    assert "pwned" not in " ".join(path.name for path in fresh.folder.iterdir())


def test_shared_is_proved_and_a_nodes_own_disks_are_its_own(fresh: Person) -> None:
    assert (
        "is not known yet"
        in fresh.types("probe", "jeju").stderr
        + fresh.types("init", "--on", "jeju", "--name", "before", "--dry-run").stdout
    )
    every = "jeju-c1,jeju-g[1-2]"
    # What only compute nodes have is settled among jobs that run at the same time: on a busy machine they may miss
    # each other, which is then unknown, and the next look settles it.
    for _ in range(4):
        fresh.types("probe", "jeju", "--compute", "--all-nodes")
        found = rows(fresh.json("show", "jeju"))
        if ("/local_datasets", "jeju-g[1-2]") in found:
            break
    for path in ("/home", "/data", HOSTILE_WORK):
        shared = found[path, f"login,{every}"]["shared"]
        assert (shared["value"], shared["by"]) == (True, "jeju-c1:tokens")
    assert found["/scratch", "login"]["shared"]["value"] is False
    assert found["/scratch", every]["shared"]["value"] is False
    assert found["/local_datasets", "jeju-g[1-2]"]["shared"]["value"] is False
    assert found["/local_datasets", "jeju-g[1-2]"]["shared"]["by"] == "jeju-g1:peers"
    assert found["/local_datasets", "jeju-g[1-2]"]["mine"]["value"].startswith("/local_datasets")
    assert found["/local_datasets", "jeju-g[1-2]"]["size"]["value"] > 0
    assert found["/data2/local_datasets", "jeju-g1"]["tier"]["value"] == "local"
    assert found[HOSTILE_DISK, "jeju-c1"]["mine"]["value"]
    # What the usual questions say now.
    assert "is not known yet" not in fresh.types("init", "--on", "jeju", "--name", "after", "--dry-run").stdout
    script = fresh.types("run", "--on", "jeju", "--dry-run", "--", "true").stdout
    assert script.index("/data2/local_datasets") < script.index("/localscratch")
    shown = fresh.types("show", "jeju").stdout
    assert "FROM INSIDE" in shown
    assert "the scheduler counts 2 GPUs, and no driver was found there" in shown
    assert left_behind(fresh) == ""


def test_a_probe_of_the_login_node_alone_keeps_what_is_known_from_inside(fresh: Person) -> None:
    fresh.types("probe", "jeju", "--compute")
    before = fresh.json("show", "jeju")
    said = fresh.types("probe", "jeju").stderr
    assert "nothing has changed" in said
    after = fresh.json("show", "jeju")
    assert after["instance"]["seen"] == before["instance"]["seen"]
    assert rows(after).keys() == rows(before).keys()
    assert rows(after)["/data", "login,jeju-c1,jeju-g1"]["shared"]["by"] == "jeju-c1:tokens"


def test_who_waits_too_long_is_unknown_and_is_picked_up_later(fresh: Person) -> None:
    gate = ("run", "--on", "jeju", "--partition", "debug_ugrad", "--", "rm", "-f", "/data/student/gate")
    fresh.types(*gate)
    occupy(fresh, "jeju-c1", 4)
    said = fresh.types("probe", "jeju", "--compute", "--patience", "1s").stderr
    assert "jeju-c1: waiting: job" in said
    assert "waits in batch: Resources: what it asks for is in use" in said
    assert "jeju-g1: seen from inside" in said
    assert "1 look from inside still waits in the queue: jido probe jeju --compute --resume" in said
    map_ = fresh.json("show", "jeju")
    assert seen(map_)["jeju-c1"]["kernel"]["state"] == "unknown"
    assert "Resources" in seen(map_)["jeju-c1"]["kernel"]["why"]
    assert "jido probe jeju --compute --resume" in fresh.types("show", "jeju").stdout

    still = fresh.types("probe", "jeju", "--compute", "--resume").stderr
    assert "jeju-c1: waiting" in still
    fresh.types("run", "--on", "jeju", "--partition", "debug_ugrad", "--", "touch", "/data/student/gate")
    done = fresh.types("probe", "jeju", "--compute", "--resume", "--patience", "1m").stderr
    assert "jeju-c1: seen from inside by batch" in done
    map_ = fresh.json("show", "jeju")
    assert rows(map_)["/data", "login,jeju-c1,jeju-g1"]["shared"]["value"] is True
    assert seen(map_)["jeju-c1"]["kernel"]["by"] == "jeju-c1:uname"
    fresh.types("probe", "jeju", "--compute", "--resume", code=4)
    assert left_behind(fresh) == ""


def test_a_new_look_takes_back_what_an_older_one_left_in_the_queue(fresh: Person) -> None:
    fresh.types("run", "--on", "jeju", "--partition", "debug_ugrad", "--", "rm", "-f", "/data/student/gate")
    occupy(fresh, "jeju-c1", 4)
    fresh.types("probe", "jeju", "--compute", "--patience", "0")
    waiting = in_batch(fresh)
    assert len(waiting) == 1
    fresh.types("probe", "jeju", "--compute", "--patience", "0")
    after = in_batch(fresh)
    assert len(after) == 1, after
    assert after[0]["id"] != waiting[0]["id"]
    fresh.types("run", "--on", "jeju", "--partition", "debug_ugrad", "--", "touch", "/data/student/gate")
    fresh.types("probe", "jeju", "--compute", "--resume", "--patience", "1m")


def test_a_way_out_is_known_by_trying_an_address(fresh: Person) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        open_ = f"127.0.0.1:{server.getsockname()[1]}"
        map_ = fresh.json("probe", "jeju", "--compute", "--reach", open_)
        fact = seen(map_)["jeju-g1"]["internet"]
        assert fact["value"] is True
        assert open_.replace(":", " ") in map_["looks"][fact["by"]]["command"]
    map_ = fresh.json("probe", "jeju", "--compute", "--reach", open_)
    assert seen(map_)["jeju-g1"]["internet"]["state"] == "absent"
    fresh.types("probe", "jeju", "--compute", "--reach", "nowhere", code=2)
    fresh.types("probe", "jeju", "--measure", code=2)


def test_speeds_are_measured_when_somebody_asks(fresh: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JIDO_HOME", fresh.env["JIDO_HOME"])
    monkeypatch.setattr(measure, "BYTES", 32 * 1024**2)
    monkeypatch.setattr(measure, "FILES", 200)
    done = api.look("jeju", api.Wish(measure=True))
    assert {outcome.state for outcome in done.outcomes} == {"seen"}
    speeds = {
        (row.path, speed.node): speed for row in done.map.storage.volumes for speed in row.speed if row.tier.value
    }
    for path, node in (("/home", "jeju-c1"), ("/data", "jeju-g1"), ("/local_datasets", "jeju-g1")):
        speed = speeds[path, node]
        assert speed.bytes == 32 * 1024**2
        assert speed.files == 200
        assert speed.write and speed.read and speed.files_created and speed.files_stated and speed.files_read
        assert speed.took > 0
    assert left_behind(fresh) == ""
    assert "SPEED OF" in fresh.types("show", "jeju").stdout
    # Never by default, and kept by a look that does not measure.
    plain = fresh.json("probe", "jeju")
    assert any(row.get("speed") for row in plain["storage"]["volumes"])
    assert not any(
        "measure" in part.name for part in api._session(done.map, Slurm(), api.Wish(), "/x").program().parts
    )


DOKDO = """\
name: dokdo
scheduling:
  engine: {value: slurm}
  partitions: {value: [{name: batch, nodes: dokdo-c1, default: true}]}
instance:
  login: [{name: dokdo}]
  nodes: [{names: dokdo-c1, cpus: 2, memory: 4G}]
storage:
  volumes:
    - {path: /home, tier: {value: home}, shared: {value: true}}
    - {path: /work, seen_from: login, tier: {value: work}, shared: {value: false}}
"""


def test_a_work_folder_that_the_nodes_do_not_see_is_found_out(tmp_path: Path) -> None:
    person = Person(tmp_path / "home")
    (tmp_path / "dokdo.yaml").write_text(DOKDO)
    try:
        person.types("twin", "up", str(tmp_path / "dokdo.yaml"))
        said = person.types("probe", "dokdo", "--compute").stderr
        assert "brought no answer from dokdo-c1; trying once more from /home/student" in said
        assert "dokdo-c1: seen from inside by batch" in said
        map_ = person.json("show", "dokdo")
        assert rows(map_)["/work", "login"]["shared"]["value"] is False
        assert rows(map_)["/home", "login,dokdo-c1"]["shared"]["value"] is True
        assert "/home/student/p" in person.types("init", "--on", "dokdo", "--name", "p", "--dry-run").stdout
    finally:
        person.types("twin", "down", "--all")
