"""``jido doctor``: 0 when nothing hinders, 12 when something does; one look, and the kept map where there is none."""

from __future__ import annotations

import time

import pytest
from spoken import Jido

from jido.cli import draw
from jido.config import clusters, maps
from jido.model.destination import Destination
from jido.model.facts import known
from jido.model.map import Map, NodeNow, Now, Scheduling
from jido.testing.sshd import Server


def test_a_machine_that_answers_is_looked_at_once_and_its_map_is_kept(jido: Jido, sshd: Server) -> None:
    clusters.put("site", Destination(**{**_fields(sshd.destination), "engine": "process"}))
    said = jido("doctor", "site")
    assert said.code in (0, 12), said.err
    assert "seen just now" in said.out
    assert len(maps.versions("site")) == 1
    # The sshd is on this machine: its clock is ours.
    assert maps.need("site").now.ahead == known(0.0, "clock")
    assert "clock" not in said.out


def _fields(destination: Destination) -> dict[str, object]:
    return {name: getattr(destination, name) for name in destination.__struct_fields__}


def test_one_that_cannot_be_reached_is_told_from_its_kept_map(jido: Jido) -> None:
    clusters.put("gone", Destination(host="127.0.0.1", port=1, user="u1"))
    nodes = (NodeNow("g1", "idle", ("drain",), "팬 교체 " * 30),)
    maps.save("gone", Map("gone", now=Now(at=time.time() - 30 * 86400, nodes=known(nodes, "x"))))
    said = jido("doctor", "gone")
    assert said.code == 12
    assert said.out.index("problem: ") < said.out.index("warning: all of this is as seen 30 days ago")
    assert "팬 교체" in said.out
    assert all(draw.width(line) <= 80 for line in said.out.splitlines())


def test_offline_asks_nobody(jido: Jido) -> None:
    clusters.put("gone", Destination(host="127.0.0.1", port=1, user="u1"))
    map_ = Map("gone", scheduling=Scheduling(engine=known("process", "told")), now=Now(at=time.time() - 60))
    maps.save("gone", map_)
    said = jido("doctor", "gone", "--offline", "--json")
    assert (said.code, said.json["well"], said.json["fresh"]) == (0, True, False)
    assert [finding["about"] for finding in said.json["findings"]] == ["map"]


def test_a_cluster_without_a_map_that_cannot_be_reached_leads_on(jido: Jido) -> None:
    clusters.put("gone", Destination(host="127.0.0.1", port=1, user="u1"))
    said = jido("doctor", "gone")
    assert said.code == 12
    assert "jido probe gone" in said.out
    assert jido("doctor", "gon").code == 4


def test_it_speaks_korean_as_explain_does(jido: Jido, monkeypatch: pytest.MonkeyPatch) -> None:
    maps.save("gone", Map("gone", now=Now(at=time.time() - 30 * 86400)))
    clusters.put("gone", Destination(host="127.0.0.1", port=1, user="u1"))
    by_option = jido("doctor", "gone", "--offline", "--lang", "ko").out
    assert "주의: 모두 30일 전에 확인한 내용입니다" in by_option
    assert "이유" in by_option
    monkeypatch.setenv("LANG", "ko_KR.UTF-8")
    assert jido("doctor", "gone", "--offline").out == by_option
    found = jido("doctor", "gone", "--offline", "--json").json
    assert (found["lang"], found["findings"][0]["severity"]) == ("ko", "warning")
    assert "30 days ago" in jido("doctor", "gone", "--offline", "--lang", "en").out
    assert jido("doctor", "gone", "--lang", "fr").code == 2
