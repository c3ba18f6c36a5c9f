"""How a run ended, out of what the queue, accounting, the folder and the log say of it, where these disagree."""

from __future__ import annotations

import msgspec
import pytest

from jido.engines.slurm import Slurm
from jido.jobs.evidence import Traces, from_exit
from jido.jobs.runs import Run
from jido.jobs.status import _believed, _end, _ours
from jido.model.command import Reply
from jido.model.job import JobSpec, Sighting, State

NOW = 1_800_000_000.0
RUN = Run(
    1, "jido-0123456789abcdef", "train-x", "train", "c", "slurm", "/r", "/f", JobSpec("train", ("x",)), "", "7",
    State.RUNNING, False, "RUNNING", "", "n1", "batch", None, None, NOW, NOW, NOW, None,
)  # fmt: skip
NOTHING = Traces(Sighting("7", State.UNKNOWN, reason="it wrote no end", by="run folder"))
KILLED = "slurmstepd-n1: error: *** JOB 7 ON n1 CANCELLED AT 2026-11-23T19:58:07"
MEMORY = "slurmstepd-n1: error: StepId=7.batch exceeded memory limit (278986752 > 104857600), being killed"
CGROUP = "slurmstepd: error: Detected 1 oom_kill event in StepId=7.0. Some of the step tasks have been OOM Killed."


def ended(code: int, *lines: str) -> Traces:
    seen = from_exit("7", f'{{"job":"7","host":"n1","code":{code},"told":"","started":1,"ended":2}}')
    assert seen
    return Traces(seen, lines)


def end(standing: Sighting | None, traces: Traces, *memory: Sighting, silent: bool = False) -> tuple[Sighting, bool]:
    return _end(Slurm(), RUN, standing, {"7": memory}, traces, False, silent)


def test_accounting_that_calls_a_job_alive_which_the_queue_has_forgotten_is_behind() -> None:
    alive = Sighting("7", State.RUNNING, "RUNNING", folder="/r/runs/train-x", by="accounting")
    seen, final = end(None, NOTHING, alive)
    assert (seen.state, final) == (State.UNKNOWN, False)
    assert "still calls it alive" in seen.reason
    seen, final = end(None, ended(3), alive)
    assert (seen.state, seen.code, final) == (State.FAILED, 3, False)


def test_a_job_that_all_have_forgotten_stands_as_its_log_says() -> None:
    for words, state in (
        (" DUE TO TIME LIMIT ***", State.TIMED_OUT),
        (" DUE TO NODE FAILURE, SEE SLURMCTLD LOG FOR DETAILS ***", State.NODE_FAILED),
        (" DUE TO PREEMPTION ***", State.PREEMPTED),
        (" ***", State.CANCELLED),
        (" DUE TO JOB REQUEUE ***", State.UNKNOWN),
    ):
        traces = msgspec.structs.replace(NOTHING, lines=(KILLED + words,))
        assert end(None, traces)[0].state is state


@pytest.mark.parametrize("line", [MEMORY, CGROUP, "slurmstepd: error: Exceeded job memory limit"])
def test_a_kill_for_memory_is_one_whatever_the_scheduler_calls_it(line: str) -> None:
    for raw, state in (("FAILED", State.FAILED), ("COMPLETED", State.DONE), ("OUT_OF_MEMORY", State.OUT_OF_MEMORY)):
        seen, final = end(Sighting("7", state, raw, token=RUN.token, ended=NOW), Traces(NOTHING.seen, (line,)))
        assert (seen.state, seen.raw, final) == (State.OUT_OF_MEMORY, raw, True)
        assert "memory" in seen.reason


def test_what_a_job_prints_of_another_or_of_an_earlier_life_is_not_its_end() -> None:
    done = Sighting("7", State.DONE, "COMPLETED", token=RUN.token, ended=NOW)
    other = MEMORY.replace("=7.", "=8.")
    again = (MEMORY, f"{KILLED} DUE TO JOB REQUEUE ***")
    for lines in ((other,), again):
        assert end(done, ended(0, *lines))[0].state is State.DONE


def test_completed_beside_a_code_that_is_not_0_is_a_lost_message() -> None:
    seen, _ = end(Sighting("7", State.DONE, "COMPLETED", token=RUN.token, ended=NOW), ended(4))
    assert (seen.state, seen.code, seen.raw) == (State.FAILED, 4, "COMPLETED")


def test_a_sighting_is_ours_by_token_then_by_folder_then_by_time() -> None:
    one = Sighting("7", State.RUNNING, submitted=NOW)
    assert _ours(RUN, msgspec.structs.replace(one, token=RUN.token))
    assert not _ours(RUN, msgspec.structs.replace(one, token="jido-ffffffffffffffff", folder="/r/runs/train-x"))
    assert _ours(RUN, msgspec.structs.replace(one, folder="/elsewhere/runs/train-x"))
    assert not _ours(RUN, msgspec.structs.replace(one, folder="/r/runs/train-y"))
    assert _ours(RUN, one)
    assert not _ours(RUN, msgspec.structs.replace(one, submitted=NOW - 86400))


def test_an_end_that_the_folder_told_is_taken_back_only_for_a_new_life() -> None:
    run = msgspec.structs.replace(RUN, state=State.FAILED, ended=NOW)
    assert not _believed(run, Sighting("7", State.COMPLETING))
    assert not _believed(run, Sighting("7", State.RUNNING, started=NOW - 60))
    assert _believed(run, Sighting("7", State.RUNNING, started=NOW + 60))
    assert _believed(run, Sighting("7", State.QUEUED))


@pytest.mark.parametrize("exit_", ["0:125", "0:0"])
def test_accounting_that_says_out_of_memory_is_believed_beside_a_script_that_ended_with_0(exit_: str) -> None:
    question = Slurm().history(["7"], NOW)
    assert question
    cells = (
        "7",
        "OUT_OF_MEMORY",
        exit_,
        "0:0",
        str(int(NOW)),
        str(int(NOW)),
        str(int(NOW) + 9),
        "batch",
        "n1",
        "",
        "train",
    )
    text = "\x1f".join((*cells, "/r/runs/train-x")) + "\n\x1e0\n"
    [seen] = question.parse(Reply(question.command, "c", 0, text.encode(), b"", NOW))["7"]
    told, final = end(None, ended(0), seen)
    assert (told.state, told.raw, final) == (State.OUT_OF_MEMORY, "OUT_OF_MEMORY", True)
    assert "memory" in told.reason
