"""The probe against its own looks typed one by one over one shared connection, and its remote execs."""

from __future__ import annotations

import os

from measure import Count, Figure, Findings, in_turn, quietly
from twin_site import JIDO, Site

from jido.api import probing
from jido.model.bundle import Part
from jido.probe import ask
from jido.probe.looks import COMMON


def measure(site: Site, rounds: int) -> Findings:
    parts, _ = ask.compose(probing.engines(), probing.kinds())
    applying = [part for part in parts if _applies(site, part)]
    words = site.ssh_words

    def typed(lines: list[str], words: list[str] = words) -> None:
        for line in lines:
            # Looks may well end with a code: what is not there is a finding.
            ssh = os.posix_spawnp("ssh", [*words, line], os.environ, file_actions=_QUIET)
            os.waitpid(ssh, 0)

    every, lines, fewer = _commands(parts), _once(parts), _once(applying)
    ours, command, peer, by_look, by_need = in_turn(
        rounds,
        lambda: probing.probe("aurora"),
        lambda: site.jido("probe", "aurora"),
        lambda: typed(every),
        lambda: typed(lines),
        lambda: typed(fewer),
    )
    slowest = [part.script for part in parts if part.name == "slurm/qos"]
    again, alone = in_turn(rounds, lambda: probing.probe("aurora"), lambda: typed(slowest))
    site.jido("twin", "up", "aurora", "--as", "bare", "--no-accounting")
    site.jido("probe", "bare")
    there, bare = _commands(parts, "bare"), site.ssh_words_of("bare")
    plainly, by_hand = in_turn(rounds, lambda: probing.probe("bare"), lambda: typed(there, bare))
    found = Findings()
    found.figures += [
        Figure(
            "probe of a twin without accounting, until the map is saved",
            ('connect("bare").probe()', plainly),
            (f"its {len(there)} commands typed one by one, an `ssh` each", by_hand),
            1 / 8,
        ),
        Figure(
            "the same with accounting: sacctmgr waits 90 ms for each thing it asks slurmdbd",
            ('connect("aurora").probe()', ours),
            (f"its {len(every)} commands typed one by one, an `ssh` each", peer),
            1 / 8,
        ),
        Figure(
            "the same against its slowest look alone",
            ('connect("aurora").probe()', again),
            ("`sacctmgr show qos`, one `ssh`", alone),
        ),
        Figure(
            "with accounting, against somebody who types a look's commands on one line",
            ('connect("aurora").probe()', ours),
            (f"its {len(lines)} looks, an `ssh` each", by_look),
        ),
        Figure(
            "with accounting, against somebody who also knows what is not there",
            ('connect("aurora").probe()', ours),
            (f"the {len(fewer)} looks that find something, an `ssh` each", by_need),
        ),
        Figure(
            "with accounting and the start of the interpreter",
            ("jido probe", command),
            (f"its {len(every)} commands typed one by one, an `ssh` each", peer),
        ),
    ]
    site.jido("twin", "down", "bare")
    execs = _execs(site)
    found.counts.append(Count("remote execs of a probe", str(execs), "at most 2", execs <= 2))
    return found


_QUIET = [
    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
    (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
]


def _once(parts: list[Part]) -> list[str]:
    """A look's commands on one line; nobody types the same twice."""
    return list(dict.fromkeys(part.command for part in parts))


def _commands(parts: list[Part], name: str = "aurora") -> list[str]:
    """Each command that a person would type, by itself."""
    partitions = [partition.name for partition in probing.newest(name).scheduling.partitions.value or ()]
    commands = []
    for part in parts:
        for command in part.command.split("; ") if part.typed else [part.command]:
            wanted = partitions if " PARTITION " in command else [""]
            commands += [command.replace(" PARTITION -A ACCOUNT ", f" {name} ") for name in wanted]
    return list(dict.fromkeys(commands))


def _applies(site: Site, part: Part) -> bool:
    """Whether a person who knows the cluster would type it at all."""
    condition = part.needs or ":"
    return (
        site.ssh(f"{COMMON}if {{ {condition}; }} >/dev/null 2>&1; then echo yes; else echo no; fi").strip() == "yes"
    )


def _execs(site: Site) -> int:
    """How many commands a probe executes there: an `ssh` in front of the real one counts the sessions it opens."""
    folder = site.folder / "counting"
    folder.mkdir()
    real = quietly(["sh", "-c", "command -v ssh"]).strip()
    shim = folder / "ssh"
    # -N executes nothing, -O speaks to the connection itself.
    shim.write_text(
        f'#!/bin/sh\ncase " $* " in *" -N "*|*" -O "*) ;; *) echo session >>{folder}/log ;; esac\nexec {real} "$@"\n'
    )
    shim.chmod(0o755)
    quietly([JIDO, "probe", "aurora"], env={**site.env, "PATH": f"{folder}:{site.env['PATH']}"})
    return len((folder / "log").read_text().splitlines())
