"""``jido twin``: running replicas of mapped clusters."""

from __future__ import annotations

import shlex
import time
from typing import TYPE_CHECKING

import click

from jido.cli import draw
from jido.errors import InputError
from jido.words import tr

if TYPE_CHECKING:
    from jido.twins import TwinState


@click.group()
def twin() -> None:
    """A running replica of a mapped cluster on this machine, out of real parts."""


@twin.command()
@click.argument("source", metavar="MAP")
@click.option("--as", "name", default="", metavar="NAME", help="Its name here; the map's own unless given.")
@click.option("--plain", is_flag=True, help="Do without namespaces even where they can be had.")
@click.option("--no-accounting", is_flag=True, help="Without its accounting database, and the limits kept there.")
@click.option("--noise", is_flag=True, help="Logins print a message of the day, and shells more than they should.")
@click.option("--root", default="/", metavar="TREE", help="Run the programs of a distribution's tree (debootstrap).")
@click.option("--json", "as_json", is_flag=True, help="The twin's state as JSON on stdout.")
def up(source: str, name: str, plain: bool, no_accounting: bool, noise: bool, root: str, as_json: bool) -> None:
    """Bring a twin up.

    MAP is one that comes with jido (aurora, ariel, moana), a map file, or a cluster that was probed. The twin becomes
    a cluster of that name, for every other command. Up already is a no-op.
    """
    from jido.api import twins

    began = time.monotonic()
    state = twins.up(source, name, plain=plain, accounting=not no_accounting, noise=noise, root=root)
    if as_json:
        draw.emit(_plain(state))
        return
    nodes = sum(1 for node in state.nodes if node.ready)
    draw.say(
        tr(
            "{name} is up in {took:.1f}s: {nodes} of {count} nodes take jobs",
            name=state.name,
            took=time.monotonic() - began,
            nodes=nodes,
            count=len(state.nodes),
        )
    )
    for note in state.notes:
        draw.say(tr("  note: {note}", note=note))
    draw.say(tr("  log in by hand, as {user}:", user=state.user))
    draw.out(shlex.join(state.ssh))
    draw.next_step(f"jido probe {state.name}", tr("map it"))


@twin.command("ls")
@click.option("--json", "as_json", is_flag=True, help="As JSON on stdout.")
def list_(as_json: bool) -> None:
    """The twins of this machine, and what died in them."""
    from jido.api import twins

    found = twins.every()
    if as_json:
        draw.emit({name: _plain(state) for name, state in found.items()})
        return
    if not found:
        draw.say(tr("no twin is up"))
        draw.next_step("jido twin up aurora")
        return
    rows = []
    for name, state in found.items():
        ready = sum(1 for node in state.nodes if node.ready)
        health = tr("up") if state.healthy else tr("ailing") if state.running else tr("down")
        rows.append((name, health, state.mode or "-", f"{ready}/{len(state.nodes)}", str(state.port or "-")))
    draw.out(draw.table(("twin", "state", "mode", "nodes", "port"), rows, right="port"))
    for name, state in found.items():
        for daemon in state.daemons:
            if not daemon.alive:
                ended = tr(", exit code {code}", code=daemon.code) if daemon.code is not None else ""
                draw.out(
                    tr(
                        "{name}: {daemon_name} on {machine} died{ended}{last}",
                        name=name,
                        daemon_name=daemon.name,
                        machine=daemon.machine,
                        ended=ended,
                        last=f": {daemon.last}" * bool(daemon.last),
                    )
                )
        for node in state.nodes:
            if not node.ready and not node.meant:
                draw.out(tr("{name}: node {node_name} is {state}", name=name, node_name=node.name, state=node.state))
        if state.why:
            draw.out(f"{name}: {state.why}")
        if not state.healthy:
            draw.next_step(f"jido twin up {name}", tr("starts what died again"))


@twin.command()
@click.argument("names", metavar="NAME...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every twin of this user.")
@click.option("--keep", is_flag=True, help="Leave the files of its volumes for the next up.")
def down(names: tuple[str, ...], everything: bool, keep: bool) -> None:
    """Take twins down: processes, mounts, sockets, keys and files."""
    from jido.api import twins

    if not names and not everything:
        raise InputError(
            tr("it is not said which twin"), hint=tr("jido twin down NAME, or --all; `jido twin ls` names them")
        )
    for name in twins.every() if everything else names:
        was = twins.down(name, keep=keep)
        draw.say(
            tr("{name} is down{keep}", name=name, keep=tr("; the files of its volumes are kept") * keep)
            if was
            else tr("{name} was not up", name=name)
        )


def _plain(state: TwinState) -> dict[str, object]:
    """The state as JSON knows it, with what is computed."""
    import msgspec

    fields = msgspec.to_builtins(state, enc_hook=str)
    assert isinstance(fields, dict)
    return fields | {"healthy": state.healthy, "dead": list(state.dead), "ssh": list(state.ssh)}
