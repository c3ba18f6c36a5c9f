"""``jido check``: what a job would stumble over, before it is queued."""

from __future__ import annotations

import os
import shlex
import sys
import time
from typing import TYPE_CHECKING

import click

from jido.cli import draw
from jido.errors import InputError, Refused
from jido.words import known, plural, tr

if TYPE_CHECKING:
    from jido.check.findings import Report

_COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}
# As of `doctor`: something hinders that is no certain refusal.
WARNED = 12
# From here on it is told how old the map is.
_OLD = 86400.0


@click.command()
@click.argument("what", nargs=-1, metavar="[SCRIPT|JOB]...")
@click.option("--on", default="", metavar="CLUSTER", help="Against which; else jido.toml says, or the only one.")
@click.option("--dir", "folder", default="", metavar="FOLDER", help="The folder there that one submits from.")
@click.option("--offline", is_flag=True, help="Ask nobody; what would have to be asked is said to be unchecked.")
@click.option("--fix", "fix", is_flag=True, help="Rewrite the script; shows what would change, and asks first.")
@click.option("-y", "--yes", is_flag=True, help="With --fix: do not ask.")
@click.option("--strict", is_flag=True, help="End with 12 where there are warnings.")
@click.option("--rules", is_flag=True, help="List every rule.")
@click.option("--lang", default="", metavar="ko|en", help="Language of reasons; else JIDO_LANG, else the locale's.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option("--sarif", "as_sarif", is_flag=True, help="Print the findings as SARIF 2.1.0, for editors.")
def check(
    what: tuple[str, ...],
    on: str,
    folder: str,
    offline: bool,
    fix: bool,
    yes: bool,
    strict: bool,
    rules: bool,
    lang: str,
    as_json: bool,
    as_sarif: bool,
) -> int:
    """Check batch SCRIPTs, or JOBs of jido.toml (all of them unless some are named), before they are queued.

    A script that lies on a cluster is named CLUSTER:PATH.
    Ends with 0 when nothing certainly goes wrong, with 5 when something does.
    """
    if rules:
        _rules(lang, as_json=as_json)
        return 0
    if as_json and as_sarif:
        raise InputError(tr("--json and --sarif do not go together"), hint=tr("leave one out"))
    from jido.api import checking

    if folder and not folder.startswith("/"):
        raise InputError(
            tr("--dir {folder!r} is not absolute", folder=folder),
            hint=tr("write it as on the cluster: /data/you/project"),
        )
    done = checking.check(what, on=on, folder=folder, offline=offline)
    if fix and done.diff:
        if not (as_json or as_sarif):
            draw.out(done.diff.encode("utf-8", "backslashreplace").decode())
        if yes or _confirmed():
            done = checking.fix(what, on=on, folder=folder, offline=offline)
            draw.say(tr("written, and checked again"))
    elif fix:
        draw.say(tr("there is nothing that could be mended by rewriting"))
    if as_json:
        draw.emit(done)
    elif as_sarif:
        from jido import __version__
        from jido.check.sarif import sarif

        draw.emit(sarif(done.report, __version__))
    else:
        _draw(done.report, lang)
        if done.diff and not fix:
            draw.next_step(f"jido check {shlex.join(what)} --fix", tr("shows what would be rewritten, and asks"))
    if done.report.refused:
        return Refused.exit_code
    return WARNED if strict and any(one.severity == "warning" for one in done.report.findings) else 0


def _confirmed() -> bool:
    if not sys.stdin.isatty():
        draw.say(tr("nothing is written: that wants --yes where nobody can be asked"))
        return False
    return click.confirm(tr("write this?"), err=True)


def _rules(lang: str, *, as_json: bool) -> None:
    from jido.check.rules import RULES
    from jido.check.speech import rule_in
    from jido.explain.speech import language

    # What programs read does not change with the locale of whoever starts them.
    spoken = language(lang, {} if as_json else os.environ)

    if as_json:
        fields = ("name", "severity", "about", "why", "fix", "rewrites")
        draw.emit([{field: getattr(rule_in(rule, spoken), field) for field in fields} for rule in RULES])
        return
    from jido.cli import fit

    for rule in (rule_in(rule, spoken) for rule in RULES):
        mends = tr(", --fix can mend it") if rule.rewrites else ""
        draw.out(f"{draw.style(rule.name, bold=True)} ({known(rule.severity)}{mends})")
        for text in (rule.about, rule.why):
            for line in fit.wrap("", text, label=2):
                draw.out(line)


def _draw(report: Report, lang: str) -> None:
    from jido.check.speech import finding_in
    from jido.cli import fit
    from jido.explain.speech import language

    spoken = language(lang, os.environ)
    for finding in (finding_in(one, spoken) for one in report.findings):
        where = f"{finding.file}:{finding.line}:{finding.column}" + (f" [{finding.job}]" if finding.job else "")
        draw.out(f"{_shown(where)}: {draw.style(known(finding.severity), fg=_COLOURS[finding.severity], bold=True)}: "
                 f"{finding.rule}")  # fmt: skip
        for line in fit.split(_shown(finding.what), fit.columns() - 2):
            draw.out(f"  {line}")
        for label, text in ((tr("why"), finding.why), (tr("fix"), finding.fix)):
            if text:
                for line in fit.wrap(label, _shown(text), label=5):
                    draw.out(line)
        draw.out()
    if report.unknown:
        draw.out(tr("not checked"))
        for one in report.unknown:
            for line in fit.wrap("-", _shown(one.what + (f"   ({one.settle})" if one.settle else "")), label=2):
                draw.out(line)
        draw.out()
    draw.out(_sum(report))


def _counted(severity: str, number: int) -> str:
    if severity == "error":
        return plural(number, "{n} error", "{n} errors")
    if severity == "warning":
        return plural(number, "{n} warning", "{n} warnings")
    return plural(number, "{n} note", "{n} notes")


def _sum(report: Report) -> str:
    count = {name: sum(one.severity == name for one in report.findings) for name in _COLOURS}
    said = ", ".join(_counted(name, number) for name, number in count.items() if number)
    names = [_shown(name) for name in report.checked[:4]]
    checked = ", ".join(names) + (
        tr(" and {more} more", more=more) if (more := len(report.checked) - len(names)) else ""
    )
    against = tr(" against {cluster}", cluster=report.cluster) if report.cluster and report.at else ""
    if against and (age := time.time() - report.at) > _OLD:
        against += tr(" as it was mapped {ago} (jido probe {cluster})", ago=draw.ago(age), cluster=report.cluster)
    if report.cluster and not report.at:
        against = tr("; {cluster} has no map yet (jido probe {cluster})", cluster=report.cluster)
    elif not report.cluster:
        against = tr("; no cluster is named (--on CLUSTER), so only how it is written")
    return tr("{said} in {checked}{against}", said=said or tr("nothing found"), checked=checked, against=against)


def _shown(text: str) -> str:
    """Text of a script as a terminal may show it."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
