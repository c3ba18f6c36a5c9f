"""Write the reference pages that are made of the code: the command line, the map, the Python API.

    python scripts/reference.py            writes them into docs/reference/
    python scripts/reference.py --check    names those that are not as the code says; exits 1 if there are any

Each in English and in Korean: the command line as far as jido has its helps in Korean, the others with what stands
around the docstrings, which are English.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs/reference"
# What stands over and between what the code says.
WORDS = {
    "en": {
        "title": "The command line",
        "other": "**English** · [한국어](cli.ko.md)",
        "about": "Every command with all of its options, made of the code: `jido COMMAND --help` prints the same. "
        "Where a command takes a command of yours behind `--`, those words are taken exactly.",
        "option": "option",
        "meaning": "meaning",
        "codes": "Exit codes",
        "code": "code",
        "more": "[More about them](exit-codes.md).",
        "Clusters": "Clusters",
        "Projects": "Projects",
        "Jobs": "Jobs",
        "Twins": "Twins",
        "More": "More",
    },
    "ko": {
        "title": "명령줄",
        "other": "[English](cli.md) · **한국어**",
        "about": "모든 명령과 옵션입니다. 코드에서 만든 것으로, `jido COMMAND --help`가 출력하는 내용과 "
        "같습니다. `--` 뒤에 내 명령을 적는 명령은 그 단어들을 있는 그대로 받습니다.",
        "option": "옵션",
        "meaning": "뜻",
        "codes": "종료 코드",
        "code": "코드",
        "more": "[자세히](exit-codes.ko.md).",
        "Clusters": "클러스터",
        "Projects": "프로젝트",
        "Jobs": "job",
        "Twins": "트윈",
        "More": "그 밖에",
    },
}


def cells(*texts: str) -> str:
    """One row of a table."""
    return "| " + " | ".join(text.replace("\n", " ").replace("|", "\\|") for text in texts) + " |"


def prose(text: str) -> str:
    """A docstring's or a help's words as Markdown: what is no code in them stays as it was written."""
    parts = re.split(r"(`+[^`]+`+)", text)
    parts[::2] = [re.sub(r"([*\[\]])", r"\\\1", part).replace("<", "&lt;") for part in parts[::2]]
    return re.sub(r"``([^`]+)``", r"`\1`", "".join(parts))


# -- the command line ------------------------------------------------------------------------------------------------


def command_line(lang: str) -> str:
    """The page of all commands; this process speaks the page's language from then on."""
    from jido.cli import spoken
    from jido.cli.app import COMMANDS, SECTIONS, root
    from jido.cli.exit_codes import EXIT_CODES
    from jido.words import known

    spoken.choose(["--lang", lang])
    words = WORDS[lang]
    lines = [f"# {words['title']}", "", words["other"], "", words["about"], ""]
    above = click.Context(root, info_name="jido")
    for title, rows in SECTIONS.items():
        lines += [f"## {words.get(title, title)}", ""]
        for name in rows:
            command = root.get_command(above, name)
            assert command is not None
            for line in _command(command, (name,), above, known(str(COMMANDS[name][2])), words):
                lines += [line]
    lines += [f"## {words['codes']}", "", cells(words["code"], words["meaning"]), "| --- | --- |"]
    lines += [cells(str(code), prose(known(str(about)))) for code, about in EXIT_CODES]
    return "\n".join([*lines, "", words["more"], ""])


def _command(
    command: click.Command, path: tuple[str, ...], above: click.Context, about: str, words: dict[str, str]
) -> Iterator[str]:
    context = click.Context(command, info_name=path[-1], parent=above)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                yield from _command(below, (*path, name), context, below.get_short_help_str(200), words)
        return
    usage = " ".join(["jido", *path, *command.collect_usage_pieces(context)])
    yield from (f"### jido {' '.join(path)}", "", "```text", usage, "```", "")
    for paragraph in inspect.cleandoc(str(command.help or about)).split("\n\n"):
        if paragraph.startswith("\b"):
            yield from ("```text", paragraph.lstrip("\b\n"), "```", "")
        else:
            yield from (prose(" ".join(paragraph.split())), "")
    options = [one for one in command.get_params(context) if isinstance(one, click.Option) and not one.hidden]
    records = [one.get_help_record(context) for one in options if "--help" not in one.opts]
    if any(records):
        yield from (cells(words["option"], words["meaning"]), "| --- | --- |")
        yield from (cells(f"`{head}`", prose(about)) for head, about in filter(None, records))
        yield ""


# -- the map -------------------------------------------------------------------------------------------------------

