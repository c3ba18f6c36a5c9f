"""The page says the same in both languages, and nothing that has no words."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import jido.dash
from jido.dash.room import words
from jido.model.job import State

FOLDER = Path(str(resources.files(jido.dash)))
SCRIPTS = sorted((FOLDER / "static").glob("*.js"))
TEMPLATES = sorted((FOLDER / "templates").glob("*.jinja"))


def blanks(text: str) -> list[str]:
    return sorted(re.findall(r"\{(\w+)\}", text))


def test_both_languages_have_the_same_texts_with_the_same_blanks() -> None:
    en, ko = words("en"), words("ko")
    assert list(en) == list(ko)
    assert {key: blanks(text) for key, text in en.items()} == {key: blanks(text) for key, text in ko.items()}


def test_every_text_that_the_page_asks_for_is_there_and_none_is_left_over() -> None:
    said = "\n".join(file.read_text("utf-8") for file in (*SCRIPTS, *TEMPLATES))
    asked = set(re.findall(r"""\bt(?:\(|\[)["'](\w+)["']""", said))
    assert not {key for key in asked if key not in words("en") and f"t(`{key}" not in said}
    known = {key for key in words("en") if f'"{key}"' not in said and f"'{key}'" not in said}
    # Those that the page puts together of two words.
    made = ("state.", "form_", "deed_", "view_", "standing_")
    assert {key for key in known if not key.startswith(made)} == set()


def test_every_state_has_a_word() -> None:
    assert {f"state.{state.value}" for state in State} <= set(words("ko"))


def test_the_page_fetches_nothing_from_elsewhere_and_makes_no_markup_of_text() -> None:
    for file in (*SCRIPTS, *TEMPLATES, *(FOLDER / "static").glob("*.css")):
        text = file.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|//[a-z]+\.[a-z]+/", text), file.name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text), (
            file.name
        )
        assert 'style="' not in text, file.name


def test_no_file_of_the_page_is_longer_than_a_file_of_the_house() -> None:
    for file in (*SCRIPTS, *TEMPLATES, *(FOLDER / "static").glob("*.css")):
        assert len(file.read_text("utf-8").splitlines()) <= 400, file.name
