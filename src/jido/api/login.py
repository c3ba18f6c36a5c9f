"""Open a cluster's shared connection, and install a key so that it opens by itself next time."""

from __future__ import annotations

from pathlib import Path

import msgspec

from jido.api.cluster import Cluster
from jido.errors import InputError
from jido.transports import ssh_config
from jido.transports.openssh import OpenSSH
from jido.transports.openssh_words import PERSIST
from jido.words import tr


class LoggedIn(msgspec.Struct, frozen=True):
    """What a login brought.

    Attributes:
        lasts: How long the connection stays after its last use, as ssh writes it; empty where none is needed.
        by_key: Whether it takes a key already, alone or with a second factor.
    """

    lasts: str
    by_key: bool


def login(name: str) -> LoggedIn:
    """Open the shared connection, asking the person at this terminal whatever ssh wants to know.

    Raises:
        NotFound: No cluster is called that.
        TransportError: It could not be opened.
    """
    transport = Cluster(name).transport
    if not isinstance(transport, OpenSSH):
        return LoggedIn("", by_key=True)
    transport.login()
    return LoggedIn(PERSIST, by_key=ssh_config.accepts_key(transport.to))


def logout(name: str) -> bool:
    """Close the shared connection.

    Returns:
        Whether one was open.
    """
    transport = Cluster(name).transport
    if not isinstance(transport, OpenSSH) or not transport.is_open():
        return False
    transport.close()
    return True


def key_for(name: str) -> Path | None:
    """The public key that would be installed: the first that ssh will try there; None when there is none."""
    return ssh_config.public_key(ssh_config.resolve(Cluster(name).destination))


def make_key(name: str) -> Path:
    """Make a key for a cluster, where it expects one; ssh-keygen asks for the passphrase.

    Returns:
        Its public half.
    """
    to = Cluster(name).destination
    return ssh_config.make_key(Path(to.identity) if to.identity else Path.home() / ".ssh" / "id_ed25519")


def install_key(name: str, public: Path) -> bool:
    """Add a public key to the account there, over the open connection.

    Args:
        name: The cluster.
        public: The public key's file.

    Returns:
        Whether the key alone opens the cluster now; some sites forbid keys or want a second factor besides.

    Raises:
        InputError: The file is no public key.
        CommandFailed: It could not be written there.
    """
    cluster = Cluster(name)
    line = public.read_text("utf-8").strip()
    if "\n" in line or len(line.split()) < 2 or "PRIVATE" in line:
        raise InputError(
            tr("{public} is not a public key", public=public), hint=tr("it is one line: type, key, comment")
        )
    cluster.transport.run(ssh_config.install_key(line)).check(
        tr("adding the key to {name}", name=name),
        hint=tr("by hand: ssh-copy-id -i {public} {destination}", public=public, destination=cluster.destination),
    )
    return ssh_config.accepts_key(cluster.destination)
