"""scripts/links.py finds every broken link and anchor, and no other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "links.py"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "다른 문서.md").write_text("# 지도, *the* `map`!\n\n## Twice\n\n## Twice\n\n<a id='here'></a>\n")
    return tmp_path / "page.md"


def check(page: Path, text: str) -> tuple[int, list[str]]:
    page.write_text(text)
    done = subprocess.run([sys.executable, SCRIPT, page], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()[:-1]


@pytest.mark.parametrize(
    "text",
    [
        "[file](<다른 문서.md>)",
        "[quoted](%EB%8B%A4%EB%A5%B8%20%EB%AC%B8%EC%84%9C.md)",
        "[heading](<다른 문서.md#지도-the-map>)",
        "[second of two](<다른 문서.md#twice-1>)",
        "[named](<다른 문서.md#here>)",
        "# My page\n[own](#my-page) [title](page.md 'a title') [folder](.)",
        "[web](https://example.org/x#y) [mail](mailto:a@example.org)",
        "`[code](nowhere.md)` and\n\n```\n[block](nowhere.md)\n```\n",
        "[root](/page.md)",
    ],
)
def test_a_link_that_leads_somewhere_is_no_problem(page: Path, text: str) -> None:
    assert check(page, text) == (0, [])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x\n\n[gone](gone.md)", "page.md:3: gone.md: there is no such file"),
        ("![picture](gone.png)", "page.md:1: gone.png: there is no such file"),
        ("[ref]: gone.md", "page.md:1: gone.md: there is no such file"),
        ("<img src='gone.svg'>", "page.md:1: gone.svg: there is no such file"),
        ("[own](#nowhere)", "page.md:1: #nowhere: no heading gives the anchor #nowhere"),
        (
            "[other](<다른 문서.md#twice-2>)",
            "page.md:1: 다른 문서.md#twice-2: no heading gives the anchor #twice-2",
        ),
        ("[out](../)", "page.md:1: ../: leads out of the project"),
    ],
)
def test_a_link_that_leads_nowhere_is_named_with_its_line(page: Path, text: str, problem: str) -> None:
    assert check(page, text) == (1, [problem])


def test_every_link_of_this_project_leads_somewhere() -> None:
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
