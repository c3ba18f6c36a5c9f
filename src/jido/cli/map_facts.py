"""A map fact by fact, all of them with their provenance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jido.cli import draw
from jido.explain.unknown import facts
from jido.model.map import Map
from jido.words import known, tr


def draw_facts(map_: Map) -> str:
    """Every fact with its state and the look that said so, then the looks; whole, as a terminal may wrap it."""
    rows = []
    for name, fact in facts(map_):
        value = words(fact.value) if fact.is_known else fact.why + (f" -> {fact.settle}" if fact.settle else "")
        rows.append([name, known(fact.state), fact.by or "-", value])
    looks = [
        [name, tr("late") if look.code is None else str(look.code), f"{look.took:.2f}", look.on, look.command]
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
        return ", ".join(str(name) for name in names) or tr("none")
    return str(value)
