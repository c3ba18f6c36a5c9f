"""A scheduler that does not answer takes nothing out of the map: what it told before stays, with its age."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from sites import mapped

from jido.explain.health import Seen, examine
from jido.model.bundle import Finding
from jido.model.document import map_from_json, to_json
from jido.model.facts import Fact, known
from jido.model.map import Bytes, Gpu, Map
from jido.probe.diff import changes
from jido.probe.unanswered import kept, standing

REPLIES = Path(__file__).parent.parent / "engines/slurm/replies"
VERSIONS = ("22.05.8", "24.11.5", "26.05.5")


def recorded(version: str, kind: str) -> dict[str, Finding]:
    rows = json.loads((REPLIES / version / f"{kind}.json").read_text("utf-8"))
    return {name: Finding(row["code"], row["stdout"].encode(), row["stderr"].encode()) for name, row in rows.items()}


def at(map_: Map, when: float) -> Map:
    """The same map as if it had been made then."""
    looks = {name: msgspec.structs.replace(look, at=when) for name, look in map_.looks.items()}
    return msgspec.structs.replace(map_, looks=looks, now=msgspec.structs.replace(map_.now, at=when))


def names(map_: Map) -> list[str]:
    return [group.names for group in map_.instance.nodes]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_controller_that_is_down_takes_nothing_out_of_the_map(version: str) -> None:
    before = at(mapped(recorded(version, "looks")), 1000.0)
    down = at(mapped(recorded(version, "looks-down")), 9000.0)
    assert not down.instance.nodes, "what the looks alone make of it"
    after = kept(down, before)
    assert names(after) == names(before)
    assert after.scheduling.partitions.value is not None
    assert [row.name for row in after.scheduling.partitions.value] == [
        row.name for row in before.scheduling.partitions.value or ()
    ]
    for what in ("access", "accounts", "settings", "cluster"):
        assert getattr(after.scheduling, what).value == getattr(before.scheduling, what).value
    # What held for a moment is not known now.
    assert after.now.nodes.state == after.now.queue.state == "unknown"
    old = standing(after)
    assert old is not None
    assert (old.what, old.at) == ("scheduling", 1000.0)
    assert "Unable to contact slurm controller" in old.why
    assert standing(before) is None


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_is_told_as_gone_and_nothing_as_new_when_it_answers_again(version: str) -> None:
    before = at(mapped(recorded(version, "looks")), 1000.0)
    down = at(mapped(recorded(version, "looks-down")), 9000.0)
    after = kept(down, before)
    told = [change.path for change in changes(before, after)]
    assert [path for path in told if not path.startswith("scheduling.control.")] == []
    again = kept(at(mapped(recorded(version, "looks")), 10000.0), after)
    assert standing(again) is None
    assert not [name for name in again.looks if name.startswith("earlier/")]
    assert [one.path for one in changes(after, again) if not one.path.startswith("scheduling.control.")] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_every_look_that_a_fact_names_is_in_the_map_however_long_it_lasts(version: str) -> None:
    before = at(mapped(recorded(version, "looks")), 1000.0)
    after = kept(at(mapped(recorded(version, "looks-down")), 9000.0), before)
    third = kept(at(mapped(recorded(version, "looks-down")), 20000.0), after)
    for map_ in (after, third):
        assert map_from_json(to_json(map_)) == map_
        rows = (*map_.instance.nodes, *(map_.scheduling.partitions.value or ()))
        facts = [getattr(map_.scheduling, name) for name in map_.scheduling.__struct_fields__]
        for by in [one.by for one in (*rows, *(fact for fact in facts if isinstance(fact, Fact))) if one.by]:
            assert by in map_.looks, by
    old = standing(third)
    assert old is not None
    assert old.at == 1000.0


def test_a_map_that_was_never_told_any_is_no_place_where_nodes_are_gone() -> None:
    before = mapped(recorded("22.05.8", "looks"))
    down = mapped(recorded("22.05.8", "looks-down"))
    assert kept(down, None) is down
    assert not [one for one in changes(before, down) if one.path.startswith("instance.nodes")]


def test_what_alone_is_silent_is_kept_alone() -> None:
    looks = recorded("22.05.8-slurmdbd", "looks")
    before = at(mapped(looks), 1000.0)
    silent = {
        name: Finding(1, b"", b"sacctmgr: error: Unable to contact slurmdbd") for name in looks if "qos" in name
    }
    assert silent
    after = kept(at(mapped(looks | silent), 9000.0), before)
    assert after.scheduling.qos_rules.value == tuple(
        msgspec.structs.replace(row, by=f"earlier/{row.by}") for row in before.scheduling.qos_rules.value or ()
    )
    assert after.scheduling.partitions == before.scheduling.partitions
    old = standing(after)
    assert old is not None
    assert (old.what, old.at) == ("qos rules", 1000.0)


def test_where_another_engine_or_none_runs_jobs_now_nothing_of_the_old_one_stays() -> None:
    before = mapped(recorded("22.05.8", "looks"))
    gone = mapped({"slurm/where": Finding(1)})
    assert gone.scheduling.engine.state == "absent"
    assert kept(gone, before) is gone
    other = msgspec.structs.replace(
        gone, scheduling=msgspec.structs.replace(gone.scheduling, engine=known("pbs", "x"))
    )
    assert kept(other, before) is other


def test_an_engine_whose_looks_did_not_end_is_still_that_engine() -> None:
    before = at(mapped(recorded("22.05.8", "looks")), 1000.0)
    late = mapped({name: Finding(None) for name in before.looks if name.startswith("slurm/")})
    assert late.scheduling.engine.state == "unknown"
    after = kept(late, before)
    assert after.scheduling.engine.value == "slurm"
    assert after.type.value.value == before.type.value.value
    assert names(after) == names(before)
    assert [one.path for one in changes(before, after) if not one.path.startswith("scheduling.control.")] == []


def test_what_was_seen_from_inside_keeps_its_own_look() -> None:
    before = mapped(recorded("22.05.8", "looks"))
    group = msgspec.structs.replace(
        before.instance.nodes[0], gpus=(Gpu(8, "rtx3090", known(Bytes(24 << 30), "g1:driver")),)
    )
    before = msgspec.structs.replace(before, instance=msgspec.structs.replace(before.instance, nodes=(group,)))
    after = kept(mapped(recorded("22.05.8", "looks-down")), before)
    assert after.instance.nodes[0].gpus == group.gpus
    assert after.instance.nodes[0].by == "earlier/slurm/nodes"


def test_doctor_still_says_that_the_scheduler_is_silent() -> None:
    before = mapped(recorded("22.05.8", "looks"))
    down = mapped(recorded("22.05.8", "looks-down"))
    first, second = (examine(Seen("a", one, 9000.0)).findings for one in (down, kept(down, before)))
    told = [(one.severity, one.what, one.why) for one in first if one.severity == "problem"]
    assert told
    assert [(one.severity, one.what, one.why) for one in second if one.severity == "problem"] == told
