"""What jobs saw joins the map and stays there: by rules, whatever was seen and in whatever order."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jido.model.document import map_from_json, to_json
from jido.model.facts import Fact, Look, absent, known, unknown
from jido.model.map import Bytes, Gpu, Instance, Map, NodeGroup, Storage, Volume
from jido.model.nodeset import expand
from jido.model.seen import Device, NodeSeen, Speed
from jido.probe.diff import changes
from jido.probe.inside.measure import Measured
from jido.probe.inside.merge import carried, merged
from jido.probe.inside.read import Inside, unseen
from jido.probe.inside.tokens import Sharing

LIKELY: Fact[bool] = unknown("NFS from nas1: likely", "df")
NODES = ("g1", "g2", "c1")
GROUPS = (NodeGroup("g[1-2]", gpus=(Gpu(2, "a100"),)), NodeGroup("c1"), NodeGroup("login1", role="login"))


def volume(path: str, size: int = 10, *, fs: str = "nfs4", source: str = "nas1:/x", mine: bool = True) -> Volume:
    return Volume(
        path,
        fs=known(fs, "df"),
        tier=known("work", "df"),
        source=known(source, "df"),
        size=known(Bytes(size), "df"),
        shared=LIKELY,
        mine=known(f"{path}/u1", "df") if mine else absent("df"),
        by="df",
    )


def login(*rows: Volume) -> Map:
    looks = {"df": Look("df", "login1")}
    return Map("site", instance=Instance(nodes=GROUPS), storage=Storage(rows), looks=looks)


def look(
    node: str, rows: dict[str, tuple[str, int]], peers: dict[str, tuple[tuple[str, ...], tuple[str, ...]]]
) -> Inside:
    """A node's look: by path what the tokens say of it, and its size; and who else was there."""
    volumes, sharing = [], {}
    for path, (said, size) in rows.items():
        if said != "none":
            row = volume(path, size)
            facts = {
                name: msgspec.structs.replace(fact, by=f"{node}:df")
                for name in row.__struct_fields__
                if isinstance(fact := getattr(row, name), Fact) and fact.by
            }
            volumes.append(msgspec.structs.replace(row, seen_from=node, by=f"{node}:df", **facts))
        same, other = peers.get(path, ((), ()))
        sharing[path] = Sharing("" if said == "unsaid" else said, same, other)
    return Inside(
        node,
        NodeSeen(node, at=5.0, cost=1.0, kernel=known("6", f"{node}:uname"), free=dict.fromkeys(rows, 3)),
        tuple(volumes),
        sharing,
        looks={f"{node}:{name}": Look(name, node) for name in ("df", "tokens", "peers", "uname", "driver")},
    )


def row_of(map_: Map, path: str, seen_from: str) -> Volume:
    return next(row for row in map_.storage.volumes if (row.path, row.seen_from) == (path, seen_from))


def where(map_: Map) -> list[tuple[str, str, bool | None]]:
    return [(row.path, row.seen_from, row.shared.value) for row in map_.storage.volumes]


DATA = login(volume("/data"), volume("/tmp", fs="ext4", source="/dev/sda1"))


def test_a_token_that_is_seen_on_both_sides_makes_one_shared_row() -> None:
    found = merged(DATA, [look("g1", {"/data": ("same", 10)}, {}), look("g2", {"/data": ("same", 10)}, {})])
    data = row_of(found, "/data", "login,g[1-2]")
    assert data.shared == known(True, "g1:tokens")
    assert data.size.by == "df"
    assert [row.node for row in found.instance.seen] == ["g1", "g2"]


def test_other_files_by_the_same_path_are_the_nodes_own() -> None:
    found = merged(DATA, [look(node, {"/tmp": ("other", 7)}, {}) for node in NODES])
    assert ("/tmp", "c1,g[1-2]", False) in where(found)
    assert row_of(found, "/tmp", "login").shared.value is False
    assert row_of(found, "/tmp", "c1,g[1-2]").size == known(Bytes(7), "c1:df")


