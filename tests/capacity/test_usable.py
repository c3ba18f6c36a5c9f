"""GPUs in all, free, and usable now by me: what is not usable says why, and the sums add up."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from jido.capacity.usable import Pool, together, usable
from jido.model.facts import unknown
from jido.model.limits import VERDICTS, Access, Limits
from jido.model.map import Gpu, Map, NodeNow, Partition, QueuedJob
from small_clusters import A100, BATCH, FREE, ONE_GPU, RTX, THREE, G, cluster, idle, node, with_job


def pool(map_: Map, model: str = "rtx3090", partition: str = "batch") -> Pool:
    [found] = [one for one in usable(map_) if (one.model, one.partition) == (model, partition)]
    return found


def in_all(map_: Map, model: str = "rtx3090") -> Pool:
    [found] = [one for one in together(map_, usable(map_)) if one.model == model]
    return found


def test_what_is_free_on_an_idle_node_is_usable() -> None:
    found = pool(cluster(THREE, FREE, (BATCH,)))
    assert (found.in_all, found.free, found.usable, found.on_one_node, found.not_usable) == (16, 16, 16, 8, {})
    assert (found.memory, found.named, found.verdict, found.rests_on) == (
        24 * G,
        "GeForce RTX 3090",
        "open",
        "verified",
    )


def test_a_free_gpu_without_cpus_or_memory_beside_it_is_not() -> None:
    now = (
        idle("g1", cpus_used=64, gpus_used={"rtx3090": 2}),
        idle("g2", memory_used=512 * G, gpus_used={"rtx3090": 1}),
        idle("g3"),
    )
    found = pool(cluster(THREE, now, (BATCH,)))
    assert (found.free, found.usable) == (13, 0)
    assert found.not_usable == {"no CPUs left on its node": 6, "no memory left on its node": 7}


def test_what_must_go_with_each_gpu_can_be_said() -> None:
    map_ = cluster(THREE, (idle("g1", cpus_used=50), idle("g2"), idle("g3")), (BATCH,))
    [rtx, _] = usable(map_, cpus=8)
    assert rtx.usable == 1 + 8
    assert rtx.not_usable == {"no CPUs left on its node": 7}


def test_what_no_node_has_at_all_is_not_said_to_be_in_use() -> None:
    [rtx, _] = usable(cluster(THREE, FREE, (BATCH,)), memory=600 * G)
    assert rtx.not_usable == {"its node has 512G of memory in all": 16}
    [rtx, _] = usable(cluster(THREE, FREE, (BATCH,)), cpus=65)
    assert rtx.not_usable == {"its node has 64 CPUs in all": 16}


def test_memory_that_is_the_least_of_a_models_sizes_is_marked() -> None:
    found = {one.model: (one.memory, one.memory_by) for one in usable(cluster(THREE, FREE, (BATCH,)))}
    assert found == {"rtx3090": (24 * G, "its model"), "a100": (40 * G, "its model's smallest variant")}


def test_nodes_that_take_no_jobs_give_none() -> None:
    now = (NodeNow("g1", "down", ("not_responding",)), idle("g2", flags=("drain",)), idle("g3"))
    found = pool(cluster(THREE, now, (BATCH,)))
    assert (found.free, found.usable) == (16, 0)
    assert found.not_usable == {
        "its node takes no jobs (down, not responding)": 8,
        "its node takes no jobs (idle, drain)": 8,
    }


def test_beyond_my_limit_is_not_mine_and_what_i_hold_counts() -> None:
    map_ = cluster(THREE, FREE, (BATCH,), (ONE_GPU,))
    assert pool(map_).not_usable == {"beyond your limit of 1 GPU": 15}
    held = pool(with_job(map_, gpus=1))
    assert (held.usable, held.not_usable) == (0, {"beyond your limit of 1 GPU (1 in use)": 16})


def test_a_job_that_waits_holds_nothing() -> None:
    waiting = QueuedJob("8", "pending", partition="batch", qos="gpu1", gpus=1)
    map_ = cluster(THREE, FREE, (BATCH,), (ONE_GPU,), (waiting,))
    assert pool(map_).usable == 1


def test_a_job_that_does_not_tell_its_gpus_leaves_none() -> None:
    found = pool(with_job(cluster(THREE, FREE, (BATCH,), (ONE_GPU,)), gpus=None))
    assert found.usable == 0
    assert "job 7 tells no GPUs" in next(iter(found.not_usable))


def test_a_queue_that_is_not_known_leaves_none_of_what_is_limited() -> None:
    map_ = cluster(THREE, FREE, (BATCH,), (ONE_GPU,))
    blind = msgspec.structs.replace(map_, now=msgspec.structs.replace(map_.now, queue=unknown("down")))
    assert pool(blind).usable == 0


def test_a_limit_of_running_jobs_or_cpus_is_a_limit_of_gpus() -> None:
    few = Access("batch", "open", "verified", qos="gpu1", per_user=Limits(jobs=1))
    assert pool(with_job(cluster(THREE, FREE, (BATCH,), (few,)), gpus=0)).usable == 0
    narrow = Access("batch", "open", "verified", qos="gpu1", per_user=Limits(cpus=3))
    assert pool(with_job(cluster(THREE, FREE, (BATCH,), (narrow,)), cpus=1)).usable == 2


def test_what_is_closed_to_me_is_not_usable_whatever_is_free() -> None:
    for verdict, why in (
        ("down", "the partition is down"),
        ("refused", "refused"),
        ("no access", "no access"),
        ("not established", "not established whether you may use it"),
    ):
        row = Access("batch", verdict, "declared")  # type: ignore[arg-type]
        found = pool(cluster(THREE, FREE, (BATCH,), (row,)))
        assert (found.usable, found.not_usable) == (0, {why: 16})


def test_a_node_whose_state_is_not_known_is_not_free() -> None:
    found = pool(cluster(THREE, (idle("g1"),), (BATCH,)))
    assert (found.in_all, found.free, found.usable, found.unseen) == (16, 8, 8, 8)


def test_nodes_behind_two_partitions_are_counted_once() -> None:
    other = Partition("debug", "g[1-3]")
    found = in_all(cluster(THREE, FREE, (BATCH, other)))
    assert (found.in_all, found.free, found.usable) == (16, 16, 16)


def test_in_all_i_get_no_more_than_the_widest_limit() -> None:
    wide = Access("debug", "open", "verified", per_user=Limits(gpus=2))
    found = in_all(cluster(THREE, FREE, (BATCH, Partition("debug", "g1")), (ONE_GPU, wide)))
    assert (found.usable, found.not_usable) == (2, {"beyond your limit of 1 GPU": 14})


def test_gpus_in_no_partition_of_mine_are_named() -> None:
    closed = Access("batch", "no access", "declared")
    found = in_all(cluster(THREE, FREE, (BATCH, Partition("a", "g3")), (closed, Access("a", "open"))))
    assert found.not_usable == {"in no partition that is open to you": 16}


def test_gpus_without_a_type_take_their_model_from_one_feature() -> None:
    nodes = (node("g[1-3]", Gpu(4), features=("v100", "ib")),)
    found = pool(cluster(nodes, FREE, (BATCH,)), "")
    assert (found.named, found.memory) == ("Tesla V100", 16 * G)


def test_a_model_with_several_sizes_claims_the_smallest() -> None:
    assert pool(cluster(THREE, FREE, (BATCH,)), "a100").memory == 40 * G


def test_jidos_own_queue_has_no_partitions_and_all_of_it_is_mine() -> None:
    map_ = cluster((node("here", RTX),), (idle("here"),), ())
    lone = msgspec.structs.replace(
        map_, scheduling=msgspec.structs.replace(map_.scheduling, partitions=unknown("none"))
    )
    [found] = usable(lone)
    assert (found.partition, found.usable) == ("", 8)


_COUNT = st.integers(0, 9)


@given(
    states=st.lists(
        st.builds(
            NodeNow,
            name=st.just("x"),
            state=st.sampled_from(["idle", "mixed", "allocated", "down", "unknown", "지도"]),
            flags=st.sampled_from([(), ("drain",), ("planned",)]),
            cpus_used=st.integers(0, 80),
            memory_used=st.integers(0, 600 * G),
            gpus_used=st.dictionaries(st.sampled_from(["rtx3090", "", "other"]), _COUNT, max_size=2),
        ),
        max_size=3,
    ),
    verdict=st.sampled_from(VERDICTS),
    limit=st.none() | _COUNT,
    held=st.none() | _COUNT,
    memory=st.sampled_from([None, 512 * G]),
)
@settings(max_examples=150, deadline=None)
def test_the_sums_add_up_and_nothing_is_claimed_that_is_not_there(
    states: list[NodeNow], verdict: str, limit: int | None, held: int | None, memory: int | None
) -> None:
    nodes = tuple(
        msgspec.structs.replace(group, memory=memory)
        for group in (node("g1", RTX), node("g2", RTX), node("g3", A100))
    )
    now = tuple(msgspec.structs.replace(one, name=f"g{number}") for number, one in enumerate(states, 1))
    row = Access("batch", verdict, qos="gpu1", per_user=Limits(gpus=limit))  # type: ignore[arg-type]
    map_ = with_job(cluster(nodes, now, (BATCH,), (row,)), gpus=held)
    found = usable(map_)
    for one in [*found, *together(map_, found)]:
        assert one.free == one.usable + sum(one.not_usable.values())
        assert 0 <= one.usable <= one.free <= one.in_all - one.unseen
        assert all(count > 0 and why for why, count in one.not_usable.items())
        assert limit is None or one.usable <= limit
        assert one.on_one_node <= 8
        assert verdict == "open" or one.usable == 0
