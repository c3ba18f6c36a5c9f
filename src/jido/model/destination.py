"""How a cluster is reached: plain data, as the clusters file holds it."""

from __future__ import annotations

import msgspec


class Destination(msgspec.Struct, frozen=True, omit_defaults=True):
    """The address of a cluster's login node.

    Attributes:
        host: Host name, address, or an alias of the user's ``~/.ssh/config``; empty is this machine.
        user: Login name; empty leaves it to ssh.
        port: Port; None leaves it to ssh.
        jump: ProxyJump; empty leaves it to ssh.
        identity: Path of a private key; empty leaves it to ssh.
        config: Path of an ssh configuration file to use instead of the user's (twins have their own).
        engine: The engine to use when it cannot be or need not be found out by probing; empty asks the map.
        work: Folder under which projects are laid out; empty asks the map.
        twin: Path of the twin's folder when the cluster is a twin.
    """

    host: str = ""
    user: str = ""
    port: int | None = None
    jump: str = ""
    identity: str = ""
    config: str = ""
    engine: str = ""
    work: str = ""
    twin: str = ""

    @property
    def is_local(self) -> bool:
        """Whether it is this very machine."""
        return not self.host

    def __str__(self) -> str:
        """As a person would write it: ``user@host:port``."""
        if self.is_local:
            return "this machine"
        user = f"{self.user}@" if self.user else ""
        return f"{user}{self.host}" + (f":{self.port}" if self.port else "")
