"""The clusters file: written in one step, read with care, edited by people and by two jido at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jido.config import clusters
from jido.errors import ConfigError, InputError, NotFound
from jido.model.destination import Destination

AURORA = Destination(host="aurora.example.edu", user="u123", port=30080)
HOSTILE = Destination(
    host="h",
    user='it\'s "x"',
    jump="a,b:22",
    identity="/k $(x)\n\\한글",
    config="C:\\x\t",
    work="/data/{u}/#1",
    twin="= [1]",
)


def write(text: str) -> None:
    clusters.path().parent.mkdir(parents=True, exist_ok=True)
    clusters.path().write_text(text, "utf-8")


def test_this_machine_is_always_there() -> None:
    assert clusters.read() == {"local": Destination(engine="process")}
    assert clusters.get("local").is_local
    assert not clusters.path().exists()


@pytest.mark.parametrize("name", ["aurora", "지도", "a.b-c_d", "1"])
@pytest.mark.parametrize("destination", [AURORA, HOSTILE], ids=["plain", "hostile"])
def test_what_was_put_is_got(name: str, destination: Destination) -> None:
    clusters.put("other", AURORA)
    clusters.put(name, destination)
    assert clusters.get(name) == destination
    assert clusters.get("other") == AURORA
    clusters.put(name, None)
    assert set(clusters.read()) == {"local", "other"}


def test_a_wrong_name_suggests_the_nearest_and_the_way_to_add_it() -> None:
    clusters.put("aurora", AURORA)
    with pytest.raises(NotFound) as caught:
        clusters.get("arora")
    assert "'aurora'" in caught.value.hint
    assert "jido add arora" in caught.value.hint


@pytest.mark.parametrize("name", ["", "local", "a b", "a/b", "../x", "-x", ".x", "a\nb", "$(x)", "a'b"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(InputError):
        clusters.put(name, AURORA)
    assert not clusters.path().exists()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("aurora = [", "not TOML"),
        ("aurora = 'u@h'", "aurora"),
        ("[aurora]\nport = 'ssh'", "port"),
        ("[aurora]\nhots = 'h'", "'host'"),
        ("[local]\nhost = 'h'", "this machine"),
    ],
)
def test_a_file_that_a_person_broke_is_named_with_the_place(text: str, named: str) -> None:
    write(text)
    with pytest.raises(ConfigError) as caught:
        clusters.read()
    assert str(clusters.path()) in caught.value.what
    assert named in str(caught.value)


def test_a_file_that_is_not_text() -> None:
    write("")
    clusters.path().write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not TOML"):
        clusters.read()


def test_a_broken_file_is_not_overwritten() -> None:
    write("aurora = [")
    with pytest.raises(ConfigError):
        clusters.put("ariel", AURORA)
    assert clusters.path().read_text() == "aurora = ["


def test_what_a_person_says_of_this_machine_stays() -> None:
    write("[local]\nwork = '/scratch'\n")
    assert clusters.get("local") == Destination(engine="process", work="/scratch")
    clusters.put("aurora", AURORA)
    assert clusters.get("local").work == "/scratch"


def test_many_jido_at_once_lose_nothing() -> None:
    script = (
        "import sys; from jido.config import clusters; from jido.model.destination import Destination\n"
        "for n in range(5): clusters.put(f'{sys.argv[1]}-{n}', Destination(host='h'))"
    )
    running = [subprocess.Popen([sys.executable, "-c", script, f"c{number}"]) for number in range(4)]
    assert [one.wait(60) for one in running] == [0] * 4
    assert len(clusters.read()) == 1 + 20
    assert {file.name for file in clusters.path().parent.iterdir()} == {"clusters.toml", ".clusters.lock"}


def test_a_destination_reads_as_people_write_it() -> None:
    assert str(AURORA) == "u123@aurora.example.edu:30080"
    assert str(Destination(host="alias")) == "alias"
    assert str(Destination()) == "this machine"


def test_the_file_is_legible(tmp_path: Path) -> None:
    clusters.put("aurora", AURORA)
    assert clusters.path().read_text() == ('[aurora]\nhost = "aurora.example.edu"\nuser = "u123"\nport = 30080\n')
