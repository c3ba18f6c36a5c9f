"""``jido doctor``: what is wrong on a cluster now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jido.cli import draw

if TYPE_CHECKING:
    from jido.explain.health import Health

# Not an error of jido: it is told apart from every error, so that scripts can ask "is it well?".
UNWELL = 12
_COLOURS = {"problem": "red", "warning": "yellow", "notice": "cyan"}


@click.command()
@click.argument("name", required=False)
@click.option("--offline", is_flag=True, help="From the kept map; ask nobody.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(name: str | None, offline: bool, as_json: bool) -> int:
    """Look the cluster NAME over: your jobs, the control plane, nodes, file systems, connection, clock.

    Ends with 12 when something hinders now or may soon, with 0 when nothing does.
    """
    from jido.api import doctor as api
    from jido.api import naming

    name = naming.the_one(name)
    health = api.doctor(name, offline=offline)
    if as_json:
        draw.emit({"well": health.well, **{key: getattr(health, key) for key in health.__struct_fields__}})
    else:
        _draw(health)
    return 0 if health.well else UNWELL


def _draw(health: Health) -> None:
    import time

    from jido.cli import fit

    seen = f"seen {draw.ago(max(0.0, time.time() - health.at))}" if health.at else "never seen"
    draw.out(f"{draw.style(health.name, bold=True)}   {seen}")
    for finding in health.findings:
        draw.out()
        head = f"{finding.severity}: "
        first, *others = fit.split(finding.what, fit.columns() - len(head))
        draw.out(draw.style(head, fg=_COLOURS[finding.severity], bold=True) + first)
        for line in others:
            draw.out(" " * len(head) + line)
        for label, text in (("why", finding.why), ("next", finding.next)):
            if text:
                for line in fit.wrap(label, text, label=6):
                    draw.out(line)
    if health.unknown:
        draw.out()
        draw.out("not known")
        for text in health.unknown:
            for line in fit.wrap("-", text, label=2):
                draw.out(line)
    if not health.findings:
        draw.out("nothing is wrong that a user can see")
