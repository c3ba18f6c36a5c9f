"""The clusters file: names and addresses, as `jido add` writes them and a person may edit them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from jido.config import places
from jido.errors import ConfigError, InputError, NotFound, nearest
from jido.model.destination import Destination
from jido.words import tr

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LOCAL = Destination(engine="process")


def path() -> Path:
    """The file's path."""
    return places.config() / "clusters.toml"


def read() -> dict[str, Destination]:
    """Every named cluster, ``local`` (this machine) included.

    Raises:
        ConfigError: The file is not what it should be.
    """
    file = path()
    try:
        raw: dict[str, Any] = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raw = {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(tr("the clusters file is not TOML"), file=str(file), cause=str(error)) from error
    clusters = {"local": LOCAL}
    for name, table in raw.items():
        if isinstance(table, dict) and (odd := sorted(table.keys() - set(Destination.__struct_fields__))):
            raise ConfigError(
                tr("cluster {name!r} has a key {odd!r} that means nothing", name=name, odd=odd[0]),
                file=str(file),
                key=f"{name}.{odd[0]}",
                hint=nearest(odd[0], Destination.__struct_fields__),
            )
        try:
            clusters[name] = msgspec.convert(table, Destination)
        except msgspec.ValidationError as error:
            raise ConfigError(
                tr("cluster {name!r} is not an address", name=name), file=str(file), key=name, cause=str(error)
            ) from error
        if name == "local":
            if not clusters[name].is_local:
                raise ConfigError(tr("'local' is this machine and has no host"), file=str(file), key="local.host")
            clusters[name] = msgspec.structs.replace(clusters[name], engine=clusters[name].engine or LOCAL.engine)
    return clusters


def get(name: str) -> Destination:
    """One cluster's address.

    Raises:
        NotFound: There is none of that name; suggests the nearest.
    """
    clusters = read()
    if name not in clusters:
        raise NotFound(
            tr("no cluster is called {name!r}", name=name),
            hint=tr(
                "{nearest}; `jido add {name} USER@HOST` names a new one", nearest=nearest(name, clusters), name=name
            ),
        )
    return clusters[name]


def check_name(name: str) -> None:
    """Refuse what cannot be a cluster's name.

    Raises:
        InputError: It cannot; says what can.
    """
    if name == "local":
        raise InputError(tr("'local' is this machine and always there"), hint=tr("choose another name"))
    if not name or not all(char.isalnum() or char in "-_." for char in name) or name.startswith(("-", ".")):
        raise InputError(
            tr("{name!r} cannot be a cluster's name", name=name),
            hint=tr("use letters, digits, '-', '_' and '.', e.g. aurora"),
        )


def put(name: str, destination: Destination | None) -> None:
    """Add or replace a cluster, or remove it with None; the file is replaced in one step."""
    import fcntl

    import tomli_w

    check_name(name)
    file = path()
    file.parent.mkdir(parents=True, exist_ok=True)
    with (file.parent / ".clusters.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        clusters = read()
        if clusters["local"] == LOCAL:
            del clusters["local"]
        clusters.pop(name, None)
        if destination is not None:
            clusters[name] = destination
        text = tomli_w.dumps({key: msgspec.to_builtins(value) for key, value in sorted(clusters.items())})
        fresh = file.with_name(f".{file.name}.{os.getpid()}")
        fresh.write_text(text, "utf-8")
        fresh.replace(file)
