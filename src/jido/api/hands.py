"""Hands on: a shell on a compute node, a tunnel to a run's service."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from jido.api import jobs
from jido.api.cluster import Cluster
from jido.api.tunnels import Tunnel, host_of
from jido.engines.base import Placement
from jido.errors import InputError, JidoError, Refused
from jido.jobs.runs import Run
from jido.model.command import Command
from jido.model.map import Scheduling
from jido.words import known, tr

if TYPE_CHECKING:
    from jido.config.project import Project
    from jido.model.job import JobSpec

_AN_HOUR = 3600
_LOOK_EVERY = 15.0


class Shell(msgspec.Struct, frozen=True):
    """An allocation about to be asked for.

    Attributes:
        command: What is executed on the login node.
        decided: One sentence for each thing that was decided.
        terminal: Whether it takes this terminal.
    """

    command: Command
    decided: tuple[str, ...]
    terminal: bool

    @property
    def words(self) -> str:
        """The command as a person would type it on the login node."""
        line = shlex.join(self.command.argv)
        return f"cd {shlex.quote(self.command.cwd)} && {line}" if self.command.cwd else line


def shell(cluster: Cluster, project: Project, spec: JobSpec, argv: tuple[str, ...], *, terminal: bool) -> Shell:
    """Compose an allocation with a shell or a command on its first node; nothing is sent.

    Args:
        cluster: Where.
        project: Its code is where the shell starts, when it is laid out there.
        spec: What is asked for; an hour unless it says a time.
        argv: The command; empty is a login shell.
        terminal: Whether there is a terminal to carry through; a login shell always takes one.

    Raises:
        Refused: The cluster has no such thing, or cannot give what is asked for.
    """
    engine = cluster.engine
    map_ = cluster.map_if_any
    can = engine.capabilities(map_.scheduling if map_ else Scheduling()).interactive
    if not can.can:
        raise Refused(
            tr("{name} gives no shells of its own", name=cluster.name),
            cause=can.why_not,
            hint=tr("ssh there: jido ls"),
        )
    if spec.resources.time is None:
        spec = msgspec.structs.replace(spec, resources=msgspec.structs.replace(spec.resources, time=_AN_HOUR))
    spec = msgspec.structs.replace(spec, argv=argv)
    spec, decided = engine.plan(spec, map_)
    place = Placement(_folder(cluster, project), "", "jido-shell.log", f"jido-{os.urandom(8).hex()}")
    command = engine.shell(spec, place, terminal=terminal or not argv)
    assert command is not None, "an engine that is interactive has a shell"
    return Shell(command, tuple(decided), terminal or not argv)


def _folder(cluster: Cluster, project: Project) -> str:
    """The project's code there; empty when it was never laid out."""
    from jido.api import projects

    try:
        folder = projects.workspace(cluster, project).role("code")
        there = cluster.transport.run(Command(("test", "-d", folder)))
    except Refused:
        return ""
    return folder if there.ok else ""


def run(cluster: Cluster, opened: Shell) -> int:
    """Open it and return its exit code; what it prints goes where this program's output goes.

    Raises:
        TransportError: The cluster was not reached, or the connection was cut.
        InputError: It takes a terminal and there is none.
    """
    if opened.terminal and not sys.stdin.isatty():
        raise InputError(
            tr("a shell needs a terminal"), hint=tr("give it a command instead: jido shell -- nvidia-smi")
        )
    if opened.terminal:
        return cluster.transport.interactive(opened.command)
    reply = cluster.transport.run(opened.command)
    sys.stdout.buffer.write(reply.stdout)
    sys.stdout.flush()
    sys.stderr.buffer.write(reply.stderr)
    return reply.code if reply.code is not None else 1


@contextmanager
def tunnel(run: Run, port: int, local: int | None = None, host: str = "") -> Iterator[Tunnel]:
    """A tunnel to a port of a run's node, open while the context lasts.

    Args:
        run: The run, as just seen.
        port: The port there.
        local: The port here; None takes a free one. (Never the same number unasked: where the far machine has this
            machine's ports, as a twin's nodes have, the tunnel would lead back to its own beginning.)
        host: The node, where it is known better than from the run.

    Raises:
        Refused: The run is not running, or its cluster is this machine.
        InputError: The port here is taken.
    """
    cluster, host = Cluster(run.cluster), host_of(run, host)
    with Tunnel(cluster, host, port, local or 0) as opened:
        yield opened


@contextmanager
def page(cluster: Cluster, local: int | None = None) -> Iterator[Tunnel]:
    """A tunnel to the page that a cluster's scheduler serves, as its map tells of it, open while the context lasts.

    Args:
        cluster: Where.
        local: The port here; None takes a free one.

    Raises:
        Refused: Its map tells of no such page, or the cluster is this machine.
        InputError: The port here is taken.
    """
    map_ = cluster.map_if_any
    said = (map_.scheduling.settings.value or {}).get("dashboard", "") if map_ else ""
    place = urlsplit(said)
    if not place.hostname or not place.port:
        raise Refused(
            tr("the map of {name} tells of no page of its scheduler's own", name=cluster.name),
            hint=tr("jido tunnel RUN PORT leads to a run's; jido probe {name} maps it anew", name=cluster.name),
        )
    with Tunnel(cluster, place.hostname, place.port, local or 0) as opened:
        yield opened


def keep_open(opened: Tunnel, now: Run | None, say: Callable[[str], None]) -> None:
    """Keep a tunnel open until its run has ended; complaints of the far side are said as they come.

    One that is no run's stays open until it is interrupted.

    A cluster that does not answer in between closes nothing: the tunnel may outlive a scheduler's pause.
    """
    told, looked = "", time.monotonic()
    while True:
        time.sleep(0.3)
        if opened.complaint != told:
            told = opened.complaint
            say(f"{opened.host}:{opened.port}: {told or 'answers'}")
        if now is not None and time.monotonic() - looked > _LOOK_EVERY:
            looked = time.monotonic()
            try:
                [now] = jobs.refresh([now]).runs
            except JidoError:
                continue
            if now.state.ended:
                say(tr("run {number} has ended ({state}); closed", number=now.number, state=known(now.state.value)))
                return
