"""Who says the truth about GPUs: jido from here, and nodetop on the login node, against what Slurm then does.

python bench/truth.py NODETOP    NODETOP: the folder that holds the package `nodetop`, e.g. made by
                                 `pip install --target NODETOP nodetop`

On a twin of Aurora, in situations that an undergraduate meets, both say for each partition whether the job could
begin now; then the job is really submitted. Ends with code 1 when jido was wrong more often than nodetop.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from twin_site import JIDO, Site, twin

# A job that can begin does so well within these seconds on a twin.
WITHIN = 6.0


def partitions(site: Site) -> list[str]:
    return [
        row["name"] for row in json.loads(site.jido("show", "aurora", "--json"))["scheduling"]["partitions"]["value"]
    ]


def jido_says(site: Site, gpus: int, hours: int) -> set[str]:
    words = [
        JIDO,
        "where",
        "--fresh",
        "--json",
        "--gpus",
        str(gpus),
        "--time",
        f"{hours}h",
        "--memory-per-gpu",
        "100M",
    ]
    words += ["--cpus-per-gpu", "1"]
    # Its exit code is part of the answer.
    done = subprocess.run(words, env=site.env, capture_output=True, text=True, check=False)
    return {row["partition"] for row in json.loads(done.stdout)["places"] if row["when"] == "now"}


def nodetop_says(site: Site, gpus: int, hours: int) -> set[str]:
    line = f"PYTHONPATH=peer python3 -m nodetop --json where -g {gpus} -t {hours}:00:00; :"
    answer = site.ssh(line)
    rows = json.loads(answer[answer.index("[") :]) if "[" in answer else []
    return {row["queue"] for row in rows if row["starts_now"] and row["reachable"]}


def slurm_does(site: Site, names: list[str], gpus: int, hours: int) -> set[str]:
    begun = set()
    for name in names:
        asked = f"sbatch --parsable -J truth -o /dev/null -p {name} --gres=gpu:{gpus} --mem=100M -t {hours}:00:00"
        id_ = site.ssh(f"{asked} --wrap 'sleep 60' 2>/dev/null; :").strip()
        if not id_:
            continue
        until = time.monotonic() + WITHIN
        while time.monotonic() < until:
            if site.ssh(f"squeue -h -j {id_} -o %T").strip() == "RUNNING":
                begun.add(name)
                break
            time.sleep(0.3)
        site.ssh(f"scancel {id_}")
        while site.ssh("squeue -h -n truth").strip():
            time.sleep(0.3)
    return begun


def nothing(_: Site) -> None:
    """Nobody is there."""


def my_gpu_is_taken(site: Site) -> None:
    """My one GPU is in use by another job of mine."""
    site.ssh("sbatch -J before -o /dev/null --gres=gpu:1 --mem=100M --wrap 'sleep 600'")


def my_gpu_is_taken_otherwise(site: Site) -> None:
    """The same, asked for by --gpus, which squeue's columns do not tell."""
    site.ssh("sbatch -J before -o /dev/null --gpus=1 --mem=100M --wrap 'sleep 600'")


def no_cpus(site: Site) -> None:
    """Every CPU is in use, no GPU is."""
    site.ssh("for i in 1 2 3 4 5 6 7 8; do sbatch -J before -o /dev/null -c 64 --mem=100M --wrap 'sleep 600'; done")


def no_memory(site: Site) -> None:
    """All memory is in use, no GPU is."""
    site.ssh("for i in 1 2 3 4 5 6 7 8; do sbatch -J before -o /dev/null --mem=0 --wrap 'sleep 600'; done")


SITUATIONS: list[tuple[Callable[[Site], None], int, int]] = [
    (nothing, 1, 1), (nothing, 1, 5), (nothing, 2, 1), (nothing, 9, 1),
    (my_gpu_is_taken, 1, 1), (my_gpu_is_taken_otherwise, 1, 1), (no_cpus, 1, 1), (no_memory, 1, 1),
]  # fmt: skip


def main(peer: Path) -> int:
    wrong = {"jido": 0, "nodetop": 0}
    asked = 0
    with twin() as site:
        shutil.copytree(peer / "nodetop", site.login_home / "peer/nodetop")
        names = partitions(site)
        print("| situation | GPUs | time | partition | begins | jido | nodetop |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for prepare, gpus, hours in SITUATIONS:
            prepare(site)
            time.sleep(3)
            ours, theirs = jido_says(site, gpus, hours), nodetop_says(site, gpus, hours)
            truth = slurm_does(site, names, gpus, hours)
            site.ssh("scancel -n before")
            while site.ssh("squeue -h").strip():
                time.sleep(0.3)
            for name in names:
                asked += 1
                cells = []
                for who, said in (("jido", ours), ("nodetop", theirs)):
                    wrong[who] += (name in said) != (name in truth)
                    cells.append(
                        ("now" if name in said else "no") + ("" if (name in said) == (name in truth) else " (!)")
                    )
                begins = "yes" if name in truth else "no"
                print(
                    f"| {prepare.__name__} | {gpus} | {hours}h | {name} | {begins} | {' | '.join(cells)} |",
                    flush=True,
                )
    print(f"\nof {asked} answers wrong: jido {wrong['jido']}, nodetop {wrong['nodetop']}")
    return int(wrong["jido"] > wrong["nodetop"])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
