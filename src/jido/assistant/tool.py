"""What a tool is: a name, what it takes and gives as types, what it touches, and the function that does it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from jido.errors import InputError, nearest

Say = Callable[[str], None]

HOW_TO_ALLOW = (
    "this server only shows what would be done: whoever registered it may start it as `jido mcp --allow`, "
    "or do it by hand"
)
DRY = "a dry run: call again with dry_run=false to do it"


class Given(msgspec.Struct, frozen=True):
    """What a server was started with.

    Attributes:
        allow: Whether tools may change anything.
        lang: The language of texts, ``en`` or ``ko``.
        most: Looks at one cluster in a minute.
        folder: The project's folder; every path and job is of it.
    """

    allow: bool
    lang: str
    most: int
    folder: Path


class Call(msgspec.Struct, frozen=True):
    """One call of a tool.

    Attributes:
        given: What the server was started with.
        say: Takes a sentence on how far it is.
    """

    given: Given
    say: Say = lambda text: None

    def why_not(self, dry_run: bool) -> str:
        """Why nothing is changed by a call; empty where it may be."""
        if not self.given.allow:
            return HOW_TO_ALLOW
        return DRY if dry_run else ""


class Tool(msgspec.Struct, frozen=True):
    """A tool.

    Attributes:
        name: Its name.
        about: What it tells or does, for an assistant to choose by.
        takes: Its arguments, a struct that forbids unknown fields.
        gives: Its answer, a struct.
        does: The function, called in a thread of its own.
        touches: How often which cluster will be asked, at the most; it asks none itself.
        changes: Whether it changes anything where that is allowed.
        destroys: Whether what it changes cannot be had back.
    """

    name: str
    about: str
    takes: type[msgspec.Struct]
    gives: type[msgspec.Struct]
    does: Callable[[Any, Call], msgspec.Struct]
    touches: Callable[[Any, Call], Mapping[str, int]] = lambda asked, call: {}
    changes: bool = False
    destroys: bool = False

    def read(self, arguments: Mapping[str, Any]) -> msgspec.Struct:
        """The arguments of a call.

        Raises:
            InputError: They are not what the tool takes; suggests the nearest.
        """
        fields = self.takes.__struct_fields__
        if unknown := [name for name in arguments if name not in fields]:
            raise InputError(f"{self.name} takes no {unknown[0]!r}", hint=nearest(unknown[0], fields))
        try:
            # Not strict: assistants write numbers as text now and then.
            return msgspec.convert(arguments, self.takes, strict=False)
        except msgspec.ValidationError as error:
            raise InputError(
                f"{self.name} cannot be called so", cause=str(error), hint=f"it takes: {', '.join(fields)}"
            ) from error


def schema(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON Schema of a struct with an object at its root, as the protocol wants it."""
    found: dict[str, Any] = msgspec.json.schema(kind)
    parts: dict[str, Any] = found["$defs"]
    root = parts.pop(kind.__name__)
    even: dict[str, Any] = _even({**root, "$defs": parts} if parts else root)
    even.pop("title", None)
    return even


def _even(value: Any) -> Any:
    """Descriptions on one line, and of structs' docstrings the first sentence: each costs an assistant its room."""
    if isinstance(value, dict):
        return {
            key: " ".join(re.split(r"\n\s*\n", one.strip())[0].split())
            if key == "description" and isinstance(one, str)
            else _even(one)
            for key, one in value.items()
        }
    return [_even(one) for one in value] if isinstance(value, list) else value


def by_name(tools: Sequence[Tool]) -> dict[str, Tool]:
    """A table of tools."""
    return {tool.name: tool for tool in tools}
