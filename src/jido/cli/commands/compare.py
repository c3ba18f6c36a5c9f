"""``jido compare``: two clusters side by side."""

from __future__ import annotations

import click

from jido.cli import draw
from jido.cli.spoken import language_option


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("-a", "--all", "everything", is_flag=True, help="What is the same, too.")
@language_option
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
@click.option("--html", metavar="FILE", help="Write both pictures and what differs as one page.")
def compare(first: str, second: str, everything: bool, lang: str, as_json: bool, html: str | None) -> None:
    """Compare A with B: clusters that were probed, maps that come with jido, or map files."""
    from jido.api import comparing

    if html is not None:
        from jido.cli.pages import keep
        from jido.picture.drawing import draw_comparison_page

        keep(draw_comparison_page(first, second, lang=lang), html)
        return

    done = comparing.compare(first, second, lang=lang)
    if as_json:
        draw.emit(
            {
                "names": done.names,
                "lang": done.lang,
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
