"""How fast the volumes are, when somebody asks: a bounded file past the page cache, and a thousand small ones."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence

import msgspec

from jido.model.bundle import Part
from jido.model.seen import Speed
from jido.probe.looks import PATHS

BYTES = 256 * 1024**2
FILES = 1000
SECONDS = 5
_CHUNK = 16 * 1024**2
_LOCAL = re.compile(r"local|ssd|nvme|raid")

# Chunk by chunk, so that a slow volume ends the test early and each chunk is on the disk before the next. Direct I/O
# goes past the page cache; where a file system has none, every chunk is synced, and before reading the kernel is
# asked to forget the file (dd's nocache is posix_fadvise). The bytes are random: some file systems compress zeros
# away. At its time limit dd tells on USR1 how far it came; INT is ignored by what a shell has put in the background.
_MEASURE = """\
shared() { # PATH FOLDER: one node at a time, or they would measure each other
  n=0
  until mkdir ../measuring 2>/dev/null; do
    n=$((n + 1)); [ "$n" -lt 150 ] || { printf '\\036busy\\0%s\\0\\0' "$1"; return; }
    sleep 0.4 2>/dev/null || sleep 1
  done
  trap 'rmdir ../measuring; rm -f "$block"' 0
  trap 'exit 1' TERM INT HUP
  one "$@"
  rmdir ../measuring; trap 'rm -f "$block"' 0
}
up() { { read -r t _ </proc/uptime; } 2>/dev/null || t=$(date +%s); s=${t%.*}; }
one() ( # PATH FOLDER
  up; a=$t; w=$2/$JIDO_STEM.$JIDO_KEY.speed
  k=$(df -P -k -- "$2" 2>/dev/null | awk 'END { print $4 }')
  case $k in ''|*[!0-9]*) k=0 ;; esac
  if [ "$k" -lt {room} ]; then printf '\\036small\\0%s\\0%s\\0' "$1" "$k"; exit; fi
  mkdir "$w" 2>/dev/null || { printf '\\036closed\\0%s\\0%s\\0' "$1" "$2"; exit; }
  trap 'rm -rf "$w"' 0
  trap 'exit 1' TERM INT HUP
  flag=oflag=direct
  dd if="$block" of="$w/file" bs=1048576 count=1 $flag 2>/dev/null || flag=
  true >"$w/file"
  n=0; up; until=$((s + {seconds}))
  while [ "$n" -lt {chunks} ] && up && [ "$s" -le "$until" ]; do
    printf '\\036write\\0%s\\0' "$1"
    timeout 20 dd if="$block" of="$w/file" bs={chunk} count=1 seek="$n" $flag conv=notrunc,fsync 2>&1 || break
    printf '\\0'
    n=$((n + 1))
  done
  flag=iflag=direct
  dd if="$w/file" of=/dev/null bs={chunk} count=1 $flag 2>/dev/null || flag=iflag=nocache
  dd if="$w/file" iflag=nocache count=0 2>/dev/null
  printf '\\036read\\0%s\\0' "$1"
  timeout -k 1 -s USR1 {seconds} dd if="$w/file" of=/dev/null bs={chunk} $flag 2>&1
  printf '\\0'
  rm -f "$w/file"
  for what in created stated read; do
    n=0; up; b=$t; until=$((s + 8))
    while [ "$n" -lt {files} ]; do
      case $what in
        created) echo "$n" >"$w/f$n" || break ;;
        stated) [ -f "$w/f$n" ] || break ;;
        read) { read -r x <"$w/f$n"; } 2>/dev/null || break ;;
      esac
      n=$((n + 1))
      case $n in *50) up; [ "$s" -le "$until" ] || break ;; esac
    done
    up; printf '\\036%s\\0%s\\0%s %s %s\\0' "files_$what" "$1" "$n" "$b" "$t"
  done
  rm -rf "$w"
  up; printf '\\036took\\0%s\\0%s %s\\0' "$1" "$a" "$t"
)
cd "$JIDO_PROBE" || exit 2
block=$(mktemp "${TMPDIR:-/tmp}/.jido.XXXXXX") || exit 2
trap 'rm -f "$block"' 0
dd if=/dev/urandom of="$block" bs={chunk} count=1 2>/dev/null
"""


# A node's own disks: those that the looks before found to be mine to write; /tmp only where there is no other.
_LOCALS = """\
n=0
for p in {places} /tmp; do
  f=$(printf '%s\\n' "$p" | cksum); f=mine.${f%% *}.f
  [ -e "$f" ] && [ "$n" -lt 3 ] || continue
  case $p in /tmp) [ "$n" = 0 ] || continue ;; esac
  m=$(cat "$f"; echo x); one "$p" "${m%x}"; n=$((n + 1))
