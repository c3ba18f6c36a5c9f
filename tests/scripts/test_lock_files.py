"""The lock files hold versions and hashes for all that pyproject.toml asks for, and no address."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

try:
    import tomllib
except ImportError:  # Python 3.10
    import tomli as tomllib  # type: ignore[no-redef]

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("dev", "demo")


def locked(name: str) -> list[tuple[Requirement, list[str]]]:
    """Read one lock: (requirement, its hashes) for each entry."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text().replace("\\\n", " ")
    entries = []
    for line in text.splitlines():
        requirement, *hashes = re.split(r"\s+--hash=", line.strip())
        entries.append((Requirement(requirement), hashes))
    return entries


def asked_for() -> list[Requirement]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    texts = list(project["project"]["dependencies"]) + list(project["build-system"]["requires"])
    for extra in project["project"].get("optional-dependencies", {}).values():
        texts += extra
    texts += [text for text in project["dependency-groups"]["dev"] if isinstance(text, str)]
    return [requirement for requirement in map(Requirement, texts) if requirement.name != "jido"]


@pytest.mark.parametrize("name", LOCKS)
def test_nothing_in_a_lock_depends_on_the_machine_it_was_made_on(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    assert "://" not in text
    assert not re.search(r"(^|[\s=@])[/~]", text, re.MULTILINE)
    assert not re.search(r"--(index|extra-index|find-links|trusted-host)", text)


@pytest.mark.parametrize("name", LOCKS)
def test_every_entry_is_one_version_with_its_hashes(name: str) -> None:
    for requirement, hashes in locked(name):
        assert re.fullmatch(r"==[^,*]+", str(requirement.specifier)), requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in hashes), requirement


def test_what_pyproject_asks_for_is_locked_in_a_version_it_accepts() -> None:
    for wish in asked_for():
        found = [entry for entry, _ in locked("dev") if same_name(entry.name, wish.name)]
        assert found, f"{wish} is not in requirements/dev.txt: run scripts/lock"
        for entry in found:
            version = str(entry.specifier).removeprefix("==")
            assert wish.specifier.contains(version, prereleases=True), f"{entry}: run scripts/lock"


def test_the_demo_runs_what_was_tested() -> None:
    tested = {(entry.name, str(entry.specifier)) for entry, _ in locked("dev")}
    assert {(entry.name, str(entry.specifier)) for entry, _ in locked("demo")} <= tested


def same_name(one: str, other: str) -> bool:
    return re.sub(r"[-_.]+", "-", one).lower() == re.sub(r"[-_.]+", "-", other).lower()
