"""The pages in a real browser: nothing complains, nothing is fetched, nothing sticks out of a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, found
from pages_of_maps import HOSTILE, busy, html

from jido.explain.speech import Speech
from jido.model.map import Map
from jido.picture.drawing import draw_comparison_page
from jido.picture.poster import poster
from jido.picture.scene import scene
from jido.twins.maps import built_in

pytestmark = pytest.mark.skipif(not found(), reason="no chromium here (scripts/setup dev installs it)")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    one = Browser(tmp_path_factory.mktemp("browser"))
    yield one
    one.close()


def pages() -> dict[str, str]:
    return {
        "ariel": html(built_in("ariel"), "ko"),
        "busy": html(busy()),
        "hostile": html(busy(HOSTILE * 3), "ko"),
        "compared": draw_comparison_page("ariel", "moana", lang="en"),
    }


def test_the_pages_are_quiet_whole_and_fit(browser: Browser, tmp_path: Path) -> None:
    for name, text in pages().items():
        file = tmp_path / f"{name}.html"
        file.write_text(text, "utf-8")
        for width in (390, 1280):
            for dark in (False, True):
                browser.open(file, width=width, dark=dark)
                wide = browser.value("document.documentElement.scrollWidth")
                assert browser.value("document.compatMode") == "CSS1Compat"
                assert browser.complaints() == [], name
                assert [url for url in browser.fetched() if not url.startswith("data:")] == [file.as_uri()]
                assert wide <= width, (name, width, dark)


def test_the_ground_follows_the_readers_theme(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(html(busy()), "utf-8")
    grounds = []
    for dark in (False, True):
        browser.open(file, width=390, dark=dark)
        grounds.append(browser.value("getComputedStyle(document.body).backgroundColor"))
    assert grounds == ["rgb(251, 250, 247)", "rgb(20, 22, 26)"]


def poster_of(map_: Map, lang: str) -> str:
    speech = Speech(lang)
    return poster(scene(map_, speech), speech)


def test_no_text_of_a_drawing_sticks_out_of_it(browser: Browser, tmp_path: Path) -> None:
    drawings = {"ariel": poster_of(built_in("ariel"), "ko"), "hostile": poster_of(busy(HOSTILE * 3), "en")}
    for name, text in drawings.items():
        file = tmp_path / f"{name}.svg"
        file.write_text(text, "utf-8")
        browser.open(file, width=1280)
        boxes = "[...document.querySelectorAll('text')].map(one => one.getBBox())"
        right = browser.value(f"Math.max(...{boxes}.map(box => box.x + box.width))")
        assert right <= 1200, name
        assert browser.complaints() == [], name
        assert browser.fetched() == [file.as_uri()]


def test_the_first_stop_of_the_keyboard_leads_to_the_picture(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(html(busy()), "utf-8")
    browser.open(file, width=390)
    for kind in ("keyDown", "keyUp"):
        browser.do("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
    assert browser.value("document.activeElement.getAttribute('href')") == "#you"
    assert browser.value("document.activeElement.getBoundingClientRect().left") >= 0


def test_everything_that_is_drawn_has_a_name_for_who_does_not_see_it(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(html(busy()), "utf-8")
    browser.open(file, width=390)
    tree = browser.do("Accessibility.getFullAXTree")["nodes"]
    images = [node["name"]["value"] for node in tree if node.get("role", {}).get("value") in ("image", "img")]
    assert "8 rtx3090: yours 2, others' 3, free 3" in images
    assert "75T of 100T used, 25T free" in images
    assert all(images)
    headings = [node["name"]["value"] for node in tree if node.get("role", {}).get("value") == "heading"]
    assert [one for one in headings if one in ("You", "Login node", "Scheduler", "Compute nodes", "Storage")] == [
        "You", "Login node", "Scheduler", "Compute nodes", "Storage",
    ]  # fmt: skip
