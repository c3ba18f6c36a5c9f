"""A plain ``jido ps`` once more: quick where nothing changed, and never anything but what the full one would say."""

from __future__ import annotations

import marshal
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jido.cli import again, draw
from jido.cli.jobs import HEADER
from jido.config import clusters, places
from jido.jobs.ledger import Ledger
from jido.jobs.runs import Run
from jido.model.job import JobSpec
from jido.testing.sshd import Server

SQUEUE = """#!/bin/sh
echo asked >>"$HOME/calls"
cat "$HOME/queue"
exit "$(cat "$HOME/code")"
"""


class Site:
    """A login node whose squeue prints what a test says, with one run in its queue."""

    def __init__(self, sshd: Server) -> None:
        self.sshd = sshd
        self.home = sshd.home
        (self.home / "squeue").write_text(SQUEUE)
        (self.home / "squeue").chmod(0o755)
        shell = sshd.folder / "login"
        shell.write_text('#!/bin/sh\nPATH="$HOME:$PATH" exec /bin/sh "$@"\n')
        shell.chmod(0o755)
        sshd.set_shell(str(shell))
        clusters.put("site", sshd.destination)
        self.run = self.submitted("학습 $(x)")
        self.says("RUNNING")

    def submitted(self, title: str) -> Run:
        """A run as another jido would write it down."""
        book = Ledger(places.state() / "ledger.db")
        spec = JobSpec(name=title, argv=("true",))
        token = f"jido-{os.urandom(8).hex()}"
        run = book.intend(
            token=token, name="x", cluster="site", engine="slurm", root="/nowhere", folder="/", spec=spec, tree=""
        )
        run = book.accepted(run.number, "7", "slurm")
        book.close()
        return run

    def says(self, state: str, code: int = 0) -> None:
        """What squeue prints from now on; the times are such that no column grows within a test."""
        began = int(time.time()) - 2 * 86400 - 600
        until = int(time.time()) - 60 if state == "FAILED" else began + 9 * 86400
        cells = ("7", state, "None", "batch", "g1", began - 90, began, until, self.run.token, "/x", "x")
        (self.home / "queue").write_text("\x1e" + "\x1f".join(map(str, cells)) + "\n")
        (self.home / "code").write_text(str(code))

    def asked(self) -> int:
        """How often squeue was called since this was asked last."""
        calls = self.home / "calls"
        count = len(calls.read_text().splitlines()) if calls.exists() else 0
        calls.unlink(missing_ok=True)
        return count


