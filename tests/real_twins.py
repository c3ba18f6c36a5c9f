"""Twins for tests that need a real Slurm: skipped where its parts are not installed, down again whatever happens."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jido.api import twins as api

# Daemons are not on everybody's PATH.
_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
_PARTS = ("munged", "slurmctld", "slurmd", "sshd", "bwrap")
ACCOUNTING = ("slurmdbd", "mariadbd")


def need_parts(*more: str) -> None:
    """Skip the test where Slurm's parts, or these, are not installed."""
    if missing := [part for part in (*_PARTS, *more) if not shutil.which(part, path=_PATH)]:
        pytest.skip(f"not installed: {', '.join(missing)}")


@contextmanager
def brought_up(name: str, *parts: str) -> Iterator[str]:
    """The twin of a built-in map or of a file NAME.yaml, under the JIDO_HOME of now; yields the cluster's name."""
    need_parts(*parts)
    cluster = Path(name).stem
    api.up(name)
    try:
        yield cluster
    finally:
        api.down(cluster)


@contextmanager
def brought_up_at(home: Path, name: str, *parts: str) -> Iterator[str]:
    """The same under this JIDO_HOME, whichever homes the tests had meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JIDO_HOME", str(home))
        with brought_up(name, *parts) as cluster:
            yield cluster
            patch.setenv("JIDO_HOME", str(home))
