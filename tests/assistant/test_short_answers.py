"""Answers fit, whatever a site is like, and say what they leave out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from jido.assistant import runs, short
from jido.assistant.table import TOOLS
from jido.assistant.tool import Call, Given, schema
from jido.config import clusters, maps
from jido.errors import InputError
from jido.model.destination import Destination
from jido.model.facts import known
from jido.model.map import Bytes, Gpu, Instance, Map, NodeGroup, Now, Partition, Scheduling, Storage, Volume

HOSTILE = "내 '큐' \"x\" $(touch pwned) `x`\n<b> \udcff \x1b[31m"


def huge() -> Map:
    many = range(700)
    return Map(
        "aurora",
        instance=Instance(nodes=tuple(NodeGroup(f"g{n}", cpus=64, gpus=(Gpu(8, f"m{n}"),)) for n in many)),
        scheduling=Scheduling(
            engine=known("slurm", "x"),
            partitions=known(tuple(Partition(f"{n} {HOSTILE}", f"g{n}") for n in many), "x"),
        ),
        storage=Storage(
            tuple(Volume(f"/{n}/{HOSTILE}", size=known(Bytes(n), "x"), note=HOSTILE * 500) for n in many)
        ),
        now=Now(at=1.0),
        notes=(HOSTILE * 1000,) * 500,
    )


def told(name: str, **asked: Any) -> Any:
    tool = TOOLS[name]
    call = Call(Given(False, "en", 20, Path.cwd()))
    answer = short.builtins(tool.does(tool.read(asked), call))
    jsonschema.Draft202012Validator(schema(tool.gives)).validate(answer)
    json.dumps(answer, ensure_ascii=False).encode("utf-8")
    return answer


@pytest.fixture
def aurora() -> None:
    clusters.put("aurora", Destination(host="h", user="u1"))
    maps.save("aurora", huge())


@pytest.mark.usefixtures("aurora")
@pytest.mark.parametrize("asked", [("map", {}), ("explain", {}), ("df", {"offline": True})], ids=lambda one: one[0])
def test_a_cluster_out_of_all_measure_is_told_in_short_and_what_is_left_out_is_said(
    asked: tuple[str, dict[str, Any]],
) -> None:
    answer = told(asked[0], **asked[1])
    assert len(json.dumps(answer, ensure_ascii=False).encode()) < 1.1 * short.WHOLE
    assert any("jido " in line for line in answer["left_out"])


@pytest.mark.usefixtures("aurora")
def test_an_unknown_is_told_as_such_with_what_would_settle_it() -> None:
    plain = msgspec.structs.replace(huge(), storage=Storage((Volume("/data", mine=known("/data/u1", "x")),)))
    maps.save("aurora", plain)
    answer = told("map")
    [volume] = answer["volumes"]
    assert (volume["backup"], volume["size"]) == ("unknown", None)
    assert {row["what"] for row in answer["unknown"]} >= {"whether /data is backed up", "my quota on /data"}


def test_rows_that_are_left_out_are_counted() -> None:
    assert short.first([1, 2, 3], "things", "jido ls", 2) == ((1, 2), ("1 of 3 things; all: jido ls",))
    assert short.first([1, 2], "things", "jido ls", 2) == ((1, 2), ())


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("epoch 1\repoch 2\repoch 3\r", "epoch 3"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("가 $(x)\t'q'", "가 $(x)\t'q'"),
        ("", ""),
    ],
)
def test_a_line_of_a_log_is_told_as_a_terminal_ends_up_showing_it(line: str, shown: str) -> None:
    assert short.shown(line) == shown


def test_of_a_log_the_last_lines_are_told_within_all_bounds() -> None:
    asked = runs.LogsAsked(lines=3)
    assert runs.ended_so(b"1\n2\n3\n4\n", asked, "7") == (
        ("2", "3", "4"),
        ("1 lines before these; all: jido logs 7",),
    )
    assert runs.ended_so(b"", asked, "7") == ((), ())
    assert runs.ended_so(b"no end of line", asked, "7") == (("no end of line",), ())
    lines, left_out = runs.ended_so(b"x" * 64 * 1024, asked, "7")
    assert len(lines[0]) < 400
    assert "jido logs 7" in left_out[0]
    lines, _ = runs.ended_so("\n".join("한" * 290 for _ in range(200)).encode(), runs.LogsAsked(lines=200), "7")
    assert sum(map(len, lines)) <= 12_000
    assert runs.ended_so(b"\xff\xfe a\nb\n", runs.LogsAsked(grep=" a"), "7")[0] == ("\\xff\\xfe a",)


def test_arguments_that_a_tool_does_not_take_are_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match="takes no 'clustr'") as refused:
        TOOLS["map"].read({"clustr": "aurora"})
    assert "cluster" in refused.value.hint
    with pytest.raises(InputError, match="cannot be called so"):
        TOOLS["logs"].read({"lines": 0})
    with pytest.raises(InputError):
        TOOLS["cancel"].read({"runs": []})


def test_numbers_that_an_assistant_writes_as_text_are_numbers() -> None:
    asked = TOOLS["plan"].read({"gpus": "2", "command": "true", "script": "true"})
    assert (asked.gpus, asked.script) == (2, True)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", TOOLS)
def test_schemas_are_objects_at_their_root_and_valid(name: str) -> None:
    tool = TOOLS[name]
    for kind in (tool.takes, tool.gives):
        made = schema(kind)
        jsonschema.Draft202012Validator.check_schema(made)
        assert made["type"] == "object"
    assert schema(tool.takes)["additionalProperties"] is False


def test_a_script_outside_of_the_project_is_no_business_of_an_assistant(
    project: Path, tmp_path: Path, aurora: None
) -> None:
    (tmp_path / "secret.sh").write_text("#!/bin/sh\n#SBATCH --mem=1\n")
    (project / "link.sh").symlink_to(tmp_path / "secret.sh")
    for name in ("../secret.sh", str(tmp_path / "secret.sh"), "link.sh"):
        with pytest.raises(InputError, match="is not in the project"):
            told("check", what=[name], offline=True)
