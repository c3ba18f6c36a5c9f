"""Every failure a newcomer meets says what happened, why, and what to type next."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from tests.e2e.conftest import HANOK, Person

from jido.testing.sshd import Server

REFUSED, CONFIG, TRANSPORT, SCHEDULER = 5, 3, 6, 7


def says(person: Person, code: int, *words: str) -> str:
    """The error of ``jido WORDS``: one with a hint."""
    err = person.types(*words, code=code).stderr
    assert "error: " in err
    assert "hint: " in err
    return err


def test_a_host_that_does_not_answer(alone: Person) -> None:
    alone.types("add", "gone", "me@127.0.0.1", "-p", "1")
    err = says(alone, TRANSPORT, "probe", "gone")
    assert "cannot be reached" in err
    assert "refused" in err


def test_a_host_whose_key_is_not_known(alone: Person, sshd: Server) -> None:
    alone.types("add", "new", "me@127.0.0.1", "-p", str(sshd.port))
    err = says(alone, TRANSPORT, "probe", "new")
    assert "jido login new" in err


def test_a_cluster_nobody_named(alone: Person) -> None:
    alone.types("add", "aurora", "me@127.0.0.1", "-p", "1")
    assert "did you mean 'aurora'?" in says(alone, 4, "probe", "auroa")


def test_a_typo_in_jido_toml_is_told_with_its_line(alone: Person) -> None:
    (alone.folder / "jido.toml").write_text('[project]\nname = "x"\n\n[jobs.train]\ncommand = "true"\ngpu = 1\n')
    err = alone.types("run", "--on", "local", "train", code=CONFIG).stderr
    assert "jido.toml:6" in err
    assert "jobs.train.gpu" in err
    assert "gpus" in err


def test_a_home_folder_is_not_carried_away_as_a_project(alone: Person) -> None:
    err = alone.types("run", "--on", "local", "--", "true", cwd=alone.home, code=2).stderr
    assert "not a project's folder" in err
    assert "mkdir" in err


@pytest.mark.twin
@pytest.mark.xdist_group("hanok")
class TestOnTheTwin:
    """What the scheduler and the map refuse."""

    def test_a_partition_that_does_not_exist(self, person: Person) -> None:
        err = says(person, REFUSED, "run", "--on", "hanok", "-p", "debgu", "--", "true")
        assert "did you mean 'debug'?" in err

    def test_a_partition_that_is_not_for_this_account(self, person: Person) -> None:
        err = says(person, REFUSED, "run", "--on", "hanok", "-p", "professors", "--", "true")
        assert "account" in err
        assert "--partition" in err

    def test_a_partition_that_is_down(self, person: Person) -> None:
        assert "broken" in says(person, REFUSED, "run", "--on", "hanok", "-p", "broken", "--", "true")

    def test_more_than_any_node_has(self, person: Person) -> None:
        err = says(person, REFUSED, "run", "--on", "hanok", "-g", "5", "--", "true")
        assert "4" in err

    def test_more_time_than_the_partition_gives(self, person: Person) -> None:
        err = says(person, REFUSED, "run", "--on", "hanok", "-p", "debug", "-t", "2h", "--", "true")
        assert "30m" in err
        assert "batch" in err

    def test_what_only_sbatch_can_know_is_passed_through(self, person: Person) -> None:
        err = says(person, REFUSED, "run", "--on", "hanok", "--extra=--licenses=matlab:1", "--", "true")
        assert "icense" in err
        assert person.run()["state"] == "refused"

    def test_an_option_sbatch_does_not_have(self, person: Person) -> None:
        err = says(person, REFUSED, "run", "--on", "hanok", "--extra=--no-such-option=1", "--", "true")
        assert "no-such-option" in err

    def test_a_command_that_nobody_gave(self, person: Person) -> None:
        assert "jido run -- " in says(person, 2, "run", "--on", "hanok")


@pytest.mark.twin
def test_a_controller_that_is_down_is_told_apart_from_a_lost_job(tmp_path: Path) -> None:
    person = Person(tmp_path / "home")
    try:
        [up] = [person.json("twin", "up", str(HANOK))]
        person.types("probe", "hanok")
        person.types("submit", "--on", "hanok", "--", "sleep", "600")
        [controller] = [daemon["pid"] for daemon in up["daemons"] if daemon["name"] == "slurmctld"]
        os.kill(controller, signal.SIGKILL)
        listed = person.types("ps", code=7)
        assert "could not be asked" in listed.stderr
        assert "running" in listed.stdout or "queued" in listed.stdout
        before = len(person.json("ps", "-a", "--offline")["runs"])
        err = person.types("submit", "--on", "hanok", "--", "true", code=SCHEDULER).stderr
        assert "hint: " in err
        after = person.json("ps", "-a", "--offline")["runs"]
        assert len(after) == before + 1
        assert after[-1]["state"] == "refused"
        assert "slurmctld" in person.types("twin", "ls").stdout
    finally:
        person.types("twin", "down", "--all")


SLURM = {"sinfo", "squeue", "sbatch", "scontrol", "sacct", "sacctmgr", "srun", "scancel", "sdiag", "salloc"}


def test_a_login_node_without_a_scheduler(alone: Person, own_sshd: Server, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for program in (*Path("/usr/bin").iterdir(), *Path("/bin").iterdir()):
        if program.name not in SLURM and not (tools / program.name).exists():
            (tools / program.name).symlink_to(program)
    shell = tmp_path / "shell"
    shell.write_text(f'#!/bin/sh\nPATH={tools} exec /bin/sh "$@"\n')
    shell.chmod(0o755)
    own_sshd.set_shell(str(shell))
    clusters = Path(alone.env["JIDO_HOME"], "config", "clusters.toml")
    clusters.parent.mkdir(parents=True)
    bare = f'[bare]\nhost = "testhost"\nconfig = "{own_sshd.config}"\nwork = "{own_sshd.home}/work"\n'
    clusters.write_text(bare)
    alone.types("probe", "bare")
    err = says(alone, SCHEDULER, "run", "--on", "bare", "--", "true")
    assert "no scheduler is known on bare" in err
    assert "--engine process" in err
    clusters.write_text(bare + 'engine = "process"\n')
    assert alone.types("run", "--on", "bare", "--", "echo", "hi").stdout == "hi\n"
    alone.types("logout", "bare")
