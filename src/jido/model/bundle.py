"""Several looks in one remote exec: side by side, each with its own time limit, framed so that noise is harmless.

A bundle is a POSIX shell script. Every look writes into a file of its own in a private temporary folder and reports
its end through a FIFO; whoever has not reported by the deadline is killed and *not waited for*, because a process
that hangs on a dead NFS mount cannot be killed at all. At the end the script prints each look's code and output
behind a line with a random mark and the output's length in bytes.
"""

from __future__ import annotations

import re
import secrets
import shlex
from collections.abc import Mapping, Sequence

import msgspec

from jido.model.command import Ask, Command, Reply


class Part(msgspec.Struct, frozen=True):
    """One look of a bundle.

    Attributes:
        name: Letters, digits, ``-``, ``_``, ``.`` and ``/``; unique in its bundle.
        script: POSIX shell text.
        limit: Seconds it may take.
    """

    name: str
    script: str
    limit: float = 10.0


class Finding(msgspec.Struct, frozen=True):
    """What one look of a bundle brought.

    Attributes:
        code: Exit code; None when it did not end in time or was never reported.
        stdout: What it printed.
        stderr: What it complained of.
        took: Seconds, to the precision of the remote clock (1 s where ``date`` knows no nanoseconds).
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
# leaves that undefined, Linux, the BSDs and macOS define it. `set -m` would give each look a process group of its
# own but prints job notices in some shells, so a look is killed by pid and its children die of SIGPIPE or finish.
_PROLOGUE = """\
LC_ALL=C; export LC_ALL; unset LANGUAGE
umask 077
d=$(mktemp -d "${TMPDIR:-/tmp}/jido.XXXXXX" 2>/dev/null) || d=$(mktemp -d /tmp/jido.XXXXXX 2>/dev/null) ||
  d=$(mktemp -d /dev/shm/jido.XXXXXX 2>/dev/null) || d=$(mktemp -d "$HOME/.jido.XXXXXX") || exit 97
mkfifo "$d/ends" || exit 97
exec 3<>"$d/ends"
now() { t=$(date +%s%N 2>/dev/null); case $t in *N|'') t=$(date +%s)000000000;; esac; }
begin() { now; echo "$t" >"$d/$1.t0"; }
end() { now; echo "$t" >"$d/$1.t1"; echo "$2" >"$d/$1.rc"; echo "$1" >&3; }
"""

_EPILOGUE = """\
( sleep {deadline} & s=$!; trap 'kill "$s"; exit' TERM; wait "$s"; echo late >&3 ) >/dev/null 2>&1 </dev/null &
watchdog=$!
left={count}
while [ "$left" -gt 0 ]; do
  read -r who <&3 || break
  [ "$who" = late ] && break
  left=$((left - 1))
done
kill "$watchdog" 2>/dev/null
i=0
while [ "$i" -lt {count} ]; do
  rc=late; [ -s "$d/$i.rc" ] && read -r rc <"$d/$i.rc"
  t0=0; [ -s "$d/$i.t0" ] && read -r t0 <"$d/$i.t0"
  t1=$t0; [ -s "$d/$i.t1" ] && read -r t1 <"$d/$i.t1"
  [ "$rc" = late ] && {{ eval "p=\\$p$i"; kill -9 "$p" 2>/dev/null; }}
  : >>"$d/$i.out"; : >>"$d/$i.err"
  cp "$d/$i.out" "$d/o"; cp "$d/$i.err" "$d/e"
  printf '\\n{mark} %s %s %s %s %s\\n' "$i" "$rc" "$t0" "$t1" "$(($(wc -c <"$d/o"))) $(($(wc -c <"$d/e")))"
  cat "$d/o" "$d/e"
  i=$((i + 1))
done
printf '\\n{mark} end\\n'
exec 3>&-
rm -rf "$d"
"""


def bundle(parts: Sequence[Part], *, mark: str | None = None) -> Ask[dict[str, Finding]]:
    """Compose several looks into one command, and read their findings back.

    Args:
        parts: The looks; they run side by side.
        mark: The framing mark, random unless given (recorded replies need a fixed one).

    Returns:
        A question whose answer maps each look's name to its finding. A look that did not report in time, or that
        the noise swallowed, has code None.
    """
    mark = mark or f"jido-{secrets.token_hex(8)}"
    lines = [_PROLOGUE]
    for number, part in enumerate(parts):
        # `timeout` ends a look's whole process group; where it is missing the deadline alone bounds it.
        shell = f"timeout -k 1 {part.limit:g} sh -c" if part.limit else "sh -c"
        quoted = shlex.quote(part.script)
        lines.append(
            f"( begin {number}; if command -v timeout >/dev/null 2>&1; then {shell} {quoted}; "
            f'else sh -c {quoted}; fi >"$d/{number}.out" 2>"$d/{number}.err"; '
            f"end {number} $? ) >/dev/null 2>&1 </dev/null & p{number}=$!\n"
        )
    # GNU timeout's own kill needs a second more; past that the look hangs in the kernel.
    deadline = max((part.limit for part in parts), default=1.0) + 2
    lines.append(_EPILOGUE.format(deadline=f"{deadline:g}", count=len(parts), mark=mark))
    command = Command(argv=("sh", "-s"), stdin="".join(lines).encode(), timeout=deadline + 30)
    names = tuple(part.name for part in parts)
    return Ask(command=command, parse=lambda reply: _read(reply, names, mark))


def _read(reply: Reply, names: Sequence[str], mark: str) -> dict[str, Finding]:
    found: dict[str, Finding] = {name: Finding(code=None) for name in names}
    pattern = re.compile(rb"\n" + re.escape(mark.encode()) + rb" (\d+) (\d+|late) (\d+) (\d+) (\d+) (\d+)\n")
    at = 0
    while match := pattern.search(reply.stdout, at):
        number, code, t0, t1, out, err = match.groups()
        start = match.end()
        middle, at = start + int(out), start + int(out) + int(err)
        if int(number) < len(names):
            found[names[int(number)]] = Finding(
                # 124 is GNU timeout's code for a look stopped at its limit, 137 for one it had to kill.
                code=None if code in (b"late", b"124", b"137") else int(code),
                stdout=reply.stdout[start:middle],
                stderr=reply.stdout[middle:at],
                took=max(0.0, (int(t1) - int(t0)) / 1e9),
            )
    return found


def is_whole(reply: Reply, findings: Mapping[str, Finding]) -> bool:
    """Whether the bundle ran to its end: every look was reported, in time or late."""
    return reply.ok and bool(findings) and b" end\n" in reply.stdout[-128:]
