"""Follow a run through one remote process that watches its folder, not the scheduler.

The watcher is a shell loop on the login node: it prints the log's new bytes, the claim and the end as they appear,
and a heartbeat. The scheduler is asked at most every `ASK_EVERY` seconds, for what the folder cannot tell: why the
run waits, and an end that wrote nothing (killed, node failed).
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Generator, Iterator
from typing import IO

import msgspec

from jido.engines.base import Engine
from jido.errors import ConnectionLost, SchedulerDown, TransportError, Unreachable
from jido.jobs.evidence import from_exit
from jido.jobs.ledger import Ledger
from jido.jobs.pace import Pace
from jido.jobs.runs import Run
from jido.jobs.status import refresh
from jido.model.command import Command
from jido.model.job import State
from jido.transports.base import Live, Transport
from jido.words import tr

ASK_EVERY = 10.0
# A cut connection is tried again with these pauses, in seconds, before following is given up; the job goes on.
RETRIES = (0.5, 1, 2, 4, 8, 15, 30, 60)
_SILENCE = 30.0

# `./*` opens the folder at each turn: NFS clients then see new files at once, where a bare `[ -e ]` may be answered
# from a negative cache for up to a minute. `wc -c` and `tail | head` read the log's new bytes exactly.
_WATCH = """\
run=$1 log=$2 at=$3
cd "$run" || exit 3
claimed= beat=0
while :; do
  ended= size=0
  for f in ./*; do case $f in ./exit.json) ended=1;; ./claim) c=1;; ./handed.code) h=1;; esac; done
  if [ -z "$claimed" ] && [ -e claim/at ]; then
    claimed=1; printf 'C %s\\n' "$(($(wc -c <claim/at)))"; cat claim/at
  fi
  if [ -e "$log" ]; then
    size=$(($(wc -c <"$log")))
    [ "$size" -lt "$at" ] && at=0
    if [ "$size" -gt "$at" ]; then
      printf 'L %s\\n' "$((size - at))"
      tail -c "+$((at + 1))" "$log" | head -c "$((size - at))"
      at=$size
    fi
  fi
  if [ -n "$ended" ]; then
    printf 'E %s\\n' "$(($(wc -c <exit.json)))"; cat exit.json
    exit 0
  fi
  beat=$((beat + 1))
  [ "$beat" -ge 20 ] && { beat=0; printf 'B 0\\n'; }
  sleep 0.2 2>/dev/null || sleep 1
done
"""


class Log(msgspec.Struct, frozen=True):
    """New bytes of the log."""

    data: bytes


class Stands(msgspec.Struct, frozen=True):
    """The run as it stands now: its state, reason or place changed."""

    run: Run


class Note(msgspec.Struct, frozen=True):
    """Something the person should know about the following itself."""

    text: str


Happening = Log | Stands | Note


def follow(
    transport: Transport,
    engine: Engine,
    ledger: Ledger,
    run: Run,
    *,
    offset: int = 0,
    logs: bool = True,
    until: float | None = None,
    stop: threading.Event | None = None,
) -> Iterator[Happening]:
    """Tell what happens to a run until it has ended.

    Args:
        transport: How the cluster is reached.
        engine: What runs jobs there.
        ledger: Where it is written down.
        run: The run.
        offset: Bytes of the log that were seen already.
        logs: Whether the log's bytes are wanted.
        until: A moment of `time.monotonic` after which following ends, to the precision of the watcher's heartbeat
            (4 seconds); None follows to the run's end.
        stop: Following ends soon after somebody sets it.

    Yields:
        Log bytes, changed states, notes. The last `Stands` holds an ended run, unless `until` came first.

    Raises:
        TransportError: The connection could not be made again; the job goes on.
    """
    at, lost = offset, 0
    last_asked, pace = 0.0, Pace(ASK_EVERY, 6 * ASK_EVERY)
    while True:
        watcher = Watcher(transport, _command(run, at), stop)
        try:
            for kind, data in watcher.lines():
                if kind == "stop":
                    return
                lost = 0
                if until is not None and time.monotonic() > until and kind != "E":
                    return
                if kind == "L":
                    at += len(data)
                    if logs:
                        yield Log(data)
                elif kind == "C":
                    before, run = run, _began(ledger, run, data)
                    if run.state is not before.state:
                        yield Stands(run)
                elif kind == "E":
                    run = _ended(transport, engine, ledger, run, data.decode("utf-8", "replace"))
                    yield Stands(run)
                    if run.state.ended:
                        return
                    # Only one of its lives has ended: the engine has put it back into its queue.
                    run = yield from _until_begun(transport, engine, ledger, run, until, stop)
                    if run.state is not State.RUNNING:
                        return
                    break
                elif kind == "gone":
                    raise Unreachable(
                        tr(
                            "the folder of run {number} on {cluster} cannot be entered",
                            number=run.number,
                            cluster=run.cluster,
                        ),
                        cause=data.decode("utf-8", "replace"),
                        hint=f"jido story {run.number}",
                    )
                if time.monotonic() - last_asked > pace.pause:
                    # Not at the very first turn: most questions are answered by the folder before that.
                    if last_asked:
                        before, run = run, _asked(transport, engine, ledger, run)
                        if (run.state, run.reason, run.nodes) != (before.state, before.reason, before.nodes):
                            yield Stands(run)
                        if run.state.ended:
                            yield from _rest(watcher, logs)
                            return
                        pace.looked((run.state, run.reason) != (before.state, before.reason))
                        last_asked = time.monotonic()
                    else:
                        last_asked = time.monotonic() - ASK_EVERY + 1.5
        except (ConnectionLost, Unreachable) as error:
            if lost >= len(RETRIES) or not error.transient:
                raise
            if lost == 0:
                yield Note(f"the connection to {run.cluster} was lost; the job goes on, trying again")
            if stop is None:
                time.sleep(RETRIES[lost])
            elif stop.wait(RETRIES[lost]):
                return
            lost += 1
        finally:
            watcher.stop()


def _until_begun(
    transport: Transport,
    engine: Engine,
    ledger: Ledger,
    run: Run,
    until: float | None,
    stop: threading.Event | None,
) -> Generator[Happening, None, Run]:
    """Through the wait of a requeued run: until it runs again or has ended, or following is to end."""
    pace, rest = Pace(ASK_EVERY / 10, ASK_EVERY), stop or threading.Event()
    changed = True
    while run.state is not State.RUNNING and not run.state.ended:
        if (until is not None and time.monotonic() > until) or rest.wait(pace.looked(changed)):
            return run
        before, run = run, _asked(transport, engine, ledger, run)
        changed = (run.state, run.reason) != (before.state, before.reason)
        if changed:
            yield Stands(run)
    return run


def _rest(watcher: Watcher, logs: bool) -> Iterator[Happening]:
    """What the log still holds after the scheduler told of an end that wrote none."""
    deadline = time.monotonic() + 1.0
    for kind, data in watcher.lines(patience=0.5):
        if kind == "L" and logs:
            yield Log(data)
        if kind == "E" or time.monotonic() > deadline:
            return


def _began(ledger: Ledger, run: Run, data: bytes) -> Run:
    try:
        said = json.loads(data)
        host, at = str(said["host"]), float(said["at"])
    except (ValueError, KeyError, TypeError):
        return run
    if run.state is State.REQUEUED:
        # What is claimed is claimed by a life that is over.
        return run
    from jido.model.job import Sighting

    seen = Sighting(id=run.job, state=State.RUNNING, raw="claim", nodes=host, started=at, by="run folder")
    ledger.saw([(run, seen)])
    return ledger.get(run.number)


def _ended(transport: Transport, engine: Engine, ledger: Ledger, run: Run, text: str) -> Run:
    """The end as the folder tells it, corrected by one look at the engine, which knows more (memory, limits, who)."""
    seen = from_exit(run.job, text)
    if seen is not None and run.state is not State.REQUEUED:
        ledger.saw([(run, seen)], settle=False)
        run = ledger.get(run.number)
    return _asked(transport, engine, ledger, run)


def _asked(transport: Transport, engine: Engine, ledger: Ledger, run: Run) -> Run:
    try:
        [after] = refresh(transport, engine, ledger, [run])
    except (TransportError, SchedulerDown):
        # A scheduler that does not answer is no reason to stop following; the folder goes on telling.
        return ledger.get(run.number)
    return after


def _command(run: Run, at: int) -> Command:
    folder, log = f"{run.root}/runs/{run.name}", f"../../logs/{run.name}.log"
    return Command(("sh", "-c", _WATCH, "jido-watch", folder, log, str(at)), timeout=None)


class Watcher:
    """A remote loop that prints frames, and a thread that reads them."""

    def __init__(self, transport: Transport, command: Command, stop: threading.Event | None) -> None:
        self._transport = transport
        self._stop = stop
        self._command = command
        self._live: Live | None = None
        self._frames: queue.Queue[tuple[str, bytes]] = queue.Queue()

    def lines(self, patience: float = _SILENCE) -> Iterator[tuple[str, bytes]]:
        """Frames as they come; silence longer than `patience` seconds counts as a lost connection."""
        if self._live is None:
            self._live = self._transport.start(self._command)
            threading.Thread(target=self._read, args=(self._live.stdout,), daemon=True).start()
        while True:
            try:
                kind, data = self._next(patience)
            except queue.Empty:
                if patience < _SILENCE:
                    return
                raise ConnectionLost(
                    tr(
                        "nothing was heard from {host} for {patience:g} s",
                        host=self._transport.host,
                        patience=patience,
                    ),
                    transient=True,
                ) from None
            if kind == "eof":
                code = self._live.wait(10)
                if code == 0:
                    return
                if code == 3:
                    yield "gone", self._live.stderr.read().strip()
                    return
                raise ConnectionLost(
                    tr("the watcher on {host} ended with code {code}", host=self._transport.host, code=code),
                    transient=True,
                )
            yield kind, data

    def _next(self, patience: float) -> tuple[str, bytes]:
        if self._stop is None:
            return self._frames.get(timeout=patience)
        deadline = time.monotonic() + patience
        while not self._stop.is_set():
            try:
                return self._frames.get(timeout=min(0.2, patience))
            except queue.Empty:
                if time.monotonic() > deadline:
                    raise
        return "stop", b""

    def _read(self, source: IO[bytes]) -> None:
        try:
            while header := source.readline():
                kind, _, length = header.decode("ascii", "replace").strip().partition(" ")
                self._frames.put((kind, source.read(int(length))))
        except (ValueError, OSError):
            pass
        self._frames.put(("eof", b""))

    def stop(self) -> None:
        """End the remote loop."""
        if self._live is not None:
            self._live.stop()
