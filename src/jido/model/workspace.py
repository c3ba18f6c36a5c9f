"""A project's folders on a cluster: one root on the work tier, a folder a role."""

from __future__ import annotations

import posixpath
import re
import unicodedata

import msgspec

from jido.words import mark

ROLES = {
    "code": mark("the code as it was pushed last"),
    "data": mark("datasets of this project"),
    "logs": mark("what jobs print"),
    "checkpoints": mark("what training saves on the way"),
    "results": mark("what comes home"),
    "cache": mark("downloads and caches, kept off /home"),
    "runs": mark("one folder a run: its script, its claim, its end"),
    "snapshots": mark("the exact code of runs, shared by runs of equal code"),
}


class Workspace(msgspec.Struct, frozen=True):
    """Where a project lies on a cluster.

    Attributes:
        root: Absolute folder, e.g. ``/data/u123/digits``; any characters except NUL.
    """

    root: str

    def role(self, name: str) -> str:
        """The folder of a role of `ROLES`."""
        if name not in ROLES:
            raise KeyError(name)
        return f"{self.root}/{name}"

    @property
    def store(self) -> str:
        """What projects of mine share lies beside them: a project's own name never begins with a dot."""
        return posixpath.join(posixpath.dirname(self.root), ".jido")

    def environment(self, digest: str) -> str:
        """Where the environments of one content lie, one for each kind of node, and who uses them."""
        return f"{self.store}/envs/{digest}"

    def run(self, run: str) -> str:
        """The run folder."""
        return f"{self.root}/runs/{run}"

    def run_code(self, run: str) -> str:
        """Where a run's code lies and its command starts: its own tree of hard links to a snapshot."""
        return f"{self.root}/runs/{run}/code"

    def log(self, run: str) -> str:
        """What a run prints."""
        return f"{self.root}/logs/{run}.log"

    def results(self, run: str) -> str:
        """What a run leaves to be brought home."""
        return f"{self.root}/results/{run}"

    def checkpoints(self, run: str) -> str:
        """What a run saves on the way."""
        return f"{self.root}/checkpoints/{run}"


def folder_name(text: str) -> str:
    """A name that is safe as one folder or job name anywhere: letters of any script, digits and ``._-``.

    Everything else becomes ``-``; Korean is composed (NFC), so that a name typed on macOS is the same on Linux.
    """
    composed = unicodedata.normalize("NFC", text)
    safe = re.sub(r"[^\w.-]+", "-", composed).strip("-.")
    # Cut by bytes, as folders count; half a character at the end goes.
    short = safe.encode()[:100].decode("utf-8", "ignore").strip("-.")
    return short or "project"
