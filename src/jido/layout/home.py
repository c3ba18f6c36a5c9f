"""What fills a home folder that could lie elsewhere, and moving it so that nothing is lost at any moment."""

from __future__ import annotations

import posixpath
import shlex

import msgspec

from jido.errors import InputError, Refused, StateUnknown
from jido.model.bundle import Finding, Part
from jido.model.command import Ask, Command, Reply
from jido.words import mark, tr

# What programs put into a home folder, made again or as good elsewhere: a symbolic link to it serves them as well.
KNOWN = {
    ".cache/huggingface": mark("models and datasets of Hugging Face"),
    ".cache/torch": mark("models of PyTorch"),
    ".cache/pip": mark("pip's downloads"),
    ".cache/uv": mark("uv's downloads"),
    ".cache/kagglehub": mark("downloads of Kaggle"),
    ".cache/torch_extensions": mark("compiled extensions of PyTorch"),
    ".cache/vllm": mark("compiled graphs of vLLM"),
    ".cache/wandb": mark("artifacts of Weights & Biases"),
    ".cache/whisper": mark("models of Whisper"),
    ".cache/conda": mark("conda's downloads"),
    ".local/share/uv": mark("tools and Pythons of uv"),
    ".local/share/wandb": mark("artifacts of Weights & Biases"),
    ".local/lib": mark("packages of pip install --user"),
    ".conda": mark("conda's packages and environments"),
    "miniconda3": mark("conda itself with its environments"),
    "anaconda3": mark("conda itself with its environments"),
    "miniforge3": mark("conda itself with its environments"),
    "mambaforge": mark("conda itself with its environments"),
    "micromamba": mark("micromamba's packages and environments"),
    ".mamba": mark("mamba's packages"),
    ".apptainer/cache": mark("container images"),
    ".singularity/cache": mark("container images"),
    ".triton": mark("compiled kernels of Triton"),
    ".nv": mark("compiled kernels of CUDA"),
    ".cupy": mark("compiled kernels of CuPy"),
    ".keras": mark("models and datasets of Keras"),
    "nltk_data": mark("data of NLTK"),
    "scikit_learn_data": mark("datasets of scikit-learn"),
    ".npm": mark("npm's downloads"),
    ".cargo": mark("Rust's packages"),
    ".rustup": mark("Rust itself"),
    ".julia": mark("Julia's packages"),
    ".ollama": mark("models of Ollama"),
    ".vscode-server": mark("VS Code's half on this machine"),
    ".cursor-server": mark("Cursor's half on this machine"),
}
# Logins are refused where these are links, or depend on them.
_STAY = (".ssh", ".config", ".jido", ".gnupg", ".local", ".cache")

_BUSY, _THERE, _CHANGES, _ANEW, _NO_ROOM, _NOT = 70, 71, 72, 73, 74, 76

_LOOK = """\
cd || exit 1
printf '%s\\0' "$PWD"
for one in "$@"; do
  if [ -e "$one.jido-old" ]; then printf 'half\\t%s\\0' "$one"
  elif [ -L "$one" ]; then printf 'link\\t%s\\0' "$one"
  elif [ -d "$one" ]; then
    printf '%s\\t%s\\0' "$(nice -n 19 du -skx -- "$one" 2>/dev/null | { read -r n _; echo "$n"; })" "$one"
  fi
done
printf 'all\\t\\0'
exec nice -n 19 du -0 -x -B1024 --max-depth=1 -- "$PWD"
"""

# One folder. At every moment its files are in $src, $old or $dst, whole: a copy gets its name when it was compared
# byte by byte, and what it was made of goes last. Whoever comes after a cut goes on where that was.
_MOVE = """\
src=$1 dst=$2 part=$2.jido-part old=$1.jido-old
mkdir -p -- "${dst%/*}" || exit 1
if command -v flock >/dev/null; then exec 9>"$dst.jido-lock"; flock -n 9 || exit 70; fi
# Of a path with a line end in it, du prints two lines.
size() { du -skx -- "$1" 2>/dev/null | { read -r n _; echo "${n:-0}"; }; }
same() { [ -z "$(LC_ALL=C diff -rq --no-dereference -- "$1" "$2" 2>&1)" ]; }
copy() {
  if command -v rsync >/dev/null; then nice -n 19 rsync -aH --delete -- "$src/" "$part/"
  else rm -rf -- "$part"; mkdir -- "$part" && nice -n 19 cp -a -- "$src/." "$part/"; fi
}
if [ ! -e "$old" ] && [ ! -L "$src" ]; then
  [ -d "$src" ] || exit 76
  [ ! -e "$dst" ] || exit 71
  want=$(size "$src") free=$(df -Pk -- "${dst%/*}" | awk 'END { print $4 }')
  [ "$((want - $(size "$part")))" -lt "$free" ] || exit 74
  copy || copy || exit 1
  # Files that changed meanwhile are copied once more; those that always change cannot be moved while they do.
  same "$src" "$part" || { copy && same "$src" "$part"; } || exit 72
  sync -f -- "$part" 2>/dev/null || sync
  mv -- "$src" "$old" || exit 1
fi
if [ -e "$old" ]; then
  if [ -e "$part" ] && [ ! -e "$dst" ]; then mv -- "$part" "$dst" || exit 1; fi
  [ -d "$dst" ] || exit 1
  # A program may have made the folder anew between two steps.
  if [ ! -L "$src" ] && [ -d "$src" ]; then rmdir -- "$src" 2>/dev/null || exit 73; fi
  [ -L "$src" ] || ln -s -- "$dst" "$src" || exit 1
  [ "$(readlink -- "$src")" = "$dst" ] || exit 73
  # What an open program wrote into the old one in between: the newer file counts.
  if command -v rsync >/dev/null; then rsync -a --update -- "$old/" "$dst/" || exit 1
  else
    find "$old" -type f -exec sh -c 'old=$1 dst=$2; shift 2
      for one do new=$dst/${one#"$old"/}; cmp -s -- "$one" "$new" || [ "$new" -nt "$one" ] || exit 1; done
    ' sh "$old" "$dst" {} + || exit 72
  fi
  sync -f -- "$dst" 2>/dev/null || sync
  rm -rf -- "$old" || exit 1
fi
rm -f -- "$dst.jido-lock"
"""


