"""Several looks in one remote exec: side by side, each with its own time limit, framed so that noise is harmless.

A bundle is a POSIX shell script. Every look writes into a file of its own in a private temporary folder and reports
its end through a FIFO; whoever has not reported by the deadline is killed and *not waited for*, because a process
that hangs on a dead NFS mount cannot be killed at all. At the end the script prints each look's code and output
behind a line with a random mark and the output's length in bytes.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from itertools import pairwise

import msgspec

from jido.model.command import Ask, Command, Reply


class Part(msgspec.Struct, frozen=True):
    """One look of a bundle.

    Attributes:
        name: Letters, digits, ``-``, ``_``, ``.`` and ``/``; unique in its bundle.
        script: POSIX shell text.
        limit: Seconds it may take.
        needs: A shell condition of builtins, e.g. ``[ -d /data ]`` or ``command -v sinfo``. Where it does not hold
            the look is not executed and ends with `MISSING`, as a missing program would: a hundred questions that
            do not apply cost nothing.
        typed: The command as a person would type it; empty where that is `script`.
    """

    name: str
    script: str
    limit: float = 10.0
    needs: str = ""
    typed: str = ""

    @property
    def command(self) -> str:
        """What a person would type to look for herself."""
        return self.typed or self.script


class Finding(msgspec.Struct, frozen=True):
    """What one look of a bundle brought.

    Attributes:
        code: Exit code; None when it did not end in time or was never reported.
        stdout: What it printed.
        stderr: What it complained of.
        took: Seconds, to 0.01 s (1 s where there is no ``/proc/uptime``).
    """

    code: int | None
    stdout: bytes = b""
    stderr: bytes = b""
    took: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether it ended with code 0."""
        return self.code == 0

    @property
    def text(self) -> str:
        """Stdout as text; bytes that are not UTF-8 survive as surrogates."""
        return self.stdout.decode("utf-8", "surrogateescape")


# `exec 3<>fifo` keeps the FIFO open for reading and writing, so that no writer blocks before the first read; POSIX
# leaves that undefined, Linux, the BSDs and macOS define it. All of it is one compound command, so that a script cut
# off by a lost connection is not executed at all. /tmp comes before $TMPDIR, which may be on a mount that is dead.
# Time is read from /proc/uptime because that takes no process, and processes are what a probe's time goes to.
_PROLOGUE = """\
{
LC_ALL=C; export LC_ALL; unset LANGUAGE
umask 077
for d in /tmp /dev/shm /var/tmp "${TMPDIR:-/tmp}" "$HOME"; do
  d=$(mktemp -d "$d/.jido.XXXXXX" 2>/dev/null) && break
done
[ -n "$d" ] || exit 97
trap 'rm -rf "$d"' 0
trap 'exit 98' HUP INT PIPE TERM
mkfifo "$d/ends" || exit 97
exec 3<>"$d/ends"
now() { { read -r t t_ </proc/uptime; } 2>/dev/null || t=$(date +%s); }
end() { now; echo "$2 $t0 $t" >"$d/$1.end"; echo "$1" >&3; }
now; start=$t
"""

# `timeout` ends a look's whole process group; where it is missing the deadline alone bounds it.
_LOOK = """\
( now; t0=$t; r=127; if {needs}; then
  {{ if command -v timeout >/dev/null; then timeout -k 1 {limit:g} sh -c {script}
  else sh -c {script} & c=$!; echo "$c" >"$d/{n}.pid"; wait "$c"; fi; }} >"$d/{n}.out" 2>"$d/{n}.err"
  r=$?; fi; end {n} "$r" ) >/dev/null 2>&1 </dev/null & p{n}=$!
"""

