"""The tool ``check``: what a script or a job would stumble over, before it is queued."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from jido.api import checking as api
from jido.api import jobs, scripts
from jido.assistant import short
from jido.assistant.tool import Call, Tool
from jido.check.findings import Finding
from jido.check.speech import finding_in
from jido.config import project as files
from jido.errors import InputError, JidoError
from jido.explain.speech import language

# Findings; lines of what would be rewritten.
_FINDINGS, _DIFF = 20, 60


class CheckAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments."""

    what: Annotated[
        tuple[str, ...],
        msgspec.Meta(description="Scripts of the project, CLUSTER:PATH, or jobs of jido.toml; none is all its jobs."),
    ] = ()
    cluster: Annotated[str, msgspec.Meta(description="Against which; empty: jido.toml says, or the only one.")] = ""
    offline: Annotated[bool, msgspec.Meta(description="Ask nobody; what would have to be asked is unknown then.")] = (
        False
    )
    lang: Annotated[str, msgspec.Meta(description="en or ko; empty is the server's language.")] = ""


class Stumble(msgspec.Struct, frozen=True, omit_defaults=True):
    """A finding; `error` is certainly refused or wrong, `warning` likely."""

    rule: str
    severity: str
    file: str
    line: int
    what: str
    why: str
    fix: str
    job: str = ""


class Checked(msgspec.Struct, frozen=True):
    """Findings, errors first; `rewrites` is what ``jido check --fix`` would change, as a diff."""

    cluster: str
    refused: bool
    checked: tuple[str, ...]
    findings: tuple[Stumble, ...]
    unknown: tuple[str, ...]
    rewrites: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def _looks(asked: CheckAsked, call: Call) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for name in asked.what:
        cluster, _ = scripts.of_cluster(name)
        if cluster:
            found[cluster] = found.get(cluster, 0) + 1
    if not asked.offline:
        project = files.find(call.given.folder)
        job = next((name for name in asked.what if name in project.jobs), None)
        try:
            name = next(iter(found), "") or jobs.where(project, job, asked.cluster).name
        except JidoError:
            # Then it is checked against none, or the check says what is wrong.
            return found
        found[name] = found.get(name, 0) + 1
    return found


def _inside(name: str, call: Call) -> None:
    """A script of this machine has to be the project's: what stands in others is not an assistant's business."""
    project = files.find(call.given.folder)
    if name in project.jobs or scripts.of_cluster(name)[0]:
        return
    folder = project.folder.resolve()
    if not Path(os.path.realpath(folder / name)).is_relative_to(folder):
        raise InputError(f"{name} is not in the project's folder", hint=f"name a script in {folder}")


def _check(asked: CheckAsked, call: Call) -> Checked:
    for name in asked.what:
        _inside(name, call)
    done = api.check(asked.what, on=asked.cluster, offline=asked.offline)
    spoken = language(asked.lang or call.given.lang, {})
    all_of_it = f"jido check {shlex.join(asked.what)}".rstrip()
    findings, more = short.first(done.report.findings, "findings", all_of_it, _FINDINGS)
    unknown, rest = short.first(done.report.unknown, "things not checked", all_of_it, _FINDINGS)
    rewrites, lines = short.first(done.diff.splitlines(), "lines of the diff", f"{all_of_it} --fix", _DIFF)
    return Checked(
        cluster=done.report.cluster,
        refused=done.report.refused,
        checked=done.report.checked[: short.ROWS],
        findings=tuple(_stumble(finding_in(one, spoken)) for one in findings),
        unknown=tuple(f"{one.what} ({one.settle})" if one.settle else one.what for one in unknown),
        rewrites=rewrites,
        left_out=(*more, *rest, *lines),
    )


def _stumble(one: Finding) -> Stumble:
    return Stumble(one.rule, one.severity, one.file, one.line, one.what, one.why, one.fix, one.job)


CHECK = Tool(
    "check",
    "What batch scripts or jobs of jido.toml would stumble over before they are queued, with why and what to do. "
    "Nothing is changed.",
    CheckAsked,
    Checked,
    _check,
    _looks,
)