def test_disks_that_differ_are_rows_of_their_own() -> None:
    found = merged(DATA, [look("g1", {"/tmp": ("other", 7)}, {}), look("g2", {"/tmp": ("other", 8)}, {})])
    assert [(row.seen_from, row.size.value) for row in found.storage.volumes if row.path == "/tmp"][1:] == [
        ("g1", 7),
        ("g2", 8),
    ]


def test_one_way_proves_nothing() -> None:
    found = merged(DATA, [look("g1", {"/data": ("one way", 10)}, {})])
    assert row_of(found, "/data", "g1").shared.state == "unknown"
    assert "did not see the one in return" in row_of(found, "/data", "g1").shared.why
    assert row_of(found, "/data", "login").shared.value is None


def test_not_shared_is_only_said_once_each_kind_was_looked_at() -> None:
    one = merged(DATA, [look("g1", {"/data": ("none", 0)}, {})])
    shared = row_of(one, "/data", "login").shared
    assert (shared.state, shared.settle) == ("unknown", "jido probe site --compute")
    assert "g1 does not see it, and c1 was not looked at yet" in shared.why
    both = merged(one, [look("c1", {"/data": ("none", 0)}, {})])
    assert row_of(both, "/data", "login").shared.value is False
    other = merged(one, [look("c1", {"/data": ("same", 0)}, {})])
    assert row_of(other, "/data", "login,c1").shared.value is True


def test_what_only_compute_nodes_have_is_settled_among_them() -> None:
    rows = {"/local": ("unsaid", 7)}
    apart = merged(DATA, [look("g1", rows, {"/local": ((), ("g2",))}), look("g2", rows, {"/local": ((), ("g1",))})])
    assert row_of(apart, "/local", "g[1-2]").shared == known(False, "g1:peers")
    together = merged(
        DATA,
        [
            look("g1", rows, {"/local": (("g2",), ())}),
            look("g2", rows, {"/local": (("c1",), ())}),
            look("c1", {"/local": ("unsaid", 9)}, {"/local": (("g2",), ())}),
        ],
    )
    assert row_of(together, "/local", "c1,g[1-2]").shared.value is True
    alone = merged(DATA, [look("g1", rows, {})])
    assert row_of(alone, "/local", "g1").shared.settle == "jido probe site --compute --all-nodes"


def test_the_same_export_without_a_token_is_seen_from_both_and_stays_unproved() -> None:
    sets = login(volume("/sets", mine=False))
    found = merged(sets, [look("g1", {"/sets": ("unsaid", 10)}, {})])
    assert where(found) == [("/sets", "login,g1", None)]


def test_a_new_look_replaces_the_nodes_old_one_and_nobody_elses() -> None:
    rows = {"/data": ("same", 10), "/local": ("unsaid", 7)}
    peers = {"/local": ((), NODES)}
    first = merged(DATA, [look(node, rows, peers) for node in ("g1", "g2")])
    second = merged(first, [look("g1", {"/data": ("none", 0)}, {})])
    assert where(second) == [("/data", "login,g2", True), ("/local", "g2", False), ("/tmp", "login", None)]
    assert row_of(second, "/data", "login,g2").shared.by == "g2:tokens"
    assert row_of(second, "/local", "g2").size.by == "g2:df"


def test_who_was_not_seen_is_unknown_with_the_reason_and_takes_nothing_away() -> None:
    blank = unseen("g1", "job 7 waits in batch: Resources", "jido probe site --compute --resume", 6.0)
    waiting = merged(DATA, [], [blank])
    assert waiting.instance.seen == (blank,)
    assert {fact.why for name in blank.__struct_fields__ if isinstance(fact := getattr(blank, name), Fact)} == {
        "job 7 waits in batch: Resources"
    }
    assert not blank.was_seen
    known_ = merged(DATA, [look("g1", {"/data": ("same", 10)}, {})])
    assert merged(known_, [], [blank]) == known_


