"""A project's folders on a cluster."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jido.model.workspace import ROLES, Workspace, folder_name


def test_every_role_has_a_folder_below_the_root() -> None:
    space = Workspace("/data/u 1/$(x)")
    for role in ROLES:
        assert space.role(role) == f"/data/u 1/$(x)/{role}"
    with pytest.raises(KeyError):
        space.role("rolls")


def test_what_belongs_to_a_run_is_named_after_it() -> None:
    space = Workspace("/data/p")
    assert space.run("r1") == "/data/p/runs/r1"
    assert space.run_code("r1") == "/data/p/runs/r1/code"
    assert space.log("r1") == "/data/p/logs/r1.log"
    assert space.results("r1") == "/data/p/results/r1"
    assert space.checkpoints("r1") == "/data/p/checkpoints/r1"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("digits", "digits"),
        ("my project", "my-project"),
        ("내 과제", "내-과제"),
        (unicodedata.normalize("NFD", "한글"), "한글"),
        ("$(rm -rf ~)", "rm--rf"),
        ("../../etc", "etc"),
        ("--flag", "flag"),
        (".hidden", "hidden"),
        ("line\nbreak", "line-break"),
        ('it\'s "x"', "it-s-x"),
        ("", "project"),
        ("...", "project"),
        ("!!!", "project"),
        ("v1.2_b", "v1.2_b"),
    ],
)
def test_a_folders_name_is_safe_anywhere(text: str, name: str) -> None:
    assert folder_name(text) == name


@given(st.text(max_size=300))
def test_any_text_gives_a_safe_name_once_and_for_all(text: str) -> None:
    name = folder_name(text)
    assert re.fullmatch(r"[\w.-]+", name)
    assert not name.startswith(("-", "."))
    assert len(name.encode()) <= 100
    assert folder_name(name) == name
