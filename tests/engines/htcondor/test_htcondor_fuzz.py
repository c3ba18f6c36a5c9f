"""Ads whose values are of any kind: facts or unknowns come out, and never an end that nobody told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jido.engines.base import Array
from jido.engines.htcondor import HTCondor
from jido.errors import JidoError
from jido.model.command import Reply
from jido.testing.engines import Said

RECORDED = Path(__file__).with_name("recorded")
ENGINE = HTCondor()
LOOKS = {part.name: RECORDED / f"{part.name.replace('/', '-')}.txt" for part in ENGINE.looks()}
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just([]), st.just({"a": 1}),
    st.sampled_from(["/Expr(1/0)/", "[[[1-9999999999]", "a b", "지도", -1, 10**30, 4, 3]),
)  # fmt: skip


@st.composite
def changed(draw: st.DrawFn, file: str) -> str:
    """A recorded list of ads in which some values are others."""
    ads: list[dict[str, Any]] = json.loads((RECORDED / file).read_text("utf-8"))
    for _ in range(draw(st.integers(1, 4))):
        ad = draw(st.sampled_from(ads))
        ad[draw(st.sampled_from(sorted(ad)))] = draw(VALUES)
    return json.dumps(ads)


@settings(max_examples=150, deadline=None)
@given(slots=changed("htcondor-slots.txt"), mine=changed("queue.json"), pool=changed("htcondor-pool.txt"))
def test_whatever_the_pool_says_a_map_comes_out(slots: str, mine: str, pool: str) -> None:
    said = {name: file.read_text("utf-8") for name, file in LOOKS.items()}
    said |= {"htcondor/slots": slots, "htcondor/mine": mine, "htcondor/pool": pool}
    found = ENGINE.inventory({name: Said(0, text).finding() for name, text in said.items()}, 1e9)
    partitions, access = found.scheduling.partitions.value or (), found.scheduling.access.value or ()
    assert [row.name for row in partitions] == [row.partition for row in access]


@settings(max_examples=150, deadline=None)
@given(queue=changed("queue.json"), past=changed("history.json"))
def test_whatever_the_queue_says_no_end_is_made_up(queue: str, past: str) -> None:
    ids = [f"{cluster}.{task}" for cluster in range(19, 37) for task in range(3)]
    remembered = ENGINE.history(ids, 0.0)
    assert remembered is not None
    asked: list[tuple[Any, str]] = [
        (ENGINE.status(ids), queue), (ENGINE.mine(), queue), (ENGINE.tasks([Array("33", 2)]), queue),
        (remembered, past), (ENGINE.find(["jido-00000000000000a1"]), f"{queue}\njido: history\n{past}"),
        (ENGINE.why("29.0"), f"{queue}\njido: the next\njido: the next\n\njido: the next\nend\n"),
    ]  # fmt: skip
    for ask, text in asked:
        try:
            ask.parse(Reply(ask.command, "soban", 0, text.encode(), at=1e9))
        except JidoError:
            continue
    completed = {f"{ad.get('ClusterId')}.{ad.get('ProcId')}" for ad in json.loads(queue) if ad.get("JobStatus") == 4}
    for id_, seen in ENGINE.status(ids).parse(Said(0, queue).to(asked[0][0].command)).items():
        assert not seen.state.good or id_ in completed
