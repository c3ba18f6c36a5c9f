"""What the differences of two clusters mean for a job: which of them it fits, and why the other it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from jido.explain.sides import (
    ENDLESS,
    Card,
    Side,
    bound,
    listed,
    longest,
    members,
    partitions,
    together,
    user_gpus,
)
from jido.model.units import human_duration, human_size


class Meaning(msgspec.Struct, frozen=True):
    """What a difference means for a job.

    Attributes:
        need: What a job would need.
        fits: Names of the clusters it fits, with the place.
        not_fits: Names of those it does not, with the reason.
        unknown: Names of those of which it is not known, with the reason.
    """

    need: str
    fits: tuple[str, ...] = ()
    not_fits: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """All of it: ``needs a GPU of more than 24G: fits ariel (ariel-k[1-2]), not aurora (24G at most)``."""
        parts = [f"fits {', '.join(self.fits)}"] if self.fits else []
        parts += [f"not {', '.join(self.not_fits)}"] if self.not_fits else []
        parts += [f"not known of {', '.join(self.unknown)}"] if self.unknown else []
        return f"{self.need}: {', '.join(parts)}"


class _Reach(msgspec.Struct, frozen=True):
    """How far a cluster goes in one respect: the most there is, and the places with how far each goes."""

    most: float | None
    places: tuple[tuple[float, str], ...] = ()
    why: str = ""

    def beyond(self, least: float) -> str:
        """The places that go further than that, the furthest first; the furthest alone where none does."""
        found = [place for value, place in self.places if value > least]
        return "; ".join(found or [place for value, place in self.places if value == self.most])


def meanings(first: Side, second: Side) -> Iterator[Meaning]:
    """What the differences of two clusters mean for a job, need by need."""
    for need, reach, write in _NEEDS:
        ends = [(side, reach(side)) for side in (first, second)]
        known = [(side, end.most, end) for side, end in ends if end.most is not None]
        unknown = tuple(f"{side.name} ({end.why})" for side, end in ends if end.most is None)
        if not known or len({most for _, most, _ in known}) + len(unknown) < 2:
            continue
        top = max(most for _, most, _ in known)
        least = min(most for _, most, _ in known)
        places = [(side, end.beyond(least)) for side, most, end in known if most == top]
        fits = tuple(f"{side.name} ({place})" if place else side.name for side, place in places)
        if unknown:
            if top:
                yield Meaning(need.format(bound(top, write)), fits, (), unknown)
            continue
        short = tuple(
            f"{side.name} ({f'at most {write(most)}' if most else 'none'})" for side, most, _ in known if most < top
        )
        upto = f" (up to {write(top)})" if top != ENDLESS else ""
        # From nothing to something: "more than 0" is no way to say it.
        wanted = need.format(f"more than {write(least)}") + upto if least else need.format(bound(top, write))
        yield Meaning(wanted, fits, short)


def _card_reach(field: str) -> Callable[[Side], _Reach]:
    def reach(side: Side) -> _Reach:
        if not side.map.instance.nodes:
            return _Reach(None, why="its nodes are not known")
        if not side.cards:
            return _Reach(0)
        untold = [card for card in side.cards if getattr(card, field) is None]
        if untold:
            return _Reach(None, why=f"not told of {listed(dict.fromkeys(card.model or 'GPU' for card in untold))}")
        alike: dict[tuple[float, str], list[Card]] = {}
        for card in side.cards:
            size = f" {human_size(card.memory)}" if card.memory and field == "memory" else ""
            alike.setdefault((getattr(card, field), f"{card.model or 'GPU'}{size}"), []).append(card)
        places = [(value, f"{kind} on {_placed(side, cards)}") for (value, kind), cards in alike.items()]
        return _Reach(max(value for value, _ in places), tuple(sorted(places, reverse=True)))

    return reach


def _placed(side: Side, cards: Sequence[Card]) -> str:
    return together(cards) + _closed(side, [card.nodes for card in cards])


def _closed(side: Side, nodes: Sequence[str]) -> str:
    """A remark where no partition that may be open to me has any of these nodes."""
    if side.open_nodes is None or any(name in side.open_nodes for text in nodes for name in members(text)):
        return ""
    return ", not open to you"


def _node_reach(field: str) -> Callable[[Side], _Reach]:
    def reach(side: Side) -> _Reach:
        places = [
            (getattr(group, field), group.names + _closed(side, [group.names]))
            for group in side.map.instance.nodes
            if getattr(group, field)
        ]
        if not places:
            return _Reach(None, why="its nodes are not known")
        places.sort(key=lambda place: -place[0])
        return _Reach(places[0][0], _few(places))

    return reach


def _few(places: list[tuple[float, str]]) -> tuple[tuple[float, str], ...]:
    return (*places[:4], *([(places[4][0], f"and {len(places) - 4} more")] if len(places) > 4 else []))


def _time_reach(side: Side) -> _Reach:
    most = longest(side.map)
    if most is None:
        return _Reach(None, why="its partitions are not known")
    places = [(ENDLESS if row.max_time is None else row.max_time, row.name) for row in partitions(side.map)]
    return _Reach(most, _few(sorted(places, key=lambda place: -place[0])))


def _user_reach(side: Side) -> _Reach:
    most = user_gpus(side.map)
    total = sum(card.count for card in side.cards)
    return _Reach(None, why="its QoS limits are not known") if most is None else _Reach(min(most, total))


def _counted(what: str) -> Callable[[Any], str]:
    return lambda number: f"{number:g} {what}{'' if number == 1 else 's'}"


_NEEDS: list[tuple[str, Callable[[Side], _Reach], Callable[[Any], str]]] = [
    ("a GPU with {} of memory", _card_reach("memory"), human_size),
    ("{} on one node", _card_reach("per_node"), _counted("GPU")),
    ("{} at once for one user", _user_reach, _counted("GPU")),
    ("bfloat16 on the GPU", _card_reach("bf16"), lambda can: "yes" if can else "no"),
    ("{} of memory on one node", _node_reach("memory"), human_size),
    ("{} on one node", _node_reach("cpus"), _counted("CPU")),
    ("a time limit of {}", _time_reach, human_duration),
]
