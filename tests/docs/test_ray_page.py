"""The page on Ray says what the engine does."""

from __future__ import annotations

import json

from pages import ROOT, rows

from jido.engines.ray import Ray
from jido.engines.ray.jobs import request
from jido.engines.ray.service import CURRENT, DASHBOARD, PORT
from jido.engines.ray.states import _NEVER_BEGAN
from jido.model.job import JobSpec, Resources
from jido.model.map import Scheduling
from jido.testing.engines import EngineContract

PAGE = (ROOT / "docs/reference/ray.md").read_text("utf-8")


def test_where_the_dashboard_and_its_token_are_looked_for_is_on_the_page_in_this_order() -> None:
    _, _, reached = PAGE.partition("## How Ray is reached")
    places = [reached.index(f"`{name}`") for name in (*DASHBOARD.variables, CURRENT)]
    assert places == sorted(places)
    for name in (*DASHBOARD.secret, *DASHBOARD.secret_paths, *DASHBOARD.secret_files):
        assert f"`{name}`" in reached
    assert f"port {PORT}" in PAGE


def test_the_words_are_those_of_a_request() -> None:
    want = Resources(cpus=2, gpus=1, gpu_model="A100", memory=2**30, time=60, constraint="fast", extra=("tpu=2",))
    said = request(JobSpec("a", ("true",), want), EngineContract.place)
    table = " ".join(" ".join(row) for row in rows(PAGE, "## What is asked for")[1:])
    for name in said:
        assert name in ("entrypoint", "submission_id", "metadata") or f"`{name}`" in table, name
    assert "`accelerator_type:A100`" in table
    assert said["entrypoint_resources"].keys() == {"tpu", "fast", "accelerator_type:A100"}
    assert "timeout" in said["entrypoint"]
    assert "runtime_env" not in json.dumps(said)


def test_every_state_is_on_the_page() -> None:
    table = rows(PAGE, "## What is seen")[1:]
    said = " ".join(row[0] for row in table)
    assert all(f"`{word}`" in said for word in ("PENDING", "RUNNING", "STOPPED", "SUCCEEDED", "FAILED"))
    before = next(row[1] for row in table if "before it began" in row[0])
    assert all(f"`{name}`" in before for name in _NEVER_BEGAN.values())


def test_what_is_not_there_is_what_the_engine_refuses() -> None:
    can = Ray().capabilities(Scheduling())
    table = " ".join(" ".join(row) for row in rows(PAGE, "## Not there"))
    for one in (can.multinode, can.interactive, can.estimate):
        assert not one.can
        assert one.why_not in table
    assert not can.arrays.can
    assert Ray().put_back() == ""
