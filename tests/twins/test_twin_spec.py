"""What can be a twin, and how it is read off a map."""

from dataclasses import dataclass

import msgspec
import pytest

from jido.errors import InputError, Refused
from jido.model.facts import known
from jido.model.map import Map, Scheduling, Storage, Volume
from jido.twins import TwinSpec, spec_of
from jido.twins.maps import built_in, built_in_names
from jido.twins.spec import Gpus, Node, Partition, check
from jido.twins.spec import Volume as Shared

NODE = Node("n1")


def spec(**changes: object) -> TwinSpec:
    return msgspec.structs.replace(TwinSpec("c", nodes=(NODE,)), **changes)


@dataclass
class Wrong:
    what: str
    spec: TwinSpec
    says: str


WRONG = [
    Wrong("no nodes", spec(nodes=()), "no compute nodes"),
    Wrong("a shell expansion as node", spec(nodes=(Node("$(reboot)"),)), "cannot be a host name"),
    Wrong("a newline in a node", spec(nodes=(Node("n1\nNodeName=n2"),)), "cannot be a host name"),
    Wrong("the same name twice", spec(nodes=(NODE, NODE)), "same name"),
    Wrong("a node named as the login node", spec(login="n1"), "same name"),
    Wrong("a space in a partition", spec(partitions=(Partition("a b", ("n1",)),)), "cannot be a partition"),
    Wrong("a partition of strangers", spec(partitions=(Partition("p", ("n1", "n9")),)), "not in the map: n9"),
    Wrong("a user name", spec(user="Root Me"), "cannot be a user name"),
    Wrong("root", spec(uid=0), "not an ordinary user"),
    Wrong("no CPUs", spec(nodes=(Node("n1", cpus=0),)), "below 1"),
    Wrong("a GPU model", spec(nodes=(Node("n1", gpus=(Gpus(1, "a b"),)),)), "GPU model"),
    Wrong("a relative volume", spec(volumes=(Shared("data"),)), "cannot be a volume's path"),
    Wrong("a volume that climbs", spec(volumes=(Shared("/data/../etc"),)), "cannot be a volume's path"),
    Wrong("a volume over the system", spec(volumes=(Shared("/usr/local"),)), "part of the system"),
    Wrong("a local volume over the system", spec(nodes=(Node("n1", volumes=("/etc",)),)), "part of the system"),
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.what)
def test_a_spec_that_cannot_be_built_is_refused_by_name(wrong: Wrong) -> None:
    with pytest.raises(InputError, match=wrong.says):
        check(wrong.spec)


def test_odd_but_possible_volumes_are_accepted() -> None:
    check(spec(volumes=(Shared("/data 한글 $(x)"),)))


def test_aurora_has_8_nodes_62_gpus_and_its_partitions() -> None:
    aurora = spec_of(built_in("aurora"))
    assert [node.name for node in aurora.nodes] == [f"aurora-g{number}" for number in range(1, 9)]
    assert sum(gpus.count for node in aurora.nodes for gpus in node.gpus) == 62
    limits = {partition.name: partition.max_time for partition in aurora.partitions}
    assert limits["debug_ugrad"] == 4 * 3600
    assert limits["batch_ugrad"] == 6 * 86400
    assert {volume.path: volume.open_to for volume in aurora.volumes} == {
        "/home": "user",
        "/data": "user",
        "/data/datasets": "none",
    }
    assert {path for node in aurora.nodes for path in node.volumes} == {"/local_datasets", "/data2/local_datasets"}
    assert [node.name for node in aurora.nodes if len(node.volumes) > 1] == ["aurora-g1", "aurora-g2"]
    assert aurora.login_volumes == ()


@pytest.mark.parametrize(("name", "nodes", "gpus"), [("aurora", 8, 62), ("ariel", 23, 182), ("moana", 17, 105)])
def test_built_in_maps_have_the_public_number_of_gpus(name: str, nodes: int, gpus: int) -> None:
    spec = spec_of(built_in(name))
    assert len(spec.nodes) == nodes
    assert sum(row.count for node in spec.nodes for row in node.gpus) == gpus


def test_what_is_not_public_of_aurora_is_marked_an_estimate() -> None:
    aurora = built_in("aurora")
    assert {group.by for group in aurora.instance.nodes} == {"estimate"}
    assert aurora.scheduling.engine.by == "public"


@pytest.mark.parametrize("name", built_in_names())
def test_every_built_in_map_can_have_a_twin(name: str) -> None:
    assert spec_of(built_in(name)).name == name


def test_a_map_of_an_engine_without_recipe_is_refused_with_the_list() -> None:
    other = Map("c", scheduling=Scheduling(engine=known("loadleveler", "told")))
    with pytest.raises(Refused) as caught:
        spec_of(other)
    assert "its engine is loadleveler" in caught.value.cause
    assert "slurm" in caught.value.hint


def test_a_map_whose_engine_is_unknown_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        spec_of(Map("c"))
    assert "does not know its engine" in caught.value.cause


def volumes_of(*rows: Volume) -> TwinSpec:
    aurora = built_in("aurora")
    return spec_of(msgspec.structs.replace(aurora, storage=Storage(rows)))


def test_a_volume_that_only_some_nodes_have_is_local_to_them() -> None:
    twin = volumes_of(Volume("/data2", seen_from="aurora-g[2-3]", shared=known(False, "told")))
    assert [node.name for node in twin.nodes if "/data2" in node.volumes] == ["aurora-g2", "aurora-g3"]
    assert twin.login_volumes == ()


def test_system_file_systems_are_not_rebuilt() -> None:
    twin = volumes_of(
        Volume("/"), Volume("/boot"), Volume("/run/user/1000"), Volume("/data", shared=known(True, "x"))
    )
    assert [volume.path for volume in twin.volumes] == ["/data"]


def test_a_home_is_always_there() -> None:
    assert [volume.path for volume in volumes_of().shared] == ["/home"]


def test_a_volume_that_is_wholly_mine_is_open_to_all() -> None:
    twin = volumes_of(Volume("/scratch", mine=known("/scratch", "probe"), shared=known(True, "probe")))
    assert twin.volumes == (Shared("/scratch", "all"),)
