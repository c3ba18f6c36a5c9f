"""probe(twin(map)) == map, for every fact that a twin can carry; what it cannot is listed, with reasons."""

from __future__ import annotations

import os
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from jido.api import probing
from jido.api import twins as api
from jido.api.fidelity import differences
from jido.model.document import map_from_yaml, map_to_yaml
from jido.model.facts import Fact, known, unknown
from jido.model.map import Map, NodeNow, Now
from jido.probe.diff import Change
from jido.testing.maps import slurm_maps
from jido.twins import spec_of
from jido.twins.fidelity import CARRIED, LOST, PROVENANCE, why_lost
from jido.twins.maps import built_in, built_in_names

# A command on the twin's own behalf may be slow on a busy machine; nothing here depends on how long it takes.
# A twin takes a second: what fails is shown as it is, not made small by building hundreds.
patient = settings(
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
    report_multiple_bugs=False,
)

# Folders of debootstrap trees with newer Slurms in them, as `twin up --root` takes them.
TREES = os.environ.get("JIDO_TREES", "").split(":")


def fields(kind: Any, path: str = "") -> Iterator[str]:
    """Every field of a map by its path, with a star for the name of a row."""
    origin, args = get_origin(kind), get_args(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        for name, inner in get_type_hints(kind).items():
            if name not in PROVENANCE:
                yield from fields(inner, f"{path}.{name}".lstrip("."))
    elif origin is Fact:
        yield from fields(args[0], path)
    elif origin in (Union, types.UnionType):
        yield from fields(next(arg for arg in args if arg is not type(None)), path)
    elif origin is tuple and isinstance(args[0], type) and issubclass(args[0], msgspec.Struct):
        yield from fields(args[0], f"{path}.*")
    else:
        yield path


def listed(path: str, patterns: dict[str, str]) -> list[str]:
    """The entries that speak of a field or of all that is below it."""
    return [
        entry
        for entry in patterns
        if path == (above := entry.removesuffix(".*")) or (entry != above and path.startswith(f"{above}."))
    ]


def test_every_field_of_a_map_is_either_carried_or_lost_with_a_reason() -> None:
    found = list(fields(Map))
    assert len(found) > 100
    for path in found:
        both = {"carried": listed(path, CARRIED), "lost": listed(path, LOST)}
        assert len([name for name, entries in both.items() if entries]) == 1, (
            f"{path} is {both}: say in src/jido/twins/fidelity.py whether a twin carries it"
        )
    for entry in (*CARRIED, *LOST):
        assert any(listed(path, {entry: ""}) for path in found), f"{entry} is no field of a map any more"
    assert all((CARRIED | LOST).values())


def test_a_lost_fact_is_found_by_its_path() -> None:
    assert why_lost("storage.volumes./data.v2.source")
    assert why_lost("scheduling.settings.MaxArraySize")
    assert why_lost("scheduling.settings")
    assert not why_lost("instance.nodes.g1.cpus")
    assert not why_lost("scheduling.partitions.batch.max_time")


def test_what_the_map_does_not_know_is_no_difference() -> None:
    map_ = built_in("aurora")
    assert differences(map_, map_) == []
    told = msgspec.structs.replace(
        map_, scheduling=msgspec.structs.replace(map_.scheduling, cluster=known("aurora", "x"))
    )
    nothing = msgspec.structs.replace(map_, scheduling=msgspec.structs.replace(map_.scheduling, cluster=unknown("?")))
    assert differences(nothing, told) == []
    assert differences(told, nothing) == [Change("scheduling.cluster", "aurora", "unknown")]


def test_a_changed_a_lost_and_a_strange_fact_are_differences() -> None:
    text = map_to_yaml(built_in("aurora"))
    other = map_from_yaml(text.replace("cpus: 64", "cpus: 32", 1).replace("batch_ugrad", "batch_grad"))
    found = {change.path: (change.before, change.after) for change in differences(built_in("aurora"), other)}
    assert found["instance.nodes.aurora-g1.cpus"] == ("64", "32")
    assert found["scheduling.partitions.batch_ugrad"] == ("batch_ugrad", "")
    assert found["scheduling.partitions.batch_grad"] == ("", "batch_grad")


def test_a_node_that_is_down_must_come_back_down_with_its_reason() -> None:
    def seen(*rows: NodeNow) -> Map:
        return msgspec.structs.replace(built_in("aurora"), now=Now(nodes=known(rows, "slurm/nodes")))

    dead = seen(NodeNow("g1", "down", reason="broken fan"), NodeNow("g2", "allocated"))
    signed = seen(NodeNow("g1", "down", reason="broken fan [root@1795455000]"), NodeNow("g2", "idle"))
    assert differences(dead, signed) == []
    assert differences(dead, seen(NodeNow("g1", "idle"), NodeNow("g2", "idle"))) == [
        Change("now.nodes.g1", "down: broken fan", "up")
    ]


@pytest.mark.twin
@pytest.mark.parametrize("name", built_in_names())
def test_a_probe_of_a_built_in_maps_twin_brings_the_map_back(name: str, needs_parts: None) -> None:
    api.up(name, "rebuilt")
    try:
        assert differences(built_in(name), probing.probe("rebuilt").map) == []
    finally:
        api.down("rebuilt")


@settings(patient, max_examples=60)
@given(slurm_maps())
def test_any_slurm_cluster_can_be_built(map_: Map) -> None:
    assert map_from_yaml(map_to_yaml(map_)) == map_
    assert differences(map_, map_) == []
    assert {node.name for node in spec_of(map_).nodes} == {row.name for row in map_.now.nodes.value or ()}


@pytest.mark.twin
@settings(patient, max_examples=8)
@given(map_=slurm_maps())
def test_a_probe_of_any_twin_brings_its_map_back(map_: Map, needs_parts: None, tmp_path: Path) -> None:
    file = tmp_path / "map.yaml"
    file.write_text(map_to_yaml(map_))
    api.up(str(file), "generated")
    try:
        assert differences(map_, probing.probe("generated").map) == []
    finally:
        api.down("generated")


@pytest.mark.twin
@pytest.mark.parametrize("tree", TREES)
@settings(patient, max_examples=4)
@given(map_=slurm_maps(accounting=False))
def test_it_holds_on_other_slurms_too(tree: str, map_: Map, needs_parts: None, tmp_path: Path) -> None:
    if not tree:
        pytest.skip("JIDO_TREES names no debootstrap tree with another Slurm in it")
    file = tmp_path / "map.yaml"
    file.write_text(map_to_yaml(map_))
    api.up(str(file), "elsewhere", root=tree)
    try:
        assert differences(map_, probing.probe("elsewhere").map) == []
    finally:
        api.down("elsewhere")
