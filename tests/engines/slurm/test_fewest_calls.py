"""How often a probe troubles the scheduler, counted by commands on PATH that note every call."""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from recordings import said

from jido.engines.slurm import Slurm, dry_runs, looks
from jido.model.bundle import Finding, Part, bundle
from jido.model.command import Reply
from jido.model.limits import Limits

ASKS_SLURMCTLD = ("scontrol", "squeue", "sbatch", "sinfo")


# As 22.05.8 prints it, one line an association; behind a bound stands what is used of it.
_GROUP = "GrpJobs={}(1) GrpJobsAccrue=N(0) GrpSubmitJobs=N(1) GrpTRES=cpu=N(4),mem=N(0),gres/gpu={}(1) "
_TIMES = "GrpTRESMins=cpu=N(0),gres/gpu=N(0) GrpTRESRunMins=cpu=N(4),gres/gpu=N(1) "
_EACH = "MaxJobs={} MaxJobsAccrue= MaxSubmitJobs= MaxWallPJ={} MaxTRESPJ={} MaxTRESPN= MaxTRESMinsPJ= "
_SHARES = "Partition= Priority=0 ID=3 SharesRaw/Norm/Level/Factor=1/0.5/1/0.00 UsageRaw/Norm/Efctv=0.00/1.00/0.00 "
HELD = (
    "Current Association Manager state\nAssociation Records\n"
    f"ClusterName=aurora Account=root UserName= {_SHARES}ParentAccount= Lft=1 DefAssoc=No "
    f"{_GROUP.format('N', 'N')}{_TIMES}{_EACH.format('', '', '')}\n"
    f"ClusterName=aurora Account=ugrad UserName= {_SHARES}ParentAccount=root(1) Lft=2 DefAssoc=No "
    f"{_GROUP.format('50', '8')}{_TIMES}{_EACH.format('', '', '')}\n"
    f"ClusterName=aurora Account=ugrad UserName=student(1000) {_SHARES}ParentAccount= Lft=3 DefAssoc=Yes "
    f"{_GROUP.format('4', 'N')}{_TIMES}{_EACH.format('3', '360', 'cpu=16,mem=65536')}\n"
)


class Toys:
    """A PATH with Slurm's commands, which answer from recordings and note how they were called."""

    def __init__(self, folder: Path, who: str = "student") -> None:
        self.folder, self.log = folder, folder / "calls"
        self.log.touch()
        (folder / "bin").mkdir()
        replies = said("22.05.8-access", who)
        for name, look in (
            ("config", looks.CONFIG), ("partition", looks.PARTITIONS), ("node", looks.NODES), ("queue", looks.QUEUE),
            ("user", looks.ASSOCIATIONS), ("assoc", looks.ACCOUNTS), ("qos", looks.QOS),
            ("reservation", looks.RESERVATIONS),
        ):  # fmt: skip
            (folder / name).write_text(replies[look].stdout.partition("\x1d")[0], "utf-8", "surrogateescape")
        self.command(
            "scontrol",
            'for w; do case $w in config|partition|node|reservation|assoc_mgr) cat "$D/$w"; exit;; esac; done',
        )
        (folder / "assoc_mgr").write_text(HELD, "utf-8")
        self.command("sacctmgr", 'for w; do case $w in user|assoc|qos) cat "$D/$w"; exit;; esac; done')
        self.command("squeue", 'cat "$D/queue"')
        self.command("sinfo", "echo slurm-wlm 22.05.8")
        self.command("sbatch", "echo 'sbatch: Job 7 to start at 2026-11-23T17:36:21 using 1 processors' >&2")

    def command(self, name: str, body: str) -> None:
        file = self.folder / "bin" / name
        file.write_text(f'#!/bin/sh\nD="{self.folder}"\necho "{name} $*" >>"$D/calls"\n{body}\n')
        file.chmod(0o755)

    def ask(self, *parts: Part) -> dict[str, Finding]:
        question = bundle(parts)
        env = {**os.environ, "PATH": f"{self.folder}/bin:{os.environ['PATH']}", "SBATCH_PARTITION": "elsewhere"}
        done = subprocess.run(["sh", "-s"], input=question.command.stdin, capture_output=True, env=env, check=True)
        return question.parse(Reply(question.command, "toys", done.returncode, done.stdout, done.stderr, at=1e9))

    def calls(self) -> list[str]:
        return self.log.read_text("utf-8").rstrip("\n").split("\n")


