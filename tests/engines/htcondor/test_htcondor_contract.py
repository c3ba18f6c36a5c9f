# ruff: noqa: RUF012 - a contract is filled in by class attributes
"""HTCondor under the contract: what a real pool of 23.9.6 said, of jobs and in a folder with hostile names."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from jido.engines.base import Array, Placement
from jido.engines.htcondor import HTCondor
from jido.engines.htcondor.description import description
from jido.errors import InputError, NotFound, Refused, SchedulerDown
from jido.model.bundle import Finding
from jido.model.command import Reply
from jido.model.facts import known
from jido.model.job import JobSpec, Resources, State
from jido.model.map import Instance, Map, Scheduling
from jido.model.why import Waiting
from jido.testing.engines import EngineContract, Said

_RECORDED = Path(__file__).with_name("recorded")
_COMMIT = "\nERROR: Failed to commit job submission into the queue.\n"
_UNSENT = (
    "\nERROR: Failed to connect to local queue manager\n"
    "CEDAR:6001:Failed to connect to <127.0.0.1:45285?addrs=127.0.0.1-45285&alias=soban>\n"
)
_NO_QUEUE = (
    "\n-- Failed to fetch ads from: <127.0.0.1:45285?addrs=127.0.0.1-45285&alias=soban> : soban\n"
    "CEDAR:6001:Failed to connect to <127.0.0.1:45285?addrs=127.0.0.1-45285&alias=soban>\n"
)


def said(name: str) -> str:
    return (_RECORDED / name).read_text("utf-8")


class TestHTCondor(EngineContract):
    engine = HTCondor()
    accepted = {"plain": (Said(0, "20.0 - 20.0\n"), "20.0")}
    refused = {
        "no such script": Said(1, "", "\nERROR: Executable file nothere.sh does not exist\n"),
        "an expression": Said(1, "", "ERROR: Parse error in expression: \n\tRequestCpus = xx+\n\t\n"),
        "too many at once": Said(
            1, "", "\nERROR: Failed to create proc\nNumber of submitted jobs would exceed MAX_JOBS_PER_SUBMISSION\n"
        ),
        "no such universe": Said(1, "", "ERROR: I don't know about the 'nonsense' universe.\n"),
        "a rule of the site": Said(1, "", f"{_COMMIT}ERROR: Ask for less than 5000 MB, please\n"),
        "a newline in a path": Said(
            1, "", f"{_COMMIT}ERROR: Received invalid attribute value '\"/data/a\nb\"' for job 14.-1; ignoring\n"
        ),
    }
    ambiguous = {
        "not committed, who knows": Said(1, "", _COMMIT),
        "lost in the commit": Said(1, "", f"{_COMMIT}ERROR: CEDAR:6005:Failed to read\n"),
        "no id": Said(0, "Submitting job(s)\n"),
        "another one's id": Said(0, "20.0 - 21.0\n"),
        "taken, and then an error": Said(1, "20.0 - 20.0\n", "ERROR: something else"),
        "new words": Said(1, "", "ERROR: the moon is full"),
    }
    missing = {"not installed": Said(127, "", "sh: 1: exec: condor_submit: not found")}
    queue = Said(0, said("queue.json"))
    in_queue = {
        "28.0": State.RUNNING, "29.0": State.QUEUED, "30.0": State.QUEUED, "31.0": State.QUEUED,
        "32.0": State.REQUEUED, "33.0": State.RUNNING, "33.1": State.QUEUED, "34.0": State.QUEUED,
    }  # fmt: skip
    tokens = {"jido-00000000000000a1": "28.0", "jido-00000000000000a3": "30.0", "jido-00000000000000a6": "33"}
    down = {"schedd not there": Said(1, "", _NO_QUEUE), "cut": Said(0, said("queue.json")[:-200])}
    memory = Said(0, said("history.json"))
    in_memory = {
        "20.0": State.DONE, "21.0": State.FAILED, "22.0": State.FAILED, "23.0": State.OUT_OF_MEMORY,
        "24.0": State.TIMED_OUT, "25.0": State.CANCELLED, "26.0": State.CANCELLED,
    }  # fmt: skip
    looks = {part.name: Said(0, said(f"{part.name.replace('/', '-')}.txt")) for part in HTCondor().looks()}

    def asked(self) -> list[str]:
        """The submit description that jido hands over, without its queue statement."""
        return description(self.spec, self.place).split("\n")[:-2]

    def around(self, lines: Sequence[str]) -> str:
        return "\n".join(("executable = /bin/true", *lines, "queue", ""))

    def _seen(self, name: str, code: int = 0) -> Waiting:
        asked = self.engine.why("1.0")
        return asked.parse(Reply(asked.command, "soban", code, said(name).encode(), at=1e9))

    def test_the_map_is_of_machines_and_their_slots(self) -> None:
        found = self.engine.inventory({name: one.finding() for name, one in self.looks.items()}, 1e9)
        assert found.types == ("htc",)
        assert {row.names: (row.cpus, row.memory, row.gpus[:1]) for row in found.nodes}.keys() == {
            "soban-c1", "soban-g1", "soban-g2"
        }  # fmt: skip
        g2 = next(row for row in found.nodes if row.names == "soban-g2")
        assert (g2.cpus, g2.memory, g2.gpus[0].count, g2.gpus[0].model) == (16, 32 * 2**30, 4, "a6000")
        now = {row.name: row for row in found.now.nodes.value or ()}
        assert now["soban-g1"].cpus_used == 2
        assert now["soban-g1"].gpus_used == {"rtx3090": 1}
        assert now["soban-g2"].state == "idle"
        assert [row.verdict for row in found.scheduling.access.value or ()] == ["open"]
        assert self.engine.queue_limit(found.scheduling) == 20000

    def test_machines_that_share_no_files_are_not_open(self) -> None:
        alone = self.looks["htcondor/settings"].stdout.replace("FILESYSTEM_DOMAIN=soban", "FILESYSTEM_DOMAIN=ap")
        looks = {**self.looks, "htcondor/settings": Said(0, alone)}
        found = self.engine.inventory({name: one.finding() for name, one in looks.items()}, 1e9)
        [row] = found.scheduling.access.value or ()
        assert (row.verdict, "FileSystemDomain ap" in row.words) == ("no access", True)
        assert not self.engine.capabilities(found.scheduling).shared_folder.can
        with pytest.raises(Refused, match="no machine shares files"):
            self.engine.plan(self.spec, Map(name="soban", scheduling=found.scheduling))

    def test_a_machine_apart_from_the_others_is_in_the_map_and_no_place_for_jobs(self) -> None:
        slots = json.loads(self.looks["htcondor/slots"].stdout)
        for row in slots:
            row["FileSystemDomain"] = "alone" if row["Machine"] == "soban-c1" else row["FileSystemDomain"]
        slots.append({**slots[0], "Machine": "[[[1-9999999999] $(x)"})
        looks = {**self.looks, "htcondor/slots": Said(0, json.dumps(slots))}
        found = self.engine.inventory({name: one.finding() for name, one in looks.items()}, 1e9)
        [pool] = found.scheduling.partitions.value or ()
        assert pool.nodes == "soban-g[1-2]"
        assert {row.names for row in found.nodes} == {"soban-c1", "soban-g1", "soban-g2"}
        map_ = Map(name="soban", instance=Instance(nodes=found.nodes), scheduling=found.scheduling)
        with pytest.raises(Refused, match="32 CPUs"):
            self.engine.plan(JobSpec("x", ("true",), Resources(cpus=32)), map_)

    def test_a_pool_that_does_not_answer_is_unknown_and_its_access_point_still_there(self) -> None:
        broken = {name: one.finding() for name, one in self.looks.items()}
        for look in ("htcondor/slots", "htcondor/pool"):
            broken[look] = Finding(1, b"", b"Error: communication error\n")
        found = self.engine.inventory(broken, 1e9)
        assert (found.present, found.nodes, found.now.nodes.state) == (True, (), "unknown")
        assert found.scheduling.control.controllers.value == {"schedd": "up", "collector": "down"}

    def test_a_held_job_says_why_and_one_that_is_spooled_is_no_error(self) -> None:
        ask = self.engine.status(["31.0", "33.1"])
        held = ask.parse(self.queue.to(ask.command))
        assert held["31.0"].reason.startswith("FailedToCreateProcess: Error from slot1_2@soban-g1: Failed to execute")
        assert held["33.1"].reason == "UserRequest: via condor_hold (by user student)"
        spooled = Said(0, '[{"ClusterId": 1, "ProcId": 0, "JobStatus": 5, "HoldReasonCode": 16}]')
        ask = self.engine.status(["1.0"])
        assert ask.parse(spooled.to(ask.command))["1.0"].state is State.QUEUED
        for reason in (held["31.0"].reason, held["33.1"].reason, "SpoolingInput", "no match found "):
            assert self.engine.meaning(reason), reason

    def test_tasks_of_an_array_are_its_processes(self) -> None:
        array = Array("33", 2)
        ask = self.engine.tasks([array])
        rows = ask.parse(self.queue.to(ask.command))["33"]
        assert {at: one.state for at, one in rows.items()} == {0: State.RUNNING, 1: State.QUEUED}
        assert self.engine.task_ids(array, [1]) == ["33.1"]
        past = self.engine.task_history([Array("27", 3)], 0.0)
        assert past is not None
        ends = past.parse(Said(0, said("history.json")).to(past.command))["27"]
        assert {at: one.code for at, one in ends.items()} == {0: 0, 1: 1, 2: 2}

    def test_an_array_goes_by_its_cluster_and_counts_whole_only(self) -> None:
        place = msgspec.structs.replace(self.place, array=3)
        ask = self.engine.submit(self.spec, place)
        assert ask.command.stdin.endswith(b"\nqueue 3\n")
        assert ask.parse(Said(0, "27.0 - 27.2\n").to(ask.command)).id == "27"
        assert ask.parse(Said(0, "27.0 - 27.1\n").to(ask.command)).ambiguous

    def test_jobs_that_have_ended_are_found_by_token_too(self) -> None:
        ask = self.engine.find(["jido-00000000000000b1", "jido-00000000000000b8", "jido-00000000000000a6"])
        found = ask.parse(Said(0, said("find.txt")).to(ask.command))
        assert {token[-2:]: seen.id for token, seen in found.items()} == {"b1": "20.0", "b8": "27", "a6": "33"}
        assert found["jido-00000000000000b1"].state is State.DONE
        with pytest.raises(SchedulerDown):
            ask.parse(Said(1, said("find.txt"), "condor_history: broken").to(ask.command))

    def test_where_no_history_is_kept_nothing_is_remembered(self) -> None:
        ask = self.engine.history(["5.0"], 0.0)
        assert ask is not None
        none = "Error: configuration key HISTORY is unset.\n\nExtra Info: The variable HISTORY is not defined in ..."
        assert ask.parse(Said(1, "[\n", none).to(ask.command)) == {}

    def test_why_it_waits_is_htcondors_own_analysis(self) -> None:
        never = self._seen("why-a2.txt")
        assert never.reason == "NoMachineMatches: TARGET.Cpus >= RequestCpus"
        assert never.bound
        assert (never.bound.what, never.bound.asked) == ("cpu", 999)
        assert self._seen("why-a7.txt").reason == "NoMachineMatches: TARGET.nosuch is true"
        busy = self._seen("why-a9.txt")
        assert busy.reason == "AllInUse: 1 of 3 machines would do, and none has now: TARGET.Cpus >= RequestCpus"
        assert self._seen("why-a3.txt").reason.startswith("SubmittedOnHold")
        assert self._seen("why-a1.txt").seen.state is State.RUNNING
        assert self._seen("why-b2.txt").seen.code == 3
        for row in (never, busy):
            assert self.engine.meaning(row.reason)
        with pytest.raises(NotFound):
            self._seen("why-gone.txt")
        with pytest.raises(SchedulerDown):
            self._seen("why-a2.txt", code=1)

    def test_nothing_was_sent_where_the_queue_was_not_reached(self) -> None:
        ask = self.engine.submit(self.spec, self.place)
        with pytest.raises(SchedulerDown):
            ask.parse(Said(1, "", _UNSENT).to(ask.command))

    def test_a_full_queue_is_a_no_for_now(self) -> None:
        ask = self.engine.submit(self.spec, self.place)
        full = "\nERROR: Failed to create proc\nNumber of submitted jobs would exceed MAX_JOBS_PER_OWNER\n"
        outcome = ask.parse(Said(1, "", full).to(ask.command))
        assert (bool(outcome.refused), outcome.later) == (True, True)

    def test_what_is_gone_already_can_be_cancelled(self) -> None:
        ask = self.engine.cancel(["5.0", "99.0"])
        for words in ("Job 99.0 not found\n", "\nJob 5.0 already marked for removal\n"):
            ask.parse(Said(1, "", words).to(ask.command))
        with pytest.raises(SchedulerDown):
            words = "DCSchedd::actOnJobs:6001:Failed to connect to schedd\nNo result found for job 5.0\n"
            ask.parse(Said(1, "", words).to(ask.command))


def described(spec: JobSpec, place: Placement = EngineContract.place) -> list[str]:
    return HTCondor().submit(spec, place).command.stdin.decode().splitlines()


def test_the_description_asks_for_what_the_job_needs() -> None:
    want = Resources(cpus=2, tasks=2, gpus=1, gpu_model='NVIDIA "A100" $(x)', memory=3 * 2**30 + 1, time=60,
                     account="lab.me", node="g1.example.edu", constraint="fast")  # fmt: skip
    lines = described(JobSpec("train", ("true",), want, resume=2))
    assert "request_cpus = 4" in lines
    assert "request_memory = 3073" in lines
    assert 'require_gpus = DeviceName == "NVIDIA \\"A100\\" $(DOLLAR)(x)"' in lines
    assert "accounting_group = lab.me" in lines
    assert 'requirements = (TARGET.Machine == "g1.example.edu") && (TARGET.fast =?= True)' in lines
    assert "on_exit_remove = ExitBySignal =?= True || ExitCode =!= 119" in lines
    assert any(line.endswith("(JobStatus == 2 && time() - JobCurrentStartDate > JidoTime)") for line in lines)
    assert lines[-1] == "queue"


def test_cpus_and_memory_for_each_gpu_are_multiplied() -> None:
    lines = described(JobSpec("x", ("true",), Resources(gpus=2, cpus_per_gpu=4, memory_per_gpu=2**30)))
    assert "request_cpus = 8" in lines
    assert "request_memory = 2048" in lines


@pytest.mark.parametrize(
    "want",
    [
        Resources(partition="gpu"),
        Resources(qos="high"),
        Resources(nodes=2),
        Resources(extra=("queue 5",)),
        Resources(extra=("executable = /bin/sh",)),
        Resources(extra=("+JidoToken = 1",)),
        Resources(extra=("request_disk = 1 \\",)),
        Resources(constraint="a\nqueue 5"),
    ],
)
def test_what_has_no_word_there_or_would_break_the_run_is_refused(want: Resources) -> None:
    with pytest.raises(InputError):
        described(JobSpec("x", ("true",), want))


def test_a_folder_whose_name_htcondor_cannot_hold_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(InputError, match="such a name"):
        described(JobSpec("x", ("true",)), Placement("/data/a\nb", "job.sh", "log", "jido-1"))


def test_the_pools_name_is_no_partition_to_ask_for_and_more_than_any_machine_has_is_refused() -> None:
    looks = {name: one.finding() for name, one in TestHTCondor.looks.items()}
    found = HTCondor().inventory(looks, 1e9)
    map_ = Map(name="soban", instance=Instance(nodes=found.nodes), scheduling=found.scheduling)
    spec, _ = HTCondor().plan(JobSpec("x", ("true",), Resources(partition="soban", gpus=4)), map_)
    assert spec.resources.partition is None
    for want in (
        Resources(cpus=33),
        Resources(gpus=5),
        Resources(gpus=1, gpu_model="h100"),
        Resources(partition="x"),
    ):
        with pytest.raises(Refused):
            HTCondor().plan(JobSpec("x", ("true",), want), map_)


def test_the_bounds_of_an_owner_and_of_a_submission_hold_together() -> None:
    settings = {"MAX_JOBS_PER_OWNER": "100", "MAX_JOBS_PER_SUBMISSION": "2000"}
    assert HTCondor().queue_limit(Scheduling(settings=known(settings, "x"))) == 100
    assert HTCondor().queue_limit(Scheduling()) == 0
