"""Ray under the contract, with what a real cluster of 2.60.0 said."""

# ruff: noqa: RUF012 - the contract's attributes are read, never changed

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jido.engines.base import Placement
from jido.engines.ray import Ray
from jido.engines.ray.jobs import request
from jido.errors import InputError, NotFound, Refused, SchedulerDown
from jido.model.bundle import Finding
from jido.model.command import Reply
from jido.model.job import JobSpec, Resources, Sighting, State
from jido.model.map import Instance, Map
from jido.model.why import Waiting
from jido.testing.engines import TOKEN, EngineContract, Said

_RECORDED = Path(__file__).with_name("recorded")
ANSWERS: dict[str, str] = json.loads((_RECORDED / "answers.json").read_text("utf-8"))
QUEUE = (_RECORDED / "queue.json").read_text("utf-8")
FIRST = "jido-00000000000000a1"


def answer(status: int | None, body: str = "", *, sent: bool = True, error: str = "", count: int = 1) -> Said:
    """What the carrier prints of requests that all end like this."""
    one = {"status": status, "body": body, "sent": sent, "error": error}
    return Said(0, json.dumps({"address": "http://127.0.0.1:8265", "replies": [one] * count}))


def mine(text: str) -> str:
    """The recorded answer as if it were of the contract's own token."""
    return text.replace(FIRST, TOKEN)


