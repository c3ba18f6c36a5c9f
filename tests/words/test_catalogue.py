"""The Korean catalogue is equal to the code: nothing missing, nothing unused, and every sentence can be filled in."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest
from babel.messages.pofile import read_po

from jido import words

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("words_script", ROOT / "scripts" / "words.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def copied(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue to spoil."""
    file = tmp_path / "jido.po"
    shutil.copy(script.FILE, file)
    monkeypatch.setattr(script, "FILE", file)
    return file


def test_nothing_is_missing_unused_or_left_in_english(script: ModuleType) -> None:
    assert script.problems() == []


def test_writing_it_anew_changes_nothing(script: ModuleType, copied: Path) -> None:
    before = copied.read_bytes()
    script.update()
    assert copied.read_bytes() == before


@pytest.mark.parametrize(
    ("there", "instead", "complaint"),
    [
        ("런 {number}: {what}", "런 {no}: {what}", "other placeholders: 'run {number}: {what}'"),
        ("혹시 {names}인가요?", "", "not translated: 'did you mean {names}?'"),
        ("혹시 {names}인가요?", "did you mean {names}?", "not Korean: 'did you mean {names}?'"),
        ('msgid "hint: {text}"', 'msgid "clue: {text}"', "unused: 'clue: {text}'"),
        ('msgid "hint: {text}"', 'msgid "clue: {text}"', "missing: 'hint: {text}' (jido/errors.py)"),
        ('msgid_plural "{n} errors"', 'msgid_plural "{n} mistakes"', "another plural: '{n} error'"),
        ("--on CLUSTER를 붙이세요", "CLUSTER를 붙이세요", "other commands or options: 'add --on CLUSTER'"),
        ("오류: {message}", "{message:이} 오류입니다: {message}", "click knows no particles: 'Error: {message}'"),
    ],
)
def test_whatever_is_wrong_is_named(
    script: ModuleType, copied: Path, there: str, instead: str, complaint: str
) -> None:
    text = copied.read_text("utf-8")
    assert there in text
    copied.write_text(text.replace(there, instead), "utf-8")
    assert complaint in script.problems()


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ('raise InputError(f"no {name} is there")', ["'no {} is there'"]),
        ('raise InputError(tr("no {name} is there", name=name), hint="leave it out")', ["'leave it out'"]),
        ('draw.say("it is up" if ready else tr("it is down"))', ["'it is up'"]),
        ('draw.next_step(f"jido pull {run}", "bring its results home")', ["'bring its results home'"]),
        ('raise NotFound(tr("nothing"), hint=f"jido data ls --on {name}")', []),
        ('raise NotFound(tr("nothing"), hint="~/.ssh/config")', []),
        ('draw.out(f"{name}: {value}")', []),
    ],
)
def test_words_that_no_catalogue_can_hold_are_found(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, found: list[str]
) -> None:
    file = tmp_path / "src" / "jido" / "cli" / "new.py"
    file.parent.mkdir(parents=True)
    file.write_text(code, "utf-8")
    monkeypatch.setattr(script, "ROOT", tmp_path)
    monkeypatch.setattr(script, "SOURCE", tmp_path / "src" / "jido")
    assert [line.partition(": ")[2] for line in script.bare()] == found


def test_a_message_that_is_no_literal_is_refused(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "src" / "jido" / "cli" / "new.py"
    file.parent.mkdir(parents=True)
    file.write_text('tr(f"no {name}")', "utf-8")
    monkeypatch.setattr(script, "ROOT", tmp_path)
    monkeypatch.setattr(script, "SOURCE", tmp_path / "src" / "jido")
    with pytest.raises(ValueError, match=r"new\.py:1: a message is a literal"):
        script.messages()


def test_a_call_that_names_other_values_than_its_text_is_refused(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "src" / "jido" / "cli" / "new.py"
    file.parent.mkdir(parents=True)
    file.write_text('tr("no {name} of {cluster}", name=name, on=cluster)', "utf-8")
    monkeypatch.setattr(script, "ROOT", tmp_path)
    monkeypatch.setattr(script, "SOURCE", tmp_path / "src" / "jido")
    with pytest.raises(
        ValueError, match=r"new\.py:1: the text names \['cluster', 'name'\], the call \['name', 'on'\]"
    ):
        script.messages()


def test_jido_reads_the_catalogue_as_gettext_does(script: ModuleType) -> None:
    with script.FILE.open("rb") as stream:
        theirs = {
            entry.id[0] if isinstance(entry.id, tuple) else entry.id: entry.string[0]
            if isinstance(entry.string, tuple)
            else entry.string
            for entry in read_po(stream, locale="ko")
            if entry.id
        }
    assert words.catalogue("ko") == theirs


def test_escapes_of_a_catalogue_are_read() -> None:
    po = 'msgid ""\nmsgstr "header"\n\nmsgid "a\\n"\n"\\"b\\" \\\\n\\tc"\nmsgstr "가\\n"\n"\\"나\\" \\\\n\\t다"\n'
    assert words.read(po) == {'a\n"b" \\n\tc': '가\n"나" \\n\t다'}
    assert words.read('#: x.py\nmsgid "{n} a"\nmsgid_plural "{n} b"\nmsgstr[0] "{n}개"') == {"{n} a": "{n}개"}
    assert words.read('msgid "not yet"\nmsgstr ""\n') == {}
