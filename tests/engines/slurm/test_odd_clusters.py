"""Clusters that are not the usual ones: federated, in a cloud, of unlike machines, large, chatty, foreign, torn."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recordings import COMPOSED, RECORDED, said

from jido import registry
from jido.cli.draw_map import draw_map
from jido.engines.base import Inventory
from jido.engines.slurm import Slurm, looks
from jido.model.bundle import Finding
from jido.model.capacity import capacity
from jido.model.document import map_from_json, to_json
from jido.model.map import Map, NodeNow
from jido.model.nodeset import expand
from jido.probe.diff import changes
from jido.probe.merge import merge
from jido.testing import large

ENGINE = Slurm()
KINDS = [registry.load("storage", name) for name in registry.names("storage")]


def findings(version: str) -> dict[str, Finding]:
    return {name: one.finding() for name, one in said(version, "looks").items()}


def inventory(changed: dict[str, Finding] | None = None) -> Inventory:
    return ENGINE.inventory(findings("21.08.8") | (changed or {}), 1e9)


def mapped(answers: dict[str, Finding]) -> Map:
    return merge("site", ENGINE.looks(), answers, engines=[ENGINE], kinds=KINDS, on="login", at=1e9)


def node(name: str) -> NodeNow:
    return next(one for one in inventory().now.nodes.value or () if one.name == name)


def test_unlike_machines_are_each_in_one_group() -> None:
    groups = {group.names: group for group in inventory().nodes}
    assert set(groups) == {"arm1", "bm[1-2]", "cloud-gpu-[1-4]", "fat1"}
    assert (groups["fat1"].cpus, groups["fat1"].memory) == (192, 6_190_000 * 1024**2)
    assert [(gpu.model, gpu.count) for gpu in groups["cloud-gpu-[1-4]"].gpus] == [("t4", 1)]


@pytest.mark.parametrize(
    ("name", "state", "flags"),
    [
        ("cloud-gpu-1", "idle", {"cloud", "powered_down"}),
        ("cloud-gpu-2", "allocated", {"cloud", "powering_up"}),
        ("cloud-gpu-3", "idle", {"cloud", "powering_down"}),
        ("cloud-gpu-4", "down", {"cloud", "powered_down"}),
        ("bm2", "idle", {"not_responding"}),
        ("arm1", "idle", {"planned"}),
        ("fat1", "down", {"drain", "maintenance", "reserved"}),
    ],
)
def test_a_nodes_state_and_what_goes_with_it_are_told_apart(name: str, state: str, flags: set[str]) -> None:
    assert (node(name).state, set(node(name).flags)) == (state, flags)


@pytest.mark.parametrize(
    ("suffix", "flag"),
    [
        ("~", "powered_down"),
        ("#", "powering_up"),
        ("%", "powering_down"),
        ("!", "power_down"),
        ("*", "not_responding"),
    ],
)
def test_older_slurms_say_the_same_with_a_sign(suffix: str, flag: str) -> None:
    text = findings("21.08.8")[looks.NODES].text.replace("State=IDLE+PLANNED", f"State=IDLE{suffix}")
    now = inventory({looks.NODES: Finding(0, text.encode())}).now.nodes.value or ()
    arm = next(one for one in now if one.name == "arm1")
    assert (arm.state, arm.flags) == ("idle", (flag,))


def test_a_powered_down_node_would_take_a_job_and_one_that_goes_down_would_not() -> None:
    map_ = mapped(findings("21.08.8"))
    assert capacity(map_, ["cloud-gpu-1"]).open_nodes == 1
    assert capacity(map_, ["cloud-gpu-3", "cloud-gpu-4", "fat1"]).open_nodes == 0


def test_reasons_and_comments_in_korean_stay_where_they_are() -> None:
    assert node("fat1").reason.startswith("메모리 교체 DIMM=A3 [root@")
    assert (node("arm1").reason, node("arm1").state) == ("", "idle")


def test_hidden_partitions_and_backup_controllers_are_seen() -> None:
    found = inventory().scheduling
    assert [row.name for row in found.partitions.value or ()] == ["all", "cloud", "gpu", "admin"]
    assert found.control.controllers.value == {"head1": "up", "head2": "up"}


def test_a_federations_jobs_keep_their_ids_and_other_clusters_members_are_not_mine() -> None:
    found = inventory()
    waiting, first, second, revoked = found.now.queue.value or ()
    assert (waiting.name, waiting.partition) == ("a,b|c", "gpu,cloud")
    assert (first.id, second.id, second.gpus) == ("134217741+0", "134217741+1", 2)
    assert revoked.state == "revoked"
    associations = found.scheduling.associations.value or ()
    assert {(one.account, one.in_all.cpus) for one in associations if not one.user} == {("lab", 100)}


def test_no_look_lets_the_login_environment_speak_of_another_cluster() -> None:
    for part in ENGINE.looks():
        if any(word in part.script for word in ("scontrol ", "squeue ")) and part.name not in (
            looks.WHERE,
            looks.VERSION,
            looks.ACCESS,
        ):
            assert "unset SLURM_CLUSTERS" in part.script, part.name


def test_hundreds_of_partitions_over_the_same_nodes_are_each_there() -> None:
    map_ = mapped(large.findings(1000, 300))
    partitions = map_.scheduling.partitions.value or ()
    assert len(partitions) == 300
    names = [name for group in map_.instance.nodes for name in expand(group.names)]
    assert len(names) == len(set(names)) == 1000
    assert set(names) == {name for row in partitions for name in expand(row.nodes)}
    assert {row.partition for row in map_.scheduling.access.value or ()} == {row.name for row in partitions}
    assert map_from_json(to_json(map_)) == map_


def test_a_large_cluster_twice_shows_no_change() -> None:
    once, again = (mapped(large.findings(500, 40)) for _ in range(2))
    assert changes(once, again) == []
    assert msgspec.structs.replace(once, looks={}) == msgspec.structs.replace(again, looks={})


TORN = st.one_of(st.binary(max_size=60), st.sampled_from([b"", b"\n", b"Last login: Mon\n", "공지: 점검\n".encode()]))


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(version=st.sampled_from(RECORDED + COMPOSED), data=st.data())
def test_whatever_is_torn_or_said_besides_a_map_comes_out_that_can_be_kept_and_drawn(
    version: str, data: st.DataObject
) -> None:
    answers = findings(version)
    for look in data.draw(st.lists(st.sampled_from(sorted(answers)), max_size=3, unique=True)):
        text = answers[look].stdout
        at = data.draw(st.integers(0, len(text)))
        to = min(len(text), at + data.draw(st.sampled_from([0, 1, 40, 10**6])))
        code = data.draw(st.sampled_from([0, 0, 0, 1, None]))
        answers[look] = Finding(code, text[:at] + data.draw(TORN) + text[to:])
    map_ = mapped(answers)
    assert map_from_json(to_json(map_)) == map_
    assert changes(map_, map_) == []
    assert "TYPE" in draw_map(map_, {})


def test_a_slurm_that_was_never_told_of_a_cluster_proves_no_type() -> None:
    # As Debian's package says it on a machine without a slurm.conf (22.05.8).
    none = "error: fetch_config: DNS SRV lookup failed\nsinfo: fatal: Could not establish a configuration source\n"
    bare = {part.name: Finding(1, b"", none.encode()) for part in ENGINE.looks()}
    bare[looks.VERSION] = Finding(0, b"slurm-wlm 22.05.8\n")
    bare[looks.WHERE] = Finding(0, b"/usr/bin/sbatch\n")
    found = ENGINE.inventory(bare, 1e9)
    assert (found.present, found.types) == (True, ())
    assert "did not answer" in found.evidence
    # One that has a configuration, and whose controller is down, is a cluster all the same.
    silent = {name: Finding(1, b"", b"slurm_load_partitions: Unable to contact slurm controller (connect failure)\n")
              for name in bare}  # fmt: skip
    assert ENGINE.inventory({**silent, looks.VERSION: bare[looks.VERSION]}, 1e9).types == ("hpc",)
