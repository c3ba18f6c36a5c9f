"""``jido doctor``: what is wrong on a cluster now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jido.cli import draw
from jido.cli.spoken import language_option

if TYPE_CHECKING:
    from jido.explain.health import Health

# Not an error of jido: it is told apart from every error, so that scripts can ask "is it well?".
UNWELL = 12
_COLOURS = {"problem": "red", "warning": "yellow", "notice": "cyan"}


@click.command()
@click.argument("name", required=False)
@click.option("--offline", is_flag=True, help="From the kept map; ask nobody.")
@language_option
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(name: str | None, offline: bool, lang: str, as_json: bool) -> int:
    """Look the cluster NAME over: your jobs, the control plane, nodes, file systems, connection, clock.

    Ends with 12 when something hinders now or may soon, with 0 when nothing does.
    """
    from jido.api import doctor as api
    from jido.api import naming

    name = naming.the_one(name)
    health = api.doctor(name, offline=offline, lang=lang)
    if as_json:
        draw.emit({"well": health.well, **{key: getattr(health, key) for key in health.__struct_fields__}})
    else:
        _draw(health)
    return 0 if health.well else UNWELL


def _draw(health: Health) -> None:
    import time

    from jido.cli import fit
    from jido.explain.speech import Speech

    speech = Speech(health.lang)
    seen = speech.say("doctor.never_seen")
    if health.at:
        seen = speech.say("doctor.seen", ago=speech.ago(max(0.0, time.time() - health.at)))
    draw.out(f"{draw.style(health.name, bold=True)}   {seen}")
    for finding in health.findings:
        draw.out()
        head = f"{speech.say(f'doctor.severity.{finding.severity}')}: "
        first, *others = fit.split(finding.what, fit.columns() - draw.width(head))
        draw.out(draw.style(head, fg=_COLOURS[finding.severity], bold=True) + first)
        for line in others:
            draw.out(" " * draw.width(head) + line)
        for label, text in ((speech.say("doctor.why"), finding.why), (speech.say("doctor.next"), finding.next)):
            if text:
                for line in fit.wrap(label, text, label=6):
                    draw.out(line)
    if health.unknown:
        draw.out()
        draw.out(speech.say("doctor.unknown_title"))
        for text in health.unknown:
            for line in fit.wrap("-", text, label=2):
                draw.out(line)
    if not health.findings:
        draw.out(speech.say("doctor.all_well"))
