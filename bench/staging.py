"""Datasets of many small files: staged once on each node, and an epoch over staged copies, the staging included.

All disks of the twin, the nodes' own too, are served in user space by one process (the kernel's FUSE), and its /data
has no network behind it: it is no faster than Aurora's NFS in bytes (57 MB/s), but has none of its latency for each
file. So the epoch's row says what staging costs, not what it gains on a real network file system; that wants a
GlusterFS or CephFS. It is scaled from 100,000 files to 5,000 of 4 KiB, so that a round takes some ten seconds.
"""

from __future__ import annotations

import json
import time
from itertools import count

from measure import Count, Figure, Findings, in_turn, quietly
from small_files import EPOCH, SIZE, fill
from twin_site import Site

FILES, TASKS, NODE = 5_000, 10, "aurora-g1"


def measure(site: Site, rounds: int) -> Findings:
    numbers = count()
    source, project = site.folder / "images", site.folder / "epoch"
    fill(source, FILES)
    project.mkdir()
    (project / "epoch.py").write_text(EPOCH)
    (project / "jido.toml").write_text('[project]\nname = "epoch"\ncluster = "aurora"\n')
    where = ("--extra", f"--nodelist={NODE}", "-c", "1", "-m", "200M")
    read = f"{FILES} {FILES * SIZE}"

    def added() -> str:
        # Another name is another copy: none is there before.
        name = f"images{next(numbers)}"
        site.jido("data", "add", str(source), "--name", name, cwd=project)
        return name

    def epoch(folder: str, *stage: str) -> None:
        words = ("run", *where, *stage, "--", "sh", "-c", f'exec python3 epoch.py "{folder}"')
        if read not in (said := site.jido(*words, cwd=project)):
            raise SystemExit(f"not all of it was read: {said}")

    # What is measured is the epoch, not how the dataset came to the cluster.
    names = iter([added() for _ in range(rounds + 1)])
    unpack = "cd /data/student && mkdir images && tar -xf - -C images"
    quietly(["sh", "-c", f'tar -C "{source}" -cf - . | "$@"', "sh", *site.ssh_words, unpack])

    def staged() -> None:
        name = next(names)
        epoch(f"$JIDO_DATA/{name}", "--stage", name)

    ours, peer = in_turn(rounds, staged, lambda: epoch("/data/student/images"))
    return Findings(
        [
            Figure(
                f"epoch over {FILES} files of 4 KiB (scaled from 100,000), all disks the twin's",
                ("staged to the node's disk, the staging included", ours),
                ("read from /data, which here has no latency", peer),
            )
        ],
        [once(site, added(), where)],
    )


def once(site: Site, name: str, where: tuple[str, ...]) -> Count:
    """How often ten array tasks that begin together on one node unpack."""
    project = site.folder / "epoch"
    words = ("sweep", *where, "--stage", name, "--param", f"n=1..{TASKS}", "--", "true")
    site.jido(*words, cwd=project)
    began = time.monotonic()
    site.jido("wait", "last", cwd=project)
    took = time.monotonic() - began
    run = json.loads(site.jido("story", "last", "--json", cwd=project))["run"]
    logs = site.ssh(f"cat /data/student/epoch/logs/{run['name']}/*.log")
    count_of = logs.count("unpacking in")
    found = f"unpacked {count_of} time{'s' * (count_of != 1)}, in {took:.1f} s for all"
    return Count(f"{TASKS} array tasks on one node that stage one dataset", found, "once", count_of == 1)
