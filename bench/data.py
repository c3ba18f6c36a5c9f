"""Measure how data is carried, staged and built, each part against its peer; each writes its section of RESULTS.md.

python bench/data.py                 all parts, several minutes
python bench/data.py push --rounds 1 one part
"""

from __future__ import annotations

import argparse
import os
import sys
import time

import carrying
import environments
import run
import sections
import staging
from measure import Findings
from twin_site import twin

PARTS = {
    "push": ("## Carrying", carrying.measure, 3),
    "environments": ("## The environment of the digits example", environments.measure, 5),
    "staging": ("## Staging on a twin", staging.measure, 3),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="of " + ", ".join(PARTS))
    parser.add_argument("--rounds", type=int, help="instead of each part's own number")
    said = parser.parse_args()
    if unknown := set(said.parts) - PARTS.keys():
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    with twin() as site:
        for name in said.parts or PARTS:
            title, measure, rounds = PARTS[name]
            print(f"measuring {name} ...", file=sys.stderr)
            load, wanted = os.getloadavg()[0], said.rounds or rounds
            text = section(title, name, measure(site, wanted), wanted, load)
            # At once: what comes later may be stopped.
            sections.put(title, text)
            print(text)


def section(title: str, part: str, found: Findings, rounds: int, load: float) -> str:
    lines = [
        title,
        "",
        f"Made by `python bench/data.py {part}`, {time.strftime('%Y-%m-%d')}, {os.cpu_count()} CPUs, "
        f"{rounds} rounds, load {load:.1f} before and {os.getloadavg()[0]:.1f} after.",
        "",
        *run.table(found),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
