"""What each verb prints with ``--json``, as types: their JSON Schemas are published and its output is tested by them.

Most print what their API function returns. Where a command joins several of these, or gives what a struct computes
besides what it holds, the document has its type here.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypedDict, get_type_hints

import msgspec

from jido.api.capacity import Found, Gpus
from jido.api.checking import Checked
from jido.api.explaining import Explained
from jido.api.guiding import Guided
from jido.api.homes import Tidying
from jido.api.naming import Added, Named
from jido.api.projects import InitPlan
from jido.api.space import Disk, Space
from jido.api.telling import Told
from jido.api.why import Answer
from jido.explain.health import Health
from jido.jobs.elsewhere import Elsewhere
from jido.jobs.environment_store import Kept
from jido.jobs.runs import Event, Run
from jido.model.document import map_schema
from jido.model.map import Bytes, Seconds
from jido.model.notes import Note
from jido.storage.base import NotCounted
from jido.storage.filling import Filling
from jido.transfer.datasets.catalogue import Catalogue
from jido.transfer.datasets.upload import Added as AddedDataset
from jido.transfer.delivery import Pushed
from jido.transfer.pull import Pulled
from jido.twins.state import TwinState


class Difference(TypedDict):
    """One row of a comparison: a value for each side."""

    section: str
    what: str
    values: list[str]
    differs: bool


class Meaning(TypedDict):
    """Which sides a kind of job fits; the positions of their names."""

    need: str
    fits: list[str]
    not_fits: list[str]
    unknown: list[str]


class Comparison(TypedDict):
    """What ``compare`` prints."""

    names: list[str]
    lang: str
    rows: list[Difference]
    means: list[Meaning]


class Rule(TypedDict):
    """A rule of ``check --rules``."""

    name: str
    severity: str
    about: str
    why: str
    fix: str
    rewrites: bool


class Layout(TypedDict):
    """What ``init`` prints: the plan, and whether it was carried out."""

    folder: str
    plan: InitPlan
    applied: bool


class Runs(TypedDict):
    """What ``ps`` prints; tags by run, and what kept clusters from being asked."""

    runs: list[Run]
    tags: dict[str, list[str]]
    problems: dict[str, str]


class Others(TypedDict):
    """What ``ps --there`` prints."""

    jobs: list[Elsewhere]
    problems: dict[str, str]


class Story(TypedDict):
    """What ``story`` prints."""

    run: Run
    events: list[Event]


class Brought(TypedDict):
    """What ``pull`` prints of one run."""

    run: int
    name: str
    pulled: Pulled


class TaskRow(TypedDict):
    """One task of a sweep; times in seconds since the epoch."""

    task: int
    params: dict[str, Any]
    state: str
    settled: bool
    reason: str
    node: str
    code: int | None
    signal: int | None
    started: float | None
    ended: float | None
    result: dict[str, Any]


class Tasks(TypedDict):
    """What ``tasks`` prints."""

    run: Run
    tasks: list[TaskRow]
    problems: dict[str, str]


class NoteOfRun(TypedDict):
    """What ``note RUN`` prints."""

    run: int
    note: str


class Failure(TypedDict):
    """What every verb prints on stderr with ``--json`` when it fails."""

    error: str
    what: str
    cause: str
    hint: str
    transient: bool
    exit_code: int


# By the verb's words with a hyphen between them; what is none is told in docs/reference/json.md.
DOCUMENTS: dict[str, Any] = {
    "add": Added,
    "check": Checked,
    "check-rules": list[Rule],
    "compare": Comparison,
    "data-add": AddedDataset,
    "data-ls": Catalogue,
    "data-stage": list[Run],
    "df": Space,
    "doctor": Health,
    "env-ls": list[Kept],
    "error": Failure,
    "explain": Explained,
    "gpus": list[Gpus],
    "guide": Guided,
    "home": Tidying,
    "init": Layout,
    "ls": list[Named],
    "note": Told,
    "note-ls": list[Note],
    "note-rm": Note,
    "note-run": NoteOfRun,
    "ps": Runs,
    "ps-there": Others,
    "pull": list[Brought],
    "push": list[Pushed],
    "retry": Run,
    "story": Story,
    "submit": Run,
    "sweep": Run,
    "tag": dict[str, list[str]],
    "tasks": Tasks,
    "twin-ls": dict[str, TwinState],
    "twin-up": TwinState,
    "where": Found,
    "why": Answer,
}

# What a command puts beside the fields of a struct: the document, the struct in it, what is put there.
_TWIN = {
    "healthy": {"type": "boolean"},
    "dead": {"type": "array", "items": {"type": "string"}},
    "ssh": {"type": "array", "items": {"type": "string"}},
}
_COMPUTED: dict[str, tuple[str, dict[str, Any]]] = {
    "doctor": ("Health", {"well": {"type": "boolean"}}),
    "env-ls": ("Kept", {"bytes": {"type": "integer"}}),
    "twin-ls": ("TwinState", _TWIN),
    "twin-up": ("TwinState", _TWIN),
}


def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema of a document, ``map`` included; with its title and the dialect it is written in."""
    if name == "map":
        found = map_schema()
    else:
        found = _space() if name == "df" else msgspec.json.schema(DOCUMENTS[name], schema_hook=_plain)
    if name in _COMPUTED:
        kind, fields = _COMPUTED[name]
        found["$defs"][kind]["properties"] |= fields
        found["$defs"][kind]["required"] = [*found["$defs"][kind].get("required", ()), *fields]
    title = "a map" if name == "map" else f"jido {name.replace('-', ' ')} --json"
    even: dict[str, Any] = _even(found)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title} | even


def _space() -> dict[str, Any]:
    """The schema of ``df``, where what fills a folder is one of two structs; msgspec makes none of that."""
    either = (Filling, NotCounted)
    refs, parts = msgspec.json.schema_components(either, ref_template="#/$defs/{name}")
    hints = get_type_hints(Disk) | {"filling": Any}
    fields = [(one.name, hints[one.name], one.default) for one in msgspec.structs.fields(Disk)]
    loose = [
        (name, kind) if default is msgspec.NODEFAULT else (name, kind, default) for name, kind, default in fields
    ]
    disk = msgspec.defstruct("Disk", loose, namespace={"__doc__": Disk.__doc__}, omit_defaults=True)
    hints = get_type_hints(Space) | {"disks": tuple[disk, ...]}  # type: ignore[valid-type]
    space = msgspec.defstruct("Space", list(hints.items()), namespace={"__doc__": Space.__doc__})
    found = msgspec.json.schema(space, schema_hook=_plain)
    found["$defs"] |= parts
    found["$defs"]["Disk"]["properties"]["filling"] = {"anyOf": [*refs, {"type": "null"}], "default": None}
    return found


def _plain(kind: type[Any]) -> dict[str, Any]:
    if kind is Path:
        return {"type": "string", "description": "a path on this machine"}
    if kind is Bytes:
        return {"type": "integer", "description": "bytes"}
    if kind is Seconds:
        return {"type": "integer", "description": "seconds"}
    raise NotImplementedError(kind)


def _even(schema: Any) -> Any:
    """Descriptions without their indentation, which Python keeps until 3.12 and takes away since."""
    if isinstance(schema, dict):
        return {
            key: re.sub(r"\s*\n\s*", "\n", value).strip()
            if key == "description" and isinstance(value, str)
            else _even(value)
            for key, value in schema.items()
        }
    return [_even(value) for value in schema] if isinstance(schema, list) else schema
