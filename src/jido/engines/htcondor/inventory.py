"""The pool, its machines and my jobs, from HTCondor's own ads. Recorded on 23.9.6."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from jido.engines.base import Inventory
from jido.engines.htcondor.ads import Ad, ads, flag, number, text
from jido.engines.htcondor.queue import MINE, sighting
from jido.model.bundle import MISSING, Finding, Part
from jido.model.facts import Fact, absent, known, unknown
from jido.model.limits import Access, ControlPlane
from jido.model.map import Gpu, NodeGroup, NodeNow, Now, Partition, QueuedJob, Scheduling
from jido.model.nodeset import NodeSet

_HAS = "command -v condor_status"
_SLOT = (
    "Name,Machine,SlotType,State,Activity,Cpus,Memory,GPUs,TotalSlotCpus,TotalSlotMemory,TotalSlotGPUs,"
    "GPUs_DeviceName,FileSystemDomain,Offline"
)
# What concerns users; one that is not defined is left out.
_SETTINGS = ("MAX_JOBS_PER_OWNER", "MAX_JOBS_PER_SUBMISSION", "FILESYSTEM_DOMAIN", "UID_DOMAIN")
SLOTS = Part(
    "htcondor/slots", f"condor_status -json -attributes {_SLOT}", limit=30, needs=_HAS, typed="condor_status"
)
JOBS = Part("htcondor/mine", MINE, limit=30, needs="command -v condor_q", typed="condor_q")
PARTS = (
    Part("htcondor/version", "condor_version", limit=10, needs="command -v condor_version"),
    Part(
        "htcondor/pool",
        "condor_status -collector -json -attributes Name,Machine,CondorVersion",
        limit=15,
        needs=_HAS,
        typed="condor_status -collector",
    ),
    Part(
        "htcondor/settings",
        f'for n in {" ".join(_SETTINGS)}; do v=$(condor_config_val $n 2>/dev/null) && echo "$n=$v"; done; :',
        limit=10,
        needs="command -v condor_config_val",
        typed="condor_config_val -dump",
    ),
    SLOTS,
    JOBS,
)
_UNSEEN = Finding(code=None)
# Who is not there at all is not in the answer either; these are there and take no jobs.
_OUT = ("Drained", "Owner", "Shutdown", "Delete")


def inventory(findings: Mapping[str, Finding], at: float) -> Inventory:
    """See `Engine.inventory`."""
    seen = findings.get("htcondor/version", _UNSEEN)
    match = re.search(r"CondorVersion: (\d+\.\d+\.\d+)", seen.text) if seen.ok else None
    if match is None:
        return Inventory(present=False, scheduling=Scheduling(engine=_without(seen)))
    slots = [ad for _, rows in _machines(_read(findings, "htcondor/slots") or []) for ad in rows]
    pool = _pool(findings)
    settings = _settings(findings)
    partitions, access = _partition(pool, slots, settings)
    scheduling = Scheduling(
        engine=known("htcondor", "htcondor/version"),
        version=known(match[1], "htcondor/version"),
        cluster=pool,
        partitions=partitions,
        settings=settings,
        access=access,
        accounting=absent("htcondor/version"),
        qos=absent("htcondor/version"),
        control=_control(findings),
    )
    groups = _groups(slots)
    machines = sum(len(NodeSet(group.names)) for group in groups)
    evidence = f"HTCondor {match[1]} serves a pool of {machines} machines" if groups else ""
    evidence = evidence or f"HTCondor {match[1]} is installed; its pool told of no machines"
    return Inventory(bool(slots) or _answers(findings), evidence, ("htc",), groups, scheduling, now(findings, at))


def _control(findings: Mapping[str, Finding]) -> ControlPlane:
    """Whether the two daemons that a user meets answer."""
    found = {}
    for name, look in (("schedd", "htcondor/mine"), ("collector", "htcondor/pool")):
        seen = findings.get(look, _UNSEEN)
        if seen.ok and _read(findings, look) is not None:
            found[name] = "up"
        elif seen.code not in (None, 0, MISSING):
            found[name] = "down"
    none: Fact[Any] = absent("htcondor/version")
    if not found:
        unseen: Fact[dict[str, str]] = unknown("neither queue nor pool was asked", "condor_q", "htcondor/mine")
        return ControlPlane(controllers=unseen, accounting=none, reservations=none)
    return ControlPlane(known(found, "htcondor/mine"), none, none)


def _answers(findings: Mapping[str, Finding]) -> bool:
    """Whether it is an access point at least: its queue answers, though the pool does not."""
    return _read(findings, "htcondor/mine") is not None


def _without(seen: Finding) -> Fact[str]:
    said = seen.text.strip() or seen.stderr.decode("utf-8", "replace").strip()
    if seen.code == MISSING and not said:
        return absent("htcondor/version")
    if seen.code is None:
        return unknown("condor_version did not answer in time", settle="condor_version", by="htcondor/version")
    why = "condor_version told of no HTCondor: " + (said.splitlines()[0][:200] if said else f"code {seen.code}")
    return unknown(why, settle="condor_version", by="htcondor/version")


def now(findings: Mapping[str, Finding], at: float) -> Now:
    """See `Engine.now`."""
    slots = _read(findings, "htcondor/slots") or []
    nodes: Fact[tuple[NodeNow, ...]] = unknown(
        "condor_status told of no machines", settle="condor_status", by="htcondor/slots"
    )
    if rows_ := tuple(_now(name, rows) for name, rows in _machines(slots)):
        nodes = known(rows_, "htcondor/slots")
    jobs = _read(findings, "htcondor/mine")
    queue: Fact[tuple[QueuedJob, ...]] = unknown("condor_q did not answer", settle="condor_q", by="htcondor/mine")
    if jobs is not None:
        queue = known(tuple(map(_job, (ad for ad in jobs if "ClusterId" in ad))), "htcondor/mine")
    return Now(at=at, nodes=nodes, queue=queue)


def _read(findings: Mapping[str, Finding], look: str) -> list[Ad] | None:
    seen = findings.get(look, _UNSEEN)
    return ads(seen.text) if seen.ok else None


def _pool(findings: Mapping[str, Finding]) -> Fact[str]:
    for ad in _read(findings, "htcondor/pool") or ():
        # COLLECTOR_NAME@HOST, or the host alone where the pool has no name.
        if name := text(ad, "Name").partition("@")[0] or text(ad, "Machine"):
            return known(name, "htcondor/pool")
    return unknown("the collector did not answer", settle="condor_status -collector", by="htcondor/pool")


def _settings(findings: Mapping[str, Finding]) -> Fact[dict[str, str]]:
    seen = findings.get("htcondor/settings", _UNSEEN)
    rows = (line.partition("=") for line in seen.text.splitlines()) if seen.ok else ()
    found = {name: value.strip() for name, _, value in rows if name in _SETTINGS and value.strip()}
    if not found:
        return unknown("condor_config_val told nothing", settle="condor_config_val -dump", by="htcondor/settings")
    return known(found, "htcondor/settings")


def _partition(
    pool: Fact[str], slots: list[Ad], settings: Fact[dict[str, str]]
) -> tuple[Fact[tuple[Partition, ...]], Fact[tuple[Access, ...]]]:
    """The pool as the one partition there is, and whether its machines are mine to use."""
    if not slots or pool.value is None:
        why = "the pool's machines are not known"
        return (
            unknown(why, settle="condor_status", by="htcondor/slots"),
            unknown(why, settle="condor_status", by="htcondor/slots"),
        )
    mine = (settings.value or {}).get("FILESYSTEM_DOMAIN", "").lower()
    domains = {name: text(rows[0], "FileSystemDomain").lower() for name, rows in _machines(slots)}
    shared = [name for name, domain in domains.items() if not mine or domain == mine]
    # Where none shares files with the access point, the pool is shown whole, and closed.
    names = str(NodeSet(sorted(shared or domains)))
    verdict = Access(pool.value, "open", "declared")
    if not shared:
        words = f"no machine shares files with the access point (FileSystemDomain {mine})"
        verdict = Access(pool.value, "no access", "declared", words)
    one = Partition(name=pool.value, nodes=names, default=True, by="htcondor/slots")
    return known((one,), "htcondor/slots"), known((verdict,), "htcondor/slots")


def _machines(slots: list[Ad]) -> Iterator[tuple[str, list[Ad]]]:
    found: dict[str, list[Ad]] = {}
    for ad in slots:
        if re.fullmatch(r"[A-Za-z0-9][\w.-]*", machine := text(ad, "Machine")):
            found.setdefault(machine, []).append(ad)
    yield from found.items()


def _whole(rows: list[Ad], share: str, slot: str) -> int:
    """How much of something a machine has: a partitionable slot tells its whole, dynamic ones are cut from it."""
    total = 0
    for ad in rows:
        if text(ad, "SlotType") == "Partitionable":
            total += number(ad, slot) or 0
        elif text(ad, "SlotType") != "Dynamic":
            total += number(ad, share) or 0
    return total


def _used(rows: list[Ad], share: str, slot: str) -> int:
    used = 0
    for ad in rows:
        if text(ad, "SlotType") == "Partitionable":
            used += max(0, (number(ad, slot) or 0) - (number(ad, share) or 0))
        elif text(ad, "SlotType") != "Dynamic" and text(ad, "State") in ("Claimed", "Matched", "Preempting"):
            used += number(ad, share) or 0
    return used


def _model(rows: list[Ad]) -> str | None:
    return next((model for ad in rows if (model := text(ad, "GPUs_DeviceName"))), None)


def _groups(slots: list[Ad]) -> tuple[NodeGroup, ...]:
    alike: dict[NodeGroup, list[str]] = {}
    for name, rows in _machines(slots):
        gpus = _whole(rows, "GPUs", "TotalSlotGPUs")
        memory = _whole(rows, "Memory", "TotalSlotMemory") * 2**20
        kind = NodeGroup(
            names="",
            cpus=_whole(rows, "Cpus", "TotalSlotCpus") or 1,
            memory=memory or None,  # type: ignore[arg-type]
            gpus=(Gpu(count=gpus, model=_model(rows)),) if gpus else (),
            by="htcondor/slots",
        )
        alike.setdefault(kind, []).append(name)
    return tuple(
        NodeGroup(str(NodeSet(names)), "compute", kind.cpus, kind.memory, kind.gpus, (), kind.by)
        for kind, names in alike.items()
    )


def _now(name: str, rows: list[Ad]) -> NodeNow:
    used, cpus = _used(rows, "Cpus", "TotalSlotCpus"), _whole(rows, "Cpus", "TotalSlotCpus")
    own = [ad for ad in rows if text(ad, "SlotType") != "Dynamic"]
    out = [ad for ad in own if text(ad, "State") in _OUT or text(ad, "Activity") == "Retiring" or flag(ad, "Offline")]
    state = "allocated" if used >= cpus > 0 else "mixed" if used else "idle"
    gone = bool(own) and len(out) == len(own)
    why = f"{text(out[0], 'State')}/{text(out[0], 'Activity')}" if gone else ""
    if gone and "Owner" in why:
        why += ": its owner's rules take no jobs now"
    return NodeNow(
        name=name,
        state=state,
        flags=("drain",) if gone else (),
        reason=why,
        cpus_used=used,
        memory_used=_used(rows, "Memory", "TotalSlotMemory") * 2**20,
        gpus_used={_model(rows) or "": gpus} if (gpus := _used(rows, "GPUs", "TotalSlotGPUs")) else {},
    )


def _job(ad: Ad) -> QueuedJob:
    seen = sighting(ad)
    return QueuedJob(
        id=seen.id,
        state=seen.raw.lower() or "unknown",
        name=seen.name,
        reason=seen.reason,
        cpus=number(ad, "RequestCpus") or 0,
        gpus=number(ad, "RequestGPUs") or 0,
        on=seen.nodes if seen.raw == "Running" else "",
    )
