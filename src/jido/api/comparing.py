"""Put two clusters side by side."""

from __future__ import annotations

import os

import msgspec

from jido.api.explaining import source
from jido.capacity.kinds import stocks
from jido.explain.compare import Card, Comparison, Side
from jido.explain.compare import compare as _compare
from jido.explain.speech import Speech, language
from jido.model.map import Map
from jido.model.nodeset import fold


def compare(first: str, second: str, *, lang: str = "") -> Comparison:
    """Compare two clusters.

    Args:
        first: A probed cluster, a map that comes with jido, or a map file.
        second: The same.
        lang: ``en`` or ``ko``; empty asks ``JIDO_LANG`` and the locale.

    Raises:
        NotFound: One of them is none of these.
        ConfigError: A file is no map.
        InputError: There is no such language.
    """
    speech = Speech(language(lang, os.environ))
    maps = source(first).map, source(second).map
    names = [map_.name for map_ in maps]
    # A cluster beside an older map of itself: told apart by what the user typed.
    names = [first, second] if len(set(names)) == 1 else names
    one, other = (Side(name, map_, cards(map_)) for name, map_ in zip(names, maps, strict=True))
    return _compare(one, other, speech)


def cards(map_: Map) -> tuple[Card, ...]:
    """The GPUs of a map by kind, those with most memory first."""
    nodes: dict[Card, list[str]] = {}
    for name, of_node in stocks(map_).items():
        for one in of_node:
            bf16 = None if one.ability is None else one.ability.bf16
            key = Card("", one.model, one.count, 0, one.memory, one.memory_by, bf16)
            nodes.setdefault(key, []).append(name)
    made = [
        msgspec.structs.replace(card, nodes=fold(names), count=card.per_node * len(names))
        for card, names in nodes.items()
    ]
    return tuple(sorted(made, key=lambda card: (-(card.memory or 0), card.model, card.nodes)))
