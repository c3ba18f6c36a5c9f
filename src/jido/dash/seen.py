"""What the API answers, as the rows that the page draws: plain values, moments in seconds since the epoch."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jido.api import jobs, why
from jido.api.capacity import Gpus
from jido.api.space import Disk, Space
from jido.errors import JidoError
from jido.jobs.in_hand import is_in_hand
from jido.jobs.runs import Run
from jido.model.job import State
from jido.model.map import Map, QueuedJob
from jido.storage.filling import Filling
from jido.transfer.datasets.catalogue import Catalogue

Row = dict[str, Any]

_WAITS = (State.QUEUED, State.REQUEUED, State.DEPENDENCY)


def problem(error: JidoError | None) -> Row | None:
    """An error: what happened, why, and what to type."""
    if error is None:
        return None
    return {"kind": type(error).__name__, "what": error.what, "cause": error.cause, "hint": error.hint}


def under_way(one: Run) -> bool:
    """Whether somebody is handing a run over at this moment."""
    return not one.job and not one.settled and not one.held and is_in_hand(jobs.ledger().file, one.token)


def mood(state: State) -> str:
    """Whether a state is ``good``, ``bad`` or still ``open``."""
    return "good" if state.good else "bad" if state.ended else "open"


def run(one: Run, tags: Sequence[str], counts: Mapping[State, int], lang: str) -> Row:
    """A run, as a row of a table and as the head of its own page."""
    argv = one.spec.argv
    is_line = argv[:2] == ("bash", "-c") and len(argv) > 2
    reason = "" if one.reason in ("None", f"exit code {one.code}") else one.reason
    wants = one.spec.resources
    return {
        "number": one.number,
        "title": one.title,
        "name": one.name,
        "cluster": one.cluster,
        "job": one.job,
        "state": one.state.value,
        "mood": mood(one.state),
        "waits": one.state in _WAITS,
        "is_over": one.state.ended,
        "under_way": under_way(one),
        "settled": one.settled,
        "where": one.nodes,
        "partition": one.partition,
        "reason": reason,
        "plain": why.short(one.engine, reason, lang) if reason and one.state in _WAITS else "",
        "code": one.code,
        "signal": one.signal,
        "intended": one.intended,
        "submitted": one.submitted,
        "started": one.started,
        "ended": one.ended,
        "command": argv[2] if is_line else shlex.join(argv),
        "project": Path(one.folder).name,
        "folder": one.folder,
        "there": f"{one.root}/runs/{one.name}",
        "asked": _asked(wants),
        "tags": list(tags),
        "tasks": one.spec.sweep.count if one.spec.sweep else 0,
        "counts": [[state.value, mood(state), count] for state, count in counts.items()],
    }


def _asked(wants: Any) -> Row:
    names = ("nodes", "gpus", "gpu_model", "cpus", "memory", "time", "partition", "qos", "account")
    return {name: value for name in names if (value := getattr(wants, name)) not in (None, 0)}


def queue(rows: Iterable[QueuedJob], engine: str, known: Mapping[str, int], lang: str) -> list[Row]:
    """My jobs in a scheduler's queue, with the runs that they are."""
    found = []
    for job in rows:
        reason = "" if job.reason == "None" else job.reason
        found.append(
            {
                "id": job.id,
                "run": known.get(job.id),
                "name": job.name,
                "state": job.state,
                "partition": job.partition,
                "reason": reason,
                "plain": why.short(engine, reason, lang) if reason and job.state != "running" else "",
                "nodes": job.nodes,
                "cpus": job.cpus,
                "gpus": job.gpus,
                "on": job.on,
            }
        )
    return found


def gpus(found: Gpus) -> list[Row]:
    """GPUs by kind: in all, free, and usable by me now."""
    return [
        {"model": pool.model, "all": pool.in_all, "free": pool.free, "usable": pool.usable} for pool in found.kinds
    ]


def head(map_: Map) -> Row:
    """What a cluster is, in a few values."""
    return {"purpose": map_.purpose, "engine": map_.scheduling.engine.value or "", "mapped": map_.now.at}


def space(found: Space) -> Row:
    """The volumes of a cluster that concern me."""
    disks = [_disk(disk) for disk in found.disks if disk.volume.tier.value != "system"]
    return {"at": found.at, "fresh": found.fresh, "disks": disks}


def _disk(disk: Disk) -> Row:
    volume, quota, usage = disk.volume, disk.volume.quota, disk.usage
    limit = quota.value.limit if quota.value else None
    files = [one for one in (quota.value.files_soft, quota.value.files_hard) if one] if quota.value else []
    filling = disk.filling if isinstance(disk.filling, Filling) else None
    used = usage.bytes if usage else None
    return {
        "path": volume.path,
        "tier": volume.tier.value or "",
        "fs": volume.fs.value or "",
        "size": volume.size.value,
        "free": disk.free,
        "mine": used if used is not None else filling.total if filling else None,
        "limit": limit,
        "quota": quota.state if limit is None and not files else "known",
        "files": usage.files if usage else None,
        "files_limit": min(files, default=None),
        "share": disk.share,
        "warnings": list(disk.warnings),
        "parts": [[name, size] for name, size in filling.parts[:6]] if filling else [],
        "seen_from": volume.seen_from,
        "on_login": volume.on_login,
        "at": disk.at,
    }


def datasets(found: Catalogue) -> Row:
    """The registered datasets, and which nodes have copies of each."""
    rows = []
    for one in found.datasets:
        copies = [copy for copy in found.copies if copy.key == one.key]
        rows.append(
            {
                "name": one.name,
                "size": one.size if one.size is not None else one.packed,
                "files": one.files,
                "path": one.path,
                "nodes": [{"node": copy.node, "place": copy.place, "used": copy.used} for copy in copies],
            }
        )
    nodes = sorted({copy.node for copy in found.copies})
    return {"root": found.root, "sets": rows, "nodes": nodes}
