"""A snapshot: the exact code a run executes, composed as one command that the submission carries along."""

from __future__ import annotations

from jido.model.command import Command
from jido.model.workspace import Workspace
from jido.transfer.scripts import EDITED, STALE

__all__ = ["STALE", "snapshot"]

# `mv -T` (GNU, busybox) renames onto the name itself. Where it is missing, a plain mv into a name that appeared
# meanwhile would move inside it, hence the second look.
_SCRIPT = (
    """\
set -eu
LC_ALL=C; export LC_ALL
root=$1 tree=$2 run=$3
state=$root/.jido snap=$root/snapshots/$tree mine=$root/runs/$run
"""
    + EDITED
    + """\
stale() { echo "$root/code $1; push again" >&2; exit 75; }
at() { [ "$(cat "$state/code.tree" 2>/dev/null)" = "$tree" ] || stale "is not at $tree"; }
place() {
  if mv -T "$1" "$2" 2>/dev/null; then return 0; fi
  if [ -d "$2" ]; then return 1; fi
  mv "$1" "$2"
}
# Folders only: a file's mode is shared by all its hard links.
sweep() {
  if [ -d "$1" ]; then find "$1" -type d -exec chmod u+rwx {} + 2>/dev/null || :; rm -rf "$1"; fi
}

# What did not change since an earlier snapshot is linked to it; only the rest is copied. False where that cannot be.
onto() {
  base=$(cat "$state/code.base" 2>/dev/null) && [ -n "$base" ] && [ -d "$root/snapshots/$base" ] || return 1
  cp -al "$root/snapshots/$base" "$new" && (
    cd "$new" && xargs -0 sh -c '[ $# -eq 0 ] || rm -f "$@"' sh <"$state/code.since" || exit 1
    find . -depth -type d -exec rmdir {} + 2>/dev/null
    mkdir -p "$new" && cd "$root/code" || exit 1
    xargs -0 sh -c 'for f do if [ -L "$f" ] || [ -f "$f" ]; then printf "%s\\0" "$f"; fi; done' sh \
      <"$state/code.since" | tar -cf - --no-recursion --null -T - | tar -xpof - -C "$new"
  ) && all && [ "$(find "$new" ! -type d -exec sh -c 'for f do printf x; done' sh {} + | wc -c)" -eq \
    "$(tr -cd '\\000' <"$state/code.files" | wc -c)" ]
}
all() {
  (cd "$new" && xargs -0 sh -c 'for f do [ -e "$f" ] || [ -L "$f" ] || exit 1; done' sh <"$state/code.files")
}
# Needed by a run that was not seen to end, or ended so lately that it may be tried again with the same code.
needed() {
  for use in "$1"/*; do
    run_=$root/runs/${use##*/}
    if [ -d "$run_" ] && [ -z "$(find "$run_/exit.json" -mtime +13 2>/dev/null)" ]; then return 0; fi
  done
  return 1
}
prune() {
  for uses in "$state/uses"/*; do
    old=${uses##*/}
    if [ "$old" = "$tree" ] || needed "$uses"; then continue; fi
    if [ "$old" = "$(cat "$state/code.base" 2>/dev/null)" ]; then continue; fi
    # Out of the way in one step; back again when a run came meanwhile.
    mv "$root/snapshots/$old" "$root/snapshots/.old-$old" 2>/dev/null || continue
    if needed "$uses"; then mv "$root/snapshots/.old-$old" "$root/snapshots/$old"; continue; fi
    sweep "$root/snapshots/.old-$old"
    rm -rf "$uses"
  done
}

mkdir -p "$root/snapshots" "$mine" "$state/uses/$tree"
: >"$state/uses/$tree/$run"
if [ ! -d "$snap" ]; then
  at
  if edited "$root"; then stale "was changed by hand since it was pushed"; fi
  new=$root/snapshots/.new-$run
  sweep "$new"
  trap 'sweep "$new"' EXIT
  trap 'exit 1' HUP INT TERM PIPE
  if ! onto 2>/dev/null; then
    sweep "$new"; mkdir "$new"
    # Only what was pushed; a tar that cannot read the list leaves plain cp, which takes all.
    if ! (cd "$root/code" && tar -cf - --no-recursion --null -T "$state/code.files" | tar -xpof - -C "$new" && all
         ) 2>/dev/null; then
      sweep "$new"; mkdir "$new"
      cp -pPR "$root/code/." "$new/"
    fi
  fi
  find "$new" -type d -exec chmod u+rwx {} +
  # Runs share these files by hard links: nobody may write into one.
  find "$new" -type f \\( -perm -200 -o -perm -020 -o -perm -002 \\) -exec chmod a-w {} +
  at
  place "$new" "$snap" || sweep "$new"
  trap - EXIT
  prune
fi
if [ ! -d "$mine/code" ]; then
  new=$mine/.code-new
  sweep "$new"
  if ! cp -al "$snap" "$new" 2>/dev/null; then
    sweep "$new"
    cp -pPR "$snap" "$new"
    find "$new" -type f -exec chmod u+w {} +
  fi
  mkdir -p "$root/data" "$root/checkpoints/$run" "$root/results/$run" "$root/logs/$run"
  # So that relative paths of a beginner's script work, and those of two runs never meet.
  role() { if [ ! -e "$new/$1" ] && [ ! -L "$new/$1" ]; then ln -s "$2" "$new/$1"; fi; }
  role data "$root/data"
  role checkpoints "$root/checkpoints/$run"
  role results "$root/results/$run"
  role logs "$root/logs/$run"
  place "$new" "$mine/code" || sweep "$new"
fi
"""
)


def snapshot(workspace: Workspace, tree: str, run: str) -> Command:
    """Compose what gives a run its own code: makes the snapshot if it is missing, then the run's tree of it.

    What has not changed since an earlier snapshot is linked to that, not copied. A snapshot goes when all runs of it
    have ended two weeks ago, as their run folders say; the runs' own trees stay.

    Doing it twice is harmless, and so are two at once. The run's files are hard links to the snapshot's and cannot
    be written to; its folders can. ``data``, ``checkpoints``, ``results`` and ``logs`` become links to the
    workspace's roles where the code has nothing of that name.

    Args:
        workspace: Where the project lies.
        tree: The hash that `push` returned.
        run: The run folder's name.

    Returns:
        A command that ends with `STALE` when ``code`` is not at `tree` (any more): push with ``force`` and try again.
    """
    return Command(argv=("sh", "-c", _SCRIPT, "jido-snapshot", workspace.root, tree, run), timeout=600.0)
