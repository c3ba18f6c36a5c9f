"""Jobs as Slurm's queue, accounting and memory tell them."""

import pytest
from recordings import RECORDED, job, said

from jido.engines.slurm import Slurm
from jido.engines.slurm.queue import folds, matching
from jido.engines.slurm.states import exit_of, state_of
from jido.errors import CommandFailed, InputError, SchedulerDown
from jido.model.job import Sighting, State
from jido.testing.engines import Said

ENGINE = Slurm()


def history(version: str, *ids: str, case: str = "states", since: float = 0.0) -> dict[str, Sighting]:
    ask = ENGINE.history(ids, since)
    known = ask.parse(said(version, "history")[case].to(ask.command))
    return {id_: one for id_, (one,) in known.items()}


def status(version: str, *ids: str) -> dict[str, Sighting]:
    ask = ENGINE.status(ids)
    return ask.parse(said(version, "queue")["states"].to(ask.command))


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("PENDING", State.QUEUED), ("PD", State.QUEUED), ("RUNNING", State.RUNNING), ("R", State.RUNNING),
        ("CONFIGURING", State.STARTING), ("CF", State.STARTING), ("COMPLETING", State.COMPLETING),
        ("CG", State.COMPLETING), ("COMPLETED", State.DONE), ("CD", State.DONE), ("FAILED", State.FAILED),
        ("F", State.FAILED), ("CANCELLED", State.CANCELLED), ("CA", State.CANCELLED), ("CANCELLED+", State.CANCELLED),
        ("CANCELLED by 1000", State.CANCELLED), ("TIMEOUT", State.TIMED_OUT), ("TO", State.TIMED_OUT),
        ("DEADLINE", State.TIMED_OUT), ("OUT_OF_MEMORY", State.OUT_OF_MEMORY), ("OOM", State.OUT_OF_MEMORY),
        ("OUT_OF_ME+", State.OUT_OF_MEMORY), ("NODE_FAIL", State.NODE_FAILED), ("NF", State.NODE_FAILED),
        ("BOOT_FAIL", State.NODE_FAILED), ("PREEMPTED", State.PREEMPTED), ("PR", State.PREEMPTED),
        ("REQUEUED", State.REQUEUED), ("REQUEUE_HOLD", State.REQUEUED), ("SPECIAL_EXIT", State.REQUEUED),
        ("SUSPENDED", State.RUNNING), ("S", State.RUNNING), ("STOPPED", State.RUNNING), ("RESIZING", State.RUNNING),
        ("REVOKED", State.UNKNOWN), ("REQUEUE+", State.REQUEUED), ("RE+", State.UNKNOWN), ("", State.UNKNOWN),
        ("A_WORD_OF_THE_FUTURE", State.UNKNOWN),
    ],
)  # fmt: skip
def test_slurms_words_have_one_meaning(word: str, state: State) -> None:
    assert state_of(word) is state


def test_a_wait_that_can_never_end_has_ended() -> None:
    assert state_of("PENDING", "DependencyNeverSatisfied") is State.DEPENDENCY
    assert state_of("PD", "(DependencyNeverSatisfied)") is State.DEPENDENCY
    assert state_of("PENDING", "Dependency") is State.QUEUED


def test_code_and_signal_are_read() -> None:
    assert exit_of("3:0") == (3, None)
    assert exit_of("0:9") == (0, 9)
    for odd in ("", None, "x:y", "3", ":", "-1:0", "9" * 40 + ":0"):
        assert exit_of(odd) == (None, None)


