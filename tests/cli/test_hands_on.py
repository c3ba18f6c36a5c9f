"""jido tunnel and notebook against a real sshd, a real service and a real Jupyter; jido shell is tested on a twin."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from jido.testing.sshd import Server

JIDO = (sys.executable, "-m", "jido")

# Says where it listens in its log, then answers every request with the path that was asked for.
SERVICE = """
import http.server
class Echo(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(self.path.encode())
    def log_message(self, *words): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
print(server.server_port, flush=True)
server.serve_forever()
"""


@pytest.fixture
def cluster(sshd: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A machine behind a real sshd with jido's own queue, and a project's folder here to stand in."""
    from jido.config import clusters

    work = tmp_path / "work '한"
    work.mkdir()
    clusters.put("mach", msgspec.structs.replace(sshd.destination, engine="process", work=str(work)))
    here = tmp_path / "pro ject"
    here.mkdir()
    monkeypatch.chdir(here)
    return "mach"


def jido(*words: str) -> str:
    done = subprocess.run([*JIDO, *words], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


@contextmanager
def running(*words: str) -> Iterator[subprocess.Popen[str]]:
    """A jido that stays, ended with Ctrl-C if it has not ended by then."""
    process = subprocess.Popen([*JIDO, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def get(address: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(address, timeout=20) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


def until_logged(run: str) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        done = subprocess.run([*JIDO, "logs", run], capture_output=True, text=True, timeout=60)
        if done.stdout.strip():
            return done.stdout.strip()
        time.sleep(0.2)
    raise AssertionError(f"run {run} printed nothing")


def test_a_tunnel_leads_to_a_service_of_a_run_and_closes_with_it(cluster: str) -> None:
    run = jido("submit", "--on", cluster, "--", sys.executable, "-c", SERVICE)
    port = until_logged(run)
    with running("tunnel", run, port) as tunnel:
        assert tunnel.stdout
        address = tunnel.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        assert get(f"{address}a/$(x)?q=%ED%95%9C") == (200, "/a/$(x)?q=%ED%95%9C")
        assert [get(f"{address}{count}")[1] for count in range(20)] == [f"/{count}" for count in range(20)]
    assert tunnel.returncode == 130
    with pytest.raises(urllib.error.URLError):
        get(address)
    jido("cancel", run)
    refused = subprocess.run([*JIDO, "tunnel", run, port], capture_output=True, text=True, timeout=60)
    assert refused.returncode == 5
    assert "it is cancelled" in refused.stderr


def test_a_port_where_nothing_listens_is_said(cluster: str) -> None:
    run = jido("submit", "--on", cluster, "--", "sleep", "60")
    with running("tunnel", run, "1") as tunnel:
        assert tunnel.stdout
        assert tunnel.stderr
        address = tunnel.stdout.readline().strip()
        with pytest.raises((urllib.error.URLError, ConnectionError)):
            get(address)
        said = [tunnel.stderr.readline() for _ in range(2)]
        assert any("127.0.0.1:1:" in line for line in said)
    jido("cancel", run)


def test_this_machine_needs_no_tunnel(cluster: str) -> None:
    run = jido("submit", "--on", "local", "--", "sleep", "60")
    refused = subprocess.run([*JIDO, "tunnel", run, "8000"], capture_output=True, text=True, timeout=60)
    assert refused.returncode == 5
    assert "connect to 127.0.0.1:8000" in refused.stderr
    jido("cancel", run)


def test_a_notebook_is_reached_with_its_token_and_ends_with_ctrl_c(cluster: str) -> None:
    pytest.importorskip("jupyter_server")
    path = f"PATH={Path(sys.executable).parent}:{os.environ['PATH']}"
    with running("notebook", "--on", cluster, "-e", path, "--no-browser") as notebook:
        assert notebook.stdout
        address = notebook.stdout.readline().strip()
        base, _, token = address.partition("?token=")
        api = base.rsplit("/", 1)[0] + "/api/contents"
        assert len(token) == 48
        assert get(f"{api}?token={token}")[0] == 200
        assert get(f"{api}?token=wrong")[0] == 403
        # It stands in no log.
        assert token not in subprocess.run([*JIDO, "logs"], capture_output=True, text=True, timeout=60).stdout
    assert notebook.returncode == 130
    subprocess.run([*JIDO, "wait"], timeout=60)
    [run] = json.loads(jido("ps", "--json"))["runs"]
    assert run["state"] == "cancelled"


def test_without_a_jupyter_it_says_what_is_missing(cluster: str, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for tool in ("mkdir", "uname", "od", "tr", "rm", "mv", "date", "id", "sh"):
        (bare / tool).symlink_to(f"/usr/bin/{tool}" if Path(f"/usr/bin/{tool}").exists() else f"/bin/{tool}")
    words = ["notebook", "--on", cluster, "-e", f"PATH={bare}", "--no-browser"]
    done = subprocess.run([*JIDO, *words], capture_output=True, text=True, timeout=90)
    assert done.returncode == 10
    assert "no Jupyter in this environment" in done.stderr
    assert "jupyterlab" in done.stderr
