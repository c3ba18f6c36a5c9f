"""Jobs that another computer submitted are known by their tokens, and are nobody's orphans."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import pytest
from tests.jobs.conftest import Site

from jido.jobs.elsewhere import Elsewhere, Origin, elsewhere
from jido.jobs.ledger import Ledger
from jido.jobs.runs import Run
from jido.jobs.status import refresh
from jido.model.job import State
from jido.transports.base import ask


@pytest.fixture
def other(site: Site, tmp_path: Path) -> Ledger:
    """The ledger of another computer with the same account."""
    return Ledger(tmp_path / "other" / "ledger.db")


def shown(site: Site, ledger: Ledger, run: Run, **more: set[str]) -> list[Elsewhere]:
    """What is shown of one run to the owner of a ledger; the queue may hold other tests' jobs."""
    return [one for one in elsewhere(site.transport, site.engine, ledger, "here", **more) if one.token == run.token]


def test_a_job_of_another_ledger_is_shown_with_where_it_comes_from(site: Site, other: Ledger) -> None:
    mine = site.submit("sleep", "60")
    [seen] = shown(site, other, mine)
    assert (seen.job, seen.token, seen.name) == (mine.job, mine.token, "train")
    assert seen.state in (State.QUEUED, State.STARTING, State.RUNNING)
    assert seen.origin == Origin(os.uname().nodename, str(site.ledger.file), mine.number)
    assert not seen.lost
    assert seen.folder == site.workspace.run(mine.name)
    assert shown(site, site.ledger, mine) == []


def test_a_job_whose_own_ledger_was_lost_says_so(site: Site) -> None:
    mine = site.submit("sleep", "60")
    with sqlite3.connect(site.ledger.file) as file:
        file.execute("DELETE FROM events")
        file.execute("DELETE FROM runs")
    [seen] = shown(site, site.ledger, mine)
    assert (seen.job, seen.lost) == (mine.job, True)
    ask(site.transport, site.engine.cancel([mine.job]))


def test_a_run_folder_that_is_gone_leaves_what_the_queue_tells(site: Site, other: Ledger) -> None:
    mine = site.submit("sleep", "60")
    (Path(site.workspace.run(mine.name)) / "from.json").unlink()
    [seen] = shown(site, other, mine)
    assert (seen.job, seen.origin, seen.lost) == (mine.job, None, False)


def test_what_another_computer_runs_is_not_settled_here(site: Site, other: Ledger) -> None:
    mine = site.submit("sleep", "60")
    assert refresh(site.transport, site.engine, other, other.unsettled()) == []
    assert other.count() == 0
    assert site.ledger.get(mine.number).job == mine.job


def test_tokens_that_are_no_runs_are_not_shown(site: Site, other: Ledger) -> None:
    mine = site.submit("sleep", "60")
    assert shown(site, other, mine, known={mine.token}) == []


def test_the_run_folder_names_its_origin_for_nobody_else_to_read(site: Site) -> None:
    run = site.submit("true")
    file = Path(site.workspace.run(run.name)) / "from.json"
    assert json.loads(file.read_text())["number"] == run.number
    assert file.stat().st_mode & 0o077 == 0
