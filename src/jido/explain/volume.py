"""A path on a cluster: which volume it is on, what that is good for, and what a job should do there."""

from __future__ import annotations

import posixpath
import time
from collections.abc import Callable, Iterator, Mapping

from jido.errors import InputError
from jido.explain.page import Line, Page, Section, section
from jido.explain.speech import Speech
from jido.model.facts import Fact
from jido.model.map import Map, Volume
from jido.model.units import human_size
from jido.words import tr


def whole_path(path: str, map_: Map) -> str:
    """A path as that cluster would see it: ``~`` and ``$HOME`` are the home folder there.

    Raises:
        InputError: It is relative, or starts at a home that the map does not know.
    """
    for short in ("$HOME", "${HOME}", "~"):
        if path == short or path.startswith(short + "/"):
            home = next((host.home.value for host in map_.instance.login if host.home.value), None)
            if home is None:
                raise InputError(
                    tr("the map of {name} does not know your home", name=map_.name), hint=tr("write the whole path")
                )
            path = home + path[len(short) :]
    if not path.startswith("/"):
        raise InputError(tr("{path!r} is not an absolute path", path=path), hint=tr("e.g. /data/u123"))
    return "/" + posixpath.normpath(path).lstrip("/")


def volumes_at(path: str, map_: Map) -> list[Volume]:
    """The volumes that hold a path: the innermost one, as each node sees it."""

    def holds(volume: Volume) -> bool:
        return path == volume.path or path.startswith(volume.path.rstrip("/") + "/")

    holding = [volume for volume in map_.storage.volumes if holds(volume)]
    longest = max((len(volume.path) for volume in holding), default=0)
    return [volume for volume in holding if len(volume.path) == longest]


def explain_path(path: str, map_: Map, speech: Speech, kinds: Mapping[str, str]) -> Page:
    """Everything the map knows of a place for files.

    Args:
        path: Absolute, or from ``~``.
        map_: The cluster's map.
        speech: The language.
        kinds: Storage kind of each volume, by path.

    Raises:
        InputError: The path cannot be understood.
    """
    path = whole_path(path, map_)
    found = volumes_at(path, map_)
    intro: list[str] = []
    if not found:
        intro.append(speech.say("path.unknown", path=path, name=map_.name))
    elif all(volume.tier.value == "system" and volume.path == "/" for volume in found):
        intro.append(speech.say("path.system", path=path, name=map_.name))
    if any(path == gone or path.startswith(gone + "/") for gone in map_.storage.missing):
        intro.append(speech.say("path.missing", path=path, name=map_.name))
    sections: list[Section] = []
    for volume in found:
        sections += _volume(volume, map_, speech, kinds.get(volume.path, ""))
    notes = [note for note in map_.notes if _mentions(note, path, [volume.path for volume in found])]
    if notes:
        sections.append(section(speech.say("path.house"), *notes))
    title = f"{path} ({map_.name})"
    return Page(title, tuple(intro), tuple(part for part in sections if part.lines), speech.lang)


def _mentions(note: str, path: str, volumes: list[str]) -> bool:
    return any(place in note for place in {path, *volumes} if len(place) > 1)


def _volume(volume: Volume, map_: Map, speech: Speech, kind: str) -> Iterator[Section]:
    lines = [Line(_tier(volume, speech), speech.say("label.tier")), *_facts(volume, map_, speech)]
    if kind and speech.has(f"kind.{kind}"):
        lines.append(Line(speech.say(f"kind.{kind}"), speech.say("label.kind")))
    elif volume.fs.is_known:
        lines.append(Line(str(volume.fs.value), speech.say("label.kind")))
    if volume.note:
        lines.append(Line(volume.note, speech.say("label.note")))
    yield section(f"{volume.path} ({_seen(volume, speech)})", *lines)
    tier = volume.tier.value or ""
    # What it says of the others is about writing there.
    if speech.has(f"tier.{tier}.good") and (volume.mine.state != "absent" or tier in ("datasets", "system")):
        yield section(
            speech.say("path.use"),
            Line(speech.say(f"tier.{tier}.good"), speech.say("label.good")),
            Line(speech.say(f"tier.{tier}.bad"), speech.say("label.bad")),
            Line(speech.say(f"tier.{tier}.job"), speech.say("label.job")),
        )


def _tier(volume: Volume, speech: Speech) -> str:
    if volume.tier.is_known and speech.has(f"tier.{volume.tier.value}.use"):
        return f"{volume.tier.value}: {speech.say(f'tier.{volume.tier.value}.use')}"
    return speech.say("path.no_tier")


