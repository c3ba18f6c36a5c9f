"""Why a job waits, from recorded replies and variations of them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jido.engines.reasons import Table
from jido.engines.slurm import Slurm
from jido.engines.slurm.why import looks, options
from jido.engines.slurm.why.limits import Ours, bound
from jido.engines.slurm.why.read import read
from jido.errors import InputError, JidoError, NotFound, SchedulerDown
from jido.explain.case import Case, Subject
from jido.explain.job import explain_job
from jido.explain.speech import Speech
from jido.model.bundle import Finding
from jido.model.command import Command, Reply
from jido.model.job import Sighting, State
from jido.model.why import Estimate, Option, Place, Request, Waiting

RECORDED = json.loads(Path(__file__).with_name("replies").joinpath("22.05.8-slurmdbd", "why.json").read_text("utf-8"))
ID = RECORDED["id"]
REASONS = Table("jido.engines.slurm")
REPLY = Reply(Command(("sh",)), "halla", 0, at=1e9)
G = 1024**3


def findings(**changed: str | Finding) -> dict[str, Finding]:
    """The recorded looks, some of them with another text."""
    found = {
        name: Finding(said["code"], said["stdout"].encode(), said["stderr"].encode())
        for name, said in RECORDED["looks"].items()
    }
    for name, said in changed.items():
        found[f"why/{name}"] = said if isinstance(said, Finding) else Finding(0, said.encode())
    return found


def job(**fields: str) -> str:
    text: str = RECORDED["looks"]["why/job"]["stdout"]
    for key, value in fields.items():
        # The first of several stands in the name that the user gave.
        *_, before = (word for word in text.split(" ") if word.startswith(f"{key}="))
        head, _, tail = text.rpartition(f" {before}")
        text = f"{head} {key}={value}{tail}"
    return text


def asked(**changed: str | Finding) -> Waiting:
    return read(ID, findings(**changed), REPLY, REASONS)


def said(waiting: Waiting, lang: str = "en", *tried: Option) -> str:
    case = Case(Subject("job 1", "halla", "Slurm"), waiting, Slurm().meaning(waiting.reason), tried)
    page = explain_job(case, Speech(lang))
    return "\n".join([page.title, *(line.text for part in page.sections for line in part.lines)])


def test_the_recorded_job_waits_for_a_limit_that_another_one_of_mine_holds() -> None:
    waiting = asked()
    # Its name says otherwise: `hostile Reason=None JobState=RUNNING`.
    assert (waiting.seen.state, waiting.reason, waiting.mine) == (State.QUEUED, "QOSMaxGRESPerUser", True)
    assert waiting.bound is not None
    assert (waiting.bound.of, waiting.bound.most, waiting.bound.used, waiting.bound.asked) == ("QoS one", 1, 1, 1)
    assert [one.amount for one in waiting.bound.holders] == [1]
    assert [guess.by for guess in waiting.estimates] == ["time limits"]
    assert (waiting.want.gpus, waiting.want.cpus, waiting.want.cpus_per_gpu, waiting.want.memory) == (1, 2, 2, G)
    assert "--cpus-per-gpu=2" in waiting.request


@pytest.mark.parametrize("meaning", REASONS.all(), ids=lambda meaning: meaning.reason)
def test_every_reason_becomes_sentences_in_both_languages(meaning: Any) -> None:
    waiting = asked(job=job(Reason=meaning.reason.replace(" ", "_")))
    found = REASONS.find(waiting.reason)
    assert found is not None
    assert found.short == meaning.short
    for lang in ("en", "ko"):
        text = said(waiting, lang)
        assert meaning.short[lang] in text or meaning.kind == "ended"
        assert "{" not in text.replace("{job", "")


def test_a_reason_that_nobody_knows_is_shown_as_it_is() -> None:
    text = said(asked(job=job(Reason="QOSMaxQubitsPerUser")))
    assert "of a reason that jido does not know (QOSMaxQubitsPerUser)" in text
    # The limit is found all the same.
    assert "Besides, a limit would hold it back then:" in text


def test_what_cannot_be_seen_is_said_to_be_so_and_nothing_is_made_up() -> None:
    gone = Finding(1, b"", b"slurm_load_jobs error: Access/permission denied")
    waiting = asked(limits=gone, queue=gone, nodes=gone, reservations=gone)
    assert waiting.bound is not None
    assert (waiting.bound.most, waiting.bound.holders, waiting.places, waiting.ahead) == (None, (), (), None)
    text = said(waiting)
    assert "this cluster does not show" in text
    assert "Not seen: limits: Access/permission denied" in text


def test_a_dependency_is_told_with_the_job_it_is_about() -> None:
    other = next(row.split("\x1f")[1].strip() for row in RECORDED["looks"]["why/queue"]["stdout"].splitlines())
    waiting = asked(job=job(Reason="Dependency", Dependency=f"afterok:{other}(unfulfilled),afterany:7_*(failed)"))
    first, second = waiting.after
    assert (first.id, first.how, first.met, bool(first.state)) == (other, "afterok", "unfulfilled", True)
    assert (second.id, second.how, second.met) == ("7", "afterany", "failed")
    assert "job 7 to end, and that will not happen any more" in said(waiting)
    assert "singleton" in said(asked(job=job(Reason="Dependency", Dependency="singleton(unfulfilled)")))


def test_a_newer_slurm_is_read_as_well() -> None:
    newer = json.loads(Path(__file__).with_name("replies").joinpath("26.05.5", "why.json").read_text("utf-8"))
    found = {
        name: Finding(said["code"], said["stdout"].encode(), said["stderr"].encode())
        for name, said in newer["looks"].items()
    }
    waiting = read(newer["id"], found, REPLY, REASONS)
    assert waiting.bound is not None
    assert (waiting.bound.of, waiting.bound.most, waiting.bound.used) == ("QoS one", 1, 1)
    assert [one.id for one in waiting.bound.holders] == ["4"]
    # It says of every job that it does not oversubscribe: none of them asked for whole nodes.
    assert "--exclusive" not in waiting.request


def test_nodes_that_take_no_jobs_are_told_with_the_administrators_reason() -> None:
    text = RECORDED["looks"]["why/nodes"]["stdout"]
    first, *others = text.splitlines()
    # Slurm prints the reason last.
    drained = "\n".join([first.replace("State=MIXED", "State=MIXED+DRAIN") + " Reason=disk `x` 고장", *others])
    assert drained != text
    out = [place for place in asked(nodes=drained).places if not place.takes_jobs]
    assert [place.reason for place in out] == ["disk `x` 고장"]
    assert "disk `x` 고장" in said(asked(job=job(Reason="Resources"), nodes=drained, limits=""))


def test_licences_and_maintenance() -> None:
    waiting = asked(
        job=job(Reason="Licenses", Licenses="matlab:2"),
        licenses="LicenseName=matlab Total=10 Used=9 Free=1 Reserved=0 Remote=no\n",
    )
    assert waiting.licenses == {"matlab": (10, 1)}
    now = int(asked().at)
    resv = (
        f"ReservationName=점검 StartTime={now + 7260} EndTime={now + 9000} Duration=00:29:00 Nodes=halla-g[1-2] "
        "NodeCnt=2 CoreCnt=16 Features=(null) PartitionName=(null) Flags=MAINT TRES=cpu=16 Users=root\n"
    )
    waits = job(Reason="ReqNodeNotAvail,_Reserved_for_maintenance", TimeLimit="06:00:00")
    held = asked(job=waits, reservations=resv, limits="")
    text = said(held)
    assert "Maintenance 점검 from" in text
    assert "2 hours 1 minute are left before" in text
    tried = options(held, Slurm().meaning(held.reason), ())
    assert tried is not None
    assert "--time=02:00:00" in tried.command.stdin.decode()


def test_an_account_is_bounded_with_those_above_it_and_others_hold_it_too() -> None:
    text = (
        "ClusterName=x Account=root UserName= Partition= GrpJobs=N(1) GrpTRES=cpu=10(8),mem=N(5)\n"
        "ClusterName=x Account=lab UserName= Partition= ParentAccount=root(1) GrpJobs=N(1) GrpTRES=cpu=64(8)\n"
        "ClusterName=x Account=lab UserName=kim(1001) Partition= GrpJobs=N(1) MaxJobs=3(3) GrpTRES=cpu=N(8)\n"
    )
    ours = Ours("1001", "lab", ("normal",), {})
    for name, most, used, of in (
        ("AssocGrpCpuLimit", 10, 8, "account root"),
        ("AssocMaxJobsLimit", 3, 3, "account lab"),
    ):
        meaning = REASONS.find(name)
        assert meaning is not None
        found = bound(text, meaning, ours, Request(cpus=4), ())
        assert (found.most, found.used, found.of) == (most, used, of)


@pytest.mark.parametrize(
    ("sacct", "state", "says"),
    [
        ("OUT_OF_MEMORY\x1f0:125", State.OUT_OF_MEMORY, "the peak that was seen is 3G. Ask for more (`--memory 6G`)"),
        ("TIMEOUT\x1f0:0", State.TIMED_OUT, "Its time limit"),
        ("CANCELLED by 1002\x1f0:15", State.CANCELLED, "It was cancelled by 1002."),
        ("FAILED\x1f114:0", State.FAILED, "environment could not be built"),
        ("FAILED\x1f127:0", State.FAILED, "127 is a shell's word"),
        ("NODE_FAIL\x1f0:0", State.NODE_FAILED, "that is not the job's fault"),
        ("COMPLETED\x1f0:0", State.DONE, "exit code 0"),
    ],
)
def test_a_job_that_slurmctld_has_forgotten_is_explained_by_accounting(sacct: str, state: State, says: str) -> None:
    head = f"{ID}\x1f{sacct}\x1f100\x1f200\x1f300\x1fbatch\x1fg1\x1fkim\x1flab\x1fnormal\x1f00:10:00\x1f4G\x1f"
    step = f"{ID}.batch\x1f{sacct}\x1f100\x1f200\x1f300\x1f\x1fg1\x1f\x1flab\x1f\x1f\x1f\x1f3G\x1f\x1fbatch"
    rows = f"{head}\x1f\x1fjob\n{step}\n"
    gone = Finding(1, b"", b"slurm_load_jobs error: Invalid job id specified")
    waiting = asked(job=gone, ended=rows)
    assert (waiting.seen.state, waiting.peak, waiting.granted) == (state, 3 * G, 4 * G)
    assert says in said(waiting)
    with pytest.raises(NotFound):
        asked(job=gone, ended=Finding(1, b"", b"Slurm accounting storage is disabled"))


def test_a_silent_slurm_is_down_and_its_job_is_not_gone() -> None:
    with pytest.raises(SchedulerDown):
        asked(job=Finding(1, b"", b"slurm_load_jobs error: Unable to contact slurm controller (connect failure)"))
    with pytest.raises(SchedulerDown):
        asked(job=Finding(None))


def test_only_an_id_is_asked_about() -> None:
    for word in ("", "x", "1;2", "$(x)", "-1", "1 2", "1_x"):
        with pytest.raises(InputError):
            looks.parts(word)


# -- changes that may help ------------------------------------------------------------------------------------------

WAITS = Waiting(
    1000.0,
    Sighting("7", State.QUEUED, reason="Resources"),
    "Resources",
    want=Request(cpus=8, cpus_per_gpu=8, memory=8 * G, gpus=1, time=7200),
    partitions={"batch": "up"},
    elsewhere=("debug",),
    places=(
        Place("g1", "mixed", cpus=4, memory=32 * G, gpus=2, lacks=("cpus",)),
        Place("g2", "mixed", cpus=16, memory=3 * G, gpus=1, lacks=("memory",)),
        Place("g3", "allocated", lacks=("cpus", "gpus")),
    ),
    request=("--partition=batch", "--gres=gpu:1", "--cpus-per-gpu=8", "--mem=8192M", "--constraint=a'b $(x)"),
)


def tries(waiting: Waiting, others: tuple[str, ...] = ()) -> list[list[str]]:
    question = options(waiting, Slurm().meaning(waiting.reason), others)
    assert question is not None
    lines = question.command.stdin.decode().splitlines()
    return [shlex.split(line)[1:] for line in lines if line.startswith("j_try ")]


def test_the_least_is_given_up_first_and_a_partition_with_limits_of_its_own_is_not_tried() -> None:
    smallest, as_it_is, *changes = tries(WAITS, ("debug", "professors"))
    assert "--time=1" in smallest
    assert as_it_is == list(WAITS.request)
    assert [word for word in changes[0] if "cpus" in word] == ["--cpus-per-gpu=4"]
    assert [word for word in changes[1] if "mem" in word] == ["--mem=3072M"]
    assert changes[2][-1] == "--partition=debug"
    assert not any("professors" in word for words in changes for word in words)
    assert len(changes) <= options_most()


def options_most() -> int:
    from jido.engines.slurm.why.options import MOST

    return MOST


def test_what_the_dry_run_adds_for_the_queue_is_taken_off() -> None:
    question = options(WAITS, Slurm().meaning("Resources"), ())
    assert question is not None
    job = "sbatch: Job 9 to start at {} using 4 processors on nodes g1 in partition batch"
    answers = [1600, 4000, 1600, 2200]
    out = "\x1e1000" + "".join(f"\x1e0\x1f{job.format(at)}" for at in answers) + "\x1eend\n"
    found = question.parse(Reply(question.command, "halla", 0, out.encode()))
    assert [one.starts for one in found[:3]] == [3400.0, 1000.0, 1600.0]
    text = said(msgspec.structs.replace(WAITS, estimates=(Estimate(3500.0, "squeue --start"),)), "en", *found)
    assert "With `--cpus-per-gpu=4` it would start now (g1)" in text
    cut = question.parse(Reply(question.command, "halla", 255, out[: len(out) // 2].encode()))
    assert len(cut) < len(found)


# -- whatever is printed --------------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_torn_and_strange_answers_make_facts_or_jidos_own_errors(data: st.DataObject) -> None:
    found = findings()
    for name in data.draw(st.sets(st.sampled_from(sorted(found)), min_size=1)):
        text = found[name].text
        at, to = sorted((data.draw(st.integers(0, len(text))), data.draw(st.integers(0, len(text)))))
        torn = text[:at] + data.draw(st.text(max_size=30)) + text[to:]
        code = data.draw(st.sampled_from([0, 0, 0, 1, None]))
        found[name] = Finding(code, torn.encode("utf-8", "surrogatepass"), b"")
    try:
        waiting = read(ID, found, REPLY, REASONS)
    except JidoError:
        return
    said(waiting)
    said(waiting, "ko")
    Slurm().options(waiting, ["batch"])
