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


# -- how pages are typed: checks of the check ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "printed"),
    [
        ("```sh\nfalse\n```\n", "ended with 1, not 0"),
        ("<!-- test: exit 3: sh -->\n```sh\nsh -c 'exit 4'\n```\n", "ended with 4, not 3"),
        ("<!-- test: exit 3 -->\n```sh\ntrue\n```\n", "ended with 0, not 3"),
        ("<!-- test: interrupted -->\n```sh\nsh -c 'exit 5'\n```\n", "ended with 5, not 0"),
        ("```sh\necho Traceback\n```\n", "Traceback"),
    ],
)
def test_a_command_that_does_not_end_as_it_should_fails_its_page(page: str, printed: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=printed):
        typed(page, tmp_path, environment(tmp_path))


def test_a_page_is_typed_in_its_order_in_one_shell_with_its_files(tmp_path: Path) -> None:
    page = """
<!-- test: first touch $(whoami) -->
```sh
mkdir "내 폴더"
cd "내 폴더"
```

`a b`, then `note.txt`:

```text
$(touch pwned) `x` 한국어
```

<!-- not run: wants Windows: wsl -->
<!-- test: exit 7: sh -->
```sh
wsl --install
sh -c 'exit 7'
cat note.txt \\
    >copy.txt
```

```
not a command
```
"""
    typed(page, tmp_path, environment(tmp_path))
    assert {file.name for file in (tmp_path / "내 폴더").iterdir()} == {"note.txt", "copy.txt"}
    assert (tmp_path / "내 폴더/copy.txt").read_text("utf-8") == "$(touch pwned) `x` 한국어\n"


@pytest.mark.parametrize("told", ["test: exits 3", "test: skip", "not run:"])
def test_what_a_page_tells_and_nobody_knows_is_an_error(told: str) -> None:
    with pytest.raises(ValueError, match="do not know"):
        list(steps(f"<!-- {told} -->\n```sh\ntrue\n```\n"))
