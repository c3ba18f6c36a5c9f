"""The picture of a cluster says what the map says, and nothing a name smuggles in."""

from __future__ import annotations

import re

import msgspec
import pytest
from pages_of_maps import HOSTILE, HTML, busy, html, of_class, tree, words

from jido.engines.slurm import Slurm
from jido.explain.speech import Speech
from jido.model.facts import known
from jido.model.limits import Access
from jido.model.map import Bytes, Gpu, Map, NodeGroup, Partition, Scheduling, Storage, Volume
from jido.model.seen import NodeSeen
from jido.picture.cells import nodes, totals
from jido.picture.poster import poster
from jido.picture.scene import scene
from jido.testing.large import findings
from jido.twins.maps import built_in, built_in_names
from jido.words import LANGUAGES
from small_clusters import G, cluster, idle, node


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", [*built_in_names(), "busy", "empty"])
def test_a_page_is_well_formed_and_fetches_and_executes_nothing(name: str, lang: str) -> None:
    map_ = {"busy": busy(), "empty": Map("empty")}.get(name) or built_in(name)
    text = html(map_, lang)
    root = tree(text)
    assert root.get("lang") == lang
    assert not [one.tag for one in root.iter() if one.tag in (f"{HTML}script", f"{HTML}img", f"{HTML}iframe")]
    addresses = [value for one in root.iter() for key, value in one.items() if key in ("src", "href", "action")]
    assert all(value.startswith("#") or value == "data:," for value in addresses)
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/1999/xhtml)", text)
    ids = [one.get("id") for one in root.iter() if one.get("id")]
    assert len(ids) == len({*ids})


def test_every_gpu_is_one_cell_in_one_state() -> None:
    found = nodes(busy())
    assert totals(found) == {"mine": 2, "others": 4, "free": 3, "unusable": 11, "down": 8, "unknown": 8}
    by_name = {one.name: one for one in found}
    assert by_name["g1"].cells[0].states == {"mine": 2, "others": 3, "free": 3}
    assert by_name["g3"].cells[0].why == "no CPUs left on its node"
    assert by_name["k1"].cells[0].why == "in no partition that is open to you"
    assert (by_name["g2"].state, by_name["g4"].state, by_name["c1"].state) == ("down", "unknown", "up")
    root = tree(html(busy()))
    [first] = [one for one in of_class(root, "node") if words(of_class(one, "name")[0]) == "g1"]
    [cells] = of_class(first, "cells")
    assert [one.get("class") for one in cells] == ["mine"] * 2 + ["others"] * 3 + ["free"] * 3
    assert cells.get("aria-label") == "8 rtx3090: yours 2, others' 3, free 3"


def test_whose_the_gpus_are_is_not_guessed() -> None:
    map_ = busy()
    somewhere = tuple(msgspec.structs.replace(job, on="") for job in map_.now.queue.value or ())
    unplaced = msgspec.structs.replace(map_, now=msgspec.structs.replace(map_.now, queue=known(somewhere, "x")))
    sums = totals(nodes(unplaced))
    assert sums["used"] == 6
    assert not {"mine", "others"} & {*sums}


def test_each_node_is_in_exactly_one_group_of_partitions() -> None:
    drawn = scene(built_in("ariel"), Speech("en")).field
    names = [shape.name for group in drawn.groups for shape in group.shapes]
    assert len(names) == len({*names}) == 23
    assert [len(group.shapes) for group in drawn.groups] == [13, 8, 2]
    assert drawn.groups[2].partitions == ("debug_grad", "batch_grad", "batch_vll")


def test_volumes_say_how_full_they_are_and_who_sees_them() -> None:
    root = tree(html(busy()))
    shelves = {words(of_class(one, "name")[0]): one for one in of_class(root, "shelf")}
    assert [*shelves] == ["/home", "/data", "/local_datasets"]
    assert "75T of 100T used, 25T free 75%" in words(shelves["/data"])
    assert "your quota 1T of 4T" in words(shelves["/data"])
    assert "compute nodes : not known jido probe site --compute" in words(shelves["/home"])
    assert "login node : no" in words(shelves["/local_datasets"])
    assert "jido probe aurora --compute" in words(shelves["/local_datasets"])
    assert "not drawn: 1" in words(root)


def test_what_is_not_known_is_drawn_so_with_the_command_that_settles_it() -> None:
    root = tree(html(built_in("aurora"), origin="built-in"))
    text = words(root)
    assert "published map, not from a probe" in text
    assert "(estimate)" in text
    assert {one.get("class") for cells in of_class(root, "cells") for one in cells} == {"unknown"}
    queue = next(one for one in of_class(root, "fact") if words(one).startswith("your jobs"))
    assert words(queue) == "your jobs not known jido probe aurora"
    assert "usable now by you" not in text


