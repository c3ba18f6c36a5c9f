"""What is read from files and replies is made ready before the first thread begins."""

from __future__ import annotations

import ast
from pathlib import Path

import jido
from jido.api import ready
from jido.transfer import files

# Names that stand for a type which has another: an alias, a field of jido.toml, the arguments of a tool; and what a
# server makes ready itself. A tour reads its progress without threads.
_OTHERWISE = {"_Known", "types[key]", "self.takes", "Form", "Progress"}


def read_types() -> set[str]:
    """The names of the types that any module of jido has msgspec read."""
    found = set()
    for file in Path(jido.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            kinds = [word.value for word in node.keywords if word.arg == "type" and node.func.attr == "decode"]
            if node.func.attr == "convert" and ast.unparse(node.func) == "msgspec.convert":
                kinds.append(node.args[1])
            found |= {ast.unparse(kind) for kind in kinds}
    return found


def test_no_type_that_is_read_is_missing() -> None:
    names = {getattr(kind, "__name__", str(kind)) for kind in ready.KINDS} | {"dict[str, list[float]]"}
    assert read_types() - names - _OTHERWISE == set()
    assert files._Known in ready.KINDS


def test_all_of_them_can_be_made_ready() -> None:
    ready.make_ready()
