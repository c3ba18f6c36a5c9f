"""What a job needs to stage its datasets and its environment: one file of POSIX shell beside its script."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from importlib import resources

import msgspec

from jido.model.dataset import Dataset

SCRIPT = "stage.sh"


class Disk(msgspec.Struct, frozen=True):
    """A place on nodes' own disks where copies may go.

    Attributes:
        place: The folder; not every node has it.
        largest: Bytes of the largest dataset that the house allows there; None is any.
        purge: When files there are deleted, in words; empty where they are not, or nobody said.
    """

    place: str
    largest: int | None = None
    purge: str = ""


def script(root: str, datasets: Sequence[Dataset], disks: Sequence[Disk], *, local: bool = True) -> str:
    """The file that a job script sources; its ``stage_datasets`` sets ``JIDO_DATA``.

    Args:
        root: The catalogue's folder.
        datasets: What to stage, each once.
        disks: Where to, best first.
        local: False only ever uses the shared disk, for commands that use several nodes by themselves.
    """
    text = (resources.files("jido.transfer.datasets") / SCRIPT).read_text("utf-8")
    lines = [f"s_root={_word(root)} s_local={'yes' if local else 'no'}", "stage_disks() {"]
    # The first disk that does it ends the round.
    lines += [
        f'  if "$1" {_word(disk.place)} {disk.largest or 0} {_word(disk.purge)}; then return; fi' for disk in disks
    ]
    lines += ["  return 1", "}", "stage_datasets() {", "  stage_view"]
    for one in datasets:
        numbers = ("" if count is None else str(count) for count in (one.size, one.files, one.packed))
        words = (one.name, one.key, one.kind, one.packing, one.path, *numbers, one.sha256)
        lines.append("  stage_one " + " ".join(map(_word, words)))
    return "\n".join([text, *lines, "}", ""])


def _word(text: str) -> str:
    return shlex.quote(text)
