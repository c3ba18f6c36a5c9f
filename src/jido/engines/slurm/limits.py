"""Limits of QoS and associations, from ``sacctmgr --parsable2``; the same columns from 17.11 to 26.05."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from jido.engines.slurm import looks
from jido.engines.slurm.held import in_memory
from jido.engines.slurm.nodes import tres
from jido.engines.slurm.records import given, names, number, seconds
from jido.errors import InputError
from jido.model.limits import NO_LIMITS, Association, Limits, Qos
from jido.model.units import parse_size

_MIB = 1024**2


def limits(
    trackable: str = "", *, jobs: str = "", submit: str = "", wall: str = "", nothing: Limits = NO_LIMITS
) -> Limits:
    """Bounds from a TRES text (``cpu=4,mem=64G,gres/gpu:a100=2``) and counts; empty texts are no bounds."""
    found: dict[str, int | None] = {}
    models: dict[str, int] = {}
    other: dict[str, int] = {}
    for name, text in tres(trackable).items():
        value = _memory(text) if name == "mem" else number(text)
        if value is None:
            continue
        if name in ("cpu", "mem", "node", "gres/gpu"):
            found[name] = value
        elif name.startswith("gres/gpu:"):
            models[name[len("gres/gpu:") :]] = value
        else:
            other[name] = value
    made = Limits(
        cpus=found.get("cpu"),
        gpus=found.get("gres/gpu"),
        gpu_models=models,
        memory=found.get("mem"),
        nodes=found.get("node"),
        jobs=number(jobs),
        submit=number(submit),
        wall=seconds(wall) if given(wall) else None,
        other=other,
    )
    return nothing if made == NO_LIMITS else made


def _memory(text: str) -> int | None:
    # A number without a unit is in MiB.
    if text.isdecimal():
        return int(text) * _MIB if len(text) < 16 else None
    try:
        return parse_size(text)
    except (InputError, ValueError):
        return None


def qos(text: str, by: str) -> tuple[Qos, ...]:
    """Every QoS that ``sacctmgr show qos`` printed.

    Raises:
        LookupError: Whom one preempts was not printed.
    """
    preempts = {row["Name"]: names(row["Preempt"]) for row in _rows(text, looks.PREEMPT_FIELDS)}
    return tuple(
        Qos(
            name=row["Name"],
            priority=number(row["Priority"]) or 0,
            per_job=limits(row["MaxTRESPerJob"], wall=row["MaxWall"]),
            per_user=limits(row["MaxTRESPerUser"], jobs=row["MaxJobsPerUser"], submit=row["MaxSubmitJobsPerUser"]),
            per_account=limits(
                row["MaxTRESPerAccount"], jobs=row["MaxJobsPerAccount"], submit=row["MaxSubmitJobsPerAccount"]
            ),
            in_all=limits(row["GrpTRES"], jobs=row["GrpJobs"], submit=row["GrpSubmitJobs"]),
            flags=tuple(sorted(names(row["Flags"]))),
            preempts=preempts[row["Name"]],
            by=by,
        )
        for row in _rows(text, looks.QOS_FIELDS)
        if row["Name"]
    )


def associations(text: str, held: str, cluster: str, by: str) -> tuple[Association, ...]:
    """My memberships on this cluster, the default one first.

    Args:
        text: What ``sacctmgr show user withassoc`` printed.
        held: What the look at the accounts printed, my own bounds among it.
        cluster: Rows of other clusters are left out; empty takes all.
        by: The look.

    Raises:
        LookupError: The bounds of one stand nowhere.
    """
    found = []
    told = (*in_memory(held), *_rows(held, looks.ASSOC_FIELDS))
    bounds = {(row["Cluster"], row["Account"], row["Partition"]): row for row in told if row["User"]}
    for row in _rows(text, looks.MEMBER_FIELDS):
        if not row["Account"] or (cluster and row["Cluster"].lower() != cluster.lower()):
            continue
        full = bounds[(row["Cluster"], row["Account"], row["Partition"])]
        found.append(
            Association(
                account=row["Account"],
                user=row["User"],
                partition=row["Partition"],
                # "+gpu1" adds to what the account has; it is among the names all the same.
                qos=names(row["QOS"].replace("+", "")),
                default_qos=row["DefaultQOS"],
                is_default=row["Account"] == row["DefaultAccount"],
                per_job=limits(full["MaxTRES"], wall=full["MaxWall"]),
                in_all=_fewer_jobs(full),
                parent=full["ParentName"],
                by=by,
            )
        )
    return tuple(sorted(found, key=lambda one: not one.is_default))


def accounts(text: str, mine: Iterable[str], cluster: str, by: str) -> tuple[Association, ...]:
    """My accounts and those above them, as far as they have bounds that all their users share.

    Args:
        text: What ``scontrol show assoc_mgr`` or ``sacctmgr show assoc user=''`` printed.
        mine: My accounts.
        cluster: As for `associations`.
        by: The look.
    """
    rows = {
        row["Account"]: row
        for row in (*_rows(text, looks.ACCOUNT_FIELDS), *(row for row in in_memory(text) if not row["User"]))
        if not cluster or row["Cluster"].lower() == cluster.lower()
    }
    found: dict[str, Association] = {}
    for name in mine:
        while name in rows and name not in found:
            row = rows[name]
            found[name] = Association(account=name, in_all=_group(row), parent=row["ParentName"], by=by)
            name = row["ParentName"]
    return tuple(one for one in found.values() if one.in_all != NO_LIMITS or one.account != "root")


def _fewer_jobs(row: dict[str, str]) -> Limits:
    """Bounds of all jobs of a user's association: MaxJobs and GrpJobs mean the same there."""
    grouped = _group(row)
    jobs = [count for count in (grouped.jobs, number(row["MaxJobs"])) if count is not None]
    submit = [count for count in (grouped.submit, number(row["MaxSubmit"])) if count is not None]
    return msgspec.structs.replace(grouped, jobs=min(jobs, default=None), submit=min(submit, default=None))


def _group(row: dict[str, str]) -> Limits:
    return limits(row["GrpTRES"], jobs=row["GrpJobs"], submit=row["GrpSubmit"])


def _rows(text: str, fields: Sequence[str]) -> Iterator[dict[str, str]]:
    for line in text.splitlines():
        cells = line.split("|")
        if len(cells) == len(fields):
            yield dict(zip(fields, (cell.strip() for cell in cells), strict=True))


def least(*bounds: Limits) -> Limits:
    """The bounds that hold together: the least of each."""
    models: dict[str, int] = {}
    other: dict[str, int] = {}
    for one in bounds:
        for mapping, into in ((one.gpu_models, models), (one.other, other)):
            for name, value in mapping.items():
                into[name] = min(value, into.get(name, value))
    return Limits(
        **{
            name: min((value for one in bounds if (value := getattr(one, name)) is not None), default=None)
            for name in _COUNTS
        },
        gpu_models=models,
        other=other,
    )


def first(*bounds: Limits) -> Limits:
    """The bounds where the first that sets one outranks the others, as Slurm's QoS do."""
    models: dict[str, int] = {}
    other: dict[str, int] = {}
    for one in reversed(bounds):
        models |= one.gpu_models
        other |= one.other
    return Limits(
        **{
            name: next((value for one in bounds if (value := getattr(one, name)) is not None), None)
            for name in _COUNTS
        },
        gpu_models=models,
        other=other,
    )


_COUNTS = ("cpus", "gpus", "memory", "nodes", "jobs", "submit", "wall")
