"""The Slurm recipe, pure: spec in, configuration out."""

from collections import defaultdict
from pathlib import Path

import msgspec

from jido.twins.ground import Ground, Parts
from jido.twins.recipes import recipe_of
from jido.twins.recipes.slurm_conf import gres_conf
from jido.twins.spec import Gpus, Node, Partition, TwinSpec

NODES = (
    Node("g1", 64, 512 * 2**30, (Gpus(2, "rtx3090"), Gpus(1, "a100")), ("fast", "ib")),
    Node("g2", gpus=(Gpus(4),)),
)
SPEC = TwinSpec(
    "aurora",
    nodes=NODES,
    partitions=(
        Partition("debug", ("g1", "g2"), 4 * 3600, 3600, default=True, default_memory_per_gpu=29 * 2**30),
        Partition("batch", ("g2",), None, state="drain", allow_accounts=("ugrad", "grad"), max_nodes=2),
    ),
)


def ground(spec: TwinSpec = SPEC, *, plain: bool = False) -> Ground:
    ports: dict[str, int] = defaultdict(lambda: 4242)
    return Ground(spec, Path("/t"), plain, ports, Path("/s/t"), spec.user, "aurora-control", not plain)


def conf(parts: Parts) -> list[str]:
    return str(parts.files["conf/slurm/slurm.conf"]).splitlines()


def test_nodes_and_partitions_are_those_of_the_spec() -> None:
    lines = conf(recipe_of("slurm").parts(ground()))
    assert (
        "NodeName=g1 NodeAddr=127.0.0.1 Port=4242 CPUs=64 RealMemory=524288"
        " Gres=gpu:rtx3090:2,gpu:a100:1 Feature=fast,ib State=UNKNOWN"
    ) in lines
    assert "NodeName=g2 NodeAddr=127.0.0.1 Port=4242 CPUs=1 Gres=gpu:4 State=UNKNOWN" in lines
    assert (
        "PartitionName=debug Nodes=g1,g2 Default=YES MaxTime=04:00:00 DefaultTime=01:00:00 State=UP"
        " MinNodes=0 PriorityTier=1 PreemptMode=OFF DefMemPerGPU=29696"
    ) in lines
    assert (
        "PartitionName=batch Nodes=g2 Default=NO MaxTime=UNLIMITED State=DRAIN"
        " MinNodes=0 MaxNodes=2 PriorityTier=1 PreemptMode=OFF AllowAccounts=ugrad,grad"
    ) in lines


def test_gpus_of_several_models_get_device_files_in_turn() -> None:
    assert gres_conf(ground()).splitlines() == [
        "AutoDetect=off",
        "NodeName=g1 Name=gpu Type=rtx3090 File=/dev/nvidia[0-1]",
        "NodeName=g1 Name=gpu Type=a100 File=/dev/nvidia2",
        "NodeName=g2 Name=gpu File=/dev/nvidia[0-3]",
    ]


def test_a_spec_without_partitions_gets_one_for_all() -> None:
    lines = conf(recipe_of("slurm").parts(ground(msgspec.structs.replace(SPEC, partitions=()))))
    assert any(line.startswith("PartitionName=all Nodes=g1,g2 Default=YES MaxTime=UNLIMITED") for line in lines)


def test_everything_binds_the_loopback_where_host_names_allow_it() -> None:
    assert "CommunicationParameters=NoCtldInAddrAny,NoInAddrAny" in conf(recipe_of("slurm").parts(ground()))
    open_to_all = recipe_of("slurm").parts(ground(plain=True))
    assert "CommunicationParameters=" in conf(open_to_all)
    assert any("listen on every address" in note for note in open_to_all.notes)


def test_slurmds_wait_for_slurmctld_and_all_for_munged() -> None:
    parts = recipe_of("slurm").parts(ground())
    after = {daemon.name: daemon.after for daemon in parts.daemons}
    assert after["munged"] == ()
    assert [bool(need.socket) for need in after["slurmctld"]] == [True]
    assert {need.port for need in after["slurmd@g1"]} == {0, 4242}


def test_slurmd_is_told_of_the_mapped_nodes_hardware() -> None:
    env = {daemon.name: daemon.env for daemon in recipe_of("slurm").parts(ground()).daemons}
    assert env["slurmd@g1"]["HWLOC_SYNTHETIC"] == "core:64 pu:1"


def test_nodes_are_ready_only_when_they_have_registered() -> None:
    states = ("IDLE", "IDLE*", "MIXED+PLANNED", "DOWN", "IDLE+DRAIN", "IDLE+NOT_RESPONDING", "ALLOCATED+DRAIN")
    rows = [f"NodeName=g{n} Arch=x86_64 State={word} Reason=the State=IDLE" for n, word in enumerate(states, 1)]
    seen = recipe_of("slurm").nodes("\n".join(rows) + "\n", SPEC)
    assert {node.name: (node.state, node.ready) for node in seen} == {
        "g1": ("idle", True),
        "g2": ("idle*", False),
        "g3": ("mixed", True),
        "g4": ("down", False),
        "g5": ("drained", False),
        "g6": ("idle*", False),
        "g7": ("draining", False),
    }


def test_no_key_is_the_same_twice() -> None:
    first, second = (recipe_of("slurm").parts(ground()).files["keys/munge/munge.key"] for _ in range(2))
    assert first != second
    assert len(first) >= 32
