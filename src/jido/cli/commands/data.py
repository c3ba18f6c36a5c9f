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
from jido.words import tr

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
        raise InputError(
            tr("{path} is on {named}, not on {on}", path=path, named=named, on=on), hint=tr("leave --on away")
        )
    cluster = _where(named or on)
    with line(
        tr("{name} to {cluster_name}", name=source.name, cluster_name=cluster.name), as_json=as_json
    ) as progress:
        done = datasets.add(cluster, source, compress=compress, progress=progress)
    if as_json:
        draw.emit(done)
        return
    one = done.dataset
    files = "" if one.files is None else tr("{files} files, ", files=one.files)
    packed = tr(" in {packed}", packed=human_size(one.packed)) if one.made else ""
    size = "" if one.size is None else f"{human_size(one.size)}{packed}, "
    draw.say(
        tr(
            "{name} is registered on {cluster_name}: {files}{size}{why} ({took:.1f}s)",
            name=one.name,
            cluster_name=cluster.name,
            files=files,
            size=size,
            why=done.why,
            took=done.took,
        )
    )
    for note in done.notes:
        draw.say(note)
    draw.out(one.path)
    draw.next_step(
        f"jido run --on {cluster.name} --stage {one.name} -- COMMAND", tr("it is in $JIDO_DATA/{name}", name=one.name)
    )


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
        draw.say(tr("not understood, left alone: {file}", file=file))
    if as_json:
        draw.emit(listed)
        return
    if not listed.datasets and not (nodes and listed.copies):
        draw.say(tr("no dataset is registered on {name}", name=cluster.name))
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
    from jido.model.dataset import ENVIRONMENT

    if not listed.copies:
        draw.say(tr("no node of {name} is known to hold a dataset", name=cluster.name))
        draw.next_step(f"jido data stage {listed.datasets[0].name} --on {cluster.name}")
        return
    rules = datasets.disks(cluster)
    current = {one.key for one in listed.datasets}
    rows = []
    for copy in listed.copies:
        purge = next((disk.purge for disk in rules if copy.place.startswith(f"{disk.place}/")), "")
        known_there = copy.key in current or copy.key.startswith(ENVIRONMENT)
        name = copy.name if known_there else tr("{name} (forgotten)", name=copy.name)
        made, used = (draw.ago(max(0.0, now - at)) for at in (copy.made, copy.used))
        rows.append((copy.node, name, human_size(copy.size), made, used, copy.place, purge or "-"))
    header = ("node", "dataset", "size", "staged", "used", "place", tr("deleted by the site"))
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
        draw.say(
            tr(
                "run {number} brings {name} to {node} of {cluster_name}",
                number=run.number,
                name=name,
                node=node or tr("a node"),
                cluster_name=cluster.name,
            )
        )
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
    stays = "" if one.made else tr("; {path} stays", path=one.path)
    gone = (
        tr("its archive of {packed} on {name} is removed", packed=human_size(one.packed), name=cluster.name)
        if one.made
        else tr("it is forgotten")
    )
    draw.say(f"{name}: {gone}{stays}")
    if runs := datasets.wanted_by(cluster, name):
        draw.say(tr("warning: it is to be staged by run {runs}, which would fail", runs=", ".join(map(str, runs))))
    if not yes:
        if not sys.stdin.isatty():
            raise InputError(tr("nothing is removed: that wants --yes where nobody can be asked"))
        if not click.confirm(tr("remove it?"), err=True):
            return
    datasets.remove(cluster, one)
    draw.say(tr("{name} is no dataset of {cluster_name} any more", name=name, cluster_name=cluster.name))
