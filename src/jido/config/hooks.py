"""Commands of the user's own that jido calls when something happened: ``hooks.toml`` beside the clusters file."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from jido.config import places
from jido.errors import ConfigError
from jido.words import tr

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class Hooks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is called when.

    Attributes:
        ended: A command line for ``sh``, called once for each run whose end jido learns of; empty is none.
    """

    ended: str = ""


def path() -> Path:
    """The file of the hooks."""
    return places.config() / "hooks.toml"


def read() -> Hooks:
    """The hooks, none where there is no file.

    Raises:
        ConfigError: The file is not what it should be.
    """
    try:
        return msgspec.convert(tomllib.loads(path().read_text("utf-8")), Hooks)
    except FileNotFoundError:
        return Hooks()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(
            tr("the file of hooks cannot be read"),
            file=str(path()),
            cause=str(error),
            hint=tr('it knows one line: ended = "notify-send \\"$JIDO_TITLE\\" \\"$JIDO_STATE\\""'),
        ) from error
