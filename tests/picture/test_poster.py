"""The drawing says what the page says, and is one SVG file that needs nothing else."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter

import msgspec
import pytest
from pages_of_maps import HOSTILE, busy, words

from jido.explain.speech import Speech
from jido.model.map import Map, Storage, Volume
from jido.picture.canvas import clip, width, wrapped
from jido.picture.cells import nodes, totals
from jido.picture.poster import poster
from jido.picture.scene import scene
from jido.twins.maps import built_in, built_in_names
from jido.words import LANGUAGES

SVG = "{http://www.w3.org/2000/svg}"


def svg(map_: Map, lang: str = "en") -> str:
    speech = Speech(lang)
    return poster(scene(map_, speech), speech)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", [*built_in_names(), "busy", "empty"])
def test_a_drawing_is_well_formed_and_fetches_and_executes_nothing(name: str, lang: str) -> None:
    map_ = {"busy": busy(), "empty": Map("empty")}.get(name) or built_in(name)
    text = svg(map_, lang)
    root = ET.fromstring(text)
    assert root.tag == f"{SVG}svg"
    assert root.get("lang") == lang
    assert not [one for one in root.iter() if one.tag in (f"{SVG}script", f"{SVG}image", f"{SVG}foreignObject")]
    assert all(value.startswith("#") for one in root.iter() for key, value in one.items() if key.endswith("href"))
    assert not re.search(r"url\((?!#)|@import|https?://(?!www\.w3\.org/2000/svg)", text)
    assert ("계산 노드" in text) == (lang == "ko")


def test_it_has_as_many_cells_of_each_state_as_there_are_gpus() -> None:
    root = ET.fromstring(svg(busy()))
    drawn = Counter(one.get("href", "").removeprefix("#c-") for one in root.iter(f"{SVG}use"))
    sums = totals(nodes(busy()))
    # One more of each: the legend's.
    assert drawn == {state: count + 1 for state, count in sums.items()}


def test_it_has_the_facts_and_says_what_is_not_known() -> None:
    text = words(ET.fromstring(svg(busy())))
    for fact in (
        "75T of 100T used, 25T free (75%)",
        "your quota: 1T of 4T",
        "compute nodes: not known",
        "jido probe aurora --compute",
        "1 running, 1 waiting",
        "beyond your limit of 4 GPUs",
        "down (down, not respon",
    ):
        assert fact in text
    assert "jido probe aurora" in words(ET.fromstring(svg(built_in("aurora"))))


def test_a_hostile_name_is_text_there_too() -> None:
    map_ = busy(HOSTILE)
    map_ = msgspec.structs.replace(
        map_,
        purpose=HOSTILE,
        notes=(HOSTILE,),
        storage=Storage((*map_.storage.volumes, Volume(HOSTILE, note=HOSTILE * 9))),
    )
    text = svg(map_, "ko")
    assert not [one for one in ET.fromstring(text).iter() if one.tag == f"{SVG}script"]
    assert not {"\u202e", "\x07"} & {*text}


def test_text_is_cut_to_its_room_and_keeps_the_whole_as_a_title() -> None:
    for text in ("x" * 200, "노드 " * 80, "a b"):
        assert width(clip(text, 16, 200), 16) <= 216
        assert "".join(wrapped(text, 16, 200)).replace(" ", "") == text.replace(" ", "")
    long = msgspec.structs.replace(busy(), storage=Storage((Volume("/" + "가" * 90),)))
    titles = [one.text for one in ET.fromstring(svg(long)).iter(f"{SVG}title")]
    assert "/" + "가" * 90 in titles
