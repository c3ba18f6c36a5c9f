"""``jido data``: datasets of a cluster."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jido.cli import draw
from jido.cli.progress import line
from jido.errors import InputError
from jido.model.units import human_size

if TYPE_CHECKING:
    from jido.api.cluster import Cluster
    from jido.transfer.datasets.catalogue import Catalogue

_on = click.option("--on", metavar="CLUSTER", help="Where; else jido.toml says, or the only cluster.")
_json = click.option("--json", "as_json", is_flag=True, help="As JSON on stdout.")


def _where(on: str | None) -> Cluster:
    from jido.api import jobs
    from jido.config.project import find

    return jobs.where(find(Path.cwd()), named=on or "")


@click.group()
def data() -> None:
    """Datasets: registered once on a cluster, unpacked once on each node that a job with `stage` runs on."""


@data.command()
@click.argument("path")
@click.option("--name", default="", help="What jobs call it; the path's last part unless given.")
@_on
@click.option(
    "--compress",
    type=click.Choice(["auto", "zstd", "none"]),
    default="auto",
    help="auto: by zstd where a sample shrinks by a tenth.",
)
@_json
def add(path: str, name: str, on: str | None, compress: str, as_json: bool) -> None:
    """Register PATH, a folder or file here, or CLUSTER:/path there.

    What lies here is packed into one archive on the cluster's work disk. What lies there is registered as it is, and
    not copied: a folder, a file, or an archive (.tar, .tar.zst, .tar.gz, .tar.xz, .tar.bz2, .zip).
    """
    from jido.api import datasets

    named, source = datasets.source_of(path, name)
    if named and on and named != on:
        raise InputError(f"{path} is on {named}, not on {on}", hint="leave --on away")
    cluster = _where(named or on)
    with line(f"{source.name} to {cluster.name}", as_json=as_json) as progress:
        done = datasets.add(cluster, source, compress=compress, progress=progress)
    if as_json:
        draw.emit(done)
        return
    one = done.dataset
    files = "" if one.files is None else f"{one.files} files, "
    packed = f" in {human_size(one.packed)}" if one.made else ""
    size = "" if one.size is None else f"{human_size(one.size)}{packed}, "
    draw.say(f"{one.name} is registered on {cluster.name}: {files}{size}{done.why} ({done.took:.1f}s)")
    for note in done.notes:
        draw.say(note)
    draw.out(one.path)
    draw.next_step(f"jido run --on {cluster.name} --stage {one.name} -- COMMAND", f"it is in $JIDO_DATA/{one.name}")


@data.command("ls")
@_on
@click.option("--nodes", is_flag=True, help="Which node holds what, as jobs wrote it down.")
@_json
def list_(on: str | None, nodes: bool, as_json: bool) -> None:
    """The datasets of a cluster.

    What nodes hold is what the last jobs there saw: a copy that a site deleted since is still shown.
    """
    from jido.api import datasets

    cluster = _where(on)
    listed = datasets.read(cluster)
    for file in listed.unreadable:
        draw.say(f"not understood, left alone: {file}")
    if as_json:
        draw.emit(listed)
        return
    if not listed.datasets:
        draw.say(f"no dataset is registered on {cluster.name}")
        draw.next_step(f"jido data add FOLDER --on {cluster.name}")
        return
    now = time.time()
    if nodes:
        _nodes(cluster, listed, now)
        return
    rows = [
        (
            one.name,
            human_size(one.size),
            "?" if one.files is None else str(one.files),
            "-" if one.packed is None else human_size(one.packed),
            one.packing or one.kind,
            str(len({copy.node for copy in listed.copies if copy.key == one.key})),
            draw.ago(max(0.0, now - one.added)),
            one.path,
        )
        for one in listed.datasets
    ]
    header = ("dataset", "size", "files", "packed", "as", "nodes", "added", "path")
    draw.out(draw.table(header, rows, right="size files packed nodes"))


def _nodes(cluster: Cluster, listed: Catalogue, now: float) -> None:
    from jido.api import datasets

    if not listed.copies:
        draw.say(f"no node of {cluster.name} is known to hold a dataset")
        draw.next_step(f"jido data stage {listed.datasets[0].name} --on {cluster.name}")
        return
    rules = datasets.disks(cluster)
    current = {one.key for one in listed.datasets}
    rows = []
    for copy in listed.copies:
        purge = next((disk.purge for disk in rules if copy.place.startswith(f"{disk.place}/")), "")
        name = copy.name if copy.key in current else f"{copy.name} (forgotten)"
        made, used = (draw.ago(max(0.0, now - at)) for at in (copy.made, copy.used))
        rows.append((copy.node, name, human_size(copy.size), made, used, copy.place, purge or "-"))
    header = ("node", "dataset", "size", "staged", "used", "place", "deleted by the site")
    draw.out(draw.table(header, rows, right="size"))


@data.command()
@click.argument("name")
@_on
@click.option("--node", "nodes", multiple=True, metavar="NODES", help="g3, or g[1-4]; else the scheduler chooses.")
@click.option("-t", "--time", help="Time limit of the job: 2h.")
@click.option("-p", "--partition", help="Partition.")
@click.option("-A", "--account", help="Account to charge.")
@click.option("-q", "--qos", help="QoS.")
@_json
def stage(name: str, on: str | None, nodes: tuple[str, ...], as_json: bool, **wanted: Any) -> None:
    """Bring the dataset NAME to nodes ahead of the jobs that want it, by a job on each."""
    from jido.api import datasets
    from jido.model.nodeset import expand

    cluster = _where(on)
    each = [one for names in nodes for one in expand(names)] or [""]
    # All of them are known before the first job is sent.
    whole = [datasets.node_of(cluster, one) if one else "" for one in each]
    runs = [datasets.stage(cluster, name, node, **wanted) for node in whole]
    if as_json:
        draw.emit(runs)
    for run, node in zip(runs, whole, strict=True):
        draw.say(f"run {run.number} brings {name} to {node or 'a node'} of {cluster.name}")
        if not as_json:
            draw.out(str(run.number))
    draw.next_step(f"jido logs -f {runs[-1].number}")


@data.command("rm")
@click.argument("name")
@_on
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def remove(name: str, on: str | None, yes: bool) -> None:
    """Forget the dataset NAME, and remove the archive that jido made of it.

    What jido did not make stays where it is. Copies on nodes' disks go when room is needed there.
    """
    from jido.api import datasets
    from jido.transfer.datasets.catalogue import need

    cluster = _where(on)
    one = need(datasets.read(cluster), name, hint=f"jido data ls --on {cluster.name}")
    stays = "" if one.made else f"; {one.path} stays"
    gone = f"its archive of {human_size(one.packed)} on {cluster.name} is removed" if one.made else "it is forgotten"
    draw.say(f"{name}: {gone}{stays}")
    if runs := datasets.wanted_by(cluster, name):
        draw.say(f"warning: it is to be staged by run {', '.join(map(str, runs))}, which would fail")
    if not yes:
        if not sys.stdin.isatty():
            raise InputError("nothing is removed: that wants --yes where nobody can be asked")
        if not click.confirm("remove it?", err=True):
            return
    datasets.remove(cluster, one)
    draw.say(f"{name} is no dataset of {cluster.name} any more")
