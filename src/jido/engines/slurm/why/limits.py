"""Which limit stands against a job, how much of it is used and by whom: from ``scontrol show assoc_mgr``.

It prints every limit as ``name=limit(used)`` with N for none, for associations, for each QoS, and within a QoS for
each user and account (verified on 22.05, 24.11 and 26.05). Memory is in MiB, times in minutes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from jido.engines.slurm.nodes import tres, tres_gpus
from jido.engines.slurm.records import number, seconds
from jido.engines.slurm.why.crowd import Row
from jido.engines.slurm.why.job import size
from jido.model.why import Bound, Meaning, Other, Request

_MIB = 1024**2
# Slurm's names of what a limit counts; GPUs by their model come behind a colon.
_TRES = {"cpu": "cpu", "memory": "mem", "node": "node", "gpu": "gres/gpu", "energy": "energy", "billing": "billing"}
_TRES |= {"license": "license/", "bb": "bb/"}
_VALUE = re.compile(r"([\d.]+|N)?(?:\((-?[\d.]+)\))?")
_FIELD = re.compile(r"(\w+)=(\S*)")
_COUNTED = ("jobs", "submit")

# Where a limit of each scope stands: in a QoS or an association, for what counts jobs and for what counts resources.
_WHERE: dict[str, tuple[str, dict[str, str]]] = {
    "qos_user": ("user", {"jobs": "MaxJobsPU", "submit": "MaxSubmitJobsPU", "": "MaxTRESPU"}),
    "qos_user_run": ("user", {"": "MaxTRESRunMinsPU"}),
    "qos_account": ("account", {"jobs": "MaxJobsPA", "submit": "MaxSubmitJobsPA", "": "MaxTRESPA"}),
    "qos_account_run": ("account", {"": "MaxTRESRunMinsPA"}),
    "qos_all": ("qos", {"jobs": "GrpJobs", "submit": "GrpSubmitJobs", "": "GrpTRES"}),
    "qos_budget": ("qos", {"wall": "GrpWall", "": "GrpTRESMins"}),
    "qos_all_run": ("qos", {"": "GrpTRESRunMins"}),
    "qos_job": ("qos", {"wall": "MaxWallPJ", "": "MaxTRESPJ"}),
    "qos_job_minutes": ("qos", {"": "MaxTRESMinsPJ"}),
    "qos_node": ("qos", {"": "MaxTRESPN"}),
    "qos_least": ("qos", {"": "MinTRESPJ"}),
    "assoc_all": ("assoc", {"jobs": "GrpJobs", "submit": "GrpSubmitJobs", "": "GrpTRES"}),
    "assoc_user": ("assoc", {"jobs": "MaxJobs", "submit": "MaxSubmitJobs", "": ""}),
    "assoc_budget": ("assoc", {"wall": "GrpWall", "": "GrpTRESMins"}),
    "assoc_all_run": ("assoc", {"": "GrpTRESRunMins"}),
    "assoc_job": ("assoc", {"wall": "MaxWallPJ", "": "MaxTRESPJ"}),
    "assoc_job_minutes": ("assoc", {"": "MaxTRESMinsPJ"}),
    "assoc_node": ("assoc", {"": "MaxTRESPN"}),
}  # fmt: skip


class Ours(msgspec.Struct, frozen=True):
    """Who the job belongs to, for finding its limits.

    Attributes:
        uid: Its user's number.
        account: Its account.
        qos: The names of its QoS, that of its partition first, which outranks the job's own.
        by_partition: The QoS of each partition of the cluster that has one.
    """

    uid: str
    account: str
    qos: tuple[str, ...]
    by_partition: Mapping[str, str]


class _Limit(msgspec.Struct, frozen=True):
    of: str
    name: str
    most: int
    used: int | None


def bound(text: str, meaning: Meaning, ours: Ours, want: Request, crowd: Iterable[Row]) -> Bound:
    """The limit behind a reason; what nobody tells is None in it.

    Args:
        text: What ``scontrol show assoc_mgr`` printed; empty where it is not shown.
        meaning: The reason.
        ours: Whose limits.
        want: What the job asks for.
        crowd: Running jobs.
    """
    asked = _asked(meaning, want)
    found = list(_limits(text, meaning, ours))
    over = [one for one in found if one.used is not None and asked is not None and one.used + asked > one.most]
    chosen = next(iter(over or found), None)
    of, name = (chosen.of, chosen.name) if chosen else ("", "")
    holders = tuple(_holders(meaning, ours, of, name, crowd))
    if chosen is None:
        return Bound(meaning.what, meaning.scope, asked=asked, holders=holders)
    scale = _MIB if meaning.what == "memory" and not _timed(meaning) else 1
    used = None if chosen.used is None else chosen.used * scale
    asked = asked if asked is None else asked * scale
    return Bound(meaning.what, meaning.scope, of, chosen.most * scale, used, asked, holders)


def hidden(text: str, reasons: Iterable[Meaning], ours: Ours, want: Request, crowd: Iterable[Row]) -> Bound | None:
    """A limit that would stand against the job once its present reason is gone; Slurm tells one reason at a time."""
    for meaning in reasons if text else ():
        asked = _asked(meaning, want)
        passes = meaning.kind == "limit" and meaning.cure == "time" and not _timed(meaning)
        # Submitted it is already.
        if not passes or not asked or meaning.what == "submit":
            continue
        for one in _limits(text, meaning, ours):
            if one.used is not None and one.used + asked > one.most:
                return bound(text, meaning, ours, want, crowd)
    return None


def _timed(meaning: Meaning) -> bool:
    return meaning.scope.endswith(("_run", "_minutes", "_budget")) or meaning.what == "wall"


def _asked(meaning: Meaning, want: Request) -> int | None:
    """What the job adds, in the unit of the limit."""
    nodes = 1 if meaning.scope.endswith("_node") else want.nodes
    plain = {
        "cpu": want.cpus * nodes,
        "memory": None if want.memory is None else want.memory * nodes // _MIB,
        "node": want.nodes,
        "gpu": want.gpus * nodes,
        "jobs": 1,
        "submit": 1,
    }.get(meaning.what)
    minutes = None if want.time is None else -(-want.time // 60)
    if meaning.what == "wall":
        return minutes
    if _timed(meaning):
        return None if plain is None or minutes is None else plain * minutes
    return plain


def _limits(text: str, meaning: Meaning, ours: Ours) -> Iterator[_Limit]:
    if meaning.scope not in _WHERE:
        return
    where, fields = _WHERE[meaning.scope]
    field = fields.get(meaning.what, fields[""])
    for of, values in _bodies(text, where, ours):
        for name, said in _items(values.get(field, ""), meaning.what):
            match = _VALUE.fullmatch(said)
            if match and match[1] and match[1] != "N":
                used = None if match[2] is None else int(float(match[2]))
                yield _Limit(of, name, int(float(match[1])), used)
            elif meaning.what == "wall" and (limit := seconds(said)) is not None:
                yield _Limit(of, name, limit // 60, None)


def _items(value: str, what: str) -> Iterator[tuple[str, str]]:
    """The limits of one field on one thing, with the things' names."""
    if what in (*_COUNTED, "wall"):
        yield what, value
        return
    name = _TRES.get(what, "\0")
    for key, said in tres(value).items():
        known = key in _TRES.values() or key.startswith(("gres/gpu:", "license/", "bb/"))
        named = key == name or (name.endswith("/") and key.startswith(name)) or key.startswith(name + ":")
        gres = what == "gpu" and key.startswith("gres/") and not key.startswith("gres/gpu")
        if named or gres or (what == "unknown" and not known):
            yield key, said


