"""Keep the catalogue of Korean messages equal to the code.

    python scripts/words.py             add what is new (untranslated), leave out what is gone
    python scripts/words.py --check     say what is missing, unused or wrong; exits 1 if anything is

A message is what stands as a literal in `tr`, `plural` or `mark` of `jido.words`, a title of a table, a help of a
command, or one of click's own. An entry with the comment
`without Hangul on purpose` has none, since the field's own word or a command is all it holds.
"""

from __future__ import annotations

import ast
import re
import string
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "jido"
FILE = SOURCE / "locale" / "ko" / "LC_MESSAGES" / "jido.po"
# Whose words are not for people's terminals: what an assistant is told, what third parties' tests say, and files that
# travel to a cluster and run there alone.
APART = (
    "assistant",
    "testing",
    "jobs/calling/host",
    "jobs/pilot",
    "jobs/ahead",
    "jobs/rooms",
    "engines/process/spooler",
)

MARKS = {"tr": 1, "plural": 2, "mark": 1}
# Calls whose words reach people, besides those that make an error.
SAYING = {"say", "out", "confirm", "prompt", "line", "next_step", "check", "failure", "down", "complain"}
# Not Python's own, which are for programmers.
ERRORS = re.compile(
    r"(?<!OS)(?<!Key)(?<!Pipe)(?<!Value)(?<!Runtime)(?<!Timeout)(?<!Assertion)(?<!Implemented)"
    r"(Error|Refused|NotFound|Missing|Down|Failed|Full|Unreachable|LoginNeeded|HostKeyProblem|ConnectionLost"
    r"|StateUnknown|BadParameter|ClickException)$"
)
TITLES = re.compile(r"_?(header|head|HEADER)$")
DATED = ("POT-Creation-Date", "PO-Revision-Date", "Generated-By", "Last-Translator", "Language-Team")
LATIN = "without Hangul on purpose"


@dataclass
class Message:
    """One message of the code: its other form where it counts things, and the files that say it."""

    many: str = ""
    files: set[str] = field(default_factory=set)


def messages() -> dict[str, Message]:
    """Every message, by its English (of two forms, by that of one thing)."""
    found: dict[str, Message] = {}
    for text, many, file in (*_in_code(), *_in_helps(), *_of_click()):
        message = found.setdefault(text, Message())
        if many and message.many and many != message.many:
            raise ValueError(f"{text!r} has two plurals: {many!r} and {message.many!r}")
        message.many = message.many or many
        message.files.add(file)
    return found


def _sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        if path != SOURCE / "words.py":
            yield path.relative_to(ROOT / "src").as_posix(), ast.parse(path.read_text("utf-8"))


def _in_code() -> Iterator[tuple[str, str, str]]:
    for file, tree in _sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (name := _name(node.func)) in MARKS:
                first = 1 if name == "plural" else 0
                _same_values(node, name, f"{file}:{node.lineno}")
                texts = [_literal(one, f"{file}:{node.lineno}") for one in node.args[first : first + MARKS[name]]]
                yield texts[0], texts[1] if name == "plural" else "", file
            if file.startswith("jido/cli/"):
                for title in _titles(node):
                    yield title, "", file


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _literal(node: ast.expr, where: str) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise ValueError(f"{where}: a message is a literal")


def _same_values(call: ast.Call, name: str, where: str) -> None:
    """Refuse a call that names other values than its text; one that hands on a mapping cannot be looked at."""
    given = {one.arg for one in call.keywords} | ({"n"} if name == "plural" else set())
    if None in given or not given:
        return
    for one in call.args[1 if name == "plural" else 0 :]:
        wanted = placeholders(_literal(one, where)) | ({"n"} if name == "plural" else set())
        if wanted != given:
            raise ValueError(f"{where}: the text names {sorted(wanted)}, the call {sorted(given)}")


