"""Several looks in one remote exec: side by side, each with its own time limit, framed so that noise is harmless.

A bundle is a POSIX shell script. Every look writes into a file of its own in a private temporary folder and reports
its end through a FIFO; whoever has not reported by its limit is ended and *not waited for*, because a process that
hangs on a dead NFS mount cannot be killed at all. At the end the script prints each look's code and output behind a
line with a random mark and the output's length in bytes.

Its time goes to processes, so it starts as few as it can: a look is a branch of the shell itself, not a shell of its
own under ``timeout``; one alarm clock serves all; the time is read from ``/proc/uptime``.
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
            the look is not executed and ends with `MISSING`, as a missing program would.
        quick: The same for a condition that touches no file system and so cannot hang: a hundred questions that do
            not apply cost nothing.
        typed: The command as a person would type it; empty where that is `script`.
        after: Looks of the same bundle, standing before this one, at whose ends it is started; what they printed are
            the files ``$1``, ``$2`` ... of its script, so that nothing has to be asked twice. Its own limit counts
            from the start of the bundle.
        waits: That it waits for a server's answers rather than works, or that slow ones wait for it. Those stand
            first in a bundle, and all others give way to them.
    """

    name: str
    script: str
    limit: float = 10.0
    needs: str = ""
    quick: str = ""
    typed: str = ""
    after: tuple[str, ...] = ()
    waits: bool = False

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
# off by a lost connection is not executed at all. /tmp comes before $TMPDIR, which may be on a mount that is dead;
# where it is full, as it often is when somebody looks, the next one is taken.
_PROLOGUE = """\
{
LC_ALL=C; export LC_ALL; unset LANGUAGE
umask 077
for j_d in /tmp /dev/shm /var/tmp "${TMPDIR:-/tmp}" "$HOME"; do
  j_d=$(mktemp -d "$j_d/.jido.XXXXXX" 2>/dev/null) && { printf %9999s . >"$j_d/room"; } 2>/dev/null && break
  [ -z "$j_d" ] || rm -rf "$j_d"; j_d=
done
[ -n "$j_d" ] || exit 97
trap 'rm -rf "$j_d"' 0
trap 'exit 98' HUP INT PIPE TERM
mkfifo "$j_d/ends" || exit 97
exec 3<>"$j_d/ends"
j_now() { { read -r j_t j_r </proc/uptime; } 2>/dev/null || j_t=$(date +%s); }
j_end() { j_now; echo "$2 $j_a $j_t" >"$j_d/$1.end"; echo "$1" >&3; }
j_now; j_start=$j_t; j_left={count}; j_no=
j_first() {
  j_n=$1; shift; j_c=0
  for j_i; do case " $j_no " in *" $j_i "*) ;; *) j_c=$((j_c + 1));; esac; done
  eval "j_w$j_n=$j_c"; [ "$j_c" -gt 0 ] || "j_run$j_n"
}
j_next() {
  for j_n; do
    eval "j_w$j_n=\\$((j_w$j_n - 1)) j_b=\\${j_g$j_n-}; j_c=\\$j_w$j_n"
    [ "$j_c" -gt 0 ] || [ -n "$j_b" ] || "j_run$j_n"
  done
}
"""

# The outer branch reports, the inner one is the look: whatever it does to itself, its end is seen.
_LOOK = """\
( j_now; j_a=$j_t; j_c=127; if {needs}; then
(eval {script}) 3>&- >"$j_d/{n}.out" 2>"$j_d/{n}.err"; j_c=$?; fi; j_end {n} "$j_c" ) >/dev/null 2>&1 </dev/null &
j_p{n}=$!
"""
# One that waits for others is started by whoever counts their ends: nobody has to look again and again.
_LATER = """\
j_run{n}() {{
{look}}}
j_first {n} {before}
"""
_QUICK = """\
if {quick}; then
{look}else j_no="$j_no {n}"; j_left=$((j_left - 1)); fi
"""

