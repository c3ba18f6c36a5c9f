"""The environments that lie on a cluster: which, how large, who asked for them, and taking some of them away."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

import msgspec

from jido.errors import Refused
from jido.jobs.environments import About
from jido.model.command import Ask, Command, Reply
from jido.words import tr

_ASKED_MEANWHILE = 75

# A record for each environment: fields end with \\037, records with \\036. Nothing is walked over: sizes were counted
# on the compute node that built it.
_LOOK = """\
for store do
  for one in "$store"/envs/*/; do
    one=${one%/}
    [ -d "$one/runs" ] || continue
    printf '%s\\037' "$one"; cat "$one/about.json" 2>/dev/null; printf '\\037'
    for tag in "$one"/*; do
      case ${tag##*/} in *.lock) printf 'building %s\\n' "${tag##*/}" ;; esac
      [ -L "$tag" ] && [ -e "$tag" ] || continue
      from=$(readlink -- "$tag"); packed=-
      for file in "$one/$from.tar" "$one/$from.tar.zst"; do
        [ ! -e "$one/$from.pack" ] || [ ! -e "$file" ] || packed=$(stat -c %s -- "$file")
      done
      printf '%s %s ' "${tag##*/}" "$packed"
      cat "$one/${from%%/*}/.jido.json" 2>/dev/null || echo '{}'
    done
    printf '\\037'; stat -c %Y -- "$one/runs" "$one"/runs/* 2>/dev/null
    printf '\\037'; for run in "$one"/runs/*; do [ ! -L "$run" ] || printf '%s/' "${run##*/}"; done
    printf '\\037'; readlink -z -- "$one"/runs/*
    printf '\\036'
  done
done
echo whole
"""
# $1 is the environment, the others are the runs that were seen to have asked for it. Its name goes first.
_REMOVE = """\
one=$1; shift
[ -d "$one" ] || exit 0
nl='
'
seen=$(printf '%s\\n' "$@")
for run in "$one"/runs/*; do
  [ ! -L "$run" ] || case $nl$seen$nl in *"$nl${run##*/}$nl"*) ;; *) printf '%s' "${run##*/}"; exit 75 ;; esac
done
mv -- "$one" "${one%/*}/.gone-${one##*/}-$$" && rm -rf -- "${one%/*}"/.gone-*
"""
# What builders that died left, and notes of runs whose folders are gone; only where no run of mine is open.
_TIDY = """\
for one do
  [ -z "$(find "$one" -maxdepth 1 -name '*.beat' -mmin -2)" ] || continue
  used=
  for tag in "$one"/*; do
    if [ -L "$tag" ] && [ -e "$tag" ]; then from=$(readlink -- "$tag"); used=$used/${from%%/*}/; fi
  done
  for made in "$one"/*; do
    case ${made##*/} in runs | about.json | *.failed) continue ;; esac
    name=${made##*/} name=${name%.pack} name=${name%.zst} name=${name%.tar}
    case $used in *"/$name/"*) continue ;; esac
    if [ -L "$made" ] && [ -e "$made" ]; then continue; fi
    rm -rf -- "$made"
  done
  for run in "$one"/runs/*; do [ -e "$run" ] || rm -f -- "$run"; done
  rm -rf -- "${one%/*}"/.gone-*
done
"""


class Kept(msgspec.Struct, frozen=True):
    """The environments of one content.

    Attributes:
        digest: Its name.
        folder: Where it lies.
        kind: As in `About`; empty where nothing tells.
        what: What it was made of.
        project: Which asked for it first.
        builds: By kind of node, bytes; None where it was not counted.
        packed: By kind of node, bytes of the archive that nodes' own copies are made from, where there is one.
        building: Whether somebody builds it, or died of that.
        used: When a run asked for it last, seconds since the epoch.
        runs: Run folders by name of the runs that asked for it and are still there.
        live: Those of them that are open.
    """

    digest: str
    folder: str
    kind: str
    what: str
    project: str
    builds: dict[str, int | None]
    building: bool
    used: float
    runs: dict[str, str]
    live: tuple[str, ...] = ()
    packed: dict[str, int] = {}

    @property
    def bytes(self) -> int | None:
        """All builds together; None where one of them is not known."""
        sizes = [size for size in self.builds.values() if size is not None]
        return sum(sizes) if len(sizes) == len(self.builds) else None


def look(stores: Sequence[str]) -> Ask[list[Kept]]:
    """What lies on these stores (`Workspace.store`), in one exec."""
    return Ask(Command(("sh", "-c", _LOOK, "jido-env", *stores)), _read)


def _read(reply: Reply) -> list[Kept]:
    text = reply.check(tr("looking for environments")).stdout.decode("utf-8", "surrogateescape")
    records = text.split("\x1e")
    if records[-1] != "whole\n":
        raise Refused(tr("the list of environments was cut"), hint=tr("try it again"))
    return [_kept(record.split("\x1f")) for record in records[:-1]]


def _kept(fields: list[str]) -> Kept:
    folder, about, builds, times, names, targets = fields
    try:
        said = msgspec.json.decode(about, type=About)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        said = About("", "?", "")
    found: dict[str, int | None] = {}
    packed: dict[str, int] = {}
    lines = builds.splitlines()
    for line in (line for line in lines if not line.startswith("building ")):
        tag, size, rest = line.split(" ", 2)
        if size.isdecimal():
            packed[tag] = int(size)
        try:
            found[tag] = json.loads(rest)["kib"] * 1024
        except (ValueError, KeyError, TypeError):
            found[tag] = None
    runs = dict(zip(names.split("/")[:-1], targets.split("\0")[:-1], strict=False))
    used = max((float(time) for time in times.split()), default=0.0)
    building = any(line.startswith("building ") for line in lines)
    digest = folder.rpartition("/")[2]
    return Kept(digest, folder, said.kind, said.what, said.project, found, building, used, runs, packed=packed)


def remove(kept: Kept) -> Ask[None]:
    """Take an environment away; nothing is touched when a run asked for it after it was looked at.

    Raises (by the parser):
        Refused: One did.
    """
    command = Command(("sh", "-c", _REMOVE, "jido-env", kept.folder, *kept.runs), timeout=1800)

    def parse(reply: Reply) -> None:
        if reply.code == _ASKED_MEANWHILE:
            raise Refused(
                tr("{digest} stays", digest=kept.digest),
                cause=tr("{text} asked for it just now", text=reply.text),
                hint=tr("try it again later"),
            )
        reply.check(tr("removing {folder}", folder=kept.folder))

    return Ask(command, parse)


def tidy(kept: Collection[Kept]) -> Ask[None]:
    """Take away what lies beside environments and is of no use: only for those without an open run."""
    command = Command(("sh", "-c", _TIDY, "jido-env", *(one.folder for one in kept)), timeout=1800)

    def parse(reply: Reply) -> None:
        reply.check(tr("tidying the environments"))

    return Ask(command, parse)
