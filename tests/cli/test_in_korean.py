"""The command line in Korean: every help, errors, tables that stay aligned; documents for programs stay English."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from spoken import Jido

from jido.cli.app import root
from jido.cli.completions import answer, tree

# Three words of English in a row that are no names of options, files or the field: a sentence nobody translated.
ENGLISH = re.compile(r"(?<![\w./$`@:-])[a-z]{2,}(?:[ \n]+[a-z]{2,}){2,}(?![\w/=.(-])")
# Commands to type, lists of names, and click's lines of usage.
NAMES = re.compile(
    r"`[^`]*`|jido [a-z]+(?: [a-z]+)*|\[[^\]]*\]|^사용법: .*$|(?:[a-z.]+(?:, | ·|\|))+[a-z.]+", re.MULTILINE
)


def paths(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from paths(below, (*path, name))


@pytest.fixture
def korean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JIDO_LANG", "ko")


@pytest.mark.parametrize("path", list(paths(root)), ids=" ".join)
@pytest.mark.usefixtures("korean")
def test_no_help_has_an_english_sentence_left(jido: Jido, path: tuple[str, ...]) -> None:
    said = jido(*path, "--help")
    assert said.code == 0
    assert said.out.startswith(f"사용법: jido {' '.join(path)}".rstrip())
    assert ENGLISH.findall(NAMES.sub(" ", said.out)) == []
    assert re.search("[가-힣]", said.out.partition("\n")[2])


def test_the_search_for_english_finds_english(jido: Jido) -> None:
    for path in (("run",), ("gpus",), ("twin", "up")):
        assert len(ENGLISH.findall(NAMES.sub(" ", jido(*path, "--help").out))) > 3


@pytest.mark.usefixtures("korean")
def test_lines_of_help_fit_a_terminal_where_korean_letters_are_wide(jido: Jido) -> None:
    for path in (("--help",), ("gpus", "--help"), ("sweep", "--help"), ("probe", "--help")):
        for line in jido(*path).out.splitlines():
            columns = sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in line)
            assert columns <= 80, line
            assert "\0" not in line


def test_a_language_is_asked_for_before_the_command(jido: Jido, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "C.UTF-8")
    assert "오류: '--nope' 옵션은 없습니다." in jido("--lang", "ko", "ps", "--nope").err
    assert "런이 없습니다" in jido("--lang=ko", "ps").err
    assert jido("ps").err == "no runs\n"
    assert "사용법: jido" in jido("--lang", "ko", "--help").out


def test_the_language_that_was_asked_for_goes_before_the_environment(
    jido: Jido, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JIDO_LANG", "ko")
    assert jido("--lang", "en", "ps").err == "no runs\n"
    assert "A rule" not in jido("explain", "partition").out
    assert "파티션" in jido("explain", "partition").out
    assert "파티션" not in jido("--lang", "en", "explain", "partition").out


def test_a_commands_own_language_is_that_of_its_errors_too(jido: Jido) -> None:
    said = jido("doctor", "nowhere", "--lang", "ko")
    assert said.code == 4
    assert said.err.startswith("오류: ")


def test_a_language_that_there_is_not_is_refused_and_one_in_the_environment_is_left_alone(
    jido: Jido, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = jido("--lang", "fr", "ps")
    assert (said.code, said.out) == (2, "")
    assert "there is no text in the language 'fr'; there is: en, ko" in said.err
    monkeypatch.setenv("JIDO_LANG", "fr")
    assert jido("ps").err == "no runs\n"


@pytest.mark.usefixtures("korean")
def test_a_wrong_name_gets_its_suggestion_in_korean(jido: Jido) -> None:
    said = jido("gpu")
    assert said.code == 2
    assert "오류: 그런 명령은 없습니다: 'gpu'. 혹시 'gpus'인가요?" in said.err


@pytest.mark.usefixtures("korean")
def test_tables_stay_aligned_under_korean_titles(jido: Jido) -> None:
    jido("add", "halla", "student@localhost", "-p", "2222")
    jido("add", "a", "b@c.example.org")
    head, *rows = jido("ls").out.splitlines()
    assert head.split() == ["이름", "주소", "엔진", "지도", "연결"]
    column = head.index("주소") + 2
    assert {row[column - 1] for row in rows} == {" "}
    assert {bool(row[column].strip()) for row in rows} == {True}


@pytest.mark.usefixtures("korean")
def test_documents_for_programs_are_the_same_in_every_language(jido: Jido, monkeypatch: pytest.MonkeyPatch) -> None:
    jido("add", "halla", "student@localhost")
    korean = [jido(*words) for words in (("ls", "--json"), ("show", "nowhere", "--json"), ("ps", "--json"))]
    monkeypatch.setenv("JIDO_LANG", "en")
    english = [jido(*words) for words in (("ls", "--json"), ("show", "nowhere", "--json"), ("ps", "--json"))]
    assert korean == english
    assert not re.search("[가-힣]", json.loads(korean[1].err)["what"])


def test_a_json_of_the_persons_own_command_does_not_count(jido: Jido, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JIDO_LANG", "ko")
    assert jido("run", "--on", "nowhere", "--", "tool", "--json").err.startswith("오류: ")


def test_the_real_program_speaks_korean_by_locale_and_starts_no_slower_in_english(tmp_path: Path) -> None:
    environment = {**os.environ, "JIDO_HOME": str(tmp_path), "LC_ALL": "ko_KR.UTF-8", "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "jido", "ls"], capture_output=True, text=True, check=False, env=environment
    )
    assert (done.returncode, done.stdout.split()[:5]) == (0, ["이름", "주소", "엔진", "지도", "연결"])
    code = "import sys; sys.argv[1:] = ['--version']; import jido.__main__ as m; m.main(); "
    code += "print('jido.words' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.stdout.splitlines()[1:] == ["False"]


@pytest.mark.usefixtures("korean")
def test_the_manual_is_korean_too(jido: Jido) -> None:
    page = jido("man", "--roff").out
    assert "계산 클러스터의 지도를 만들고" in page
    assert "노드당 GPU 수." in page


def test_what_tab_offers_is_explained_in_the_language_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    for lang, about in (("ko", "내 런과 그 상태"), ("en", "my runs and how they stand"), ("ko", "내 런과 그 상태")):
        monkeypatch.setenv("JIDO_LANG", lang)
        assert dict(answer.complete(["p"])[1])["ps"] == about
        assert tree.kept()[2]["ps"][0] == about
