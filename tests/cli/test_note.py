"""``jido note``: what a person told is in the map, is marked as told, and outlives every probe."""

from __future__ import annotations

import pytest
from spoken import Jido

from jido.config import clusters, maps, notes
from jido.model.destination import Destination
from jido.model.facts import known
from jido.model.map import Map, Partition, Scheduling, Storage, Volume

HOSTILE = """it's "quoted" $(x) `y` 한글; rm -rf / \\ # [note]"""


@pytest.fixture
def aurora() -> Map:
    clusters.put("aurora", Destination(host="aurora.example", user="u1"))
    map_ = Map(
        "aurora",
        scheduling=Scheduling(
            engine=known("slurm", "x"), partitions=known((Partition("batch_ugrad"), Partition("debug")), "x")
        ),
        storage=Storage((Volume("/home", tier=known("home", "df/home")), Volume("/data"))),
        notes=("no python on the login node",),
    )
    maps.save("aurora", map_)
    return map_


def test_a_told_backup_is_a_fact_told_by_a_person(jido: Jido, aurora: Map) -> None:
    assert jido("note", "aurora", "--backup", "/home/", "nightly").code == 0
    assert jido("note", "aurora", "--purge", "/data", "after 30 days").code == 0
    home, data = maps.need("aurora").storage.volumes
    assert home.backup == known("nightly", "told")
    assert data.purge == known("after 30 days", "told")
    shown = jido("show", "aurora").out
    assert "Backup: nightly (told)" in shown
    assert "urge: after 30 days (told)" in shown


def test_what_was_told_outlives_a_probe_and_is_no_change(jido: Jido, aurora: Map) -> None:
    jido("note", "aurora", "--backup", "/home", "nightly")
    maps.save("aurora", aurora)
    assert maps.need("aurora").storage.volumes[0].backup == known("nightly", "told")
    assert b"nightly" not in maps.versions("aurora")[-1].read_bytes()


def test_the_newest_word_on_a_backup_counts(jido: Jido, aurora: Map) -> None:
    jido("note", "aurora", "--backup", "/home", "nightly")
    jido("note", "aurora", "--backup", "/home", "never")
    assert [note.text for note in notes.read("aurora")] == ["never"]


def test_free_words_are_shown_with_the_day_and_hostile_ones_come_back_whole(jido: Jido, aurora: Map) -> None:
    assert jido("note", "aurora", HOSTILE).code == 0
    assert jido("note", "aurora", "데이터셋은 압축해서", "--about", "/data").code == 0
    assert jido("note", "aurora", "for theses only", "--about", "batch_ugrad").code == 0
    map_ = maps.need("aurora")
    day = notes.read("aurora")[0].on
    assert map_.notes == (
        "no python on the login node",
        f"{HOSTILE} (told on {day})",
        f"batch_ugrad: for theses only (told on {day})",
    )
    assert map_.storage.volumes[1].note == f"데이터셋은 압축해서 (told on {day})"
    assert "no python on the login node" in jido("show", "aurora").out


def test_notes_are_listed_and_forgotten_by_number(jido: Jido, aurora: Map) -> None:
    jido("note", "aurora", "one")
    jido("note", "aurora", "two", "--about", "/data")
    assert [line.split()[:2] for line in jido("note", "aurora").out.splitlines()] == [["1", "one"], ["2", "/data:"]]
    assert jido("note", "aurora", "--rm", "1", "--dry-run").err.startswith("would forget: one")
    assert jido("note", "aurora", "--rm", "1").code == 0
    assert [row["text"] for row in jido("note", "aurora", "--json").json] == ["two"]
    gone = jido("note", "aurora", "--rm", "7")
    assert gone.code == 4
    assert "there are 1" in gone.err


def test_a_path_that_the_map_does_not_know_is_kept_until_it_does(jido: Jido, aurora: Map) -> None:
    said = jido("note", "aurora", "--purge", "/scratch", "30 days")
    assert "knows no volume /scratch yet" in said.err
    assert maps.need("aurora").notes[-1].startswith("/scratch purge: 30 days")
    maps.save("aurora", Map("aurora", storage=Storage((Volume("/scratch", seen_from="compute"),))))
    assert maps.need("aurora").storage.volumes[0].purge == known("30 days", "told")
    assert maps.need("aurora").notes == ()


def test_notes_may_come_before_the_first_map(jido: Jido) -> None:
    clusters.put("새벽", Destination(host="h"))
    assert jido("note", "새벽", "on campus only").code == 0
    assert maps.latest("새벽") is None
    maps.save("새벽", Map("새벽"))
    assert maps.need("새벽").notes[0].startswith("on campus only")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("aurora", "x", "--about", "batch_ugrda"), 4, "did you mean 'batch_ugrad'"),
        (("aurora", "nightly", "--backup", "home"), 2, "no absolute path"),
        (("aurora", "  "), 2, "needs words"),
        (("aurora", "--backup", "/home"), 2, "what is there to say"),
        (("aurora", "x", "--backup", "/home", "--purge", "/home"), 2, "one thing at a time"),
        (("auroa", "x"), 4, "did you mean 'aurora'"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_way_out(
    jido: Jido, aurora: Map, words: tuple[str, ...], code: int, says: str
) -> None:
    said = jido("note", *words)
    assert (said.code, says in said.err) == (code, True), said.err
    assert notes.read("aurora") == ()


def test_a_broken_file_of_notes_is_named(jido: Jido, aurora: Map) -> None:
    notes.path("aurora").parent.mkdir(parents=True)
    notes.path("aurora").write_text("[[note]]\ntext = 1\n")
    said = jido("show", "aurora")
    assert said.code == 3
    assert str(notes.path("aurora")) in said.err


def test_forgetting_a_cluster_forgets_what_was_told_of_it(jido: Jido, aurora: Map) -> None:
    jido("note", "aurora", "one")
    assert "1 note about it" in jido("rm", "aurora").err
    assert notes.read("aurora") == ()
