"""Build twins of generated maps, probe them, and print what does not come back.

python bench/fidelity.py 100              a hundred maps, about two seconds each
python bench/fidelity.py 20 --seed 7      others
python bench/fidelity.py 20 --root TREE   on the Slurm of a debootstrap tree, without accounting
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from jido.api import probing, twins
from jido.api.fidelity import differences
from jido.model.document import map_to_yaml
from jido.model.map import Map
from jido.testing.maps import slurm_maps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("maps", type=int, nargs="?", default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--nodes", type=int, default=9, help="at most, in one map")
    parser.add_argument("--root", default="/", metavar="TREE", help="whose programs run inside")
    said = parser.parse_args()
    counts = {"maps": 0, "nodes": 0, "equal": 0}

    with tempfile.TemporaryDirectory(prefix="jido-") as home:
        os.environ["JIDO_HOME"] = home

        @seed(said.seed)
        @settings(
            max_examples=said.maps,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        # Debian's newer slurmdbd ends at its own client library; see docs/architecture.md.
        @given(slurm_maps(said.nodes, accounting=said.root == "/"))
        def each(map_: Map) -> None:
            counts["maps"] += 1
            counts["nodes"] += sum(1 for _ in map_.now.nodes.value or ())
            counts["equal"] += not compared(map_, Path(home), said.root)

        began = time.monotonic()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            each()
    print(", ".join(f"{count} {what}" for what, count in counts.items()), f"in {time.monotonic() - began:.0f} s")
    sys.exit(counts["equal"] != counts["maps"])


def compared(map_: Map, folder: Path, root: str) -> bool:
    """Whether anything differs; it is printed."""
    file = folder / "map.yaml"
    file.write_text(map_to_yaml(map_))
    try:
        twins.up(str(file), "generated", root=root)
        found = differences(map_, probing.probe("generated").map)
    except Exception as error:
        kept = Path(tempfile.gettempdir()) / f"jido-fidelity-{os.getpid()}.yaml"
        kept.write_text(file.read_text())
        print(f"{type(error).__name__}: {error}\n  {getattr(error, 'cause', '')}\n  the map is kept in {kept}")
        return True
    finally:
        twins.down("generated")
    for one in found:
        print(f"{one.path}: {one.before!r} -> {one.after!r}")
    return bool(found)


if __name__ == "__main__":
    main()
