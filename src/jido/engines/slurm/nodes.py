"""Nodes: what they have and what of it is handed out, from ``scontrol show node``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from jido.engines.slurm.records import given, names, number
from jido.model.map import Bytes, Gpu, NodeGroup, NodeNow
from jido.model.nodeset import fold

_MIB = 1024**2
_GRES = re.compile(r"([A-Za-z]\w*)(?::([^:()\s]+))?(?::(\d{1,9})([KMGT]?))?")
_FLAGS = {
    "*": "not_responding",
    "~": "powered_down",
    "#": "powering_up",
    "%": "powering_down",
    "!": "power_down",
    "$": "maintenance",
    "@": "reboot_requested",
    "^": "reboot_issued",
    "-": "planned",
}
_WORDS = {
    "alloc": "allocated",
    "mix": "mixed",
    "unk": "unknown",
    "maint": "maintenance",
    "no_respond": "not_responding",
    "cloud": "cloud",
}


def gpus(gres: str | None) -> dict[str, int]:
    """GPUs of a GRES text by model; the empty model where they carry none.

    Takes ``gpu:8``, ``gpu:a100:4(S:0-1)``, ``gpu:tesla:2(IDX:0-1)``, ``gpu:a100:2,gpu:v100:1,mps:400``, ``gpu:0``,
    ``gpu`` (one) and ``(null)``.
    """
    return dict(_gpus(given(gres)))


@lru_cache(maxsize=1024)
def _gpus(gres: str) -> tuple[tuple[str, int], ...]:
    out: dict[str, int] = {}
    # Commas in (S:0,2) or (IDX:0,3-5) separate nothing.
    for part in re.split(r",(?![^(]*\))", gres):
        match = _GRES.fullmatch(re.sub(r"\(.*", "", part.strip().removeprefix("gres/")).rstrip(":"))
        if not match or match[1] != "gpu":
            continue
        model, count = match[2] or "", match[3]
        if count is None and model.isdecimal() and len(model) < 10:
            model, count = "", model
        total = 1 if count is None else int(count)
        if total or not model:
            out[model] = out.get(model, 0) + total
    return tuple((model, count) for model, count in out.items() if count)


def tres(text: str | None) -> dict[str, str]:
    """``cpu=4,mem=8G,gres/gpu=1`` by name."""
    pairs = (part.partition("=") for part in given(text).split(","))
    return {name.strip(): value.strip() for name, equals, value in pairs if equals}


def tres_gpus(text: str | None) -> dict[str, int]:
    """GPUs of a TRES text by model: the typed ones where there are any, else the plain count."""
    found = tres(text)
    typed = {name[len("gres/gpu:") :]: number(value) or 0 for name, value in found.items() if name[:9] == "gres/gpu:"}
    plain = number(found.get("gres/gpu")) or 0
    rest = plain - sum(typed.values())
    if rest > 0:
        typed[""] = rest
    return {model: count for model, count in typed.items() if count}


# Ten thousand nodes are in a dozen states.
@lru_cache(maxsize=256)
def state(text: str) -> tuple[str, tuple[str, ...]]:
    """A node state as (base, flags): ``MIXED+DRAIN``, ``DOWN*+DRAIN``, ``IDLE*~#%``, ``drained*``."""
    flags: list[str] = []
    words = []
    for word in text.strip().split("+"):
        bare = word.rstrip("*~#%!$@^- ")
        flags.extend(_FLAGS[char] for char in word[len(bare) :] if char in _FLAGS)
        if bare:
            words.append(_WORDS.get(bare.lower(), bare.lower()))
    base, *rest = words or ["unknown"]
    # sinfo and the newest scontrol fold the drain flag into one word.
    if base in ("drained", "drain"):
        base, rest = "idle", ["drain", *rest]
    elif base in ("draining", "drng"):
        base, rest = "allocated", ["drain", *rest]
    return base, tuple(dict.fromkeys([*rest, *flags]))


def group(node: dict[str, str], by: str) -> NodeGroup:
    """One node's row; its name stands for the group."""
    # CfgTRES knows the model where Gres does not (gpu autodetection) and the other way about.
    found = gpus(node.get("Gres")) or tres_gpus(node.get("CfgTRES"))
    memory = number(node.get("RealMemory"))
    return NodeGroup(
        names=node["NodeName"],
        # CPUs set aside for the system (CoreSpec) are not for jobs; CPUEfctv says so since 22.05.
        cpus=number(node.get("CPUEfctv")) or number(node.get("CPUTot")) or 1,
        memory=None if memory is None else Bytes(memory * _MIB),
        gpus=tuple(Gpu(count=count, model=model or None) for model, count in sorted(found.items())),
        features=tuple(sorted(names(node.get("AvailableFeatures", node.get("Features"))))),
        by=by,
    )


def groups(rows: Iterable[dict[str, str]], by: str) -> tuple[NodeGroup, ...]:
    """Nodes that are alike under one bracket expression, in Slurm's order."""
    alike: dict[NodeGroup, list[str]] = {}
    for row in rows:
        one = group(row, by)
        like = NodeGroup(names="", cpus=one.cpus, memory=one.memory, gpus=one.gpus, features=one.features, by=by)
        alike.setdefault(like, []).append(one.names)
    return tuple(
        NodeGroup(
            names=fold(members), cpus=like.cpus, memory=like.memory, gpus=like.gpus, features=like.features, by=by
        )
        for like, members in alike.items()
    )


def now(node: dict[str, str]) -> NodeNow:
    """What of a node is handed out."""
    base, flags = state(node.get("State", ""))
    used = gpus(node.get("GresUsed")) or tres_gpus(node.get("AllocTRES"))
    return NodeNow(
        name=node["NodeName"],
        state=base,
        flags=flags,
        reason=given(node.get("Reason")),
        cpus_used=number(node.get("CPUAlloc")) or 0,
        memory_used=(number(node.get("AllocMem")) or 0) * _MIB,
        gpus_used=dict(sorted(used.items())),
    )


def real(rows: Iterable[dict[str, str]]) -> Sequence[dict[str, str]]:
    """The nodes that exist; FUTURE ones are only names in the configuration."""
    return [row for row in rows if row.get("NodeName") and state(row.get("State", ""))[0] != "future"]
