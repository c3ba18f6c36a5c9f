"""Every `jido` command that a page or a message of jido names can be typed."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from pages import PAGES, PAIRS, ROOT, blocks, calls_of_jido, commands, inline

from jido.cli.app import root

CALLS = [
    pytest.param(call, id=f"{page.relative_to(ROOT)}: jido {shlex.join(call)}")
    for page in PAGES
    for words in commands(page.read_text("utf-8"))
    for call in calls_of_jido(words)
]


def parse(command: click.Command, words: list[str], parent: click.Context | None = None) -> None:
    """Have click read a command line as if it were typed, executing nothing."""
    try:
        with command.make_context(command.name, [*words], parent=parent) as context:
            if isinstance(command, click.Group):
                rest = [*getattr(context, "_protected_args", ()), *context.args]
                if not rest and command.invoke_without_command:
                    return
                _, below, rest = command.resolve_command(context, rest)
                assert below is not None
                parse(below, rest, context)
    except click.exceptions.Exit as end:
        assert end.exit_code == 0  # --help and --version


@pytest.mark.parametrize("call", CALLS)
def test_a_documented_command_line_is_understood(call: list[str]) -> None:
    parse(root, call)


def test_the_pages_show_the_everyday_commands() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    shown = {call[0] for words in commands(readme) for call in calls_of_jido(words)}
    assert {
        "add",
        "login",
        "probe",
        "show",
        "init",
        "run",
        "submit",
        "ps",
        "logs",
        "story",
        "pull",
        "cancel",
    } <= shown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_script_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    for words in [*commands(text), *(code.split() for code in inline(text))]:
        if words and words[0].startswith("./scripts/"):
            assert (ROOT / words[0]).is_file(), words


@pytest.mark.parametrize(("english", "korean"), PAIRS, ids=lambda page: page.name)
def test_the_korean_page_has_the_same_commands_files_and_output(english: Path, korean: Path) -> None:
    ours, theirs = english.read_text("utf-8"), korean.read_text("utf-8")
    assert commands(ours) == commands(theirs)
    for language in ("toml", "python"):
        for one, other in zip(blocks(ours, language), blocks(theirs, language), strict=True):
            assert _without_comments(one) == _without_comments(other)
    shown = [_output(text) for text in (ours, theirs)]
    assert shown[0] == shown[1]


@pytest.mark.parametrize(("english", "korean"), PAIRS, ids=lambda page: page.name)
def test_the_korean_page_has_the_same_tables(english: Path, korean: Path) -> None:
    """Row by row: what their first cells have as code, and their numbers."""
    ours, theirs = (_first_cells(page.read_text("utf-8")) for page in (english, korean))
    assert ours == theirs


@pytest.mark.parametrize(
    ("english", "korean"), [pair for pair in PAIRS if pair[0].parent.name == "reference"], ids=lambda page: page.name
)
def test_a_korean_page_of_the_reference_names_the_same_things(english: Path, korean: Path) -> None:
    """Whatever is code in the one's sentences, in any order: options, states, variables, files."""
    ours, theirs = (_named(page.read_text("utf-8")) for page in (english, korean))
    assert ours == theirs


def _named(text: str) -> set[str]:
    # A name may go on in a paragraph's next line.
    text = re.sub(r"\n(?=[^\n|#])", " ", re.sub(r"^```.*?^```$", "", text, flags=re.S | re.M))
    return {name for line in text.splitlines() for name in re.findall(r"`([^`]+)`", line)}


def _first_cells(text: str) -> list[list[str]]:
    lines = [line for line in re.sub(r"^```.*?^```$", "", text, flags=re.S | re.M).splitlines() if line[:1] == "|"]
    cells = [re.split(r"(?<!\\)\|", line)[1] for line in lines]
    return [re.findall(r"`[^`]+`|\d+", cell) for cell in cells]


def _without_comments(text: str) -> list[str]:
    return [re.sub(r"\s+#.*", "", line) for line in text.splitlines()]


def _output(text: str) -> list[str]:
    """Blocks of what jido prints; drawings are for each language's own readers."""
    drawn = re.compile(r"[─│┐/]{3}|^    code/  ", re.M)
    return [block for block in blocks(text, "") if not drawn.search(block)]


# -- commands in prose and in messages -------------------------------------------------------------------------


def verbs_and_options(words: list[str]) -> str:
    """What of ``jido WORDS...`` does not exist; empty when all of it does. Values may be placeholders."""
    command: click.Command = root
    context = click.Context(root)
    value = False
    for number, word in enumerate(words):
        if word == "--":
            break
        if value:
            value = False
            continue
        if word.startswith("-"):
            options = {name for param in command.get_params(context) for name in (*param.opts, *param.secondary_opts)}
            if word.split("=")[0] not in options:
                return f"{command.name} has no option {word}"
            # Before a command, what is behind an option may look like one: `jido --lang ko ps`.
            value = command is root and word == "--lang"
        elif isinstance(command, click.Group):
            if not re.fullmatch(r"[a-z][a-z-]*", word):
                break  # `jido COMMAND --help`
            below = command.get_command(context, word)
            if below is None:
                return f"jido {' '.join(words[: number + 1])} does not exist"
            command = below
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_command_in_prose_exists(page: Path) -> None:
    spans = [code.split() for code in inline(page.read_text("utf-8"))]
    wrong = [what for words in spans if words[:1] == ["jido"] and (what := verbs_and_options(words[1:]))]
    assert not wrong


def test_a_command_in_a_message_exists() -> None:
    wrong = []
    for file in sorted((ROOT / "src/jido").rglob("*.py")):
        for line, text in _messages(file):
            for command in re.findall(r"`jido ([^`]+)`", text):
                what = verbs_and_options(command.split())
                wrong += [f"{file.relative_to(ROOT)}:{line}: `jido {command}`: {what}"] if what else []
    assert not wrong, "\n".join(wrong)


def _messages(file: Path) -> Iterator[tuple[int, str]]:
    """Every text of a source file that is not a docstring; what an f-string fills in is ``X``."""
    tree = ast.parse(file.read_text("utf-8"))
    within = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "X" for part in node.values]
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in within | docs:
            yield node.lineno, node.value
