"""What accounting tells of one job, its steps included: how it ended, and how much memory it had."""

from __future__ import annotations

import msgspec

from jido.engines.slurm.queue import token_in
from jido.engines.slurm.records import given, instant
from jido.engines.slurm.states import exit_of, state_of
from jido.engines.slurm.why import looks
from jido.engines.slurm.why.job import size
from jido.model.bundle import Finding
from jido.model.job import Sighting, State


class Past(msgspec.Struct, frozen=True):
    """A job as accounting remembers it.

    Attributes:
        seen: How it stands.
        user: Whose it was.
        account: What it was charged to.
        qos: Its QoS.
        peak: The most memory that a task of it had.
        granted: The memory it was given, on one node or in all.
    """

    seen: Sighting
    user: str
    account: str
    qos: str
    peak: int | None
    granted: int | None


def ended(finding: Finding, id_: str) -> Past | None:
    """The job, None where accounting does not tell."""
    rows = [
        dict(zip(looks.ACCOUNTED, line.split("\x1f", len(looks.ACCOUNTED) - 1), strict=False))
        for line in finding.text.splitlines()
        if line.count("\x1f") >= len(looks.ACCOUNTED) - 1
    ]
    head = next((row for row in rows if row["JobID"] == id_), None)
    head = head or next((row for row in rows if "." not in row["JobID"]), None)
    if not finding.ok or head is None:
        return None
    steps = [row for row in rows if row["JobID"].startswith(head["JobID"])]
    peaks = [found for row in steps if (found := _rss(row["MaxRSS"])) is not None]
    word = head["State"]
    state = state_of(word)
    code, signal = exit_of(head["ExitCode"])
    seen = Sighting(
        id=id_,
        state=state,
        raw=word,
        token=token_in(head["Comment"]),
        name=head["JobName"],
        partition=head["Partition"],
        nodes="" if head["NodeList"] == "None assigned" else given(head["NodeList"]),
        code=code if state.ended and (code or state is State.DONE) else None,
        signal=signal if state.ended and signal and signal <= 64 else None,
        submitted=instant(head["Submit"]),
        started=instant(head["Start"]),
        ended=instant(head["End"]),
        by="accounting",
    )
    return Past(seen, head["User"], head["Account"], head["QOS"], max(peaks, default=None), _granted(head["ReqMem"]))


def _rss(text: str) -> int | None:
    # A bare number is bytes here, unlike elsewhere.
    return int(text) if text.isdecimal() and len(text) < 16 else size(text)


def _granted(text: str) -> int | None:
    """``16G``; ``16Gn`` per node and ``2Gc`` per CPU before 21.08, of which the latter is not told."""
    return None if text.endswith("c") else size(text.removesuffix("n"))