MAP = {
    "en": (
        "# The map",
        "",
        "**English** · [한국어](map.ko.md)",
        "",
        "What is known of a cluster, as `jido show --json` and `jido show --yaml` print it and `jido twin up` "
        "reads it: schema `jido/1`,",
        "made of the code. `jido schema map` prints the [JSON Schema](schemas/map.schema.json). Fields that hold "
        "their default are left",
        "out. Sizes are bytes and durations seconds; in YAML written by hand, `512G` and `6-00:00:00` do as well.",
        "",
        "*Fact of X* is an X with where it comes from.",
    ),
    "ko": (
        "# 지도",
        "",
        "[English](map.md) · **한국어**",
        "",
        "클러스터에 대해 아는 것으로, `jido show --json`과 `jido show --yaml`이 출력하고 `jido twin up`이 "
        "읽습니다. 스키마는 `jido/1`이고,",
        "이 글은 코드에서 만들었습니다. `jido schema map`이 [JSON Schema](schemas/map.schema.json)를 출력합니다. "
        "기본값인 필드는",
        "빠집니다. 크기는 바이트, 시간은 초이고, 손으로 쓰는 YAML에서는 `512G`와 `6-00:00:00`도 됩니다. "
        "필드의 설명은 코드의 것이라 영어입니다.",
        "",
        "*fact of X*는 X와 그것이 어디서 왔는지를 함께 뜻합니다.",
    ),
}


def the_map(lang: str) -> str:
    """The page of the map's schema."""
    from jido.cli.documents import schema_of
    from jido.model.document import to_json

    defs: dict[str, Any] = json.loads(to_json(schema_of("map")))["$defs"]
    lines = [*MAP[lang], "", "## Fact", ""]
    fact = next(one for name, one in defs.items() if name.startswith("Fact_str"))
    lines += [*_fields(fact, defs, {"value": "X"}, lang), ""]
    for name, one in defs.items():
        if not name.startswith("Fact_") and one.get("type") == "object":
            lines += [f"## {name}", "", *_fields(one, defs, {}, lang), ""]
    return "\n".join(lines)


def _fields(one: dict[str, Any], defs: dict[str, Any], kinds: dict[str, str], lang: str) -> Iterator[str]:
    about, meanings = _told(one.get("description", ""), one["properties"])
    head = {"en": "| field | kind | meaning |", "ko": "| 필드 | 종류 | 뜻 |"}[lang]
    yield from (prose(about), "", head, "| --- | --- | --- |")
    for field, kind in one["properties"].items():
        needed = "" if field not in one.get("required", ()) else {"en": " (always there)", "ko": " (늘 있음)"}[lang]
        yield cells(f"`{field}`", kinds.get(field) or _kind(kind, defs), prose(meanings.get(field, "")) + needed)


def _told(docstring: str, fields: Any) -> tuple[str, dict[str, str]]:
    """A docstring's words before its attributes, and what it says of each."""
    about, _, attributes = docstring.partition("Attributes:\n")
    meanings: dict[str, str] = {}
    name = ""
    for line in attributes.splitlines():
        begun = re.match(r"\s*(\w+): (.*)", line)
        if begun and begun[1] in fields and begun[1] not in meanings:
            name = begun[1]
            meanings[name] = begun[2]
        elif name:
            meanings[name] += " " + line.strip()
    return " ".join(about.split()), meanings