class Held(msgspec.Struct, frozen=True):
    """A folder in a home that could lie elsewhere.

    Attributes:
        path: Relative to the home.
        what: What it is, in words; empty for one that a person named.
        bytes: Its size; None where that was not counted in time.
        state: ``here``, ``moved`` (a link) or ``half`` (a move was cut; moving again ends it).
    """

    path: str
    what: str
    bytes: int | None
    state: str


class Home(msgspec.Struct, frozen=True):
    """What was seen in a home folder.

    Attributes:
        folder: The home.
        held: Known folders that are there, largest first.
        top: Bytes by name of the folders at its top, largest first.
        total: Bytes in all; None where the time was up.
        whole: Whether everything was counted in time.
    """

    folder: str
    held: tuple[Held, ...]
    top: tuple[tuple[str, int], ...]
    total: int | None
    whole: bool


def look(limit: float, more: tuple[str, ...] = ()) -> Part:
    """A bounded walk over my home; what was counted when the time is up is told.

    Args:
        limit: Seconds.
        more: Folders to look at besides the known ones, relative to the home.
    """
    words = ("sh", "-c", _LOOK, "jido-home", *KNOWN, *more)
    return Part("home", f"exec {shlex.join(words)}", limit, typed="du -xh --max-depth=1 ~")


def read(finding: Finding) -> Home | None:
    """Read what `look` printed; None where it printed nothing."""
    records = finding.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1]
    if not records:
        return None
    folder, rows = records[0], [record.partition("\t") for record in records[1:]]
    ends = next((index for index, row in enumerate(rows) if row[0] == "all"), len(rows))
    held = [_held(first, path) for first, _, path in rows[:ends]]
    top: dict[str, int] = {path: int(first) * 1024 for first, _, path in rows[ends + 1 :] if first.strip().isdigit()}
    total = top.pop(folder, None)
    begin = folder.rstrip("/") + "/"
    largest = sorted(((path.removeprefix(begin), size) for path, size in top.items()), key=lambda row: -row[1])
    held.sort(key=lambda one: (-(one.bytes or 0), one.path))
    return Home(folder, tuple(held), tuple(largest), total, finding.code is not None)


def _held(first: str, path: str) -> Held:
    if first in ("half", "link"):
        return Held(path, KNOWN.get(path, ""), None, "half" if first == "half" else "moved")
    return Held(path, KNOWN.get(path, ""), int(first) * 1024 if first.isdigit() else None, "here")


def named(path: str, home: str) -> str:
    """A folder that a person names, relative to the home.

    Raises:
        InputError: It is not in the home, or has to stay there.
    """
    full = posixpath.normpath(posixpath.join(home, path.removeprefix("~/")))
    inside = full.removeprefix(home.rstrip("/") + "/")
    if inside == full or inside in ("", "."):
        raise InputError(
            tr("{path} is not in your home there", path=path), hint=tr("name a folder in {home}", home=home)
        )
    if inside in _STAY or inside.split("/")[0] in (".ssh", ".gnupg"):
        raise InputError(
            tr("{path} has to stay in your home", path=path), cause=tr("logins, or settings, depend on it")
        )
    return inside


def move(home: str, inside: str, store: str) -> Ask[str]:
    """Move one folder of a home to the store and leave a link; goes on where an earlier move was cut.

    Args:
        home: The home folder.
        inside: The folder, relative to it.
        store: `Workspace.store`.

    Returns:
        A question whose answer is where it lies now.
    """
    source, target = posixpath.join(home, inside), posixpath.join(store, "home", inside)

    def parse(reply: Reply) -> str:
        said = {
            _BUSY: Refused(
                tr("{inside} is being moved already", inside=inside), hint=tr("wait until that has ended")
            ),
            _THERE: Refused(
                tr("{target} is there already", target=target),
                cause=tr("it is not known to be a copy"),
                hint=tr("look what is in it"),
            ),
            _CHANGES: StateUnknown(
                tr("{inside} changes while it is moved; nothing was removed", inside=inside),
                hint=tr("end the programs and jobs that use it, then move it again"),
            ),
            _ANEW: Refused(
                tr(
                    "{inside} was made anew while its move was cut; all files are in {source}.jido-old and {target}",
                    inside=inside,
                    source=source,
                    target=target,
                ),
                hint=tr("bring what is in {source} there yourself, then move it again", source=source),
            ),
            _NO_ROOM: Refused(
                tr("there is no room for {inside} in {dirname}", inside=inside, dirname=posixpath.dirname(target)),
                hint="jido df",
            ),
            _NOT: Refused(
                tr("{inside} is no folder in {home}", inside=inside, home=home),
                hint=tr("jido home shows what is there"),
            ),
        }.get(reply.code if reply.code is not None else 0)
        if said is not None:
            raise said
        reply.check(tr("moving {inside}", inside=inside), hint=tr("nothing was lost; move it again to go on"))
        return target

    return Ask(Command(("sh", "-c", _MOVE, "jido-home", source, target), timeout=24 * 3600), parse)
