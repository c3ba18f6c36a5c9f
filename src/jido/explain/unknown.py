"""The facts of a map by name, and those of them that are not known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from jido.model.facts import Fact
from jido.model.map import Map

# What is not known of many things, as a question about them.
_QUESTIONS = {
    "shared": "seen by compute nodes too",
    "mine": "your folder on it",
    "fs": "kind",
}


def unknowns(
    map_: Map, named: Callable[[str], str] | None = None, joined: str = " and "
) -> list[tuple[str, str, str]]:
    """What is not known: what, why, and the command that would settle it; alike ones together.

    Args:
        map_: The map.
        named: How a fact is called; None is its name, or a question about it.
        joined: What stands between several.
    """
    name = named or (lambda what: _QUESTIONS.get(what, what))
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    out = [row for row in map_.instance.seen if not row.was_seen]
    for row in out:
        found.setdefault(("what is inside", row.kernel.why), []).append(
            (row.node, row.kernel.settle or f"jido probe {map_.name} --compute")
        )
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
        merged.setdefault((where, why, rows[0][1]), []).append(name(what))
    return [
        (joined.join(whats) + (f" ({where})" if where else ""), why, settle)
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
