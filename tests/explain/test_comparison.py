"""``compare``: what differs of two maps, and what a job makes of it; what nobody knows is never a verdict."""

from __future__ import annotations

import time

import pytest

from jido.api.comparing import cards, compare
from jido.errors import NotFound
from jido.explain.compare import Comparison, Side
from jido.explain.compare import compare as compare_sides
from jido.explain.speech import Speech
from jido.model.facts import absent, known
from jido.model.limits import Access, Limits, Qos
from jido.model.map import (
    Bytes,
    Gpu,
    Instance,
    Map,
    NodeGroup,
    Partition,
    Scheduling,
    Seconds,
    Storage,
    Volume,
)
from jido.model.seen import NodeSeen
from jido.twins.maps import built_in

G = 1024**3
DAY = 86400


def side(map_: Map) -> Side:
    return Side(map_.name, map_, cards(map_))


def both(one: Map, other: Map) -> Comparison:
    return compare_sides(side(one), side(other))


def cluster(
    name: str, *groups: NodeGroup, scheduling: Scheduling | None = None, volumes: tuple[Volume, ...] = ()
) -> Map:
    return Map(name, instance=Instance(nodes=groups), scheduling=scheduling or Scheduling(), storage=Storage(volumes))


def gpu(model: str, count: int, memory: int | None) -> Gpu:
    return Gpu(count, model, known(Bytes(memory * G), "x")) if memory else Gpu(count, model)


AURORA = cluster("aurora", NodeGroup("aurora-g[1-8]", cpus=64, gpus=(gpu("rtx3090", 8, 24),)))
ARIEL = cluster(
    "ariel",
    NodeGroup("ariel-v[1-13]", cpus=64, gpus=(gpu("v100", 8, 32),)),
    NodeGroup("ariel-k[1-2]", cpus=64, gpus=(gpu("a100", 8, 80),)),
)


def sentences(done: Comparison) -> list[str]:
    return [meaning.sentence for meaning in done.means]


def test_a_job_for_a_large_gpu_is_told_where_it_fits_and_where_not() -> None:
    assert sentences(both(AURORA, ARIEL)) == [
        "a GPU with more than 24G of memory (up to 80G): fits ariel (a100 80G on ariel-k[1-2];"
        " v100 32G on ariel-v[1-13]), not aurora (at most 24G)"
    ]
    old = cluster("old", NodeGroup("ariel-v[1-13]", cpus=64, gpus=(gpu("v100", 8, 24),)))
    assert sentences(both(AURORA, old)) == [
        "bfloat16 on the GPU: fits aurora (rtx3090 on aurora-g[1-8]), not old (none)"
    ]


def test_nothing_differs_between_a_map_and_itself() -> None:
    aurora = built_in("aurora")
    done = both(aurora, aurora)
    assert not [row for row in done.rows if row.differs]
    assert not done.means
    assert len(done.rows) > 15


def test_gpu_memory_that_nobody_told_is_no_verdict() -> None:
    memory, bf16 = both(ARIEL, cluster("새벽", NodeGroup("n1", cpus=64, gpus=(gpu("새것", 8, None),)))).means
    assert memory.fits == ("ariel (a100 80G on ariel-k[1-2])",)
    assert memory.not_fits == ()
    assert memory.unknown == ("새벽 (not told of 새것)",)
    assert bf16.unknown == memory.unknown


def test_a_cluster_without_gpus_is_said_to_have_none() -> None:
    done = both(AURORA, cluster("cpus", NodeGroup("c[1-4]", cpus=64)))
    assert "a GPU with 24G of memory: fits aurora (rtx3090 24G on aurora-g[1-8]), not cpus (none)" in sentences(done)
    assert "8 GPUs on one node: fits aurora (rtx3090 on aurora-g[1-8]), not cpus (none)" in sentences(done)


def test_limits_of_mine_decide_how_many_gpus_at_once_and_closed_partitions_do_not_count() -> None:
    def scheduling(gpus: int, *rows: Partition, closed: str = "") -> Scheduling:
        return Scheduling(
            engine=known("slurm", "x"),
            qos=known(("mine",), "x"),
            qos_rules=known((Qos("mine", per_user=Limits(gpus=gpus)), Qos("other", per_user=Limits(gpus=99))), "x"),
            partitions=known(rows, "x"),
            access=known(tuple(Access(row.name, "no access" if row.name == closed else "open") for row in rows), "x"),
        )

    week, days = Partition("long", max_time=Seconds(7 * DAY)), Partition("batch", max_time=Seconds(2 * DAY))
    node = NodeGroup("n[1-4]", cpus=8, gpus=(gpu("a100", 8, 40),))
    done = both(
        cluster("a", node, scheduling=scheduling(1, days, week, closed="long")),
        cluster("b", node, scheduling=scheduling(4, days, week)),
    )
    assert sentences(done) == [
        "more than 1 GPU at once for one user (up to 4 GPUs): fits b, not a (at most 1 GPU)",
        "a time limit of more than 2 days (up to 7 days): fits b (long), not a (at most 2 days)",
    ]


