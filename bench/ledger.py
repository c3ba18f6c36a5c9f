"""How `jido ps` fares when there were very many runs."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

from measure import Figure, Findings, in_turn, quietly
from twin_site import JIDO, Site

from jido.jobs.ledger import Ledger
from jido.model.job import JobSpec

FEW, MANY = 100, 100_000
APART = 600.0  # seconds between two runs


def measure(_: Site, rounds: int) -> Findings:
    folder = Path(tempfile.mkdtemp(prefix="jb-"))
    try:
        homes = {count: _home(folder / str(count), count) for count in (MANY, FEW)}
        found = Findings()
        for words in (("ps",), ("ps", "--offline"), ("ps", "--on", "local"), ("ps", "--all")):
            # A plain ps is kept only once the ledger has rested (jido.cli.again).
            time.sleep(2.5)
            many, few = in_turn(
                rounds, *(lambda env=env, words=words: quietly([JIDO, *words], env=env) for env in homes.values())
            )
            name = f"jido {' '.join(words)}"
            found.figures.append(
                Figure(name, (f"{MANY} runs in the ledger", many), (f"{FEW} runs in the ledger", few), 1.5)
            )
        return found
    finally:
        shutil.rmtree(folder)


def _home(home: Path, count: int) -> dict[str, str]:
    """The environment of somebody whose ledger holds so many runs that ended, one every few minutes until now."""
    ledger = Ledger(home / "state/ledger.db")
    spec = JobSpec(name="train", argv=("python", "train.py", "--lr", "1e-3"), env={"SEED": "1"})
    for number in range(3):
        ledger.intend(
            **{"token": f"t{number}", "name": f"train-{number}", "cluster": "local", "engine": "process"},
            **{"root": "/data/digits", "folder": "/home/me/digits", "spec": spec, "tree": "0" * 24},
        )
        ledger.refused(number + 1, "no such partition", "process")
    ledger.close()
    # One at a time through the ledger itself would take an hour: each is a write that waits for the disk.
    db = ledger._db
    columns = [row["name"] for row in db.execute("PRAGMA table_info(runs)")]
    varied = {"number": "value", "token": "'t' || value", "name": "'train-' || value", "state": "'done'"}
    varied |= {name: f"{time.time()} - ({count} - value) * {APART}" for name in ("intended", "started", "ended")}
    db.execute("BEGIN")
    db.execute(
        f"WITH RECURSIVE s(value) AS (SELECT 4 UNION ALL SELECT value + 1 FROM s LIMIT {count - 3})"
        f" INSERT INTO runs ({', '.join(columns)})"
        f" SELECT {', '.join(varied.get(name, f'runs.{name}') for name in columns)} FROM runs, s WHERE number = 3"
    )
    db.execute("INSERT INTO events SELECT runs.number, at, what, by FROM runs, events WHERE run = 3 AND number > 3")
    db.execute("COMMIT")
    assert ledger.count() == count
    ledger.close()
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("JIDO_", "XDG_"))}
    return {**kept, "JIDO_HOME": str(home)}
