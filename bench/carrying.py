"""Carrying: a project of many small files against rsync, one large file against scp, over the same connection.

Over a real sshd on loopback to a disk of this machine: a twin serves its volumes by FUSE, which would be measured.
"""

from __future__ import annotations

import random
import shlex
import shutil
from itertools import count
from pathlib import Path

from measure import Figure, Findings, in_turn, quietly, timed
from twin_site import Site

from jido.config import clusters, places
from jido.testing.sshd import HOST, Server
from jido.transports.openssh import OpenSSH

FILES = 10_000
CHANGED = 100
LARGE = 2 << 30
# What a round costs; the large file takes as long as all others together.
LARGE_ROUNDS = 3


def measure(site: Site, rounds: int) -> Findings:
    folder = site.folder / "sshd"
    folder.mkdir()
    server = Server(folder)
    server.start()
    try:
        clusters.put("plain", server.destination)
        site.jido("login", "plain")
        control = OpenSSH(server.destination, places.runtime(), "plain").control
        words = ["-F", str(server.config), "-o", f"ControlPath={control}"]
        work = folder / "work"
        work.mkdir()
        return Findings([*_small(site, rounds, words, work), _large(site, min(rounds, LARGE_ROUNDS), words, work)])
    finally:
        server.stop()


def _project(name: str, work: Path) -> str:
    return f'[project]\nname = "{name}"\ncluster = "plain"\n[layout]\nwork = "{work}"\n'


def _small(site: Site, rounds: int, ssh: list[str], work: Path) -> list[Figure]:
    numbers = count()
    shell = shlex.join(["ssh", *ssh])
    chance = random.Random(7)
    source = site.folder / "small"
    words = [chance.randbytes(4).hex() for _ in range(800)]
    files = [source / f"package{number % 40}" / f"module{number}.py" for number in range(FILES)]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        size = chance.randrange(2048, 20_480)
        file.write_text(" ".join(chance.choices(words, k=size // 9 + 1))[:size])

    def fresh() -> None:
        # A project of another name is another folder on the cluster.
        (source / "jido.toml").write_text(_project(f"small{next(numbers)}", work))
        site.jido("push", cwd=source)

    def again() -> None:
        site.jido("push", cwd=source)

    def rsync(target: str) -> None:
        quietly(["rsync", "-a", "-e", shell, f"{source}/", f"{HOST}:{work}/{target}"])

    def rsync_again() -> None:
        rsync("rsync/")

    first, rsync_first = in_turn(rounds, fresh, lambda: rsync(f"rsync{next(numbers)}/"))
    unchanged, rsync_unchanged = in_turn(rounds, again, rsync_again)

    def edit() -> None:
        for file in chance.sample(files, CHANGED):
            file.write_text(chance.choice(words) + file.read_text())

    # Both carry the same changes, each to its own copy: what is not timed comes before.
    changed: list[float] = []
    rsync_changed: list[float] = []
    for number in range(rounds + 1):
        edit()
        ours, theirs = timed(again), timed(rsync_again)
        if number:
            changed.append(ours)
            rsync_changed.append(theirs)
    shutil.rmtree(work)
    work.mkdir()
    name = f"{FILES} files of 2 to 20 KiB"
    return [
        Figure(f"{name}, first copy", ("jido push", first), ("rsync -a", rsync_first), 0.8),
        Figure(f"{name}, nothing changed", ("jido push", unchanged), ("rsync -a", rsync_unchanged), 1.0),
        Figure(f"{name}, {CHANGED} changed", ("jido push", changed), ("rsync -a", rsync_changed), 1.0),
    ]


def _large(site: Site, rounds: int, ssh: list[str], work: Path) -> Figure:
    source = site.folder / "large"
    (source / "data").mkdir(parents=True)
    (source / "train.py").write_text("print()\n")
    block = random.Random(7).randbytes(1 << 24)
    with (source / "data" / "one.bin").open("wb") as file:
        for number in range(LARGE >> 24):
            file.write(number.to_bytes(8, "big") + block[8:])
    numbers = count()

    def fresh() -> None:
        (source / "jido.toml").write_text(_project(f"large{next(numbers)}", work))
        site.jido("push", "--data", cwd=source)
        shutil.rmtree(work)
        work.mkdir()

    def scp() -> None:
        # The old protocol, a plain stream: the sshd of the tests has no SFTP.
        quietly(["scp", "-O", "-q", *ssh, str(source / "data" / "one.bin"), f"{HOST}:{work}/scp.bin"])
        (work / "scp.bin").unlink()

    ours, theirs = in_turn(rounds, fresh, scp)
    shutil.rmtree(source)
    return Figure("one file of 2 GiB", ("jido push --data", ours), ("scp", theirs), 1 / 0.95)
