"""``jido gpus`` and ``jido where``: what can really be had, on screen, as JSON and as an exit code."""

from __future__ import annotations

import json
import threading
import time

import msgspec
import pytest
from spoken import Jido

from jido.api.capacity import Found, Gpus
from jido.cli import draw
from jido.config import clusters, maps
from jido.model.destination import Destination
from jido.model.facts import known
from jido.model.limits import Access, Limits
from jido.model.map import (
    Bytes,
    Gpu,
    Map,
    NodeGroup,
    NodeNow,
    Now,
    Partition,
    QueuedJob,
    Seconds,
)
from small_clusters import G, cluster

NODES = (
    NodeGroup("g[1-2]", cpus=64, memory=Bytes(512 * G), gpus=(Gpu(8, "rtx3090"),)),
    NodeGroup("g3", cpus=64, memory=Bytes(512 * G), gpus=(Gpu(4, "a100"),)),
)
PARTITIONS = (
    Partition("batch_ugrad", "g[1-2]", max_time=Seconds(6 * 86400)),
    Partition("연구실", "g3"),
    Partition("lab$(x)", "g3"),
    Partition("닫힘", "g3", state="down"),
    Partition("unclear", "g3"),
)
JUST_NOW = time.time()
ACCESS = (
    Access("batch_ugrad", "open", "verified", "", "ugrad", "gpu1", Limits(gpus=2), Limits(gpus=2), JUST_NOW),
    Access("연구실", "refused", "verified", "교수님 허가가 필요합니다", at=JUST_NOW),
    Access("lab$(x)", "no access", "declared", "it takes the accounts vll; yours: ugrad"),
    Access("닫힘", "down", "declared", "the partition is down"),
    Access("unclear", "not established", words="it takes the groups faculty; yours are not known"),
)
BUSY = (
    NodeNow("g1", "mixed", cpus_used=64, gpus_used={"rtx3090": 2}),
    NodeNow("g2", "mixed", cpus_used=8, memory_used=64 * G, gpus_used={"rtx3090": 1}),
    NodeNow("g3", "idle"),
)


def keep(name: str = "aurora", at: float | None = None, **queue: object) -> Map:
    made = cluster(NODES, BUSY, PARTITIONS, ACCESS, name=name, at=time.time() if at is None else at)
    # Nobody listens there.
    clusters.put(name, Destination(host="127.0.0.1", port=1))
    maps.save(name, made)
    return made


def test_each_kind_is_shown_in_all_free_and_usable_with_why_not(jido: Jido) -> None:
    keep()
    said = jido("gpus", "aurora")
    assert said.code == 0
    rtx = next(line.split() for line in said.out.splitlines() if "rtx3090" in line and " all " in line)
    assert rtx == ["rtx3090", "24G", "all", "16", "13", "2", "2"]
    text = " ".join(said.out.split())
    assert "6 no CPUs left on its node; 5 beyond your limit of 2 GPUs" in text
    for line in ("refused: 연구실", "no access: lab$(x)", "down: 닫힘", "4 in no partition that is open to you"):
        assert line in text


def aged(seconds: float) -> tuple[Access, ...]:
    """The verdicts as if they had been verified so long ago."""
    return tuple(msgspec.structs.replace(row, at=row.at - seconds) if row.at else row for row in ACCESS)


