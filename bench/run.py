"""Measure jido against its peers on this machine and write the table in RESULTS.md.

python bench/run.py             all but data and faults, about four minutes
python bench/run.py --only ps   the parts whose name holds a word; prints, writes nothing
python bench/faults.py          20,000 seeded faults, about a quarter of an hour; its section is kept by the others
python bench/data.py            pushing, environments, staging; network_disk.py beside it reads from a real GlusterFS
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from pathlib import Path

import following
import large
import ledger
import peers
import probing
import sections
import starting
import sweeping
import twin_up
from measure import Count, Figure, Findings, Times, quietly
from twin_site import Site, twin

from jido import __version__

RESULTS = Path(__file__).with_name("RESULTS.md")


def twins(_: Site, rounds: int) -> Findings:
    """The twin's start; `twin_up` says how."""
    twin_up.bare(ordered=True), twin_up.twin()
    rows = [(twin_up.bare(ordered=True), twin_up.bare(ordered=False), *twin_up.twin()) for _ in range(rounds)]
    best, at_once, alone, command = (list(column) for column in zip(*rows, strict=True))
    return Findings(
        [
            Figure(
                "twin of Aurora up, 8 nodes idle, ssh answers",
                ("interpreter, map, up()", command),
                ("munged, slurmctld and one slurmd started at once", at_once),
                3.0,
            ),
            Figure(
                "the same, against the best order",
                ("up() alone", alone),
                ("each daemon as soon as the one before answers", best),
                3.0,
            ),
        ]
    )


PARTS = {
    "probe": (probing.measure, 7),
    "run": (following.measure, 7),
    "start ps": (starting.measure, 25),
    "twin": (twins, 7),
    "large": (large.measure, 3),
    "ledger": (ledger.measure, 15),
    "peers": (peers.measure, 3),
    "sweeps": (sweeping.measure, 1),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="WORD", help="parts: " + ", ".join(PARTS))
    parser.add_argument(
        "--without", default="", metavar="WORD", help="parts to leave out, e.g. sweeps, which take long"
    )
    parser.add_argument("--rounds", type=int, help="instead of each part's own number")
    said = parser.parse_args()
    found = Findings()
    began, load = time.time(), os.getloadavg()
    with twin() as site:
        for name, (measure, rounds) in PARTS.items():
            if said.only in name and name not in said.without.split(","):
                print(f"measuring {name} ...", file=sys.stderr)
                part = measure(site, said.rounds or rounds)
                found.figures += part.figures
                found.counts += part.counts
    text = report(found, began, load, said.without)
    print(text)
    if not said.only:
        RESULTS.write_text(text + sections.others())
    print("\n".join(summary(found)), file=sys.stderr)


def report(found: Findings, began: float, load: tuple[float, float, float], without: str) -> str:
    slurm = quietly(["slurmctld", "-V"], env={"PATH": f"{os.environ['PATH']}:/usr/sbin"}).strip()
    date = time.strftime("%Y-%m-%d", time.gmtime(began))
    lines = [
        "# Figures",
        "",
        "Made by `python bench/run.py`; do not edit. Each row compares two things done in turn (A B A B) in one run,",
        "after one of each unmeasured. Times are medians, the quickest and slowest in brackets. The ratio is that of",
        "the medians; the second ratio, of the quickest of each, is what is left when nobody disturbs. *The machine",
        "is small and shared with others: take the ratios, not the times.*",
        "",
        f"jido {__version__}, {date}, {platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, load "
        f"{load[0]:.1f} before and {os.getloadavg()[0]:.1f} after, Python {platform.python_version()}, {slurm}.",
        *([f"Left out in this run: {without}."] if without else []),
        "",
        *table(found),
    ]
    lines += ["", "Targets:", "", *(f"- {line}" for line in summary(found))]
    return "\n".join(lines) + "\n"


def table(found: Findings) -> list[str]:
    """The rows of what was found, as Markdown."""
    lines = []
    if found.figures:
        lines += [
            "| what | jido | peer | ratio | of quickest | target | |",
            "| --- | --- | --- | --- | --- | --- | --- |",
        ]
        lines += [_row(figure) for figure in found.figures]
    if found.counts:
        lines += ["", "| counted | found | target | |", "| --- | --- | --- | --- |"]
        lines += [f"| {one.what} | {one.found} | {one.target} | {_verdict(one.met)} |" for one in found.counts]
    return lines


def summary(found: Findings) -> list[str]:
    """One line for each figure that has a target."""
    lines = []
    for one in (*found.figures, *found.counts):
        if isinstance(one, Count):
            lines.append(f"{_verdict(one.met)}: {one.what}: {one.found}; target: {one.target}")
        elif one.limit is not None:
            lines.append(f"{_verdict(one.met)}: {one.what}: {_ratio(one.ratio)}; target: {_target(one.limit)}")
    return lines


def _row(one: Figure) -> str:
    cells = (
        *(one.what, f"`{one.ours[0]}` {_times(one.ours[1])}", f"{one.peer[0]} {_times(one.peer[1])}"),
        *(_ratio(one.ratio), _ratio(one.least), _target(one.limit), _verdict(one.met)),
    )
    return "| " + " | ".join(cells) + " |"


def _times(times: Times) -> str:
    return f"{_seconds(statistics.median(times))} ({_seconds(min(times))}–{_seconds(max(times))})"


def _seconds(value: float) -> str:
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value > 0.3 else f"1 / {1 / value:.1f}"


def _target(limit: float | None) -> str:
    return "" if limit is None else f"at most {limit:g}" if limit >= 1 else f"at most 1 / {1 / limit:g}"


def _verdict(met: bool | None) -> str:
    return {True: "met", False: "**not met**", None: ""}[met]


if __name__ == "__main__":
    main()