def test_a_gpu_in_partitions_that_are_closed_to_me_is_marked() -> None:
    rows = (
        Partition("ugrad", "n1", allow_accounts=("ugrad",)),
        Partition("grad", "n[1-2]", allow_accounts=("grad",)),
    )
    scheduling = Scheduling(partitions=known(rows, "x"), accounts=known(("ugrad",), "x"))
    groups = (
        NodeGroup("n1", cpus=64, gpus=(gpu("v100", 8, 32),)),
        NodeGroup("n2", cpus=64, gpus=(gpu("a100", 8, 80),)),
    )
    memory, *_ = both(AURORA, cluster("site", *groups, scheduling=scheduling)).means
    assert memory.fits == ("site (a100 80G on n2, not open to you; v100 32G on n1)",)


def test_volumes_are_compared_by_path_and_an_unknown_is_not_a_none() -> None:
    one = cluster("a", volumes=(Volume("/data", fs=known("nfs4", "x"), tier=known("work", "x")), Volume("/자료")))
    rows = {row.what: row.values for row in both(one, Map("b")).rows if row.section == "storage"}
    assert rows == {"/data": ("work, nfs4", "?"), "/자료": ("?", "?")}


@pytest.mark.parametrize(
    ("seen", "missing", "said"),
    [
        ((), ("/local",), "?"),
        (("g1",), ("/local",), "?"),
        (("g1", "c2"), ("/local",), "-"),
        (("g1", "c2"), (), "?"),
    ],
)
def test_there_is_none_only_where_every_kind_of_node_was_looked_at(
    seen: tuple[str, ...], missing: tuple[str, ...], said: str
) -> None:
    one = cluster("a", volumes=(Volume("/local", seen_from="a1", fs=known("ext4", "x"), tier=known("local", "x")),))
    groups = NodeGroup("g[1-4]"), NodeGroup("c[1-2]"), NodeGroup("login1", role="login")
    inside = (*tuple(NodeSeen(name, kernel=known("6", "x")) for name in seen), NodeSeen("c1"))
    other = Map("b", instance=Instance(nodes=groups, seen=inside), storage=Storage(missing=missing))
    [row] = [row for row in both(one, other).rows if row.section == "storage"]
    assert row.values == ("local, ext4", said)
    assert row.differs


def test_a_name_that_is_neither_is_refused_with_the_nearest() -> None:
    with pytest.raises(NotFound) as caught:
        compare("aurora", "aurorra")
    assert "aurora" in caught.value.hint


def test_ten_thousand_nodes_are_compared_in_a_moment() -> None:
    rows = tuple(Partition(f"p{n}", "n[1-10000]") for n in range(200))
    big = cluster(
        "big",
        *(NodeGroup(f"n[{n}-{n + 99}]", cpus=64, gpus=(gpu("h100", 8, 80),)) for n in range(1, 10_000, 100)),
        scheduling=Scheduling(partitions=known(rows, "x")),
    )
    began = time.perf_counter()
    done = both(big, AURORA)
    # Generous: a hang or a square of the nodes would take minutes.
    assert time.perf_counter() - began < 20
    assert ("80000", "64") in [row.values for row in done.rows if row.what == "GPUs"]


def test_all_of_it_is_told_in_korean_as_well() -> None:
    maps = built_in("aurora"), built_in("ariel")
    english = compare_sides(*map(side, maps))
    told = compare_sides(*map(side, maps), Speech("ko"))
    assert told.lang == "ko"
    assert [(row.section, row.differs) for row in told.rows] == [(row.section, row.differs) for row in english.rows]
    assert len(told.means) == len(english.means) > 0
    for row in told.rows:
        assert row.what in ("QoS",) or row.what.startswith("/") or any("가" <= char <= "힣" for char in row.what)
    assert any("6일" in row.values[0] for row in told.rows)
    assert any(one.sentence.startswith("GPU 메모리 24G 초과 (최대 80G): ariel (") for one in told.means)
    assert all(one.sentence.endswith("불가") for one in told.means)


def test_where_nothing_keeps_accounts_nothing_bounds_a_user() -> None:
    node = NodeGroup("n[1-4]", cpus=8, gpus=(gpu("a100", 8, 40),))
    bounded = Scheduling(qos=known(("q",), "x"), qos_rules=known((Qos("q", per_user=Limits(gpus=1)),), "x"))
    done = both(
        cluster("free", node, scheduling=Scheduling(qos_rules=absent("x"))),
        cluster("bounded", node, scheduling=bounded),
    )
    assert sentences(done) == [
        "more than 1 GPU at once for one user (up to 32 GPUs): fits free, not bounded (at most 1 GPU)"
    ]
