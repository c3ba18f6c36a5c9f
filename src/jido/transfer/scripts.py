"""The POSIX shell texts that push and snapshot run on the cluster; everything variable comes as arguments or stdin.

Beside a role's folder (``code``) the workspace's ``.jido`` folder holds:

- ``code.tree``: the hash of what ``code`` holds now; missing while a push is under way or after one was cut;
- ``code.files``: what pushes put there, each path followed by NUL; only these are ever deleted;
- ``code.files.TOKEN``: the same of a push that has not finished;
- ``code.pushing``: the token of the push that began last.
"""

from __future__ import annotations

from jido.model.command import Command

STALE = 75
"""Exit code: what lies on the cluster is not what was expected; push again with ``force``."""

_HEAD = """\
set -eu
LC_ALL=C; export LC_ALL
root=$1 role=$2 state=$1/.jido
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
# What a push that was killed over there left a day ago.
find "$state/." ! -name . -prune -name 'incoming.*' -mtime +0 -exec rm -rf {} +
at=
if [ -f "$state/$role.tree" ]; then
  at=$(cat "$state/$role.tree")
  if [ "$role" = code ] && [ "$at" = "$known" ] && edited "$root"; then at=edited; fi
fi
printf '%s' "$token" >"$state/$role.pushing"
rm -f "$state/$role.tree"
cat >"$state/$role.files.$token"
printf '%s\\n' "$at"
if command -v rsync >/dev/null 2>&1; then echo rsync; else echo none; fi
disk=$(df -Pk "$root" 2>/dev/null | tail -n 1) || disk=
printf '%s\\n' "$disk"
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
token=$3 tree=$4
if [ "$(cat "$state/$role.pushing" 2>/dev/null)" != "$token" ]; then
  rm -f "$state/$role.tree"
  echo "another push to $root began meanwhile" >&2
  exit 75
fi
for list in "$state/$role.files".*; do
  if [ "$list" != "$state/$role.files.$token" ]; then rm -f "$list"; fi
done
mv -f "$state/$role.files.$token" "$state/$role.files"
printf '%s' "$tree" >"$state/$role.tree.new"
mv -f "$state/$role.tree.new" "$state/$role.tree"
rm -f "$state/$role.pushing"
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

# Unpacked beside its place, then moved in by renames: no file ever stands half-written under its name.
_UNPACK = (
    _HEAD
    + """\
in=$state/incoming.$3
trap 'rm -rf "$in"' EXIT
trap 'exit 1' HUP INT TERM PIPE
mkdir "$in"
tar -xof - -C "$in"
# A first copy goes in as a whole.
if rmdir "$root/$role" 2>/dev/null; then mv "$in" "$root/$role"; exit 0; fi
cd "$in"
find . -type d -exec sh -c 'to=$0; for d do shift; set -- "$@" "$to/$d"; done; mkdir -p "$@"' "$root/$role" {} +
find . -type d -print0 | xargs -0 sh -c 'to=$0; for d do
  find "$d/." ! -name . -prune ! -type d -exec sh -c '\\''to=$0; mv -f "$@" "$to/"'\\'' "$to/$d" {} + || exit 1
done' "$root/$role"
"""
)


def _shell(script: str, *arguments: str, stdin: bytes = b"", timeout: float | None = 120.0) -> Command:
    return Command(argv=("sh", "-c", script, "jido", *arguments), stdin=stdin, timeout=timeout)


def joined(paths: list[bytes]) -> bytes:
    """A list as the scripts read it; ``./`` keeps a leading dash or ``#`` from meaning anything."""
    return b"".join(b"./" + path + b"\0" for path in paths)


def begin(root: str, role: str, token: str, known: str, paths: list[bytes]) -> Command:
    """Announce a push: its token and all paths it will have put there.

    Prints the tree that is there (or ``edited``), whether rsync is there, the line of ``df -Pk``, and, unless the
    tree is `known`, every path that earlier pushes put there.
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


def unpack(root: str, role: str, token: str) -> Command:
    """Read a tar stream from stdin into the role's folder."""
    return _shell(_UNPACK, root, role, token, timeout=None)
