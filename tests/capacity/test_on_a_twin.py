"""What the map claims of a real Slurm with real limits, held against what its scheduler then does."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from jido.api import capacity, probing
from jido.api.cluster import Cluster
from jido.capacity.places import Request
from jido.capacity.usable import Pool
from jido.config import maps
from jido.model.command import Command, Reply
from jido.model.document import map_from_json
from jido.model.facts import known
from jido.model.limits import Access
from jido.transports.openssh import OpenSSH
from jido.twins import processes
from real_twins import ACCOUNTING, brought_up_at

pytestmark = [pytest.mark.twin, pytest.mark.xdist_group("capacity")]


@pytest.fixture(scope="module")
def jido_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("jido")


@pytest.fixture(scope="module")
def twin(jido_home: Path) -> Iterator[str]:
    with brought_up_at(jido_home, "ariel", *ACCOUNTING) as name:
        yield name


@pytest.fixture
def ariel(twin: str) -> Iterator[Cluster]:
    cluster = Cluster(twin)
    probing.probe(twin)
    yield cluster
    there(cluster, "scancel", "-u", "student")
    assert processes.until(lambda: not there(cluster, "squeue", "-h").text.strip(), within=20)


def there(cluster: Cluster, *argv: str) -> Reply:
    return cluster.transport.run(Command(argv=argv))


def submit(cluster: Cluster, *options: str) -> Reply:
    return there(cluster, "sbatch", "-o", "/dev/null", *options, "--wrap", "sleep 300")


def pools(partition: str, *, fresh: bool = True) -> list[Pool]:
    [found] = capacity.gpus(["ariel"], fresh=fresh)
    assert found.problem == ""
    return [pool for pool in found.partitions if pool.partition == partition]


def access() -> dict[str, Access]:
    return {row.partition: row for row in probing.newest("ariel").scheduling.access.value or ()}


def test_each_verdict_is_what_a_real_submission_meets(ariel: Cluster) -> None:
    rows = access()
    partitions = probing.newest("ariel").scheduling.partitions.value or ()
    assert sum(Counter(row.verdict for row in rows.values()).values()) == len(partitions) == len(rows)
    for name, row in rows.items():
        words = [f"--account={row.account}"] if row.account else []
        taken = submit(ariel, "-p", name, "-t", "1", *words)
        assert taken.ok == (row.verdict == "open"), f"{name}: {row} and sbatch says {taken.complaint}"


def test_the_gpu_that_is_mine_is_one_and_none_once_i_have_it(ariel: Cluster) -> None:
    [pool] = pools("batch_ugrad")
    assert (pool.usable, pool.on_one_node) == (1, 1)
    assert submit(ariel, "-p", "batch_ugrad", "--gres=gpu:1", "--mem=100M", "-J", "first").ok
    assert processes.until(
        lambda: there(ariel, "squeue", "-h", "-t", "R", "-n", "first").text.strip() != "", within=20
    )
    [pool] = pools("batch_ugrad")
    assert pool.usable == 0
    assert "beyond your limit of 1 GPU (1 in use)" in pool.not_usable
    assert capacity.where(Request(gpus=1), ["ariel"]).when == "later"
    # And so it is: a second one waits.
    assert submit(ariel, "-p", "batch_ugrad", "--gres=gpu:1", "--mem=100M", "-J", "second").ok
    reason = ("squeue", "-h", "-n", "second", "-o", "%r")
    assert processes.until(lambda: "QOSMaxGRESPerUser" in there(ariel, *reason).text, within=20)


def test_gpus_asked_for_in_another_way_count_all_the_same(ariel: Cluster) -> None:
    assert submit(ariel, "-p", "batch_ugrad", "--gpus=1", "--mem=100M", "-J", "first").ok
    assert processes.until(
        lambda: there(ariel, "squeue", "-h", "-t", "R", "-n", "first").text.strip() != "", within=20
    )
    [pool] = pools("batch_ugrad")
    assert pool.usable == 0


def test_where_is_right_about_now_and_about_never(ariel: Cluster) -> None:
    found = capacity.where(Request(gpus=1, memory=20 * 1024**3, needs=("bf16",), time=3600), ["ariel"])
    first = found.places[0]
    assert (found.when, first.rests_on, first.account) == ("now", "estimated", "ugrad")
    assert capacity.where(Request(gpus=2), ["ariel"]).when == "no"
    options = ("-p", first.partition, "-A", first.account, f"--gres=gpu:{first.model}:1", "-t", "60", "-J", "there")
    assert submit(ariel, *options, "--mem=100M").ok
    assert processes.until(
        lambda: there(ariel, "squeue", "-h", "-t", "R", "-n", "there").text.strip() != "", within=20
    )


def test_a_quick_look_is_one_exec_and_a_young_one_is_not_repeated(
    ariel: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Command] = []
    really = OpenSSH.run

    def counted(self: OpenSSH, command: Command) -> Reply:
        asked.append(command)
        return really(self, command)

    monkeypatch.setattr(OpenSSH, "run", counted)
    pools("batch_ugrad", fresh=False)
    assert asked == []
    pools("batch_ugrad", fresh=True)
    assert len(asked) == 1
    assert b"show partition" not in asked[0].stdin
    assert b"--test-only" not in asked[0].stdin


def test_verdicts_that_are_days_old_are_asked_for_again_in_the_same_exec(
    ariel: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = access()
    assert "verified" in {row.rests_on for row in before.values()}
    file = maps.versions("ariel")[-1]
    map_ = map_from_json(file.read_bytes())
    rows = tuple(
        msgspec.structs.replace(row, at=row.at - 9 * 86400, verdict="refused") if row.at else row
        for row in map_.scheduling.access.value or ()
    )
    scheduling = msgspec.structs.replace(map_.scheduling, access=known(rows, map_.scheduling.access.by))
    maps.save("ariel", msgspec.structs.replace(map_, scheduling=scheduling))
    assert access()["batch_ugrad"].verdict == "refused"

    asked: list[Command] = []
    really = OpenSSH.run

    def counted(self: OpenSSH, command: Command) -> Reply:
        asked.append(command)
        return really(self, command)

    monkeypatch.setattr(OpenSSH, "run", counted)
    [pool] = pools("batch_ugrad")
    assert (len(asked), pool.verdict, pool.rests_on) == (1, "open", "verified")
    assert pool.verified_at > time.time() - 600
    # And whoever reads the map now is told the same.
    after = access()
    assert {name: row.verdict for name, row in after.items()} == {name: row.verdict for name, row in before.items()}
    pools("batch_ugrad")
    assert b"--test-only" not in asked[-1].stdin, "they are young again"