def test_the_drivers_word_on_memory_is_told_of_the_nodes_gpus() -> None:
    devices = (Device("NVIDIA A100", 80),) * 2
    seen = look("g2", {}, {})
    seen = msgspec.structs.replace(seen, seen=msgspec.structs.replace(seen.seen, gpus=known(devices, "g2:driver")))
    assert merged(DATA, [seen]).instance.nodes[0].gpus[0].memory == known(Bytes(80), "g2:driver")
    mixed = msgspec.structs.replace(seen.seen, gpus=known((Device("A", 80), Device("B", 40)), "g2:driver"))
    assert not merged(DATA, [msgspec.structs.replace(seen, seen=mixed)]).instance.nodes[0].gpus[0].memory.is_known


def test_a_speed_is_kept_by_node_until_it_is_measured_again() -> None:
    def timed(node: str, write: float) -> Inside:
        seen = look(node, {"/data": ("same", 10)}, {})
        return msgspec.structs.replace(seen, measured=Measured({"/data": Speed(node, write=write)}, {}))

    first = merged(DATA, [timed("g1", 1.0), timed("g2", 2.0)])
    second = merged(first, [timed("g1", 3.0)])
    speeds = next(row for row in second.storage.volumes if row.path == "/data").speed
    assert {speed.node: speed.write for speed in speeds} == {"g1": 3.0, "g2": 2.0}


# --- a later, weaker look -------------------------------------------------------------------------------------------


def dated(node: str, at: float, rows: dict[str, tuple[str, int]], peers: Any) -> Inside:
    seen = look(node, rows, peers)
    return msgspec.structs.replace(
        seen, looks={name: msgspec.structs.replace(one, at=at) for name, one in seen.looks.items()}
    )


LOCAL = {"/data": ("same", 10), "/tmp": ("other", 7), "/local": ("unsaid", 7)}
BEFORE = merged(DATA, [dated(node, 100.0, LOCAL, {"/local": ((), NODES)}) for node in NODES])


@pytest.mark.parametrize("nodes", [("c1",), ("g1",), ("c1", "g1"), NODES])
def test_a_look_that_settles_nothing_takes_no_proof_away(nodes: tuple[str, ...]) -> None:
    weak = {"/data": ("unsaid", 10), "/tmp": ("other", 7), "/local": ("unsaid", 7)}
    after = merged(BEFORE, [dated(node, 200.0, weak, {}) for node in nodes])
    assert where(after) == where(BEFORE)
    assert changes(BEFORE, after) == []
    # With its age: by the look that proved it, also when that node's looks are younger now.
    assert {after.looks[row.shared.by].at for row in after.storage.volumes if row.path != "/tmp"} == {100.0}
    again = merged(after, [dated(node, 300.0, weak, {}) for node in nodes])
    assert where(again) == where(BEFORE)
    assert {again.looks[row.shared.by].at for row in again.storage.volumes if row.path != "/tmp"} == {100.0}
    assert map_from_json(to_json(again)) == again
    assert where(carried(DATA, again)) == where(BEFORE)


def test_a_later_proof_replaces_the_earlier_one() -> None:
    weak = merged(BEFORE, [dated(node, 200.0, {"/local": ("unsaid", 7)}, {}) for node in NODES])
    after = merged(weak, [dated(node, 300.0, LOCAL, {"/local": ((), NODES)}) for node in NODES])
    assert {after.looks[row.shared.by].at for row in after.storage.volumes} == {300.0}
    assert not [name for name in after.looks if "earlier" in name]


def test_files_that_nodes_were_proved_to_share_stay_shared() -> None:
    peers = {"g1": {"/local": (("g2",), ())}, "g2": {"/local": (("g1",), ())}}
    proved = merged(DATA, [dated(node, 100.0, {"/local": ("unsaid", 7)}, peers[node]) for node in ("g1", "g2")])
    assert ("/local", "g[1-2]", True) in where(proved)
    after = merged(proved, [dated("g1", 200.0, {"/local": ("unsaid", 7)}, {})])
    assert ("/local", "g[1-2]", True) in where(after)
    gone = merged(proved, [dated("g1", 200.0, {}, {})])
    assert [row for row in where(gone) if row[0] == "/local"] == [("/local", "g2", None)]


