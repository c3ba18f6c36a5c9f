"""The catalogue of datasets on a cluster: one folder on the work tier, plain files that every computer of mine sees.

``catalogue/NAME.json``
    One `Dataset`, put there in one step.
``archives/KEY.tar.zst``, ``archives/KEY.index``
    What jido packed, and beside it a line for each file: offset of its content in the tar, size, path (as JSON).
``nodes/NODE/KEY``
    What jobs wrote down of the copies on nodes' disks.
``unpacked/KEY/``
    Copies on the shared disk, for nodes whose own disks have no room.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence

import msgspec

from jido.errors import CommandFailed, InputError, NotFound, Refused, nearest
from jido.model.command import Ask, Command, Reply
from jido.model.dataset import Copy, Dataset
from jido.words import tr

_TAKEN, _MISSING, _CUT = 77, 78, 79


class Catalogue(msgspec.Struct, frozen=True):
    """What a catalogue holds.

    Attributes:
        root: Its folder on the cluster.
        datasets: By name.
        copies: On nodes' own disks, by node and name.
        unreadable: Files of it that are not what they should be.
    """

    root: str
    datasets: tuple[Dataset, ...] = ()
    copies: tuple[Copy, ...] = ()
    unreadable: tuple[str, ...] = ()


_READ = """\
cd "$1" 2>/dev/null || exit 0
set --
for part in catalogue nodes; do [ ! -d "$part" ] || set -- "$@" "$part"; done
[ $# -eq 0 ] || tar -cf - "$@"
# A job that writes meanwhile makes tar complain; what it did read is whole.
[ $? -le 1 ]
"""


def read(root: str) -> Ask[Catalogue]:
    """All of a catalogue in one exec; one that is not there is empty."""
    command = Command(("sh", "-c", _READ, "jido-data", root), timeout=120)

    def parse(reply: Reply) -> Catalogue:
        reply.check(tr("reading the catalogue of datasets in {root}", root=root))
        datasets: list[Dataset] = []
        copies: list[Copy] = []
        bad: list[str] = []
        if not reply.stdout:
            return Catalogue(root)
        with tarfile.open(fileobj=io.BytesIO(reply.stdout), encoding="utf-8", errors="surrogateescape") as tar:
            for member in tar:
                part, _, name = member.name.partition("/")
                held = tar.extractfile(member) if member.isfile() else None
                if held is None or name.rpartition("/")[2].startswith("."):
                    continue
                try:
                    if part == "catalogue":
                        found = msgspec.json.decode(held.read(), type=Dataset)
                        if f"{found.name}.json" != name:
                            raise ValueError("another name stands in it")
                        datasets.append(found)
                    else:
                        copies.append(_copy(name, held.read().decode("utf-8", "surrogateescape")))
                except (ValueError, msgspec.MsgspecError):
                    bad.append(f"{root}/{member.name}")
        return Catalogue(
            root,
            tuple(sorted(datasets, key=lambda one: one.name)),
            tuple(sorted(copies, key=lambda one: (one.name, one.node))),
            tuple(sorted(bad)),
        )

    return Ask(command, parse)


def _copy(name: str, text: str) -> Copy:
    """A job's note: name, size, when made, when used, job, and the place, which is the rest whatever it holds."""
    node, _, key = name.partition("/")
    dataset, size, made, used, job, place = text.split("\n", 5)
    return Copy(node, key, dataset, place, int(size) if size else None, float(made), float(used), job)


_LOOK = """\
if [ -d "$1" ]; then kind=folder; elif [ -f "$1" ]; then kind=file; else exit 78; fi
[ -r "$1" ] || { echo "it cannot be read" >&2; exit 1; }
printf '%s\\n' "$kind"
# With a slash: a link to a folder is that folder. Times are wanted whole and the same in every language.
if [ "$kind" = folder ]; then set -- "$1/"; fi
date -r "$1" +%s 2>/dev/null || echo
LC_ALL=C ls -Llnd -- "$1"
"""


class There(msgspec.Struct, frozen=True):
    """What lies at a path of the cluster: ``folder`` or ``file``, its bytes, and when it was changed."""

    kind: str
    size: int
    changed: str


def look(path: str) -> Ask[There | None]:
    """What lies there; None where there is nothing. No content is read and nothing is walked."""
    command = Command(("sh", "-c", _LOOK, "jido-data", path), timeout=60)

    def parse(reply: Reply) -> There | None:
        if reply.code == _MISSING:
            return None
        reply.check(tr("looking at {path}", path=path))
        kind, changed, listed = reply.text.split("\n", 2)
        return There(kind, int(listed.split()[4]), changed)

    return Ask(command, parse)


_BEGIN = """\
set -e
mkdir -p "$1/archives" "$1/catalogue" "$1/nodes" "$1/unpacked"
# What uploads that were cut left a day ago.
find "$1/archives/." ! -name . -prune -name '.part.*' -mtime +0 -exec rm -f {} +
LC_ALL=C df -Pk "$1" | tail -n 1
if command -v zstd >/dev/null 2>&1; then echo zstd; else echo plain; fi
"""


class Ground(msgspec.Struct, frozen=True):
    """Where an archive is to go: its free bytes (None where df does not say), and whether zstd is there."""

    free: int | None
    zstd: bool


def begin(root: str) -> Ask[Ground]:
    """Make the catalogue's folders and look how much room there is."""
    command = Command(("sh", "-c", _BEGIN, "jido-data", root), timeout=120)

    def parse(reply: Reply) -> Ground:
        reply.check(tr("making the catalogue of datasets in {root}", root=root))
        disk, _, tool = reply.text.rstrip("\n").rpartition("\n")
        words = disk.split()
        # The mount point may hold spaces; the percentage is before it.
        at = next((index for index, word in enumerate(words) if word.endswith("%")), -1)
        free = words[at - 1] if at > 0 else ""
        return Ground(int(free) * 1024 if free.isdecimal() else None, tool == "zstd")

    return Ask(command, parse)


def receive(root: str, token: str) -> Command:
    """Takes an archive on stdin, under a temporary name."""
    return Command(("sh", "-c", 'cat >"$1/archives/.part.$2"', "jido-data", root, token), timeout=None)


def receive_index(root: str, token: str, index: bytes) -> Command:
    """Takes the archive's index, under a temporary name."""
    script = 'cat >"$1/archives/.part.$2.index"'
    return Command(("sh", "-c", script, "jido-data", root, token), stdin=index, timeout=None)


def abandon(root: str, token: str) -> Command:
    """Removes what an upload left."""
    return Command(
        ("sh", "-c", 'rm -f "$1/archives/.part.$2" "$1/archives/.part.$2.index"', "jido-data", root, token)
    )


# A hard link is made only where there is no such name yet; a disk without hard links gets a rename.
_REGISTER = """\
set -e
root=$1 name=$2 token=$3 size=$4 path=$5
file=$root/catalogue/$name.json new=$root/catalogue/.new.$token
mkdir -p "$root/catalogue"
cat >"$new"
trap 'rm -f "$new"' EXIT
if [ -n "$path" ]; then
  part=$root/archives/.part.$token
  [ "$(LC_ALL=C ls -lnd "$part" | awk '{print $5}')" = "$size" ] || exit 79
  [ ! -e "$file" ] || exit 77
  mv -f "$part.index" "${path%.tar*}.index"
  mv -f "$part" "$path"
fi
ln "$new" "$file" 2>/dev/null || { [ ! -e "$file" ] || exit 77; mv "$new" "$file"; }
"""


def register(root: str, dataset: Dataset, token: str = "") -> Ask[None]:
    """Put a dataset into the catalogue; an archive that was received gets its name first.

    Raises (by the parser):
        Refused: A dataset of that name is there.
        CommandFailed: The archive did not arrive whole, or the disk did not take it.
    """
    packed = (str(dataset.packed), dataset.path) if dataset.made else ("", "")
    argv = ("sh", "-c", _REGISTER, "jido-data", root, dataset.name, token or dataset.key, *packed)
    text = msgspec.json.format(msgspec.json.encode(dataset), indent=1) + b"\n"

    def parse(reply: Reply) -> None:
        if reply.code == _TAKEN:
            raise taken(dataset.name)
        if reply.code == _CUT:
            raise CommandFailed(
                tr("the archive of {name} did not arrive whole on {host}", name=dataset.name, host=reply.host),
                host=reply.host,
                argv=reply.command.argv,
                code=reply.code,
                hint=tr("repeat the command"),
                transient=True,
            )
        reply.check(tr("registering {name}", name=dataset.name))

    return Ask(Command(argv, stdin=text, timeout=300), parse)


def taken(name: str) -> Refused:
    """A dataset of that name is there already."""
    return Refused(
        tr("a dataset is called {name!r} already", name=name),
        hint=tr("call this one otherwise: --name NAME; or forget the other first: jido data rm {name}", name=name),
    )


_REMOVE = """\
set -e
root=$1 name=$2 key=$3 archive=$4
rm -f "$root/catalogue/$name.json"
[ -z "$archive" ] || rm -f "$archive" "$root/archives/$key.index"
# Renamed first: what a job finds there is whole or not there.
if [ -d "$root/unpacked/$key" ]; then
  mv "$root/unpacked/$key" "$root/unpacked/.gone.$key.$$" && rm -rf "$root/unpacked/.gone.$key.$$"
fi
"""


def remove(root: str, dataset: Dataset) -> Ask[None]:
    """Take a dataset out of the catalogue, with what jido made of it there; whose archive it is not, keeps it.

    Raises (by the parser):
        InputError: Its entry names an archive that jido cannot have made.
    """
    archive = ""
    if dataset.made:
        archive = dataset.path
        # The entry is a file that anybody may have edited: nothing outside of the catalogue is removed for it.
        if archive not in archive_names(root, dataset.key):
            raise InputError(
                tr(
                    "the entry of {name} names {archive}, which jido did not make", name=dataset.name, archive=archive
                ),
                hint=tr("see {root}/catalogue", root=root),
            )
    command = Command(("sh", "-c", _REMOVE, "jido-data", root, dataset.name, dataset.key, archive), timeout=None)

    def parse(reply: Reply) -> None:
        reply.check(tr("removing {name}", name=dataset.name))

    return Ask(command, parse)


def archive_names(root: str, key: str) -> Sequence[str]:
    """The names that an archive of jido's may have: as it is, and compressed."""
    return f"{root}/archives/{key}.tar", f"{root}/archives/{key}.tar.zst"


def need(listed: Catalogue, name: str, hint: str = "") -> Dataset:
    """One dataset of a catalogue.

    Raises:
        NotFound: There is none of that name; suggests the nearest.
    """
    for one in listed.datasets:
        if one.name == name:
            return one
    near = nearest(name, [one.name for one in listed.datasets])
    raise NotFound(
        tr("no dataset is called {name!r} in {root}", name=name, root=listed.root),
        hint=near or hint or tr("register it: jido data add PATH --name NAME"),
    )
