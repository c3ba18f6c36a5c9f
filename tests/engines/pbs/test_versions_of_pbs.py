"""What several versions of both dialects print, composed after their manuals (see composed/README.md)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jido.engines.base import Array
from jido.engines.pbs import Pbs
from jido.engines.pbs.inventory import PARTS
from jido.errors import SchedulerDown
from jido.model.bundle import Finding
from jido.model.command import Reply
from jido.model.job import Sighting, State
from jido.testing.engines import Said

COMPOSED = Path(__file__).with_name("composed")


def text(name: str) -> str:
    return (COMPOSED / name).read_text("utf-8")


def seen(name: str, *ids: str) -> list[Sighting]:
    ask = Pbs().status(ids)
    found = ask.parse(Said(0, text(name)).to(ask.command))
    return [found[id_] for id_ in ids]


def tasks(name: str, array: str, size: int) -> dict[int, Sighting]:
    ask = Pbs().tasks([Array(array, size)])
    return ask.parse(Said(0, text(name)).to(ask.command))[array]


def test_pbs_pro_14_tells_limits_signals_and_dependencies_and_its_begin_note_is_no_reason() -> None:
    late, killed, gone, moved = seen("pbspro-14-jobs.txt", "11.head", "12.head", "13.head", "14.head")
    assert (late.state, late.reason) == (State.TIMED_OUT, "walltime over its limit (Exit_status -29)")
    assert (late.token, late.nodes) == ("jido-00000000000000a1", "n1")
    assert (killed.state, killed.signal, killed.reason) == (State.FAILED, 9, "signal 9")
    assert gone.state is State.DEPENDENCY
    # On another server: nobody here knows that it ended.
    assert not moved.state.ended


def test_openpbs_20_tells_each_task_of_an_array() -> None:
    found = tasks("openpbs-20-jobs.txt", "21[].pbs", 4)
    assert [found[at].state for at in range(4)] == [State.DONE, State.FAILED, State.RUNNING, State.QUEUED]
    assert (found[1].code, found[2].nodes) == (1, "g[1-2]")
    assert "maximum number of running subjobs" in found[3].reason


def test_torque_2_tells_a_limit_by_the_time_used_alone() -> None:
    late, deleted = seen("torque-2.5-jobs.txt", "41.master", "42.master")
    assert (late.state, late.nodes, late.token) == (State.TIMED_OUT, "n[1-2]", "jido-00000000000000a4")
    assert (deleted.state, deleted.signal) == (State.CANCELLED, 15)


def test_torque_6_has_its_own_numbers_below_zero() -> None:
    found = tasks("torque-6.1-jobs.txt", "51[].m", 4)
    assert [found[at].state for at in range(4)] == [
        State.TIMED_OUT,
        State.OUT_OF_MEMORY,
        State.FAILED,
        State.QUEUED,
    ]
    assert (found[2].code, found[2].signal) == (143, 15)
    assert found[3].reason == "ArrayLimit"


@pytest.mark.parametrize(("key", "state"), [("Exit_status", State.FAILED), ("exit_status", State.TIMED_OUT)])
def test_the_same_number_means_another_thing_in_each_dialect(key: str, state: State) -> None:
    ask = Pbs().status(["1.x"])
    said = f"Job Id: 1.x\n    job_state = F\n    {key} = -11\n"
    assert ask.parse(Said(0, said).to(ask.command))["1.x"].state is state


def test_ended_without_a_code_is_not_known_to_have_ended_well() -> None:
    for letter in "FXC":
        ask = Pbs().status(["1.x"])
        found = ask.parse(Said(0, f"Job Id: 1.x\n    job_state = {letter}\n").to(ask.command))
        assert found["1.x"].state is State.UNKNOWN


@pytest.mark.parametrize(
    ("name", "cpus", "gpus", "used", "states"),
    [
        ("pbspro-14-nodes.txt", 8, 0, [8, 0], ["allocated", "down"]),
        ("openpbs-23-nodes.txt", 64, 8, [8], ["mixed"]),
        ("torque-2.5-nodes.txt", 2, 0, [2, 0], ["allocated", "down"]),
        ("torque-6.1-nodes.txt", 16, 2, [5], ["mixed"]),
    ],
)
def test_nodes_of_every_version_are_read(name: str, cpus: int, gpus: int, used: list[int], states: list[str]) -> None:
    findings = {
        "pbs/version": Finding(0, b"pbs_version = 14.1.0\n"),
        "pbs/nodes": Finding(0, text(name).encode()),
    }
    found = Pbs().inventory(findings, 1e9)
    assert {one.cpus for one in found.nodes} == {cpus}
    assert {sum(gpu.count for gpu in one.gpus) for one in found.nodes} == {gpus}
    now = found.now.nodes.value or ()
    assert [one.cpus_used for one in now] == used
    assert [one.state for one in now] == states


@pytest.mark.parametrize("version", ["pbs_version = 14.1.0", "pbs_version = 2021.1.3.20220217", "Version: 2.5.12"])
def test_the_version_is_read_as_each_prints_it(version: str) -> None:
    found = Pbs().inventory({"pbs/version": Finding(0, version.encode())}, 1e9)
    assert found.scheduling.version.value == version.split()[-1]


# -- JSON ----------------------------------------------------------------------------------------------------


def test_json_is_never_asked_for() -> None:
    engine = Pbs()
    asked = [" ".join(one.command.argv) for one in (engine.status(["1.x"]), engine.find(["t"]), engine.mine())]
    assert not any("json" in words for words in (*asked, *(part.command for part in PARTS)))


def test_json_that_is_none_becomes_no_state_and_no_map() -> None:
    broken = text("openpbs-23-jobs.json")
    with pytest.raises(json.JSONDecodeError):
        json.loads(broken)
    for cut in (len(broken), len(broken) // 2):
        ask = Pbs().status(["31.pbs", "32.pbs"])
        for code in (0, 1):
            with pytest.raises(SchedulerDown):
                ask.parse(Reply(ask.command, "login", code, broken[:cut].encode(), b""))
    findings = {part.name: Finding(0, broken.encode()) for part in PARTS}
    found = Pbs().inventory(findings, 1e9)
    assert not found.nodes
    assert found.scheduling.partitions.value is None
    assert found.now.nodes.value is None


def test_a_silent_answer_about_ids_is_no_answer() -> None:
    ask = Pbs().status(["1.x"])
    with pytest.raises(SchedulerDown):
        ask.parse(Said(0, "").to(ask.command))
    gone = Said(153, "", "qstat: Unknown Job Id 1.x\n")
    assert ask.parse(gone.to(ask.command)) == {}


def test_a_users_variables_do_not_hide_ended_jobs() -> None:
    assert "unset PBS_QSTAT_NO_COMPLETE" in " ".join(Pbs().status(["1.x"]).command.argv)