@pytest.fixture
def toys(tmp_path: Path) -> Toys:
    return Toys(tmp_path)


def test_a_probe_asks_each_thing_once(toys: Toys) -> None:
    toys.ask(*looks.PARTS)
    others = [call for call in toys.calls() if not call.startswith("sbatch")]
    assert Counter(call.split()[0] for call in others) == {"scontrol": 5, "sacctmgr": 3, "squeue": 2}
    # squeue a second time only because a job's GPUs were not told, and whoever is up is read from the configuration.
    assert sum("--Format" in call for call in others) == 1
    assert not [call for call in others if "ping" in call]


def test_bounds_are_read_from_slurmctld_which_holds_them_in_memory(toys: Toys) -> None:
    (toys.folder / "user").write_text("aurora|ugrad||gpu1,normal|gpu1|ugrad|student\n", "utf-8")
    (toys.folder / "config").write_text("ClusterName = aurora\nAccountingStorageType = accounting_storage/slurmdbd\n")
    found = Slurm().inventory(toys.ask(*looks.PARTS), 1e9)
    mine, account = found.scheduling.associations.value or ()
    assert (mine.account, mine.user, mine.qos) == ("ugrad", "student", ("gpu1", "normal"))
    assert mine.per_job == Limits(cpus=16, memory=65536 * 1024**2, wall=6 * 3600)
    assert mine.in_all == Limits(jobs=3)
    assert (account.account, account.in_all, account.parent) == ("ugrad", Limits(jobs=50, gpus=8), "root")


def test_where_slurmctld_does_not_tell_them_sacctmgr_is_asked(toys: Toys) -> None:
    told = Slurm().inventory(toys.ask(*looks.PARTS), 1e9).scheduling.associations
    (toys.folder / "assoc_mgr").write_text("Current Association Manager state\n", "utf-8")
    toys.log.write_text("", "utf-8")
    found = Slurm().inventory(toys.ask(*looks.PARTS), 1e9).scheduling.associations
    assert sum(call.startswith("sacctmgr") for call in toys.calls()) == 5
    assert found.is_known and [row.account for row in found.value or ()][:1] == [(told.value or ())[0].account]


def test_a_membership_whose_bounds_nobody_told_is_unknown_not_unbounded(toys: Toys) -> None:
    (toys.folder / "user").write_text("aurora|other||normal|normal|other|student\n", "utf-8")
    (toys.folder / "config").write_text("ClusterName = aurora\nAccountingStorageType = accounting_storage/slurmdbd\n")
    found = Slurm().inventory(toys.ask(*looks.PARTS), 1e9)
    assert found.scheduling.associations.state == "unknown"
    assert "bounds" in found.scheduling.associations.why


def test_squeue_is_asked_once_where_it_told_everything(toys: Toys) -> None:
    (toys.folder / "queue").write_text("", "utf-8")
    toys.ask(*looks.FLEETING)
    assert Counter(call.split()[0] for call in toys.calls()) == {"scontrol": 2, "squeue": 1}


def test_dry_runs_are_bounded_in_number_and_ask_each_partition_once(toys: Toys) -> None:
    found = Slurm().inventory(toys.ask(*looks.PARTS), 1e9)
    runs = [call for call in toys.calls() if call.startswith("sbatch")]
    asked = [match[1] for call in runs if (match := re.search(r" -p (\S+)", call))]
    assert 0 < len(runs) <= dry_runs.MOST
    assert len(set(asked)) == len(runs)
    verified = {row.partition for row in found.scheduling.access.value or () if row.rests_on == "verified"}
    assert verified <= set(asked)


def test_none_of_them_could_ever_be_a_job(toys: Toys) -> None:
    toys.ask(*looks.PARTS)
    assert all(" --test-only " in call for call in toys.calls() if call.startswith("sbatch"))


