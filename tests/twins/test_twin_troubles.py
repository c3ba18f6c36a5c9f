"""Clusters are never whole: nodes that are out, maintenance ahead, logins that print."""

import time
from collections.abc import Iterator

import msgspec
import pytest
from by_hand import HOSTILE, said, shell, small

from jido.model.facts import known
from jido.model.limits import Association, ControlPlane, Reservation
from jido.model.map import Host, Instance, Map, NodeGroup, NodeNow, Now, Scheduling
from jido.twins import TwinState, down, look, spec_of, up
from jido.twins.spec import Accounting, Node, TwinSpec

pytestmark = pytest.mark.xdist_group("twin-troubles")
REASON = 'DIMM B1 "dead", 한글 $(reboot)'


def test_nodes_that_are_out_and_my_reservations_come_from_the_map() -> None:
    cluster = Map(
        "c",
        instance=Instance(login=(Host("login", user=known("u1", "probe")),), nodes=(NodeGroup("n[1-3]"),)),
        scheduling=Scheduling(
            engine=known("slurm", "told"),
            control=ControlPlane(reservations=known((Reservation("course", "n1", users=("u1", "u2")),), "probe")),
        ),
        now=Now(
            nodes=known(
                (
                    NodeNow("n1", "idle"),
                    NodeNow("n2", "down", ("not_responding",), REASON),
                    NodeNow("n3", "mixed", ("drain",), "disk"),
                ),
                "probe",
            )
        ),
    )
    spec = spec_of(cluster)
    assert [(node.out, node.reason) for node in spec.nodes] == [("", ""), ("down", REASON), ("drain", "disk")]
    assert spec.reservations[0].users == ("student", "u2")


def troubled() -> TwinSpec:
    base, now = small(), time.time()
    extra = (
        Node("small-n3", 4, 2**30, out="down", reason=REASON),
        Node("small-n4", 4, 2**30, out="drain", reason="disk"),
    )
    debug = msgspec.structs.replace(base.partitions[0], nodes=tuple(f"small-n{i}" for i in range(1, 5)))
    return msgspec.structs.replace(
        base,
        nodes=(*base.nodes, *extra),
        partitions=(debug, msgspec.structs.replace(debug, name="broken", default=False, state="down")),
        accounting=Accounting((), (Association("lab"), Association("lab", "student"))),
        reservations=(
            Reservation("upgrade", "small-n[1-4]", now + 86400, now + 90000, ("root",), (), ("MAINT", "SPEC_NODES")),
            Reservation("course", "small-n2", now - 60, now + 3600, ("someone",), ("lab",)),
            Reservation("past", "small-n1", now - 9000, now - 3600, ("root",)),
        ),
        noise=True,
    )


@pytest.fixture(scope="module")
def twin(needs_parts: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwinState]:
    folder = tmp_path_factory.mktemp("troubles") / HOSTILE
    yield up(troubled(), folder)
    down(folder)


def data(text: str) -> list[str]:
    return [line for line in text.splitlines() if "Loading" not in line and "87%" not in line]


@pytest.mark.twin
def test_a_twin_with_nodes_that_are_meant_to_be_out_is_healthy(twin: TwinState) -> None:
    assert twin.healthy
    assert look(twin.folder).healthy
    assert {node.name: (node.ready, node.meant) for node in twin.nodes}["small-n3"] == (False, True)


@pytest.mark.twin
def test_nodes_are_out_with_their_reasons(twin: TwinState) -> None:
    assert data(said(twin, "sinfo -h -N -n small-n[1,3-4] -p debug -o '%N|%T|%E' | sort")) == [
        "small-n1|idle|none",
        "small-n3|down|DIMM B1 'dead', 한글 $(reboot)",
        "small-n4|drained|disk",
    ]


@pytest.mark.twin
def test_a_partition_that_is_down_takes_jobs_and_starts_none(twin: TwinState) -> None:
    number = data(said(twin, "sbatch --parsable -p broken --wrap true"))[0]
    assert data(said(twin, f"sleep 1.5; squeue -h -j {number} -o '%t %r'; scancel {number}")) == ["PD PartitionDown"]


@pytest.mark.twin
def test_nodes_are_set_aside_now_and_ahead(twin: TwinState) -> None:
    rows = data(said(twin, "scontrol -o show reservation"))
    found = [dict(word.split("=", 1) for word in row.split() if "=" in word) for row in rows]
    named = {row["ReservationName"]: row for row in found}
    assert sorted(named) == ["course", "upgrade"]
    assert "MAINT" in named["upgrade"]["Flags"]
    assert named["upgrade"]["Nodes"] == "small-n[1-4]"
    assert (named["course"]["State"], named["course"]["Accounts"]) == ("ACTIVE", "lab")
    assert data(said(twin, "srun --reservation=course hostname")) == ["small-n2"]


@pytest.mark.twin
def test_logins_print_what_nobody_asked_for(twin: TwinState) -> None:
    done = shell(twin, "echo wanted")
    assert done.stdout.splitlines()[-1] == "wanted"
    assert "Loading the environment" in done.stdout
    assert "KILLED" in done.stderr
    assert "command not found" in done.stderr
