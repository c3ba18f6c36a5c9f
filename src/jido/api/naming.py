"""Names of clusters: add, list, remove."""

from __future__ import annotations

import re
import time
from pathlib import Path

import msgspec

from jido import registry
from jido.config import clusters, maps, notes, places
from jido.errors import InputError, NotFound, Refused, nearest
from jido.model.destination import Destination
from jido.transports.openssh import OpenSSH
from jido.transports.ssh_config import Resolved, resolve
from jido.words import tr

_ADDRESS = re.compile(
    r"(?:(?P<user>[^@:/\s][^:/\s]*)@)?(?P<host>\[[0-9A-Fa-f:.%\w]+\]|[^@:/\s\[\]]+)(?::(?P<port>\d+))?"
)
_HOST = re.compile(r"[\w](?:[\w.-]*\w)?|[0-9A-Fa-f:.]+(?:%\w+)?")
_USER = re.compile(r"[\w.+$@\\][\w.+$@\\-]*")


class Added(msgspec.Struct, frozen=True):
    """What naming a cluster did.

    Attributes:
        name: Its name.
        destination: Its address.
        is_new: Whether the name is new.
        changes: ``port: 22 -> 30080`` for each part that is not what it was.
        resolved: What ssh will really use; None where there is no ssh.
    """

    name: str
    destination: Destination
    is_new: bool
    changes: tuple[str, ...]
    resolved: Resolved | None


class Named(msgspec.Struct, frozen=True):
    """A cluster in the list.

    Attributes:
        name: Its name.
        address: As a person would write it.
        engine: What runs jobs there; empty when not known.
        mapped: When it was probed last, seconds since the epoch; None for never.
        age: Seconds since then.
        connected: Whether a shared connection stands; None where none is needed.
        twin: Whether it is a twin on this machine.
    """

    name: str
    address: str
    engine: str
    mapped: float | None
    age: float | None
    connected: bool | None
    twin: bool


def address(text: str) -> Destination:
    """Read an address: ``user@host``, ``host:port``, ``ssh://user@host:port``, an alias of ``~/.ssh/config``.

    Raises:
        InputError: It is none of these.
    """
    plain = text.strip()
    if plain.lower().startswith("ssh://"):
        plain = plain[6:].rstrip("/")
    match = _ADDRESS.fullmatch(plain)
    host = match["host"].strip("[]") if match else ""
    user = (match["user"] or "") if match else ""
    if not match or not _HOST.fullmatch(host) or (user and not _USER.fullmatch(user)):
        raise InputError(
            tr("{text!r} is not an address", text=text),
            hint=tr("write USER@HOST, ssh://USER@HOST:PORT or an alias of ~/.ssh/config"),
        )
    return Destination(host=host, user=user, port=_port(int(match["port"])) if match["port"] else None)


def _port(number: int) -> int:
    if not 0 < number < 65536:
        raise InputError(
            tr("{number} is not a port", number=number), hint=tr("ports are 1 to 65535; ssh's own is 22")
        )
    return number


