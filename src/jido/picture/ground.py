"""The compute nodes of a picture: every node in exactly one group, and few enough shapes however many there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from jido.capacity.usable import members, verdicts
from jido.explain.speech import Speech
from jido.model.limits import Access
from jido.model.map import Map, Partition
from jido.model.nodeset import fold
from jido.model.units import human_size
from jido.picture.cells import STATES, Cells, Node

# Beyond that, alike nodes are one shape: a wall of ten thousand tells nobody anything, and no phone draws it.
MOST_NODES = 300
_MOST_GROUPS = 16
_MOST_KINDS = 24
_MOST_ROWS = 40
_MOST_NAMES = 80
# No machine has more GPUs, but a map can say so.
_MOST_CELLS = 64


class Strip(msgspec.Struct, frozen=True):
    """GPUs of one kind, by state.

    Attributes:
        model: Their model; empty where they carry none.
        count: In all.
        states: State to count, in the order of drawing.
        text: The same as a sentence.
    """

    model: str
    count: int
    states: dict[str, int]
    text: str

    @property
    def is_countable(self) -> bool:
        """Whether each GPU is a cell of its own; the states are lengths of a bar otherwise."""
        return self.count <= _MOST_CELLS


class Shape(msgspec.Struct, frozen=True):
    """One node, or alike ones drawn together.

    Attributes:
        name: Its name, or a node set.
        many: How many nodes, in words; empty for a single one.
        what: What each is made of.
        state: As `Node.state`; empty for many.
        word: The state in words, where it is not up; for many, how many are in which.
        reason: The administrator's words.
        strips: The GPUs.
        cpus: CPUs in words.
        share: How much of the CPUs is handed out, 0 to 1; None where that is not known.
    """

    name: str
    many: str
    what: str
    state: str
    word: str
    reason: str
    strips: tuple[Strip, ...]
    cpus: str
    share: float | None


class Group(msgspec.Struct, frozen=True):
    """Nodes that are in the same partitions.

    Attributes:
        partitions: The partitions' names; empty where the nodes are in none, or all are drawn together.
        title: In words.
        size: How many nodes, in words.
        shapes: The nodes.
        more: How many kinds have no room.
    """

    partitions: tuple[str, ...]
    title: str
    size: str
    shapes: tuple[Shape, ...]
    more: int = 0

    @property
    def kinds(self) -> list[tuple[str, list[Shape]]]:
        """The shapes by what they are made of, so that it is said once."""
        found: dict[str, list[Shape]] = {}
        for shape in self.shapes:
            found.setdefault(shape.what, []).append(shape)
        return list(found.items())


class Queue(msgspec.Struct, frozen=True):
    """A row of the table of partitions; ``verdict`` is a word of the catalogue."""

    name: str
    is_default: bool
    state: str
    nodes: int
    longest: str
    without_asking: str
    verdict: str
    verdict_words: str
    why: str


class Field(msgspec.Struct, frozen=True):
    """All compute nodes.

    Attributes:
        groups: Every node is in one of them.
        legend: State, how many GPUs, its word and what it means; those that occur.
        queues: The partitions.
        more_queues: How many of these have no room.
        is_summed: Whether alike nodes are drawn together.
        settle: The command that tells how the nodes stand; empty where that is known.
        settle_access: The command that tells which partitions are open to me; empty where that is known.
        size: How many nodes, in words.
    """

    groups: tuple[Group, ...]
    legend: tuple[tuple[str, int, str, str], ...]
    queues: tuple[Queue, ...]
    more_queues: int
    is_summed: bool
    size: str
    settle: str = ""
    settle_access: str = ""


def field(map_: Map, machines: Sequence[Node], sums: Mapping[str, int], speech: Speech) -> Field:
    """The compute nodes of a map.

    Args:
        map_: The map.
        machines: Its nodes.
        sums: Their GPUs by state.
        speech: The language.
    """
    partitions = map_.scheduling.partitions.value or ()
    summed = len(machines) > MOST_NODES
    sets = _sets(partitions, machines)
    if len(sets) > _MOST_GROUPS:
        sets = {(): list(machines)}
    whole = len(sets) == 1 and () in sets
    told = map_.now.nodes.is_known
    groups = [
        Group(
            names,
            _title(names, speech, whole=whole),
            speech.count(len(own), "node"),
            *(_kinds(own, speech) if summed else (tuple(_single(node, speech, told=told) for node in own), 0)),
        )
        for names, own in sets.items()
    ]
    legend = tuple(
        (state, sums[state], speech.say(f"picture.state.{state}"), speech.say(f"picture.about.{state}"))
        for state in STATES
        if state in sums
    )
    access = verdicts(map_)
    established = map_.scheduling.access.is_known
    queues = tuple(_queue(row, access[row.name], speech, established=established) for row in partitions[:_MOST_ROWS])
    size = speech.count(len(machines), "node")
    probe = f"jido probe {map_.name}"
    settles = "" if told else map_.now.nodes.settle or probe, "" if established else probe
    return Field(tuple(groups), legend, queues, max(0, len(partitions) - _MOST_ROWS), summed, size, *settles)


def _sets(partitions: Iterable[Partition], machines: Sequence[Node]) -> dict[tuple[str, ...], list[Node]]:
    behind: dict[str, list[str]] = {}
    for row in partitions:
        for name in members(row):
            behind.setdefault(name, []).append(row.name)
    sets: dict[tuple[str, ...], list[Node]] = {}
    for node in machines:
        sets.setdefault(tuple(behind.get(node.name, ())), []).append(node)
    return sets


def _title(names: tuple[str, ...], speech: Speech, *, whole: bool) -> str:
    if names:
        return speech.say("picture.group", names=", ".join(names))
    return speech.say("picture.every_node" if whole else "picture.no_partition")


def _strip(model: str, states: Mapping[str, int], speech: Speech) -> Strip:
    shown = {state: states[state] for state in STATES if states.get(state)}
    parts = ", ".join(f"{speech.say(f'picture.state.{state}')} {count:,}" for state, count in shown.items())
    count = sum(shown.values())
    return Strip(
        model, count, shown, speech.say("picture.cells_text", n=f"{count:,}", model=model or "GPU", parts=parts)
    )


def _what(node: Node, speech: Speech) -> str:
    parts = [speech.count(node.row.cpus, "cpu")]
    parts += [speech.say("unit.memory", size=human_size(node.row.memory))] if node.row.memory else []
    parts += [f"{gpu.count} × {gpu.model or 'GPU'}" + _memory(gpu.memory.value) for gpu in node.row.gpus]
    guess = f" ({speech.say('word.estimate')})" if node.row.by == "estimate" else ""
    return ", ".join(parts) + guess


def _memory(size: int | None) -> str:
    return f" {human_size(size)}" if size else ""


def _single(node: Node, speech: Speech, *, told: bool) -> Shape:
    # Where no node's state is known, that is said once.
    word = "" if node.state == "up" or not told else speech.say(f"picture.node.{node.state}")
    if node.now is not None and node.state != "up":
        words = dict.fromkeys((node.now.state, *node.now.flags))
        word += f" ({', '.join(words).replace('_', ' ')})"
    strips = tuple(_strip(one.model, one.states, speech) for one in node.cells)
    share, cpus = None, speech.say("picture.cpus_unknown", n=node.row.cpus)
    if node.now is not None:
        share = min(1.0, node.now.cpus_used / node.row.cpus) if node.row.cpus else 0.0
        cpus = speech.say("picture.cpus_used", used=node.now.cpus_used, n=node.row.cpus)
    reason = node.now.reason if node.now else ""
    why = "; ".join(dict.fromkeys(reworded(one.why, speech) for one in node.cells if one.why and node.state == "up"))
    return Shape(node.name, "", _what(node, speech), node.state, word, reason or why, strips, cpus, share)


def reworded(why: str, speech: Speech) -> str:
    """Why free GPUs are of no use, in the reader's language as far as there are words; figures stay as they are."""
    for start in (why, "its node takes no jobs", "beyond your limit of"):
        if why.startswith(start) and "." not in start and speech.has(f"picture.reason.{start}"):
            return speech.say(f"picture.reason.{start}") + why[len(start) :]
    return why


