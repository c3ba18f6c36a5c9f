"""The POSIX shell texts that push and snapshot run on the cluster; everything variable comes as arguments or stdin.

Beside a role's folder (``code``) the workspace's ``.jido`` folder holds:

- ``code.tree``: the hash of what ``code`` holds now; missing while a push is under way or after one was cut;
- ``code.files``: what pushes put there, each path followed by NUL; only these are ever deleted;
- ``code.files.TOKEN``: the same of a push that has not finished;
- ``code.base``: the last snapshot since which every change is known, and ``code.since``: the paths of these;
- ``code.pushing``: the token of the push that began last;
- ``code.moving.TOKEN``: while a push changes what is there: its machine and process; whoever begins waits for it;
- ``incoming.TOKEN``: what a stream has brought that did not end yet, or was cut.
"""

from __future__ import annotations

from jido.model.command import Command

STALE = 75
"""Exit code: what lies on the cluster is not what was expected; push again with ``force``."""
DONE = b"done\n"
MOVED = 76
"""Exit code: nothing was done, since the tree that is known here does not lie there (any more)."""

_HEAD = """\
set -eu
LC_ALL=C; export LC_ALL
root=$1 role=$2 state=$1/.jido
moving=$state/$role.moving.
stale() {
  rm -f "$state/$role.tree" "$moving$token"
  echo "another push to $root began meanwhile" >&2
  exit 75
}
# A link, since it is made in one step with what it says.
announce() { [ -L "$moving$token" ] || ln -s "$(uname -n) $$" "$moving$token"; }
# Wait for somebody who moves files. A dead one of this machine is not waited for, one of another for five seconds.
attend() {
  n=0
  while [ "$n" -lt 50 ] && who=$(readlink "$1"); do
    if [ "${who% *}" = "$(uname -n)" ] && ! kill -0 "${who##* }"; then break; fi
    sleep 0.1; n=$((n + 1))
  done 2>/dev/null
}
latest() { [ "$(cat "$state/$role.pushing" 2>/dev/null)" = "$token" ]; }
finish() {
  # Taken in one step, so that the token of whoever begins now is not removed; that one waits for `moving` to be gone.
  announce
  mv -f "$state/$role.pushing" "$state/$role.pushed.$token" 2>/dev/null || stale
  if [ "$(cat "$state/$role.pushed.$token")" != "$token" ]; then
    ln "$state/$role.pushed.$token" "$state/$role.pushing" 2>/dev/null || :
    rm -f "$state/$role.pushed.$token"
    stale
  fi
  for list in "$state/$role.files".*; do
    if [ "$list" != "$state/$role.files.$token" ]; then rm -f "$list"; fi
  done
  mv -f "$state/$role.files.$token" "$state/$role.files"
  printf '%s' "$1" >"$state/$role.tree.new"
  mv -f "$state/$role.tree.new" "$state/$role.tree"
  rm -f "$state/$role.pushed.$token" "$moving$token"
}
"""

# -cnewer sees every change, also of a file put back with old times; where find lacks it, -newer sees plain edits.
EDITED = """\
edited() {
  newer=-newer
  if find "$1/.jido/code.tree" -cnewer "$1/.jido/code.tree" >/dev/null 2>&1; then newer=-cnewer; fi
  if seen=$(cd "$1/code" && xargs -0 sh -c '
    marker=$0 newer=$1; shift; [ $# -eq 0 ] || find "$@" -prune "$newer" "$marker"
  ' "$1/.jido/code.tree" "$newer" <"$1/.jido/code.files" 2>&1); then [ -n "$seen" ]; else return 0; fi
}
"""

_BEGIN = (
    _HEAD
    + EDITED
    + """\
token=$3 known=$4
mkdir -p "$root/$role" "$state"
# What a push that was cut left a week ago, and nobody went on with.
find "$state/." ! -name . -prune -name 'incoming.*' -mtime +6 -exec rm -rf {} +
printf '%s' "$token" >"$state/$role.pushing"
# What is left of a push that was cut may be at work still. It saw its own token, so it goes on, and what lies here is
# known once it has ended.
for other in "$moving"*; do
  attend "$other"
  rm -f "$other" "$state/$role.pushed.${other#"$moving"}"
done
at=
if [ -f "$state/$role.tree" ]; then
  at=$(cat "$state/$role.tree")
  if [ "$role" = code ] && [ "$at" = "$known" ] && edited "$root"; then at=edited; fi
fi
rm -f "$state/$role.tree" "$state/$role.base" "$state/$role.since"
cat >"$state/$role.files.$token"
printf '%s\\n' "$at"
if command -v rsync >/dev/null 2>&1; then echo rsync; else echo none; fi
disk=$(df -Pk "$root" 2>/dev/null | tail -n 1) || disk=
printf '%s\\n' "$disk"
if rmdir "$root/$role" 2>/dev/null; then mkdir "$root/$role"; echo empty; else echo holds; fi
if [ "$at" != "$known" ] || [ -z "$at" ]; then
  for list in "$state/$role.files" "$state/$role.files".*; do
    if [ -f "$list" ] && [ "$list" != "$state/$role.files.$token" ]; then cat "$list"; fi
  done
fi
"""
)

