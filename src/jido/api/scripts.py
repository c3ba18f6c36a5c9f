"""Job scripts where they lie: on this machine, or on a cluster as ``CLUSTER:PATH``."""

from __future__ import annotations

from pathlib import Path

import msgspec

from jido.api.cluster import Cluster
from jido.check.rewriting import replace
from jido.config import clusters
from jido.errors import InputError, NotFound, nearest
from jido.model.command import Command
from jido.words import tr

# A job script is text that people write; what is larger is something else.
_LARGEST = 4 * 1024**2
# Its folder is told too: relative paths in a script count from where it is submitted, most often there.
_READ = f"""\
cd -- "$(dirname -- "$1")" || exit 3
f=$(basename -- "$1")
[ ! -d "$f" ] || {{ echo "is a folder" >&2; exit 4; }}
[ -r "$f" ] || {{ echo "is not there, or not yours to read" >&2; exit 3; }}
printf '%s\\0' "$PWD"
exec head -c {_LARGEST + 1} -- "$f"
"""
_WRITE = """\
set -e
f=$(readlink -f -- "$1")
t=$(mktemp -- "$(dirname -- "$f")/.jido.XXXXXX")
trap 'rm -f -- "$t"' 0
cat >"$t"
chmod --reference="$f" -- "$t"
mv -f -- "$t" "$f"
"""


class Text(msgspec.Struct, frozen=True):
    """A script as it was read.

    Attributes:
        name: As it was named.
        data: Its bytes.
        folder: Its folder on the cluster; empty for one on this machine.
        cluster: The cluster it lies on; empty for this machine.
        path: Its path there.
    """

    name: str
    data: bytes
    folder: str = ""
    cluster: str = ""
    path: str = ""


def of_cluster(name: str) -> tuple[str, str]:
    """The cluster and the path of ``CLUSTER:PATH``; empty ones where it names a file of this machine."""
    cluster, colon, path = name.partition(":")
    if not colon or not path or Path(name).exists() or cluster not in clusters.read():
        return "", ""
    return cluster, path


def read(name: str, known: list[str]) -> Text:
    """Read a script.

    Args:
        name: A path, or ``CLUSTER:PATH``.
        known: Other names that may have been meant.

    Raises:
        NotFound: There is none; suggests the nearest.
        InputError: It is no script.
        TransportError: The cluster was not reached.
    """
    cluster, path = of_cluster(name)
    folder = ""
    if cluster:
        reply = Cluster(cluster).transport.run(Command(argv=("sh", "-c", _READ, "sh", path)))
        if not reply.ok:
            why = reply.stderr.decode("utf-8", "replace").strip()
            raise NotFound(
                tr("{path} on {cluster} cannot be read", path=path, cluster=cluster),
                cause=why,
                hint=tr("name it by its whole path there"),
            )
        where, _, data = reply.stdout.partition(b"\0")
        folder = where.decode("utf-8", "surrogateescape")
    else:
        try:
            if Path(name).is_dir():
                raise InputError(tr("{name} is a folder", name=name), hint=tr("name a script in it"))
            with Path(name).open("rb") as file:
                data = file.read(_LARGEST + 1)
        except (OSError, ValueError) as error:
            close = nearest(name, [*known, *(file.name for file in Path.cwd().glob("*.sh"))])
            why = getattr(error, "strerror", "") or str(error)
            raise NotFound(tr("no job and no script is called {name!r}", name=name), cause=why, hint=close) from error
    if len(data) > _LARGEST:
        raise InputError(
            tr("{name} is larger than a job script can be", name=name),
            cause=tr("more than {LARGEST} MiB", LARGEST=_LARGEST // 1024**2),
        )
    return Text(name, data, folder, cluster, path)


def write(script: Text, after: str) -> None:
    """Put a new text in a script's place in one step; its mode stays.

    Raises:
        InputError: It was changed meanwhile, or cannot be written.
        CommandFailed: It could not be written on the cluster; the old one stays.
    """
    if not script.cluster:
        replace(Path(script.name), script.data, after)
        return
    if read(script.name, []).data != script.data:
        raise InputError(tr("{name} was changed while it was checked", name=script.name), hint=tr("check it again"))
    argv = ("sh", "-c", _WRITE, "sh", script.path)
    command = Command(argv=argv, stdin=after.encode("utf-8", "surrogateescape"))
    reply = Cluster(script.cluster).transport.run(command)
    if not reply.ok:
        raise reply.failure(tr("{name} could not be written; it is as it was", name=script.name))
