"""GPUs of a machine without a scheduler bear the names that their driver gives them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jido.capacity.places import Request, places, ranked
from jido.engines.process import Process
from jido.errors import Refused
from jido.model.command import Command, Reply
from jido.model.job import JobSpec, Resources
from jido.model.map import Instance, Map

MIB = 2**20
# As the spooler told it on a machine with one H200, driver 580.159.04.
H200 = {"index": 0, "uuid": "GPU-2a089413-5337-1cb9-deb0-f683049df8c4", "name": "NVIDIA H200", "memory": 143771 * MIB}
RTX = {"index": 1, "uuid": "GPU-b", "name": "NVIDIA GeForce RTX 3090", "memory": 24576 * MIB}


def machine(*gpus: dict[str, Any]) -> Map:
    slots = {kind: {"total": 16, "used": 0, "free": 16} for kind in ("cpus", "memory", "gpus")}
    said = {"host": "vm", "cpus": 16, "memory": 128 << 30, "gpus": gpus, "slots": slots}
    said |= {"active": [], "jobs": {"running": 0}}
    question = Process().slots()
    assert question is not None
    found = question.parse(Reply(Command(("x",)), "vm", 0, json.dumps(said).encode()))
    return Map("local", instance=Instance(nodes=found.nodes), scheduling=found.scheduling, now=found.now)


def asks(model: str, map_: Map | None) -> list[str]:
    spec = JobSpec("작업 $(x)", ("true",), resources=Resources(gpus=1, gpu_model=model))
    return list(Process().plan(spec, map_)[1])


def test_what_the_driver_names_can_do_what_its_model_can() -> None:
    [first] = ranked(places(machine(H200), Request(memory=40 << 30, needs=("bf16", "fp8"))))
    assert (first.model, first.named, first.memory) == ("nvidia_h200", "NVIDIA H200", 143771 * MIB)
    assert first.why == ""


def test_two_kinds_in_one_machine_are_two_rows() -> None:
    [node] = machine(H200, RTX).instance.nodes
    assert [(gpu.count, gpu.model) for gpu in node.gpus] == [(1, "nvidia_h200"), (1, "nvidia_geforce_rtx_3090")]


def test_a_gpu_whose_name_nobody_tells_stays_untyped() -> None:
    [gpu] = machine({"index": 0}).instance.nodes[0].gpus
    assert (gpu.model, gpu.memory.is_known) == (None, False)


@pytest.mark.parametrize("name", ["h200", "H200", "nvidia_h200"])
def test_the_only_type_there_is_may_be_asked_for(name: str) -> None:
    assert asks(name, machine(H200, H200)) == []


@pytest.mark.parametrize(
    ("driver", "asked", "fits"),
    [
        ("NVIDIA GeForce RTX 3090", "rtx3090", True),
        ("NVIDIA H100 80GB HBM3", "h100", True),
        ("NVIDIA A100-SXM4-80GB", "a100", True),
        ("NVIDIA A100-SXM4-80GB", "a10", False),
        ("NVIDIA RTX 6000 Ada Generation", "rtx_6000", True),
        ("NVIDIA L40S", "l40", False),
    ],
)
def test_a_type_is_asked_for_as_people_call_it(driver: str, asked: str, fits: bool) -> None:
    map_ = machine({**H200, "name": driver})
    if fits:
        assert asks(asked, map_) == []
    else:
        with pytest.raises(Refused):
            asks(asked, map_)


@pytest.mark.parametrize(
    ("gpus", "why"),
    [((H200,), "that is nvidia_h200"), ((H200, RTX), "that is nvidia_geforce_rtx_3090, nvidia_h200"), ((), "none")],
)
def test_a_type_that_it_cannot_give_is_refused(gpus: tuple[dict[str, Any], ...], why: str) -> None:
    with pytest.raises(Refused) as refused:
        asks("rtx3090", machine(*gpus))
    assert why in refused.value.cause


def test_without_a_map_the_type_is_said_not_to_be_known() -> None:
    assert asks("h200", None) == ["whether its GPUs are of the type h200 is not known before `jido probe`"]