class TestTheQueue:
    @pytest.mark.parametrize("version", RECORDED)
    def test_a_running_job_has_a_start_and_no_end(self, version: str) -> None:
        seen = status(version, job(version, 4))[job(version, 4)]
        assert (seen.partition, seen.nodes) == ("batch_ugrad", "aurora-g1")
        assert seen.submitted
        assert seen.started
        assert seen.ended is None

    @pytest.mark.parametrize("version", RECORDED)
    def test_a_guess_is_not_a_start(self, version: str) -> None:
        assert status(version, job(version, 10))[job(version, 10)].started is None

    @pytest.mark.parametrize("version", RECORDED)
    def test_a_name_with_slurms_own_words_changes_nothing(self, version: str) -> None:
        seen = status(version, job(version, 4))[job(version, 4)]
        assert (seen.name, seen.state) == ("run ning=1 State=FAILED", State.RUNNING)

    @pytest.mark.parametrize("version", RECORDED)
    def test_single_tasks_of_an_array_are_known(self, version: str) -> None:
        array = job(version, 9)
        seen = status(version, f"{array}_0", f"{array}_5", f"{array}_77")
        assert {id_: one.state for id_, one in seen.items()} == {
            f"{array}_0": State.RUNNING,
            f"{array}_5": State.QUEUED,
        }

    @pytest.mark.parametrize("version", RECORDED)
    def test_a_token_is_found_beside_a_sites_own_words(self, version: str) -> None:
        ask = ENGINE.find(["jido-00000000000000ff"])
        [seen] = ask.parse(said(version, "queue")["states"].to(ask.command)).values()
        assert (seen.id, seen.token, seen.name) == (job(version, 16), "jido-00000000000000ff", '한글 "q" $(x)')

    def test_a_token_is_found_in_the_run_folder_where_a_site_rewrites_comments(self) -> None:
        ask = ENGINE.find(["jido-0000000000000004"])
        [seen] = ask.parse(said("17.11.13", "queue")["states"].to(ask.command)).values()
        assert seen.id == "103"

    def test_another_programs_comment_is_no_token(self) -> None:
        assert status("17.11.13", "106")["106"].token == ""

    def test_part_of_a_token_is_not_it(self) -> None:
        ask = ENGINE.find(["jido-000000000000000", "jido", ""])
        assert ask.parse(said("22.05.8", "queue")["states"].to(ask.command)) == {}

    def test_no_job_is_an_answer(self) -> None:
        ask = ENGINE.status(["1"])
        assert ask.parse(Said(0, "\x1eend\n").to(ask.command)) == {}

    def test_an_answer_without_its_end_is_none(self) -> None:
        ask = ENGINE.status(["1"])
        with pytest.raises(SchedulerDown):
            ask.parse(Said(0, "").to(ask.command))

    def test_its_own_words_are_passed_on(self) -> None:
        ask = ENGINE.status(["1"])
        with pytest.raises(SchedulerDown) as caught:
            ask.parse(said("22.05.8", "queue")["controller down"].to(ask.command))
        assert caught.value.cause == "Unable to contact slurm controller (connect failure)"

    def test_old_slurms_without_epoch_times_are_read_as_utc(self) -> None:
        ask = ENGINE.status(["100"])
        assert "TZ=UTC0" in " ".join(ask.command.argv)
        assert status("17.11.13", "100")["100"].started == 1556701205.0


