"""What a run waits for before it begins: the ends of others."""

from __future__ import annotations

from typing import Literal

import msgspec

from jido.words import mark

# ok: with code 0; any: in whatever way; notok: otherwise than well.
When = Literal["ok", "any", "notok"]
ENDED: dict[When, str] = {"ok": mark("has ended well"), "any": mark("has ended"), "notok": mark("has ended badly")}


class After(msgspec.Struct, frozen=True, omit_defaults=True):
    """One run that another one waits for, as the user means it.

    Attributes:
        run: Its number.
        when: How it must have ended.
    """

    run: int
    when: When = "ok"


class Before(msgspec.Struct, frozen=True, omit_defaults=True):
    """The same for an engine.

    Attributes:
        job: The engine's id; one that names several jobs (an array, or the parts of one) means them all: it ended
            well when each of them did.
        when: How it must have ended.
    """

    job: str
    when: When = "ok"