done
"""


def parts(folders: Mapping[str, str]) -> list[Part]:
    """The look that measures, volume after volume.

    Args:
        folders: The volumes to measure that are the login node's too, with the folder that is mine on each; the
            node's own disks are measured besides.
    """
    lines = [f"shared {shlex.quote(path)} {shlex.quote(folder)}" for path, folder in folders.items()]
    places = " ".join(path for path in PATHS if _LOCAL.search(path))
    text = _MEASURE + "\n".join(lines) + "\n" + _LOCALS.replace("{places}", places)
    for name, value in (
        ("{room}", 2 * BYTES // 1024),
        ("{chunks}", BYTES // _CHUNK),
        ("{chunk}", _CHUNK),
        ("{seconds}", SECONDS),
        ("{files}", FILES),
    ):
        text = text.replace(name, str(value))
    return [Part("measure", text, 200, typed="dd oflag=direct bs=16M count=16; 1,000 small files")]


class Measured(msgspec.Struct, frozen=True):
    """What was measured on one node.

    Attributes:
        speeds: By volume path.
        why_not: By volume path, why there is no speed.
    """

    speeds: dict[str, Speed]
    why_not: dict[str, str]


def read(text: str, node: str, at: float) -> Measured:
    """What the look printed, as far as it came.

    Args:
        text: What it printed.
        node: On which node.
        at: When, seconds since the epoch.
    """
    rows: dict[str, list[tuple[str, str]]] = {}
    why_not: dict[str, str] = {}
    for piece in text.split("\x1e"):
        kind, _, rest = piece.partition("\0")
        path, nul, said = rest.partition("\0")
        if not nul or not path.startswith("/"):
            continue
        if kind == "small":
            why_not[path] = "too little room is left on it to measure it"
        elif kind == "busy":
            why_not[path] = "other nodes were measuring it for too long"
        elif kind == "closed":
            why_not[path] = f"no folder can be made in {said.rstrip(chr(0))}"
        else:
            rows.setdefault(path, []).append((kind, said.rstrip("\0")))
    return Measured({path: _speed(said, node, at) for path, said in rows.items()}, why_not)


def _speed(rows: Sequence[tuple[str, str]], node: str, at: float) -> Speed:
    written = [_dd(said) for kind, said in rows if kind == "write"]
    read_ = [_dd(said) for kind, said in rows if kind == "read"]
    bytes_ = int(sum(size for size, _ in written))
    files: dict[str, tuple[float, float]] = {}
    took = 0.0
    for kind, said in rows:
        numbers = [float(word) for word in said.split() if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", word)]
        if kind.startswith("files_") and len(numbers) == 3:
            files[kind] = numbers[0], max(0.0, numbers[2] - numbers[1])
        elif kind == "took" and len(numbers) == 2:
            took = max(0.0, numbers[1] - numbers[0])
    return Speed(
        node=node,
        at=at,
        write=_rate(bytes_, sum(seconds for _, seconds in written)),
        read=_rate(*map(sum, zip(*read_, strict=True))) if read_ else None,
        files_created=_rate(*files.get("files_created", (0, 0))),
        files_stated=_rate(*files.get("files_stated", (0, 0))),
        files_read=_rate(*files.get("files_read", (0, 0))),
        bytes=bytes_,
        files=int(files.get("files_created", (0, 0))[0]),
        took=round(took, 2),
    )


def _dd(said: str) -> tuple[float, float]:
    """Bytes and seconds as dd tells them: ``268435456 bytes (268 MB, 256 MiB) copied, 1.2 s, 224 MB/s``."""
    match = re.search(r"(\d{1,15}) bytes.* copied, ([0-9.]{1,12}(?:e-[0-9]{1,2})?) s", said)
    try:
        return (float(match[1]), float(match[2])) if match else (0.0, 0.0)
    except ValueError:
        return 0.0, 0.0


def _rate(amount: float, seconds: float) -> float | None:
    # /proc/uptime ticks every 0.01 s: what took less was at least this fast, and is told as that.
    return round(amount / max(seconds, 0.01), 1) if amount else None
