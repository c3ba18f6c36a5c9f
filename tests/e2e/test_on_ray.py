"""The whole path on a real Ray cluster, by jido's own verbs; at the end it loses a node, and then its head.

What really ran is what jobs wrote into ``count``, one line for each execution, never what jido or Ray says.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.e2e.narae_cluster import NARAE, RayUser, cluster

from jido.api.fidelity import differences
from jido.model.document import map_from_yaml
from jido.twins import processes

pytestmark = [pytest.mark.twin, pytest.mark.xdist_group("narae")]

TRAIN = """\
import os, socket
import ray

ray.init(log_to_driver=False, logging_level="ERROR")

@ray.remote(num_cpus=1, resources={"fast": 0.1})
def square(x):
    return socket.gethostname(), x * x

print("on", socket.gethostname(), "with GPUs", os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
print(sorted(ray.get([square.remote(x) for x in range(3)])), flush=True)
with open(os.environ["JIDO_RESULTS"] + "/accuracy $(x).txt", "w") as file:
    file.write("0.97")
print("data says", open(os.environ["JIDO_DATA"] + "/한 글.txt").read())
"""
COUNTS = ("--", "sh", "-c", 'echo ran >>"$JIDO_RESULTS/count"')
SCHEDULER = 7
SECRET = "very-secret-token"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayUser]:
    with cluster(tmp_path_factory.mktemp("narae")) as made:
        yield made


@pytest.fixture
def narae(up: RayUser, tmp_path: Path) -> RayUser:
    return up.renewed(tmp_path)


def test_the_cluster_is_mapped_as_what_it_is(narae: RayUser, tmp_path: Path) -> None:
    found = narae.json("show", "narae")
    assert found["type"]["value"]["value"] == ["htc"]
    assert any(line.startswith("Ray 2.") for line in found["type"]["evidence"])
    assert found["scheduling"]["engine"]["value"] == "ray"
    rows = {row["names"]: row for row in found["instance"]["nodes"]}
    assert {name: (row["cpus"], row["memory"] // 2**30, row.get("features", [])) for name, row in rows.items()
            if row.get("role", "compute") == "compute"} == {
        "narae-g1": (4, 4, []), "narae-c1": (8, 8, ["fast"])
    }  # fmt: skip
    assert [(gpu["count"], gpu["model"]) for gpu in rows["narae-g1"]["gpus"]] == [(2, "A100")]
    probed = tmp_path / "probed.yaml"
    probed.write_text(narae.types("show", "narae", "--json").stdout)
    assert differences(map_from_yaml(NARAE.read_text("utf-8")), map_from_yaml(probed.read_text())) == []


def test_a_project_is_laid_out_pushed_run_followed_and_pulled(narae: RayUser) -> None:
    (narae.folder / "train.py").write_text(TRAIN)
    narae.types("init", "--on", "narae", "--name", "digits", "--yes")
    (narae.folder / "data" / "한 글.txt").write_text("안녕")
    narae.types("push", "--on", "narae", "--data")
    followed = narae.types("run", "--on", "narae", "--gpus", "1", "--", "python3", "train.py").stdout
    assert "on narae-g1 with GPUs " in followed
    assert "[('narae-c1', 0), ('narae-c1', 1), ('narae-c1', 4)]" in followed
    assert followed.endswith("data says 안녕\n")
    run = narae.run()
    assert (run["state"], run["code"], run["settled"]) == ("done", 0, True)
    assert run["job"] == run["token"]
    narae.types("pull")
    home = narae.folder / "results" / run["name"]
    assert (home / "accuracy $(x).txt").read_text() == "0.97"
    assert (narae.folder / "logs" / f"{run['name']}.log").read_text() == followed
    assert not list(narae.folder.rglob("pwned"))


def test_ends_are_told_as_they_were(narae: RayUser) -> None:
    late = narae.submit("-t", "2s", "--", "sleep", "600")["number"]
    failing = narae.submit("--", "sh", "-c", "exit 7")["number"]
    sleeper = narae.submit("--constraint", "fast", "--", "sleep", "600")["number"]
    running = narae.until(sleeper, lambda run: run["state"] == "running")
    assert running["nodes"] == "narae-c1"
    # Free CPUs are there, but not so many while that one runs.
    waiting = narae.submit("--cpus", "8", "--", "true")["number"]
    narae.until(waiting, lambda run: run["state"] == "queued" and run["reason"])
    assert "all in use" in narae.types("why", str(waiting)).stdout
    assert "sleep" in narae.types("ps").stdout
    narae.types("cancel", str(sleeper))
    narae.types("wait", str(late), str(failing), str(sleeper), str(waiting), code=10)
    ends = {number: (run := narae.run(number)) and (run["state"], run["code"]) for number in (failing, waiting)}
    assert ends == {failing: ("failed", 7), waiting: ("done", 0)}
    assert [narae.run(number)["state"] for number in (late, sleeper)] == ["timed out", "cancelled"]
    assert narae.jobs()[running["job"]]["status"] == "STOPPED"


def test_a_sweep_is_packed_since_there_are_no_arrays(narae: RayUser) -> None:
    words = ("--param", "x=하나 1,둘 $(x),셋 3", "--", "sh", "-c", '[ "$1" != "셋 3" ]', "task", "{x}")
    said = narae.types("sweep", "--on", "narae", *words).stderr
    assert "has no job arrays" in said
    run = narae.run()
    narae.types("wait", str(run["number"]), code=10)
    tasks = narae.json("tasks", str(run["number"]))["tasks"]
    assert [(task["state"], task["code"]) for task in tasks] == [("done", 0), ("done", 0), ("failed", 1)]


def test_what_ray_has_not_is_refused_with_its_reason(narae: RayUser) -> None:
    refusals = {
        ("shell", "--on", "narae"): "Ray gives no terminals on its nodes",
        ("submit", "--on", "narae", "-N", "2", "--", "true"): "runs on one node",
        ("submit", "--on", "narae", "-g", "3", "--", "true"): "no node of narae has",
        ("submit", "--on", "narae", "-p", "gpu", "--", "true"): "Ray has no partitions",
        ("submit", "--on", "narae", "-t", "1h", "--resume", "2", "--", "true"): "does not put jobs back",
    }
    for words, why in refusals.items():
        process = narae.start(*words)
        out, err = process.communicate(timeout=60)
        assert process.returncode not in (0, 1), (words, out, err)
        assert why in err, (words, err)


class Between(ThreadingHTTPServer):
    """Stands before the dashboard and loses the answer to each submission that it has passed on."""

    daemon_threads = True

    def __init__(self, dashboard: str, times: int) -> None:
        super().__init__(("127.0.0.1", 0), Passing)
        self.behind, self.times, self.lost = urlsplit(dashboard).netloc, times, 0
        self.tokens: set[str | None] = set()


class Passing(BaseHTTPRequestHandler):
    server: Between

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.tokens.add(self.headers.get("Authorization"))
        behind = HTTPConnection(self.server.behind, timeout=60)
        behind.request(self.command, self.path, body or None, {"Content-Type": "application/json"})
        reply = behind.getresponse()
        said = reply.read()
        if self.command == "POST" and self.path == "/api/jobs/":
            self.server.lost += 1
            if self.server.lost <= self.server.times:
                return
        self.send_response(reply.status)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_an_answer_that_was_lost_is_asked_for_by_the_token_and_a_second_job_cannot_be(narae: RayUser) -> None:
    home = narae.twin / "volumes/home/student"
    profile = (home / ".bashrc").read_text()
    with Between(narae.dashboard, 1) as between:
        thread = threading.Thread(target=between.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        address = f"http://127.0.0.1:{between.server_port}"
        try:
            said = f"export RAY_ADDRESS={address} RAY_AUTH_TOKEN={SECRET}\n"
            (home / ".bashrc").write_text(said + profile)
            run = narae.submit(*COUNTS)
        finally:
            (home / ".bashrc").write_text(profile)
            between.shutdown()
            thread.join()
    assert between.lost == 1
    # It went to the dashboard, and stands nowhere else: in no file there, in nothing that is kept here.
    assert between.tokens == {f"Bearer {SECRET}"}
    files = [file for file in narae.home.rglob("*") if file.is_file() and not file.is_symlink()]
    assert [file for file in files if SECRET.encode() in file.read_bytes()] == []
    assert run["job"] == run["token"]
    told = [event["what"] for event in narae.json("story", str(run["number"]))["events"]]
    assert any("the answer was not clear" in what for what in told), told
    narae.types("wait", str(run["number"]))
    assert narae.counts()[run["name"]] == "ran\n"
    # The very request once more, as somebody might who knows no better: Ray has it already.
    folder = next((narae.twin / "volumes").glob(f"**/runs/{run['name']}"))
    again = subprocess.run(
        ["ssh", "-F", str(narae.twin / "ssh_config"), "narae", "python3 -"],
        input=(folder / "handing.in").read_bytes(),
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert b"already exists" in again.stdout
    assert narae.counts()[run["name"]] == "ran\n"


def test_the_dashboard_is_led_here_by_a_tunnel_and_by_nothing_else(narae: RayUser) -> None:
    assert "no page" in narae.types("tunnel", "--on", "local", code=5).stderr
    assert "RUN PORT" in narae.types("tunnel", "last", code=2).stderr
    process = narae.start("tunnel", "--on", "narae")
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        with urllib.request.urlopen(f"{address}api/version", timeout=20) as said:
            assert json.load(said)["ray_version"].startswith("2.")
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "of narae" in err


def raylet(narae: RayUser, daemon: str) -> int:
    """The pid of a node's raylet, below the daemon that started it."""
    [top] = [one["pid"] for one in narae.up["daemons"] if one["name"] == daemon]
    return next(pid for pid in processes.descendants(top) if processes.command_of(pid) == "raylet")


def test_a_job_whose_node_is_lost_has_not_ended_well(narae: RayUser) -> None:
    lost = narae.submit("-g", "1", "--", "sleep", "600")["number"]
    narae.until(lost, lambda run: run["state"] == "running")
    os.kill(raylet(narae, "ray@narae-g1"), signal.SIGKILL)
    narae.types("wait", str(lost), code=10)
    run = narae.run(lost)
    assert (run["state"], run["settled"]) == ("node failed", True)
    assert "failed under it" in narae.types("why", str(lost)).stdout


def test_a_head_that_is_gone_takes_nothing_and_its_jobs_are_not_said_to_have_ended(narae: RayUser) -> None:
    running = narae.submit("--constraint", "fast", "--", "sleep", "600")["number"]
    narae.until(running, lambda run: run["state"] == "running")
    [head] = [one["pid"] for one in narae.up["daemons"] if one["name"] == "ray-head"]
    for pid in (*processes.descendants(head), head):
        os.kill(pid, signal.SIGKILL)
    assert processes.until(lambda: processes.identify(head) is None, within=10)
    said = narae.types("submit", "--on", "narae", *COUNTS, code=SCHEDULER).stderr
    assert "Ray's dashboard was not reached" in said
    refused = narae.run()
    assert (refused["state"], refused["settled"]) == ("refused", True)
    seen = narae.types("ps", code=SCHEDULER)
    assert "could not be asked" in seen.stderr
    assert f" {running} " in f" {seen.stdout} "
    assert "running" in seen.stdout
    assert refused["name"] not in narae.counts()
