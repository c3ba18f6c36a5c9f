"""Every command of the guides and concepts is typed on a real Slurm twin, in its page's order, and ends as it should.

The English pages are typed; that the Korean ones have the same commands is in `test_commands`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pages import ROOT, calls_of_jido, commands
from running import REASONS, steps, typed

from real_twins import need_parts

DESK = Path(__file__).with_name("desk")
PAGES = sorted(
    page
    for folder in ("", "docs", "docs/guides", "docs/concepts", "docs/reference")
    for page in (ROOT / folder).glob("*.md")
    # Those left out are for people who work on jido itself.
    if not page.name.endswith(".ko.md") and page.name not in ("CONTRIBUTING.md", "CHANGELOG.md")
)
TYPED = [
    page for page in PAGES if any(not line.not_run for step in steps(page.read_text("utf-8")) for line in step.lines)
]
# Put before all others on the PATH.
PROGRAMS = ("code", "ssh")
# Those that bring twins up themselves begin with nothing.
OWN_TWIN = {"start.md", "first-day.md", "twins.md"}
# What was done before a page begins, where it speaks of runs that are there.
BEFORE = {
    "carrying.md": "mkdir data && jido run --on aurora -- python3 train.py",
    "check.md": "printf '[jobs.train]\\ncommand = \"python3 train.py\"' >jido.toml"
    " && jido run --on aurora -- cp train.sh /data/student/train.sh",
    "datasets.md": "mkdir -p ~/imagenet/train && seq 100 >~/imagenet/train/1.txt",
    "hands-on.md": "jido submit --on aurora -- sleep 60 && until jido ps | grep running; do sleep 0.3; done",
}
# Commands of pages that no test types, in all: one more needs a reason there, and a second look here.
NOT_TYPED = 34


def environment(home: Path) -> dict[str, str]:
    path = os.pathsep.join([str(home / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    fixed = {"PATH": path, "HOME": str(home), "JIDO_HOME": str(home / "jido")}
    return fixed | {"LANG": "C.UTF-8", "JIDO_LANG": "en", "JIDO_SPOOL_IDLE": "0.5", "BROWSER": "true"}


def jido(home: Path, *words: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "jido", *words], env=environment(home), cwd=home, check=True, capture_output=True
    )


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home from which the twin of Aurora was brought up and mapped."""
    need_parts()
    home = tmp_path_factory.mktemp("mapped")
    try:
        jido(home, "twin", "up", "aurora")
        jido(home, "probe", "aurora", "--compute")
        yield home
    finally:
        jido(home, "logout", "aurora")
        jido(home, "twin", "down", "--all")


@pytest.fixture
def reader(page: Path, mapped: Path, tmp_path: Path) -> Iterator[Path]:
    """The home of somebody who has not typed anything yet, knowing Aurora unless the page begins at zero."""
    home = tmp_path / "home"
    (home / "bin").mkdir(parents=True)
    for program in PROGRAMS:
        shutil.copy(DESK / program, home / "bin")
    if page.name in OWN_TWIN:
        # What a database was filled with takes seconds to make again.
        kept = "jido/state/twins/.databases"
        if (mapped / kept).is_dir():
            shutil.copytree(mapped / kept, home / kept)
    else:
        shutil.copytree(mapped / "jido", home / "jido", ignore=shutil.ignore_patterns("twins", "run", "ledger*"))
    yield home
    # Each ends otherwise than well where there is nothing to end.
    for words in (["cancel", "@open"], ["logout", "aurora"], ["twin", "down", "--all"]):
        subprocess.run([sys.executable, "-m", "jido", *words], env=environment(home), cwd=home, capture_output=True)


@pytest.mark.twin
@pytest.mark.xdist_group("pages as typed")
@pytest.mark.parametrize("page", TYPED, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_do_what_it_says(page: Path, reader: Path) -> None:
    need_parts()
    folder = reader / page.stem
    shutil.copytree(DESK, folder, ignore=shutil.ignore_patterns(*PROGRAMS))
    text = page.read_text("utf-8")
    before = BEFORE.get(page.name, "")
    typed((f"```sh\n{before}\n```\n" if before else "") + text, folder, environment(reader))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_is_not_typed_has_one_of_the_reasons(page: Path) -> None:
    assert {line.not_run for step in steps(page.read_text("utf-8")) for line in step.lines} <= {"", *REASONS}


def test_few_commands_are_not_typed() -> None:
    left_out = [
        (page.name, line.text)
        for page in PAGES
        for step in steps(page.read_text("utf-8"))
        for line in step.lines
        if line.not_run
    ]
    assert len(left_out) <= NOT_TYPED, left_out
    # Of jido's own commands only those that a real host or a person has to answer.
    shown = {
        call[0] for _, line in left_out for words in commands(f"```sh\n{line}\n```") for call in calls_of_jido(words)
    }
    assert shown <= {"add", "login", "shell", "notebook", "tour", "twin", "check"}
