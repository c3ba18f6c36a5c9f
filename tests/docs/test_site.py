"""The site made of the pages: links lead somewhere, both languages are there, nothing comes from elsewhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pages import ROOT
from tests.picture.browser import Browser, found

# Most of these are docstrings and signs, which are the same for all.
OF_THE_CODE = ("map.md", "python-api.md")
IN_BOTH = sorted(
    page.relative_to(ROOT / "docs")
    for page in ROOT.glob("docs/**/*.md")
    if not page.name.endswith(".ko.md") and page.name not in OF_THE_CODE
)


def built(checkout: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    # No --quiet: warnings that are not printed do not count for --strict (mkdocs 1.6.1).
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(words, cwd=checkout, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    said = built(ROOT, folder)
    assert said.returncode == 0, said.stdout + said.stderr
    return folder


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    copy = tmp_path / "내 checkout"
    shutil.copytree(ROOT / "docs", copy / "docs")
    for name in ("mkdocs.yml", "scripts/site.py", *(str(page.relative_to(ROOT)) for page in ROOT.glob("*.md"))):
        (copy / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / name, copy / name)
    (copy / "examples/digits").mkdir(parents=True)
    shutil.copyfile(ROOT / "examples/digits/README.md", copy / "examples/digits/README.md")
    with (copy / "docs/start.ko.md").open("a") as page:
        page.write("\n[x](guides/sweeps.ko.md#no-such-heading)\n")
    said = built(copy, tmp_path / "site")
    assert said.returncode == 1
    assert "'start.ko.md' contains a link 'guides/sweeps.md#no-such-heading'" in said.stderr


@pytest.mark.parametrize("page", IN_BOTH, ids=str)
def test_the_pages_are_there_in_both_languages(page: Path, site: Path) -> None:
    for folder, language in ((site, "en"), (site / "ko", "ko")):
        html = (folder / page.with_suffix(".html")).read_text("utf-8")
        assert f'<html lang="{language}"' in html
        article = html.split("<article", 1)[1].split("</article>", 1)[0]
        text = re.sub("<[^>]+>", "", article)
        assert (len(re.findall("[가-힣]", text)) > len(text) / 10) == (language == "ko")


def test_what_only_the_tests_read_is_not_on_the_site(site: Path) -> None:
    assert not [page for page in site.rglob("*.html") if re.search("<!-- (test|not run):", page.read_text("utf-8"))]


@pytest.mark.skipif(not found(), reason="chromium is not installed")
def test_a_browser_fetches_nothing_from_elsewhere_and_has_no_complaint(site: Path, tmp_path: Path) -> None:
    server = subprocess.Popen(
        [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(site), "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    browser = Browser(tmp_path)
    try:
        assert server.stdout is not None
        address = re.search(r"http://127\.0\.0\.1:\d+/", server.stdout.readline())
        assert address
        for path in ("index.html", "ko/concepts/files.html"):
            browser.open(address[0] + path, width=390)
            # A phone's page is no wider than the phone.
            browser.until("document.documentElement.scrollWidth <= 390")
            # The search is begun, since it loads what it needs only then.
            browser.value("document.querySelector('.md-search__input').focus()")
            browser.value("document.querySelector('.md-search__input').value = 'jido twin'")
            browser.value("document.querySelector('.md-search__input').dispatchEvent(new Event('keyup'))")
            browser.until("document.querySelectorAll('.md-search-result__item').length > 0")
            assert [url for url in browser.fetched() if not url.startswith((address[0], "data:", "blob:"))] == []
            # The theme looks for a list of pages beside each language's page; there is one (mkdocs-material 9.8.2).
            assert [said for said in browser.complaints() if "/sitemap.xml" not in said] == []
    finally:
        browser.close()
        server.terminate()
        server.wait()