# At its limit a look's processes, but not its reporter, are asked to end; when that is reported, whoever of them took
# no notice is killed; a second later all of it is killed and counted as ended. They are found by their parents, as
# job control, which would group them, is not to be had in every shell without a terminal.
_ALARMS = """\
j_family() {
  ps -A -o pid= -o ppid= 2>/dev/null || for j_f in /proc/[0-9]*/stat; do
    { read -r j_l <"$j_f"; } 2>/dev/null || continue
    j_a=${j_l%% *}; j_l=${j_l##*\\) }; j_l=${j_l#* }; echo "$j_a ${j_l%% *}"
  done
}
j_late() {
  j_s=$1; shift; j_listed=
  for j_i; do
    [ -s "$j_d/$j_i.end" ] && continue
    [ -n "$j_listed" ] || { j_family >"$j_d/family"; j_listed=1; }
    eval "j_o=\\$j_p$j_i"; j_k=$j_o
    while read -r j_a j_b; do
      case " $j_k " in *" $j_b "*) j_k="$j_k $j_a";; esac
    done <"$j_d/family"
    echo >"$j_d/$j_i.late"; j_any=1
    if [ "$j_s" = KILL ]; then
      kill -KILL $j_k 2>/dev/null; eval "j_g$j_i=1"; j_left=$((j_left - 1)); j_ended "$j_i"
    else j_k=${j_k#"$j_o"}; eval "j_k$j_i=\\$j_k"; kill -TERM $j_k 2>/dev/null; fi
  done
}
"""

# bash forks with its parent's traps still set: a clock that is stopped before it has set its own would tidy up, and
# take the answers with it (5.2: in 3 of 100 bundles that end at once). So there are none while it is forked.
_WAIT = """\
trap - 0 HUP INT PIPE TERM
( exec >/dev/null 2>&1 </dev/null; trap 'kill "$s"; exit' TERM
for j_w in {alarms}; do sleep "${{j_w%% *}}" & s=$!; wait "$s"; echo "${{j_w#* }}" >&3; done ) &
j_clock=$!
trap 'rm -rf "$j_d"' 0
trap 'exit 98' HUP INT PIPE TERM
j_any=
while [ "$j_left" -gt 0 ]; do
  read -r j_m <&3 || break
  case $j_m in
{cases}
    *) eval "j_b=\\${{j_g$j_m-}} j_k=\\${{j_k$j_m-}}"
      [ -z "$j_k" ] || kill -KILL $j_k 2>/dev/null
      [ -n "$j_b" ] || {{ j_left=$((j_left - 1)); j_ended "$j_m"; }};;
  esac
done
kill "$j_clock" 2>/dev/null
j_now
"""

# Where a look was left behind, copies are printed: it may still write while its bytes are counted.
_EPILOGUE = """\
cd "$j_d" || exit 97
[ -z "$j_any" ] || {{ mkdir c && cp *.out *.err *.late *.end c 2>/dev/null; cd c || exit 97; }}
wc -c *.out *.err >sizes 2>/dev/null
while read -r j_b j_f; do
  case $j_f in
    *.out) eval "j_o${{j_f%.out}}=$j_b";;
    *.err) eval "j_e${{j_f%.err}}=$j_b";;
  esac
done <sizes
j_i=-1; j_all=
while j_i=$((j_i + 1)); [ "$j_i" -lt {count} ]; do
  case "$j_no " in *" $j_i "*) continue;; esac
  j_l="late $j_start $j_t"
  [ -z "$j_any" ] || [ ! -e "$j_i.late" ] || : >"$j_i.end"
  [ -s "$j_i.end" ] && read -r j_l <"$j_i.end"
  eval "j_o=\\${{j_o$j_i:-0}} j_e=\\${{j_e$j_i:-0}}"
  printf '\\n{mark} %s %s %s %s\\n' "$j_i" "$j_l" "$j_o" "$j_e" >"$j_i.head"
  j_all="$j_all $j_i.head"
  [ "$j_o" = 0 ] || j_all="$j_all $j_i.out"
  [ "$j_e" = 0 ] || j_all="$j_all $j_i.err"
done
printf '\\n{mark} none%s\\n\\n{mark} end\\n' "$j_no" >end
cat $j_all end
cd /
exit 0
}}
"""

# Each of a server's answers is taken up as soon as it comes, however busy the other looks keep a small machine (two
# CPUs: 0.33 s instead of 0.39 s for a probe with three sacctmgr). On a login node, which is shared, low is polite.
_GIVE_WAY = "renice -n 10 -p $$ >/dev/null 2>&1\n"