def _kind(schema: dict[str, Any], defs: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        if name.startswith("Fact_"):
            value = defs[name]["properties"]["value"]
            return f"[fact](#fact) of {_kind(value, defs)}"
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        kinds = [_kind(one, defs) for one in schema["anyOf"] if one.get("type") != "null"]
        # A size or a duration is a number; that it may be text in YAML is said once.
        return " or ".join(dict.fromkeys(kinds)) or "nothing"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        inner = schema.get("items") or (schema.get("prefixItems") or [{}])[0]
        return f"list of {_kind(inner, defs)}"
    if schema.get("type") == "object":
        return f"table of {_kind(schema.get('additionalProperties') or {}, defs)}"
    kinds = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
    return kinds.get(str(schema.get("type")), "anything")


# -- the Python API ------------------------------------------------------------------------------------------------


API = {
    "en": (
        "# The Python API",
        "",
        "**English** · [한국어](python-api.ko.md)",
        "",
        "Every public function, class and error, made of the code. [Python](python.md) shows how they go together; "
        "nothing else",
        "is meant to be imported.",
    ),
    "ko": (
        "# Python API",
        "",
        "[English](python-api.md) · **한국어**",
        "",
        "공개된 모든 함수, 클래스, 오류입니다. 코드에서 만들었고, 설명은 코드의 것이라 영어입니다. 어떻게 함께 "
        "쓰는지는 [Python](python.ko.md)에",
        "있고, 여기에 없는 것은 import하지 마세요.",
    ),
}


def python_api(lang: str) -> str:
    """The page of what Python code can call."""
    import jido
    import jido.errors
    from jido.api.calls import Call, Executor
    from jido.api.handle import Connection
    from jido.api.job import Job
    from jido.api.swept import Sweep

    lines = [
        *API[lang],
        "",
        "## jido.connect",
        "",
        *_callable("jido.connect", jido.connect),
    ]
    for kind in (Connection, Job, Sweep, Executor, Call):
        lines += [f"## {kind.__name__}", "", *_docstring(inspect.getdoc(kind) or ""), ""]
        for name, what in _members(kind):
            lines += [f"### {kind.__name__}.{name}", ""]
            if isinstance(what, property):
                lines += [*_docstring(inspect.getdoc(what) or ""), ""]
            else:
                lines += _callable(name, what)
    tree = (inspect.getdoc(jido.errors) or "").split("::\n", 1)[1].split("\n\n``130``")[0]
    about = {
        "en": ("## Errors", "All in `jido.errors`, with their exit codes."),
        "ko": ("## 오류", "모두 `jido.errors`에 있고, 종료 코드가 함께 있습니다."),
    }[lang]
    lines += [about[0], "", about[1], "", "```text"]
    lines += [inspect.cleandoc(tree.strip("\n")), "```", ""]
    for name, error in inspect.getmembers(jido.errors, inspect.isclass):
        if issubclass(error, Exception):
            lines += [f"### {name}", "", *_docstring(inspect.getdoc(error) or ""), ""]
    return "\n".join(lines)


def _members(kind: type) -> list[tuple[str, Any]]:
    """A class's own public methods and properties, and those it has of jido's other classes, in their order."""
    found: dict[str, Any] = {}
    for above in kind.__mro__:
        if above.__module__.startswith("jido."):
            for name, what in vars(above).items():
                if not name.startswith("_") and (inspect.isfunction(what) or isinstance(what, property)):
                    found.setdefault(name, what)
    return list(found.items())


def _callable(name: str, what: Any) -> list[str]:
    given = []
    bare = False
    for one in inspect.signature(what).parameters.values():
        if one.name == "self":
            continue
        if one.kind is one.VAR_POSITIONAL:
            bare = True
        if one.kind is one.KEYWORD_ONLY and not bare:
            given.append("*")
            bare = True
        stars = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
        kind = "" if one.annotation is one.empty else f": {str(one.annotation).strip(chr(39))}"
        default = "" if one.default is one.empty else f" = {one.default!r}"
        given.append(f"{stars}{one.name}{kind}{default}")
    back = inspect.signature(what).return_annotation
    gives = "" if back is inspect.Signature.empty else f" -> {str(back).strip(chr(39))}"
    line = f"{name}({', '.join(given)}){gives}"
    if len(line) > 84:
        line = f"{name}(\n    " + ",\n    ".join(given) + f",\n){gives}"
    return ["```py", line, "```", "", *_docstring(inspect.getdoc(what) or ""), ""]


def _docstring(text: str) -> list[str]:
    """A docstring in Google's style as Markdown."""
    lines: list[str] = []
    listed = False
    for line in text.splitlines():
        if re.fullmatch(r"(Args|Returns|Raises|Yields|Attributes):", line):
            lines += ["", f"**{line[:-1]}**", ""]
            listed = line in ("Args:", "Raises:", "Attributes:")
        elif listed and re.match(r" {4}\S", line) and re.match(r" {4}\**\w+: ", line):
            name, _, about = line.strip().partition(": ")
            lines.append(f"- `{name}`: {prose(about)}")
        elif listed and line.startswith("    "):
            lines[-1] += " " + prose(line.strip())
        else:
            lines.append(prose(line.strip()))
    return lines


def _in_language(lang: str) -> str:
    """The page of the command line, by a process of its own, since click keeps the language it was taught."""
    env = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    words = [sys.executable, __file__, "--print-commands", lang]
    return subprocess.run(words, env=env, check=True, capture_output=True, encoding="utf-8").stdout


def _even(text: str) -> str:
    return re.sub(r"\n{3,}", "\n\n", text).rstrip("\n") + "\n"


def pages() -> dict[Path, str]:
    """What each page has to hold."""
    return {
        PAGES / "cli.md": _in_language("en"),
        PAGES / "cli.ko.md": _in_language("ko"),
        **{PAGES / name: _even(the_map(lang)) for name, lang in (("map.md", "en"), ("map.ko.md", "ko"))},
        **{
            PAGES / name: _even(python_api(lang))
            for name, lang in (("python-api.md", "en"), ("python-api.ko.md", "ko"))
        },
    }


def main(arguments: list[str]) -> int:
    """Write the pages, or check them; give the exit code."""
    if arguments[:1] == ["--print-commands"]:
        sys.stdout.write(command_line(arguments[1]))
        return 0
    old = [file for file, text in pages().items() if not file.exists() or file.read_text("utf-8") != text]
    if arguments == ["--check"]:
        for file in old:
            print(f"{file.relative_to(ROOT)} is not as the code says: python scripts/reference.py")
        return 1 if old else 0
    for file, text in pages().items():
        file.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