class Told:
    """What a ``jido ps`` in a process of its own said, and whether it was the quick one."""

    def __init__(self, code: int = 0) -> None:
        words = [sys.executable, "-X", "importtime", "-m", "jido", "ps"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        assert done.returncode == code, done.stderr
        self.out = done.stdout
        self.err = "\n".join(line for line in done.stderr.splitlines() if not line.startswith("import time:"))
        self.quick = "click" not in done.stderr.replace(self.err, "")


def later() -> None:
    """As if the table had been kept long after the ledger was written last."""
    memory = places.state() / "ps-again"
    os.utime(memory, (time.time() + 60,) * 2)


@pytest.fixture
def site(own_sshd: Server) -> Site:
    return Site(own_sshd)


@pytest.fixture
def kept(site: Site) -> Iterator[Told]:
    """What the full ps said last; the next one may be quick."""
    Told()  # learns the state and writes it down
    told = Told()
    assert not told.quick
    assert "2d" in told.out
    later()
    site.asked()
    yield told


def test_what_did_not_change_is_told_in_the_same_words_after_asking_again(site: Site, kept: Told) -> None:
    told = Told()
    assert told.quick
    assert (told.out, told.err) == (kept.out, kept.err)
    assert site.asked() == 1


def test_a_changed_answer_is_read_by_the_full_one_without_asking_twice(site: Site, kept: Told) -> None:
    site.says("COMPLETING")
    told = Told()
    assert not told.quick
    assert "completing" in told.out
    assert site.asked() == 1


def test_an_end_is_seen(site: Site, kept: Told) -> None:
    site.says("FAILED")
    assert "failed" in Told().out
    later()
    site.asked()
    told = Told()
    assert "failed" in told.out
    assert site.asked() == 0


def test_runs_that_all_ended_are_told_without_asking_anybody(site: Site, kept: Told) -> None:
    site.says("FAILED")
    Told()
    full = Told()
    later()
    site.asked()
    told = Told()
    assert told.quick
    assert told.out == full.out
    assert site.asked() == 0


def test_a_run_that_another_jido_submitted_appears(site: Site, kept: Told) -> None:
    site.submitted("another")
    told = Told()
    assert not told.quick
    assert "another" in told.out


def test_a_ledger_written_in_the_tick_of_keeping_is_not_trusted(site: Site) -> None:
    Told()
    Told()
    os.utime(places.state() / "ps-again", ns=((places.state() / "ledger.db").stat().st_mtime_ns + 1,) * 2)
    assert not Told().quick


def test_a_table_is_not_kept_when_the_ledger_changed_while_it_was_made(site: Site) -> None:
    under = again.circumstances()
    site.submitted("meanwhile")
    again.keep(under, None, [], "", (b"", b""), [], [], [], ("", ""), time.time() + 60)
    assert not (places.state() / "ps-again").exists()


def test_a_lost_connection_is_told_by_the_full_one(site: Site, kept: Told) -> None:
    site.sshd.stop()
    told = Told(code=6)
    assert not told.quick
    assert "site could not be asked" in told.err
    assert "as last seen" in told.err


def test_a_scheduler_that_fails_is_told_by_the_full_one(site: Site, kept: Told) -> None:
    site.says("RUNNING", code=1)
    told = Told(code=7)
    assert not told.quick
    assert "site could not be asked" in told.err


def test_another_address_under_the_name_is_asked(site: Site, kept: Told) -> None:
    clusters.put("site", clusters.get("local"))
    assert not Told(code=7).quick


def test_rows_leave_the_table_in_time(site: Site, kept: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    site.says("FAILED")
    Told()
    Told()
    later()
    under = marshal.loads((places.state() / "ps-again").read_bytes())[0]
    monkeypatch.setattr("jido.cli.again.circumstances", lambda: under)
    assert again.told()
    day = time.time() + 86400
    monkeypatch.setattr("time.time", lambda: day)
    assert not again.told()


@pytest.mark.parametrize("damage", [b"", b"\0", b"i\x01\0\0\0", b"\xff" * 100])
def test_a_damaged_memory_is_no_memory(site: Site, kept: Told, damage: bytes) -> None:
    (places.state() / "ps-again").write_bytes(damage)
    told = Told()
    assert not told.quick
    assert told.out == kept.out


def test_growing_times_move_the_columns_as_the_full_table_would() -> None:
    header = list(HEADER)
    left, right_of_them = ["7", "학습", "c", "-", "s", "-"], ["왜 $(x)"]
    rows = [[*left, "", "", *right_of_them], ["8", "b", "c", "-", "s", "-", "", "", ""]]
    right = [title in ("waited", "ran") for title in header]
    times = [(1000.0, 1050.0, None), (1000.0, None, None)]
    for now, cells in ((1099.0, ("50s", "49s", "1m39s", "-")), (91000.0, ("50s", "1d59m", "1d1h", "-"))):
        full = [[*left, cells[0], cells[1], *right_of_them], [*rows[1][:6], cells[2], cells[3], ""]]
        if now > 90000:
            full[0][7] = "1d"
        said = again._drawn(draw.measured([header, *rows]), right, times, ("", ""), now)
        assert said == draw.table(header, full, right="waited ran")


@pytest.mark.parametrize("variables", [{"JIDO_HOME": "~/a b"}, {"XDG_STATE_HOME": "/s", "XDG_CONFIG_HOME": "/c"}, {}])
def test_it_looks_where_the_rest_of_jido_writes(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    monkeypatch.delenv("JIDO_HOME")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    ledger, log, addresses = map(Path, again._files())
    assert ledger == places.state() / "ledger.db"
    assert log == places.state() / "ledger.db-wal"
    assert addresses == clusters.path()