MISSING = 127


def bundle(parts: Sequence[Part], *, common: str = "", mark: str | None = None) -> Ask[dict[str, Finding]]:
    """Compose several looks into one command, and read their findings back.

    Args:
        parts: The looks; they run side by side.
        common: Shell functions that several looks use.
        mark: The framing mark, random unless given (recorded replies need a fixed one).

    Returns:
        A question whose answer maps each look's name to its finding. A look that did not report in time, or that
        the noise swallowed, has code None; what it had printed by then is kept.
    """
    mark = mark or f"jido-{os.urandom(8).hex()}"
    names = tuple(part.name for part in parts)
    waiting: dict[str, list[str]] = {}
    lines = [_PROLOGUE.replace("{count}", str(len(parts))), _ALARMS, common, "\n"]
    for number, part in enumerate(parts):
        if number and parts[number - 1].waits and not part.waits:
            lines.append(_GIVE_WAY)
        needs = f"{{ {part.needs}; }} >/dev/null 2>&1" if part.needs else ":"
        before = [str(names.index(name)) for name in part.after]
        files = "".join(f' "$j_d/{other}.out"' for other in before)
        script = f"set --{files}\n{part.script}" if before else part.script
        look = _LOOK.format(n=number, needs=needs, script=shlex.quote(script))
        if before:
            look = _LATER.format(n=number, look=look, before=" ".join(before))
        for other in before:
            waiting.setdefault(other, []).append(str(number))
        lines.append(_QUICK.format(quick=part.quick, look=look, n=number) if part.quick else look)
    ends = "".join(f" {other}) j_next {' '.join(numbers)};;" for other, numbers in waiting.items())
    lines.append(f"j_ended() {{ case $1 in{ends} *) ;; esac; }}\n")
    alarms, cases, deadline = _clock(parts)
    lines.append(_WAIT.format(alarms=alarms, cases=cases))
    lines.append(_EPILOGUE.format(count=len(parts), mark=mark))
    text = "".join(lines).encode("utf-8", "surrogateescape")
    command = Command(argv=("sh", "-s"), stdin=text, timeout=deadline + 30)
    return Ask(command=command, parse=lambda reply: _read(reply, names, mark))


def _clock(parts: Sequence[Part]) -> tuple[str, str, float]:
    """The alarm clock's words, what each of its messages means, and when it rings last."""
    by_limit: dict[float, list[str]] = {}
    for number, part in enumerate(parts):
        by_limit.setdefault(part.limit, []).append(str(number))
    rings = sorted(
        (limit + grace, f"{sign}{order}", f"j_late {sign} {' '.join(numbers)}")
        for order, (limit, numbers) in enumerate(by_limit.items())
        for sign, grace in (("TERM", 0.0), ("KILL", 1.0))
    )
    pauses = [at - before for (at, _, _), before in zip(rings, [0.0, *(at for at, _, _ in rings)], strict=False)]
    alarms = " ".join(f'"{pause:g} {message}"' for pause, (_, message, _) in zip(pauses, rings, strict=True))
    cases = "\n".join(f"    {message}) {action};;" for _, message, action in rings)
    return alarms, cases, rings[-1][0] if rings else 0.0


def _read(reply: Reply, names: Sequence[str], mark: str) -> dict[str, Finding]:
    found: dict[str, Finding] = {name: Finding(code=None) for name in names}
    line = (
        rb"\n" + re.escape(mark.encode()) + rb" (?:(\d+) (\d+|late) ([\d.]+) ([\d.]+) (\d+) (\d+)|none([ \d]*)|end)\n"
    )
    heads = list(re.finditer(line, reply.stdout))
    for head, following in pairwise(heads):
        number, code, t0, t1, out, err, none = head.groups()
        for missing in (none or b"").split():
            if int(missing) < len(names):
                found[names[int(missing)]] = Finding(code=MISSING)
        middle = head.end() + int(out or 0)
        # Bytes that do not add up were disturbed by somebody else's printing: no finding, rather than a wrong one.
        if number is None or int(number) >= len(names) or following.start() != middle + int(err):
            continue
        found[names[int(number)]] = Finding(
            code=None if code == b"late" else int(code),
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