# What is printed was copied first: a look that hangs may still write while its bytes are counted.
_EPILOGUE = """\
( sleep {deadline:g} & s=$!; trap 'kill "$s"; exit' TERM; wait "$s"; echo late >&3 ) >/dev/null 2>&1 </dev/null &
watchdog=$!
left={count}
while [ "$left" -gt 0 ]; do
  read -r who <&3 || break
  [ "$who" = late ] && break
  left=$((left - 1))
done
kill "$watchdog" 2>/dev/null
now
i=0
while [ "$i" -lt {count} ]; do
  if [ ! -s "$d/$i.end" ]; then
    eval "p=\\$p$i"; kill -9 "$p" 2>/dev/null
    [ -s "$d/$i.pid" ] && read -r p <"$d/$i.pid" && kill -9 "$p" 2>/dev/null
  fi
  i=$((i + 1))
done
mkdir "$d/c" && cp "$d"/*.out "$d"/*.err "$d/c" 2>/dev/null
cd "$d/c" || exit 97
wc -c * >../sizes 2>/dev/null
while read -r n f; do
  case $f in
    *.out) eval "o${{f%.out}}=$n";;
    *.err) eval "e${{f%.err}}=$n";;
  esac
done <../sizes
i=0; all=
while [ "$i" -lt {count} ]; do
  r="late $start $t"; [ -s "../$i.end" ] && read -r r <"../$i.end"
  eval "o=\\${{o$i:-0}} e=\\${{e$i:-0}}"
  printf '\\n{mark} %s %s %s %s\\n' "$i" "$r" "$o" "$e" >"$i.head"
  all="$all $i.head"; [ "$o" = 0 ] || all="$all $i.out"; [ "$e" = 0 ] || all="$all $i.err"
  i=$((i + 1))
done
printf '\\n{mark} end\\n' >end
cat $all end
cd /
exit 0
}}
"""

MISSING = 127


def bundle(parts: Sequence[Part], *, common: str = "", mark: str | None = None) -> Ask[dict[str, Finding]]:
    """Compose several looks into one command, and read their findings back.

    Args:
        parts: The looks; they run side by side.
        common: Shell functions that several looks use, by ``eval "$jido_common"``.
        mark: The framing mark, random unless given (recorded replies need a fixed one).

    Returns:
        A question whose answer maps each look's name to its finding. A look that did not report in time, or that
        the noise swallowed, has code None; what it had printed by then is kept.
    """
    mark = mark or f"jido-{os.urandom(8).hex()}"
    lines = [_PROLOGUE]
    if common:
        lines.append(f"jido_common={shlex.quote(common)}; export jido_common\n")
    for number, part in enumerate(parts):
        needs = f"{{ {part.needs}; }} >/dev/null 2>&1" if part.needs else ":"
        lines.append(_LOOK.format(n=number, needs=needs, limit=part.limit, script=shlex.quote(part.script)))
    # GNU timeout's own kill needs a second more; past that the look hangs in the kernel.
    deadline = max((part.limit for part in parts), default=1.0) + 2
    lines.append(_EPILOGUE.format(deadline=deadline, count=len(parts), mark=mark))
    script = "".join(lines).encode("utf-8", "surrogateescape")
    command = Command(argv=("sh", "-s"), stdin=script, timeout=deadline + 30)
    names = tuple(part.name for part in parts)
    return Ask(command=command, parse=lambda reply: _read(reply, names, mark))


def _read(reply: Reply, names: Sequence[str], mark: str) -> dict[str, Finding]:
    found: dict[str, Finding] = {name: Finding(code=None) for name in names}
    line = rb"\n" + re.escape(mark.encode()) + rb" (?:(\d+) (\d+|late) ([\d.]+) ([\d.]+) (\d+) (\d+)|end)\n"
    heads = list(re.finditer(line, reply.stdout))
    for head, following in pairwise(heads):
        number, code, t0, t1, out, err = head.groups()
        middle = head.end() + int(out or 0)
        # Bytes that do not add up were disturbed by somebody else's printing: no finding, rather than a wrong one.
        if number is None or int(number) >= len(names) or following.start() != middle + int(err):
            continue
        found[names[int(number)]] = Finding(
            # 124 is GNU timeout's code for a look stopped at its limit, 137 for one it had to kill.
            code=None if code in (b"late", b"124", b"137") else int(code),
            stdout=reply.stdout[head.end() : middle],
            stderr=reply.stdout[middle : following.start()],
            took=max(0.0, _seconds(t1) - _seconds(t0)),
        )
    return found


def _seconds(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def is_whole(reply: Reply, findings: Mapping[str, Finding]) -> bool:
    """Whether the bundle ran to its end: every look was reported, in time or late."""
    return reply.ok and bool(findings) and re.search(rb"\n\S+ end\n", reply.stdout[-4096:]) is not None
