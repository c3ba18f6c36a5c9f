"""``jido login``, ``jido logout``: the shared connection."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from jido.cli import draw
from jido.words import tr


@click.command()
@click.argument("name")
@click.option(
    "--install-key/--no-install-key",
    default=None,
    help="Let a key open the cluster from now on; asked after a login by password when neither is given.",
)
def login(name: str, install_key: bool | None) -> None:
    """Open the shared connection to the cluster NAME once: password, one-time code, host key."""
    from jido.api import login as api

    done = api.login(name)
    if not done.lasts:
        draw.say(tr("{name} is this machine: no login is needed", name=name))
        return
    draw.say(
        tr("connected to {name}; the connection stays for {lasts} after its last use", name=name, lasts=done.lasts)
    )
    talking = sys.stdin.isatty() and sys.stderr.isatty()
    if install_key or (install_key is None and talking and not done.by_key):
        _offer_key(name, done.by_key, asked=bool(install_key), talking=talking)
    draw.next_step(f"jido probe {name}")


def _offer_key(name: str, by_key: bool, *, asked: bool, talking: bool) -> None:
    from jido.api import login as api

    if by_key:
        draw.say(tr("{name} takes your key already", name=name))
        return
    public = api.key_for(name)
    if public is None:
        draw.say(tr("you have no ssh key yet; a new ed25519 key would be made and its public half installed"))
    else:
        draw.say(
            tr("this line of {public} would be added to ~/.ssh/authorized_keys on {name}:", public=public, name=name)
        )
        draw.say("  " + _one_line(public))
    if talking and not asked and not click.confirm(tr("Let this key open it from now on?"), default=True, err=True):
        return
    if public is None:
        public = api.make_key(name)
    if api.install_key(name, public):
        draw.say(tr("the key opens {name} now; no password is needed any more", name=name))
    else:
        draw.say(
            tr(
                "the key is installed, but {name} still asks for more: its site may forbid keys or want "
                "a code besides",
                name=name,
            )
        )


def _one_line(public: Path) -> str:
    return public.read_text("utf-8", "replace").strip()


@click.command()
@click.argument("name")
def logout(name: str) -> None:
    """Close the shared connection to the cluster NAME."""
    from jido.api import login as api

    draw.say(
        tr("the connection to {name} is closed", name=name)
        if api.logout(name)
        else tr("no connection to {name} was open", name=name)
    )
