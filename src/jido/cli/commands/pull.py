"""``jido pull``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from jido.cli import draw
from jido.cli.progress import line
from jido.model.units import human_size
from jido.words import tr

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
        with line(
            tr("run {number} from {cluster}", number=run.number, cluster=run.cluster), as_json=as_json
        ) as progress:
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
            draw.say(
                tr(
                    "run {number} had not ended when it was last seen; this is what it has left so far",
                    number=run.number,
                )
            )
        for path in done.missing:
            draw.say(tr("not there: {path}", path=path))
    if not repeated or done.files:
        for path in done.kept:
            draw.say(tr("left alone, newer here: {path}", path=path))
        for path in done.clashing:
            draw.say(tr("left there, this disk takes its name for another file's: {path}", path=path))
    if done.files:
        draw.say(
            tr(
                "run {number}: {files} files, {bytes}, to {into} ({by}, {took:.1f}s)",
                number=run.number,
                files=done.files,
                bytes=human_size(done.bytes),
                into=done.into,
                by=done.by,
                took=done.took,
            )
        )
    elif not repeated:
        draw.say(tr("run {number}: nothing new", number=run.number))
    if not quiet and not repeated:
        for folder in (f"results/{name}", f"logs/{name}.log", f"checkpoints/{name}"):
            if (there := Path(done.into) / folder).exists():
                draw.out(str(there))
