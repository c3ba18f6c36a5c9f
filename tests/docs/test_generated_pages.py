"""Pages that are made of the code, and the command that renews them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import click
import jsonschema
import pytest
from pages import ROOT, rows

from jido.api.why import reasons
from jido.check.rules import RULES
from jido.check.speech import rule_in
from jido.cli.app import root
from jido.cli.commands.schema import NAMES
from jido.cli.documents import DOCUMENTS, schema_of
from jido.cli.exit_codes import EXIT_CODES
from jido.model.document import to_json
from jido.twins.fidelity import CARRIED, LOST, PLAIN
from jido.words import catalogue

SCHEMAS = ROOT / "docs/reference/schemas"
PARTS = (("## Carried", CARRIED), ("## Not carried", LOST), ("## Not carried in plain mode", PLAIN))


@pytest.mark.parametrize("name", NAMES)
def test_a_published_schema_is_the_codes(name: str) -> None:
    published = json.loads((SCHEMAS / f"{name}.schema.json").read_text("utf-8"))
    of_the_code = json.loads(to_json(schema_of(name)))
    assert even(published) == even(of_the_code), "renew them: jido schema --into docs/reference/schemas"
    jsonschema.Draft202012Validator.check_schema(published)


def test_the_schemas_are_those_of_the_page_and_no_others() -> None:
    assert set(NAMES) == {*DOCUMENTS, "map"}
    assert sorted(NAMES) == sorted(file.name.removesuffix(".schema.json") for file in SCHEMAS.iterdir())
    page = (ROOT / "docs/reference/json.md").read_text("utf-8")
    assert sorted(NAMES) == sorted(row[0].strip("`") for row in rows(page, "## Documents")[1:])


def test_every_verb_with_json_has_a_schema() -> None:
    """By the first word; what a verb prints in its several forms stands under its name and a hyphen."""
    said = {name.split("-")[0] for name in NAMES} | {"show", "probe"}  # the map
    with_json = set()

    def walk(command: click.Command, path: tuple[str, ...]) -> None:
        context = click.Context(command)
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                below = command.get_command(context, name)
                assert below is not None
                walk(below, (*path, name))
        elif any("--json" in option.opts for option in command.params):
            with_json.add("-".join(path))

    walk(root, ())
    assert {verb.split("-")[0] for verb in with_json} <= said
    assert {verb for verb in with_json if "-" in verb} <= set(NAMES)


def test_the_page_on_exit_codes_has_those_of_the_manual() -> None:
    page = (ROOT / "docs/reference/exit-codes.md").read_text("utf-8")
    assert {str(code) for code, _ in EXIT_CODES} == {row[0] for row in rows(page, "## Of jido")[1:]}


def test_the_page_on_twins_says_what_is_carried_and_what_is_not() -> None:
    page = (ROOT / "docs/reference/fidelity.md").read_text("utf-8")
    for heading, facts in PARTS:
        assert table(facts) in page, f"under `{heading}` write:\n{table(facts)}"
        assert len(rows(page, heading)) == len(facts) + 1


def test_the_korean_page_on_twins_has_the_same_facts_with_one_sentence_for_each_of_the_codes() -> None:
    page = (ROOT / "docs/reference/fidelity.ko.md").read_text("utf-8")
    korean = ("## 옮기는 것", "## 옮기지 않는 것", "## plain 모드에서 옮기지 않는 것")
    for heading, (_, facts) in zip(korean, PARTS, strict=True):
        said = {row[0].strip("`"): row[1] for row in rows(page, heading)[1:]}
        assert list(said) == list(facts), heading
        # What the code says in the same words is said in the same words, and what it says otherwise, otherwise.
        pairs = {(words, said[fact]) for fact, words in facts.items()}
        assert len(pairs) == len({english for english, _ in pairs}) == len({other for _, other in pairs}), heading


@pytest.mark.parametrize(
    ("name", "lang", "heading", "yes"),
    [("check.md", "en", "## Rules", "yes"), ("check.ko.md", "ko", "## 규칙", "예")],
)
def test_the_page_on_checks_has_every_rule_as_it_is(name: str, lang: str, heading: str, yes: str) -> None:
    page = (ROOT / "docs/reference" / name).read_text("utf-8")
    lines = [
        f"| `{one.name}` | {one.severity} | {one.about} {one.why} | {one.fix} | {yes if one.rewrites else ''} |"
        for one in (rule_in(rule, lang) for rule in RULES)
    ]
    wanted = "\n".join(lines)
    assert wanted in page, f"under `{heading}` write:\n{wanted}"
    assert len(rows(page, heading)) == len(RULES) + 1


@pytest.mark.parametrize(("name", "lang"), [("reasons.md", "en"), ("reasons.ko.md", "ko")])
def test_the_page_on_reasons_is_made_of_the_data(name: str, lang: str) -> None:
    page = (ROOT / "docs/reference" / name).read_text("utf-8")
    assert page.endswith(reasons(lang) + "\n"), f"write at its end what `jido why --reasons --lang {lang}` prints"


def test_the_pages_that_are_made_of_the_code_are_as_it_says() -> None:
    said = subprocess.run(
        [sys.executable, ROOT / "scripts/reference.py", "--check"], capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.parametrize("page", ["cli.md", "cli.ko.md"])
def test_the_page_on_commands_has_every_option(page: str) -> None:
    text = (ROOT / "docs/reference" / page).read_text("utf-8")

    def walk(command: click.Command, path: tuple[str, ...]) -> None:
        context = click.Context(command)
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                below = command.get_command(context, name)
                assert below is not None
                walk(below, (*path, name))
            return
        section = text.split(f"\n### jido {' '.join(path)}\n", 1)[1].split("\n### ", 1)[0]
        for param in command.params:
            if isinstance(param, click.Option) and not param.hidden:
                assert all(re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", section) for name in param.opts), path

    walk(root, ())


def test_the_korean_page_on_commands_says_in_korean_what_each_option_does() -> None:
    page = (ROOT / "docs/reference/cli.ko.md").read_text("utf-8")
    options = re.findall(r"^\| `(-.*?)` \| (.*) \|$", page, re.M)
    assert len(options) > 100
    # "QoS." is Korean too.
    of_no_letters = {text for text in catalogue("ko").values() if not re.search("[가-힣]", text)}
    assert [row for row in options if not re.search("[가-힣]", row[1]) and row[1] not in of_no_letters] == []


def table(facts: Mapping[str, str]) -> str:
    return "\n".join(f"| `{fact}` | {words} |" for fact, words in facts.items())


def even(schema: Any) -> Any:
    """Descriptions without their indentation, which Python keeps until 3.12 and takes away since."""
    if isinstance(schema, dict):
        return {key: even(value) for key, value in schema.items()}
    if isinstance(schema, list):
        return [even(value) for value in schema]
    return " ".join(schema.split()) if isinstance(schema, str) else schema