def test_the_proof_is_of_that_volume_and_goes_with_it() -> None:
    other = dated("g1", 200.0, {"/local": ("unsaid", 7)}, {})
    row = msgspec.structs.replace(other.volumes[0], source=known("nas9:/z", "g1:df"))
    after = merged(BEFORE, [msgspec.structs.replace(other, volumes=(row,))])
    assert row_of(after, "/local", "g1").shared.state == "unknown"
    assert row_of(after, "/local", "c1,g2").shared.value is False


@pytest.mark.parametrize("node", ["g1", "c1"])
def test_that_each_kind_was_asked_is_not_forgotten_when_one_is_asked_again(node: str) -> None:
    none = {"/data": ("none", 0)}
    both = merged(DATA, [look("g1", none, {}), look("c1", none, {})])
    assert row_of(both, "/data", "login").shared.value is False
    assert row_of(merged(both, [look(node, none, {})]), "/data", "login").shared.value is False


# --- what proves it -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["nas1:/x", "/dev/sdb1"])
def test_where_nothing_is_mine_what_would_prove_it_is_a_folder_of_mine(source: str) -> None:
    sets = login(volume("/sets", mine=False, source=source))
    there = look("g1", {"/sets": ("unsaid", 10)}, {})
    row = msgspec.structs.replace(there.volumes[0], mine=absent("g1:df"))
    for base in (sets, login()):
        found = merged(base, [msgspec.structs.replace(there, volumes=(row,))])
        shared = next(one for one in found.storage.volumes if one.on_nodes).shared
        assert "no folder of yours is on it" in shared.why
        assert shared.settle == "needs a folder of yours there, then jido probe site --compute"
    assert found.looks[shared.by].on == "g1"


def test_a_token_that_was_left_and_of_which_nobody_told_is_not_said_to_be_missing() -> None:
    found = merged(DATA, [look("g1", {"/data": ("unsaid", 10)}, {})])
    assert row_of(found, "/data", "g1").shared.why == "g1 did not tell of the token in it"


# --- a later probe of the login node alone --------------------------------------------------------------------------

INSIDE = merged(
    DATA,
    [
        look(node, {"/data": ("same", 10), "/tmp": ("other", 7), "/local": ("unsaid", 7)}, {"/local": ((), NODES)})
        for node in NODES
    ],
)


def test_a_later_probe_keeps_all_of_it() -> None:
    assert carried(DATA, INSIDE) == INSIDE
    assert changes(INSIDE, carried(DATA, INSIDE)) == []
    assert carried(DATA, None) == DATA
    assert carried(DATA, DATA) == DATA


def test_a_node_that_the_scheduler_has_no_more_is_forgotten() -> None:
    fewer = msgspec.structs.replace(DATA, instance=Instance(nodes=(NodeGroup("g2"), NodeGroup("c1"))))
    found = carried(fewer, INSIDE)
    assert [row.node for row in found.instance.seen] == ["c1", "g2"]
    assert ("/data", "login,c1,g2", True) in where(found)
    assert b"g1" not in to_json(found)


def test_a_scheduler_that_does_not_answer_takes_nothing_away() -> None:
    silent = msgspec.structs.replace(DATA, instance=Instance())
    assert where(carried(silent, INSIDE)) == where(INSIDE)


@pytest.mark.parametrize(
    ("now", "kept"),
    [
        (volume("/data", size=99), True),
        (volume("/data", source="nas2:/new"), False),
        (volume("/data", mine=False), False),
        (msgspec.structs.replace(volume("/data"), fs=unknown("df did not answer"), source=unknown("x")), True),
    ],
)
def test_a_volume_that_is_certainly_another_one_is_not_taken_for_the_old(now: Volume, kept: bool) -> None:
    found = carried(login(now), INSIDE)
    if kept:
        assert row_of(found, "/data", "login,c1,g[1-2]").shared.value is True
        return
    assert row_of(found, "/data", "login").shared.value is None
    assert "another one on the login node" in row_of(found, "/data", "c1,g[1-2]").shared.why


