"""jido.toml: nothing is needed to start, and what is wrong is said with its line, key and nearest valid key."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from jido.config.project import JobTable, find
from jido.config.toml_lines import key_lines
from jido.errors import ConfigError
from jido.layout.making import template


def project(tmp_path: Path, text: str):
    (tmp_path / "jido.toml").write_text(text, "utf-8")
    return find(tmp_path)


def test_any_folder_is_a_project(tmp_path: Path) -> None:
    folder = tmp_path / "my digits $(x) 과제\n"
    folder.mkdir()
    found = find(folder)
    assert (found.folder, found.file, found.name) == (folder, None, "my-digits-x-과제")


def test_the_nearest_file_above_decides(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b \udcff"
    os.makedirs(os.fsencode(inner))  # noqa: PTH103 - a name that is not UTF-8
    (tmp_path / "jido.toml").write_text('[project]\nname = "outer"\n')
    assert find(inner).name == "outer"
    (tmp_path / "a" / "jido.toml").write_text("")
    assert find(inner).folder == tmp_path / "a"
    assert find(inner).name == "a"


def test_everything_it_may_say(tmp_path: Path) -> None:
    found = project(
        tmp_path,
        """
        [project]
        name = "digits"
        cluster = "aurora"
        [layout]
        work = "/data/{user}"
        ignore = ["*.zip"]
        pull = ["results", "checkpoints/best*"]
        [env]
        requirements = "requirements.txt"
        wheels = "wheels"
        modules = ["cuda/12"]
        set = { OMP_NUM_THREADS = "8" }
        [jobs.train]
        command = "python train.py"
        gpus = 1
        memory_per_gpu = "29G"
        time = "6-00:00:00"
        env = { A = "1" }
        [jobs."한 번"]
        command = ["python", "a b.py"]
        [clusters.aurora]
        partition = "batch_ugrad"
        extra = ["--exclusive"]
        """,
    )
    assert (found.name, found.cluster, found.layout.pull[1]) == ("digits", "aurora", "checkpoints/best*")
    assert found.env.set == {"OMP_NUM_THREADS": "8"}
    assert found.jobs["train"].gpus == 1
    assert found.jobs["한 번"].command == ("python", "a b.py")
    assert found.clusters["aurora"].extra == ("--exclusive",)


@pytest.mark.parametrize(
    ("text", "line", "key", "words"),
    [
        ("[jobs.train]\n\ngpu = 1\n", 3, "jobs.train.gpu", "unknown key jobs.train.gpu; did you mean 'gpus'"),
        ("[job.train]\n", 1, "job", "unknown key job; did you mean 'jobs'"),
        ("# x\n[layout]\nworks = ''\n", 3, "layout.works", "did you mean 'work'"),
        ("[clusters.aurora]\npartion = 'x'\n", 2, "clusters.aurora.partion", "did you mean 'partition'"),
        ("[jobs.train]\ngpus = '1'\n", 2, "jobs.train.gpus", "must be a whole number"),
        ("[jobs.train]\ngpus = true\n", 2, "jobs.train.gpus", "must be a whole number"),
        ("[jobs.train]\ngpus = -1\n", 2, "jobs.train.gpus", "at least 0"),
        ("[jobs.train]\nnodes = 0\n", 2, "jobs.train.nodes", "at least 1"),
        ("[jobs.train]\ntime = 120\n", 2, "jobs.train.time", 'a duration as text: "2h"'),
        ("[jobs.train]\ntime = 'soon'\n", 2, "jobs.train.time", "cannot read 'soon'"),
        ("[clusters.c]\ntime = 'x'\n", 2, "clusters.c.time", "duration"),
        ("[jobs.train]\nmemory = '29 apples'\n", 2, "jobs.train.memory", '"29G"'),
        ("[jobs.train]\ncommand = 3\n", 2, "jobs.train.command", "text or a list of texts"),
        ("[jobs.train]\ncommand = ['a',\n 3]\n", 2, "jobs.train.command", "text or a list of texts"),
        ("[jobs.train]\nenv = {A = 1}\n", 2, "jobs.train.env", "table of texts"),
        ("[jobs.train]\nenv = {'A B' = ''}\n", 2, 'jobs.train.env."A B"', "not a variable's name"),
        ("[env]\nset = {\"X=\" = ''}\n", 2, 'env.set."X="', "not a variable's name"),
        ("[layout]\nignore = '*.zip'\n", 2, "layout.ignore", 'a list of texts: ["a", "b"]'),
        ("[jobs]\ntrain = 'python'\n", 2, "jobs.train", "must be a table"),
        ("jobs = 1\n", 1, "jobs", "must be a table"),
        ("[project]\nname = 'a b/c'\n", 2, "project.name", "'a-b-c'"),
        ("[jobs.'한 번']\ngpu = 1", 2, 'jobs."한 번".gpu', "'gpus'"),
        ("jobs.train = {command = 'x',  gpu = 1}", 1, "jobs.train.gpu", "'gpus'"),
        ('x = """\n[jobs.train]\ngpu=1\n"""\n', 1, "x", "unknown key x"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, line: int, key: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        project(tmp_path, text)
    assert (caught.value.line, caught.value.key) == (line, key)
    assert words in str(caught.value)
    assert f"{tmp_path}/jido.toml:{line}: " in caught.value.what


@pytest.mark.parametrize(("text", "line"), [("a = 1\n\nb = = 2\n", 3), ("[jobs\n", 1), ("x = '''\n\n", 2)])
def test_what_is_not_toml_says_where(tmp_path: Path, text: str, line: int) -> None:
    with pytest.raises(ConfigError, match="not TOML") as caught:
        project(tmp_path, text)
    assert caught.value.line is not None
    assert abs(caught.value.line - line) <= 1


def test_what_is_not_utf8_says_where(tmp_path: Path) -> None:
    (tmp_path / "jido.toml").write_bytes(b"# ok\nname = '\xff'\n")
    with pytest.raises(ConfigError, match="UTF-8") as caught:
        find(tmp_path)
    assert caught.value.line == 2


def test_the_written_file_is_a_valid_one(tmp_path: Path) -> None:
    found = project(tmp_path, template("과제-1", "aurora"))
    assert (found.name, found.cluster) == ("과제-1", "aurora")
    # Every commented line is valid too, once its mark is taken away.
    lines = template("x", "").splitlines()
    live = [line[2:] if line.startswith("# ") and ("=" in line or "[" in line[:4]) else line for line in lines[1:]]
    found = project(tmp_path, "\n".join(live))
    assert isinstance(found.jobs["train"], JobTable)
    assert found.clusters["aurora"].partition


text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
values = st.recursive(
    st.one_of(st.booleans(), st.integers(-9, 9), text, st.floats(allow_nan=False, width=16)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(text, inner, max_size=3)),
    max_leaves=12,
)


def keys(table: dict, above: tuple[str, ...] = ()):
    for key, value in table.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from keys(value, (*above, key))


@given(st.dictionaries(text, values, max_size=5))
def test_every_key_has_a_line_that_names_it(table: dict) -> None:
    written = tomli_w.dumps(table)
    found = key_lines(written)
    assert set(keys(table)) <= set(found)
    lines = written.split("\n")
    for path, line in found.items():
        if path[-1].isascii() and path[-1].isalnum():
            assert path[-1] in lines[line - 1]


@given(st.text("[]{}='\"#.,\n\\ab 1"))
def test_the_scanner_ends_on_any_text(written: str) -> None:
    key_lines(written)
