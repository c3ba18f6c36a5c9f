"""Answers whose values are of any kind: facts or unknowns come out, and never an end that nobody told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jido.engines.ray import Ray
from jido.errors import JidoError
from jido.model.command import Reply
from jido.model.job import Sighting
from jido.testing.engines import Said

RECORDED = Path(__file__).with_name("recorded")
ENGINE = Ray()
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just([]), st.just({"a": 1}),
    st.just({"CPU": [None]}), st.just({"CPU": -1, "GPU": 1e300, "memory": "x"}),
    st.sampled_from(["[[[1-9999999999]", "a b", "지도", -1, 10**30, "ALIVE", "FAILED", "narae-c1"]),
)  # fmt: skip


def places(found: Any) -> list[dict[str, Any]]:
    """Every object in a JSON value."""
    if isinstance(found, list):
        return [one for row in found for one in places(row)]
    if not isinstance(found, dict):
        return []
    return [found, *(one for row in found.values() for one in places(row))]


@st.composite
def changed(draw: st.DrawFn, file: str) -> str:
    """A recorded answer in which some values are others."""
    said = json.loads((RECORDED / file).read_text("utf-8"))
    for _ in range(draw(st.integers(1, 4))):
        reply = draw(st.sampled_from(said["replies"]))
        body = json.loads(reply["body"])
        if not (there := [one for one in places(body) if one]):
            continue
        one = draw(st.sampled_from(there))
        one[draw(st.sampled_from(sorted(one)))] = draw(VALUES)
        reply["body"] = json.dumps(body)
    return json.dumps(said)


@settings(max_examples=150, deadline=None)
@given(text=changed("ray-cluster.json"))
def test_whatever_the_dashboard_says_a_map_comes_out(text: str) -> None:
    found = ENGINE.inventory({"ray/cluster": Said(0, text).finding()}, 1e9)
    assert found.scheduling.engine.state in ("known", "unknown")


@settings(max_examples=150, deadline=None)
@given(text=changed("queue.json"))
def test_whatever_it_says_of_jobs_no_end_is_made_up(text: str) -> None:
    told = {row["submission_id"]: row["status"] for row in _jobs(text)}
    for ask in (ENGINE.status([*told]), ENGINE.mine(), ENGINE.find([*told]), ENGINE.why("jido-00000000000000a1")):
        try:
            found = ask.parse(Reply(ask.command, "narae", 0, text.encode(), at=1e9))  # type: ignore[union-attr]
        except JidoError:
            continue
        for one in found.values() if isinstance(found, dict) else ():
            assert isinstance(one, Sighting)
            assert not one.state.good or told[one.id] == "SUCCEEDED"


def _jobs(text: str) -> list[dict[str, Any]]:
    found = json.loads(json.loads(text)["replies"][0]["body"])
    return [row for row in found if isinstance(row, dict) and isinstance(row.get("submission_id"), str)]
