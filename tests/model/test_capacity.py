"""What a cluster has and what of it is free: a GPU whose node has no CPU or memory left is of no use."""

from __future__ import annotations

import pytest

from jido.model.capacity import Capacity, capacity, takes_jobs
from jido.model.facts import known
from jido.model.map import Bytes, Gpu, Instance, Map, NodeGroup, NodeNow, Now

G = 1024**3
NODES = (
    NodeGroup("g[1-3]", cpus=64, memory=Bytes(512 * G), gpus=(Gpu(8, "rtx3090"),)),
    NodeGroup("m1", cpus=32, memory=Bytes(256 * G), gpus=(Gpu(2, "a100"), Gpu(2))),
)


def cluster(*now: NodeNow) -> Map:
    return Map("x", instance=Instance(nodes=NODES), now=Now(nodes=known(now, "look")))


def test_everything_is_summed_by_model() -> None:
    found = capacity(Map("x", instance=Instance(nodes=NODES)))
    assert (found.nodes, found.cpus, found.memory) == (4, 224, 1792 * G)
    assert found.gpus == {"rtx3090": 24, "a100": 2, "": 2}
    assert (found.open_nodes, found.free_cpus, found.free_gpus) == (0, 0, 0)


def test_what_is_handed_out_is_not_free() -> None:
    now = NodeNow("g1", "mixed", cpus_used=16, memory_used=100 * G, gpus_used={"rtx3090": 3})
    assert capacity(cluster(now), ["g1"]) == Capacity(1, 64, 512 * G, {"rtx3090": 8}, 1, 48, 5)


@pytest.mark.parametrize(("cpus", "memory", "free"), [(64, 0, 0), (0, 512, 0), (62, 0, 2), (0, 0, 8)])
def test_a_gpu_needs_a_cpu_and_memory_to_go_with_it(cpus: int, memory: int, free: int) -> None:
    now = NodeNow("g1", "mixed", cpus_used=cpus, memory_used=memory * G)
    assert capacity(cluster(now)).free_gpus == free


@pytest.mark.parametrize(
    ("state", "flags", "open_"),
    [
        ("idle", (), True),
        ("mixed", ("planned",), True),
        ("idle", ("powered_down", "cloud"), True),
        ("idle", ("drain",), False),
        ("idle", ("not_responding",), False),
        ("mixed", ("maintenance",), False),
        ("down", (), False),
        ("unknown", (), False),
    ],
)
def test_a_node_that_takes_no_jobs_has_nothing_free(state: str, flags: tuple[str, ...], open_: bool) -> None:
    node = NodeNow("g1", state, flags)
    assert takes_jobs(node) is open_
    assert (capacity(cluster(node)).free_cpus > 0) is open_


def test_strangers_and_unreadable_names_do_no_harm() -> None:
    assert capacity(cluster(), ["nobody"]) == Capacity()
    assert capacity(Map("x", instance=Instance(nodes=(NodeGroup("g[1-", cpus=4),)))).cpus == 4
