"""A terminal on a compute node: ``srun --pty``."""

from __future__ import annotations

import shlex

from jido.engines.base import Placement
from jido.engines.slurm.script import extra, options
from jido.model.command import Command
from jido.model.job import JobSpec

# What a log needs and a terminal does not.
_NOT_HERE = ("--output=", "--error=", "--open-mode=", "--kill-on-invalid-dep=")


def shell(spec: JobSpec, place: Placement, *, terminal: bool) -> Command:
    """See `Engine.shell`."""
    own = (word for option in spec.resources.extra for word in shlex.split(extra(option)))
    words = [word for word in (*options(spec, place), *own) if not word.startswith(_NOT_HERE)]
    inside = list(spec.argv) or ["sh", "-c", 'exec "${SHELL:-/bin/sh}" -l']
    # Without --unbuffered a program's half lines would wait for their other half.
    how = "--pty" if terminal else "--unbuffered"
    return Command(("srun", *words, how, *inside), cwd=place.folder or None, env=dict(spec.env), timeout=None)