def add(
    name: str,
    where: str,
    *,
    port: int | None = None,
    jump: str = "",
    identity: str = "",
    engine: str = "",
    work: str = "",
    dry_run: bool = False,
) -> Added:
    """Name a cluster; the same again changes nothing.

    Args:
        name: Letters of any script, digits, ``-``, ``_`` and ``.``.
        where: See `address`.
        port: Port, when the address names none.
        jump: ProxyJump, as ssh's ``-J`` takes it.
        identity: Path of a private key.
        engine: The engine to use there.
        work: Absolute folder under which projects are laid out.
        dry_run: Keep nothing.

    Raises:
        InputError: Something of it cannot be understood.
        NotFound: No engine is called that.
    """
    to = address(where)
    if port is not None and to.port not in (None, port):
        raise InputError(
            tr("two ports: {port} in the address and {option} by -p", port=to.port, option=port),
            hint=tr("name one of them"),
        )
    if jump and not all(_jump(hop) for hop in jump.split(",")):
        raise InputError(
            tr("{jump!r} is not a jump host", jump=jump),
            hint=tr("write USER@HOST or USER@HOST:PORT, several with commas"),
        )
    if identity and not Path(identity).expanduser().is_file():
        raise InputError(
            tr("there is no key {identity}", identity=identity), hint=tr("-i takes the path of a private key")
        )
    if engine and engine not in registry.names("engine"):
        raise NotFound(
            tr("no engine is called {engine!r}", engine=engine), hint=nearest(engine, registry.names("engine"))
        )
    if work and (not work.startswith("/") or "\0" in work):
        raise InputError(tr("{work!r} is not an absolute folder", work=work), hint=tr("e.g. --work /data/u123"))
    to = Destination(
        host=to.host,
        user=to.user,
        port=_port(port) if port is not None else to.port,
        jump=jump,
        identity=str(Path(identity).expanduser().absolute()) if identity else "",
        engine=engine,
        work=work.rstrip("/") if work else "",
    )
    old = clusters.read().get(name)
    if old is not None and old.twin:
        raise Refused(
            tr("{name} is a twin on this machine", name=name),
            hint=tr("choose another name, or `jido twin down {name}` first", name=name),
        )
    resolved = resolve(to)
    changes = _changes(old, to) if old else ()
    clusters.check_name(name)
    if not dry_run and (old is None or changes):
        clusters.put(name, to)
    return Added(name, to, old is None, changes, resolved)


def _jump(hop: str) -> bool:
    try:
        return bool(address(hop).host)
    except InputError:
        return False


def _changes(old: Destination, new: Destination) -> tuple[str, ...]:
    pairs = ((field, getattr(old, field), getattr(new, field)) for field in new.__struct_fields__)
    return tuple(f"{field}: {was or 'none'} -> {now or 'none'}" for field, was, now in pairs if was != now)


def listing() -> list[Named]:
    """Every named cluster, this machine first."""
    rows = []
    for name, to in clusters.read().items():
        found = maps.latest(name)
        age = None if found is None else max(0.0, time.time() - found.now.at)
        engine = to.engine or (found.scheduling.engine.value if found else "") or ""
        connected = None if to.is_local else OpenSSH(to, places.runtime(), name).is_open()
        rows.append(Named(name, str(to), engine, found.now.at if found else None, age, connected, bool(to.twin)))
    return rows


class Removed(msgspec.Struct, frozen=True):
    """What was forgotten.

    Attributes:
        address: The cluster's address.
        maps: How many maps of it.
        notes: How many notes about it.
    """

    address: str
    maps: int
    notes: int = 0


def remove(name: str, *, dry_run: bool = False) -> Removed:
    """Forget a cluster's name, maps and notes, and close its connection; nothing there is touched.

    Args:
        name: The cluster.
        dry_run: Forget nothing.

    Raises:
        NotFound: There is none of that name.
        Refused: It is a twin, or this machine.
    """
    to = clusters.get(name)
    if to.is_local:
        raise Refused(tr("'local' is this machine and always there"))
    if to.twin:
        raise Refused(
            tr("{name} is a twin on this machine", name=name),
            hint=tr("`jido twin down {name}` ends it and its name", name=name),
        )
    gone = Removed(str(to), len(maps.versions(name)), len(notes.read(name)))
    if not dry_run:
        OpenSSH(to, places.runtime(), name).close()
        clusters.put(name, None)
        maps.forget(name)
        notes.forget(name)
    return gone


def the_one(name: str | None) -> str:
    """The cluster that is meant: the one that was named, or the only one that has a name.

    Raises:
        NotFound: There is none of that name.
        InputError: None was named and there is not exactly one.
    """
    known = clusters.read()
    if name is not None:
        clusters.get(name)
        return name
    others = [other for other in known if other != "local"]
    if len(others) == 1:
        return others[0]
    raise InputError(
        tr("which cluster?"), hint=tr("{nearest}; `jido add NAME USER@HOST` names one", nearest=nearest("", known))
    )
