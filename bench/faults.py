"""Strike submissions with seeded faults, and count what was doubled, lost or untrue; the table goes to RESULTS.md.

python bench/faults.py                  20,000 faults, ten campaigns, two at a time
python bench/faults.py 4000 --seed 7    others

What strikes, and how it is judged, is in tests/faults/campaign.py. Ends with code 1 when anything went wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import sections

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.faults.campaign import apart  # noqa: E402 - the tests are no package that is installed

CAMPAIGNS = 10
TITLE = "## Exactly once, under faults"


def campaign(faults: int, seed: int) -> dict[str, Any]:
    done = apart(faults, seed, capture=True)
    if not done.stdout:
        raise SystemExit(done.stderr.decode())
    report: dict[str, Any] = json.loads(done.stdout)
    print(f"seed {seed}: {sum(report['faults'].values())} faults, {report['seconds']:.0f} s", file=sys.stderr)
    for line in report["details"]:
        print(line, file=sys.stderr)
    return report


def table(reports: list[dict[str, Any]], first: int, took: float) -> str:
    faults = Counter[str]()
    for report in reports:
        faults.update(report["faults"])
    counted = ("runs", "sweeps", "executions", "doubled", "lost", "untrue")
    said = {key: sum(report[key] for report in reports) for key in counted}
    lines = [
        TITLE,
        "",
        f"Made by `python bench/faults.py {sum(faults.values()) // 1000 * 1000} --seed {first}`, "
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} CPUs, {took:.0f} s with others at work.",
        f"{said['runs']} submissions ({said['sweeps']} sweeps), {said['executions']} commands that really ran.",
        "",
        "| fault | struck |",
        "| --- | --- |",
        *(f"| {kind} | {times} |" for kind, times in sorted(faults.items(), key=lambda item: -item[1])),
        f"| **all** | **{sum(faults.values())}** |",
        "",
        "| after recovery | runs | target |",
        "| --- | --- | --- |",
        *(f"| {key} | {said[key]} | 0 |" for key in ("doubled", "lost", "untrue")),
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faults", type=int, nargs="?", default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    said = parser.parse_args()
    began = time.monotonic()
    each = -(-said.faults // CAMPAIGNS)
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda seed: campaign(each, seed), range(said.seed, said.seed + CAMPAIGNS)))
    text = table(reports, said.seed, time.monotonic() - began)
    print(text)
    sections.put(TITLE, text)
    return int(any(report["details"] for report in reports))


if __name__ == "__main__":
    sys.exit(main())