@pytest.mark.parametrize(("seconds", "said"), [(60, ""), (2 * 3600, " 2h ago"), (9 * 86400, " 9d ago")])
def test_a_verdict_that_was_verified_long_ago_says_so_however_young_the_look_at_the_nodes(
    jido: Jido, monkeypatch: pytest.MonkeyPatch, seconds: float, said: str
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    # However long ago this file was read.
    monkeypatch.setattr(time, "time", lambda: JUST_NOW)
    monkeypatch.setitem(globals(), "ACCESS", aged(seconds))
    keep()
    told = jido("gpus", "aurora").out
    assert "looked at just now" in told
    assert f"open (verified{said})" in told
    rows = [line for line in jido("where", "--gpus", "1", "--estimates", "0").out.splitlines() if " now " in line]
    assert all(line.rstrip().endswith(f"verified{said}") for line in rows)
    shown = " ".join(jido("show", "aurora").out.split())
    assert (f"verified{said}" in shown) == bool(said)
    [found] = msgspec.json.decode(jido("gpus", "aurora", "--json").out, type=list[Gpus])
    assert {pool.verified_at for pool in found.partitions if pool.rests_on == "verified"} == {JUST_NOW - seconds}


def test_memory_that_may_be_more_is_marked(jido: Jido) -> None:
    keep()
    told = jido("gpus", "aurora").out
    row = next(line.split() for line in told.splitlines() if "a100" in line and " all " in line)
    assert row[1] == "40G+"
    assert "MEMORY +: that or more" in told
    [found] = msgspec.json.decode(jido("gpus", "aurora", "--json").out, type=list[Gpus])
    assert {pool.model: pool.memory_by for pool in found.kinds} == {
        "rtx3090": "its model",
        "a100": "its model's smallest variant",
    }


def test_columns_stand_in_line_whatever_the_letters(jido: Jido, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setitem(globals(), "ACCESS", (*ACCESS[:1], Access("연구실", "open", "declared"), *ACCESS[2:]))
    keep()
    rows = [line for line in jido("gpus", "aurora").out.splitlines() if "open (" in line]
    assert len({draw.width(line[: line.index("open (")]) for line in rows}) == 1
    assert [line for line in jido("gpus", "aurora").out.splitlines() if draw.width(line) > 80] == []


def test_the_same_as_json_adds_up(jido: Jido) -> None:
    keep()
    printed = jido("gpus", "aurora", "--json").out
    assert msgspec.json.decode(printed, type=list[Gpus], strict=True)
    [one] = json.loads(printed)
    assert (one["cluster"], one["problem"]) == ("aurora", "")
    for pool in one["kinds"] + one["partitions"]:
        assert pool["free"] == pool["usable"] + sum(pool["not_usable"].values())


def test_a_look_too_old_of_a_cluster_that_is_not_reached_is_shown_with_its_age(jido: Jido) -> None:
    keep(at=time.time() - 7200)
    said = jido("gpus", "aurora")
    assert "looked at 2h ago" in said.out
    assert "aurora could not be looked at now" in said.err


def test_a_newer_look_is_used_and_does_not_make_the_map_look_younger(jido: Jido) -> None:
    made = keep(at=time.time() - 7200)
    idle = tuple(msgspec.structs.replace(node, cpus_used=0, gpus_used={}) for node in BUSY)
    maps.save_now("aurora", Now(at=time.time(), nodes=known(idle, "x"), queue=known((), "x")))
    said = jido("gpus", "aurora")
    assert "looked at just now" in said.out
    assert maps.need("aurora").now.at == made.now.at


def test_without_a_map_it_says_what_to_do(jido: Jido) -> None:
    said = jido("where", "--gpus", "1")
    assert (said.code, "jido probe" in said.err) == (4, True)


def test_a_cluster_without_a_map_is_named_and_nothing_is_certain_without_it(jido: Jido) -> None:
    clusters.put("lab", Destination(host="127.0.0.1", port=1))
    said = jido("where", "--gpus", "1")
    assert (said.code, "lab" in said.err, "no map: jido probe lab" in said.err) == (11, True, True)
    assert "no map: jido probe lab" in jido("gpus").err
    keep()
    said = jido("where", "--gpus", "9", "--json")
    found = msgspec.json.decode(said.out, type=Found)
    assert (said.code, found.when) == (11, "not known")
    assert found.problems["lab"] == "no map: jido probe lab"
    assert [one.cluster for one in msgspec.json.decode(jido("gpus", "--json").out, type=list[Gpus])] == [
        "aurora",
        "lab",
    ]
    # Who asks about some is told of these.
    assert jido("where", "aurora", "--gpus", "9").code == 5
    assert jido("where", "--gpus", "2", "--estimates", "0").code == 0


@pytest.mark.parametrize(
    ("words", "code", "when"),
    [
        (("--gpus", "2", "--time", "2d", "--needs", "bf16"), 0, "now"),
        (("--gpus", "2", "--cpus-per-gpu", "32"), 12, "later"),
        (("--gpus", "4"), 11, "not known"),
        (("--gpus", "9"), 5, "no"),
        (("--needs", "fp8"), 5, "no"),
        (("--gpu-mem", "40G"), 11, "not known"),
        (("--gpu-mem", "500G"), 5, "no"),
    ],
)
def test_scripts_read_the_exit_code(jido: Jido, words: tuple[str, ...], code: int, when: str) -> None:
    keep()
    said = jido("where", *words, "--estimates", "0", "--json")
    assert (said.code, msgspec.json.decode(said.out, type=Found).when) == (code, when)


def test_places_of_all_clusters_are_ranked_with_what_they_rest_on(jido: Jido) -> None:
    keep("aurora")
    keep("ariel")
    said = jido("where", "--gpus", "1", "--estimates", "0")
    rows = [line.split() for line in said.out.splitlines() if " now " in line]
    assert {row[1] for row in rows} == {"aurora", "ariel"}
    assert {row[-1] for row in rows} == {"verified"}
    assert "교수님 허가가 필요합니다" in said.out


def test_a_cluster_that_does_not_answer_keeps_its_declared_places(jido: Jido) -> None:
    keep()
    said = jido("where", "--gpus", "1")
    assert said.code == 0
    assert "verified" in said.out


@pytest.mark.parametrize("document", ["gpus", "where"])
def test_what_is_printed_has_a_published_schema(jido: Jido, document: str) -> None:
    assert "$defs" in json.loads(jido("schema", document).out)


def test_a_wrong_ability_names_the_right_ones(jido: Jido) -> None:
    keep()
    said = jido("where", "--needs", "bf17")
    assert (said.code, "bf16" in said.err) == (2, True)


def test_a_limit_in_use_is_later(jido: Jido) -> None:
    made = keep()
    job = QueuedJob("7", "running", partition="batch_ugrad", account="ugrad", qos="gpu1", gpus=2)
    maps.save(
        "aurora", msgspec.structs.replace(made, now=msgspec.structs.replace(made.now, queue=known((job,), "x")))
    )
    said = jido("where", "--gpus", "1", "--estimates", "0")
    assert said.code == 12
    assert "beyond your limit of 2 GPUs (2 in use)" in said.out


def test_a_machine_with_jidos_own_queue_is_looked_at_as_quickly(jido: Jido, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JIDO_PROCESS_GPUS", "2")
    assert jido("probe", "local").code == 0
    assert jido("submit", "--on", "local", "--gpus", "1", "--cpus", "1", "--", "sleep", "60").code == 0
    try:
        deadline = time.monotonic() + 20
        while (kinds := jido("gpus", "local", "--fresh", "--json").json[0]["kinds"])[0]["free"] != 1:
            assert time.monotonic() < deadline, kinds
        [found] = jido("gpus", "local", "--json").json
        assert (found["problem"], found["kinds"][0]["in_all"], found["kinds"][0]["usable"]) == ("", 2, 1)
        assert [jido("where", "local", "--gpus", count).code for count in ("1", "2", "3")] == [0, 12, 5]
    finally:
        jido("cancel", "1")


def test_several_clusters_are_looked_at_side_by_side_and_their_maps_read_one_by_one(
    jido: Jido, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two threads that both read a map for the first time ended the process (msgspec 0.22.0).
    readers, really = set(), maps.need

    def need(name: str) -> Map:
        readers.add(threading.current_thread())
        return really(name)

    monkeypatch.setattr(maps, "need", need)
    names = [f"c{number}" for number in range(8)]
    for name in names:
        keep(name)
    assert [one["cluster"] for one in jido("gpus", "--fresh", "--json").json] == names
    assert readers == {threading.main_thread()}
