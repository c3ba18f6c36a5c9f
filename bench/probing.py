"""The probe against its own looks typed one by one over one shared connection, and its remote execs."""

from __future__ import annotations

import os
import shlex

from measure import Count, Figure, Findings, in_turn, quietly
from twin_site import JIDO, Site

from jido.api import probing
from jido.model.bundle import Part
from jido.probe import ask
from jido.probe.looks import COMMON


def measure(site: Site, rounds: int) -> Findings:
    parts, _ = ask.compose(probing.engines())
    applying = [part for part in parts if _applies(site, part)]
    words = site.ssh_words
    lines = [f"jido_common={shlex.quote(COMMON)}; export jido_common; {part.command}" for part in applying]

    def typed() -> None:
        for line in lines:
            # Looks may well end with a code: what is not there is a finding.
            os.waitpid(os.posix_spawnp("ssh", [*words, line], os.environ, file_actions=_QUIET), 0)

    ours, peer = in_turn(rounds, lambda: site.jido("probe", "aurora"), typed)
    found = Findings()
    found.figures.append(
        Figure(
            "probe, interpreter and map included",
            ("jido probe", ours),
            (f"the {len(applying)} looks of {len(parts)} that apply here, one `ssh` each", peer),
            1 / 8,
        )
    )
    execs = _execs(site)
    found.counts.append(Count("remote execs of a probe", str(execs), "at most 2", execs <= 2))
    return found


_QUIET = [
    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
    (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
]


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
