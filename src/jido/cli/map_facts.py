"""A map fact by fact: all of them with their provenance, and those that are not known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jido.cli import draw
from jido.model.facts import Fact
from jido.model.map import Map

# What is not known of many things, as a question about them.
_QUESTIONS = {
    "shared": "seen by compute nodes too",
    "mine": "your folder on it",
    "fs": "kind",
}


def draw_facts(map_: Map) -> str:
    """Every fact with its state and the look that said so, then the looks; whole, as a terminal may wrap it."""
    rows = []
    for name, fact in facts(map_):
        value = words(fact.value) if fact.is_known else fact.why + (f" -> {fact.settle}" if fact.settle else "")
        rows.append([name, fact.state, fact.by or "-", value])
    looks = [
        [name, "late" if look.code is None else str(look.code), f"{look.took:.2f}", look.on, look.command]
        for name, look in map_.looks.items()
    ]
    return (
        draw.table(["FACT", "STATE", "BY", "VALUE OR REASON"], rows)
        + "\n\n"
        + draw.table(["LOOK", "CODE", "SECONDS", "ON", "COMMAND"], looks, right="CODE SECONDS")
    )


def words(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={item}" for key, item in value.items())
    if isinstance(value, tuple):
        names = (getattr(item, "name", None) or getattr(item, "id", None) or item for item in value)
        return ", ".join(str(name) for name in names) or "none"
    return str(value)


def unknowns(map_: Map) -> list[tuple[str, str, str]]:
    """What is not known: what, why, and the command that would settle it; alike ones together."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    out = [row for row in map_.instance.seen if not row.was_seen]
    for row in out:
        found.setdefault(("what is inside", row.kernel.why), []).append((row.node, row.kernel.settle))
    looked = {row.node for row in map_.instance.seen}
    kinds = [group.names for group in map_.instance.nodes if group.role == "compute"]
    if kinds and not looked:
        why = "nobody has looked from inside yet"
        found["what is inside", why] = [(kind, f"jido probe {map_.name} --compute") for kind in kinds]
    skipped = {f"{row.node} " for row in out}
    for path, fact in facts(map_):
        if any(path.startswith(node) for node in skipped):
            continue
        if fact.state == "unknown" and (fact.settle or fact.by):
            where, _, what = path.rpartition(" ")
            found.setdefault((what, fact.why), []).append((where, fact.settle))
    if any(not gpu.memory.is_known for group in map_.instance.nodes for gpu in group.gpus):
        found["memory of the GPUs", "schedulers do not tell it"] = [
            ("", f"jido probe {map_.name} --compute --gpus, or nvidia-smi in a job with a GPU")
        ]
    merged: dict[tuple[str, str, str], list[str]] = {}
    for (what, why), rows in found.items():
        where = ", ".join(name for name, _ in rows if name)
        merged.setdefault((where, why, rows[0][1]), []).append(_QUESTIONS.get(what, what))
    return [
        (" and ".join(whats) + (f" ({where})" if where else ""), why, settle)
        for (where, why, settle), whats in merged.items()
    ]


def facts(map_: Map) -> Iterator[tuple[str, Fact[Any]]]:
    """Every fact of a map with its name: ``/data size``, ``aurora-login memory``, ``version``."""
    yield "type", map_.type.value
    for host in map_.instance.login:
        yield from _of(host, host.name)
    yield from _of(map_.instance, "")
    yield from _of(map_.scheduling, "")
    for volume in map_.storage.volumes:
        # Nobody puts files there: what is not known of it is no question.
        if volume.tier.value != "system":
            yield from _of(volume, volume.path if volume.on_login else f"{volume.path} on {volume.seen_from}")
    for row in map_.instance.seen:
        yield from _of(row, row.node)
    yield "nodes now", map_.now.nodes
    yield "queue now", map_.now.queue


def _of(struct: Any, where: str) -> Iterator[tuple[str, Fact[Any]]]:
    for field in struct.__struct_fields__:
        value = getattr(struct, field)
        if isinstance(value, Fact):
            yield f"{where} {field}".strip(), value
