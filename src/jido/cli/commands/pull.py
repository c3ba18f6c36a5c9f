"""``jido pull``."""

from __future__ import annotations

from pathlib import Path

import click

from jido.cli import draw
from jido.cli.progress import line
from jido.model.units import human_size


@click.command()
@click.argument("selectors", metavar="[RUN]...", nargs=-1)
@click.option("--checkpoints", is_flag=True, help="The checkpoints too.")
@click.option("--only", multiple=True, metavar="PATTERN", help="Only files of such names: '*.json'.")
@click.option("--into", type=click.Path(path_type=Path), metavar="DIR", help="Bring them there, not to the project.")
@click.option("--json", "as_json", is_flag=True, help="What was done as JSON on stdout.")
def pull(
    selectors: tuple[str, ...], checkpoints: bool, only: tuple[str, ...], into: Path | None, as_json: bool
) -> None:
    """Bring the results and logs of RUNs (the last one unless said) home.

    They go to results/RUN/ and logs/ of the project's folder. A local file that is newer is left alone and named.
    """
    from jido.api import jobs, projects
    from jido.config.project import find

    book = jobs.ledger()
    answers = []
    for run in [book.find(selector) for selector in selectors or ("last",)]:
        what = find(Path(run.folder)).layout.pull
        if checkpoints and not any(one.startswith("checkpoints") for one in what):
            what = (*what, "checkpoints")
        with line(f"run {run.number} from {run.cluster}") as progress:
            done = projects.pull(run, what=what, only=only, into=into.absolute() if into else None, progress=progress)
        answers.append({"run": run.number, "name": run.name, "pulled": done})
        if not run.state.ended:
            draw.say(f"run {run.number} had not ended when it was last seen; this is what it has left so far")
        for path in done.kept:
            draw.say(f"left alone, newer here: {path}")
        for path in done.missing:
            draw.say(f"not there: {path}")
        if done.files:
            draw.say(
                f"run {run.number}: {done.files} files, {human_size(done.bytes)}, to {done.into} "
                f"({done.by}, {done.took:.1f}s)"
            )
        else:
            draw.say(f"run {run.number}: nothing new")
        if not as_json:
            for folder in (f"results/{run.name}", f"logs/{run.name}.log", f"checkpoints/{run.name}"):
                if (place := Path(done.into) / folder).exists():
                    draw.out(str(place))
    if as_json:
        draw.emit(answers)
