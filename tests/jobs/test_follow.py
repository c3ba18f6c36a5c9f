"""Following tells what a run prints and how it stands, from its folder, through cuts."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest
from tests.jobs.conftest import Site, until

from jido.engines.process import Process
from jido.errors import SchedulerDown
from jido.jobs import follow as following
from jido.jobs.follow import Happening, Log, Note, Stands, follow
from jido.jobs.runs import Run
from jido.model.command import Ask
from jido.model.job import Sighting, State
from jido.testing.sshd import Server
from jido.transports.base import ask


def told(site: Site, run: Run, offset: int = 0) -> tuple[bytes, list[State], list[str]]:
    return sorted_out(follow(site.transport, site.engine, site.ledger, run, offset=offset))


def sorted_out(happenings: Iterable[Happening]) -> tuple[bytes, list[State], list[str]]:
    log, states, notes = b"", [], []
    for happening in happenings:
        match happening:
            case Log(data):
                log += data
            case Stands(seen):
                states.append(seen.state)
            case Note(text):
                notes.append(text)
    return log, states, notes


def test_the_log_arrives_byte_for_byte_and_the_end_is_last(site: Site) -> None:
    run = site.submit("sh", "-c", "printf 'a\\0b\\377\\r\\n'; sleep 0.3; seq 20000; printf 'no newline'; exit 3")
    log, states, _ = told(site, run)
    assert log == b"a\0b\xff\r\n" + b"".join(b"%d\n" % n for n in range(1, 20001)) + b"no newline"
    assert states[-1] is State.FAILED
    assert set(states) <= {State.RUNNING, State.FAILED}
    assert site.ledger.get(run.number).code == 3


def test_following_begins_where_it_left_off(site: Site) -> None:
    run = site.submit("printf", "0123456789")
    assert told(site, run)[0] == b"0123456789"
    assert told(site, run, offset=4)[0] == b"456789"


def test_an_end_that_wrote_nothing_is_told_by_the_scheduler(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "ASK_EVERY", 0.2)
    run = site.submit("sh", "-c", "echo begun; kill -9 $PPID; sleep 60")
    log, states, _ = told(site, run)
    assert log == b"begun\n"
    assert states[-1] is State.FAILED
    assert not Path(site.workspace.run(run.name), "exit.json").exists()


def test_a_cancelled_run_ends_as_cancelled(site: Site) -> None:
    run = site.submit("sh", "-c", "echo begun; exec sleep 60")
    states: list[State] = []
    thread = threading.Thread(target=lambda: states.extend(told(site, run)[1]))
    thread.start()
    until(lambda: Path(site.workspace.log(run.name)).exists())
    ask(site.transport, site.engine.cancel([run.job]))
    thread.join(30)
    assert states[-1] is State.CANCELLED


def test_a_connection_cut_in_mid_follow_is_made_again_and_nothing_is_lost(
    own_sshd: Server, site_over_ssh: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "RETRIES", (0.1,) * 20)
    site, gate = site_over_ssh, tmp_path / "gate"
    os.mkfifo(gate)
    run = site.submit("sh", "-c", f"seq 1000; read -r go <'{gate}'; seq 1001 2000")
    heard: list[Happening] = []

    def listen() -> None:
        for happening in follow(site.transport, site.engine, site.ledger, run):
            heard.append(happening)

    thread = threading.Thread(target=listen)
    thread.start()
    # It is the follower that must have begun to hear before the line is cut.
    until(lambda: any(isinstance(one, Log) and b"1000" in one.data for one in heard))
    own_sshd.cut()
    gate.write_text("go\n")
    thread.join(30)
    log, states, notes = sorted_out(heard)
    assert log == b"".join(b"%d\n" % n for n in range(1, 2001))
    assert states[-1] is State.DONE
    assert any("trying again" in note for note in notes)


class Mute(Process):
    """A scheduler that is there and does not answer questions."""

    def __init__(self) -> None:
        self.asked = 0

    def status(self, ids: object) -> Ask[dict[str, Sighting]]:
        self.asked += 1

        def down(reply: object) -> dict[str, Sighting]:
            raise SchedulerDown("down", transient=True)

        return Ask(super().status([]).command, down)


def test_a_scheduler_that_does_not_answer_does_not_end_the_following(site: Site) -> None:
    run = site.submit("echo", "hi")
    site.engine = Mute()
    log, states, _ = told(site, run)
    assert (log, states[-1]) == (b"hi\n", State.DONE)
    assert not site.ledger.get(run.number).settled
    assert site.engine.asked == 1


def test_a_follower_leaves_nothing_running_over_there(site: Site) -> None:
    run = site.submit("sh", "-c", "echo begun; exec sleep 30")
    watching = follow(site.transport, site.engine, site.ledger, run)
    next(watching)
    folder = site.workspace.run(run.name)

    def watchers() -> list[str]:
        found = []
        for entry in Path("/proc").iterdir():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
            except OSError:
                continue
            if b"jido-watch" in words and folder.encode() in words:
                found.append(entry.name)
        return found

    assert watchers()
    watching.close()  # type: ignore[attr-defined]
    until(lambda: not watchers())
