"""What the quota looks share: shell text that finds the volumes of a kind, and reading what came back.

The probe asks for quotas before it knows which kinds are there. So each look reads the mount table, which it finds in
``$table``, and asks at the mounts of its own kinds only, side by side: a dead server keeps only its own answer back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from jido.model.bundle import MISSING, Finding, Part
from jido.model.facts import Fact, unknown
from jido.model.quota import Quota, Usage

# What stands in the mount table before the type of a file system whose server runs in user space.
FUSE = "fuse."

# Sets m to the folder that is mine to write on the volume $1; empty where there is none.
MINE = """\
mine_of() {
  u=${USER:-${LOGNAME:-$(id -un)}}; m=
  case $HOME/ in "$1"/*) [ -w "$HOME" ] && m=$HOME;; esac
  [ "$1" = / ] || for c in "$1/$u" "$1/users/$u" "$1/home/$u" "$1/scratch/$u" "$1/work/$u" "$1"; do
    [ -n "$m" ] && break
    [ -d "$c" ] && [ -w "$c" ] && m=$c
  done
}
"""

# `each TYPES` (without `fuse.`) calls `ask MOUNT SOURCE`, $m being my folder there, at each mount of a type,
# and prints one record each: mount point, my folder, what was said, the code. What others have as mounts of their own
# beside my home (automounted homes) is left alone, and no more than 24 are asked.
EACH = """\
table=$(cat /proc/self/mountinfo 2>/dev/null)
each() {
  e_t=$1; e_n=0; e_h=${HOME%/*}; e_h=${e_h:-//}; set -f; IFS='
'
  for e_l in $table; do
    fs=${e_l#* - }; source=${fs#* }; fs=${fs%% *}; source=${source%% *}
    case " $e_t " in *" ${fs#fuse.} "*) ;; *) continue;; esac
    point=${e_l#* * * * }; point=${point%% *}
    case $point$source in *\\\\*) point=$(printf %b "$point"); source=$(printf %b "$source");; esac
    case $point in
      /boot*|/snap/*|/var/lib/*|/run/*|/etc/*|/usr|/usr/*|/bin|/sbin|/lib*|/opt|/opt/*) continue;;
    esac
    case $point in "$e_h"/*) case $HOME/ in "$point"/*) ;; *) continue;; esac;; esac
    e_n=$((e_n + 1)); [ "$e_n" -le 24 ] || break
    (
      unset IFS; set +f; mine_of "$point"
      x=$(ask "$point" "$source" 2>&1); r=$?
      printf '\\036%s\\0%s\\0%s\\0%s\\0' "$point" "$m" "$x" "$r"
    ) &
  done
  wait
}
"""
# Stands before every look: nothing here touches a file system but /proc.
COMMON = MINE + EACH


class Spot(msgspec.Struct, frozen=True):
    """A volume whose quota is asked for, as ``df`` and the mount table tell it.

    Attributes:
        path: Where a user meets it.
        mount: Its mount point; empty where it is not known.
        source: Device or server export.
        fs: Its type.
        mine: My folder on it; empty where there is none.
        by: The look that saw the volume.
    """

    path: str
    mount: str = ""
    source: str = ""
    fs: str = ""
    mine: str = ""
    by: str = ""


class Told(msgspec.Struct, frozen=True):
    """What a kind read about a volume.

    Attributes:
        quota: My limits.
        usage: What counts against them; None where nobody said.
    """

    quota: Fact[Quota]
    usage: Usage | None = None


class Answer(msgspec.Struct, frozen=True):
    """What was said at one mount point.

    Attributes:
        mine: My folder there.
        text: Printed and complained of, in this order as it came.
        code: Exit code.
    """

    mine: str
    text: str
    code: int


def look(name: str, types: Iterable[str], ask: str, *, needs: str = "", typed: str, limit: float = 8) -> Part:
    """A look that asks at every mount of some types.

    Args:
        name: The look's name.
        types: File-system types.
        ask: Body of the shell function that asks; ``$1`` the mount point, ``$2`` its source, ``$m`` my folder.
        needs: As `Part.needs`.
        typed: As a person would type it.
        limit: Seconds in all.
    """
    types = sorted(types)
    return Part(
        name,
        f"ask() {{\n{ask.strip()}\n}}\neach '{' '.join(types)}'",
        limit,
        needs=needs,
        quick=mounted(types),
        typed=typed,
    )


def mounted(types: Iterable[str]) -> str:
    """A shell condition: whether a file system of one of the types is mounted. No path there holds a blank."""
    names = (before + one for one in sorted(types) for before in ("", FUSE))
    patterns = "|".join(f'*" - {name} "*' for name in names)
    return f"case $table in {patterns}) ;; *) false;; esac"


def answers(text: str) -> dict[str, Answer]:
    """What was said, by mount point; a record that was cut off is none."""
    found = {}
    for part in text.split("\x1e"):
        fields = part.split("\0")
        if len(fields) == 5 and fields[0].startswith("/") and fields[3].isascii() and fields[3].isdecimal():
            found[fields[0]] = Answer(fields[1], fields[2], int(fields[3][:9]))
    return found


def at(spot: Spot, name: str, findings: Mapping[str, Finding], settle: str, program: str) -> Answer | Fact[Quota]:
    """What a look of `look` said at a volume's mount, or why nothing is known.

    Args:
        spot: The volume.
        name: The look.
        findings: What came back.
        settle: The command that would tell.
        program: What the look calls.
    """
    finding = findings.get(name)
    if finding is None:
        return unknown("the quota was not asked for", settle=settle)
    if answer := answers(finding.text).get(spot.mount):
        return answer
    if finding.code is None:
        return unknown(f"no answer within {max(finding.took, 1):.0f} s", settle=settle, by=name)
    if finding.code == MISSING:
        return unknown(f"there is no command {program} on the login node", settle=settle, by=name)
    return unknown("the mount table does not show it", settle=settle, by=name)


def complaint(answer: Answer) -> str:
    """An answer's last line in short: where nothing could be read, it says why."""
    lines = [line.strip() for line in answer.text.splitlines() if line.strip()]
    return (lines[-1][:200] if lines else "nothing was printed") + (f" (code {answer.code})" if answer.code else "")


def number(word: str, scale: int = 1) -> int | None:
    """A count as printed; None where it is none or too large to mean anything (``2^64-1`` is *no limit*)."""
    if not (word.isascii() and word.isdecimal()) or len(word) > 19 or int(word) * scale >= 2**63 - 1:
        return None
    return int(word) * scale
