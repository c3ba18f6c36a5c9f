"""The tour's words: the same in both languages, and one for everything that a mission can show or a check can say."""

from __future__ import annotations

import ast
import inspect
import re
import string
from collections.abc import Iterator
from typing import Any

import pytest

from jido.tour import arriving, carrying, running
from jido.tour.missions import MISSIONS, Mission
from jido.tour.speech import say, says, words

# What a sentence may be filled with besides what its check found.
ALWAYS = {"cluster", "folder", "ssh", "hold", "show", "check", "hint", "next", "quit"}


def calls() -> Iterator[tuple[tuple[str, str], set[str]]]:
    """What checks say: the function with the key, and what the sentence is filled with."""
    for room in (arriving, running, carrying):
        for function in ast.walk(ast.parse(inspect.getsource(room))):
            if not isinstance(function, ast.FunctionDef):
                continue
            for call in ast.walk(function):
                if not (isinstance(call, ast.Call) and getattr(call.func, "id", "") in ("missing", "passed")):
                    continue
                found = ast.walk(call.args[0]) if call.args else ()
                # A condition within chooses between two keys; what it compares to is no key.
                keys = [part.value for part in found if isinstance(part, ast.Constant)] or ["done"]
                given = {keyword.arg or "" for keyword in call.keywords}
                yield from (((function.name, key), given) for key in keys if isinstance(key, str))


def leaves(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(node, str):
        yield path, node
        return
    pairs = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in pairs:
        yield from leaves(value, f"{path}.{key}".lstrip("."))


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_have_every_text_with_the_same_placeholders() -> None:
    english, korean = dict(leaves(words("en"))), dict(leaves(words("ko")))
    assert english.keys() == korean.keys()
    for key, text in english.items():
        assert placeholders(text) == placeholders(korean[key]), key


def test_both_languages_show_the_same_commands() -> None:
    english, korean = dict(leaves(words("en"))), dict(leaves(words("ko")))
    for key, text in english.items():
        ours, theirs = (sorted(re.findall("`(jido [^`]+)`", one)) for one in (text, korean[key]))
        assert ours == theirs, key


def test_the_korean_texts_are_korean_and_none_is_empty() -> None:
    for key, text in leaves(words("ko")):
        assert re.search("[가-힣]", text), key
    assert all(text.strip() for _, text in leaves(words("en")))


@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize("mission", MISSIONS, ids=lambda mission: mission.name)
def test_a_mission_has_all_its_words(mission: Mission, lang: str) -> None:
    filled = dict.fromkeys(ALWAYS, "value")
    own = f"missions.{mission.name}"
    assert say(lang, f"{own}.title", filled)
    assert len(says(lang, f"{own}.steps", filled)) == len(mission.steps)
    assert len(says(lang, f"{own}.hints", filled)) == 3
    assert ("ask" in words(lang)["missions"][mission.name]) == bool(mission.answer)
    story = say(lang, f"{own}.story", filled)
    assert 3 <= len(re.findall(r"[.?]( |$)", story)) <= 9
    for step in mission.steps:
        for line in step.lines:
            assert line.format(**filled)


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_every_verdict_has_a_sentence_that_is_filled_by_what_its_check_found(lang: str) -> None:
    names = {mission.check.__name__: mission.name for mission in MISSIONS} | {"_unfinished": "home"}
    said = set()
    for (function, key), given in calls():
        own = words(lang)["missions"][names[function]]
        text = own["done"] if key == "done" else own["says"][key]
        assert placeholders(text) <= given | ALWAYS, (function, key)
        said.add((names[function], key))
    assert said >= {(m.name, key) for m in MISSIONS for key in words(lang)["missions"][m.name]["says"]}