def test_dry_runs_wait_for_sacctmgr_only_where_a_partition_asks_for_a_qos(toys: Toys) -> None:
    (toys.folder / "user").write_text("aurora|ugrad||gpu1,normal|gpu1|ugrad|student\n", "utf-8")
    choosy = toys.ask(*looks.PARTS)
    assert choosy[looks.ACCESS].text == "later\n"
    runs = dry_runs.read(choosy[looks.ACCESS], choosy[looks.ACCESS_BY_QOS]).by_partition
    assert {run.account for run in runs.values()} == {"", "ugrad"}
    rows = (toys.folder / "partition").read_text("utf-8").splitlines()
    (toys.folder / "partition").write_text("\n".join(row for row in rows if " AllowQos=ALL " in row), "utf-8")
    plain = toys.ask(*looks.PARTS)
    assert plain[looks.ACCESS_BY_QOS].text == ""
    at_once = dry_runs.read(plain[looks.ACCESS], plain[looks.ACCESS_BY_QOS]).by_partition
    assert at_once == {name: run for name, run in runs.items() if name in at_once}
    assert len(at_once) > 1


def test_where_slurmctld_hides_my_associations_the_dry_runs_wait_for_sacctmgr(toys: Toys) -> None:
    rows = (toys.folder / "partition").read_text("utf-8").splitlines()
    (toys.folder / "partition").write_text("\n".join(row for row in rows if " AllowQos=ALL " in row), "utf-8")
    (toys.folder / "assoc_mgr").write_text("Current Association Manager state\n", "utf-8")
    found = toys.ask(*looks.PARTS)
    assert found[looks.ACCESS].text == "later\n"
    assert dry_runs.read(found[looks.ACCESS], found[looks.ACCESS_BY_QOS]).whole


def test_nobody_is_asked_about_what_is_closed(toys: Toys) -> None:
    toys.ask(*looks.PARTS)
    asked = " ".join(call for call in toys.calls() if call.startswith("sbatch"))
    for name in ("closed", "draining", "inactive", "rootonly"):
        assert f"-p {name} " not in asked


def test_hundreds_of_partitions_take_no_more(toys: Toys) -> None:
    [row] = [row for row in (toys.folder / "partition").read_text("utf-8").splitlines() if "=batch_ugrad " in row]
    many = "\n".join(row.replace("=batch_ugrad ", f"=p{number} ") for number in range(300))
    (toys.folder / "partition").write_text(many + "\n", "utf-8")
    toys.command("sbatch", "echo 'allocation failure: Requested node configuration is not available' >&2; exit 1")
    found = Slurm().inventory(toys.ask(*looks.PARTS), 1e9)
    assert sum(call.startswith("sbatch") for call in toys.calls()) == dry_runs.MOST
    rows = found.scheduling.access.value or ()
    assert len(rows) == 300
    assert {row.verdict for row in rows} == {"refused", "open"}
    assert {row.words for row in rows if row.verdict == "open"} == {"not verified: the dry runs end after 20"}


def test_hostile_names_are_not_executed(toys: Toys, tmp_path: Path) -> None:
    with (toys.folder / "partition").open("a", encoding="utf-8") as file:
        file.write(
            "PartitionName=$(touch${IFS}pwned) AllowGroups=ALL AllowAccounts=ALL AllowQos=ALL State=UP MinNodes=1\n"
        )
        file.write("PartitionName=a|b;c AllowGroups=ALL AllowAccounts=ALL AllowQos=ALL State=UP MinNodes=$(x)\n")
    with (toys.folder / "user").open("a", encoding="utf-8") as file:
        file.write("aurora|`touch pwned`||$(x),한글||ugrad|||||||||student\n")
    toys.ask(*looks.PARTS)
    assert not list(tmp_path.rglob("pwned"))
    assert not Path("pwned").exists()


def test_a_controller_that_is_down_is_asked_for_no_dry_run(toys: Toys) -> None:
    toys.command("scontrol", "echo 'slurm_load: Unable to contact slurm controller' >&2; exit 1")
    toys.ask(*looks.PARTS)
    assert not [call for call in toys.calls() if call.startswith("sbatch")]
