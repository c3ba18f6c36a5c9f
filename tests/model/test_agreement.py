"""Where the scheduler and the nodes contradict each other; what is not known contradicts nothing."""

from __future__ import annotations

from typing import Any

import pytest

from jido.model.agreement import contradictions, is_same_model
from jido.model.facts import absent, known
from jido.model.map import Bytes, Gpu, Instance, Map, NodeGroup
from jido.model.seen import Device, NodeSeen

G = 1024**3


@pytest.mark.parametrize(
    ("scheduler", "driver"),
    [
        ("rtx3090", "NVIDIA GeForce RTX 3090"),
        ("3090", "NVIDIA GeForce RTX 3090"),
        ("a6000", "NVIDIA RTX A6000"),
        ("a100_80gb", "NVIDIA A100-SXM4-80GB"),
        ("nvidia_h200", "NVIDIA H200"),
        ("tesla", "Tesla V100-PCIE-32GB"),
    ],
)
def test_one_device_has_many_names(scheduler: str, driver: str) -> None:
    assert is_same_model(scheduler, driver)


@pytest.mark.parametrize(
    ("scheduler", "driver"),
    [("a100", "NVIDIA A10"), ("rtx3090", "NVIDIA GeForce RTX 2080 Ti"), ("tesla", "NVIDIA L4")],
)
def test_another_device_is_another_one(scheduler: str, driver: str) -> None:
    assert not is_same_model(scheduler, driver)


def told(**seen: Any) -> list[str]:
    group = NodeGroup("g[1-2]", cpus=8, memory=Bytes(64 * G), gpus=(Gpu(2, "a100"),))
    kernel = known("6", "g1:uname")
    rows = tuple(NodeSeen(node, kernel=kernel, **seen) for node in ("g1", "g2"))
    return contradictions(Map("site", instance=Instance(nodes=(group,), seen=rows)))


def test_what_is_not_known_contradicts_nothing() -> None:
    assert told() == []


def test_agreement_is_not_told_and_fewer_devices_than_counted_are_no_contradiction() -> None:
    assert (
        told(gpus=known((Device("NVIDIA A100-PCIE-40GB"),), "x"), cpus=known(8, "x"), memory=known(65 * G, "x")) == []
    )


def test_equal_contradictions_are_told_once() -> None:
    two = told(gpus=known((Device("NVIDIA L4"),) * 3, "x"))
    assert two == [
        "g[1-2]: the scheduler counts 2 GPUs, and the driver shows 3",
        "g[1-2]: the scheduler calls its GPUs a100, and the driver NVIDIA L4",
    ]
    assert told(gpus=absent("x")) == ["g[1-2]: the scheduler counts 2 GPUs, and no driver was found there"]
    assert told(cpus=known(4, "x")) == ["g[1-2]: the scheduler hands out 8 CPUs, and the machine has 4"]
    assert told(memory=known(32 * G, "x")) == [
        "g[1-2]: the scheduler hands out 64G of memory, and the machine has 32G"
    ]