class TestMemory:
    @pytest.mark.parametrize("version", RECORDED)
    def test_an_end_has_its_code_and_signal(self, version: str) -> None:
        done, failed, killed, late = (history(version, job(version, n))[job(version, n)] for n in (1, 2, 3, 5))
        assert (done.code, done.signal) == (0, None)
        assert (failed.code, failed.signal) == (3, None)
        assert (killed.code, killed.signal, killed.state) == (None, 9, State.FAILED)
        assert (late.code, late.state) == (None, State.TIMED_OUT)
        assert done.started
        assert done.ended

    def test_the_source_is_named(self) -> None:
        assert history("22.05.8", job("22.05.8", 1))[job("22.05.8", 1)].by == "queue"
        version = "22.05.8-slurmdbd"
        assert history(version, job(version, 1))[job(version, 1)].by == "accounting"

    def test_out_of_memory_is_read_from_the_state_not_the_code(self) -> None:
        seen = history("20.11.9", "202")["202"]
        assert (seen.state, seen.code, seen.signal) == (State.OUT_OF_MEMORY, None, None)

    def test_a_step_that_was_killed_is_mentioned(self) -> None:
        assert history("20.11.9", "203")["203"].reason == "a step ended with 0:9"

    def test_what_never_started_has_no_start(self) -> None:
        seen = history("20.11.9", "201", "207")
        assert (seen["201"].state, seen["201"].raw, seen["201"].started) == (
            State.CANCELLED,
            "CANCELLED by 1000",
            None,
        )
        assert seen["201"].nodes == seen["207"].nodes == ""

    def test_arrays_and_heterogeneous_jobs_stand_as_their_liveliest_part(self) -> None:
        seen = history("20.11.9", "208", "208_1", "208_9", "209")
        assert {id_: one.state for id_, one in seen.items()} == {
            "208": State.QUEUED, "208_1": State.DONE, "208_9": State.QUEUED, "209": State.RUNNING,
        }  # fmt: skip

    def test_when_the_database_is_down_the_controller_is_asked(self) -> None:
        seen = history("20.11.9", "200", case="database down, controller remembers")["200"]
        assert (seen.state, seen.code, seen.by) == (State.FAILED, 3, "queue")

    def test_a_job_older_than_the_run_had_its_id_before(self) -> None:
        assert history("20.11.9", "200", since=1609459200.0 + 3600) == {}
        assert "200" in history("20.11.9", "200", since=1609459200.0 + 60)

    def test_accounting_that_is_off_and_a_controller_that_forgot_know_nothing(self) -> None:
        ask = ENGINE.history(["7"], 0.0)
        said_ = Said(
            0,
            "\x1e1\n\x1eend\n",
            "Slurm accounting storage is disabled\nslurm_load_jobs error: Invalid job id specified\n",
        )
        assert ask.parse(said_.to(ask.command)) == {}

    def test_when_nobody_answers_nothing_is_said(self) -> None:
        for case in (Said(None), Said(1, "\x1e1\n", "Unable to contact slurm controller"), Said(255)):
            ask = ENGINE.history(["7"], 0.0)
            with pytest.raises(SchedulerDown):
                ask.parse(case.to(ask.command))

    def test_only_ids_are_asked_for(self) -> None:
        with pytest.raises(InputError):
            ENGINE.history(["1; rm -rf ~"], 0.0)


class TestCancelling:
    @pytest.mark.parametrize("case", ["gone", "ended", "gone, said aloud", "living"])
    def test_what_is_gone_already_is_no_error(self, case: str) -> None:
        ask = ENGINE.cancel(["1"])
        ask.parse(said("22.05.8", "cancel")[case].to(ask.command))

    def test_older_slurms_end_with_an_error_for_it(self) -> None:
        ask = ENGINE.cancel(["1", "2"])
        words = (
            "scancel: error: Kill job error on job id 1: Invalid job id specified\n"
            "scancel: error: Kill job error on job id 2: Job/step already completing or completed\n"
        )
        ask.parse(Said(1, "", words).to(ask.command))

    def test_another_persons_job_is_an_error(self) -> None:
        ask = ENGINE.cancel(["1"])
        with pytest.raises(CommandFailed, match="cancelling"):
            ask.parse(
                Said(1, "", "scancel: error: Kill job error on job id 1: Access/permission denied\n").to(ask.command)
            )

    def test_a_controller_that_is_down_is_said(self) -> None:
        ask = ENGINE.cancel(["1"])
        with pytest.raises(SchedulerDown):
            ask.parse(said("22.05.8", "cancel")["controller down"].to(ask.command))

    @pytest.mark.parametrize("word", ["--user=me", "train", "1 2", "", "-1", "1;2"])
    def test_a_word_that_is_no_id_never_reaches_scancel(self, word: str) -> None:
        with pytest.raises(InputError):
            ENGINE.cancel([word])


@pytest.mark.parametrize(
    ("id_", "tasks"),
    [
        ("7_[3-5,9%2]", {3, 4, 5, 9}),
        ("7_[0-8:4]", {0, 4, 8}),
        ("7_[1-3,...]", {1, 2, 3}),
        ("7_[1-2", {1, 2}),
        ("7", set()),
        ("7_3", set()),
    ],
)
def test_folded_array_tasks_are_known(id_: str, tasks: set[int]) -> None:
    assert {task for task in range(20) if folds(id_, task)} == tasks


def test_a_whole_array_that_ended_stands_as_its_worst_task() -> None:
    parts = [Sighting("7_1", State.DONE), Sighting("7_2", State.TIMED_OUT), Sighting("7_3", State.DONE)]
    assert matching(["7"], parts)["7"].state is State.TIMED_OUT
