"""``jido add``, ``ls``, ``rm``: names are kept, nonsense is refused, the same again changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from spoken import Jido

from jido.config import clusters, maps
from jido.model.destination import Destination
from jido.model.map import Map


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["u1@login.example"], Destination(host="login.example", user="u1")),
        (["login.example"], Destination(host="login.example")),
        (["u1@login.example:30080"], Destination(host="login.example", user="u1", port=30080)),
        (["ssh://u1@login.example:30080/"], Destination(host="login.example", user="u1", port=30080)),
        (["u1@login.example", "-p", "30080"], Destination(host="login.example", user="u1", port=30080)),
        (
            ["u1@10.0.0.7", "-J", "me@gate.example:22,x"],
            Destination(host="10.0.0.7", user="u1", jump="me@gate.example:22,x"),
        ),
        (["u1@[fe80::1]:2222"], Destination(host="fe80::1", user="u1", port=2222)),
        (
            ["u1@h", "--engine", "process", "--work", "/data/한글 이름/"],
            Destination("h", "u1", engine="process", work="/data/한글 이름"),
        ),
        (["EXAMPLE\\u1@h"], Destination(host="h", user="EXAMPLE\\u1")),
    ],
)
def test_an_address_is_kept(jido: Jido, words: list[str], kept: Destination) -> None:
    assert jido("add", "aurora", *words).code == 0
    assert clusters.get("aurora") == kept


@pytest.mark.parametrize(
    "words",
    [
        ["u1@"],
        ["@h"],
        ["u1@h:99999"],
        ["u1@h", "-p", "0"],
        ["u1@h:22", "-p", "23"],
        ["a b@h"],
        ["u1@h x"],
        ["h;touch pwned"],
        ["$(touch pwned)"],
        ["--", "-oProxyCommand=touch pwned"],
        ["u1@-oProxyCommand=x"],
        ["u1@h\nHost *"],
        ["http://h"],
        ["u1@h", "-J", "-oProxyCommand=x"],
        ["u1@h", "-i", "/no/such/key"],
        ["u1@h", "--work", "data/u1"],
        ["u1@h", "--engine", "slrum"],
    ],
)
def test_nonsense_is_refused_and_nothing_is_kept(jido: Jido, words: list[str]) -> None:
    said = jido("add", "aurora", *words)
    assert said.code in (2, 4)
    assert "hint" in said.err
    assert list(clusters.read()) == ["local"]


@pytest.mark.parametrize("name", ["local", "a b", "-x", "..", "a/b", "$(x)", ""])
def test_what_cannot_be_a_name_is_refused(jido: Jido, name: str) -> None:
    assert jido("add", "--", name, "u1@h").code == 2
    assert list(clusters.read()) == ["local"]


def test_a_korean_name_is_a_name(jido: Jido) -> None:
    assert jido("add", "오로라", "u1@h").code == 0
    assert "오로라" in jido("ls").out


def test_a_misspelt_engine_gets_the_nearest(jido: Jido) -> None:
    assert "did you mean 'slurm'" in jido("add", "x", "u1@h", "--engine", "slrum").err


def test_the_same_again_changes_nothing_and_another_address_says_what_changed(jido: Jido) -> None:
    assert "is new" in jido("add", "aurora", "u1@h").err
    assert "nothing changed" in jido("add", "aurora", "u1@h").err
    changed = jido("add", "aurora", "u2@h", "-p", "30080").err
    assert "user: u1 -> u2" in changed
    assert "port: none -> 30080" in changed


def test_a_preview_keeps_nothing(jido: Jido) -> None:
    assert jido("add", "aurora", "u1@h", "--dry-run").code == 0
    assert list(clusters.read()) == ["local"]


def test_what_ssh_will_really_use_is_shown(jido: Jido, tmp_path: Path) -> None:
    key = tmp_path / "key with space"
    key.write_text("not read")
    said = jido("add", "aurora", "u1@login.example", "-p", "30080", "-i", str(key), "--json").json
    assert (said["resolved"]["host"], said["resolved"]["user"], said["resolved"]["port"]) == (
        "login.example",
        "u1",
        30080,
    )
    assert str(key) in said["resolved"]["identities"]


def test_the_list_tells_address_engine_age_and_connection(jido: Jido) -> None:
    jido("add", "aurora", "u1@h", "-p", "30080")
    maps.save("aurora", Map("aurora"))
    lines = jido("ls").out.splitlines()
    assert lines[0].split() == ["NAME", "ADDRESS", "ENGINE", "MAPPED", "CONNECTION"]
    assert [line.split()[0] for line in lines[1:]] == ["local", "aurora"]
    assert "u1@h:30080" in lines[2]
    assert lines[2].endswith("closed")
    assert [row["name"] for row in jido("ls", "--json").json] == ["local", "aurora"]


def test_a_removed_cluster_is_forgotten_with_its_maps(jido: Jido) -> None:
    jido("add", "aurora", "u1@h")
    maps.save("aurora", Map("aurora"))
    assert "would forget" in jido("rm", "aurora", "--dry-run").err
    assert clusters.get("aurora")
    assert jido("rm", "aurora").code == 0
    assert maps.latest("aurora") is None
    assert jido("rm", "aurora").code == 4
    assert jido("rm", "local").code == 5


def test_an_unknown_name_suggests_the_nearest(jido: Jido) -> None:
    jido("add", "aurora", "u1@h")
    said = jido("show", "arora")
    assert said.code == 4
    assert "did you mean 'aurora'?" in said.err
