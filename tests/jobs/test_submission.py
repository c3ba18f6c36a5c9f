"""A run is submitted exactly once, whatever happens on the way."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from pathlib import Path

import pytest
from tests.jobs.conftest import HOSTILE, Site, until

from jido.engines.process import Process
from jido.errors import CommandFailed, ConnectionLost, SchedulerRefused, StateUnknown, Unreachable
from jido.jobs import handover
from jido.jobs.ledger import Ledger
from jido.jobs.runs import Run
from jido.jobs.status import refresh
from jido.jobs.submit import settle, submit
from jido.model.command import Command, Reply
from jido.model.job import State
from jido.model.workspace import Workspace
from jido.testing.sshd import Server
from jido.transports.base import Transport, ask


def ended(site: Site, number: int) -> None:
    until(lambda: refresh(site.transport, site.engine, site.ledger, [site.ledger.get(number)])[0].settled)


def test_a_run_gets_the_paths_of_the_contract_and_leaves_its_end(site: Site) -> None:
    names = "CODE DATA LOCAL CHECKPOINTS RESULTS CACHE RUN"
    shown = f"for v in {names}; do eval 'printf \"%s=%s|\" '$v' \"$JIDO_'$v'\"'; done"
    run = site.submit("sh", "-c", f'{shown}; pwd >"$JIDO_RESULTS/where"; echo "$HF_HOME"', env={"X": HOSTILE})
    ended(site, run.number)
    run = site.ledger.get(run.number)
    assert (run.state, run.code, run.job != "") == (State.DONE, 0, True)
    printed = site.log(run)
    for name, path in {
        "CODE": site.workspace.run_code(run.name),
        "DATA": site.workspace.role("data"),
        "CHECKPOINTS": site.workspace.checkpoints(run.name),
        "RESULTS": site.workspace.results(run.name),
        "CACHE": site.workspace.role("cache"),
        "RUN": site.workspace.run(run.name),
    }.items():
        assert f"{name}={path}|" in printed
    assert site.workspace.role("cache") + "/huggingface" in printed
    assert Path(site.workspace.results(run.name), "where").read_text() == site.workspace.run_code(run.name) + "\n"
    end = json.loads(Path(site.workspace.run(run.name), "exit.json").read_text())
    assert (end["code"], end["job"]) == (0, run.job)
    assert not Path("pwned").exists()


class Slow:
    """A way to the machine on which an exec stands still until somebody lets it go."""

    def __init__(self, real: Transport) -> None:
        self.real, self.host = real, real.host
        self.reached, self.go = threading.Event(), threading.Event()

    def run(self, command: Command) -> Reply:
        self.reached.set()
        assert self.go.wait(30)
        return self.real.run(command)


def test_a_look_beside_a_submission_leaves_it_alone(site: Site) -> None:
    """As `jido ps` in another terminal: what is under way is no submission whose outcome nobody saw."""
    way, done = Slow(site.transport), list[Run]()
    drafted = site.draft("true")

    def hand_over() -> None:
        book = Ledger(site.ledger.file)
        done.append(submit(way, site.engine, book, drafted, cluster="here", folder="/x"))  # type: ignore[arg-type]
        book.close()

    thread = threading.Thread(target=hand_over)
    thread.start()
    assert way.reached.wait(30)
    [run] = site.ledger.unsettled()
    [seen] = refresh(site.transport, site.engine, site.ledger, [run])
    assert (seen.job, seen.settled) == ("", False)
    way.go.set()
    thread.join(30)
    assert done
    assert done[0].job
    ended(site, run.number)
    assert site.ledger.get(run.number).state is State.DONE
    assert not list(site.ledger.file.parent.glob("*.in-hand/*"))


def test_a_command_and_its_environment_arrive_exactly(site: Site) -> None:
    words = [HOSTILE, "", "-n", "a\tb", "한글", "$HOME", "\\"]
    run = site.submit("printf", "<%s>", *words, env={"X": HOSTILE})
    again = site.submit("sh", "-c", 'printf "<%s>" "$X"', env={"X": HOSTILE})
    ended(site, run.number)
    ended(site, again.number)
    assert site.log(run) == "".join(f"<{word}>" for word in words)
    assert site.log(again) == f"<{HOSTILE}>"


def test_a_variable_of_the_user_is_left_alone_and_others_are_pointed_off_home(site: Site) -> None:
    run = site.submit("sh", "-c", 'echo "$TORCH_HOME"; echo "$PIP_CACHE_DIR"', env={"TORCH_HOME": "/mine"})
    ended(site, run.number)
    assert site.log(run) == f"/mine\n{site.workspace.role('cache')}/pip\n"


def test_the_ends_of_commands_are_told_apart(site: Site) -> None:
    failed = site.submit("sh", "-c", "exit 7")
    killed = site.submit("sh", "-c", "kill -9 $$")
    missing = site.submit("no-such-program-of-ours")
    for run in (failed, killed, missing):
        ended(site, run.number)
    assert [(r.state, r.code) for r in map(site.ledger.get, (failed.number, killed.number, missing.number))] == [
        (State.FAILED, 7),
        (State.FAILED, 137),
        (State.FAILED, 127),
    ]


def test_a_doubled_job_finds_the_claim_and_stops_without_running(site: Site) -> None:
    run = site.submit("sh", "-c", 'echo ran >>"$JIDO_RESULTS/count"')
    ended(site, run.number)
    script = Path(site.workspace.run(run.name), "job.sh")
    end = Path(site.workspace.run(run.name), "exit.json").read_bytes()
    doubled = subprocess.run([script], env={**os.environ, "JIDO_JOB_ID": "999"}, capture_output=True, text=True)
    assert doubled.returncode == 115, "what depends on it must not begin"
    assert f"claimed by job {run.job}" in doubled.stderr
    assert Path(site.workspace.results(run.name), "count").read_text() == "ran\n"
    assert Path(site.workspace.run(run.name), "exit.json").read_bytes() == end


def test_a_job_that_its_scheduler_restarts_runs_again_under_the_same_claim(site: Site) -> None:
    run = site.submit("sh", "-c", 'echo ran >>"$JIDO_RESULTS/count"; [ "$(wc -l <"$JIDO_RESULTS/count")" -gt 1 ]')
    ended(site, run.number)
    assert site.ledger.get(run.number).state is State.FAILED
    script = Path(site.workspace.run(run.name), "job.sh")
    # The count that a scheduler raises when it begins a job anew is raised by hand.
    env = {**os.environ, "JIDO_JOB_ID": run.job, "JIDO_RESTART": "1"}
    again = subprocess.run([script], env=env, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert json.loads(Path(site.workspace.run(run.name), "exit.json").read_text())["code"] == 0
    third = subprocess.run([script], env=env, capture_output=True, text=True)
    assert "stops without running" in third.stderr


def test_what_cannot_fit_is_refused_and_remembered_as_refused(site: Site) -> None:
    with pytest.raises(SchedulerRefused) as refusal:
        site.submit("true", cpus=100_000)
    assert "100000 asked" in refusal.value.cause
    [run] = site.ledger.recent(1)
    assert (run.state, run.settled, run.job) == (State.REFUSED, True, "")


def test_a_run_that_cannot_be_placed_is_not_submitted(site: Site) -> None:
    drafted = site.draft("true", prepare=[Command(("sh", "-c", "echo no room here >&2; exit 74"))])
    with pytest.raises(CommandFailed) as failure:
        site.hand_over(drafted)
    assert (failure.value.code, failure.value.cause) == (74, "no room here")
    assert site.ledger.recent(1)[0].state is State.REFUSED
    assert ask(site.transport, site.engine.find([drafted.token])) == {}


class CutBefore:
    """A connection that is cut before the command reaches the machine."""

    host = "here"

    def __init__(self, real: Transport) -> None:
        self.real, self.cuts = real, 1

    def run(self, command: Command) -> Reply:
        if self.cuts:
            self.cuts -= 1
            raise ConnectionLost("cut", transient=True)
        return self.real.run(command)


class CutAfter(CutBefore):
    """A connection that is cut when the command has been executed, before its reply is home."""

    def run(self, command: Command) -> Reply:
        reply = self.real.run(command)
        if self.cuts:
            self.cuts -= 1
            raise ConnectionLost("cut", transient=True)
        return reply


def test_a_cut_after_the_job_was_taken_is_settled_by_the_run_folder(site: Site) -> None:
    site.transport = CutAfter(site.transport)  # type: ignore[assignment]
    run = site.submit("true")
    assert run.job
    ended(site, run.number)
    assert site.ledger.get(run.number).state is State.DONE


def test_a_cut_before_the_machine_heard_of_it_is_settled_as_never_submitted(site: Site) -> None:
    site.transport = CutBefore(site.transport)  # type: ignore[assignment]
    with pytest.raises((SchedulerRefused, StateUnknown)):
        # The project's folder does not exist yet: whether its disk is mounted cannot be told.
        site.submit("true")
    Path(site.workspace.root).mkdir(parents=True, exist_ok=True)
    [run] = refresh(site.transport, site.engine, site.ledger, site.ledger.recent(1))
    assert (run.state, run.job) == (State.REFUSED, "")
    assert "never reached" in run.reason


def test_an_exec_that_comes_too_late_is_shut_out(site: Site) -> None:
    """Settled as never submitted, the slow exec must not submit after all."""
    drafted = site.draft("true")
    run = site.ledger.intend(
        token=drafted.token, name=drafted.name, cluster="here", engine="process", root=site.workspace.root,
        folder="", spec=drafted.spec, tree="",
    )  # fmt: skip
    Path(site.workspace.root).mkdir(parents=True)
    [after] = settle(site.transport, site.engine, site.ledger, [run])
    assert after.state is State.REFUSED
    late = handover.compose(
        site.workspace, drafted.name, script=b"#!/bin/sh\n", spec=b"{}", prepare=(),
        engine=site.engine.submit(drafted.spec, drafted.place),
    )  # fmt: skip
    with pytest.raises(CommandFailed):
        ask(site.transport, late)
    assert ask(site.transport, site.engine.find([drafted.token])) == {}


def test_an_exec_still_under_way_leaves_the_run_unknown_until_it_has_answered(site: Site, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)

    class SlowEngine(Process):
        """Its submission command waits at a gate before it does its work."""

        def submit(self, spec, place):  # type: ignore[no-untyped-def]
            question = super().submit(spec, place)
            slow = ("sh", "-c", 'read -r go <"$0"; exec "$@"', str(gate), *question.command.argv)
            return type(question)(Command(slow, stdin=question.command.stdin), question.parse)

    site.engine = SlowEngine()
    drafted = site.draft("true")
    thread = threading.Thread(target=site.hand_over, args=(drafted,))
    thread.start()
    folder = Path(site.workspace.run(drafted.name))
    until(lambda: (folder / "handing").is_symlink())
    [run] = settle(site.transport, site.engine, site.ledger, site.ledger.recent(1))
    assert (run.state, run.job) == (State.UNKNOWN, "")
    gate.write_text("go\n")
    thread.join(20)
    ended(site, run.number)
    assert site.ledger.get(run.number).state is State.DONE
    assert len(ask(site.transport, site.engine.find([drafted.token]))) == 1


def test_a_connection_cut_in_mid_submit_on_a_real_sshd_neither_loses_nor_doubles(
    own_sshd: Server, site_over_ssh: Site, tmp_path: Path
) -> None:
    site = site_over_ssh
    gate, at_gate = tmp_path / "gate", tmp_path / "at-gate"
    os.mkfifo(gate)
    wait = Command(("sh", "-c", 'touch "$1"; read -r go <"$0"', str(gate), str(at_gate)))
    count = 'echo ran >>"$JIDO_RESULTS/count"'
    drafted = site.draft("sh", "-c", count, prepare=[wait])
    outcome: list[Exception] = []

    def hand_over() -> None:
        try:
            site.hand_over(drafted)
        except (SchedulerRefused, StateUnknown) as error:
            outcome.append(error)

    thread = threading.Thread(target=hand_over)
    thread.start()
    until(at_gate.exists)
    own_sshd.cut()
    thread.join(30)
    # The settlement came first and shut out the exec, which still waits at its gate over there.
    assert len(outcome) == 1
    gate.write_text("go\n")
    [run] = refresh(site.transport, site.engine, site.ledger, site.ledger.recent(1))
    assert run.state is State.REFUSED
    again = site.submit("sh", "-c", count)
    ended(site, again.number)
    assert Path(site.workspace.results(again.name), "count").read_text() == "ran\n"
    assert not Path(site.workspace.results(run.name), "count").exists()
    assert ask(site.transport, site.engine.find([drafted.token])) == {}


def test_an_unreachable_machine_means_not_submitted(tmp_path: Path, site: Site) -> None:
    class Gone:
        host = "gone"

        def run(self, command: Command) -> Reply:
            raise Unreachable("gone cannot be reached", transient=True)

    with pytest.raises(Unreachable):
        submit(Gone(), site.engine, site.ledger, site.draft("true"), cluster="gone", folder="")  # type: ignore[arg-type]
    assert site.ledger.recent(1)[0].state is State.REFUSED


def test_the_folder_of_a_project_may_be_shared_by_two_submissions_at_once(site: Site) -> None:
    drafts = [site.draft("sh", "-c", 'echo ran >>"$JIDO_RESULTS/count"') for _ in range(4)]
    threads = [threading.Thread(target=site.hand_over, args=(drafted,)) for drafted in drafts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(site.ledger.recent(10)) == 4
    for run in site.ledger.recent(10):
        ended(site, run.number)
        assert Path(site.workspace.results(run.name), "count").read_text() == "ran\n"
    assert Workspace(site.workspace.root) == site.workspace
