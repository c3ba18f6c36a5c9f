"""probe(twin(map)) == map: what a probe brings from a real Slurm is what its twin was built of."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from jido.api import probing
from jido.api import twins as api
from jido.api.cluster import Cluster
from jido.cli.app import run
from jido.model.command import Command, Reply
from jido.model.document import map_to_yaml
from jido.model.map import Map, NodeGroup
from jido.model.nodeset import expand
from jido.probe.diff import changes
from jido.transports.openssh import OpenSSH
from jido.twins import processes
from real_twins import brought_up

pytestmark = pytest.mark.twin


@pytest.fixture
def aurora() -> Iterator[str]:
    with brought_up("aurora") as name:
        yield name


def nodes(map_: Map) -> dict[str, tuple[int, int | None, list[tuple[int, str | None]]]]:
    def has(group: NodeGroup) -> tuple[int, int | None, list[tuple[int, str | None]]]:
        return group.cpus, group.memory, [(gpu.count, gpu.model) for gpu in group.gpus]

    return {name: has(group) for group in map_.instance.nodes for name in expand(group.names)}


def test_a_probe_of_the_twin_is_the_map_it_was_built_of(
    aurora: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[Command] = []
    really = OpenSSH.run

    def counted(self: OpenSSH, command: Command) -> Reply:
        asked.append(command)
        return really(self, command)

    monkeypatch.setattr(OpenSSH, "run", counted)
    built_of, found = api.map_of("aurora"), probing.probe(aurora).map
    assert len(asked) == 1, "everything is asked in one remote exec"

    assert nodes(found) == nodes(built_of)
    assert found.scheduling.engine.value == "slurm"
    rules = {
        row.name: (row.max_time, row.default_time, row.default) for row in found.scheduling.partitions.value or ()
    }
    assert rules == {
        row.name: (row.max_time, row.default_time, row.default) for row in built_of.scheduling.partitions.value or ()
    }

    volumes = {row.path: row for row in found.storage.volumes}
    assert (volumes["/home"].tier.value, volumes["/home"].mine.value) == ("home", "/home/student")
    assert (volumes["/data"].tier.value, volumes["/data"].mine.value) == ("work", "/data/student")
    assert (volumes["/data/datasets"].tier.value, volumes["/data/datasets"].mine.state) == ("datasets", "absent")
    assert "/local_datasets" in found.storage.missing
    assert found.instance.login[0].user.value == "student"
    assert found.now.queue.value == ()
    assert {node.state for node in found.now.nodes.value or ()} == {"idle"}

    file = tmp_path / "aurora.yaml"
    file.write_text(map_to_yaml(found))
    api.up(str(file), "again")
    try:
        again = probing.probe("again").map
    finally:
        api.down("again")
    # A twin's controller bears the twin's own name; what its volumes are made of, test_fidelity judges.
    other = [change for change in changes(found, again) if not change.path.startswith("storage.volumes.")]
    assert {change.path.rpartition(".")[0] for change in other} <= {"scheduling.control.controllers"}


def test_a_second_probe_shows_what_changed_and_a_dead_controller_takes_nothing_away(
    aurora: str, capfd: pytest.CaptureFixture[str]
) -> None:
    def jido(*words: str) -> tuple[object, str, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            run(list(words))
        return (end.value.code or 0, *capfd.readouterr())

    assert probing.probe(aurora).changes is None
    assert probing.probe(aurora).changes == ()
    login = Cluster(aurora).transport
    login.run(Command(argv=("sh", "-c", "echo export PROJECT_NAME=kim >>~/.profile"))).check("changing the profile")
    found = {change.path: (change.before, change.after) for change in probing.probe(aurora).changes or ()}
    assert found == {"instance.environment.PROJECT_NAME": ("", "kim")}

    controller = next(one for one in api.up(aurora).daemons if one.name == "slurmctld")
    assert controller.pid
    os.kill(controller.pid, signal.SIGKILL)
    assert processes.until(lambda: not login.run(Command(argv=("sinfo",))).ok, within=20)
    before = probing.newest(aurora)
    code, out, err = jido("probe", aurora)
    assert code == 0
    assert "gone" not in out
    # Refused at once, or not answered in time.
    assert re.search(r"^scheduling as of .*: .*(slurm controller|did not answer)", err, re.MULTILINE)
    # Whether the controller is up is the news.
    told = [line.split(":")[0].strip() for line in out.splitlines() if ": " in line]
    assert {path for path in told if not path.startswith("scheduling.control.")} <= {"jido"}, out
    map_ = probing.newest(aurora)
    assert nodes(map_) == nodes(before)
    assert map_.scheduling.engine.value == "slurm"
    assert [row.name for row in map_.scheduling.partitions.value or ()] == [
        row.name for row in before.scheduling.partitions.value or ()
    ]
    assert map_.now.nodes.state == map_.now.queue.state == "unknown"
    assert next(row for row in map_.storage.volumes if row.path == "/data").size.is_known
    assert "scheduling as of" in jido("show", aurora)[1]
    _, out, _ = jido("gpus", aurora)
    assert "no GPUs are known there" not in out
    assert "on nodes whose state is not known" in out
    # A job to look from inside would only wait for an answer.
    code, _, err = jido("probe", aurora, "--compute")
    assert (code, "does not answer" in err) == (7, True)
