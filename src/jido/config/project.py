"""The project: a folder with a ``jido.toml``, or any folder, since nothing is needed to start."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from jido.config.requirements import kind_of
from jido.config.toml_lines import key_lines
from jido.errors import ConfigError, InputError, nearest
from jido.model.units import parse_duration, parse_size
from jido.model.workspace import folder_name
from jido.words import known, mark, tr

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE = "jido.toml"


class _Table(msgspec.Struct, frozen=True, omit_defaults=True):
    """A table of the file; its fields are its only keys."""


class LayoutTable(_Table, frozen=True):
    """``[layout]``: where things lie.

    Attributes:
        work: Folder on the cluster under which the project is laid out; empty asks the map. ``~`` is the home
            folder there and ``{user}`` the user.
        ignore: Patterns in the notation of ``.gitignore`` for what is not code.
        pull: What `jido pull` brings: a role (``results``) or a pattern in one (``checkpoints/best*.pt``).
    """

    work: str = ""
    ignore: tuple[str, ...] = ()
    pull: tuple[str, ...] = ("results", "logs")


class EnvTable(_Table, frozen=True):
    """``[env]``: what the code needs around it.

    Attributes:
        requirements: The file in the code that says what is needed: ``requirements.txt``, ``uv.lock``,
            ``pyproject.toml`` or ``environment.yml``; empty builds no environment.
        wheels: A folder in the code with wheels, for compute nodes without internet
            (``pip --no-index --find-links``); empty asks the package index.
        python: The interpreter the environment is made from.
        modules: Environment modules loaded first.
        image: A container image that the command is executed in: an address (``docker://...``) to be fetched once, or
            a file, relative to the code or absolute on the cluster.
        local: Whether nodes have copies of the environment on disks of their own; ``auto`` where small files were
            measured to be read much faster from these than from the work volume.
        set: Variables for every job.
    """

    requirements: str = ""
    wheels: str = ""
    python: str = "python3"
    modules: tuple[str, ...] = ()
    image: str = ""
    local: bool | Literal["auto"] = "auto"
    set: dict[str, str] = {}

    @property
    def kind(self) -> str:
        """What makes its environment: ``pip``, ``project``, ``conda``, ``image``; empty where nothing does."""
        return "image" if self.image else kind_of(self.requirements) if self.requirements else ""

    @property
    def interpreter(self) -> str:
        """What Python is called in a run's command."""
        return "python3" if self.image else "python" if self.requirements else self.python


class ClusterTable(_Table, frozen=True):
    """``[clusters.NAME]``: what holds on one cluster; jobs and flags beat it.

    Attributes:
        partition: Partition or queue.
        account: Account to charge.
        qos: QoS.
        work: As in `LayoutTable`.
        time: Limit, ``2h`` or ``6-00:00:00``.
        extra: The scheduler's own options.
    """

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    work: str = ""
    time: str | None = None
    extra: tuple[str, ...] = ()


class JobTable(_Table, frozen=True):
    """``[jobs.NAME]``: a command and what it asks for; None leaves it to the cluster.

    Attributes:
        command: Text is a line for bash; a list is the exact program and its arguments.
        gpus: GPUs per node.
        gpu_model: The scheduler's GPU type.
        cpus: CPUs per task.
        memory: Per node, ``29G``.
        cpus_per_gpu: CPUs per GPU.
        memory_per_gpu: ``29G``.
        time: Limit, ``2h`` or ``6-00:00:00``.
        nodes: Nodes.
        tasks: Tasks per node.
        launch: How several processes are started: ``tasks``, ``torchrun``, ``mpi``, ``ray`` or ``none``.
        warn: How long before the time limit its processes are warned, ``2m``.
        warn_signal: What those that handle it are sent: ``USR1``, ``USR2``, ``TERM``, ``INT``, ``HUP``, ``none``.
        resume: How often it may go on in another attempt.
        partition: Partition or queue.
        account: Account to charge.
        qos: QoS.
        constraint: Node features.
        stage: Datasets to bring to the node's local disk.
        env: Variables for this job.
        extra: The scheduler's own options.
        cluster: Where it runs unless another is named.
    """

    command: str | tuple[str, ...] = ()
    gpus: int | None = None
    gpu_model: str | None = None
    cpus: int | None = None
    memory: str | None = None
    cpus_per_gpu: int | None = None
    memory_per_gpu: str | None = None
    time: str | None = None
    nodes: int | None = None
    tasks: int | None = None
    launch: str = ""
    warn: str | None = None
    warn_signal: str = ""
    resume: int | None = None
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    stage: tuple[str, ...] = ()
    env: dict[str, str] = {}
    extra: tuple[str, ...] = ()
    cluster: str = ""


class ProjectTable(_Table, frozen=True):
    """``[project]``.

    Attributes:
        name: Of the project's folder on the cluster; empty takes the local folder's.
        cluster: The cluster to use when none is named.
    """

    name: str = ""
    cluster: str = ""


class Project(msgspec.Struct, frozen=True):
    """A project on this machine.

    Attributes:
        folder: Its folder, absolute.
        file: Its ``jido.toml``; None where there is none.
        name: Safe as a folder's name anywhere.
        cluster: The cluster to use when none is named; empty when the file names none.
        layout: See `LayoutTable`.
        env: See `EnvTable`.
        jobs: By name, in the file's order.
        clusters: By cluster.
    """

    folder: Path
    file: Path | None
    name: str
    cluster: str = ""
    layout: LayoutTable = LayoutTable()
    env: EnvTable = EnvTable()
    jobs: dict[str, JobTable] = {}
    clusters: dict[str, ClusterTable] = {}


_TABLES: dict[str, type[_Table]] = {"project": ProjectTable, "layout": LayoutTable, "env": EnvTable}
_GROUPS: dict[str, type[_Table]] = {"jobs": JobTable, "clusters": ClusterTable}

# What a field of text has to say besides being text; a bare number is refused because its unit would be guessed.
_NOTATIONS = {
    "time": (parse_duration, mark('a duration as text: "2h", "90m" or "6-00:00:00"')),
    "warn": (parse_duration, mark('a duration as text: "2m" or "90s"')),
    "memory": (parse_size, mark('a size as text: "29G"')),
    "memory_per_gpu": (parse_size, mark('a size as text: "29G"')),
}
_AT_LEAST = {"gpus": 0, "cpus": 1, "cpus_per_gpu": 1, "nodes": 1, "tasks": 1, "resume": 0}


def find(start: Path) -> Project:
    """The project that a folder belongs to.

    Args:
        start: Where to begin; it and its parents are searched for a ``jido.toml``.

    Returns:
        The project of the nearest file; without any, `start` itself with the defaults.

    Raises:
        ConfigError: The file is wrong; says the line, the key and the nearest valid key.
    """
    folder = start.absolute()
    for candidate in (folder, *folder.parents):
        file = candidate / FILE
        if file.is_file():
            return load(file)
    return Project(folder=folder, file=None, name=folder_name(folder.name))


def load(file: Path) -> Project:
    """Read a ``jido.toml``.

    Raises:
        ConfigError: See `find`.
    """
    try:
        text = file.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(tr("this is not UTF-8 text"), file=str(file), line=line, cause=str(error)) from error
    except OSError as error:
        raise ConfigError(tr("cannot be read: {strerror}", strerror=error.strerror), file=str(file)) from error
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"at line (\d+)", str(error))
        raise ConfigError(
            tr("this is not TOML"),
            file=str(file),
            line=int(where[1]) if where else text.rstrip("\n").count("\n") + 1,
            cause=str(error),
        ) from error
    return _Reader(file, text).project(raw)


