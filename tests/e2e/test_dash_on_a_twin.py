"""The page of `jido dash` in a real browser, on a real Slurm: looked at, clicked through, cut off and healed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.dash.visitor import Dash
from tests.e2e.conftest import Person
from tests.picture.browser import Browser, found

pytestmark = [
    pytest.mark.twin,
    pytest.mark.xdist_group("hanok"),
    pytest.mark.skipif(not found(), reason="no chromium here (scripts/setup dev installs it)"),
]

JOB = "평가 <script>alert(1)</script> $(touch pwned)"
TOML = f"""\
[project]
name = "dash"
cluster = "hanok"

[jobs.train]
command = "python3 train.py"
gpus = 1
time = "5m"

[jobs."{JOB}"]
command = "echo '<b>$(touch pwned)</b>'; exit 3"
"""
TRAIN = """\
import json, os, time
with open(os.path.join(os.environ["JIDO_RESULTS"], "metrics.jsonl"), "w") as out:
    for step in range(12):
        print(f"\\rworking {step}", end="", flush=True)
        print(f"\\repoch {step} <b>굵게</b>", flush=True)
        out.write(json.dumps({"step": step, "loss": 1 / (step + 1)}) + "\\n")
        out.flush()
        time.sleep(0.1)
"""
WAITING = "document.querySelector('.state')?.textContent"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    one = Browser(tmp_path_factory.mktemp("browser"))
    yield one
    one.close()


@pytest.fixture
def project(person: Person) -> Path:
    (person.folder / "jido.toml").write_text(TOML, "utf-8")
    (person.folder / "train.py").write_text(TRAIN, "utf-8")
    return person.folder


@pytest.fixture
def dash(person: Person, project: Path) -> Iterator[Dash]:
    one = Dash(project, person.env, "--lang", "en")
    yield one
    one.end()
    person.start("cancel", "@open").communicate(timeout=60)


def go(browser: Browser, where: str) -> None:
    browser.value(f"location.hash = {where!r}")


def click(browser: Browser, selector: str) -> None:
    browser.until(f"!!document.querySelector({selector!r}) && !document.querySelector({selector!r}).disabled")
    browser.value(f"document.querySelector({selector!r}).click()")


def text(browser: Browser, selector: str = "main") -> str:
    return str(browser.value(f"document.querySelector({selector!r})?.innerText ?? ''"))


def shown(browser: Browser, words: str, selector: str = "main") -> None:
    browser.until(f"(document.querySelector({selector!r})?.textContent ?? '').includes({words!r})")


def whole(browser: Browser, name: str) -> None:
    """Nothing complains, nothing sticks out, on a desk and on a phone, light and dark. DASH_PICTURES keeps them."""
    kept = os.environ.get("DASH_PICTURES")
    for width, dark in ((1280, False), (390, True)):
        browser.do(
            "Emulation.setDeviceMetricsOverride", width=width, height=844, deviceScaleFactor=1, mobile=width < 500
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        browser.do("Emulation.setEmulatedMedia", features=[scheme])
        browser.until(f"document.documentElement.scrollWidth <= {width}", 5)
        if kept:
            Path(kept, f"{name}-{width}.png").write_bytes(browser.picture())
    assert browser.complaints() == [], name


def test_the_main_flows_in_a_browser(person: Person, project: Path, dash: Dash, browser: Browser) -> None:
    browser.open(dash.address, width=1280)
    browser.until("location.search === '' && document.querySelectorAll('.card').length === 1")
    shown(browser, "2 of 2 rtx3090 usable by you now")
    shown(browser, "seen")
    whole(browser, "overview")

    # A run from the form: what is drawn of jido.toml's hostile job is words.
    click(browser, "a[href='#/new']")
    browser.until("document.querySelectorAll('#f-job option').length === 3")
    assert browser.value("[...document.querySelectorAll('#f-job option')].map(one => one.value)") == [
        "train",
        JOB,
        "",
    ]
    click(browser, "button[value=preview]")
    shown(browser, "#SBATCH --gres=gpu:1", "#said")
    whole(browser, "form")
    click(browser, "button[value=submit]")
    browser.until("location.hash.startsWith('#/r/')")
    number = browser.value("location.hash").rpartition("/")[2]
    shown(browser, "epoch 11 <b>굵게</b>", "#log")
    assert "working" not in text(browser, "#log")
    browser.until("document.querySelector('.state').textContent === 'done'")
    browser.until("document.querySelectorAll('svg .curve').length === 1")
    assert "loss: 12 points, from 1 to 0.08333 at step 11" in browser.value(
        "document.querySelector('.drawing svg').getAttribute('aria-label')"
    )
    whole(browser, "run")
    click(browser, "button[data-do=pull]")
    shown(browser, "files, ", "#deeds")
    assert list(project.glob("results/*/metrics.jsonl"))

    # What fails says why; what waits says why in plain words, and is ended after a question.
    person.types("submit", JOB)
    failed = person.run()["number"]
    go(browser, f"#/r/{failed}")
    shown(browser, "<b>$(touch pwned)</b>", "#log")
    shown(browser, "exit code 3", ".why-part")
    person.types("submit", "--name", "takes-all", "-g", "4", "--", "sleep", "600")
    person.types("submit", "--name", "waits", "-g", "4", "--", "sleep", "600")
    waits = person.run()["number"]
    go(browser, "#/c/hanok/scheduling")
    shown(browser, "My jobs in the queue")
    click(browser, "button[data-do=look]")
    shown(browser, "takes-all", "#scheduling")
    shown(browser, "what it asks for is in use", "#scheduling")
    browser.until("document.querySelectorAll('#instance i.mine').length > 4")
    browser.until("document.activeElement.id === 'scheduling-title'")
    shown(browser, "No dataset is registered here.", "#storage")
    whole(browser, "cluster")
    go(browser, f"#/r/{waits}")
    browser.until(f"{WAITING} === 'queued'")
    shown(browser, "Why it waits", ".why-part")
    click(browser, "button[data-do=cancel]")
    browser.until("document.querySelector('#ask').open && document.activeElement.value === 'no'")
    click(browser, "#ask button[value=yes]")
    browser.until(f"{WAITING} === 'cancelled'")
    assert not list(person.folder.rglob("pwned"))
    assert number


def test_everything_has_a_name_and_the_keyboard_finds_the_content(dash: Dash, browser: Browser) -> None:
    browser.open(dash.address, width=1280)
    browser.until("location.search === '' && document.querySelectorAll('.card').length === 1")
    for kind in ("keyDown", "keyUp"):
        browser.do("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
    assert browser.value("document.activeElement.className") == "skip"
    go(browser, "#/c/hanok")
    browser.until("document.querySelectorAll('.viewpoints > section').length === 5")
    assert browser.value("document.title") == "hanok · jido"
    assert browser.value("document.activeElement.tagName") == "H1"
    nodes = browser.do("Accessibility.getFullAXTree")["nodes"]
    nameless = [
        node["role"]["value"]
        for node in nodes
        if node.get("role", {}).get("value") in ("button", "link", "image", "img", "textbox", "combobox", "table")
        and not node.get("ignored")
        and not node.get("name", {}).get("value")
    ]
    assert nameless == []
    heads = [node["name"]["value"] for node in nodes if node.get("role", {}).get("value") == "heading"]
    assert [one for one in heads if one in ("Type", "Instance", "Scheduling", "Storage")] == [
        "Type", "Instance", "Scheduling", "Storage",
    ]  # fmt: skip


def test_a_dash_that_ended_is_told_by_the_page_and_so_is_its_return(
    person: Person, project: Path, dash: Dash, browser: Browser
) -> None:
    browser.open(dash.address, width=390)
    browser.until("location.search === '' && document.querySelectorAll('.card').length === 1")
    assert dash.end()[0] == 0
    browser.until("!document.querySelector('#line').hidden")
    assert "jido dash has ended" in text(browser, "#line")
    # What was seen is still there, and says of when it is.
    assert "hanok" in text(browser)
    again = Dash(project, person.env, "--port", str(dash.port))
    try:
        time.sleep(0.1)
        browser.open(again.address, width=390)
        browser.until("location.search === '' && document.querySelectorAll('.card').length === 1")
        browser.until("document.querySelector('#line').hidden")
    finally:
        again.end()
