"""The map as a document: JSON and YAML in and out, and its published JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from jido.errors import ConfigError, InputError, nearest
from jido.model.map import Bytes, Map, Seconds
from jido.model.units import exact_size, parse_duration, parse_size, slurm_duration
from jido.words import tr


def _read(kind: type[Any], value: Any) -> Any:
    try:
        return _number(kind, value)
    except InputError as error:
        raise ValueError(error.what) from error  # msgspec says where


def _number(kind: type[Any], value: Any) -> Any:
    if kind is Bytes:
        return Bytes(parse_size(value))
    if kind is Seconds:
        seconds = parse_duration(value)
        if seconds is None:
            raise ValueError("write null for no limit")
        return Seconds(seconds)
    raise NotImplementedError(kind)


def _as_number(value: Any) -> Any:
    if isinstance(value, int):
        return int(value)
    raise NotImplementedError(type(value))


def _as_text(value: Any) -> Any:
    if isinstance(value, Bytes):
        return exact_size(value)
    if isinstance(value, Seconds):
        return slurm_duration(value)
    raise NotImplementedError(type(value))


def plain(value: Any) -> Any:
    """Any of jido's structs as dicts, lists, numbers and text, ready for JSON."""
    return msgspec.to_builtins(value, enc_hook=_as_number)


def to_json(value: Any) -> bytes:
    """Any of jido's structs as JSON; sizes are bytes, durations seconds."""
    try:
        return msgspec.json.encode(value, enc_hook=_as_number)
    except UnicodeEncodeError:
        return msgspec.json.encode(_encodable(plain(value)))


def _encodable(value: Any) -> Any:
    """The same with U+FFFD for bytes that are not UTF-8: a site's file names may hold any, a document none."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if isinstance(value, dict):
        return {_encodable(key): _encodable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(one) for one in value]
    return value


def map_from_json(data: bytes, file: str = "") -> Map:
    """Read a map that `to_json` wrote.

    Args:
        data: The document.
        file: Its path, for error messages.

    Raises:
        ConfigError: It is not a map of this version.
    """
    try:
        return msgspec.json.decode(data, type=Map, dec_hook=_read)
    except (msgspec.MsgspecError, InputError, ValueError) as error:
        raise ConfigError(tr("this is not a jido map"), file=file, cause=str(error)) from error


def map_to_yaml(value: Map) -> str:
    """Write a map for people: ``512G``, ``6-00:00:00``."""
    data = msgspec.to_builtins(value, enc_hook=_as_text)
    return msgspec.yaml.encode(_encodable(data)).decode()


def map_from_yaml(text: str, file: str = "") -> Map:
    """Read a map file that a person or `map_to_yaml` wrote; JSON is YAML too.

    Args:
        text: The document.
        file: Its path, for error messages.

    Raises:
        ConfigError: It is not YAML, or not a map, or has a key that maps have not; names the field.
    """
    found = _decoded(text, file)
    for path, key, known in _strange(_raw(text), found, "$"):
        at = re.compile(rf"[\s\-\"']*{re.escape(key)}[\"']?\s*:")
        line = next((number for number, row in enumerate(text.split("\n"), 1) if at.match(row)), None)
        raise ConfigError(
            tr("a map has no key {key!r} at {path}", key=key, path=path),
            file=file,
            line=line,
            key=key,
            hint=nearest(key, known),
        )
    return found


def _raw(text: str) -> Any:
    if text.lstrip().startswith("{"):
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError:
            pass
    return msgspec.yaml.decode(text.encode())


def _strange(raw: Any, found: Any, path: str) -> Iterator[tuple[str, str, Sequence[str]]]:
    """Keys that a document has and the struct read from it has not: msgspec leaves them out in silence."""
    if isinstance(raw, dict) and isinstance(found, msgspec.Struct):
        fields = dict(zip(found.__struct_encode_fields__, found.__struct_fields__, strict=True))
        for key, value in raw.items():
            if key not in fields:
                yield path, str(key), tuple(fields)
            else:
                yield from _strange(value, getattr(found, fields[key]), f"{path}.{key}")
    elif isinstance(raw, dict) and isinstance(found, Mapping):
        for key, value in raw.items():
            yield from _strange(value, found.get(key), f"{path}.{key}")
    elif isinstance(raw, list) and isinstance(found, tuple):
        for number, (value, one) in enumerate(zip(raw, found, strict=False)):
            yield from _strange(value, one, f"{path}[{number}]")


def _decoded(text: str, file: str) -> Map:
    try:
        if text.lstrip().startswith("{"):
            # YAML's reader takes neither JSON's 5e-324 nor its control characters, and needs a hundred times as long.
            try:
                return msgspec.json.decode(text, type=Map, dec_hook=_read)
            except msgspec.ValidationError:
                raise
            except msgspec.DecodeError:
                pass
        return msgspec.yaml.decode(text.encode(), type=Map, dec_hook=_read)
    except (msgspec.MsgspecError, InputError, ValueError) as error:
        raise ConfigError(
            tr("this is not a jido map"),
            file=file,
            cause=str(error),
            hint=tr("`jido schema map` prints what it may hold"),
        ) from error


def map_schema() -> dict[str, Any]:
    """The map's JSON Schema."""

    def describe(kind: type[Any]) -> dict[str, Any]:
        if kind is Bytes:
            return {
                "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string"}],
                "description": "bytes, or 512G",
            }
        if kind is Seconds:
            return {
                "anyOf": [{"type": "integer"}, {"type": "string"}],
                "description": "seconds, or 6-00:00:00",
            }
        raise NotImplementedError(kind)

    return msgspec.json.schema(Map, schema_hook=describe)
