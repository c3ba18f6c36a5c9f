"""``jido explain``: plain words in the reader's language, that fit the terminal."""

from __future__ import annotations

import pytest
from spoken import Jido

from jido.cli import draw
from jido.config import clusters, maps
from jido.model.destination import Destination
from jido.model.facts import known
from jido.model.map import Map, Storage, Volume
from jido.twins.maps import built_in_names


@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize("what", [*built_in_names(), "/data/x", "QoS", "login node", "파티션", "GRES"])
def test_an_explanation_fits_eighty_columns(jido: Jido, what: str, lang: str) -> None:
    words = (what,) if what in built_in_names() else (what, "--on", "aurora")
    said = jido("explain", *words, "--lang", lang)
    assert said.code == 0, said.err
    wide = [line for line in said.out.splitlines() if draw.width(line) > 80]
    assert not wide
    assert {"en": "not from a probe", "ko": "조사한 것이 아니라"}[lang] in said.err


def test_the_language_comes_from_the_environment(jido: Jido, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JIDO_LANG", "ko")
    assert "규칙이 정해진 큐입니다" in jido("explain", "partition").out
    assert "A queue with rules" in jido("explain", "partition", "--lang", "en").out


def test_a_word_is_explained_on_the_only_cluster_and_in_general_without_one(jido: Jido) -> None:
    assert "On aurora" not in jido("explain", "partition", "--lang", "en").out
    clusters.put("aurora", Destination(host="h"))
    maps.save("aurora", Map("aurora"))
    assert "On aurora" in jido("explain", "partition", "--lang", "en").out


def test_what_a_person_told_is_in_the_explanation(jido: Jido) -> None:
    clusters.put("aurora", Destination(host="h"))
    maps.save("aurora", Map("aurora", storage=Storage((Volume("/home", tier=known("home", "x")),))))
    jido("note", "aurora", "--backup", "/home", "매일 밤")
    jido("note", "aurora", "no python on the login node")
    assert "매일 밤 (told by a person)" in jido("explain", "/home/u1", "--lang", "en").out
    assert "no python on the login node" in jido("explain", "aurora", "--lang", "ko").out


def test_a_named_cluster_outranks_a_word_and_a_map_that_comes_with_jido(jido: Jido) -> None:
    clusters.put("storage", Destination(host="h"))
    maps.save("storage", Map("storage", purpose="where theses rest"))
    assert "where theses rest" in jido("explain", "storage", "--lang", "en").out
    assert "keeps data and runs no jobs" in jido("explain", "storage", "--on", "storage", "--lang", "en").out


def test_an_explanation_is_an_object_as_json(jido: Jido) -> None:
    page = jido("explain", "aurora", "--json", "--lang", "ko").json["page"]
    assert page["lang"] == "ko"
    assert {"title", "lines"} == set(page["sections"][0])


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("partiton",), 4, "did you mean 'partition'"),
        (("aurorra",), 4, "did you mean 'aurora'"),
        (("aurora", "--lang", "fr"), 2, "en, ko"),
        (("/data",), 2, "--on CLUSTER"),
        (("/data", "--on", "auroar"), 4, "did you mean 'aurora'"),
        (("~/x", "--on", "aurora"), 2, "does not know your home"),
    ],
)
def test_what_cannot_be_explained_leads_on(jido: Jido, words: tuple[str, ...], code: int, says: str) -> None:
    said = jido("explain", *words)
    assert (said.code, says in said.err) == (code, True), said.err
