"""A cluster of 10,000 nodes and 200 partitions: from what Slurm printed to the map that is shown."""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measure import Count, Figure, Findings, quietly
from twin_site import Site

NODES, PARTITIONS = 10_000, 200
SMALL = 100


def measure(_: Site, rounds: int) -> Findings:
    seconds: dict[int, list[dict[str, float]]] = {NODES: [], SMALL: []}
    for _round in range(max(3, rounds)):
        for nodes in seconds:
            argv = [sys.executable, __file__, str(nodes)]
            seconds[nodes].append(json.loads(quietly(argv)))
    large, small = seconds[NODES], seconds[SMALL]

    def of(rows: list[dict[str, float]], *names: str) -> list[float]:
        return [sum(row[name] for name in names) for row in rows]

    whole = ("merge", "save", "show")
    title = f"{NODES} nodes and {PARTITIONS} partitions"
    found = Findings()
    found.figures += [
        Figure(
            f"{title}: replies parsed, merged, saved, shown",
            ("merge(), maps.save(), draw_map()", of(large, *whole)),
            ("json.loads of the same rows as JSON", of(large, "json")),
        ),
        Figure(
            "the same, for each thousand nodes",
            (f"of {NODES}", [1000 * value / NODES for value in of(large, *whole)]),
            (f"of {SMALL}", [1000 * value / SMALL for value in of(small, *whole)]),
            # Growth that is linear, and what a larger heap costs.
            1.25,
        ),
        Figure(
            "its map is read again", ("maps.need()", of(large, "read")), ("json.loads of the file", of(large, "load"))
        ),
    ]
    middle = sorted(of(large, *whole))[len(large) // 2]
    most = max(of(large, "memory"))
    found.counts += [
        Count(f"{title}: parsed, merged, saved, shown", f"{middle:.2f} s", "under 2 s", middle < 2),
        Count("the memory it takes, Python and all", f"{most / 2**20:.0f} MB", "under 300 MB", most < 300 * 2**20),
        *(
            Count(f"`{verb}` on it", f"{worst:.2f} s at worst", "under 1 s", worst < 1)
            for verb in ("gpus", "compare")
            for worst in [max(of(large, verb))]
        ),
    ]
    return found


def once(nodes: int) -> dict[str, float]:
    """Seconds of each part, and bytes at the most, in this process."""
    from jido.api import probing
    from jido.api.comparing import cards
    from jido.capacity.usable import together, usable
    from jido.cli.draw_map import draw_map
    from jido.config import maps
    from jido.engines.slurm import Slurm
    from jido.explain.compare import Side, compare
    from jido.probe.merge import merge
    from jido.testing import large

    told = large.findings(nodes, PARTITIONS * nodes // NODES or 2)
    as_json = large.as_json(told)
    took: dict[str, float] = {"json": 0.0}

    # What is small is done often, so that both sizes are measured for about as long.
    times = max(1, NODES // 5 // nodes)

    def timed(name: str, act: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        for _ in range(times):
            value = act()
        took[name] = (time.perf_counter() - began) / times
        return value

    engine = Slurm()
    kinds = probing.kinds()
    map_ = timed(
        "merge",
        lambda: merge("large", engine.looks(), told, engines=[engine], kinds=kinds, on="login", at=1e9),
    )
    file = timed("save", lambda: maps.save("large", map_))
    timed("show", lambda: draw_map(map_, {}))
    took["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0
    read = timed("read", lambda: maps.need("large"))
    assert read == map_
    timed("load", lambda: json.loads(file.read_bytes()))
    del read
    timed("json", lambda: json.loads(as_json))
    timed("gpus", lambda: together(map_, usable(map_)))
    side = Side("a", map_, cards(map_)), Side("b", map_, cards(map_))
    timed("compare", lambda: (cards(map_), compare(*side)))
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nodes", type=int, nargs="?", default=NODES)
    said = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="jido-") as home:
        os.environ["JIDO_HOME"] = str(Path(home))
        print(json.dumps(once(said.nodes)))


if __name__ == "__main__":
    main()
