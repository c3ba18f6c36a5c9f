"""Follow what one task of a sweep prints, through one remote process that watches its log and its end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import msgspec

from jido.engines.base import Engine
from jido.errors import ConnectionLost, SchedulerDown, Unreachable
from jido.jobs.follow import ASK_EVERY, RETRIES, Log, Note, Watcher
from jido.jobs.ledger import Ledger
from jido.jobs.runs import Run, Task
from jido.jobs.status import refresh
from jido.model.command import Command
from jido.transports.base import Transport
from jido.words import tr

# $1 the run folder, $2 the folder of its logs, $3 the task, $4 how many bytes of its output were seen, $5 whether it
# is packed. An end that has a file of its own is looked for before the log's size is taken; a packed task's after
# that, since the next task's output stands behind it and begins only when the end is written.
_WATCH = """\
run=$1 logs=$2 task=$3 seen=$4
cd "$run" || exit 3
bytes() {
  # From byte $2 of log $1, up to byte $3.
  [ "$3" -gt "$2" ] || return 0
  printf 'L %s\\n' "$(($3 - $2))"
  tail -c "+$(($2 + 1))" "$1" | head -c "$(($3 - $2))"
}
beat=0 pilot= was=
while :; do
  ended=
  if [ -z "$5" ]; then
    for f in ends/*; do [ "$f" = "ends/$task.json" ] && ended=1; done
    log=$logs/$task.log size=0
    [ -e "$log" ] && size=$(($(wc -c <"$log")))
    [ "$size" -lt "$seen" ] && seen=0
    bytes "$log" "$seen" "$size"
    seen=$size
  else
    # The journals have `["B",TASK,WHEN,WORKER,OFFSET]` and `["E",TASK,CODE,BEGAN,ENDED,WORKER,OFFSET,SIZE]`.
    row=$(grep -h -o "^\\\\[\\"[BE]\\",$task,.*" journal/"$pilot"* 2>/dev/null | tail -n 1)
    if [ -z "$pilot" ] && [ -n "$row" ]; then
      pilot=$(grep -l "^\\\\[\\"[BE]\\",$task," journal/* | tail -n 1)
      pilot=${pilot#journal/}
    fi
    row=$(printf %s "$row" | tr -d '[]"')
    kind=${row%%,*}
    case $kind in
      B) IFS=, read -r _ _ _ worker offset <<.
$row
.
      ;;
      E) IFS=, read -r _ _ _ _ _ worker offset size _ <<.
$row
.
      ;;
    esac
    if [ -n "$kind" ] && [ -n "$offset" ]; then
      log=$logs/pilot-$pilot.$worker.log
      # It began once more, in another place: what its last life printed was told.
      [ "${was:=$worker.$offset}" = "$worker.$offset" ] || seen=0
      was=$worker.$offset
      if [ "$kind" = E ]; then
        ended=1
        bytes "$log" "$((offset + seen))" "$((offset + size))"
      else
        size=$(($(wc -c 2>/dev/null <"$log") - offset))
        if [ "$size" -gt "$seen" ] && ! grep -q "^\\\\[\\"E\\",$task," "journal/$pilot"; then
          bytes "$log" "$((offset + seen))" "$((offset + size))"
          seen=$size
        fi
      fi
    fi
  fi
  [ -n "$ended" ] && { printf 'E 0\\n'; exit 0; }
  beat=$((beat + 1))
  [ "$beat" -ge 8 ] && { beat=0; printf 'B 0\\n'; }
  sleep 0.5 2>/dev/null || sleep 1
done
"""


class TaskStands(msgspec.Struct, frozen=True):
    """The task as it stands now."""

    task: Task


def follow(
    transport: Transport, engine: Engine, ledger: Ledger, run: Run, number: int, *, offset: int = 0
) -> Iterator[Log | TaskStands | Note]:
    """Tell what a task prints until it has ended.

    Args:
        transport: How the cluster is reached.
        engine: What runs jobs there.
        ledger: Where it is written down.
        run: The sweep.
        number: The task.
        offset: Bytes of its output that were seen already.

    Yields:
        Bytes of its output, changed states, notes. The last `TaskStands` holds the ended task.

    Raises:
        TransportError: The connection could not be made again; the task goes on.
    """
    [task] = ledger.tasks(run.number, [number])
    asked, lost = time.monotonic() - ASK_EVERY + 1.5, 0
    over = task.state.ended
    while True:
        watcher = Watcher(transport, _command(run, number, offset), threading.Event())
        try:
            # What has ended for the scheduler may have written no end: what is there is told, and that is all.
            for kind, data in watcher.lines(patience=3.0) if over else watcher.lines():
                lost = 0
                if kind == "L":
                    offset += len(data)
                    yield Log(data)
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
                if kind == "E" or time.monotonic() - asked > ASK_EVERY:
                    asked, before = time.monotonic(), task
                    task = _asked(transport, engine, ledger, run, number)
                    if task.state is not before.state:
                        yield TaskStands(task)
                if task.state.ended and kind in ("E", "B"):
                    return
                over = task.state.ended
            if over:
                return
            # It ended and is to run again.
            time.sleep(2)
        except (ConnectionLost, Unreachable) as error:
            if lost >= len(RETRIES) or not error.transient:
                raise
            if lost == 0:
                yield Note(f"the connection to {run.cluster} was lost; the task goes on, trying again")
            time.sleep(RETRIES[lost])
            lost += 1
        finally:
            watcher.stop()


def _asked(transport: Transport, engine: Engine, ledger: Ledger, run: Run, number: int) -> Task:
    # The folder goes on telling while the scheduler does not answer.
    with suppress(SchedulerDown):
        refresh(transport, engine, ledger, [ledger.get(run.number)])
    return ledger.tasks(run.number, [number])[0]


def _command(run: Run, number: int, offset: int) -> Command:
    folder, logs = f"{run.root}/runs/{run.name}", f"../../logs/{run.name}"
    packed = "packed" if run.spec.sweep and run.spec.sweep.packed else ""
    return Command(("sh", "-c", _WATCH, "jido-watch", folder, logs, str(number), str(offset), packed), timeout=None)
