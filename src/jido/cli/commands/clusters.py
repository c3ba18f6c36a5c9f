"""``jido add``, ``jido ls``, ``jido rm``: the names of clusters."""

from __future__ import annotations

import click

from jido.cli import draw
from jido.words import plural, tr


@click.command()
@click.argument("name")
@click.argument("where", metavar="USER@HOST")
@click.option("-p", "--port", type=int, help="Port, where it is not ssh's own.")
@click.option("-J", "--jump", default="", metavar="USER@HOST", help="Go through this host first.")
@click.option("-i", "--identity", default="", metavar="KEY", help="Private key to use.")
@click.option("--engine", default="", help="What runs jobs there, when probing cannot or need not find out.")
@click.option("--work", default="", metavar="DIR", help="Folder there under which projects are laid out.")
@click.option("--dry-run", is_flag=True, help="Show what the name would stand for, and keep nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def add(
    name: str,
    where: str,
    port: int | None,
    jump: str,
    identity: str,
    engine: str,
    work: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Call a cluster NAME. Its address is USER@HOST, ssh://USER@HOST:PORT or an alias of ~/.ssh/config."""
    from jido.api import naming

    done = naming.add(name, where, port=port, jump=jump, identity=identity, engine=engine, work=work, dry_run=dry_run)
    if as_json:
        draw.emit(done)
        return
    said = (
        tr("is new")
        if done.is_new
        else tr("has changed")
        if done.changes
        else tr("is known already, nothing changed")
    )
    if dry_run and (done.is_new or done.changes):
        draw.say(tr("{name} would be {address}: {said}", name=name, address=done.destination, said=said))
    else:
        draw.say(f"{name} {done.destination}: {said}")
    for change in done.changes:
        draw.say(f"  {change}")
    if done.resolved is not None:
        ssh = done.resolved
        draw.say(
            tr(
                "  ssh will use {user}@{host} port {port}{through}",
                user=ssh.user,
                host=ssh.host,
                port=ssh.port,
                through=tr(" through {jump}", jump=ssh.jump) if ssh.jump else "",
            )
        )
        keys = ", ".join(ssh.identities)
        draw.say(
            tr("  keys it will try: {keys}", keys=keys)
            if keys
            else tr("  it has no key to try: it will ask for a password")
        )
    if not dry_run:
        draw.next_step(f"jido login {name}", tr("opens the connection; then: jido probe {name}", name=name))


@click.command("ls")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def list_(as_json: bool) -> None:
    """List the clusters that have a name."""
    from jido.api import naming

    rows = naming.listing()
    if as_json:
        draw.emit(rows)
        return
    cells = [
        [
            row.name + (tr(" (twin)") if row.twin else ""),
            row.address,
            row.engine or "?",
            draw.ago(row.age),
            "-" if row.connected is None else tr("open") if row.connected else tr("closed"),
        ]
        for row in rows
    ]
    draw.out(draw.table(["NAME", "ADDRESS", "ENGINE", "MAPPED", "CONNECTION"], cells))
    if len(rows) == 1:
        draw.next_step("jido add NAME USER@HOST", tr("names a cluster; or try a twin: jido twin up aurora"))


@click.command("rm")
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Show what would be forgotten, and forget nothing.")
def remove(name: str, dry_run: bool) -> None:
    """Forget the cluster NAME with its maps and close its connection; nothing there is touched."""
    from jido.api import naming

    gone = naming.remove(name, dry_run=dry_run)
    counts = [plural(gone.maps, "{n} map of it", "{n} maps of it")]
    counts += [plural(gone.notes, "{n} note about it", "{n} notes about it")] if gone.notes else []
    draw.say(
        tr(
            "would forget {name} ({address}) and {counts}",
            name=name,
            address=gone.address,
            counts=tr(" and ").join(counts),
        )
        if dry_run
        else tr(
            "forgot {name} ({address}) and {counts}", name=name, address=gone.address, counts=tr(" and ").join(counts)
        )
    )