def test_a_volume_that_came_later_is_denied_by_nobody() -> None:
    later = login(volume("/data"), volume("/tmp", fs="ext4", source="/dev/sda1"), volume("/new"))
    assert row_of(carried(later, INSIDE), "/new", "login").shared == LIKELY
    again = merged(carried(later, INSIDE), [look("g1", {"/data": ("same", 10)}, {})])
    assert row_of(again, "/new", "login").shared == LIKELY
    asked = look("g1", {"/new": ("none", 0)}, {})
    shared = row_of(merged(carried(later, INSIDE), [asked]), "/new", "login").shared
    assert "g1 does not see it, and c1 was not looked at yet" in shared.why


def test_a_volume_that_the_login_node_has_lost_is_still_the_nodes() -> None:
    found = carried(login(), INSIDE)
    assert "gone from the login node" in row_of(found, "/data", "c1,g[1-2]").shared.why


# --- whatever was seen ----------------------------------------------------------------------------------------------

PATHS = ("/data", "/tmp", "/local", "/한글 'x' $(y)\n")
SAID = st.sampled_from(("same", "other", "none", "one way", "unsaid"))


@st.composite
def looks(draw: Any) -> Inside:
    node = draw(st.sampled_from(NODES))
    rows = draw(st.dictionaries(st.sampled_from(PATHS), st.tuples(SAID, st.integers(7, 8)), max_size=4))
    # A token of the login node says nothing of what it has not.
    rows = {path: (said if path in ("/data", "/tmp") else "unsaid", size) for path, (said, size) in rows.items()}
    others = [one for one in NODES if one != node]
    peers = {}
    for path in rows:
        same = draw(st.sets(st.sampled_from(others)))
        peers[path] = (tuple(sorted(same)), tuple(sorted(set(others) - same)) if draw(st.booleans()) else ())
    return look(node, rows, peers)


def by_node(found: list[Inside]) -> list[Inside]:
    return list({one.node: one for one in found}.values())


@given(st.lists(looks(), max_size=3).map(by_node))
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_was_seen_the_map_keeps_its_rules(found: list[Inside]) -> None:
    map_ = merged(DATA, found)
    assert merged(DATA, found[::-1]) == map_, "the order does not matter"
    assert merged(map_, found) == map_, "twice is once"
    assert carried(DATA, map_) == map_, "a look at the login node alone changes nothing of it"
    assert map_from_json(to_json(map_)) == map_
    assert changes(map_, map_) == []
    said = {(one.node, path): sharing.login for one in found for path, sharing in one.sharing.items()}
    homes: dict[tuple[str, str], int] = {}
    for row in map_.storage.volumes:
        for node in expand(row.on_nodes):
            homes[row.path, node] = homes.get((row.path, node), 0) + 1
        if row.on_login and row.shared.value is True:
            assert row.on_nodes
            assert {said[node, row.path] for node in expand(row.on_nodes)} == {"same"}
        if row.on_login and row.shared.value is False:
            assert not row.on_nodes
        for name in row.__struct_fields__:
            fact = getattr(row, name)
            if isinstance(fact, Fact) and fact.by:
                assert fact.by in map_.looks, fact
    assert set(homes.values()) <= {1}, "a node sees one volume by a path"
    order = [(row.path, not row.on_login, row.seen_from) for row in map_.storage.volumes]
    assert all(a <= b for a, b in pairwise(order))


@given(st.lists(looks(), max_size=4), st.sets(st.sampled_from(NODES)))
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
def test_one_after_another_nothing_dangles_and_who_is_gone_is_gone(found: list[Inside], left: set[str]) -> None:
    map_ = DATA
    for one in found:
        map_ = merged(map_, [one])
    fewer = msgspec.structs.replace(
        DATA, instance=Instance(nodes=tuple(NodeGroup(name) for name in sorted(left)) or (NodeGroup("z9"),))
    )
    after = carried(fewer, map_)
    assert carried(fewer, after) == after
    assert {row.node for row in after.instance.seen} == {one.node for one in found} & left
    for row in after.storage.volumes:
        assert set(expand(row.on_nodes)) <= left
        for name in row.__struct_fields__:
            fact = getattr(row, name)
            if isinstance(fact, Fact) and fact.by:
                assert fact.by in after.looks, fact