_FINISH = (
    _HEAD
    + """\
token=$3
finish "$4"
"""
)

_DELETE = (
    _HEAD
    + """\
cd "$root/$role"
xargs -0 sh -c '[ $# -eq 0 ] || rm -f "$@"' sh
"""
)

# Folders come deepest first; one that holds anything stays, which is no failure.
_PRUNE = (
    _HEAD
    + """\
cd "$root/$role"
xargs -0 sh -c '[ $# -eq 0 ] || rmdir "$@" 2>/dev/null || :' sh
"""
)

# All files of the folder one is in, by renames, into another one on the same file system.
_BRING = """\
bring() {
  find . -type d -exec sh -c 'to=$0; for d do shift; set -- "$@" "$to/$d"; done; mkdir -p "$@"' "$1" {} +
  find . -type d -print0 | xargs -0 sh -c 'to=$0; for d do
    set --
    for f in "$d"/* "$d"/.[!.]* "$d"/..?*; do
      if [ -L "$f" ] || { [ -e "$f" ] && [ ! -d "$f" ]; }; then set -- "$@" "$f"; fi
    done
    if [ $# -gt 250 ]; then
      find "$d/." ! -name . -prune ! -type d -exec sh -c '\\''to=$0; mv -f "$@" "$to/"'\\'' "$to/$d" {} + || exit 1
    elif [ $# -gt 0 ]; then mv -f "$@" "$to/$d/" || exit 1; fi
  done' "$1"
}
"""

# A tar stream brings ``tree/`` with the files, before them ``files`` and ``gone``, and at its very end ``commit``.
# Without the last nothing happens to the role's folder, however the stream ended; what came stays for the next push.
# Then all of it goes in by renames: no file ever stands half-written under its name.
_RECEIVE = (
    _HEAD
    + EDITED
    + _BRING
    + """\
token=$3 known=$4 packed=$5
# Beside its place, on its file system: the folder of a role may be a link to another volume.
in=$state/incoming.$token
if [ -L "$root/$role" ]; then in=$root/$role/.jido/incoming.$token; fi
mkdir -p "$in"
rm -f "$in/commit"
look=
if [ -n "$known" ]; then
  [ "$(cat "$state/$role.tree" 2>/dev/null)" = "$known" ] || exit 76
  # Asked while the files come.
  if [ "$role" = code ]; then { ! edited "$root"; } </dev/null & look=$!; fi
fi
if [ -n "$packed" ]; then gzip -dc | tar -xof - -C "$in"; else tar -xof - -C "$in"; fi
[ -z "$look" ] || wait "$look" || exit 76
[ -f "$in/commit" ] || exit 0
tree=$(cat "$in/commit")
announce
if [ -n "$known" ]; then
  # Of two pushes that found the same tree one gets the marker; one that has begun since, or was cut, comes first.
  (set -C; printf '%s' "$token" >"$state/$role.pushing") 2>/dev/null || { rm -f "$moving$token"; exit 76; }
  if [ "$(cat "$state/$role.tree" 2>/dev/null)" = "$known" ] && mv "$state/$role.tree" "$in/was" 2>/dev/null; then :
  else
    if latest; then rm -f "$state/$role.pushing"; fi
    rm -f "$moving$token"
    exit 76
  fi
  mv -f "$in/files" "$state/$role.files.$token"
  # Whoever begins from here on finds no tree and all lists, and waits.
  latest || { rm -f "$moving$token"; exit 76; }
  if [ -d "$root/snapshots/$known" ]; then printf '%s' "$known" >"$state/$role.base"; : >"$state/$role.since"; fi
  if [ -f "$state/$role.base" ]; then cat "$in/changed" >>"$state/$role.since"; fi
else
  latest || stale
fi
if [ -s "$in/gone" ]; then (cd "$root/$role" && xargs -0 sh -c '[ $# -eq 0 ] || rm -f "$@"' sh <"$in/gone"); fi
if [ -s "$in/left" ]; then
  (cd "$root/$role" && xargs -0 sh -c '[ $# -eq 0 ] || rmdir "$@" 2>/dev/null || :' sh <"$in/left")
fi
if [ -d "$in/tree" ]; then
  # A first copy goes in as a whole.
  if rmdir "$root/$role" 2>/dev/null && mv "$in/tree" "$root/$role"; then :
  else
    mkdir -p "$root/$role"
    cd "$in/tree"
    bring "$root/$role"
    cd /
  fi
fi
mkdir -p "$root/$role"
rm -rf "$in" "$in.was"
finish "$tree"
echo done
"""
)

