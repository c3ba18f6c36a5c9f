"""``jido shell``, ``jido tunnel`` and ``jido notebook``."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from jido.cli import draw, jobs
from jido.words import tr

if TYPE_CHECKING:
    from jido.api.tunnels import Tunnel
    from jido.jobs.runs import Run


@click.command(cls=jobs.WithCommand)
@jobs.resource_options
@click.option("--dry-run", is_flag=True, help="Print the exact command, ask for nothing.")
@click.pass_context
def shell(ctx: click.Context, /, dry_run: bool, **said: Any) -> int:
    """A shell on a compute node, for an hour unless --time says; or the one command behind --.

    It starts in the project's code there, where it is laid out. Leaving the shell, or closing the terminal, gives the
    node back.
    """
    from jido.api import hands
    from jido.api import jobs as api
    from jido.config import project as projects
    from jido.config.jobs import spec_of

    here = projects.find(Path.cwd())
    cluster = api.where(here, None, said.pop("on", None) or "")
    argv: tuple[str, ...] = ctx.meta["argv"]
    said.setdefault("name", None)
    options = jobs.flags(said)
    options.setdefault("name", "shell")
    spec = spec_of(here, None, argv=argv or ("true",), cluster=cluster.name, flags=options)
    opened = hands.shell(cluster, here, spec, argv, terminal=sys.stdin.isatty() and sys.stdout.isatty())
    for sentence in opened.decided:
        draw.say(sentence)
    if dry_run:
        draw.out(opened.words)
        return 0
    if opened.terminal:
        draw.say(tr("waiting for a node of {name}; exit or Ctrl-D gives it back", name=cluster.name))
    return hands.run(cluster, opened)


@click.command()
@click.argument("selector", metavar="[RUN]", required=False)
@click.argument("port", metavar="[PORT]", type=click.IntRange(1, 65535), required=False)
@click.option("--on", metavar="CLUSTER", help="Lead to this cluster's own page (Ray's dashboard) instead.")
@click.option("--local", type=click.IntRange(1, 65535), help="The port here; a free one unless said.")
def tunnel(selector: str | None, port: int | None, on: str | None, local: int | None) -> int:
    """Lead a port of this machine to PORT on the compute node of RUN, through the login node, until Ctrl-C.

    Only programs on this machine can connect to it. The service has to listen on the node's own address, not on its
    loopback alone.
    """
    from jido.api import hands
    from jido.api import jobs as api
    from jido.api.cluster import Cluster
    from jido.errors import InputError

    if on is not None and selector is None:
        cluster = Cluster(on)
        with hands.page(cluster, local) as opened:
            draw.say(
                tr(
                    "127.0.0.1:{here} leads to {host}:{port} of {name}; Ctrl-C closes it",
                    here=opened.local,
                    host=opened.host,
                    port=opened.port,
                    name=on,
                )
            )
            draw.out(f"http://127.0.0.1:{opened.local}/")
            return _keep(opened, None)
    if selector is None or port is None or on is not None:
        raise InputError(
            tr("a tunnel leads to a port of a run"), hint=tr("jido tunnel RUN PORT, or jido tunnel --on CLUSTER")
        )
    [run] = api.refresh([api.ledger().find(selector)]).runs
    with hands.tunnel(run, port, local) as opened:
        draw.say(
            tr(
                "127.0.0.1:{local} leads to {host}:{port} of run {number}; Ctrl-C closes it",
                local=opened.local,
                host=opened.host,
                port=port,
                number=run.number,
            )
        )
        draw.out(f"http://127.0.0.1:{opened.local}/")
        return _keep(opened, run)


@click.command()
@click.argument("selector", metavar="[RUN]", required=False)
@jobs.resource_options
@click.option("--local", type=click.IntRange(1, 65535), help="The port here; a free one unless said.")
@click.option("--keep", is_flag=True, help="Let Jupyter go on when this command is ended.")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
def notebook(selector: str | None, local: int | None, keep: bool, no_browser: bool, **said: Any) -> int:
    """Jupyter on a compute node, opened through a tunnel; Ctrl-C ends both.

    It starts in the project's code there, with the environment that [env] in jido.toml names; that needs jupyterlab.
    Only programs on this machine reach it, and only with its token. RUN opens one that goes on (--keep) again.
    """
    from jido.api import hands, notebooks
    from jido.api import jobs as api
    from jido.config import project as projects
    from jido.config.jobs import spec_of

    if selector is not None:
        [run] = api.refresh([api.ledger().find(selector)]).runs
        keep = True
    else:
        here = projects.find(Path.cwd())
        cluster = api.where(here, None, said.pop("on", None) or "")
        options = jobs.flags(said)
        options.setdefault("name", "notebook")
        spec = spec_of(here, None, argv=("true",), cluster=cluster.name, flags=options)
        run = notebooks.serve(cluster, here, spec, say=draw.say)
        draw.say(
            tr(
                "run {number} queued as job {job} on {cluster}; Ctrl-C ends it",
                number=run.number,
                job=run.job,
                cluster=run.cluster,
            )
        )
    signal.signal(signal.SIGTERM, _as_ctrl_c)
    code = 1
    try:
        served = notebooks.answers(run, say=draw.say)
        run = served.run
        with hands.tunnel(run, served.port, local, served.host) as opened:
            address = f"http://127.0.0.1:{opened.local}/{served.path}?token={served.token}"
            draw.say(tr("Jupyter runs on {nodes}; open", nodes=run.nodes or run.cluster))
            draw.out(address)
            if not no_browser and sys.stdout.isatty():
                click.launch(address)
            code = _keep(opened, run)
    except KeyboardInterrupt:
        code = 130
    finally:
        if keep:
            draw.say(tr("run {number} goes on\n  open it again: jido notebook {number}", number=run.number))
            draw.say(tr("  end it:        jido cancel {number}", number=run.number))
        elif not run.state.ended:
            for after in api.cancel([run]).runs:
                draw.say(jobs.sentence(after))
    return code


def _keep(opened: Tunnel, run: Run | None) -> int:
    """Keep a tunnel open until its run has ended (0) or somebody ends this command (130)."""
    from jido.api import hands

    sys.stdout.flush()
    signal.signal(signal.SIGTERM, _as_ctrl_c)
    try:
        hands.keep_open(opened, run, draw.say)
    except KeyboardInterrupt:
        draw.say(tr("\nclosed"))
        return 130
    return 0


def _as_ctrl_c(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
