"""``jido compare``: two clusters side by side."""

from __future__ import annotations

import click

from jido.cli import draw


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("-a", "--all", "everything", is_flag=True, help="What is the same, too.")
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
def compare(first: str, second: str, everything: bool, as_json: bool) -> None:
    """Compare A with B: clusters that were probed, maps that come with jido, or map files."""
    from jido.api import comparing

    done = comparing.compare(first, second)
    if as_json:
        draw.emit(
            {
                "names": done.names,
                "rows": [
                    {"section": row.section, "what": row.what, "values": row.values, "differs": row.differs}
                    for row in done.rows
                    if everything or row.differs
                ],
                "means": [
                    {"need": one.need, "fits": one.fits, "not_fits": one.not_fits, "unknown": one.unknown}
                    for one in done.means
                ],
            }
        )
        return
    from jido.cli.draw_comparison import draw_comparison

    draw.out(draw_comparison(done, everything=everything))
