"""Where a job with GPUs could run, ranked, each place with what stands for it and against it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from jido.capacity.places import Place, Request, check, places, ranked
from jido.errors import InputError
from jido.model.facts import known
from jido.model.limits import Access, Limits
from jido.model.map import Bytes, Gpu, Map, Partition, Seconds
from jido.model.seen import Device, NodeSeen
from small_clusters import A100, BATCH, FREE, ONE_GPU, THREE, G, cluster, idle, node, with_job


def best(map_: Map, **wanted: object) -> Place:
    return ranked(places(map_, Request(**wanted)))[0]  # type: ignore[arg-type]


def only(map_: Map, kind: str, **wanted: object) -> Place:
    [found] = [one for one in places(map_, Request(**wanted)) if one.model == kind]  # type: ignore[arg-type]
    return found


FREE_MAP = cluster(THREE, FREE, (BATCH,))


def test_the_smallest_gpu_that_fits_comes_first() -> None:
    assert best(FREE_MAP, gpus=4).model == "rtx3090"
    assert best(FREE_MAP, gpus=4, memory=40 * G).model == "a100"


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({"gpus": 9}, "no node of it has more than 8"),
        ({"memory": 40 * G}, "its GPUs have 24G"),
        ({"needs": ("fp8",)}, "its GPUs have no fp8"),
        ({"needs": ("9.0",)}, "its GPUs are below 9.0"),
        ({"time": 3 * 86400}, "a job may take 2d there"),
        ({"model": "h100"}, "its GPUs are rtx3090"),
        ({"memory_per_gpu": 600 * G}, "no node of it has more than 512G of memory; 1 GPU would take 600G"),
        (
            {"gpus": 2, "memory_per_gpu": 300 * G},
            "no node of it has more than 512G of memory; 2 GPUs would take 600G",
        ),
        ({"gpus": 4, "cpus_per_gpu": 17}, "no node of it has more than 64 CPUs; 4 GPUs would take 68"),
    ],
)
def test_what_can_never_be_says_why(wanted: dict[str, object], why: str) -> None:
    found = only(FREE_MAP, "rtx3090", **wanted)
    assert (found.when, found.why) == ("no", why)


def test_a_limit_of_mine_stands_for_ever() -> None:
    map_ = cluster(THREE, FREE, (BATCH,), (ONE_GPU,))
    assert best(map_, gpus=1).when == "now"
    assert (best(map_, gpus=2).when, best(map_, gpus=2).why) == ("no", "you may have 1 there at a time")


def test_a_limit_that_is_used_up_is_later_and_no_more_jobs_are_promised_than_it_leaves() -> None:
    map_ = cluster(THREE, FREE, (BATCH,), (ONE_GPU,))
    assert best(map_, gpus=1).usable == 1
    found = best(with_job(map_, gpus=1), gpus=1)
    assert (found.when, found.why) == ("later", "beyond your limit of 1 GPU (1 in use)")


def test_taken_is_later_with_what_is_missing() -> None:
    now = (idle("g1", gpus_used={"rtx3090": 6}), idle("g2", cpus_used=64), idle("g3", gpus_used={"a100": 4}))
    map_ = cluster(THREE, now, (BATCH,))
    assert only(map_, "a100", gpus=1).why == "all of them are handed out"
    assert only(map_, "rtx3090", gpus=4).why == "no CPUs left on its node"
    assert only(map_, "rtx3090", gpus=2).when == "now"


def test_the_size_of_a_model_that_comes_in_several_is_a_doubt_and_no_claim() -> None:
    found = only(FREE_MAP, "a100", memory=80 * G)
    assert found.when == "not known"
    assert "40G or more" in found.why
    assert only(FREE_MAP, "a100", memory=81 * G + 20 * G).when == "no"


def test_a_look_from_inside_settles_it() -> None:
    seen = NodeSeen("g3", gpus=known((Device("NVIDIA A100-SXM4-80GB", memory=81_000 * 2**20),), "x"))
    inside = replace(FREE_MAP, instance=replace(FREE_MAP.instance, seen=(seen,)))
    found = only(inside, "a100", memory=80 * G)
    assert (found.when, found.memory_by) == ("now", "its driver")


def test_what_a_driver_shows_is_a_little_less_than_the_name_says() -> None:
    gpu = Gpu(4, "a100", known(Bytes(40_536 * 2**20), "nvidia-smi"))
    map_ = cluster((node("g[1-3]", gpu),), FREE, (BATCH,))
    assert best(map_, memory=40 * G).when == "now"


def test_an_unknown_gpu_claims_nothing() -> None:
    map_ = cluster((node("g[1-3]", Gpu(4, "moonshot")),), FREE, (BATCH,))
    assert best(map_).when == "now"
    assert best(map_, memory=1 * G).when == "not known"
    for need in ("bf16", "fp8", "nvlink", "7.0"):
        assert best(map_, needs=(need,)).when == "not known"


def test_nvlink_of_a_board_that_may_have_it_is_a_doubt() -> None:
    assert only(FREE_MAP, "a100", needs=("nvlink",)).when == "not known"
    sxm = cluster((node("g[1-3]", Gpu(4, "a100-sxm4-80gb")),), FREE, (BATCH,))
    assert best(sxm, needs=("nvlink", "bf16")).when == "now"


def test_what_was_verified_comes_before_what_is_declared_and_a_doubt_after_a_wait() -> None:
    rows = (Access("a", "open", "declared"), Access("b", "open", "verified"), Access("c", "not established"))
    partitions = tuple(Partition(name, "g[1-2]") for name in "abc")
    assert [one.partition for one in ranked(places(cluster(THREE, FREE, partitions, rows), Request()))] == [
        "b",
        "a",
        "c",
    ]


def test_a_partition_that_is_down_promises_nothing_and_one_that_refuses_never_takes_it() -> None:
    rows = (
        Access("a", "down", "declared", "the partition is down"),
        Access("b", "refused", "verified", "교수님 허가"),
    )
    found = ranked(places(cluster(THREE, FREE, (Partition("a", "g1"), Partition("b", "g2")), rows), Request()))
    assert [(one.when, one.why) for one in found] == [("not known", "the partition is down"), ("no", "교수님 허가")]


def test_the_partitions_defaults_go_with_each_gpu() -> None:
    batch = Partition("batch", "g[1-3]", default_cpus_per_gpu=8, default_memory_per_gpu=Bytes(30 * G))
    now = (idle("g1", cpus_used=40), idle("g2", memory_used=480 * G), idle("g3", cpus_used=64))
    map_ = cluster(THREE, now, (batch,))
    assert only(map_, "rtx3090", gpus=3).usable == 1
    assert only(map_, "rtx3090", gpus=4).when == "later"
    assert only(map_, "rtx3090", gpus=4, cpus_per_gpu=4, memory_per_gpu=G).when == "now"


def test_a_partition_for_several_nodes_takes_no_job_on_one() -> None:
    map_ = cluster(THREE, FREE, (Partition("pairs", "g[1-3]", min_nodes=2),))
    assert best(map_).why == "it takes jobs from 2 nodes on"


def test_the_qos_time_limit_counts() -> None:
    short = Access("batch", "open", "verified", up_to=Limits(wall=3600))
    found = best(cluster(THREE, FREE, (BATCH,), (short,)), time=7200)
    assert (found.when, found.why, found.longest) == ("no", "a job may take 1h there", 3600)


def test_without_verdicts_nothing_is_promised() -> None:
    assert best(cluster(THREE, FREE, (BATCH,), ())).when == "not known"


@pytest.mark.parametrize("wanted", [{"gpus": 0}, {"needs": ("bf17",)}, {"needs": ("한글",)}])
def test_a_request_that_makes_no_sense_names_what_does(wanted: dict[str, object]) -> None:
    with pytest.raises(InputError) as caught:
        check(Request(**wanted))  # type: ignore[arg-type]
    assert caught.value.hint


def test_several_kinds_in_a_node_are_places_of_their_own() -> None:
    map_ = cluster((node("g[1-3]", A100, Gpu(2, "v100")),), FREE, (BATCH,))
    assert {one.model for one in places(map_, Request())} == {"a100", "v100"}
    assert {one.longest for one in places(map_, Request())} == {Seconds(2 * 86400)}


def test_gpus_without_a_type_can_do_what_their_driver_says_they_are() -> None:
    map_ = cluster((node("g1", Gpu(4)),), (idle("g1"),), (BATCH,))
    assert only(map_, "", gpus=1, needs=("bf16",)).when == "not known"
    seen = NodeSeen("g1", gpus=known((Device("NVIDIA H200", memory=143771 * 2**20),), "x"))
    inside = replace(map_.instance, seen=(seen,))
    found = only(replace(map_, instance=inside), "", gpus=1, needs=("bf16", "fp8"))
    assert (found.when, found.named) == ("now", "NVIDIA H200")
