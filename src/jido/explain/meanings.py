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
from jido.explain.speech import Speech
from jido.model.units import human_size


class Meaning(msgspec.Struct, frozen=True):
    """What a difference means for a job.

    Attributes:
        need: What a job would need.
        fits: Names of the clusters it fits, with the place.
        not_fits: Names of those it does not, with the reason.
        unknown: Names of those of which it is not known, with the reason.
        sentence: All of it: ``a GPU of more than 24G: fits ariel (ariel-k[1-2]), not aurora (24G at most)``.
    """

    need: str
    fits: tuple[str, ...] = ()
    not_fits: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    sentence: str = ""


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
    speech = first.speech
    for need, reach, unit in _NEEDS:
        write = _writer(unit, speech)
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
                yield _meaning(need, bound(top, write, speech), speech, fits, unknown=unknown)
            continue
        short = tuple(
            f"{side.name} ({speech.say('means.at_most', amount=write(most)) if most else speech.say('means.none')})"
            for side, most, _ in known
            if most < top
        )
        upto = speech.say("means.up_to", amount=write(top)) if top != ENDLESS else ""
        # From nothing to something: "more than 0" is no way to say it.
        beyond = speech.say("means.more_than", amount=write(least)) if least else bound(top, write, speech)
        yield _meaning(need, beyond, speech, fits, short, upto=upto if least else "")


def _meaning(
    need: str,
    amount: str,
    speech: Speech,
    fits: tuple[str, ...],
    short: tuple[str, ...] = (),
    unknown: tuple[str, ...] = (),
    upto: str = "",
) -> Meaning:
    wanted = speech.say(f"means.need.{need}", amount=amount) + upto
    parts = [("fits", fits), ("not", short), ("unknown", unknown)]
    said = ", ".join(speech.say(f"means.{key}", names=", ".join(names)) for key, names in parts if names)
    return Meaning(wanted, fits, short, unknown, f"{wanted}: {said}")


def _writer(unit: str, speech: Speech) -> Callable[[Any], str]:
    """How an amount is written: bytes, seconds, a yes or no, or a number of things."""
    if unit == "size":
        return human_size
    if unit == "span":
        return speech.span
    if unit == "yes":
        return lambda can: speech.say("compare.yes" if can else "compare.no")
    return lambda number: speech.count(int(number), unit)


def _card_reach(field: str) -> Callable[[Side], _Reach]:
    def reach(side: Side) -> _Reach:
        if not side.map.instance.nodes:
            return _Reach(None, why=side.speech.say("means.no_nodes"))
        if not side.cards:
            return _Reach(0)
        untold = [card for card in side.cards if getattr(card, field) is None]
        if untold:
            models = listed(dict.fromkeys(card.model or "GPU" for card in untold), side.speech)
            return _Reach(None, why=side.speech.say("means.untold", models=models))
        alike: dict[tuple[float, str], list[Card]] = {}
        for card in side.cards:
            size = f" {human_size(card.memory)}" if card.memory and field == "memory" else ""
            alike.setdefault((getattr(card, field), f"{card.model or 'GPU'}{size}"), []).append(card)
        places = [
            (value, side.speech.say("means.on", kind=kind, nodes=_placed(side, cards)))
            for (value, kind), cards in alike.items()
        ]
        return _Reach(max(value for value, _ in places), tuple(sorted(places, reverse=True)))

    return reach


def _placed(side: Side, cards: Sequence[Card]) -> str:
    return together(cards) + _closed(side, [card.nodes for card in cards])


def _closed(side: Side, nodes: Sequence[str]) -> str:
    """A remark where no partition that may be open to me has any of these nodes."""
    if side.open_nodes is None or any(name in side.open_nodes for text in nodes for name in members(text)):
        return ""
    return side.speech.say("means.closed")


def _node_reach(field: str) -> Callable[[Side], _Reach]:
    def reach(side: Side) -> _Reach:
        places = [
            (getattr(group, field), group.names + _closed(side, [group.names]))
            for group in side.map.instance.nodes
            if getattr(group, field)
        ]
        if not places:
            return _Reach(None, why=side.speech.say("means.no_nodes"))
        places.sort(key=lambda place: -place[0])
        return _Reach(places[0][0], _few(places, side.speech))

    return reach


def _few(places: list[tuple[float, str]], speech: Speech) -> tuple[tuple[float, str], ...]:
    if len(places) <= 4:
        return tuple(places)
    return (*places[:4], (places[4][0], speech.say("means.and_more", n=len(places) - 4)))


def _time_reach(side: Side) -> _Reach:
    most = longest(side.map)
    if most is None:
        return _Reach(None, why=side.speech.say("means.no_partitions"))
    places = [(ENDLESS if row.max_time is None else row.max_time, row.name) for row in partitions(side.map)]
    return _Reach(most, _few(sorted(places, key=lambda place: -place[0]), side.speech))


def _user_reach(side: Side) -> _Reach:
    most = user_gpus(side.map)
    total = sum(card.count for card in side.cards)
    return _Reach(None, why=side.speech.say("means.no_qos")) if most is None else _Reach(min(most, total))


# Need, how far a side goes, and what it is counted in.
_NEEDS: list[tuple[str, Callable[[Side], _Reach], str]] = [
    ("gpu_memory", _card_reach("memory"), "size"),
    ("on_one_node", _card_reach("per_node"), "gpu"),
    ("for_one_user", _user_reach, "gpu"),
    ("bf16", _card_reach("bf16"), "yes"),
    ("node_memory", _node_reach("memory"), "size"),
    ("on_one_node", _node_reach("cpus"), "cpu"),
    ("time", _time_reach, "span"),
]
