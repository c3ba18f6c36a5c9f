"""The HTCondor recipe, pure: spec in, configuration out."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import msgspec
import pytest

from jido.errors import TwinError
from jido.twins.ground import Ground, Parts
from jido.twins.people import Range
from jido.twins.recipes import recipe_of
from jido.twins.spec import Gpus, Node, TwinSpec, Volume

NODES = (
    Node("g1", 8, 16 * 2**30, (Gpus(2, "rtx3090"), Gpus(1, "a100")), ("fast",)),
    Node("c1", 32, out="drain", reason="disk"),
)
SPEC = TwinSpec("soban", nodes=NODES, engine="htcondor")


def parts(spec: TwinSpec = SPEC, ids: Range | None = None) -> Parts:
    ports: dict[str, int] = defaultdict(lambda: 4242)
    ground = Ground(spec, Path("/t"), False, ports, Path("/t"), spec.user, spec.control_name, True, ids=ids)
    return recipe_of("htcondor").parts(ground)


def conf(made: Parts, role: str) -> list[str]:
    return str(made.files[f"conf/condor/{role}/condor_config"]).splitlines()


def test_each_machine_has_its_master_and_its_own_daemons() -> None:
    made = parts()
    machines = {"control": "COLLECTOR, NEGOTIATOR", "login": "SCHEDD", "g1": "STARTD", "c1": "STARTD"}
    assert {daemon.machine for daemon in made.daemons} == {*machines}
    for machine, daemons in machines.items():
        assert f"DAEMON_LIST = MASTER, {daemons}" in conf(made, machine)
    after = {daemon.machine: [need.port for need in daemon.after] for daemon in made.daemons}
    assert after == {"control": [], "login": [4242], "g1": [4242], "c1": [4242]}


def test_machines_have_the_size_and_the_gpus_of_the_map() -> None:
    made = parts()
    g1 = conf(made, "g1")
    for line in ("NUM_CPUS = 8", "MEMORY = 16384", "SLOT_TYPE_1_PARTITIONABLE = True", "fast = True", "START = True"):
        assert line in g1
    discovered = str(made.files["conf/condor/g1/gpus"])
    assert discovered.count('DeviceName="rtx3090"') == 2
    assert discovered.count('DeviceName="a100"') == 1
    assert discovered.splitlines()[0].count("GPU-") == 3
    assert "START = False" in conf(made, "c1")
    assert not any(line.startswith("MEMORY") for line in conf(made, "c1"))


def test_everything_stays_on_the_loopback_and_waits_for_no_name_server() -> None:
    for machine in ("control", "login", "g1"):
        lines = conf(parts(), machine)
        assert "NETWORK_INTERFACE = 127.0.0.1" in lines
        assert "BIND_ALL_INTERFACES = False" in lines
        assert any(line.startswith("NETWORK_HOSTNAME = ") for line in lines)


def test_who_does_not_see_the_homes_is_in_a_file_domain_of_its_own() -> None:
    apart = msgspec.structs.replace(SPEC, volumes=(Volume("/home", without=("g1",)),))
    assert "FILESYSTEM_DOMAIN = g1" in conf(parts(apart), "g1")
    assert "FILESYSTEM_DOMAIN = soban" in conf(parts(apart), "c1")
    assert "FILESYSTEM_DOMAIN = soban" in conf(parts(), "g1")


def test_daemons_are_a_user_of_their_own_where_there_are_several() -> None:
    assert "CONDOR_IDS = 64030.64030" in conf(parts(ids=Range(1, 1)), "login")
    assert not any(line.startswith("CONDOR_IDS") for line in conf(parts(), "login"))
    assert recipe_of("htcondor").user == "condor"


def test_no_key_is_the_same_twice() -> None:
    first, second = (parts().files["keys/condor/POOL"] for _ in range(2))
    assert first != second
    assert len(first) >= 32


def test_a_machine_is_ready_when_its_slot_takes_jobs() -> None:
    rows = "g1 Unclaimed Idle\nc1 Owner Idle\nx.example.edu Claimed Busy\ny Drained Retiring\nbroken\n"
    seen = {one.name: (one.ready, one.meant) for one in recipe_of("htcondor").nodes(rows, SPEC)}
    assert seen == {"g1": (True, False), "c1": (False, True), "x": (True, False), "y": (False, False)}


def test_without_namespaces_there_is_none() -> None:
    with pytest.raises(TwinError, match="needs namespaces"):
        recipe_of("htcondor").affordable(SPEC, plain=True)
