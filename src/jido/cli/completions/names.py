"""Names that this machine has kept: clusters, runs, tags, partitions, the jobs of a project.

Nothing here asks a cluster or makes a file, and what cannot be read gives no names: a Tab must never complain. Each
function imports the one reader that it needs, since that is where the time goes.
"""

from __future__ import annotations

import os
import sys

from jido.cli import folders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# A name, and a word about it.
Names = list[tuple[str, str]]

# A shell shows this many without asking whether it should.
_RUNS = 40
# As `jido.jobs.selectors` has them; a test compares.
GROUPS = {"open": "not ended", "ended": "ended in whatever way", "bad": "ended badly"}
# What a table of jido.toml holds is little; whatever is larger is not one.
_LARGEST = 4_000_000


def toml(file: str) -> dict[str, Any]:
    """A TOML file's tables; empty where there is no such file or it is being edited."""
    try:
        with open(file, "rb") as stream:  # noqa: PTH123
            text = stream.read(_LARGEST).decode()
    except (OSError, ValueError):
        return {}
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}


def _table(value: Any, name: str = "") -> dict[str, Any]:
    found = value.get(name) if name and isinstance(value, dict) else value
    return found if isinstance(found, dict) else {}


def clusters(*, twins: bool = False) -> Names:
    """The clusters that have a name, with their addresses; only those that are twins, where that is asked."""
    found = {name: _table(table) for name, table in toml(folders.config() + "/clusters.toml").items()}
    if twins:
        return [(name, "twin") for name, table in found.items() if table.get("twin")]
    rows = [(name, _address(table)) for name, table in found.items() if name != "local"]
    return [*rows, ("local", "this machine")]


def _address(table: dict[str, Any]) -> str:
    user, host = (str(table.get(key, "")) for key in ("user", "host"))
    return "twin" if table.get("twin") else f"{user}@{host}" if user else host


def project() -> dict[str, Any]:
    """The nearest ``jido.toml``, from this folder upwards."""
    try:
        folder = os.getcwd()  # noqa: PTH109
    except OSError:
        return {}
    while True:
        file = folder + "/jido.toml"
        if os.path.isfile(file):  # noqa: PTH113
            return toml(file)
        above = os.path.dirname(folder)  # noqa: PTH120
        if above == folder:
            return {}
        folder = above


def jobs() -> Names:
    """The jobs of the project's ``jido.toml``, with their commands."""
    rows = []
    for name, table in _table(project(), "jobs").items():
        command = _table(table).get("command", "")
        rows.append((name, " ".join(map(str, command)) if isinstance(command, list) else str(command)))
    return rows


def meant(on: str, job: str) -> list[str]:
    """The clusters that a command line may mean: the one it names, the project's, or all of them."""
    if on:
        return [on]
    here = project()
    said = _table(_table(here, "jobs"), job).get("cluster") or _table(here, "project").get("cluster")
    return [said] if isinstance(said, str) and said else [name for name, _ in clusters() if name != "local"]


def of_maps(what: str, on: list[str]) -> Names:
    """What the newest maps know of these clusters: ``partitions``, or the ``accounts`` or ``qos`` that are mine."""
    rows: dict[str, str] = {}
    for cluster in on:
        fact = _table(_scheduling(cluster), what).get("value")
        for one in fact if isinstance(fact, list) else []:
            name = _table(one).get("name") if isinstance(one, dict) else one
            if isinstance(name, str):
                about = [cluster] if len(on) > 1 else []
                about += ["default"] if _table(one).get("default") is True else []
                about += [str(one["state"])] if _table(one).get("state", "up") != "up" else []
                rows.setdefault(name, ", ".join(about))
    return list(rows.items())


def _scheduling(cluster: str) -> dict[str, Any]:
    """The third viewpoint of a cluster's newest map; the rest of what may be megabytes is not read."""
    if "/" in cluster or cluster in ("", ".", ".."):
        return {}
    folder = f"{folders.state()}/maps/{cluster}"
    try:
        newest = max(name for name in os.listdir(folder) if name.endswith(".json"))  # noqa: PTH208
        with open(f"{folder}/{newest}", encoding="utf-8") as stream:  # noqa: PTH123
            text = stream.read()
    except (OSError, ValueError):
        return {}
    mark = '"scheduling":'
    place = text.find(mark)
    if place < 0:
        return {}
    import json

    try:
        return _table(json.JSONDecoder().raw_decode(text, place + len(mark))[0])
    except (ValueError, RecursionError):
        return {}


def _rows(question: str) -> list[tuple[Any, ...]]:
    file = folders.state() + "/ledger.db"
    if not os.path.exists(file):  # noqa: PTH110
        return []
    import sqlite3
    from urllib.parse import quote

    try:
        # Read-only: a Tab makes no ledger, and waits for nobody who writes.
        db = sqlite3.connect(f"file:{quote(file)}?mode=ro", uri=True, timeout=0.2)
        try:
            return db.execute(question).fetchall()
        finally:
            db.close()
    except sqlite3.Error:
        return []


def runs(word: str) -> Names:
    """What may stand for runs, by how the word begins: ``last`` and numbers, ``@STATE``, ``+TAG``, ``NAME:JOBID``."""
    if word.startswith("@"):
        states = {f"@{state.replace(' ', '-')}": "" for (state,) in _rows("SELECT DISTINCT state FROM runs")}
        return [*((f"@{name}", about) for name, about in GROUPS.items()), *states.items()]
    if word.startswith("+"):
        return [("+" + tag, about) for tag, about in tags()]
    rows = _rows(f"SELECT number, title, state, cluster, job FROM runs ORDER BY number DESC LIMIT {_RUNS}")  # noqa: S608
    if ":" in word:
        return [(f"{cluster}:{job}", f"{title}, {state}") for _, title, state, cluster, job in rows if job]
    numbers = [(str(number), f"{title}, {state} on {cluster}") for number, title, state, cluster, _ in rows]
    return [("last", f"run {numbers[0][0]}"), *numbers] if numbers else []


def tags() -> Names:
    """Every tag that a run has."""
    rows = _rows("SELECT tag, count(*) FROM tags GROUP BY tag ORDER BY tag")
    return [(tag, f"{count} run" + "s" * (count != 1)) for tag, count in rows]


def shipped_maps() -> Names:
    """The maps that come with jido, to build twins of."""
    folder = os.path.join(os.path.dirname(__file__), "../../twins/maps")  # noqa: PTH118, PTH120
    try:
        found = sorted(os.listdir(folder))  # noqa: PTH208
    except OSError:
        return []
    return [(name.removesuffix(".yaml"), "comes with jido") for name in found if name.endswith(".yaml")]
