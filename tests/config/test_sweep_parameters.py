"""The tasks of a sweep as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from jido.config.parameters import tasks, values
from jido.errors import InputError, NotFound
from jido.model.sweep import template, variable

HOSTILE = "빈 칸 'q\" $(touch pwned) `x` %j\n#\\ *"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1e-3,1e-4", ["1e-3", "1e-4"]),
        ("0..3", ["0", "1", "2", "3"]),
        ("3..1", ["3", "2", "1"]),
        ("0..10..5,99", ["0", "5", "10", "99"]),
        ("-2..0", ["-2", "-1", "0"]),
        ("", [""]),
        ("a,,b", ["a", "", "b"]),
        ('"a,b",c,"say ""hi"""', ["a,b", "c", 'say "hi"']),
        ("1..x", ["1..x"]),
        ("$(x) 한글", ["$(x) 한글"]),
    ],
)
def test_values_are_lists_ranges_and_what_csv_quotes(text: str, meant: list[str]) -> None:
    assert values(text) == meant


def test_a_grid_is_every_combination_the_last_parameter_quickest() -> None:
    names, made = tasks(["lr=1e-3,1e-4", "seed=0..1"])
    assert names == ("lr", "seed")
    assert [(one.task, one.values) for one in made] == [
        (0, ("1e-3", "0")),
        (1, ("1e-3", "1")),
        (2, ("1e-4", "0")),
        (3, ("1e-4", "1")),
    ]


def test_rows_of_a_table_are_tasks_whatever_their_cells_hold(tmp_path: Path) -> None:
    table = tmp_path / "rows.csv"
    quoted = HOSTILE.replace('"', '""')
    table.write_text(f'\ufeffname,learning rate\n"{quoted}",1\n\n,2\n', "utf-8")
    names, made = tasks([], table)
    assert names == ("name", "learning rate")
    assert [one.values for one in made] == [(HOSTILE, "1"), ("", "2")]
    names, made = tasks(["x=1,2"], table)
    assert [one.values for one in made][:2] == [(HOSTILE, "1", "1"), (HOSTILE, "1", "2")]


def test_json_lines_keep_numbers_as_they_were_written(tmp_path: Path) -> None:
    table = tmp_path / "rows.jsonl"
    table.write_text('{"lr": 1e-3, "deep": true, "how": "a\\u2028b"}\n{"how": null, "deep": [1, "x"], "lr": 10}\n')
    assert [one.values for one in tasks([], table)[1]] == [("1e-3", "true", "a\u2028b"), ("10", '[1, "x"]', "null")]


@pytest.mark.parametrize(
    ("params", "text", "named"),
    [
        (["lr"], None, "NAME=VALUES"),
        (["=1"], None, "cannot be the name"),
        (["-x=1"], None, "cannot be the name"),
        (["a=1", "a=2"], None, "given twice"),
        (["a b=1", "a_b=2"], None, "told apart"),
        (["a=1..3..0"], None, "no end"),
        (["a=0..99999999"], None, "too long"),
        (["a=0..9999", "b=0..9999"], None, "100000000 tasks"),
        (['a="x'], None, "cannot be read"),
        ([], None, "no parameters"),
        ([], "a,b\n1\n", "line 2: 1 cells"),
        ([], "a\n", "no rows"),
        ([], 'a\n"x', "line 2"),
        ([], "a\nx\0y\n", "NUL|line contains"),
    ],
)
def test_what_cannot_be_understood_is_named(params: list[str], text: str | None, named: str, tmp_path: Path) -> None:
    file = None
    if text is not None:
        file = tmp_path / "한 글.csv"
        file.write_text(text)
    with pytest.raises(InputError, match=named):
        tasks(params, file)


def test_tables_that_are_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no file"):
        tasks([], tmp_path / "none.csv")
    with pytest.raises(InputError, match=r"\.csv or \.jsonl|no table"):
        tasks([], tmp_path / "rows.xlsx")
    uneven = tmp_path / "rows.jsonl"
    uneven.write_text('{"a": 1}\n{"b": 1}\n')
    with pytest.raises(InputError, match="line 2"):
        tasks([], uneven)


def test_values_go_where_the_command_names_them_else_they_are_appended() -> None:
    assert template(["python", "t.py"], ["lr"]) == [["python"], ["t.py"], ["--lr"], [0]]
    assert template(["t", "--out=r/{task}-{a b}.txt", "{x}"], ["a b"]) == [
        ["t"],
        ["--out=r/", -1, "-", 0, ".txt"],
        ["{x}"],
    ]
    assert template(["awk", "{print $1}", ""], ["x"]) == [["awk"], ["{print $1}"], [""], ["--x"], [0]]


def test_variables_are_plain_ascii() -> None:
    assert [variable(name, at) for at, name in enumerate(["lr", "learning rate", "학습률"])] == [
        "JIDO_PARAM_lr",
        "JIDO_PARAM_learning_rate",
        "JIDO_PARAM_3",
    ]
