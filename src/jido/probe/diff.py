"""What changed between two maps of a cluster: lasting facts only, not what held at one moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from jido.model.facts import Fact
from jido.model.map import Gpu, Map
from jido.probe.unanswered import standing

_FLEETING = frozenset(
    {"now", "looks", "schema", "name", "by", "at", "cost", "free", "free_inodes", "speed"},
)
_KEYS = ("path", "names", "name", "partition", "node", "model")
# XFS, ZFS and Btrfs make inodes and even space as they go: small moves of these numbers are no news.
_DRIFT = {"size": 0.02, "inodes": 0.25}


class Change(msgspec.Struct, frozen=True):
    """One lasting fact that is not what it was.

    Attributes:
        path: Where it stands in the map, e.g. ``scheduling.partitions.batch.max_time``.
        before: Its value in words; empty when the row is new.
        after: Its value in words; empty when the row is gone.
    """

    path: str
    before: str
    after: str


def changes(old: Map, new: Map) -> list[Change]:
    """Every lasting fact that differs, in the order of the map; what was only not answered is no difference."""
    found = _walk("", old, new)
    if standing(old) or standing(new):
        # It says who answered.
        found = (one for one in found if one.path != "type.evidence")
    if new.now.nodes.state == "unknown" and not new.instance.nodes:
        found = (one for one in found if not one.path.startswith("instance.nodes."))
    return list(found)


def _walk(path: str, old: Any, new: Any) -> Iterator[Change]:
    if isinstance(old, Fact) and isinstance(new, Fact):
        if old.state == new.state == "known":
            yield from _walk(path, old.value, new.value)
        elif old.state != new.state:
            yield Change(path, _words(old), _words(new))
    elif isinstance(old, msgspec.Struct) and type(old) is type(new):
        for field in old.__struct_fields__:
            if field not in _FLEETING:
                yield from _walk(f"{path}.{field}".lstrip("."), getattr(old, field), getattr(new, field))
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _walk_rows(path, old, new)
    elif isinstance(old, tuple) and isinstance(new, tuple) and (rows := _rows(old, new)):
        yield from _walk_rows(path, *rows)
    elif _lasting(old) != _lasting(new) and not _drifted(path, old, new):
        yield Change(path, _words(old), _words(new))


def _lasting(value: Any) -> Any:
    """A value without what is no lasting fact of it, for rows that bear no name of their own."""
    if isinstance(value, tuple):
        return tuple(_lasting(one) for one in value)
    if isinstance(value, Fact):
        return value.state, _lasting(value.value)
    if isinstance(value, msgspec.Struct):
        return tuple(_lasting(getattr(value, name)) for name in value.__struct_fields__ if name not in _FLEETING)
    return value


def _walk_rows(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for key in dict.fromkeys((*old, *new)):
        inner = f"{path}.{key}"
        if key not in new:
            yield Change(inner, _words(old[key]), "")
        elif key not in old:
            yield Change(inner, "", _words(new[key]))
        else:
            yield from _walk(inner, old[key], new[key])


def _rows(old: tuple[Any, ...], new: tuple[Any, ...]) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Both as rows by their own name, where they are rows that have one."""
    both = (*old, *new)
    structs = both and all(isinstance(row, msgspec.Struct) for row in both)
    key = next((key for key in _KEYS if structs and all(hasattr(row, key) for row in both)), None)
    if key is None:
        return None
    # A GPU may have no model.
    found = {getattr(row, key) or "untyped": row for row in old}, {getattr(row, key) or "untyped": row for row in new}
    if key == "path" and (len(found[0]) < len(old) or len(found[1]) < len(new)):
        # One path may be several disks: each node's own.
        found = {_place(row): row for row in old}, {_place(row): row for row in new}
    # Memberships for every partition bear no name of one.
    return found if len(found[0]) == len(old) and len(found[1]) == len(new) else None


def _place(row: Any) -> str:
    return str(row.path) if getattr(row, "on_login", True) else f"{row.path} on {row.seen_from}"


def _drifted(path: str, old: Any, new: Any) -> bool:
    share = _DRIFT.get(path.rpartition(".")[2])
    if share is None or not isinstance(old, int) or not isinstance(new, int):
        return False
    return abs(new - old) <= share * max(abs(old), abs(new))


def _words(value: Any) -> str:
    if isinstance(value, Fact):
        return _words(value.value) if value.is_known else value.state
    if isinstance(value, Gpu):
        return f"{value.count} x {value.model or 'untyped'}"
    if isinstance(value, msgspec.Struct):
        key = next((getattr(value, key) for key in _KEYS if hasattr(value, key)), "")
        return str(key) or "there"
    if isinstance(value, (tuple, list)):
        return ", ".join(_words(item) for item in value) or "none"
    if value is None:
        return "none"
    return str(value)
