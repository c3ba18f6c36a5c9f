"""What the job commands share: options, the command behind ``--``, how runs are drawn."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from jido.cli import draw
from jido.errors import JidoError, TransportError
from jido.jobs.runs import Run
from jido.model.job import State
from jido.model.spans import waited_and_ran
from jido.words import known, tr

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
            click.option("--launch", metavar="HOW", help="Start its processes by: tasks, torchrun, mpi, ray, none."),
            click.option("--resume", type=int, metavar="N", help="Go on after the time limit, at most N times."),
            click.option("--warn", metavar="SPAN", help="Warn the command this long before the limit: 2m."),
            click.option("--stage", multiple=True, metavar="NAME", help="A dataset to bring to the node's own disk."),
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


after_option = click.option(
    "--after",
    multiple=True,
    metavar="RUN[:HOW]",
    help="Begin only when RUN has ended well; RUN:any, in whatever way; RUN:notok, badly. Repeatable.",
)


def flags(options: dict[str, Any]) -> dict[str, Any]:
    """The options as `jido.config.jobs.spec_of` takes them."""
    said = {key: value for key, value in options.items() if value not in (None, ())}
    said["env"] = dict(pair(text) for text in said.pop("env", ()))
    return said


def pair(text: str) -> tuple[str, str]:
    """Read ``NAME=VALUE``."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.BadParameter(tr("{text!r} is not NAME=VALUE", text=text), param_hint="--env")
    return name, value


def hand_back(run: Run, *, as_json: bool) -> None:
    """What a script gets of a run that was handed over: the run as JSON, else its number alone."""
    if as_json:
        draw.emit(run)
    elif not sys.stdout.isatty():
        draw.out(str(run.number))


@contextmanager
def handing_over() -> Iterator[None]:
    """Who presses Ctrl-C while a run is handed over is told that it is not known here, and who will know."""
    try:
        yield
    except KeyboardInterrupt:
        draw.say(tr("\ninterrupted before it was known to be queued; `jido ps` settles whether it was"))
        raise


def handed_over(run: Run) -> str:
    """What became of a submission, in one line."""
    if run.held:
        return tr(
            "run {number} ({title}) {reason}; it goes in when it can and jido looks",
            number=run.number,
            title=run.title,
            reason=run.reason,
        )
    if run.state is not State.QUEUED:
        return tr(
            "run {number} ({title}) is {state}: job {job} on {cluster}",
            number=run.number,
            title=run.title,
            state=known(run.state.value),
            job=run.job or "-",
            cluster=run.cluster,
        )
    return tr(
        "run {number} ({title}) queued as job {job} on {cluster}",
        number=run.number,
        title=run.title,
        job=run.job,
        cluster=run.cluster,
    )


def state_text(run: Run, stream: Any = None) -> str:
    """A run's state, coloured."""
    return coloured(run.state, stream)


def coloured(state: State, stream: Any = None) -> str:
    """A state in its colour."""
    colour = _COLOURS.get(state, "red" if state.ended else None)
    return draw.style(known(state.value), stream, fg=colour) if colour else known(state.value)


def spans(run: Run, now: float | None = None) -> tuple[str, str]:
    """How long a run waited, and how long it ran, for people."""
    return waited_and_ran(run.submitted, run.started, run.ended, now or time.time())


def sentence(run: Run) -> str:
    """How a run stands, in one line."""
    waited, ran = spans(run)
    text = tr(
        "run {number} ({title}) is {state_text}",
        number=run.number,
        title=run.title,
        state_text=state_text(run, sys.stderr),
    )
    if run.spec.sweep:
        return text + (tr(" after {ran}", ran=ran) if ran and run.state.ended else "") + _why(run)
    if run.state is State.RUNNING:
        return tr(
            "{text} on {nodes}{waiting}",
            text=text,
            nodes=run.nodes or run.cluster,
            waiting=tr(", after waiting {waited}", waited=waited) if waited else "",
        )
    if run.state.ended:
        code = tr(", exit code {code}", code=run.code) if run.code is not None else ""
        if run.state is State.FAILED and run.signal:
            code = tr(", ended by signal {signal} ({name})", signal=run.signal, name=_signal(run.signal))
        where = tr(" on {nodes}", nodes=run.nodes) if run.nodes and run.started else ""
        return text + (tr(" after {ran}", ran=ran) if ran else "") + where + code + _why(run)
    return text + _why(run)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return tr("a real-time one")


_WAITS = (State.QUEUED, State.REQUEUED, State.DEPENDENCY)


def _why(run: Run) -> str:
    trivial = ("", "None", f"exit code {run.code}", f"signal {run.signal}")  # told already, as the ledger has them
    return f": {_plain(run)}" if run.reason not in trivial else ""


def _brief(run: Run) -> str:
    """Why it stands so, for a table, which has no room for the code besides."""
    why = _why(run)[2:]
    if run.state is not State.FAILED or (not run.signal and run.code is None):
        return why
    told = tr("exit code {code}", code=run.code)
    if run.signal:
        told = tr("signal {signal} ({name})", signal=run.signal, name=_signal(run.signal))
    return f"{told}: {why}" if why else told


def _plain(run: Run) -> str:
    """Why it stands so: one raw word in plain ones, where its engine has them; no scheduler is asked."""
    if run.state not in _WAITS and not run.reason.isalpha():
        return run.reason
    from jido.api import why

    return why.short(run.engine, run.reason) or run.reason


HEADER = ("run", "name", "cluster", "job", "state", "where", "waited", "ran", "why")
TO_RIGHT = "run job waited ran"


def rows_of(runs: Sequence[Run], tags: Mapping[int, Sequence[str]] | None = None) -> list[tuple[str, ...]]:
    """Runs as the rows of a table under `HEADER`; their tags stand behind their names."""
    rows: list[tuple[str, ...]] = []
    for run in runs:
        waited, ran = spans(run)
        rows.append(
            (
                str(run.number),
                " ".join([run.title, *(f"+{tag}" for tag in (tags or {}).get(run.number, ()))]),
                run.cluster,
                run.job or "-",
                state_text(run),
                run.nodes or run.partition or "-",
                waited or "-",
                ran or "-",
                _brief(run),
            )
        )
    return rows


def listing(runs: Sequence[Run], tags: Mapping[int, Sequence[str]] | None = None) -> str:
    """Runs as a table."""
    return draw.table(HEADER, rows_of(runs, tags), right=TO_RIGHT)


def tell_problems(problems: Mapping[str, JidoError], what: str = "") -> int:
    """Say which clusters could not be asked.

    Returns:
        The exit code: that of a machine which was not reached, else of the first problem; 0 where there is none.
    """
    what = what or tr("its runs are")
    for name, error in problems.items():
        draw.say(
            tr(
                "{name} could not be asked, {what} as last seen: {problem}",
                name=name,
                what=what,
                problem=error.what,
            )
        )
        if error.hint:
            draw.say(tr("  hint: {hint}", hint=error.hint))
    return min(
        (error.exit_code for error in problems.values()), key=lambda code: code != TransportError.exit_code, default=0
    )