def _titles(node: ast.AST) -> Iterator[str]:
    """The titles of a table: the literals of a list that is given to `table`, or that is named so."""
    rows: list[ast.expr] = []
    if isinstance(node, ast.Call) and _name(node.func) == "table" and node.args:
        rows = [node.args[0]]
    elif isinstance(node, ast.Assign) and any(TITLES.search(_name(target)) for target in node.targets):
        rows = [node.value]
    for row in rows:
        if isinstance(row, ast.List | ast.Tuple):
            for cell in row.elts:
                if (
                    isinstance(cell, ast.Constant)
                    and isinstance(cell.value, str)
                    and re.search("[A-Za-z]", cell.value)
                ):
                    yield cell.value


def _in_helps() -> Iterator[tuple[str, str, str]]:
    from jido.cli.app import COMMANDS, SECTIONS, root

    for text in (*SECTIONS, *(row[2] for row in COMMANDS.values())):
        yield text, "", "jido/cli/app.py"
    yield from _of_command(root)


def _of_command(command: click.Command) -> Iterator[tuple[str, str, str]]:
    from jido.cli.spoken import split

    code = getattr(command.callback, "__wrapped__", command.callback)
    file = f"{code.__module__.replace('.', '/')}.py" if code else "jido/cli/app.py"
    texts = [text for one in (command.help, command.epilog) if one for text in split(one)]
    texts += [command.short_help] if command.short_help else []
    for param in command.params:
        if isinstance(param, click.Option) and param.help and not _clicks_own(param):
            texts.append(" ".join(param.help.split()))
    for text in texts:
        yield text, "", file
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from _of_command(below)


def _clicks_own(option: click.Option) -> bool:
    return "--version" in option.opts


def _of_click() -> Iterator[tuple[str, str, str]]:
    """Click's words, of those of its modules that people meet."""
    from jido.cli.spoken import _CLICKS

    for module in _CLICKS:
        tree = ast.parse((Path(click.__file__).parent / f"{module}.py").read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node.func) in ("_", "ngettext"):
                texts = [
                    one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)
                ]
                if texts:
                    yield texts[0], texts[1] if len(texts) > 1 else "", f"click/{module}.py"


def bare() -> list[str]:
    """Words for people that no `tr` tells, but for those `APART`: what errors are made of, and what is said."""
    wrong = []
    for file, tree in _sources():
        if file.removeprefix("jido/").startswith(APART):
            continue
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = _name(node.func)
            if ERRORS.search(name):
                parts = [
                    *node.args[:1],
                    *(one.value for one in node.keywords if one.arg in ("what", "cause", "hint")),
                ]
            elif name in SAYING and not (isinstance(node.func, ast.Attribute) and _name(node.func.value) == "speech"):
                parts = node.args[1:] if name == "next_step" else node.args[:1]
            else:
                continue
            wrong += [f"{file}:{one.lineno}: {text!r}" for part in parts for one, text in _words(part) if prose(text)]
    return wrong