class _Reader:
    """Turns the raw tables into structs, saying where something is wrong."""

    def __init__(self, file: Path, text: str) -> None:
        self.file = file
        self.text = text

    def wrong(self, path: tuple[str, ...], what: str, hint: str = "", cause: str = "") -> ConfigError:
        lines = key_lines(self.text)
        known = next((lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in lines), None)
        return ConfigError(what, file=str(self.file), line=known, key=dotted(path), hint=hint, cause=cause)

    def project(self, raw: dict[str, Any]) -> Project:
        tables: dict[str, Any] = {}
        groups: dict[str, dict[str, Any]] = {"jobs": {}, "clusters": {}}
        for key, value in raw.items():
            if key not in _TABLES and key not in _GROUPS:
                raise self.unknown((key,), [*_TABLES, *_GROUPS])
            if not isinstance(value, dict):
                raise self.wrong(
                    (key,), tr("{key} must be a table", key=key), tr("write [{key}] on a line of its own", key=key)
                )
            if key in _TABLES:
                tables[key] = self.table((key,), value, _TABLES[key])
                continue
            for name, inner in value.items():
                if not isinstance(inner, dict):
                    hint = f"write [{key}.NAME] on a line of its own, with {name} below it"
                    raise self.wrong((key, name), tr("{dotted} must be a table", dotted=dotted((key, name))), hint)
                groups[key][name] = self.table((key, name), inner, _GROUPS[key])
        self.agree(raw.get("env", {}))
        head = tables.get("project", ProjectTable())
        folder = self.file.parent
        name = head.name or folder_name(folder.name)
        if name != folder_name(name):
            raise self.wrong(
                ("project", "name"),
                tr("project.name {name!r} cannot be a folder's name everywhere", name=name),
                tr("use letters, digits and ._-, e.g. {folder_name!r}", folder_name=folder_name(name)),
            )
        return Project(
            folder=folder,
            file=self.file,
            name=name,
            cluster=head.cluster,
            layout=tables.get("layout", LayoutTable()),
            env=tables.get("env", EnvTable()),
            jobs=groups["jobs"],
            clusters=groups["clusters"],
        )

    def agree(self, env: dict[str, Any]) -> None:
        """Refuse an ``[env]`` whose keys contradict each other."""
        said = [key for key in ("image", "requirements", "wheels", "python") if env.get(key)]
        if said[:1] == ["image"] and said[1:]:
            hint = f"take {said[1]} out, or image; what an image lacks is built into the image"
            raise self.wrong(
                ("env", said[1]), tr("env.image and env.{said} contradict each other", said=said[1]), hint
            )
        if "requirements" not in said:
            return
        path = ("env", "requirements")
        try:
            kind = kind_of(env["requirements"])
        except InputError as error:
            raise self.wrong(path, error.what, error.hint) from error
        if kind == "conda" and (others := [key for key in said if key in ("wheels", "python")]):
            hint = f"take {others[0]} out: " + (
                "write python=3.11 or its like among the dependencies of the environment file"
                if others[0] == "python"
                else "conda brings its packages itself; for wheels use a requirements.txt"
            )
            what = f"env.{others[0]} contradicts env.requirements, which conda builds from"
            raise self.wrong(("env", others[0]), what, hint)

    def unknown(self, path: tuple[str, ...], valid: list[str]) -> ConfigError:
        suggestion = nearest(path[-1], valid)
        return self.wrong(
            path,
            tr("unknown key {dotted}{meant}", dotted=dotted(path), meant=f"; {suggestion}" if suggestion else ""),
        )

    def table(self, path: tuple[str, ...], raw: dict[str, Any], kind: type[_Table]) -> _Table:
        types = get_type_hints(kind)
        values: dict[str, Any] = {}
        for key, value in raw.items():
            here = (*path, key)
            if key not in types:
                raise self.unknown(here, list(types))
            try:
                values[key] = msgspec.convert(value, types[key])
            except msgspec.ValidationError as error:
                raise self.wrong(
                    here,
                    tr("{dotted} must be {said}", dotted=dotted(here), said=_said(key, types[key])),
                    cause=str(error),
                ) from error
            self.check(here, values[key])
        return kind(**values)

    def check(self, path: tuple[str, ...], value: Any) -> None:
        key = path[-1]
        if key in _NOTATIONS and path[0] in _GROUPS:
            parse, notation = _NOTATIONS[key]
            try:
                parse(value)
            except InputError as error:
                raise self.wrong(
                    path, tr("{dotted} must be {said}", dotted=dotted(path), said=known(notation)), cause=error.what
                ) from error
        if isinstance(value, int) and value < _AT_LEAST.get(key, value):
            raise self.wrong(
                path,
                tr(
                    "{dotted} must be at least {least}, not {value}",
                    dotted=dotted(path),
                    least=_AT_LEAST[key],
                    value=value,
                ),
            )
        if key in ("env", "set") and isinstance(value, dict):
            for name in value:
                if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                    raise self.wrong(
                        (*path, name), tr("{dotted} is not a variable's name", dotted=dotted((*path, name)))
                    )


def dotted(path: tuple[str, ...]) -> str:
    """A key as TOML writes it: ``jobs.train.gpus``, ``jobs."한 번".gpus``."""
    bare = re.compile(r"[A-Za-z0-9_-]+")
    return ".".join(
        part if bare.fullmatch(part) else '"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in path
    )


def _said(key: str, kind: Any) -> str:
    """What a field wants, in words."""
    if key in _NOTATIONS:
        return known(_NOTATIONS[key][1])
    if bool in get_args(kind):
        return tr('"auto", true or false')
    kinds = [one for one in get_args(kind) if one is not type(None)] if get_origin(kind) is not tuple else []
    if get_origin(kind) is dict:
        return tr('a table of texts: { NAME = "value" }')
    if len(kinds) > 1:
        return tr("text or a list of texts")
    plain = kinds[0] if kinds else kind
    if get_origin(plain) is tuple:
        return tr('a list of texts: ["a", "b"]')
    return {int: tr("a whole number"), str: tr("text in quotes")}.get(plain, str(plain))
