"""``jido why`` on a real Slurm: what it says of a wait is what Slurm then does."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from spoken import Jido

from jido.api import probing, why
from jido.api import twins as api
from jido.api.cluster import Cluster
from jido.model.command import Command
from jido.model.job import State
from jido.twins import processes

pytestmark = [pytest.mark.twin, pytest.mark.xdist_group("why")]

_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
_NEEDED = ("munged", "slurmctld", "slurmd", "slurmdbd", "mariadbd", "sshd", "bwrap")
_WITHIN = 60


@pytest.fixture(scope="module")
def jido_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("jido")


@pytest.fixture(scope="module")
def brought_up(jido_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    missing = [program for program in _NEEDED if not shutil.which(program, path=_PATH)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    starts = int(time.time()) + 3 * 3600 + 600
    text = Path(__file__).with_name("halla.yaml").read_text("utf-8").format(starts=starts, ends=starts + 3600)
    map_ = tmp_path_factory.mktemp("map") / "halla.yaml"
    map_.write_text(text, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JIDO_HOME", str(jido_home))
        api.up(str(map_))
        probing.probe("halla")
        yield "halla"
        patch.setenv("JIDO_HOME", str(jido_home))
        api.down("halla")


@pytest.fixture
def halla(brought_up: str) -> Iterator[Cluster]:
    cluster = Cluster(brought_up)
    yield cluster
    there(cluster, "scancel", "-u", "student")
    assert processes.until(lambda: not there(cluster, "squeue", "-h"), within=_WITHIN)


def there(cluster: Cluster, *argv: str) -> str:
    return cluster.transport.run(Command(argv=argv)).check(argv[0]).text.strip()


def submit(cluster: Cluster, *options: str) -> str:
    return there(cluster, "sbatch", "--parsable", "-o", "/dev/null", *options, "--wrap", "sleep 300")


def running(cluster: Cluster, job: str) -> bool:
    return processes.until(lambda: there(cluster, "squeue", "-h", "-j", job, "-o", "%T") == "RUNNING", within=_WITHIN)


def explained(job: str, reason: str, *, lang: str = "en") -> why.Answer:
    """The answer, once Slurm has come to that reason."""
    found: list[why.Answer] = []

    def come() -> bool:
        found[:] = [why.why(f"halla:{job}", lang=lang)]
        return found[0].waiting.reason.startswith(reason)

    assert processes.until(come, within=_WITHIN), found[0].waiting
    return found[0]


def text(answer: why.Answer) -> str:
    return "\n".join([answer.page.title, *(line.text for part in answer.page.sections for line in part.lines)])


def test_a_limit_of_mine_is_told_with_the_job_that_holds_it_and_until_when(halla: Cluster) -> None:
    first = submit(halla, "-p", "ugrad", "--gres=gpu:1", "-t", "40", "-J", "첫째 $(x)")
    assert running(halla, first)
    second = submit(halla, "-p", "ugrad", "--gres=gpu:1", "-t", "20")
    answer = explained(second, "QOSMaxGRESPerUser")
    bound = answer.waiting.bound
    assert bound is not None
    assert (bound.of, bound.what, bound.most, bound.used, bound.asked) == ("QoS one", "gpu", 1, 1, 1)
    [holder] = bound.holders
    ends = float(there(halla, "env", "SLURM_TIME_FORMAT=%s", "squeue", "-h", "-j", first, "-o", "%e"))
    assert (holder.id, holder.mine, holder.amount, holder.until) == (first, True, 1, ends)
    assert ends in [guess.at for guess in answer.waiting.estimates if guess.by == "time limits"]
    assert "QoS one allows each user 1 GPU." in text(answer)
    assert f"Your job {first} holds 1 GPU, until about" in text(answer)
    assert "사용자 한 명에게 GPU 1개까지" in text(explained(second, "QOSMaxGRESPerUser", lang="ko"))
    there(halla, "scancel", first)
    assert running(halla, second)


def test_a_change_that_is_advised_starts_at_once_when_it_is_submitted_so(halla: Cluster) -> None:
    for node, cpus in (("halla-g1", "7"), ("halla-g2", "4")):
        assert running(halla, submit(halla, "-p", "batch", "-w", node, "--gres=gpu:1", "-c", cpus, "-t", "60"))
    request = ("-p", "batch", "--gres=gpu:1", "--mem=1G", "-t", "120")
    job = submit(halla, *request, "--cpus-per-gpu=8")
    answer = explained(job, "Resources")
    assert "halla-g2 has 1 GPU free, but only 4 CPUs free (it needs 8)." in text(answer)
    best = answer.advised[0]
    assert (best.words, best.native) == (("--cpus-per-gpu", "4"), ("--cpus-per-gpu=4",))
    assert "With `--cpus-per-gpu=4` it would start now (halla-g2)" in text(answer)
    there(halla, "scancel", job)
    assert running(halla, submit(halla, *request, *best.native))


def test_what_would_not_start_sooner_is_not_advised(halla: Cluster) -> None:
    for node in ("halla-g1", "halla-g2"):
        assert running(halla, submit(halla, "-p", "batch", "-w", node, "--gres=gpu:2", "-c", "2", "-t", "60"))
    answer = explained(submit(halla, "-p", "batch", "--gres=gpu:1", "-t", "30"), "Resources")
    assert not [one for one in answer.advised if "partition" not in one.costs]
    assert "Too few free GPUs on 2 nodes more." in text(answer)


def test_a_limit_that_fits_before_the_maintenance_is_advised_and_starts(halla: Cluster) -> None:
    job = submit(halla, "-p", "kept", "-t", "12:00:00")
    answer = explained(job, "ReqNodeNotAvail")
    said = text(answer)
    assert "Maintenance upkeep from" in said
    assert "With its time limit (12 hours) it could run into that" in said
    [best] = [one for one in answer.advised if one.costs == ("time",)] or pytest.fail(f"{answer.options} {said}")
    assert best.words == ("--time", "3h")
    there(halla, "scancel", job)
    assert running(halla, submit(halla, "-p", "kept", *best.native))


def test_dependency_hold_begin_time_and_a_closed_partition(halla: Cluster) -> None:
    first = submit(halla, "-p", "small", "-t", "10")
    assert running(halla, first)
    after = text(explained(submit(halla, "-p", "small", "-d", f"afterok:{first}"), "Dependency"))
    assert f"It waits for your job {first} to end well; that one is running now, until" in after

    held = submit(halla, "-p", "small", "--hold")
    assert f"scontrol release {held}" in text(explained(held, "JobHeldUser"))

    later = explained(submit(halla, "-p", "small", "--begin=now+2hours"), "BeginTime")
    begins = later.waiting.begins
    assert begins is not None
    assert 7000 < begins - later.waiting.at <= 7200
    assert not later.advised

    closed = explained(submit(halla, "-p", "closed", "-t", "5", "--mem=100M"), "PartitionDown")
    assert "Partition closed is down." in text(closed)
    # The dry run itself would say that it starts: a closed partition is not advised, another one is.
    assert [one.words for one in closed.advised][:1] in ([("--partition", "batch")], [("--partition", "kept")])


def test_the_jobs_that_come_first_are_counted(halla: Cluster) -> None:
    for node in ("halla-g1", "halla-g2"):
        assert running(halla, submit(halla, "-p", "batch", "-w", node, "-c", "8", "-t", "60"))
    submit(halla, "-p", "batch", "-c", "8", "-t", "60")
    answer = explained(submit(halla, "-p", "batch", "-c", "8", "-t", "30"), "Priority")
    assert (answer.waiting.ahead, answer.waiting.ahead_mine) == (1, 1)
    assert "Waiting in batch with a higher priority: 1, of which 1 yours." in text(answer)
    assert [guess.by for guess in answer.waiting.estimates] in ([], ["squeue --start"])


def test_a_job_that_runs_one_that_ended_and_one_that_never_was(halla: Cluster, jido: Jido) -> None:
    job = submit(halla, "-p", "small", "-t", "10")
    assert running(halla, job)
    said = jido("why", f"halla:{job}")
    assert (said.code, "runs" in said.out, "Its time limit ends it at" in said.out) == (0, True, True), said.err
    there(halla, "scancel", job)
    assert processes.until(lambda: why.why(f"halla:{job}").waiting.seen.state is State.CANCELLED, within=_WITHIN)
    assert "cancelled" in jido("why", f"halla:{job}").out
    assert jido("why", f"halla:{job}", "--json").json["waiting"]["seen"]["state"] == "cancelled"
    gone = jido("why", "halla:999999")
    assert gone.code != 0
    assert "knows no job 999999" in gone.err
