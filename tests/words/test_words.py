"""A message in the language that is spoken: which one that is, what is filled in, and what stays as it is."""

from __future__ import annotations

import subprocess
import sys

import pytest

from jido import words
from jido.errors import InputError, NotFound, nearest
from jido.words import known, plural, tr


def test_english_is_what_stands_in_the_code() -> None:
    assert tr("did you mean {names}?", names="'a'") == "did you mean 'a'?"
    assert tr("{timeout:g} s and {name!r}", timeout=2.0, name="$(x) 지도") == "2 s and '$(x) 지도'"
    assert tr("a text without values keeps its {braces}") == "a text without values keeps its {braces}"
    assert [plural(n, "{n} error", "{n} errors") for n in (0, 1, 2)] == ["0 errors", "1 error", "2 errors"]


def test_korean_comes_from_the_catalogue_with_the_particles_that_fit() -> None:
    words.speak("ko")
    assert tr("run {number} is not a sweep", number=3) == "런 3은 스윕이 아닙니다"
    assert tr("run {number} is not a sweep", number=5) == "런 5는 스윕이 아닙니다"
    assert [plural(n, "{n} error", "{n} errors") for n in (0, 1, 2)] == ["오류 0개", "오류 1개", "오류 2개"]
    assert known("running") == "실행 중"


def test_what_no_catalogue_holds_is_told_in_english() -> None:
    words.speak("ko")
    assert tr("a message of a plug-in: {name}", name="x y") == "a message of a plug-in: x y"
    assert plural(2, "{n} plug-in", "{n} plug-ins") == "2 plug-ins"
    assert known("QOSMaxGRESPerUser") == "QOSMaxGRESPerUser"


def test_hostile_values_are_filled_in_as_they_are() -> None:
    words.speak("ko")
    name = "{what} %s\n$(x) '지도' \\n"
    assert tr("run {number}: {what}", number=1, what=name) == f"런 1: {name}"


def test_an_error_tells_cause_and_hint_in_the_language_it_is_drawn_in() -> None:
    error = NotFound("x", cause="y", hint="z")
    assert str(error) == "x\ncause: y\nhint: z"
    words.speak("ko")
    assert str(error) == "x\n원인: y\n힌트: z"
    assert nearest("aurra", ["aurora"]) == "혹시 'aurora'인가요?"
    assert isinstance(InputError("x"), Exception)


@pytest.mark.parametrize(
    ("said", "environment", "lang"),
    [
        ("", {}, "en"),
        ("", {"LANG": "ko_KR.UTF-8"}, "ko"),
        ("", {"LANG": "ko_KR.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ("", {"LANG": "ko_KR.UTF-8", "JIDO_LANG": "en"}, "en"),
        ("ko-KR", {"JIDO_LANG": "en"}, "ko"),
        ("fr", {}, ""),
        ("", {"JIDO_LANG": "fr"}, ""),
    ],
)
def test_the_language_is_the_users_then_jidos_variable_then_the_locale(
    said: str, environment: dict[str, str], lang: str
) -> None:
    assert words.language(said, environment) == lang


def test_what_was_asked_of_the_whole_of_jido_goes_before_the_environment() -> None:
    words.speak("ko", asked="ko")
    assert words.language("", {"JIDO_LANG": "en"}) == "ko"
    assert words.language("en", {}) == "en"


def test_english_opens_no_catalogue_and_imports_nothing_for_it() -> None:
    code = (
        "import sys; import jido.words as w; before = set(sys.modules);"
        "w.tr('run {number}: {what}', number=1, what=2); w.plural(2, '{n} error', '{n} errors'); w.known('running');"
        "assert set(sys.modules) == before, set(sys.modules) - before; assert not w._catalogues"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
