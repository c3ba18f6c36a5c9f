"""Check scripts and jobs before they are queued."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from jido import registry
from jido.api import jobs, scripts
from jido.api.cluster import Cluster
from jido.check.case import Case, Looked
from jido.check.findings import Report
from jido.check.look import questions
from jido.check.rewriting import preview, rewritten
from jido.check.run import examine
from jido.config import project as projects
from jido.config.jobs import spec_of
from jido.config.toml_lines import key_lines
from jido.engines.base import Engine
from jido.errors import InputError, JidoError, Refused
from jido.model.map import Map
from jido.transports.base import ask
from jido.words import tr

OFFLINE = "nobody was asked (--offline)"


class Checked(msgspec.Struct, frozen=True):
    """A check with what it would change.

    Attributes:
        report: What was found; after the change where it was made.
        diff: What `--fix` changes, as a unified diff; empty where it changes nothing.
        fixed: Whether that was written.
    """

    report: Report
    diff: str = ""
    fixed: bool = False


class Plan(msgspec.Struct, frozen=True):
    """What is checked, read and bound to a cluster.

    Attributes:
        cases: The scripts and jobs.
        cluster: Against which cluster; None where none is named.
        engines: Which engine reads each script, by name.
        scripts: The scripts as they were read, by name.
    """

    cases: tuple[Case, ...]
    cluster: Cluster | None
    engines: dict[str, Engine]
    scripts: dict[str, scripts.Text]


def check(what: Sequence[str] = (), *, on: str = "", folder: str = "", offline: bool = False) -> Checked:
    """Check scripts and jobs of jido.toml.

    Args:
        what: Paths of scripts (``CLUSTER:PATH`` for one that lies there) and names of jobs; none is every job of
            jido.toml.
        on: Against which cluster; else jido.toml says, or the only one there is.
        folder: The folder on the cluster that scripts are submitted from.
        offline: Ask nobody.

    Raises:
        NotFound: There is no such script or job.
        InputError: A file is no script, or it is not clear which cluster is meant.
    """
    if offline and (far := [name for name in what if scripts.of_cluster(name)[0]]):
        raise InputError(
            tr("{far} cannot be read without asking", far=far[0]), hint=tr("leave --offline away, or bring it here")
        )
    plan = prepare(what, on=on, folder=folder)
    looked = _look(plan, offline=offline)
    report = _examine(plan, looked)
    changed = _changes(plan, looked)
    return Checked(report, "".join(preview(file, old, new) for file, old, new in changed))


def fix(what: Sequence[str], *, on: str = "", folder: str = "", offline: bool = False) -> Checked:
    """Rewrite scripts as `check` shows it, and check them again.

    Args:
        what: See `check`.
        on: See `check`.
        folder: See `check`.
        offline: See `check`.

    Raises:
        InputError: A script was changed meanwhile, or cannot be written.
    """
    plan = prepare(what, on=on, folder=folder)
    looked = _look(plan, offline=offline)
    changed = _changes(plan, looked)
    for file, _, new in changed:
        scripts.write(plan.scripts[file], new)
    diff = "".join(preview(file, old, new) for file, old, new in changed)
    again = prepare(what, on=on, folder=folder)
    # The folders that a changed script names may be others.
    return Checked(_examine(again, _look(again, offline=offline) if changed else looked), diff, bool(changed))


def prepare(what: Sequence[str] = (), *, on: str = "", folder: str = "") -> Plan:
    """Read what is to be checked."""
    here = projects.find(Path.cwd())
    files = [name for name in dict.fromkeys(what) if name not in here.jobs or "/" in name]
    names = [name for name in what if name not in files] or ([] if files else list(here.jobs))
    if not names and not files:
        raise InputError(
            tr("there is nothing to check"), hint=tr("jido check SCRIPT, or write [jobs.NAME] into jido.toml")
        )
    cluster = _cluster(here, names, _where(files, on))
    map_ = cluster.map_if_any if cluster else None
    texts = {name: scripts.read(name, list(here.jobs)) for name in files}
    engines = {name: _engine(cluster, map_, one.data) for name, one in texts.items()}
    cases = [
        _script(name, one.data, engines[name], map_, cluster, folder or one.folder) for name, one in texts.items()
    ]
    cases += [_job(name, here, _engine(cluster, map_, b""), map_, cluster) for name in dict.fromkeys(names)]
    return Plan(tuple(cases), cluster, engines, texts)


def _where(files: Sequence[str], on: str) -> str:
    """The cluster that was named, be it as that of a script which lies there."""
    named = dict.fromkeys(
        [*([on] if on else []), *(where for file in files if (where := scripts.of_cluster(file)[0]))]
    )
    if len(named) > 1:
        raise InputError(
            tr("one check is against one cluster, not {named}", named=" and ".join(named)),
            hint=tr("check them one by one"),
        )
    return next(iter(named), "")


def _cluster(here: projects.Project, names: Sequence[str], on: str) -> Cluster | None:
    """Where it shall run; a script can be checked without any cluster, for how it is written."""
    try:
        return jobs.where(here, names[0] if len(names) == 1 else None, on)
    except InputError:
        if on:
            raise
        return None


def _engine(cluster: Cluster | None, map_: Map | None, data: bytes) -> Engine:
    if cluster is not None and (map_ is not None or cluster.destination.engine):
        return cluster.engine
    # Without a cluster a script is read by the engine that finds most in it; where none finds anything, by the first
    # of the table that has job scripts at all.
    text = data.decode("utf-8", "surrogateescape")
    engines = [Cluster.engine_named(name) for name in registry.ENGINES]
    having = [engine for engine in engines if engine.read_script("", None) is not None]
    return max(having, key=lambda engine: _words(engine, text))


def _words(engine: Engine, text: str) -> int:
    script = engine.read_script(text, None)
    if script is None:
        return 0
    return script.telling if script.telling is not None else len(script.options) + len(script.flaws)


def _script(name: str, data: bytes, engine: Engine, map_: Map | None, cluster: Cluster | None, folder: str) -> Case:
    text = data.decode("utf-8", "surrogateescape")
    script = engine.read_script(text, map_)
    if script is None:
        raise Refused(
            tr("{title} runs no job scripts of its own", title=engine.title),
            hint=tr("check a job of jido.toml, or name another cluster"),
        )
    against = map_ is not None and not script.several
    objections = (
        engine.objections(script.resources, map_, gpus_in_all=script.gpus_in_all)
        if against and map_ is not None
        else ()
    )
    return Case(
        file=name,
        text=text,
        want=script.resources,
        script=script,
        map=map_,
        objections=tuple(objections),
        write=engine.write_option,
        folder=folder or (str(Path(name).absolute().parent) if cluster and cluster.destination.is_local else ""),
        user=cluster.user if cluster else "",
        now=time.time(),
    )


def _job(name: str, here: projects.Project, engine: Engine, map_: Map | None, cluster: Cluster | None) -> Case:
    spec = spec_of(here, name, cluster=cluster.name if cluster else "")
    file = here.file
    assert file is not None
    text = file.read_text("utf-8", "surrogateescape")
    lines = key_lines(text)
    own = {path[2]: line for path, line in lines.items() if path[:2] == ("jobs", name) and len(path) == 3}
    if cluster is not None:
        site = ("clusters", cluster.name)
        own = {path[2]: line for path, line in lines.items() if path[:2] == site and len(path) == 3} | own
    own[""] = lines.get(("jobs", name), 1)
    command = spec.argv[2] if spec.argv[:2] == ("bash", "-c") else shlex.join(spec.argv)
    objections = engine.objections(spec.resources, map_, chooses=True) if map_ is not None else ()
    shown = str(file.relative_to(Path.cwd())) if file.is_relative_to(Path.cwd()) else str(file)
    return Case(
        file=shown,
        text=text,
        want=spec.resources,
        job=name,
        lines=own,
        command=command,
        map=map_,
        objections=tuple(objections),
        write=engine.write_option,
        user=cluster.user if cluster else "",
        now=time.time(),
    )


def _look(plan: Plan, *, offline: bool) -> Looked:
    """The one look on the cluster; why there was none where there was none."""
    if plan.cluster is None:
        return Looked(why_not="no cluster is named")
    if offline:
        return Looked(why_not=OFFLINE)
    question = questions(plan.cases)
    if question is None:
        return Looked(why_not="")
    try:
        return ask(plan.cluster.transport, question)
    except JidoError as error:
        return Looked(why_not=error.what)


def _examine(plan: Plan, looked: Looked) -> Report:
    cases = [msgspec.structs.replace(case, looked=looked) for case in plan.cases]
    map_ = next((case.map for case in plan.cases if case.map is not None), None)
    name = plan.cluster.name if plan.cluster else ""
    return examine(cases, cluster=name, at=map_.now.at if map_ else 0.0)


def _changes(plan: Plan, looked: Looked) -> list[tuple[str, str, str]]:
    """Each script that would be changed: its file, its text, and its text afterwards."""
    found = []
    for case in plan.cases:
        if case.script is None:
            continue

        def again(text: str, case: Case = case) -> Report:
            folder = case.folder
            data, engine = text.encode("utf-8", "surrogateescape"), plan.engines[case.file]
            fresh = _script(case.file, data, engine, case.map, None, folder)
            return examine([msgspec.structs.replace(fresh, looked=looked, user=case.user)])

        after = rewritten(case.text, again)
        if after != case.text:
            found.append((case.file, case.text, after))
    return found
