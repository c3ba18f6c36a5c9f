"""What somebody who works on a project has to know of its clusters, an assistant say, as Markdown."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from jido.engines.base import Engine
from jido.explain.cluster import explain_cluster
from jido.explain.page import Line, Section, section
from jido.explain.speech import Speech
from jido.model.map import Map, Now, Volume

# The folders of a project that are worth a line; the others are jido's own.
_FOLDERS = ("code", "data", "results", "checkpoints", "logs")
# More jobs than this are looked up in jido.toml.
_JOBS = 12
_WIDE = 100


class There(msgspec.Struct, frozen=True):
    """A project on one of its clusters.

    Attributes:
        map: The cluster's map.
        kinds: Storage kind of each volume, by path.
        engine: What runs jobs there; None where there is none, or none that is installed here.
        root: The project's folder there; empty where nobody knows.
        why: Why it is not known.
    """

    map: Map
    kinds: Mapping[str, str]
    engine: Engine | None
    root: str
    why: str = ""


def guide(clusters: Sequence[There], jobs: Mapping[str, str], speech: Speech) -> str:
    """The text; the same for the same lasting facts, whatever is free or queued at the moment.

    Args:
        clusters: Where the project runs; the first is the one to begin with.
        jobs: Commands of the jobs that the project's file names.
        speech: The language.
    """
    names = ", ".join(code(one.map.name) for one in clusters)
    lines = [f"## {speech.say('guide.title')}", "", speech.say("guide.intro", clusters=names), ""]
    lines += _written(section(speech.say("guide.how"), *_how(clusters[0].map, jobs, speech)), 3)
    for one in clusters:
        lines += [f"### {plain(speech.say('guide.on', name=one.map.name))}", "", *_there(one, speech)]
    return "\n".join(lines).rstrip("\n")


def code(text: str) -> str:
    """A text as Markdown shows it letter for letter, on one line."""
    text = _one_line(text)
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    space = " " if not text or text[0] in " `" or text[-1] in " `" else ""
    return f"{fence}{space}{text}{space}{fence}"


def plain(text: str) -> str:
    """A text on one line that neither begins nor ends a comment: the marks around the part are comments."""
    return _one_line(text).replace("<!--", "&lt;!--").replace("-->", "--&gt;")


def _one_line(text: str) -> str:
    # A site's names may hold any bytes, and a terminal's control characters are nobody's to obey.
    whole = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in " ".join(whole.split()))


def _how(map_: Map, jobs: Mapping[str, str], speech: Speech) -> Iterator[Line | str]:
    on = shlex.quote(map_.name)
    gpu = " --gpus 1" if any(group.gpus for group in map_.instance.nodes) else ""
    for name, command in list(jobs.items())[:_JOBS]:
        short = command if len(command) <= _WIDE else command[:_WIDE] + " ..."
        yield Line(speech.say("guide.job", command=code(short)), f"jido submit {shlex.quote(name)}")
    job = f"jido submit --on {on}{gpu}"
    yield Line(speech.say("guide.check"), f"jido check --on {on}" if jobs else f"jido check --on {on} SCRIPT")
    yield Line(speech.say("guide.dry_run"), f"{job} --dry-run -- python train.py")
    yield Line(speech.say("guide.submit"), f"{job} -- python train.py")
    for key, command in (
        ("ps", "jido ps"),
        ("why", "jido why RUN"),
        ("logs_of", "jido logs -n 50 RUN"),
        ("pull", "jido pull RUN"),
        ("cancel", "jido cancel RUN"),
        ("gpus", f"jido gpus {on}"),
        ("df", f"jido df {on}"),
    ):
        yield Line(speech.say(f"guide.{key}"), command)
    yield speech.say("guide.patience")
    yield speech.say("guide.by_hand")


def _there(one: There, speech: Speech) -> Iterator[str]:
    # What is free or queued now is not for a file.
    lasting = msgspec.structs.replace(one.map, now=Now())
    page = explain_cluster(lasting, speech, one.kinds, one.engine)
    if page.intro:
        # A purpose is told in somebody's words, with or without a stop.
        yield from (plain(" ".join(text.rstrip(".") + "." for text in page.intro)), "")
    yield from _written(section(speech.say("guide.here"), *_folders(one, speech)), 4)
    for part in page.sections:
        # How to begin is told above, for all clusters.
        if part.title != speech.say("cluster.first"):
            yield from _written(part, 4)
    yield from _written(section(speech.say("guide.unknown"), *_unknown(lasting, speech)), 4)


def _folders(one: There, speech: Speech) -> Iterator[Line | str]:
    if not one.root:
        yield speech.say("guide.nowhere", why=one.why or "?")
        return
    yield Line(speech.say("guide.root"), one.root)
    for name in _FOLDERS:
        yield Line(speech.say(f"guide.{name}"), f"{name}/")
    yield speech.say("guide.in_job")


def _unknown(map_: Map, speech: Speech) -> Iterator[Line]:
    """What a person should not take for granted, each with what settles it."""
    kept: list[Volume] = [one for one in map_.storage.volumes if one.tier.value in ("home", "work", "scratch")]
    for volume in kept:
        for what, fact in (("backup", volume.backup), ("purge", volume.purge)):
            if fact.state == "unknown" and not (what == "purge" and volume.tier.value == "home"):
                settle = f'jido note {shlex.quote(map_.name)} --{what} {shlex.quote(volume.path)} "..."'
                yield Line(f"{speech.say(f'guide.{what}', path=volume.path)} ({code(settle)})")


def _written(part: Section, level: int) -> Iterator[str]:
    if not part.lines:
        return
    yield from (f"{'#' * level} {plain(part.title)}", "")
    for line in part.lines:
        label = f"{code(line.label)}: " if line.label else ""
        yield f"- {label}{plain(line.text)}"
    yield ""
