"""What assistants are told of a project's clusters: a part of ``AGENTS.md``, and a rules file for Cursor."""

from __future__ import annotations

import difflib
import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from jido.api import projects
from jido.api.cluster import Cluster
from jido.api.explaining import storage_kinds
from jido.api.probing import engine_of
from jido.config import clusters, maps, marked
from jido.config.project import Project, find
from jido.errors import InputError, JidoError, NotFound, Refused
from jido.explain.guide import There, guide
from jido.explain.speech import Speech, language
from jido.words import LANGUAGES, tr

Which = Literal["agents", "cursor"]
# Relative to the project's folder.
FILES: dict[Which, str] = {"agents": "AGENTS.md", "cursor": ".cursor/rules/jido.mdc"}
# Cursor reads a rules file's head first of all; with this one it hands the rules to every conversation.
_HEAD = "---\ndescription: Where and how jobs of this project run (jido)\nglobs:\nalwaysApply: true\n---\n"
_MADE = "lang={lang}; made by `jido guide`, and anew each time"


class Written(msgspec.Struct, frozen=True):
    """One of the files.

    Attributes:
        file: Its path on this machine.
        state: ``new``, ``changed``, or ``same`` where it says so already.
        diff: What changes, as a unified diff; empty where nothing does.
    """

    file: str
    state: Literal["new", "changed", "same"]
    diff: str


class Guided(msgspec.Struct, frozen=True):
    """What `write` did, or would do.

    Attributes:
        folder: The project's folder.
        clusters: The clusters that are told of.
        left_out: Those that jido.toml names and that nothing is known of here, with the reason.
        files: The files.
        applied: Whether they were written.
    """

    folder: str
    clusters: tuple[str, ...]
    left_out: dict[str, str]
    files: tuple[Written, ...]
    applied: bool


def write(names: Sequence[str] = (), *, only: Which | None = None, lang: str = "", dry_run: bool = False) -> Guided:
    """Put what the maps say into the files of the project in this folder; what others wrote in them stays.

    Args:
        names: The clusters; none is all that jido.toml names, else the only one there is.
        only: One of the files; None is both.
        lang: ``en`` or ``ko``; empty keeps the language of the part that is there, else asks ``JIDO_LANG`` and the
            locale.
        dry_run: Write nothing.

    Raises:
        InputError: It is not said which cluster.
        NotFound: A cluster is not there, or was never probed.
        ConfigError: A file is a link, read-only, not UTF-8, or its marks are not one pair; none is written then.
        Refused: The folder is no project's.
    """
    project = find(Path.cwd())
    if project.file is None and project.folder in (Path.home(), Path("/")):
        raise Refused(
            tr("{folder} as a whole cannot be a project", folder=project.folder),
            hint=tr("go to the project's folder first"),
        )
    chosen, left_out = _clusters(project, names)
    rows: list[tuple[Path, bytes | None, bytes, Written]] = []
    # All are read before the first is written: where one cannot be, nothing has happened.
    for which in FILES if only is None else (only,):
        file = project.folder / FILES[which]
        before = marked.read(project.folder, FILES[which])
        text = before.decode("utf-8") if before is not None else _HEAD if which == "cursor" else ""
        spoken = _language(text, lang)
        part = _part(project, chosen, spoken)
        after = marked.with_part(text, part, _MADE.format(lang=spoken), str(file)).encode("utf-8")
        rows.append((file, before, after, _written(project, file, before, after)))
    for file, before, after, row in () if dry_run else rows:
        if row.state != "same":
            marked.put(project.folder, file.relative_to(project.folder).as_posix(), before, after)
    told = tuple(row for _, _, _, row in rows)
    return Guided(str(project.folder), tuple(chosen), left_out, told, not dry_run)


def stale(name: str) -> bool:
    """Whether the project in this folder has a guide that tells of a cluster otherwise than its map does now."""
    project = find(Path.cwd())
    if not any((project.folder / file).is_file() for file in FILES.values()):
        return False
    try:
        planned = write(dry_run=True)
        return name in planned.clusters and any(row.state == "changed" and _has_part(row) for row in planned.files)
    except (JidoError, OSError):
        # A hint is not worth an error.
        return False


def _has_part(row: Written) -> bool:
    return marked.said(Path(row.file).read_text("utf-8")) is not None


def _clusters(project: Project, names: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    if names:
        for name in names:
            clusters.get(name)
            maps.need(name)
        return list(dict.fromkeys(names)), {}
    written = [project.cluster, *(job.cluster for job in project.jobs.values()), *project.clusters]
    named = [name for name in dict.fromkeys(written) if name]
    if not named:
        named = [name for name in clusters.read() if name != "local"]
        if len(named) != 1:
            choice = f"jido guide {shlex.quote(named[0])}" if named else "jido add NAME USER@HOST; jido probe NAME"
            raise InputError(
                tr("it is not said for which cluster"),
                hint=tr("{choice}; or write cluster = ... under [project] in jido.toml", choice=choice),
            )
    left_out: dict[str, str] = {}
    for name in named:
        try:
            clusters.get(name)
            maps.need(name)
        except NotFound as error:
            left_out[name] = error.what
    known = [name for name in named if name not in left_out]
    if not known:
        maps.need(named[0])
        raise NotFound(left_out[named[0]], hint=f"jido probe {shlex.quote(named[0])}")
    return known, left_out


def _language(text: str, lang: str) -> str:
    if lang:
        return language(lang, {})
    # A project's people have locales of their own; its files have one language.
    before = re.search(r"\blang=(\w+)", marked.said(text) or "")
    return before[1] if before and before[1] in LANGUAGES else language("", os.environ)


def _part(project: Project, names: Sequence[str], lang: str) -> str:
    jobs = {
        name: job.command if isinstance(job.command, str) else shlex.join(job.command)
        for name, job in project.jobs.items()
    }
    return guide([_there(project, name) for name in names], jobs, Speech(lang))


def _there(project: Project, name: str) -> There:
    map_ = maps.need(name)
    root, why = "", ""
    try:
        root = projects.workspace(Cluster(name), project).root
    except JidoError as error:
        why = error.what + (f" ({error.hint})" if error.hint else "")
    return There(map_, storage_kinds(map_), engine_of(map_), root, why)


def _written(project: Project, file: Path, before: bytes | None, after: bytes) -> Written:
    if after == before:
        return Written(str(file), "same", "")
    name = file.relative_to(project.folder).as_posix()
    old = (before or b"").decode("utf-8").splitlines(keepends=True)
    rows = difflib.unified_diff(
        old,
        after.decode("utf-8").splitlines(keepends=True),
        f"a/{name}" if before is not None else "/dev/null",
        f"b/{name}",
    )
    diff = "".join(row if row.endswith("\n") else f"{row}\n\\ No newline at end of file\n" for row in rows)
    return Written(str(file), "new" if before is None else "changed", diff)
