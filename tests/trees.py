"""Trees of Debian, made by ``scripts/setup dev``: a test that needs one is skipped where there is none."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

# Debian's releases with another Slurm than this machine's may be; scripts/trees.sh names them too.
RELEASES = ("bullseye", "trixie", "forky")
# Made of a release for a scheduler that this machine's own may lack.
HTCONDOR = "htcondor"
# Read once: a test has a home of its own.
_CACHE = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
_TREES = os.environ.get("JIDO_TREES", f"{_CACHE}/jido/trees")


def trees(group: str) -> list[Any]:
    """A parameter for each tree: its folder, as ``twin up --root`` takes it.

    Args:
        group: Beginning of the `xdist_group` of a tree's tests.
    """
    found = []
    for release in RELEASES:
        folder = Path(_TREES, release)
        marks = [
            pytest.mark.xdist_group(f"{group}-{release}"),
            pytest.mark.skipif(
                not (_TREES and folder.is_dir()), reason=f"no tree of Debian {release}: {_why(folder)}"
            ),
        ]
        found.append(pytest.param(str(folder), id=release, marks=marks))
    return found


def tree(name: str) -> str:
    """A tree's folder, as ``twin up --root`` takes it; the test is skipped where it is not there."""
    folder = Path(_TREES, name)
    if not (_TREES and folder.is_dir()):
        pytest.skip(f"no tree of {name}: {_why(folder)}")
    return str(folder)


def _why(folder: Path) -> str:
    if not _TREES:
        return "JIDO_TREES is empty"
    try:
        return Path(f"{folder}.why").read_text("utf-8").strip()
    except OSError:
        return "`scripts/setup dev` makes it"