def _bodies(text: str, where: str, ours: Ours) -> Iterator[tuple[str, dict[str, str]]]:
    """The fields of each association or QoS, or of the user's or account's part of it, that concern the job."""
    lines = text.splitlines()
    if where == "assoc":
        rows = [dict(_FIELD.findall(line)) for line in lines if line.startswith("ClusterName=")]
        # `UserName=student(1000)` is mine; rows without a user are accounts: mine, then those above it.
        own = [row for row in rows if row.get("UserName", "").endswith(f"({ours.uid})")]
        yield from ((_account(row), row) for row in own if row.get("Account") == ours.account)
        above = {row.get("Account", ""): row for row in rows if not row.get("UserName")}
        name = ours.account
        while name in above:
            row = above.pop(name)
            yield _account(row), row
            name = row.get("ParentAccount", "").split("(")[0]
        return
    for qos in ours.qos:
        for line in lines:
            if re.match(rf"QOS={re.escape(qos)}(?:\(\d+\))? ", line):
                yield from ((f"QoS {qos}", fields) for fields in _within(line, where, ours))


def _within(line: str, where: str, ours: Ours) -> Iterator[dict[str, str]]:
    head, _, rest = line.partition(" Account Limits=")
    accounts, _, users = rest.partition(" User Limits=")
    if where == "qos":
        yield dict(_FIELD.findall(head))
        return
    part, name = (users, ours.uid) if where == "user" else (accounts, ours.account)
    # `1000={...}` in 22.05, `student(1000)={...}` in 24.11 and 26.05.
    if match := re.search(rf"(?:^|\s|\(){re.escape(name)}\)?=\{{([^}}]*)\}}", part):
        yield dict(_FIELD.findall(match[1]))


def _account(row: Mapping[str, str]) -> str:
    return f"account {row.get('Account', '')}"


def _holders(meaning: Meaning, ours: Ours, of: str, name: str, crowd: Iterable[Row]) -> Iterator[Other]:
    """The running jobs that count against the limit, the next to end first."""
    scope, found = meaning.scope, []
    # Where limits are not shown, those of the QoS that outranks the others are the likeliest.
    qos = of.removeprefix("QoS ") if of.startswith("QoS ") else next(iter(ours.qos), "")
    for row in crowd:
        if not row.runs:
            continue
        if scope.startswith("qos") and qos and qos not in (row.qos, ours.by_partition.get(row.partition)):
            continue
        if (scope.startswith(("qos_user", "assoc_user"))) and not row.mine:
            continue
        if (scope.startswith("assoc") or "account" in scope) and row.account != ours.account:
            continue
        amount = amount_of(meaning.what, name, row)
        if amount and not scope.endswith(("_job", "_minutes", "_node", "_least", "_budget")):
            found.append(Other(row.id, row.mine, row.user, row.state.lower(), amount, row.ends))
    yield from sorted(found, key=lambda one: (one.until is None, one.until or 0.0))


def amount_of(what: str, name: str, row: Row) -> int | None:
    """How much a running job has of what a limit counts."""
    got = tres(row.tres)
    if what in _COUNTED:
        return 1
    if what == "cpu":
        return row.cpus
    if what == "node":
        return row.nodes
    if what == "memory":
        return size(got.get("mem"))
    if what == "gpu":
        model = name.partition("gres/gpu:")[2]
        models = tres_gpus(row.tres)
        return models.get(model, 0) if model else sum(models.values()) or number(got.get(name))
    return number(got.get(name))