class TestRay(EngineContract):
    engine = Ray()
    accepted = {
        "plain": (Said(0, mine(ANSWERS["accepted"])), TOKEN),
        "again, after its first answer was lost": (Said(0, mine(ANSWERS["again"])), TOKEN),
    }
    refused = {
        "not a job": Said(0, ANSWERS["no entrypoint"]),
        "no token": answer(401, "Unauthorized: Missing authentication token"),
        "no Jobs API": answer(404, "404: Not Found"),
    }
    ambiguous = {
        "written down, and then an error": Said(0, ANSWERS["a log that cannot be made"]),
        "no answer in time": answer(None, error="timeout: timed out"),
        "cut off": answer(None, error="RemoteDisconnected: Remote end closed connection without response"),
        "a proxy's word": answer(502, "Bad Gateway"),
        "another one's id": Said(0, ANSWERS["accepted"]),
        "another one's id, known already": Said(0, ANSWERS["again"]),
        "no id": answer(200, "welcome"),
        "half of it": Said(0, ANSWERS["accepted"][:60]),
        "too many answers": answer(200, "{}", count=2),
        "the program failed": Said(1, "", "MemoryError"),
    }
    missing = {"no python3": Said(127, "", "sh: 1: python3: not found")}
    queue = Said(0, QUEUE)
    in_queue = {
        "jido-00000000000000a1": State.RUNNING,
        "jido-00000000000000a2": State.QUEUED,
        "jido-00000000000000a3": State.DONE,
        "jido-00000000000000a4": State.FAILED,
        "jido-00000000000000a5": State.FAILED,
        "jido-00000000000000a6": State.CANCELLED,
        "jido-00000000000000a7": State.TIMED_OUT,
        "jido-00000000000000a8": State.NODE_FAILED,
        "jido-00000000000000a9": State.FAILED,
        "jido-00000000000000aa": State.FAILED,
    }
    tokens = {token: token for token in ("jido-00000000000000a1", "jido-00000000000000a3", "jido-00000000000000a8")}
    down = {
        "not reached": Said(0, ANSWERS["unreached"]),
        "no answer": answer(None, error="timeout: timed out", count=2),
        "its jobs cannot be told": answer(500, "Server got itself in trouble", count=2),
        "something else answers": answer(200, "<html>", count=2),
        "cut": Said(0, QUEUE[:-200]),
    }
    looks = {"ray/cluster": Said(0, (_RECORDED / "ray-cluster.json").read_text("utf-8"))}

    def _found(self) -> dict[str, Finding]:
        return {name: said.finding() for name, said in self.looks.items()}

    def _seen(self, id_: str) -> Sighting:
        ask = self.engine.status([id_])
        return ask.parse(self.queue.to(ask.command))[id_]

    def _why(self, name: str) -> Waiting:
        ask = self.engine.why(FIRST)
        return ask.parse(Reply(ask.command, "narae", 0, ANSWERS[name].encode(), at=1e9))

    def test_the_map_is_of_nodes_and_their_resources(self) -> None:
        found = self.engine.inventory(self._found(), 1e9)
        assert found.types == ("htc",)
        assert found.evidence == "Ray 2.60.0 answers at http://127.0.0.1:8265, with 3 nodes"
        rows = {row.names: (row.role, row.cpus, row.memory, row.features) for row in found.nodes}
        assert rows["narae-g1"] == ("compute", 4, 4 * 2**30, ())
        assert rows["narae-c1"] == ("compute", 8, 8 * 2**30, ("fast",))
        assert rows["narae-control"][0] == "management"
        [gpus] = [row.gpus for row in found.nodes if row.gpus]
        assert [(gpu.count, gpu.model) for gpu in gpus] == [(2, "A100")]
        assert found.scheduling.version.value == "2.60.0"
        assert found.scheduling.partitions.state == "absent"

    def test_what_is_in_use_is_told_by_node(self) -> None:
        found = self.engine.now(self._found(), 1e9)
        now = {row.name: row for row in found.nodes.value or ()}
        assert (now["narae-g1"].gpus_used, now["narae-g1"].state) == ({"A100": 1}, "mixed")
        assert now["narae-c1"].cpus_used >= 1
        queue = {row.id: (row.state, row.cpus, row.gpus) for row in found.queue.value or ()}
        assert queue["jido-00000000000000a2"] == ("pending", 999, 0)
        assert queue["jido-00000000000000a8"] == ("running", 1, 1)
        # What another one's job asks for is not told.
        assert queue["raysubmit_Ab12"] == ("running", 0, None)
        assert "jido-00000000000000a3" not in queue

    def test_nodes_whose_use_is_not_told_are_not_said_to_be_idle(self) -> None:
        said = json.loads(self.looks["ray/cluster"].stdout)
        said["replies"][2] = {"status": 500, "body": "", "sent": True, "error": ""}
        found = self.engine.now({"ray/cluster": Said(0, json.dumps(said)).finding()}, 1e9)
        assert (found.nodes.state, found.queue.state) == ("unknown", "known")

    def test_two_nodes_of_one_name_are_two_nodes(self) -> None:
        said = self.looks["ray/cluster"].stdout.replace("narae-c1", "10.0.0.1").replace("narae-g1", "10.0.0.1")
        found = self.engine.inventory({"ray/cluster": Said(0, said).finding()}, 1e9)
        names = {row.names for row in found.nodes if row.role == "compute"}
        assert len(names) == 2
        assert all(name.startswith("10.0.0.1-") for name in names)

    def test_ends_are_told_as_they_were(self) -> None:
        assert (self._seen("jido-00000000000000a4").code, self._seen("jido-00000000000000a5").signal) == (3, 9)
        late, lost = self._seen("jido-00000000000000a7"), self._seen("jido-00000000000000a8")
        assert late.reason == "the time limit of 2 s"
        assert lost.reason.startswith("SupervisorDied: The actor died because its node has died")
        assert self._seen("jido-00000000000000a9").reason.startswith("RuntimeEnvironment: runtime_env setup failed")
        assert self._seen("jido-00000000000000aa").reason.startswith("StartFailure: Failed to start supervisor actor")
        for one in map(self._seen, self.in_queue):
            assert not one.reason.partition(":")[0].isalpha() or self.engine.meaning(one.reason), one.reason

    def test_a_job_that_ends_with_the_code_of_a_limit_that_it_has_not_reached_has_failed(self) -> None:
        ask = self.engine.status(["jido-00000000000000a7"])
        said = QUEUE.replace('\\"jido_time\\": \\"2\\"', '\\"jido_time\\": \\"86400\\"')
        assert said != QUEUE
        seen = ask.parse(Said(0, said).to(ask.command))["jido-00000000000000a7"]
        assert (seen.state, seen.code) == (State.FAILED, 124)

    def test_a_job_is_where_it_runs_and_its_name_and_folder_come_back(self) -> None:
        seen = self._seen(FIRST)
        assert (seen.nodes, seen.name, seen.folder) == ("narae-c1", "train", "/data/student/내 폴더/runs/r1")

    def test_jobs_are_told_without_their_nodes_where_these_are_not(self) -> None:
        said = json.loads(QUEUE)
        said["replies"][1] = {"status": 500, "body": "no", "sent": True, "error": ""}
        ask = self.engine.status([FIRST])
        seen = ask.parse(Said(0, json.dumps(said)).to(ask.command))[FIRST]
        assert (seen.state, seen.nodes) == (State.RUNNING, "")

    def test_what_has_not_ended_is_listed_whoever_submitted_it(self) -> None:
        ask = self.engine.mine()
        assert ask is not None
        listed = {row.seen.id: row.seen.token for row in ask.parse(self.queue.to(ask.command))}
        assert listed["raysubmit_Ab12"] == ""
        assert "jido-00000000000000a3" not in listed

    def test_what_was_certainly_not_sent_is_no_question(self) -> None:
        ask = self.engine.submit(self.spec, self.place)
        with pytest.raises(SchedulerDown, match="was not reached") as caught:
            ask.parse(answer(None, sent=False, error="ConnectionRefusedError: refused").to(ask.command))
        assert caught.value.transient
        assert "RAY_ADDRESS" in caught.value.hint

    def test_stopping_what_is_gone_is_no_error_and_what_was_not_stopped_is(self) -> None:
        ask = self.engine.cancel(["jido-00000000000000a6", "jido-00000000000000ff"])
        ask.parse(Said(0, ANSWERS["stop"]).to(ask.command))
        for said in (answer(500, "no", count=2), answer(None, error="timed out", count=2), Said(None)):
            with pytest.raises(SchedulerDown):
                ask.parse(said.to(ask.command))

    def test_why_it_waits_is_seen_in_what_the_nodes_have(self) -> None:
        never = self._why("why a2")
        assert never.reason.startswith("NoNodeHasIt")
        assert never.want.cpus == 999
        assert {place.name: place.ever for place in never.places}["narae-c1"] is False
        assert self._why("why a1").seen.state is State.RUNNING
        assert self._why("why a4").seen.code == 3
        for one in (never.reason, "WaitingForResources", "AllInUse: x", "StartTimeout: x", "Unschedulable: y"):
            assert self.engine.meaning(one), one
        with pytest.raises(NotFound):
            self._why("why gone")
        with pytest.raises(SchedulerDown):
            self._why("unreached")