def _words(node: ast.expr) -> Iterator[tuple[ast.expr, str]]:
    """The literals that an expression may become, with ``{}`` for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node, node.value
    elif isinstance(node, ast.JoinedStr):
        yield node, "".join(str(one.value) if isinstance(one, ast.Constant) else "{}" for one in node.values)
        for one in node.values:
            if isinstance(one, ast.FormattedValue):
                yield from _words(one.value)
    elif isinstance(node, ast.BinOp):
        yield from (*_words(node.left), *_words(node.right))
    elif isinstance(node, ast.IfExp):
        yield from (*_words(node.body), *_words(node.orelse))
    elif isinstance(node, ast.BoolOp):
        for one in node.values:
            yield from _words(one)


def prose(text: str) -> bool:
    """Whether a text has words to translate: two that are no command, option, path, variable or placeholder."""
    text = re.sub(r"`[^`]*`|\{[^{}]*\}|https?://\S*|\bjido [a-z]+(?: [a-z]+)?", " ", text).strip()
    if re.match(r"(\$|/|~/|ssh |python |pip |-m pip )", text) and not re.search(r"[,;:] | or ", text):
        return False
    return len(re.findall(r"(?<![\w/.$-])[a-z]{2,}(?![\w/.=-])", text)) > 1


def catalogue() -> Catalog:
    """The Korean catalogue as it lies in the repository."""
    with FILE.open("rb") as stream:
        return read_po(stream, locale="ko", abort_invalid=True)


def problems() -> list[str]:
    """What is missing, unused or wrong in the catalogue, a line each."""
    wanted, wrong = messages(), bare()
    had = {}
    for entry in catalogue():
        if not entry.id:
            continue
        one, many = entry.id if isinstance(entry.id, tuple) else (entry.id, "")
        korean = entry.string[0] if isinstance(entry.string, tuple) else entry.string
        had[one] = many
        if one in wanted and many != wanted[one].many:
            wrong.append(f"another plural: {one!r}")
        if not korean:
            wrong.append(f"not translated: {one!r}")
            continue
        clicks = one in wanted and all(file.startswith("click/") for file in wanted[one].files)
        # Korean has one form, which may name what either of the two names.
        forms = [placeholders(one)]
        if many:
            forms += [placeholders(many), placeholders(one) | placeholders(many)]
        if placeholders(korean) not in forms:
            wrong.append(f"other placeholders: {one!r}")
        if commands(one) | commands(many) != commands(korean):
            wrong.append(f"other commands or options: {one!r}")
        if clicks and any(spec for _, _, spec, _ in string.Formatter().parse(korean) if spec):
            wrong.append(f"click knows no particles: {one!r}")
        if not re.search("[가-힣]", korean) and LATIN not in entry.user_comments:
            wrong.append(f"not Korean: {one!r}")
    wrong += [f"missing: {text!r} ({', '.join(sorted(wanted[text].files))})" for text in wanted.keys() - had.keys()]
    wrong += [f"unused: {text!r}" for text in had.keys() - wanted.keys()]
    return sorted(wrong)


def placeholders(text: str) -> set[str]:
    """The names in a template; of a text that nothing is filled into, those it would have."""
    try:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError:
        return set()


def commands(text: str) -> set[str]:
    """The commands, options and variables that a text names."""
    from jido.cli.app import COMMANDS

    verbs = {name for name in re.findall(r"\bjido ([a-z]+)", text) if name in COMMANDS}
    return verbs | set(re.findall(r"(?<![\w-])--[a-z][a-z-]+|\$[A-Z_]+|\bJIDO_[A-Z]+", text))


def update() -> None:
    """Write the catalogue anew: the code's messages in the order of their files, with the Korean there was."""
    old = {entry.id[0] if isinstance(entry.id, tuple) else entry.id: entry for entry in catalogue()}
    new = Catalog(
        locale="ko", project="jido", charset="utf-8", fuzzy=False, header_comment="# What jido says, in Korean."
    )
    wanted = messages()
    for text in sorted(wanted, key=lambda one: (min(wanted[one].files), one)):
        message, was = wanted[text], old.get(text)
        korean = was.string if was else ""
        korean = korean[0] if isinstance(korean, tuple) else korean
        new.add(
            (text, message.many) if message.many else text,
            (korean,) if message.many else korean,
            locations=[(file, None) for file in sorted(message.files)],
            user_comments=was.user_comments if was else (),
        )
    with FILE.open("wb") as stream:
        write_po(stream, new, width=110, include_lineno=False, omit_header=False)
    # Neither the day nor the tool's version says anything about the words.
    text = re.sub(rf'^"({"|".join(DATED)}): .*\n', "", FILE.read_text("utf-8"), flags=re.M)
    FILE.write_text(text, "utf-8")


def main(argv: list[str]) -> int:
    """The command line; returns the exit code."""
    if argv == ["--check"]:
        wrong = problems()
        for line in wrong:
            print(line)
        print(f"words: {len(wrong)} wrong" if wrong else f"words: {len(messages())} messages, all well")
        return 1 if wrong else 0
    update()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
