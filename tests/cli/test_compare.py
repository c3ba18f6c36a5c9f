"""``jido compare``: two columns that fit the terminal, with nothing lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from spoken import Jido

from jido.cli import draw
from jido.config import clusters, maps
from jido.model.destination import Destination
from jido.model.document import map_to_yaml
from jido.model.facts import known
from jido.model.map import Map, Storage, Volume
from jido.twins.maps import built_in

LONG = "/아주 긴 이름의 자료 폴더/" + "x" * 60


def test_a_cluster_is_compared_with_a_map_file_in_eighty_columns(jido: Jido, tmp_path: Path) -> None:
    file = tmp_path / "다른 클러스터.yaml"
    other = Map("다른", purpose="한국어 " * 20, storage=Storage((Volume(LONG, tier=known("work", "x")),)))
    file.write_text(map_to_yaml(other), "utf-8")
    said = jido("compare", "aurora", str(file))
    assert said.code == 0, said.err
    assert all(draw.width(line) <= 80 for line in said.out.splitlines() if LONG[-9:] not in line)
    assert LONG in said.out
    assert "FOR A JOB THAT NEEDS" in said.out


def test_only_what_differs_is_shown_unless_all_is_asked_for(jido: Jido) -> None:
    assert "nothing differs" in jido("compare", "aurora", "aurora").out
    assert "62" in jido("compare", "aurora", "aurora", "--all").out


def test_a_probed_cluster_outranks_the_map_that_comes_with_jido(jido: Jido) -> None:
    clusters.put("aurora", Destination(host="h"))
    maps.save("aurora", Map("aurora", purpose="mine"))
    assert jido("compare", "aurora", "aurora", "--json", "--all").json["rows"][0]["values"] == ["mine", "mine"]


def test_a_comparison_is_an_object_as_json(jido: Jido, tmp_path: Path) -> None:
    file = tmp_path / "empty.yaml"
    file.write_text("name: empty\nschema: jido/1\n")
    done = jido("compare", str(file), "aurora", "--json").json
    assert done["names"] == ["empty", built_in("aurora").name]
    assert all(row["differs"] for row in done["rows"])
    assert all("empty" in " ".join(meaning["unknown"]) for meaning in done["means"])


def test_a_file_that_is_no_map_is_named(jido: Jido, tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("name: [")
    said = jido("compare", "aurora", str(file))
    assert said.code == 3
    assert str(file) in said.err


def test_it_speaks_korean_as_explain_does(jido: Jido, monkeypatch: pytest.MonkeyPatch) -> None:
    told = jido("compare", "aurora", "ariel", "--lang", "ko").out
    assert "스케줄링" in told
    assert "어디서 돌릴 수 있나" in told
    monkeypatch.setenv("JIDO_LANG", "ko")
    assert jido("compare", "aurora", "ariel").out == told
    assert jido("compare", "aurora", "ariel", "--json").json["lang"] == "ko"
    assert max(draw.width(line) for line in told.splitlines()) <= 80


def test_two_clusters_are_one_page(jido: Jido, tmp_path: Path) -> None:
    file = tmp_path / "both.html"
    assert jido("compare", "ariel", "moana", "--html", str(file)).code == 0
    text = file.read_text("utf-8")
    assert "ariel and moana side by side" in text
    assert 'id="c2-storage"' in text
