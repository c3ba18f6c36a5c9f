"""Texts in two languages: the same keys, the same placeholders, and particles that fit what they follow."""

from __future__ import annotations

import string
from collections.abc import Iterator
from typing import Any

import pytest

from jido.errors import InputError
from jido.explain.speech import Speech, catalogue, language
from jido.words import LANGUAGES, particle

OTHERS = [lang for lang in LANGUAGES if lang != "en"]


def leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, f"{path}.{key}".lstrip("."))
    else:
        yield path, node


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("lang", OTHERS)
@pytest.mark.parametrize("file", ["says", "terms"])
def test_every_language_has_the_same_keys_and_placeholders(lang: str, file: str) -> None:
    english, other = dict(leaves(catalogue("en", file))), dict(leaves(catalogue(lang, file)))
    assert english.keys() == other.keys()
    for key, text in english.items():
        if isinstance(text, str) and file == "says":
            assert placeholders(text) == placeholders(other[key]), key
        if file == "terms" and key.endswith(".see"):
            assert text == other[key]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_text_is_empty_and_none_has_braces_left_over(lang: str) -> None:
    for file in ("says", "terms"):
        for key, text in leaves(catalogue(lang, file)):
            assert text, key
            assert file == "says" or "{" not in str(text), key


def test_the_korean_texts_are_korean() -> None:
    for key, text in leaves(catalogue("ko", "terms")):
        if key.endswith(".text"):
            assert any("가" <= char <= "힣" for char in text), key
            assert text.endswith((".", "compute.")), key


@pytest.mark.parametrize(
    ("word", "kind", "form"),
    [
        ("노드", "은", "는"),
        ("파티션", "은", "은"),
        ("Slurm", "이", "이"),
        ("aurora", "을", "를"),
        ("batch_ugrad", "을", "를"),
        ("서울", "으로", "로"),
        ("부산", "으로", "으로"),
        ("gpu1", "으로", "로"),
        ("gpu3", "이", "이"),
        ("(노드)", "과", "와"),
        ("", "이", "가"),
    ],
)
def test_a_particle_follows_the_sound_of_its_word(word: str, kind: str, form: str) -> None:
    assert particle(word, kind) == form


@pytest.mark.parametrize(
    ("said", "environment", "lang"),
    [
        ("ko", {"JIDO_LANG": "en"}, "ko"),
        ("", {"JIDO_LANG": "ko", "LANG": "en_US.UTF-8"}, "ko"),
        ("", {"JIDO_LANG": "en", "LANG": "ko_KR.UTF-8"}, "en"),
        ("", {"LC_ALL": "", "LC_MESSAGES": "ko_KR", "LANG": "C"}, "ko"),
        ("", {"LC_ALL": "C", "LANG": "ko_KR.UTF-8"}, "en"),
        ("", {}, "en"),
        ("ko-KR", {}, "ko"),
    ],
)
def test_the_language_is_asked_of_the_user_then_jido_lang_then_the_locale(
    said: str, environment: dict[str, str], lang: str
) -> None:
    assert language(said, environment) == lang


def test_a_language_that_there_is_not_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError) as caught:
        language("fr", {})
    assert "en, ko" in caught.value.hint


def test_durations_and_counts_are_words() -> None:
    assert Speech("en").span(6 * 86400) == "6 days"
    assert Speech("en").span(5400) == "1 hour 30 minutes"
    assert Speech("ko").span(4 * 3600) == "4시간"
    assert Speech("ko").count(8, "node") == "노드 8대"
    assert Speech("en").span(None) == "no limit"
