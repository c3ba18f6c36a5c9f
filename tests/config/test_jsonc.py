"""JSON with comments is added to, and nothing that a person wrote in it changes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jido.config import jsonc

NEW = [{"label": "jido: ps", "args": ["ps", "한글 \"'"]}]
TEXTS = [
    '{"version": "2.0.0", "tasks": []}',
    "{}",
    "{\n    // mine\n}",
    '{\n    "version": "2.0.0" // mine\n}\n',
    '{"tasks": [{"label": "a"}]}',
    '{"tasks": [{"label": "a"},]}',
    '{\n  "tasks": [\n    {"label": "a"} // one, two ]\n    /* and ] three\n more */\n  ],\n  // the end\n}\n',
    '{\n  "tasks": [\n    {"label": "a"}, // with a comma\n  ],\n  "inputs": [{"tasks": [1]}]\n}\n',
    '// before\n{"x": "// no comment \\" ]", "tasks": [{"a": [1, 2, {"tasks": []}]}] /* z */ } // after',
    '{\r\n  "tasks": [\r\n    {"label": "a"} // CRLF\r\n  ]\r\n}\r\n',
    '{"tasks": [ /* nothing yet */ ]}',
]


def of_a_person(text: str) -> str:
    """All its characters but the commas and white space that adding may need."""
    return re.sub(r"[\s,]", "", text)


@pytest.mark.parametrize("text", TEXTS)
def test_items_are_added_and_all_else_stays(text: str) -> None:
    after = jsonc.with_items(text, "tasks", NEW)
    before = jsonc.read(text)
    assert jsonc.read(after) == {**before, "tasks": [*before.get("tasks", []), *NEW]}
    rest = iter(after)
    assert all(char in rest for char in text), "a character is gone"
    for comment in re.findall(r"// [a-zA-Z, \]]+|/\*.*?\*/", text, re.S):
        assert comment in after
    assert "\r\n" not in text or "\n" not in after.replace("\r\n", "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"tasks": {}}',
        '{"tasks": [}',
        '{"tasks": [], "tasks": []}',
        "{'tasks': []}",
        "\ufeff{}",
        '{"a": /}',
    ],
)
def test_what_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        jsonc.with_items(text, "tasks", NEW)


PIECES = st.sampled_from([*'{}[],:"/\\* \n', "//", "/*", "*/", '"tasks"', '"a"', "1", "true"])


@given(st.lists(PIECES, max_size=25).map("".join), st.sampled_from(TEXTS), st.integers(0, 80))
def test_any_text_is_added_to_without_loss_or_refused(noise: str, text: str, place: int) -> None:
    whole = text[:place] + noise + text[place:]
    try:
        after = jsonc.with_items(whole, "tasks", NEW)
    except ValueError:
        return
    rest = iter(after)
    assert all(char in rest for char in whole)
    assert jsonc.read(after)["tasks"][-1:] == NEW
