"""What every verb prints with --json is what its published schema says, with no field more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.e2e.conftest import HANOK, Person

from jido.cli.commands.schema import NAMES

pytestmark = [pytest.mark.twin, pytest.mark.xdist_group("hanok")]

PUBLISHED = Path(__file__).resolve().parents[2] / "docs/reference/schemas"
SCRIPT = "#!/bin/bash\n#SBATCH --gres=gpu:1\n#SBATCH --output=nowhere/%j.log\npython train.py\n"


def strict(schema: Any) -> Any:
    """The same, where an object has no fields besides those that are named; a published one leaves room to grow."""
    if isinstance(schema, dict):
        closed = {key: strict(value) for key, value in schema.items()}
        if "properties" in schema and "additionalProperties" not in schema:
            closed["additionalProperties"] = False
        return closed
    return [strict(value) for value in schema] if isinstance(schema, list) else schema


class Checker:
    """Runs verbs and holds what they print against their schemas."""

    def __init__(self, person: Person) -> None:
        self.person, self.seen = person, set[str]()

    def hold(self, name: str, text: str) -> Any:
        schema = json.loads((PUBLISHED / f"{name}.schema.json").read_text("utf-8"))
        value = json.loads(text)
        jsonschema.Draft202012Validator(schema).validate(value)
        jsonschema.Draft202012Validator(strict(schema)).validate(value)
        self.seen.add(name)
        return value

    def __call__(self, name: str, *words: str, code: int = 0) -> Any:
        before, dashes, behind = words, (), ()
        if "--" in words:
            cut = words.index("--")
            before, dashes, behind = words[:cut], ("--",), words[cut + 1 :]
        return self.hold(name, self.person.types(*before, "--json", *dashes, *behind, code=code).stdout)


def test_every_verb_prints_what_its_schema_says(person: Person) -> None:
    says = Checker(person)
    says("map", "show", "hanok")
    says("twin-ls", "twin", "ls")
    says("twin-up", "twin", "up", str(HANOK))
    assert says("add", "add", "lab", "me@lab.example.edu", "-p", "30080")["is_new"]
    assert len(says("ls", "ls")) == 3
    says("compare", "compare", "aurora", "ariel", "--all")
    says("explain", "explain", "aurora")
    says("df", "df", "hanok")
    says("df", "df", "hanok", "--deep")
    person.types("note", "hanok", "--backup", "/home", "매일 밤")
    says("note", "note", "hanok", "be kind")
    assert len(says("note-ls", "note", "hanok")) == 2
    says("note-rm", "note", "hanok", "--rm", "1")
    says("gpus", "gpus", "hanok")
    found = person.start("where", "hanok", "--gpus", "1", "--json").communicate(timeout=60)[0]
    assert says.hold("where", found)["when"]

    (person.folder / "train.py").write_text("print('trained')\n")
    (person.folder / "job.sh").write_text(SCRIPT)
    (person.folder / "jido.toml").write_text('[project]\nname = "schemas"\ncluster = "hanok"\n')
    says("init", "init", "--on", "hanok", "--yes")
    says("guide", "guide", "hanok")
    says("push", "push")
    says("check", "check", "job.sh")
    says("check-rules", "check", "--rules")
    run = says("submit", "submit", "--", "sh", "-c", "echo 1 >$JIDO_RESULTS/x")["number"]
    person.types("wait", str(run))
    assert says("ps", "ps", str(run))["runs"][0]["state"] == "done"
    says("story", "story", str(run))
    says("why", "why", str(run))
    says("pull", "pull", str(run))
    says("tag", "tag", str(run), "paper")
    says("note-run", "note", str(run), "went well")
    says("ps-there", "ps", "--there", "--on", "hanok")
    sweep = says("sweep", "sweep", "--param", "x=0,1", "--", "sh", "-c", "exit {x}")["number"]
    person.types("wait", str(sweep), code=10)
    says("tasks", "tasks", str(sweep), "--all")
    again = says("retry", "retry", str(sweep))["number"]
    person.types("wait", str(again), code=10)
    held = says("submit", "submit", "--nodes", "2", "--", "sleep", "300")["number"]
    waits = says("submit", "submit", "--after", str(held), "--", "true")["number"]
    # Twice: the first look must not have ended this Slurm, which keeps no accounting.
    says("why", "why", str(waits))
    assert not says("why", "why", str(waits))["problem"]
    doctor = person.start("doctor", "hanok", "--json").communicate(timeout=120)[0]
    says.hold("doctor", doctor)
    person.types("cancel", str(held), str(waits))

    numbers = person.folder / "numbers"
    numbers.mkdir()
    (numbers / "one").write_bytes(b"1" * 1000)
    says("data-add", "data", "add", str(numbers))
    says("data-ls", "data", "ls")
    [staging] = says("data-stage", "data", "stage", "numbers")
    person.types("wait", str(staging["number"]))
    says("data-ls", "data", "ls", "--nodes")
    says("env-ls", "env", "ls")
    says("home", "home")

    failed = person.types("show", "nowhere", "--json", code=4)
    says.hold("error", failed.stderr)
    assert says.seen == set(NAMES)


def test_an_environment_is_listed_as_its_schema_says(person: Person, tiny_wheel: Path) -> None:
    says = Checker(person)
    (person.folder / "jido.toml").write_text('[env]\nrequirements = "r.txt"\nwheels = "."\n')
    (person.folder / "r.txt").write_text("tiny\n")
    (person.folder / tiny_wheel.name).write_bytes(tiny_wheel.read_bytes())
    person.types("run", "--on", "hanok", "--", "python", "-c", "import tiny")
    assert says("env-ls", "env", "ls", "--on", "hanok")[0]["bytes"] > 0