def _seen(volume: Volume, speech: Speech) -> str:
    if not volume.on_nodes:
        return speech.say("seen.login")
    nodes = (
        speech.say("seen.compute") if volume.on_nodes == "compute" else speech.say("seen.on", nodes=volume.on_nodes)
    )
    return speech.say("seen.both", nodes=nodes) if volume.on_login else nodes


def _facts(volume: Volume, map_: Map, speech: Speech) -> Iterator[Line]:
    def line(label: str, text: str) -> Line:
        return Line(text, speech.say(f"label.{label}"))

    yield line("shared", _shared(volume, speech))
    if volume.mine.state == "absent":
        yield line("mine", speech.say("path.not_mine"))
    else:
        yield line("mine", _fact(volume.mine, speech))
    free = map_.now.free.get(volume.path)
    if volume.size.is_known or free is not None:
        sizes = {"size": human_size(volume.size.value), "free": human_size(free)}
        yield line("size", speech.say("path.size", **sizes))
    else:
        yield line("size", speech.say("word.unknown"))
    yield line("quota", quota_words(volume, map_, speech))
    for name, fact in (("backup", volume.backup), ("purge", volume.purge)):
        told = fact.is_known
        text = _fact(fact, speech) if told else speech.say(f"path.{name}_unknown", path=volume.path, name=map_.name)
        yield line(name, speech.say("word.none") if fact.state == "absent" else text)
    for speed in volume.speed:
        parts = [
            speech.say(f"path.{way}", rate=human_size(round(rate)))
            for way, rate in (("write", speed.write), ("read", speed.read))
            if rate
        ]
        if parts:
            if not speed.node:
                yield line("speed", speech.say("path.speed_told", rates=", ".join(parts), by=speed.by or "?"))
                continue
            day = time.strftime("%Y-%m-%d", time.localtime(speed.at)) if speed.at else "?"
            yield line("speed", speech.say("path.speed", rates=", ".join(parts), node=speed.node, day=day))
    if not volume.speed:
        yield line("speed", speech.say("path.speed_unknown", name=map_.name))


def quota_words(volume: Volume, map_: Map, speech: Speech) -> str:
    """My limits on a volume, and what of them is used where that is known."""
    quota = volume.quota.value
    if volume.quota.state == "absent" or (quota is not None and not quota.limited):
        return speech.say("word.none")
    if quota is None:
        return speech.say("word.unknown")
    used = map_.now.used.get(volume.path)
    parts = []
    if quota.limit is not None:
        parts.append(_of(used.bytes if used else None, quota.limit, human_size, speech))
    files = min((one for one in (quota.files_soft, quota.files_hard) if one is not None), default=None)
    if files is not None:
        parts.append(_of(used.files if used else None, files, lambda n: speech.count(n, "file"), speech))
    return ", ".join(parts)


def _of(used: int | None, limit: int, write: Callable[[int], str], speech: Speech) -> str:
    return write(limit) if used is None else speech.say("path.used", used=write(used), limit=write(limit))


def _shared(volume: Volume, speech: Speech) -> str:
    if volume.shared.value is True:
        return speech.say("path.shared")
    if volume.shared.value is False:
        return speech.say("path.node_local")
    return speech.say("path.shared_unknown")


def _fact(fact: Fact[str], speech: Speech) -> str:
    if not fact.is_known:
        return speech.say("word.unknown")
    mark = {"told": "word.told", "estimate": "word.estimate"}.get(fact.by)
    return f"{fact.value} ({speech.say(mark)})" if mark else str(fact.value)


def brief(volume: Volume, map_: Map, speech: Speech) -> Iterator[str]:
    """What matters of a volume in a few sentences; nothing of what is not known."""
    if volume.mine.is_known:
        yield speech.say("brief.mine", path=volume.mine.value)
    free = map_.now.free.get(volume.path)
    if volume.size.is_known and free is not None:
        yield speech.say("brief.size", size=human_size(volume.size.value), free=human_size(free))
    elif volume.size.is_known:
        yield speech.say("brief.size_only", size=human_size(volume.size.value))
    if volume.quota.value and volume.quota.value.limit:
        yield speech.say("brief.quota", quota=human_size(volume.quota.value.limit))
    if volume.shared.value is False and volume.tier.value != "local":
        yield speech.say("brief.node_local")
    if volume.backup.is_known:
        yield speech.say("brief.backup", words=_fact(volume.backup, speech))
    if volume.purge.is_known:
        yield speech.say("brief.purge", words=_fact(volume.purge, speech))
    if volume.note:
        yield volume.note[:1].upper() + volume.note[1:] + ("" if volume.note.endswith(".") else ".")