# What came of a stream that was cut: its sizes say which files are whole. They are taken over one by one: a tar that
# is still at work, after a cut, has its folder open whatever its name is now, and what it makes from here on, which
# may be older than what the next push brings, must not come to stand there.
_LEFT = (
    _HEAD
    + _BRING
    + """\
at=$state
if [ -L "$root/$role" ]; then at=$root/$role/.jido; fi
mine=$at/incoming.$4
# What came whole may be on its way to its place.
attend "$moving$3"
mv "$at/incoming.$3" "$mine.was" 2>/dev/null || exit 0
mkdir -p "$mine/tree"
if cd "$mine.was/tree" 2>/dev/null; then
  # What it takes away at this moment is sent again.
  bring "$mine/tree" 2>/dev/null || :
fi
cd "$mine/tree"
rm -rf "$mine.was" 2>/dev/null || :
find . -type f -printf '%s %p\\0' 2>/dev/null || find . -type f -exec stat -c '%s %n' {} + | tr '\\n' '\\0'
"""
)

_TRIM = (
    _HEAD
    + """\
in=$state/incoming.$3
if [ -L "$root/$role" ]; then in=$root/$role/.jido/incoming.$3; fi
cd "$in/tree" 2>/dev/null || exit 0
xargs -0 sh -c '[ $# -eq 0 ] || rm -f "$@"' sh
"""
)

# The rest of a large file whose beginning came before the cut.
_APPEND = (
    _HEAD
    + """\
in=$state/incoming.$3
if [ -L "$root/$role" ]; then in=$root/$role/.jido/incoming.$3; fi
file=$in/tree/$4
[ "$(wc -c <"$file")" -eq "$5" ] || { echo "$file is not as long as it was" >&2; exit 1; }
cat >>"$file"
# Else what was cut went on after all.
[ "$(wc -c <"$file")" -eq "$8" ] || { echo "$file is longer than it was to be" >&2; exit 1; }
chmod "$6" "$file"
touch -d "@$7" "$file" 2>/dev/null || :
"""
)

_DROP = (
    _HEAD
    + """\
for at in "$state" "$root/$role/.jido"; do rm -rf "$at/incoming.$3" "$at/incoming.$3.was"; done
rmdir "$root/$role/.jido" 2>/dev/null || :
"""
)


def _shell(script: str, *arguments: str, stdin: bytes = b"", timeout: float | None = 120.0) -> Command:
    return Command(argv=("sh", "-c", script, "jido", *arguments), stdin=stdin, timeout=timeout)


def joined(paths: list[bytes]) -> bytes:
    """A list as the scripts read it; ``./`` keeps a leading dash or ``#`` from meaning anything."""
    return b"".join(b"./" + path + b"\0" for path in paths)


def begin(root: str, role: str, token: str, known: str, paths: list[bytes]) -> Command:
    """Announce a push: its token and all paths it will have put there.

    Prints the tree that is there (or ``edited``), whether rsync is there, the line of ``df -Pk``, whether the role's
    folder is empty, and, unless the tree is `known`, every path that earlier pushes put there.
    """
    return _shell(_BEGIN, root, role, token, known, stdin=joined(paths))


def finish(root: str, role: str, token: str, tree: str) -> Command:
    """Say that the role's folder holds `tree` now; ends with `STALE` when another push began meanwhile."""
    return _shell(_FINISH, root, role, token, tree)


def delete(root: str, role: str, paths: list[bytes]) -> Command:
    """Remove files that an earlier push put there."""
    return _shell(_DELETE, root, role, stdin=joined(paths), timeout=None)


def prune(root: str, role: str, folders: list[bytes]) -> Command:
    """Remove folders that have become empty."""
    return _shell(_PRUNE, root, role, stdin=joined(folders), timeout=None)


def receive(root: str, role: str, token: str, known: str, *, packed: bool) -> Command:
    """Read a tar stream from stdin and, where it holds its end, put all of it into the role's folder.

    Args:
        root: The workspace.
        role: Its folder.
        token: Of this push.
        known: The tree that must lie there still; ends with `MOVED` when it does not. Empty after `begin`.
        packed: Whether the stream is compressed.

    Returns:
        A command that prints `DONE` when all of it is in its place.
    """
    return _shell(_RECEIVE, root, role, token, known, "z" if packed else "", timeout=None)


def left(root: str, role: str, token: str, new: str) -> Command:
    """Take over what a push that was cut had brought, and print it: size, space, path, NUL."""
    return _shell(_LEFT, root, role, token, new)


def trim(root: str, role: str, token: str, paths: list[bytes]) -> Command:
    """Remove some of it."""
    return _shell(_TRIM, root, role, token, stdin=joined(paths), timeout=None)


def append(root: str, role: str, token: str, path: str, at: int, mode: int, mtime: int, size: int) -> Command:
    """Read from stdin what follows the first `at` bytes of a file of it, which has `size` bytes in all."""
    return _shell(_APPEND, root, role, token, path, str(at), f"{mode:o}", str(mtime), str(size), timeout=None)


def drop(root: str, role: str, token: str) -> Command:
    """Remove all of it."""
    return _shell(_DROP, root, role, token, timeout=None)