def test_a_job_is_its_script_in_its_folder_with_all_that_it_asks_for() -> None:
    want = Resources(cpus=2, tasks=2, gpus=1, gpu_model="A100", memory=2**30, time=60, constraint="fast",
                     extra=("tpu=0.5",))  # fmt: skip
    place = Placement("/data/it's $(x) 한\n글/runs/r1", "job.sh", "log", "jido-1")
    said = request(JobSpec("train", ("true",), want), place)
    assert said["submission_id"] == "jido-1"
    assert said["entrypoint"] == (
        "cd '/data/it'\"'\"'s $(x) 한\n글/runs/r1' && "
        "JIDO_RAY_JOB=jido-1 JIDO_RAY_CPUS=4 exec timeout -k 30 60 sh ./job.sh"
    )
    assert (said["entrypoint_num_cpus"], said["entrypoint_num_gpus"], said["entrypoint_memory"]) == (4, 1, 2**30)
    assert said["entrypoint_resources"] == {"tpu": 0.5, "fast": 0.0001, "accelerator_type:A100": 0.0001}


def test_a_job_that_asks_for_nothing_is_kept_off_the_head() -> None:
    said = request(JobSpec("x", ("true",)), EngineContract.place)
    assert said["entrypoint_num_cpus"] == 1
    assert "timeout" not in said["entrypoint"]


@pytest.mark.parametrize(
    "want",
    [
        Resources(partition="gpu"),
        Resources(account="lab"),
        Resources(qos="high"),
        Resources(node="g1"),
        Resources(nodes=2),
        Resources(cpus=0),
        Resources(time=0),
        Resources(constraint="two words"),
        Resources(extra=("tpu",)),
        Resources(extra=("tpu=many",)),
        Resources(extra=("tpu=-1",)),
        Resources(extra=("tpu=nan",)),
        Resources(extra=("CPU=2",)),
    ],
)
def test_what_ray_has_no_word_for_is_refused(want: Resources) -> None:
    with pytest.raises(InputError):
        Ray().submit(JobSpec("x", ("true",), want), EngineContract.place)


@pytest.mark.parametrize("folder", ["/data/\udcff", "/data/a\0b"])
def test_a_folder_that_json_cannot_hold_is_refused(folder: str) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        Ray().submit(JobSpec("x", ("true",)), msgspec.structs.replace(EngineContract.place, folder=folder))


def test_more_than_any_node_has_is_refused_from_the_map() -> None:
    found = Ray().inventory({"ray/cluster": TestRay.looks["ray/cluster"].finding()}, 1e9)
    map_ = Map(name="narae", instance=Instance(nodes=found.nodes), scheduling=found.scheduling)
    Ray().plan(JobSpec("x", ("true",), Resources(cpus=8, constraint="fast")), map_)
    wants: list[dict[str, Any]] = [
        {"cpus": 9}, {"gpus": 3}, {"gpus": 1, "gpu_model": "H100"}, {"constraint": "nosuch"}, {"memory": 2**40},
        {"gpus": 1, "constraint": "fast"},
    ]  # fmt: skip
    for want in wants:
        with pytest.raises(Refused, match="no node of narae has"):
            Ray().plan(JobSpec("x", ("true",), Resources(**want)), map_)