def _kinds(own: Sequence[Node], speech: Speech) -> tuple[tuple[Shape, ...], int]:
    """Alike nodes together; features and names make no kind, what a job can ask for does."""
    kinds: dict[tuple[object, ...], list[Node]] = {}
    for node in own:
        kinds.setdefault((node.row.cpus, node.row.memory, node.row.gpus), []).append(node)
    rows = sorted(kinds.values(), key=lambda alike: (not alike[0].row.gpus, -len(alike)))
    return tuple(_kind(alike, speech) for alike in rows[:_MOST_KINDS]), max(0, len(rows) - _MOST_KINDS)


def _kind(alike: list[Node], speech: Speech) -> Shape:
    names = fold(node.name for node in alike)
    if len(names) > _MOST_NAMES:
        names = names[:_MOST_NAMES] + "…"
    models: dict[str, list[Cells]] = {}
    for node in alike:
        for one in node.cells:
            models.setdefault(one.model, []).append(one)
    strips = []
    for model, rows in models.items():
        states = {state: sum(one.states.get(state, 0) for one in rows) for state in STATES}
        strips.append(_strip(model, states, speech))
    standing: dict[str, int] = {}
    for node in alike:
        standing[node.state] = standing.get(node.state, 0) + 1
    word = ", ".join(f"{speech.say(f'picture.node.{state}')} {count:,}" for state, count in standing.items())
    cpus = sum(node.row.cpus for node in alike)
    used = sum(node.now.cpus_used for node in alike if node.now)
    share, text = None, speech.say("picture.cpus_unknown", n=cpus)
    if all(node.now for node in alike):
        share, text = min(1.0, used / cpus) if cpus else 0.0, speech.say("picture.cpus_used", used=used, n=cpus)
    many = speech.count(len(alike), "node")
    return Shape(names, many, _what(alike[0], speech), "", word, "", tuple(strips), text, share)


def _queue(row: Partition, access: Access, speech: Speech, *, established: bool) -> Queue:
    verdict = access.verdict
    key = {"open": "open", "down": "down", "not established": "unknown"}.get(verdict, "no")
    asked = row.default_time if row.default_time is not None else row.max_time
    return Queue(
        row.name,
        row.default,
        row.state,
        len(members(row)),
        speech.span(row.max_time),
        speech.span(asked),
        key,
        speech.say(f"picture.verdict.{key}"),
        "" if key == "open" or (key == "unknown" and not established) else access.words,
    )
