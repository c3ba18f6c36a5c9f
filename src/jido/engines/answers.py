"""What engines answer: my jobs in the queue, how processes are started, what a dry run says."""

from __future__ import annotations

import msgspec

from jido.model.job import Sighting


class Queued(msgspec.Struct, frozen=True):
    """A job of mine in the live queue, and the folder it was submitted in (a run folder where jido did it)."""

    seen: Sighting
    folder: str = ""


class Launcher(msgspec.Struct, frozen=True):
    """How an engine starts the processes of a job on its nodes: text for the job's own shell.

    Attributes:
        words: Behind these a command is started once for each task, on all nodes. They reach every task with a signal
            that is sent to them, and end them all when one of them fails.
        mpi: Sets ``mpi`` to the words that start an MPI program, or leaves it empty where there is no way; a way
            that ``JIDO_MPI`` names is taken as it is.
        rank: In a task: its number among all, from 0 on.
        local_rank: Its number on its node.
        node_rank: Its node's number.
        address: In the job script, which runs on the first node: by what name the other nodes reach it.
    """

    words: str
    mpi: str
    rank: str
    local_rank: str
    node_rank: str
    address: str


class Verdict(msgspec.Struct, frozen=True):
    """What a scheduler's dry run says.

    Attributes:
        accepted: Whether it would take the job; None when it could not be asked.
        starts: Estimated start, seconds since the epoch.
        nodes: Where, as estimated.
        words: The scheduler's own words.
        hint: The next step after a refusal.
    """

    accepted: bool | None
    starts: float | None = None
    nodes: str = ""
    words: str = ""
    hint: str = ""
