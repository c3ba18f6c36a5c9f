"""A second map shows what changed: lasting facts, and nothing that held for a moment only."""

from __future__ import annotations

import msgspec
from sites import DEAD_NFS, LUSTRE, df, mapped, said

from jido.model.facts import known, unknown
from jido.model.limits import Association
from jido.model.map import Bytes, Gpu, Instance, Map, NodeGroup, Partition, Scheduling, Seconds
from jido.probe.diff import Change, changes


def test_an_unchanged_cluster_shows_nothing() -> None:
    later = msgspec.structs.replace(mapped(LUSTRE), now=msgspec.structs.replace(mapped(LUSTRE).now, at=2e9, free={}))
    assert changes(mapped(LUSTRE), later) == []


def test_a_new_and_a_lost_volume_are_named() -> None:
    found = {change.path: (change.before, change.after) for change in changes(mapped(LUSTRE), mapped(DEAD_NFS))}
    assert found["storage.volumes./data"] == ("", "/data")
    assert found["storage.volumes./lustre"] == ("/lustre", "")


def test_a_changed_fact_shows_both_values() -> None:
    grown = LUSTRE | {"df/lustre": said(df("/lustre", "lustre", 2 * 10**15, 1, 10**9, 1, "/lustre"))}
    assert changes(mapped(LUSTRE), mapped(grown)) == [
        Change("storage.volumes./lustre.size", str(10**15), str(2 * 10**15))
    ]


def test_small_moves_of_what_file_systems_make_as_they_go_are_no_news() -> None:
    moved = LUSTRE | {"df/lustre": said(df("/lustre", "lustre", 10**15 + 10**12, 1, 11 * 10**8, 1, "/lustre"))}
    assert changes(mapped(LUSTRE), mapped(moved)) == []


def test_a_look_that_fails_now_shows_as_unknown() -> None:
    failed = LUSTRE | {"cpus": said("", 1)}
    assert changes(mapped(LUSTRE), mapped(failed)) == [
        Change("instance.login.login1.cluster.example.cpus", "128", "unknown")
    ]


def test_a_partitions_rule_is_found_by_its_name() -> None:
    def with_limit(seconds: int) -> Map:
        rows = (Partition("debug"), Partition("batch", max_time=Seconds(seconds)))
        return Map("x", scheduling=Scheduling(partitions=known(rows, "slurm/partitions")))

    assert changes(with_limit(3600), with_limit(7200)) == [
        Change("scheduling.partitions.batch.max_time", "3600", "7200")
    ]
    nobody = Map("x", scheduling=Scheduling(partitions=unknown("slurmctld is down")))
    assert changes(with_limit(60), nobody) == [Change("scheduling.partitions", "debug, batch", "unknown")]


def test_gpus_that_are_told_by_another_look_are_no_news_and_more_of_them_are() -> None:
    def with_gpus(*gpus: Gpu) -> Map:
        return Map("x", instance=Instance(nodes=(NodeGroup("g1", gpus=gpus),)))

    size = known(Bytes(24 << 30), "inside/g1")
    typed = with_gpus(Gpu(4, "rtx3090", known(Bytes(24 << 30), "process/slots")))
    assert changes(typed, with_gpus(Gpu(4, "rtx3090", size))) == []
    assert changes(with_gpus(Gpu(4)), with_gpus(Gpu(8))) == [Change("instance.nodes.g1.gpus.untyped.count", "4", "8")]
    new = Change("instance.nodes.g1.gpus.a100", "", "2 x a100")
    assert changes(typed, with_gpus(Gpu(4, "rtx3090", size), Gpu(2, "a100"))) == [new]


def test_rows_without_a_name_that_another_look_told_are_no_news() -> None:
    def with_memberships(by: str, *accounts: str) -> Map:
        rows = tuple(Association(account, by=by) for account in accounts)
        return Map("x", scheduling=Scheduling(associations=known(rows, by)))

    before = with_memberships("slurm/associations", "ugrad", "grad")
    assert changes(before, with_memberships("earlier/slurm/associations", "ugrad", "grad")) == []
    assert len(changes(before, with_memberships("slurm/associations", "ugrad", "lab"))) == 1
