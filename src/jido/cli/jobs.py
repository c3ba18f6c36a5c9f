"""What the job commands share: options, the command behind ``--``, how runs are drawn."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from jido.cli import draw
from jido.jobs.ledger import Run
from jido.model.job import State
from jido.model.spans import waited_and_ran

F = TypeVar("F", bound=Callable[..., Any])

_COLOURS = {
    State.DONE: "green",
    State.RUNNING: "cyan",
    State.COMPLETING: "cyan",
    State.QUEUED: "yellow",
    State.STARTING: "yellow",
    State.UNKNOWN: "magenta",
}


class WithCommand(click.Command):
    """A command whose words behind ``--`` are taken exactly, as ``ctx.meta['argv']``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Cut the argument list at the first ``--``."""
        cut = args.index("--") if "--" in args else len(args)
        ctx.meta["argv"] = tuple(args[cut + 1 :])
        return super().parse_args(ctx, args[:cut])

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Show the command in the usage line."""
        return [*super().collect_usage_pieces(ctx), "[-- COMMAND...]"]


def resource_options(command: F) -> F:
    """Options that say what a job asks for; unsaid ones leave it to jido.toml and the cluster."""
    for option in reversed(
        (
            click.option("--on", "on", metavar="CLUSTER", help="Where; else jido.toml says, or the only cluster."),
            click.option("--name", help="The job's name."),
            click.option("-g", "--gpus", type=int, help="GPUs per node."),
            click.option("--gpu-model", help="GPU model as the scheduler types it."),
            click.option("-c", "--cpus", type=int, help="CPUs per task."),
            click.option("-m", "--memory", help="Memory per node: 29G."),
            click.option("--cpus-per-gpu", type=int, help="CPUs per GPU."),
            click.option("--memory-per-gpu", help="Memory per GPU: 29G."),
            click.option("-t", "--time", help="Time limit: 2h, 1d12h, 6-00:00:00."),
            click.option("-N", "--nodes", type=int, help="Nodes."),
            click.option("--tasks", type=int, help="Tasks per node."),
            click.option("-p", "--partition", help="Partition."),
            click.option("-A", "--account", help="Account to charge."),
            click.option("-q", "--qos", help="QoS."),
            click.option("--constraint", help="Node features."),
            click.option("-e", "--env", multiple=True, metavar="NAME=VALUE", help="A variable for the job."),
            click.option("--extra", multiple=True, metavar="OPTION", help="The scheduler's own option, as written."),
        )
    ):
        command = option(command)
    return command


def flags(options: dict[str, Any]) -> dict[str, Any]:
    """The options as `jido.config.jobs.spec_of` takes them."""
    said = {key: value for key, value in options.items() if value not in (None, ())}
    said["env"] = dict(pair(text) for text in said.pop("env", ()))
    return said


def pair(text: str) -> tuple[str, str]:
    """Read ``NAME=VALUE``."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--env")
    return name, value


def state_text(run: Run, stream: Any = None) -> str:
    """A run's state, coloured."""
    colour = _COLOURS.get(run.state, "red" if run.state.ended else None)
    return draw.style(run.state.value, stream, fg=colour) if colour else run.state.value


def spans(run: Run, now: float | None = None) -> tuple[str, str]:
    """How long a run waited, and how long it ran, for people."""
    return waited_and_ran(run.submitted, run.started, run.ended, now or time.time())


def sentence(run: Run) -> str:
    """How a run stands, in one line."""
    waited, ran = spans(run)
    text = f"run {run.number} ({run.title}) is {state_text(run, sys.stderr)}"
    if run.state is State.RUNNING:
        return f"{text} on {run.nodes or run.cluster}" + (f", after waiting {waited}" if waited else "")
    if run.state.ended:
        code = f", exit code {run.code}" if run.code is not None else ""
        where = f" on {run.nodes}" if run.nodes and run.started else ""
        return text + (f" after {ran}" if ran else "") + where + code + _why(run)
    return text + _why(run)


def _why(run: Run) -> str:
    trivial = ("", "None", f"exit code {run.code}")  # told already
    return f": {run.reason}" if run.reason not in trivial else ""


HEADER = ("run", "name", "cluster", "job", "state", "where", "waited", "ran", "why")
TO_RIGHT = "run job waited ran"


def rows_of(runs: Sequence[Run]) -> list[tuple[str, ...]]:
    """Runs as the rows of a table under `HEADER`."""
    rows: list[tuple[str, ...]] = []
    for run in runs:
        waited, ran = spans(run)
        rows.append(
            (
                str(run.number),
                run.title,
                run.cluster,
                run.job or "-",
                state_text(run),
                run.nodes or run.partition or "-",
                waited or "-",
                ran or "-",
                _why(run)[2:] or "",
            )
        )
    return rows


def listing(runs: Sequence[Run]) -> str:
    """Runs as a table."""
    return draw.table(HEADER, rows_of(runs), right=TO_RIGHT)
