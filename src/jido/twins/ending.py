"""Ending a twin's processes, whatever state it was left in."""

from __future__ import annotations

import shutil
import signal

from jido.errors import TwinError
from jido.twins import processes, state
from jido.words import tr

TOKEN = "JIDO_TWIN"  # noqa: S105 - the name of a variable, and what it holds is no secret


def end(record: state.Record | None) -> None:
    """End every process of a twin; nothing to end is fine.

    Args:
        record: Its record; None when it never came up, or its starter was killed.

    Raises:
        TwinError: Some did not end.
    """
    if record is None:
        # The record is written before the keeper gets its plan, and without a plan it goes away by itself.
        return
    mine = {kept.process.pid: kept.process for kept in record.daemons if kept.process}
    if processes.is_alive(record.keeper):
        for pid in processes.descendants(record.keeper.pid):
            if (process := processes.identify(pid)) is not None:
                mine[pid] = process
    mine[record.keeper.pid] = record.keeper
    if record.mode == "plain":
        # Only the keeper can end what detached itself; what outlived a killed keeper still carries the token.
        processes.end([record.keeper], with_signal=signal.SIGTERM)
        processes.wait_gone([record.keeper], within=10)
        _end_marked(record.token, record.short)
    # In namespaces the kernel ends everything with the keeper.
    processes.end([record.keeper])
    left = processes.wait_gone(mine.values(), within=5)
    processes.end(left)
    if left := processes.wait_gone(left, within=5):
        raise TwinError(
            tr("some of the twin's processes did not end"), cause="PIDs " + ", ".join(str(p.pid) for p in left)
        )
    if record.short:
        shutil.rmtree(record.short, ignore_errors=True)


def _end_marked(token: str, short: str) -> None:
    for _ in range(100):
        # slurmstepd's title overwrites its environment (22.05.8), but it holds its socket in the twin's folder.
        marked = [*processes.with_environment(f"{TOKEN}={token}"), *processes.with_socket_in(short)]
        if not marked:
            return
        tree = processes.parents()
        below = [processes.identify(pid) for process in marked for pid in processes.descendants(process.pid, tree)]
        everyone = [*marked, *(process for process in below if process)]
        processes.end(everyone)
        processes.wait_gone(everyone, within=2)
