"""What a picture says, in the reader's words: stations on the way of a job, each fact known, none or unknown."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec

from jido.capacity.usable import Pool, together, usable
from jido.explain.speech import Speech
from jido.explain.unknown import unknowns
from jido.model.capacity import capacity
from jido.model.facts import Fact
from jido.model.map import Host, Map
from jido.model.units import human_size
from jido.picture.cells import nodes, totals
from jido.picture.ground import Field, field, reworded
from jido.picture.shelves import Shelf, hidden, shelves

# More open questions than a page has room for.
_MOST = 40
_LONGEST = 300


class Said(msgspec.Struct, frozen=True):
    """A fact in words.

    Attributes:
        label: What it is about.
        text: Its value in words; for one that is not known, the word for that.
        state: ``known``, ``none`` or ``unknown``.
        why: For unknown: the reason, as the map has it.
        settle: For unknown: the command that would settle it.
        code: Whether the text is typed, not read.
    """

    label: str
    text: str
    state: str = "known"
    why: str = ""
    settle: str = ""
    code: bool = False


class Question(msgspec.Struct, frozen=True):
    """Something the map does not know."""

    what: str
    why: str
    settle: str


class Free(msgspec.Struct, frozen=True):
    """One kind of GPU over all partitions: ``free`` is ``usable`` and the rest that `why_not` counts."""

    model: str
    memory: str
    in_all: int
    free: int
    usable: int
    unseen: int
    why_not: tuple[tuple[str, int], ...]


class Scene(msgspec.Struct, frozen=True):
    """Everything on a picture of one cluster.

    Attributes:
        name: The cluster's.
        purpose: What it is for.
        origin: Where the map is from, where that is no probe.
        moment: When it stood so; empty where nobody looked.
        kinds: What type of cluster it is: each type's word and what that means.
        evidence: What that was seen by.
        figures: Large numbers at the head: number and what it counts.
        you: The first station.
        logins: The login nodes.
        scheduler: What places jobs.
        field: The compute nodes.
        free: GPUs by kind.
        shelves: The volumes.
        hidden: How many volumes are not drawn.
        questions: What is not known.
        more: How many of these have no room.
        notes: What people should know.
    """

    name: str
    purpose: str
    origin: str
    moment: str
    kinds: tuple[tuple[str, str], ...]
    evidence: tuple[str, ...]
    figures: tuple[tuple[str, str], ...]
    you: tuple[Said, ...]
    logins: tuple[tuple[str, tuple[Said, ...]], ...]
    scheduler: tuple[Said, ...]
    field: Field
    free: tuple[Free, ...]
    shelves: tuple[Shelf, ...]
    hidden: int
    questions: tuple[Question, ...]
    more: int
    notes: tuple[str, ...]


def scene(map_: Map, speech: Speech, *, origin: str = "probe", name: str = "") -> Scene:
    """Everything on the picture of a map.

    Args:
        map_: The map.
        speech: The language.
        origin: ``probe``, ``file`` or ``built-in``, as `api.explaining.Source` has it.
        name: What to call it; empty is the map's own name.
    """
    words = Words(speech, f"jido probe {map_.name}")
    machines = nodes(map_)
    pools = together(map_, usable(map_))
    asked = unknowns(map_, words.named, ", ")
    from_ = {"built-in": words("not_probed"), "file": words("from_file")}.get(origin, "")
    # A clock that the reader shares: the page may be read far from the cluster.
    moment = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(map_.now.at)) if map_.now.at else ""
    return Scene(
        name=name or map_.name,
        purpose=map_.purpose,
        origin=_origin(map_, from_ if not map_.now.at else "", speech),
        moment=words("as_of", moment=moment) if moment else "",
        kinds=tuple((kind, speech.say(f"type.{kind}")) for kind in map_.type.value.value or ()),
        evidence=map_.type.evidence,
        figures=_figures(map_, pools, words, looked=bool(machines) and map_.now.nodes.is_known),
        you=_you(map_, words),
        logins=tuple((host.name, _login(host, map_, words)) for host in map_.instance.login),
        scheduler=_scheduler(map_, words),
        field=field(map_, machines, totals(machines), speech),
        free=tuple(_free(pool, words) for pool in pools),
        shelves=tuple(shelves(map_, speech)),
        hidden=hidden(map_),
        questions=tuple(Question(_short(what), why, settle) for what, why, settle in asked[:_MOST]),
        more=max(0, len(asked) - _MOST),
        notes=map_.notes,
    )


def _short(text: str) -> str:
    # Thousands of nodes by name are no reading; `jido show` has them all.
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _origin(map_: Map, words: str, speech: Speech) -> str:
    guessed = any(row.by == "estimate" for row in map_.instance.nodes)
    return " ".join(filter(None, (words, speech.say("cluster.estimates") if guessed else "")))


class Words:
    """The sentences of the picture.

    Args:
        speech: The language.
        settle: The command that settles what was never looked at.
    """

    def __init__(self, speech: Speech, settle: str = "") -> None:
        self.speech = speech
        self._settle = settle

    def __call__(self, key: str, **values: Any) -> str:
        """A sentence of the section ``picture``."""
        return self.speech.say(f"picture.{key}", **values)

    def named(self, fact: str) -> str:
        """What a fact of the map is called; its own name where there is no word for it."""
        key = f"picture.fact.{fact}"
        return self.speech.say(key) if self.speech.has(key) else fact

    def said(self, label: str, fact: Fact[Any], write: Callable[[Any], str] = str) -> Said:
        """A fact in words."""
        what = self(label)
        if fact.is_known:
            return Said(what, write(fact.value))
        if fact.state == "absent":
            return Said(what, self("none"), "none")
        return Said(what, self("unknown"), "unknown", fact.why, fact.settle or self._settle)


def _figures(map_: Map, pools: list[Pool], words: Words, *, looked: bool) -> tuple[tuple[str, str], ...]:
    if not map_.instance.nodes:
        return ()
    sums = capacity(map_)
    rows = [(f"{sums.nodes:,}", words("nodes")), (f"{sums.cpus:,}", words("cpus"))]
    if sums.memory:
        rows.append((human_size(sums.memory), words("memory")))
    if sums.gpus:
        rows.append((f"{sum(sums.gpus.values()):,}", words("gpus")))
        if looked:
            rows.append((f"{sum(pool.usable for pool in pools):,}", words("usable")))
    return tuple(rows)


def _free(pool: Pool, words: Words) -> Free:
    counted = sorted(pool.not_usable.items(), key=lambda one: -one[1])
    reasons = tuple((reworded(why, words.speech), count) for why, count in counted)
    memory = human_size(pool.memory) if pool.memory else ""
    return Free(pool.model, memory, pool.in_all, pool.free, pool.usable, pool.unseen, reasons)


def _you(map_: Map, words: Words) -> tuple[Said, ...]:
    rows = []
    host = map_.instance.login[0] if map_.instance.login else None
    if host is not None and host.user.state != "unknown":
        rows.append(words.said("user", host.user))
    if map_.scheduling.accounts.state != "absent":
        rows.append(words.said("accounts", map_.scheduling.accounts, ", ".join))
    gpu = " --gpus 1" if any(row.gpus for row in map_.instance.nodes) else ""
    rows.append(Said(words("first"), f"jido run --on {map_.name}{gpu} -- python train.py", code=True))
    return tuple(rows)


def _login(host: Host, map_: Map, words: Words) -> tuple[Said, ...]:
    rows = [words.said("os", host.os)]
    if host.cpus.is_known or host.memory.is_known:
        size = [words.speech.count(host.cpus.value, "cpu")] if host.cpus.value else []
        size += [words.speech.say("unit.memory", size=human_size(host.memory.value))] if host.memory.value else []
        rows.append(Said(words("size"), ", ".join(size)))
    if host.home.is_known:
        rows.append(Said(words("home"), host.home.value or "", code=True))
    rows.append(Said(words("open"), f"jido login {map_.name}", code=True))
    return tuple(rows)


def _scheduler(map_: Map, words: Words) -> tuple[Said, ...]:
    facts = map_.scheduling
    version = facts.version.value or ""
    rows = [words.said("engine", facts.engine, lambda name: f"{name.capitalize()} {version}".strip())]
    if not facts.engine.is_known:
        return tuple(rows)
    if facts.qos.state != "absent":
        rows.append(words.said("qos", facts.qos, lambda names: ", ".join(names) or words("none")))
    rows.append(words.said("accounting", facts.accounting, lambda kept: words("kept" if kept else "forgotten")))

    def queue(jobs: Any) -> str:
        states = [job.state for job in jobs]
        if not states:
            return words("queue_empty")
        return words("queue_words", running=states.count("running"), waiting=states.count("pending"))

    rows.append(words.said("queue", map_.now.queue, queue))
    return tuple(rows)
