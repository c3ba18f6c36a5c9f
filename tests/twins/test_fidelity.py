"""probe(twin(map)) == map, for every fact that a twin can carry; what it cannot is listed, with reasons."""

from __future__ import annotations

import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from tests.trees import trees

from jido.api import inside, probing
from jido.api import twins as api
from jido.api.fidelity import differences
from jido.api.inside import Wish
from jido.model.document import map_from_yaml, map_to_yaml
from jido.model.facts import Fact, known, unknown
from jido.model.map import Bytes, Instance, Map, NodeGroup, NodeNow, Now, Storage, Volume
from jido.model.seen import NodeSeen, Speed
from jido.probe.diff import Change
from jido.testing.maps import slurm_maps
from jido.twins import spec_of
from jido.twins.fidelity import CARRIED, LOST, PLAIN, PROVENANCE, why_lost
from jido.twins.maps import built_in, built_in_names

# A command on the twin's own behalf may be slow on a busy machine; nothing here depends on how long it takes.
# A twin takes a second: what fails is shown as it is, not made small by building hundreds.
patient = settings(
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
    report_multiple_bugs=False,
)


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
    assert all((CARRIED | LOST | PLAIN).values())


def test_what_plain_mode_cannot_carry_is_carried_otherwise() -> None:
    for entry in PLAIN:
        if not entry.startswith("now."):
            assert any(listed(path, {entry: ""}) for path in fields(Map)), f"{entry} is no field of a map any more"
            assert any(listed(path, {entry: ""}) or listed(entry, {path: ""}) for path in CARRIED), entry


def test_a_lost_fact_is_found_by_its_path() -> None:
    assert why_lost("storage.volumes./data.v2.mount")
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


def seen_from_inside(**changes: Any) -> Map:
    """Two nodes with a disk each, and a volume that all share, as `probe --compute` finds them."""
    local = Volume("/local", seen_from="n[1-2]", size=known(Bytes(10**12), "x"), shared=known(False, "x"))
    data = Volume("/data", seen_from="login,n[1-2]", shared=known(True, "x"), mine=known("/data/u1", "x"))
    rows = [msgspec.structs.replace(row, **changes.get(row.path, {})) for row in (local, data)]
    free = {"n1": 10**12, "n2": 0} | changes.get("free", {})
    seen = tuple(NodeSeen(node, cost=1.0, free={"/local": free[node]}) for node in ("n1", "n2"))
    return Map("c", instance=Instance(nodes=(NodeGroup("n[1-2]"),), seen=seen), storage=Storage(tuple(rows)))


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"/local": {"size": known(Bytes(10**11), "x")}}, "storage.volumes./local on n1.size"),
        ({"/local": {"seen_from": "n1"}}, "storage.volumes./local on n2"),
        ({"/local": {"shared": known(True, "x")}}, "storage.volumes./local on n1.shared"),
        ({"/data": {"shared": unknown("no token")}}, "storage.volumes./data on n1.shared"),
        ({"/data": {"seen_from": "login,n2"}}, "storage.volumes./data on n1"),
        ({"free": {"n2": 10**9}}, "now.free./local on n2"),
    ],
)
def test_what_nodes_see_otherwise_is_a_difference(changes: dict[str, Any], path: str) -> None:
    assert differences(seen_from_inside(), seen_from_inside()) == []
    assert path in {change.path for change in differences(seen_from_inside(), seen_from_inside(**changes))}


def test_nodes_that_were_not_looked_at_are_no_difference() -> None:
    blind = msgspec.structs.replace(
        seen_from_inside(),
        instance=Instance(nodes=(NodeGroup("n[1-2]"),)),
        storage=Storage((Volume("/data", mine=known("/data/u1", "x")),)),
    )
    assert differences(seen_from_inside(), blind) == []


def test_a_volume_that_is_faster_than_in_the_map_is_a_difference() -> None:
    slow = seen_from_inside(**{"/data": {"speed": (Speed("", write=57e6),)}})
    for write, found in ((56e6, []), (40e6, []), (600e6, ["storage.volumes./data.speed.n1.write"])):
        probed = seen_from_inside(**{"/data": {"speed": (Speed("n1", write=write, read=1e9),)}})
        assert [change.path for change in differences(slow, probed)] == found


@pytest.mark.twin
@pytest.mark.parametrize("name", built_in_names())
def test_a_probe_of_a_built_in_maps_twin_brings_the_map_back(name: str, needs_parts: None) -> None:
    api.up(name, "rebuilt")
    try:
        probed = inside.look("rebuilt", Wish())
        assert "seen" in {outcome.state for outcome in probed.outcomes}
        assert differences(built_in(name), probed.map) == []
    finally:
        api.down("rebuilt")


@pytest.mark.twin
def test_the_twin_of_a_twins_map_is_the_same_twin(needs_parts: None) -> None:
    api.up("aurora", "first")
    try:
        first = inside.look("first", Wish(every=True)).map
        api.up("first", "second")
        second = inside.look("second", Wish(every=True)).map
        assert differences(first, second) == []
    finally:
        api.down("first")
        api.down("second")


@pytest.mark.twin
def test_a_plain_twin_carries_all_that_is_not_listed_as_beyond_it(needs_parts: None) -> None:
    api.up("aurora", "plain", plain=True)
    try:
        probed = probing.probe("plain").map
        assert differences(built_in("aurora"), probed, plain=True) == []
        found = {change.path for change in differences(built_in("aurora"), probed)}
        assert "scheduling.accounting" in found
        assert "storage.volumes./data" in found
        assert all(why_lost(path, plain=True) for path in found)
    finally:
        api.down("plain")


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
        assert differences(map_, inside.look("generated", Wish(patience=20)).map) == []
    finally:
        api.down("generated")


@pytest.mark.twin
@pytest.mark.parametrize("tree", trees("fidelity"))
@pytest.mark.parametrize("name", built_in_names())
def test_a_built_in_map_comes_back_from_other_slurms_too(tree: str, name: str, needs_parts: None) -> None:
    api.up(name, "elsewhere", root=tree)
    try:
        assert differences(built_in(name), probing.probe("elsewhere").map) == []
    finally:
        api.down("elsewhere")


@pytest.mark.twin
@pytest.mark.parametrize("tree", trees("fidelity"))
@settings(patient, max_examples=4)
@given(map_=slurm_maps())
def test_any_map_comes_back_from_other_slurms_too(tree: str, map_: Map, needs_parts: None, tmp_path: Path) -> None:
    file = tmp_path / "map.yaml"
    file.write_text(map_to_yaml(map_))
    api.up(str(file), "elsewhere", root=tree)
    try:
        assert differences(map_, probing.probe("elsewhere").map) == []
    finally:
        api.down("elsewhere")
