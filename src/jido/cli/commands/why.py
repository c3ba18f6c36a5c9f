"""``jido why``: why a job waits, when it starts, and what helps."""

from __future__ import annotations

import click

from jido.cli import draw
from jido.cli.spoken import language_option
from jido.words import tr


@click.command()
@click.argument("selector", metavar="[RUN]", default="last")
@click.option("--no-dry-runs", is_flag=True, help="Only look; ask the scheduler about no changes of the job.")
@click.option("--reasons", is_flag=True, help="List every reason that Slurm gives, as Markdown.")
@language_option
@click.option("--json", "as_json", is_flag=True, help="As JSON on stdout.")
def why(selector: str, no_dry_runs: bool, reasons: bool, lang: str, as_json: bool) -> int:
    """Why RUN waits, when it may start, and what would let it in sooner; or how it runs, or why it ended.

    RUN is a run's number, its name, or last; or CLUSTER:JOBID for a job that jido did not submit. Changes are advised
    only where the scheduler's own dry run says that the job would start sooner so.
    """
    from jido.api import why as api

    if reasons:
        draw.out(api.reasons(lang))
        return 0
    answer = api.why(selector, lang=lang, dry_runs=not no_dry_runs)
    if answer.problem:
        draw.say(
            tr(
                "{cluster} could not be asked, this is as last seen: {problem}",
                cluster=answer.cluster,
                problem=answer.problem,
            )
        )
    if as_json:
        draw.emit(answer)
        return answer.exit_code
    from jido.cli.draw_page import draw_page

    draw.out(draw_page(answer.page))
    return answer.exit_code
