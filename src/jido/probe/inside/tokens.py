"""Tokens: the proof that two machines see the same files, or that they do not.

The login node leaves a token in each folder of mine and the job looks for it; where it finds it, it leaves one in
return, and the login node looks for that. What only compute nodes have is settled among the jobs that run at the same
time: each leaves a token, waits (3 s at most) until the others have left theirs, and looks for them. A token is
removed by who left it, except the one in return, which the login node removes.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from jido.model.bundle import Part

STEM = ".jido-probe-"
LOGIN = "login"


class Sharing(msgspec.Struct, frozen=True):
    """What the tokens say of one volume as one node sees it.

    Attributes:
        login: ``same`` files as the login node's, ``other`` files by the same path, ``one way`` (the login node's
            token was seen, the one in return was not), ``none`` (the folder is not there), or empty: no token told.
        same: Nodes that see the same files.
        other: Nodes that were asked at the same time and see other files by that path, or none.
    """

    login: str = ""
    same: tuple[str, ...] = ()
    other: tuple[str, ...] = ()


# In shell `true >FILE`, not `: >FILE`: where a redirection of a special builtin fails, POSIX ends the whole shell.
# Wraps the look at a volume: wherever a folder of mine is found, this node's token goes there. $JIDO_PROBE is the
# job's own folder, $JIDO_STEM the session's; `m` is where `vol` leaves the folder.
LEAVE = """
vol() {
  m=; vol_plain "$1"; j_x=$?
  if [ -n "${JIDO_PROBE-}" ] && [ -n "$m" ]; then
    j_f=$(printf '%s\\n' "$1" | cksum); j_f=${j_f%% *}
    if [ ! -e "$JIDO_PROBE/mine.$j_f.f" ] && true >"$m/$JIDO_STEM.$JIDO_KEY"; then
      printf '%s' "$1" >"$JIDO_PROBE/mine.$j_f.p"; printf '%s' "$m" >"$JIDO_PROBE/mine.$j_f.f"
    fi 2>/dev/null
  fi
  return $j_x
}
"""

# `writte[n]` instead of `written`: the pattern makes the shell read the folder, where NFS would answer a bare name
# from what it remembers for up to a minute.
_AWAIT = """
everyone() {
  j_n=0
  while [ "$j_n" -lt 30 ]; do
    j_w=
    for o in ../*/bega[n]; do
      d=${o%/*}; for x in "$d"/$1 "$d"/gon[e]; do [ -e "$x" ] && continue 2; done; j_w=1
    done
    [ -n "$j_w" ] || return 0
    j_n=$((j_n + 1)); sleep 0.1 2>/dev/null || { sleep 1; j_n=$((j_n + 9)); }
  done
}
"""

_PEERS = """
cd "$JIDO_PROBE" || exit 2
true >written
everyone 'writte[n]'
with=
for o in ../*/writte[n]; do d=${o%/*}; d=${d##*/}; [ "$d" = "$JIDO_KEY" ] || with="$with $d"; done
for f in ./mine.*.f; do
  [ -e "$f" ] || continue
  m=$(cat "$f"; echo x); m=${m%x}; p=$(cat "${f%f}p"; echo x); p=${p%x}
  saw=; for k in $with; do [ -e "$m/$JIDO_STEM.$k" ] && saw="$saw $k"; done
  printf '\\036peer\\0%s\\0%s\\0' "$p" "$saw"
done
there=; for k in $with; do for x in "../$k"/gon[e]; do [ -e "$x" ] || there="$there $k"; done; done
true >looked
printf '\\036with\\0%s\\0' "$there"
everyone 'looke[d]'
true >gone
"""

# A fresh token may be unseen for a moment where a client remembers the folder as it was: asked three times.
_FROM_LOGIN = """
back() {
  if [ ! -d "$2" ]; then x=none
  else
    x=other
    for j_n in 1 2 3; do
      for t in "$2/$JIDO_STEM".logi[n]; do [ -e "$t" ] && x=readonly; done
      [ "$x" = other ] && [ "$j_n" != 3 ] || break
      sleep 0.3 2>/dev/null || sleep 1
    done
    [ "$x" = readonly ] && { true >"$2/$JIDO_STEM.$JIDO_KEY.back"; } 2>/dev/null && x=wrote
  fi
  printf '\\036login\\0%s\\0%s\\0' "$1" "$x"
}
"""


def parts(folders: Mapping[str, str]) -> list[Part]:
    """The looks for tokens, to be made after those at the volumes.

    Args:
        folders: The login node's volumes by path, each with the folder that is mine on it.
    """
    asked = "\n".join(f"back {shlex.quote(path)} {shlex.quote(folder)} &" for path, folder in folders.items())
    return [
        Part(
            "tokens",
            f"{_FROM_LOGIN}\n{asked}\nwait" if asked else ":",
            15,
            typed=f"ls {STEM}*  # in each folder of yours",
        ),
        Part("peers", _AWAIT + _PEERS, 20, typed=f"ls {STEM}*  # of the other nodes' jobs"),
    ]


# For the end of the job: its own tokens go, whatever became of it.
AWAY = """\
for f in ./mine.*.f; do
  [ -e "$f" ] || continue
  m=$(cat "$f"; echo x); rm -f "${m%x}/$JIDO_STEM.$JIDO_KEY"
done"""


def read(tokens: str, peers: str, returned: Iterable[str], nodes: Mapping[str, str]) -> dict[str, Sharing]:
    """What was established, by volume path.

    Args:
        tokens: What the look for the login node's tokens printed.
        peers: What the look for the other nodes' tokens printed.
        returned: Paths of the login node's volumes in which it found this node's token in return.
        nodes: The nodes of the session's jobs by their keys.
    """
    back = set(returned)
    words = {"other": "other", "none": "none", "readonly": "same"}
    found: dict[str, Sharing] = {}
    for kind, path, said in _records(tokens):
        if kind == "login":
            login = ("same" if path in back else "one way") if said == "wrote" else words.get(said, "")
            found[path] = Sharing(login)
    rows = list(_records(peers))
    there = {key for row in rows if row[0] == "with" for key in row[1].split()}
    for kind, path, said in rows:
        if kind == "peer":
            keys = set(said.split())
            same, other = (tuple(sorted(nodes[key] for key in some if key in nodes)) for some in (keys, there - keys))
            before = found.get(path, Sharing())
            found[path] = Sharing(before.login, same, other)
    return found


def _records(text: str) -> list[tuple[str, str, str]]:
    rows = [piece.split("\0") for piece in text.split("\x1e")]
    return [(row[0], row[1], row[2] if len(row) > 2 else "") for row in rows if len(row) in (3, 4) and row[-1] == ""]


def leave(stem: str, folders: Sequence[str]) -> str:
    """Shell lines with which the login node leaves its tokens."""
    return "\n".join(f"{{ true >{shlex.quote(f'{folder}/{stem}.{LOGIN}')}; }} 2>/dev/null" for folder in folders)


_LOOK_BACK = """\
back() {
  for t in "$2".*.bac[k]; do
    [ -e "$t" ] && { t=${t%.back}; printf '\\036back\\0%s\\0%s\\0' "$1" "${t##*.}"; }
  done
}"""


def look_back(stem: str, folders: Mapping[str, str]) -> str:
    """Shell text with which the login node looks for the tokens in return; prints path and job key of each."""
    lines = [f"back {shlex.quote(path)} {shlex.quote(f'{folder}/{stem}')}" for path, folder in folders.items()]
    return "\n".join((_LOOK_BACK, *lines))


def returned(text: str) -> dict[str, set[str]]:
    """What `look_back` printed: by job key, the volumes in which its token in return was found."""
    found: dict[str, set[str]] = {}
    for kind, path, key in _records(text):
        if kind == "back":
            found.setdefault(key, set()).add(path)
    return found


def sweep(stem: str, folders: Sequence[str]) -> str:
    """Shell lines with which the login node removes every token of a session that it can see."""
    return "\n".join(f"rm -f -- {shlex.quote(f'{folder}/{stem}')}.*" for folder in folders)
