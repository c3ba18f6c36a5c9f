"""``jido mcp`` as an assistant meets it: the SDK's own client at the other end of a pipe, jobs on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.assistant.clients import WAIT
from tests.assistant.conftest import HOSTILE, Connect

from jido.config import clusters
from jido.model.destination import Destination

CHANGING = {"submit", "cancel", "layout"}
NAMES = {"map", "explain", "gpus", "df", "check", "plan", "status", "why", "logs"} | CHANGING


# -- what is offered -------------------------------------------------------------------------------------------


def test_every_tool_is_told_with_what_it_takes_and_gives(connect: Connect, project: Path) -> None:
    served = connect()
    tools = served.tools()
    assert set(tools) == NAMES
    for tool in tools.values():
        assert tool.description
        assert tool.input_schema["type"] == tool.output_schema["type"] == "object"  # type: ignore[index]
        assert tool.annotations
        assert tool.annotations.read_only_hint
    assert str(project) in served.instructions
    assert "dry runs on this server" in served.instructions


def test_with_allow_the_tools_that_change_something_say_so(connect: Connect) -> None:
    hints = {name: tool.annotations for name, tool in connect("--allow").tools().items()}
    assert {name for name, hint in hints.items() if hint and not hint.read_only_hint} == CHANGING
    assert {name for name, hint in hints.items() if hint and hint.destructive_hint} == {"cancel"}


# -- read-only by default --------------------------------------------------------------------------------------


def test_without_allow_nothing_is_changed_whatever_is_asked_for(connect: Connect, project: Path) -> None:
    (project / "train.py").write_text("print('x')")
    served = connect()
    laid_out = served.call("layout", cluster="local", dry_run=False)
    submitted = served.call("submit", cluster="local", command=["touch", "pwned"], dry_run=False)
    for answer in (laid_out, submitted):
        assert not answer["applied"]
        assert "jido mcp --allow" in answer["why_not"]
    assert submitted["plan"]["command"] == ["touch", "pwned"]
    assert submitted["plan"]["code_files"] == 1
    assert served.call("status")["runs"] == []
    assert not Path(laid_out["root"]).exists()
    assert [path.name for path in project.iterdir()] == ["train.py"]


def test_with_allow_a_dry_run_is_still_what_is_done_unless_told_otherwise(connect: Connect) -> None:
    served = connect("--allow")
    for tool, asked in (("submit", {"command": "true"}), ("layout", {})):
        answer = served.call(tool, cluster="local", **asked)
        assert not answer["applied"]
        assert "dry_run=false" in answer["why_not"]
    assert served.call("status")["runs"] == []


def test_with_allow_a_job_is_submitted_looked_at_read_and_explained(connect: Connect, project: Path) -> None:
    served = connect("--allow", "--per-minute", "200")
    served.call("map", cluster="local", probe=True)
    assert served.call("layout", cluster="local", dry_run=False)["applied"]
    assert (project / "results").is_dir()
    (project / "say 'it' $(x).sh").write_text('printf "%s|" "$@" "$WORD"; printf "가\\377\\rover\\n"; exit 3\n')
    words = ["sh", "say 'it' $(x).sh", "$(touch pwned)", "가 나", "q'\"\n-n"]
    done = served.call("submit", cluster="local", command=words, env={"WORD": "`x`"}, dry_run=False)
    assert done["applied"]
    assert any("pushed" in sentence for sentence in done["said"])
    row = served.ended()
    assert (row["run"], row["state"], row["code"]) == (done["run"]["run"], "failed", 3)
    logs = served.call("logs", run="last")
    assert logs["lines"] == ["$(touch pwned)|가 나|q'\"", "over"]
    assert served.call("logs", lines=1, grep="touch")["lines"] == ["$(touch pwned)|가 나|q'\""]
    why = served.call("why", lang="ko")
    assert (why["state"], why["run"]["code"]) == ("failed", 3)
    assert "3" in " ".join(why["lines"])
    assert any("가" <= letter <= "힣" for letter in why["title"])
    assert not list(project.rglob("pwned"))


def test_with_allow_runs_are_ended_after_a_dry_run_that_ends_none(connect: Connect) -> None:
    served = connect("--allow", "--per-minute", "200")
    served.call("map", cluster="local", probe=True)
    served.call("submit", cluster="local", command="sleep 600", name="long", dry_run=False)
    dry = served.call("cancel", runs=["@open"])
    assert not dry["applied"]
    assert [row["name"] for row in dry["runs"]] == ["long"]
    assert served.call("status", offline=True)["runs"][0]["state"] in ("queued", "running", "starting")
    assert served.call("cancel", runs=["@open"], dry_run=False)["applied"]
    assert served.ended()["state"] == "cancelled"


def test_a_submission_whose_answer_was_lost_is_asked_for_again_by_its_word(connect: Connect) -> None:
    served = connect("--allow", "--per-minute", "200")
    asked = {"cluster": "local", "command": "sleep 0", "once": "밤마다 $(x)", "dry_run": False}
    first = served.call("submit", **asked)["run"]
    again = served.call("submit", **asked)
    assert again["run"]["run"] == first["run"]
    assert "submitted already" in again["said"][0]


# -- the others ------------------------------------------------------------------------------------------------


def test_a_map_is_read_without_asking_and_made_anew_when_told(connect: Connect) -> None:
    served = connect()
    assert "jido probe local" in served.refused("map", cluster="local")["hint"]
    made = served.call("map", cluster="local", probe=True)
    again = served.call("map", cluster="local")
    assert made["engine"].startswith("process")
    assert again["nodes"] == made["nodes"]
    assert served.call("gpus", clusters=["local"])["clusters"][0]["cluster"] == "local"
    space = served.call("df", cluster="local", filling=True)
    assert space["volumes"]
    assert served.call("df", cluster="local", offline=True)["volumes"]


def test_texts_are_in_the_language_that_was_asked_for(connect: Connect) -> None:
    served = connect("--lang", "ko")
    assert "파티션" in served.call("explain", what="partition")["title"]
    assert served.call("explain", what="partition", lang="en")["lang"] == "en"


def test_a_plan_tells_the_script_when_it_is_asked_for(connect: Connect, project: Path) -> None:
    (project / "jido.toml").write_text(
        '[project]\ncluster = "local"\n[jobs."학습"]\ncommand = "echo $(x)"\ncpus = 1\n'
    )
    served = connect()
    assert "script" not in served.call("plan", job="학습")
    plan = served.call("plan", job="학습", script=True, time="2h")
    assert plan["asks"] == {"cpus": 1, "time": 7200}
    assert any("echo $(x)" in line for line in plan["script"])
    checked = served.call("check", offline=True)
    assert checked["checked"]


def test_errors_are_those_of_jido_with_cause_and_hint(connect: Connect) -> None:
    clusters.put("aurora", Destination(host="far.invalid"))
    served = connect()
    error = served.refused("map", cluster="aurrora")
    assert (error["error"], error["exit_code"]) == ("NotFound", 4)
    assert "aurora" in error["hint"]
    assert served.refused("plan", cluster="local", command="true", time="soon")["error"] == "InputError"
    assert served.refused("logs", run="7")["error"] == "NotFound"
    assert "takes no 'hours'" in served.refused("plan", hours=2)["what"]
    assert served.refused("explain", what="partition", lang="fr")["error"] == "InputError"
    with pytest.raises(Exception, match="no tool is called 'mpa'; did you mean 'map'"):
        served.begin("mpa").result(WAIT)
    # And it goes on.
    assert served.call("explain", what="partition")


# -- bounded, and side by side ---------------------------------------------------------------------------------


def test_all_servers_share_the_bound_and_refuse_before_they_touch(connect: Connect, toy_ssh: Path) -> None:
    clusters.put("far", Destination(host="far"))
    one, other = (connect("--per-minute", "2", path=str(toy_ssh)) for _ in range(2))
    assert one.refused("df", cluster="far")["error"] == "Unreachable"
    assert other.refused("df", cluster="far")["error"] == "Unreachable"
    touched = (toy_ssh / "calls").read_text()
    for served in (one, other):
        error = served.refused("df", cluster="far")
        assert error["error"] == "UsedUp"
        assert error["transient"]
        assert 0 < error["wait"] <= 60
        assert f"wait {error['wait']} s" in error["hint"]
    assert (toy_ssh / "calls").read_text() == touched
    # What asks nobody is not bounded.
    assert one.call("status", cluster="far")["runs"] == []


def test_a_call_that_takes_long_holds_up_no_other_and_says_that_it_lives(connect: Connect, toy_ssh: Path) -> None:
    clusters.put("far", Destination(host="far"))
    gate = toy_ssh / "gate"
    gate.touch()
    served = connect(path=str(toy_ssh))
    heard: list[str | None] = []
    slow = served.begin("df", heard, cluster="far")
    until = time.monotonic() + WAIT
    while len(heard) < 2 and time.monotonic() < until:
        assert served.call("explain", what="partition")["title"]
        assert not slow.done()
    gate.unlink()
    assert slow.result(WAIT).is_error
    assert len(heard) >= 2


def test_a_call_that_the_client_gives_up_is_left_and_the_others_go_on(connect: Connect, toy_ssh: Path) -> None:
    clusters.put("far", Destination(host="far"))
    gate = toy_ssh / "gate"
    gate.touch()
    served = connect("--per-minute", "100", path=str(toy_ssh))
    # As many as may go on at once.
    slow = [served.begin("df", cluster="far") for _ in range(6)]
    until = time.monotonic() + WAIT
    while not (toy_ssh / "calls").exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    for one in slow:
        one.cancel()
    assert served.call("explain", what="partition")
    gate.unlink()


def test_many_calls_at_once_are_all_answered(connect: Connect) -> None:
    served = connect("--per-minute", "300")
    served.call("map", cluster="local", probe=True)
    asked: list[tuple[str, dict[str, Any]]] = [
        ("map", {"cluster": "local"}),
        ("explain", {"what": "gpu"}),
        ("df", {"cluster": "local"}),
        ("plan", {"cluster": "local", "command": ["echo", HOSTILE]}),
        ("status", {}),
        ("gpus", {}),
    ]
    begun = [served.begin(tool, **arguments) for tool, arguments in asked * 6]
    for one, (tool, _) in zip(begun, asked * 6, strict=True):
        done = one.result(WAIT)
        assert not done.is_error, (tool, done.content)


# -- the protocol's own pipe -----------------------------------------------------------------------------------


def test_stdout_carries_nothing_but_the_protocol(project: Path, jido_home: Path, toy_ssh: Path) -> None:
    """Not even what children print that inherit it, or a module that calls print."""
    clusters.put("far", Destination(host="far"))
    # Once it serves, which is what the SDK takes stdout away for.
    go, heard = toy_ssh / "go", toy_ssh / "heard"
    (toy_ssh / "sitecustomize.py").write_text(
        "import threading, os, sys, time\n"
        "def noise():\n"
        f"    while not os.path.exists({str(go)!r}): time.sleep(0.05)\n"
        "    while True:\n"
        "        print('noise', flush=True); os.system('echo noise of a child')\n"
        f"        open({str(heard)!r}, 'w').close(); time.sleep(0.1)\n"
        "if 'mcp' in getattr(sys, 'orig_argv', ['mcp']):\n"
        "    threading.Thread(target=noise, daemon=True).start()\n"
    )
    env = {**os.environ, "JIDO_HOME": str(jido_home), "PYTHONPATH": str(toy_ssh)}
    env["PATH"] = f"{toy_ssh}:{env['PATH']}"
    server = subprocess.Popen(
        [sys.executable, "-m", "jido", "mcp"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
        cwd=project,
    )
    assert server.stdin
    assert server.stdout
    try:

        def send(method: str, number: int | None = None, **params: Any) -> None:
            message = {"jsonrpc": "2.0", "method": method, "params": params}
            message |= {"id": number} if number is not None else {}
            assert server.stdin
            server.stdin.write(json.dumps(message).encode() + b"\n")
            server.stdin.flush()

        about = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        send("initialize", 0, **about)
        answers = [json.loads(server.stdout.readline())]
        send("notifications/initialized")
        go.touch()
        deadline = time.monotonic() + WAIT
        while not heard.exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        calls = [("df", {"cluster": "far"}), ("map", {"cluster": "local", "probe": True}), ("status", {})]
        for number, (tool, arguments) in enumerate(calls, 1):
            send("tools/call", number, name=tool, arguments=arguments)
        answers += [json.loads(server.stdout.readline()) for _ in calls]
        assert {answer["id"] for answer in answers} == {0, 1, 2, 3}
    finally:
        # Who closes the pipe ends the server.
        out, err = server.communicate(timeout=WAIT)
    assert server.returncode == 0
    assert out == b""
    assert b"noise of a child" in err
