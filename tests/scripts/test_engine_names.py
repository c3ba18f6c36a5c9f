"""No code above the engines asks which engine it is; what differs is a capability or a method of the engine."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from jido import registry

SOURCE = Path(__file__).resolve().parents[2] / "src" / "jido"
# Where an engine's name is its own business: the engines, and what builds a real one.
AT_HOME = ("engines/", "twins/recipes/", "registry.py")
# Those that are, and those that are to come. "kubernetes" is also a type of cluster, which one may ask for.
NAMES = {*registry.ENGINES, "pbs", "htcondor", "ray", "spark"}


def compared(node: ast.AST) -> Iterator[ast.expr]:
    """What a piece of code compares something with."""
    if isinstance(node, ast.Compare):
        yield from (node.left, *node.comparators)
    elif isinstance(node, ast.MatchValue):
        yield node.value
    elif (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("startswith", "endswith", "removeprefix", "__eq__")
    ):
        yield from node.args


def questions(text: str) -> list[int]:
    """Lines that compare with an engine's name, alone, in a group, or before a look's (``slurm/nodes``)."""
    return sorted(
        {
            part.lineno
            for node in ast.walk(ast.parse(text))
            for side in compared(node)
            for part in ast.walk(side)
            if isinstance(part, ast.Constant) and isinstance(part.value, str)
            if part.value.partition("/")[0].lower() in NAMES
        }
    )


def test_nothing_above_the_engines_asks_for_one_by_name() -> None:
    files = [file for file in SOURCE.rglob("*.py") if not file.relative_to(SOURCE).as_posix().startswith(AT_HOME)]
    assert len(files) > 100
    found = [f"{file.relative_to(SOURCE)}:{line}" for file in files for line in questions(file.read_text("utf-8"))]
    assert found == [], "give the engine a capability or a method for it"


@pytest.mark.parametrize(
    "line",
    [
        "x = engine == 'slurm'",
        "x = 'process' != map_.scheduling.engine.value",
        "x = engine.name in ('ray', 'spark')",
        "x = fact.by.startswith('slurm/')",
        "match engine:\n    case 'htcondor' | 'pbs':\n        pass",
        "x = [one for one in all_ if one.engine not in {'Slurm'}]",
    ],
)
def test_a_question_for_an_engine_is_found_in_any_form(line: str) -> None:
    assert questions(line)


@pytest.mark.parametrize("line", ["x = Destination(engine='process')", "x = kind == 'local'", "x = 'slurm'"])
def test_a_name_that_is_given_or_kept_is_no_question(line: str) -> None:
    assert not questions(line)
