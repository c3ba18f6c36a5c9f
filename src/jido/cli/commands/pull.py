"""``jido pull``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from jido.cli import draw
from jido.cli.progress import line
from jido.model.units import human_size

if TYPE_CHECKING:
    from jido.jobs.runs import Run
    from jido.transfer.pull import Pulled


@click.command()
@click.argument("selectors", metavar="[RUN]...", nargs=-1)
@click.option("--checkpoints", is_flag=True, help="The checkpoints too.")
@click.option("--only", multiple=True, metavar="PATTERN", help="Only files of such names: '*.json'.")
@click.option("--into", type=click.Path(path_type=Path), metavar="DIR", help="Bring them there, not to the project.")
@click.option("--watch", is_flag=True, help="Bring what appears, until the runs have ended.")
@click.option("--checksum", is_flag=True, help="Compare contents, not only sizes and times.")
@click.option(
    "--json", "as_json", is_flag=True, help="What was done as JSON on stdout, progress as JSON lines on stderr."
)
def pull(
    selectors: tuple[str, ...],
    checkpoints: bool,
    only: tuple[str, ...],
    into: Path | None,
    watch: bool,
    checksum: bool,
    as_json: bool,
) -> None:
    """Bring the results and logs of RUNs (the last one unless said), or of tasks (RUN.TASK), home.

    They go to results/RUN/ and logs/ of the project's folder. A local file that is newer is left alone and named.
    """
    from jido.api import projects, pulling, sweeps
    from jido.config.project import find

    def bring(run: Run, task: int | None) -> Pulled:
        what = find(Path(run.folder)).layout.pull
        if checkpoints and not any(one.startswith("checkpoints") for one in what):
            what = (*what, "checkpoints")
        place = into.absolute() if into else None
        with line(f"run {run.number} from {run.cluster}", as_json=as_json) as progress:
            return projects.pull(
                run, task=task, what=what, only=only, into=place, checksum=checksum, progress=progress
            )

    chosen = sweeps.select(selectors)
    answers: dict[tuple[int, int | None], dict[str, object]] = {}
    looks = pulling.watch(chosen, bring) if watch else (((run, task), bring(run, task)) for run, task in chosen)
    for (run, task), done in looks:
        name = run.name if task is None else f"{run.name}/{task}"
        first = (run.number, task) not in answers
        answers[run.number, task] = {"run": run.number, "name": name, "pulled": done}
        _say(run, done, name, repeated=watch and not first, quiet=as_json or (watch and not done.files and not first))
    if as_json:
        draw.emit(list(answers.values()))


def _say(run: Run, done: Pulled, name: str, *, repeated: bool, quiet: bool) -> None:
    if not repeated:
        if not run.state.ended:
            draw.say(f"run {run.number} had not ended when it was last seen; this is what it has left so far")
        for path in done.missing:
            draw.say(f"not there: {path}")
    if not repeated or done.files:
        for path in done.kept:
            draw.say(f"left alone, newer here: {path}")
        for path in done.clashing:
            draw.say(f"left there, this disk takes its name for another file's: {path}")
    if done.files:
        draw.say(
            f"run {run.number}: {done.files} files, {human_size(done.bytes)}, to {done.into} "
            f"({done.by}, {done.took:.1f}s)"
        )
    elif not repeated:
        draw.say(f"run {run.number}: nothing new")
    if not quiet and not repeated:
        for folder in (f"results/{name}", f"logs/{name}.log", f"checkpoints/{name}"):
            if (there := Path(done.into) / folder).exists():
                draw.out(str(there))
