"""Carrying a project of many small files, against rsync over the same connection."""

from __future__ import annotations

import random
import shlex
from itertools import count

from measure import Figure, Findings, in_turn, quietly
from twin_site import Site

FILES = 1000


def measure(site: Site, rounds: int) -> Findings:
    numbers = count()
    shell = shlex.join(site.ssh_words[:-1])
    chance = random.Random(7)
    source = site.folder / "small"
    for number in range(FILES):
        file = source / f"package{number % 20}" / f"module{number}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(chance.randbytes(1024).hex())

    def fresh() -> None:
        # A project of another name is another folder on the cluster.
        (source / "jido.toml").write_text(f'[project]\nname = "small{next(numbers)}"\ncluster = "aurora"\n')
        site.jido("push", cwd=source)

    def unchanged() -> None:
        site.jido("push", cwd=source)

    def rsync(target: str) -> None:
        quietly(["rsync", "-a", "-e", shell, f"{source}/", f"aurora:{target}"])

    first, again, rsync_first, rsync_again = in_turn(
        rounds,
        fresh,
        unchanged,
        lambda: rsync(f"/data/student/rsync{next(numbers)}/"),
        lambda: rsync("/data/student/rsync/"),
    )
    return Findings(
        [
            Figure(f"{FILES} files of 2 KiB, first copy", ("jido push", first), ("rsync -a", rsync_first)),
            Figure(f"{FILES} files of 2 KiB, nothing changed", ("jido push", again), ("rsync -a", rsync_again)),
        ]
    )
