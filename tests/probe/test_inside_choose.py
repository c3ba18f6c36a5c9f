"""Which nodes are looked at from inside, and by which partitions: the smallest job that can get there."""

from __future__ import annotations

from typing import Any

import msgspec

from jido.model.facts import Fact, known, unknown
from jido.model.limits import Access
from jido.model.map import Bytes, Gpu, Instance, Map, NodeGroup, NodeNow, Now, Partition, Scheduling, Seconds
from jido.probe.inside.choose import aims, job

G = 1024**3
GROUPS = (
    NodeGroup("g[1-3]", cpus=8, memory=Bytes(64 * G), gpus=(Gpu(4, "a100"),)),
    NodeGroup("c[1-2]", cpus=16, memory=Bytes(32 * G)),
    NodeGroup("login1", role="login"),
)
PARTITIONS = (
    Partition("long", "g[1-3],c[1-2]", default=True),
    Partition("short", "g[1-3],c[1-2]", max_time=Seconds(3600)),
    Partition("debug", "g1", max_time=Seconds(7200)),
    Partition("closed", "g[1-3]", state="down", max_time=Seconds(60)),
)


def map_of(nodes: tuple[NodeNow, ...] | None = (), **scheduling: Any) -> Map:
    now: Fact[Any] = unknown("the scheduler does not answer") if nodes is None else known(nodes, "x")
    rules = {"partitions": known(PARTITIONS, "x"), **scheduling}
    return Map("site", instance=Instance(nodes=GROUPS), scheduling=Scheduling(**rules), now=Now(nodes=now))


def test_one_node_of_each_kind_and_no_login_node() -> None:
    assert [(aim.kind, aim.node) for aim in aims(map_of())] == [("g[1-3]", "g1"), ("c[1-2]", "c1")]


def test_every_node_when_that_is_asked_for() -> None:
    assert [aim.node for aim in aims(map_of(), every=True)] == ["g1", "g2", "g3", "c1", "c2"]


def test_an_idle_node_comes_before_a_busy_one_and_a_full_one_last() -> None:
    now = (
        NodeNow("g1", "allocated", cpus_used=8),
        NodeNow("g2", "mixed", cpus_used=4),
        NodeNow("g3", "idle"),
        NodeNow("c1", "allocated", cpus_used=16),
        NodeNow("c2", "mixed", cpus_used=15),
    )
    assert [aim.node for aim in aims(map_of(now))] == ["g3", "c2"]


def test_a_kind_that_takes_no_jobs_is_not_waited_for_and_says_why() -> None:
    now = (
        NodeNow("c1", "down", ("not_responding",), "PSU broken"),
        NodeNow("c2", "idle", ("drain",)),
        NodeNow("g1", "idle"),
    )
    gpu, cpu = aims(map_of(now))
    assert gpu.node == "g1"
    assert cpu.node == ""
    assert "c1 is down not_responding (PSU broken); c2 is idle drain" in cpu.why_not


def test_debug_partitions_come_first_then_the_shortest_and_closed_ones_never() -> None:
    gpu, cpu = aims(map_of())
    assert gpu.partitions == ("short", "debug", "long")
    assert cpu.partitions == ("short", "long")


def test_a_partition_that_is_closed_to_me_is_not_tried() -> None:
    access = (Access("short", "refused", "verified", "Invalid account"), Access("long", "open", "verified"))
    gpu, _ = aims(map_of(access=known(access, "x")))
    assert gpu.partitions == ("long", "debug")
    none = tuple(Access(row.name, "no access", "declared", "its accounts") for row in PARTITIONS)
    gpu, _ = aims(map_of(access=known(none, "x")))
    assert gpu.partitions == ()
    assert "short: no access (its accounts)" in gpu.why_not


def test_a_node_that_no_open_partition_leads_to_gives_way_to_one_of_its_kind() -> None:
    only = (Partition("debug", "g2"),)
    assert [aim.node for aim in aims(map_of(partitions=known(only, "x")))] == ["g2", "c1"]


def test_a_cluster_without_partitions_is_asked_without_one() -> None:
    assert {aim.partitions for aim in aims(map_of(partitions=Fact(state="absent")))} == {(None,)}


def test_node_states_that_are_not_known_stop_nothing() -> None:
    assert [aim.node for aim in aims(map_of(None))] == ["g1", "c1"]


def test_the_job_is_the_smallest() -> None:
    aim = aims(map_of())[0]
    want = job(aim, "debug", measure=False).resources
    assert (want.cpus, want.gpus, want.nodes, want.time, want.node) == (1, 0, 1, 60, "g1")
    assert want.memory == 512 * 1024**2
    assert job(aim, "debug", measure=True).resources.time == 300
    # Where the scheduler counts no memory, none can be asked for.
    assert job(msgspec.structs.replace(aim, memory=1024**2), None, measure=False).resources.memory is None


def test_brackets_that_cannot_be_read_stop_nothing() -> None:
    odd = msgspec.structs.replace(map_of(), instance=Instance(nodes=(NodeGroup("g[1-"),)))
    assert [aim.kind for aim in aims(odd)] == ["g[1-"]
