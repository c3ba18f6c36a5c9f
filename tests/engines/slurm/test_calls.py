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

ASKS_SLURMCTLD = ("scontrol", "squeue", "sbatch", "sinfo")


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
            "scontrol", 'for w; do case $w in config|partition|node|reservation) cat "$D/$w"; exit;; esac; done'
        )
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
    assert Counter(call.split()[0] for call in others) == {"scontrol": 4, "sacctmgr": 3, "squeue": 2, "sinfo": 1}
    # squeue a second time only because a job's GPUs were not told, and whoever is up is read from the configuration.
    assert sum("--Format" in call for call in others) == 1
    assert not [call for call in others if "ping" in call]


def test_squeue_is_asked_once_where_it_told_everything(toys: Toys) -> None:
    (toys.folder / "queue").write_text("", "utf-8")
    toys.ask(*looks.FLEETING)
    assert Counter(call.split()[0] for call in toys.calls()) == {"scontrol": 1, "squeue": 1}


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
