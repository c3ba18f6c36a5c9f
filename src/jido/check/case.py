"""What is checked, and all that is known of where it shall run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache

import msgspec

from jido.check.findings import Edit
from jido.check.shell import Simple, Token, commands
from jido.errors import InputError
from jido.model.batch import Objection, Option, Script, Span
from jido.model.capacity import by_node
from jido.model.job import Resources
from jido.model.map import Map, NodeGroup, Partition, Volume
from jido.model.nodeset import expand

_USE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
# What the job sets for itself or the scheduler sets in it; no path of the cluster.
_PATHS = re.compile(r"(?:^|(?<=[=:,@]))(~(?=/|$)|/)[^\s=:,'\"<>|;&()*?\[\]]*")


_SHELL = re.compile(r"#!.*[/ ](?:ba|z|k|da|a|mk)?sh\b")
# Every rule asks for them.
_commands = lru_cache(maxsize=4)(commands)


class Looked(msgspec.Struct, frozen=True):
    """What the one look on the cluster brought.

    Attributes:
        folders: Whether a folder is there and may be written to: ``yes``, ``no`` or ``closed``; left out: not asked.
        counts: Entries of a folder and of those in it, counted up to a bound.
        why_not: Why nobody looked; empty when somebody did.
    """

    folders: Mapping[str, str] = {}
    counts: Mapping[str, int] = {}
    why_not: str = "nobody has looked"


class Case(msgspec.Struct, frozen=True):
    """One script, or one job of jido.toml, and its cluster.

    Attributes:
        file: As it was named.
        text: The file.
        want: What it asks for.
        script: How its engine reads it; None for a job of jido.toml.
        job: Its name in jido.toml.
        lines: Line of each key of the job in jido.toml.
        command: The command of a job of jido.toml, as a line of shell.
        map: The cluster's map; None where none is known.
        objections: What its engine knows against it there.
        write: How its engine writes an option.
        folder: The folder on the cluster from which it is submitted; empty where that is not known.
        user: Who I am there; empty where that is not known.
        now: This moment, seconds since the epoch.
        looked: What a look there brought.
    """

    file: str
    text: str
    want: Resources
    script: Script | None = None
    job: str = ""
    lines: Mapping[str, int] = {}
    command: str = ""
    map: Map | None = None
    objections: Sequence[Objection] = ()
    write: Callable[[str, str | None], str] = lambda name, value: ""
    folder: str = ""
    user: str = ""
    now: float = 0.0
    looked: Looked = Looked()

    @property
    def cluster(self) -> str:
        """The cluster's name, for sentences."""
        return self.map.name if self.map else "the cluster"

    def shell(self) -> tuple[Simple, ...]:
        """Its commands."""
        if self.script is None:
            line = self.lines.get("command", 1)
            # Within a TOML string columns are another matter: all of it stands at the key.
            return tuple(
                Simple(tuple(_at(word, line) for word in one.words), one.background, one.depth)
                for one in commands(self.command)
            )
        rows = self.text.split("\n")
        if rows[0].startswith("#!") and not _SHELL.match(rows[0]):
            return ()  # a job may be written in Python
        return _commands("\n".join(rows[self.script.body - 1 :]), self.script.body)

    def line_of(self, field: str) -> Span:
        """Where a field of `Resources` is said; the beginning where it is not."""
        if self.script is not None:
            option = self.script.says(field)
            return option.span if option else Span(1)
        return Span(self.lines.get(field, self.lines.get("", 1)))

    def replace(self, option: Option | None, name: str, value: str) -> tuple[Edit, ...]:
        """Edits that make an option say something else, or put it at the top where there is none."""
        if self.script is None or not value:
            return ()
        try:
            text = self.write(name, value)
        except InputError:
            return ()
        if option is None:
            # What is mended first may say it already.
            if any(flaw.instead for flaw in self.script.flaws):
                return ()
            return (self.put(f"{self.script.prefix} {text}".strip()),)
        span = option.span
        return (Edit(span.line, span.column, span.last or span.line, span.end, text),) if not span.last else ()

    def shown(self, option: str) -> str:
        """An option in a sentence, as the script's scheduler names it."""
        long = f"--{option}"
        return self.script.words.get(long, long) if self.script else long

    def put(self, line: str) -> Edit:
        """A new line behind the last option."""
        assert self.script is not None
        top = self.script.top
        rows = self.text.split("\n")
        if top > len(rows):
            return Edit(len(rows), len(rows[-1]) + 1, len(rows), 0, f"\n{line}")
        return Edit(top, 1, top, 1, f"{line}\n")

    def volume(self, path: str) -> Volume | None:
        """The volume that a path of the cluster lies on; None where that is not known."""
        rows = self.map.storage.volumes if self.map else ()
        holding = [row for row in rows if path == row.path or path.startswith(row.path.rstrip("/") + "/")]
        return max(holding, key=lambda row: len(row.path), default=None)

    @property
    def home(self) -> str:
        """My home folder there; empty where it is not known."""
        hosts = self.map.instance.login if self.map else ()
        return next((host.home.value for host in hosts if host.home.value), "")

    def in_home(self, path: str) -> bool:
        """Whether a path is known to lie in my home, or on the volume of homes."""
        if self.home and (path == self.home or path.startswith(self.home + "/")):
            return True
        volume = self.volume(path)
        return volume is not None and volume.tier.value == "home"

    def roomy(self) -> str:
        """My folder on the roomiest shared disk that is not home; empty where none is known."""
        rows = self.map.storage.volumes if self.map else ()
        fits = [row for row in rows if row.tier.value in ("work", "scratch") and row.on_login]
        best = max(fits, key=lambda row: (row.tier.value == "work", row.size.value or 0), default=None)
        if best is None:
            return ""
        return best.mine.value or f"{best.path.rstrip('/')}/{self.user or '$USER'}"

    def partitions(self) -> tuple[Partition, ...]:
        """The partitions that it would run in; none where that is not known."""
        known = (self.map.scheduling.partitions.value if self.map else None) or ()
        names = [name for name in (self.want.partition or "").split(",") if name]
        return tuple(one for one in known if (one.name in names if names else one.default))

    def nodes(self) -> frozenset[str]:
        """The nodes that it may start on; none where that is not known."""
        if self.want.node:
            return frozenset((self.want.node,))
        rows = self.rows()
        names: set[str] = set()
        for one in self.partitions():
            try:
                names.update(expand(one.nodes))
            except InputError:
                return frozenset()
        return frozenset(name for name in names if name not in rows or self._fits(rows[name]))

    def _fits(self, group: NodeGroup) -> bool:
        models = {gpu.model for gpu in group.gpus}
        gpus = sum(gpu.count for gpu in group.gpus if self.want.gpu_model in (None, gpu.model))
        feature = self.want.constraint
        if feature and re.fullmatch(r"[\w.-]+", feature) and feature not in group.features:
            return False
        return gpus >= self.want.gpus and (not self.want.gpu_model or self.want.gpu_model in models)

    def rows(self) -> dict[str, NodeGroup]:
        """The row of each compute node."""
        return by_node(self.map) if self.map else {}

    def variables(self) -> dict[str, str]:
        """What its variables hold, where the script says so itself or the map does."""
        known = {name: value for name, value in (("HOME", self.home), ("USER", self.user)) if value}
        for one in self.shell():
            for name, value, _ in one.assignments:
                # What the job finds there wins over what it sets only sometimes.
                full = expanded(value, known)
                if "$" in full or "`" in full or one.depth:
                    known.pop(name, None)
                else:
                    known[name] = full
        return known

    def paths(self) -> Iterator[tuple[str, Token, Simple]]:
        """Every absolute path in its commands, expanded as far as that is possible, with word and command."""
        known = self.variables()
        for one in self.shell():
            for word in one.words:
                text = word.text if word.quoted else expanded(word.text, known)
                for match in _PATHS.finditer(text):
                    path = match[0]
                    if path.startswith("~"):
                        if not self.home:
                            continue
                        path = self.home + path[1:]
                    # As far as it is certain: what the job itself fills in stands behind it.
                    path = re.split(r"[$`{}%]", path)[0]
                    if len(path) > 1:
                        yield path.rstrip("/") or "/", word, one


def expanded(text: str, known: Mapping[str, str]) -> str:
    """A text with the variables filled in that are known."""
    return _USE.sub(lambda match: known.get(match[1] or match[2], match[0]), text)


def _at(word: Token, line: int) -> Token:
    return msgspec.structs.replace(word, line=line, column=1, last=line, end=0)