def test_a_hostile_name_is_text_everywhere() -> None:
    map_ = busy(HOSTILE)
    group = NodeGroup(HOSTILE.replace("]", ""), features=(HOSTILE,))
    map_ = msgspec.structs.replace(
        map_,
        purpose=HOSTILE,
        notes=(HOSTILE,),
        instance=msgspec.structs.replace(map_.instance, nodes=(*map_.instance.nodes, group)),
        storage=Storage((*map_.storage.volumes, Volume(HOSTILE, note=HOSTILE))),
        scheduling=msgspec.structs.replace(
            map_.scheduling, access=known((Access("batch", "refused", words=HOSTILE),), "x")
        ),
    )
    for lang in LANGUAGES:
        text = html(map_, lang)
        assert not [one for one in tree(text).iter() if one.tag == f"{HTML}script"]
        assert not {"\u202e", "\x07"} & {*text}
        assert r"\u202e\u0007 이름" in text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_it_speaks_the_readers_language(lang: str) -> None:
    text = words(tree(html(busy(), lang)))
    assert ("계산 노드" in text) == (lang == "ko")
    assert ("Compute nodes" in text) == (lang == "en")


def test_ten_thousand_nodes_are_a_small_page() -> None:
    engine = Slurm()
    found = engine.inventory(findings(10_000, 100), 1.0)
    large = Map(
        "large",
        instance=msgspec.structs.replace(Map("x").instance, nodes=found.nodes),
        scheduling=found.scheduling,
        now=found.now,
    )
    text = html(large)
    assert len(text) < 60_000
    root = tree(text)
    assert len(of_class(root, "sum")) == 4
    sums = totals(nodes(large))
    assert sum(sums.values()) == sum(gpu.count for one in nodes(large) for gpu in one.row.gpus)
    assert all(f"{count:,}" in words(root) for count in sums.values())


def test_a_map_that_claims_a_thousand_million_gpus_is_drawn_all_the_same() -> None:
    map_ = cluster((node("g1", Gpu(10**9, "x")),), (idle("g1"),), (Partition("p", "g1"),))
    text = html(map_)
    assert len(text) < 40_000
    assert "1,000,000,000 x: " in words(tree(text))
    assert len(poster(scene(map_, Speech("en")), Speech("en"))) < 20_000


def test_a_map_without_a_scheduler_has_no_nodes_to_draw() -> None:
    text = words(tree(html(Map("disk", scheduling=Scheduling()))))
    assert "No scheduler tells which nodes there are." in text


def test_every_colour_can_be_read_on_its_ground() -> None:
    css = html(Map("x"))
    for theme in (re.search(r":root \{(.*?)\}", css, re.S), re.search(r"dark\) \{\s*:root \{(.*?)\}", css, re.S)):
        assert theme
        colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", theme[1]))
        for ground in ("bg", "well"):
            for ink in ("ink", "soft", "free", "mine", "shut", "down", "line"):
                if ground == "bg" or ink in ("ink", "soft"):
                    assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)


def contrast(one: str, other: str) -> float:
    """As WCAG 2 reckons it."""

    def light(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_reasons_and_names_of_facts_are_in_the_readers_language() -> None:
    text = words(tree(html(busy(), "ko")))
    for said in (
        "노드에 남은 CPU가 없음",
        "나에게 열린 파티션에 들어 있지 않음",
        "내 한도를 넘음: 4 GPUs (2 in use)",
        "GPU 메모리",
    ):
        assert said in text
    assert "no CPUs left on its node" not in text
    assert "no CPUs left on its node" in words(tree(html(busy())))


def test_disks_that_each_node_has_for_itself_have_a_bar_each() -> None:
    root = tree(html(built_in("aurora"), origin="built-in"))
    shelves = {words(of_class(one, "name")[0]): one for one in of_class(root, "shelf")}
    local = shelves["/local_datasets"]
    assert [one.get("aria-label") for one in of_class(local, "fill")] == ["aurora-g8: 0 free"]
    assert "900G in all; on other nodes not known jido probe aurora --compute" in words(local)
    told = busy()
    seen = (NodeSeen("g1", free={"/disk": 0}), NodeSeen("g2", free={"/disk": 100 * G}))
    disk = Volume("/disk", "g[1-2]", tier=known("local", "x"), size=known(Bytes(400 * G), "x"))
    told = msgspec.structs.replace(
        told, instance=msgspec.structs.replace(told.instance, seen=seen), storage=Storage((disk,))
    )
    [shelf] = of_class(tree(html(told)), "shelf")
    assert [one.get("aria-label") for one in of_class(shelf, "fill")] == ["g1: 0 free", "g2: 100G free"]
    assert "not known" not in words(shelf).replace("quota", "")
    assert not of_class(shelf, "settle")
