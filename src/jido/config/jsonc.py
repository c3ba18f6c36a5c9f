"""JSON with comments, as editors keep their settings: read, and added to without touching what a person wrote."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

# A comment, a string, a mark, or a bare word (number, true, null); whatever else is not JSON.
_TOKEN = re.compile(r'\s+|//[^\r\n]*|/\*.*?\*/|"(?:[^"\\\n]|\\.)*"|[\[\]{}:,]|[^\s\[\]{}:,"/]+', re.S)


class _Token(NamedTuple):
    text: str
    begin: int
    end: int


def _tokens(text: str) -> list[_Token]:
    found, place = [], 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise ValueError(f"not JSON at line {text.count(chr(10), 0, place) + 1}")
        if not match[0].isspace() and not match[0].startswith(("//", "/*")):
            found.append(_Token(match[0], match.start(), match.end()))
        place = match.end()
    return found


def read(text: str) -> Any:
    """Its value; comments and commas before a closing bracket are passed over.

    Raises:
        ValueError: It is not JSON besides these.
    """
    tokens = _tokens(text)
    words = [
        token.text
        for token, then in zip(tokens, [*tokens[1:], None], strict=True)
        if not (token.text == "," and then is not None and then.text in "]}")
    ]
    return json.loads(" ".join(words))


def with_items(text: str, key: str, items: list[Any]) -> str:
    """The same text with items added at the end of the list under a key of the outermost object.

    Every character that was there stays. The list is added where there is none.

    Raises:
        ValueError: The text is not an object, or what is under the key is no list, or is there twice.
    """
    before = read(text)
    if not isinstance(before, dict) or not isinstance(before.get(key, []), list):
        raise ValueError(f"there is no list under {key!r} to add to")
    tokens = _tokens(text)
    opened = _list_of(tokens, key)
    written = [json.dumps(item, ensure_ascii=False, indent=4) for item in items]
    if opened is None:
        inside = ",\n".join(written).replace("\n", "\n        ")
        new = f"{json.dumps(key)}: [\n        {inside}\n    ]"
        after = _add(text, tokens[:-1], "    " + new)
    else:
        depth, closing = 0, opened
        for closing in range(opened, len(tokens)):
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(tokens[closing].text, 0)
            if depth == 0:
                break
        after = _add(text, tokens[:closing], "        " + ",\n".join(written).replace("\n", "\n        "))
    # What was understood of the text is put to the proof: nothing but the new items may have changed.
    if read(after) != {**before, key: [*before.get(key, []), *items]}:
        raise ValueError("its form is not understood")
    return after


def _list_of(tokens: list[_Token], key: str) -> int | None:
    """The token that opens the list under a key of the outermost object."""
    depth, found = 0, []
    for number, token in enumerate(tokens):
        if (
            depth == 1
            and token.text.startswith('"')
            and tokens[number + 1].text == ":"
            and json.loads(token.text) == key
        ):
            found.append(number + 2)
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token.text, 0)
    if len(found) > 1:
        raise ValueError(f"{key!r} is there twice")
    return found[0] if found else None


def _add(text: str, inside: list[_Token], new: str) -> str:
    """Put a text behind the last of these tokens, with the comma that it needs.

    A comma goes right behind the token. The new lines go behind what stands on its line, which may be a comment.
    """
    last = inside[-1]
    comma = "" if last.text in ("[", "{", ",") else ","
    rest = text[last.end :]
    # A comment that ends on this line belongs to it; one that goes on below does too.
    tail = re.match(r"(?:[ \t]|/\*.*?\*/|//[^\r\n]*)*", rest, re.S)
    here = tail[0] if tail and ("//" in tail[0] or "/*" in tail[0]) else ""
    rest = rest[len(here) :]
    gap = "" if rest.startswith("\n") or rest.lstrip(" \t").startswith(("\n", "\r")) else "\n    "
    added = "\n" + new + gap
    return text[: last.end] + comma + here + (added.replace("\n", "\r\n") if "\r\n" in text else added) + rest
