"""Requests that a small program carries to a server from the machine it is on: a real server, a real Python."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from jido.model import http
from jido.model.command import Reply
from jido.model.http import HttpRequest, Replies, Service, quoted

SERVICE = Service(
    9,
    variables=("FIRST_ADDRESS", "ADDRESS"),
    files=("~/address",),
    secret=("SECRET",),
    secret_paths=("SECRET_FILE",),
    secret_files=("~/.secret",),
)
HOSTILE = 'it\'s $(touch pwned) `x` "q" \\ 한글\n%s {x}'


class Server(ThreadingHTTPServer):
    """Answers with what it was asked; hangs, breaks off and redirects where it is asked for that."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str, str, str]] = []
        self.leave = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.server.asked.append((self.command, self.path, body, self.headers.get("Authorization") or ""))
        if self.path.startswith("/hang"):
            self.server.leave.wait(20)
            return
        if self.path.startswith("/breaks"):
            return
        said = json.dumps({"path": self.path, "body": body}, ensure_ascii=False).encode()
        self.send_response(int(self.path[-3:]) if self.path[-3:].isdecimal() else 200)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield made
        made.leave.set()
        made.shutdown()
        thread.join()


def carried(requests: list[HttpRequest], env: dict[str, str], service: Service = SERVICE) -> Replies:
    command = http.command(service, requests)
    argv = [sys.executable, *command.argv[1:]]
    done = subprocess.run(argv, input=command.stdin, capture_output=True, timeout=30, env=env, check=True)
    assert not done.stderr
    found = http.read(Reply(command, "here", done.returncode, done.stdout))
    assert found is not None
    return found


def test_a_request_arrives_as_it_is_and_so_does_its_answer(server: Server) -> None:
    asked = [HttpRequest("POST", f"/x/{quoted(HOSTILE)}?a=1", HOSTILE), HttpRequest("GET", "/y")]
    found = carried(asked, {"ADDRESS": server.url})
    assert found.address == server.url
    first, second = found.replies
    assert (first.status, first.sent, json.loads(first.body)["body"]) == (200, True, HOSTILE)
    assert server.asked[0][:3] == ("POST", f"/x/{quoted(HOSTILE)}?a=1", HOSTILE)
    assert json.loads(second.body)["path"] == "/y"


def test_a_servers_no_is_an_answer_and_nobody_is_sent_elsewhere(server: Server) -> None:
    found = carried([HttpRequest("GET", f"/{code}") for code in (500, 404, 302)], {"ADDRESS": server.url})
    assert [one.status for one in found.replies] == [500, 404, 302]
    assert not any(one.ok for one in found.replies)
    assert [asked[1] for asked in server.asked] == ["/500", "/404", "/302"]


def test_what_may_have_arrived_is_told_from_what_certainly_did_not(server: Server) -> None:
    hangs, breaks = carried(
        [HttpRequest("POST", "/hang", "x", timeout=0.5), HttpRequest("POST", "/breaks", "x")], {"ADDRESS": server.url}
    ).replies
    assert (hangs.status, hangs.sent, breaks.status, breaks.sent) == (None, True, None, True)
    assert "timed out" in hangs.error
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        asked = [HttpRequest("POST", "/x", "x"), HttpRequest("POST", "/y", "y")]
        refused = carried(asked, {"ADDRESS": closed})
    assert [(one.status, one.sent) for one in refused.replies] == [(None, False)] * 2
    assert "refused" in refused.replies[0].error


def test_an_address_that_cannot_be_read_is_said_and_nothing_is_sent(server: Server) -> None:
    for address in ("http://127.0.0.1:http", "http://[127.0.0.1"):
        [one] = carried([HttpRequest("GET", "/")], {"ADDRESS": address}).replies
        assert (one.status, one.sent) == (None, False)
        assert one.error


def test_the_server_is_where_the_machine_says_it_is(server: Server, tmp_path: Path) -> None:
    service = Service(server.server_port, SERVICE.variables, SERVICE.files)
    home = {"HOME": str(tmp_path)}
    (tmp_path / "address").write_text("127.0.0.1:6379\n")
    said = [
        # A variable before a file, the first before the second; another server's port names the host only.
        {"FIRST_ADDRESS": f"{server.url}/folder/", "ADDRESS": "http://127.0.0.1:9"},
        {"ADDRESS": "ray://127.0.0.1:10001"},
        {"ADDRESS": "auto"},
        {},
    ]
    for env in said:
        found = carried([HttpRequest("GET", "/z")], {**home, **env}, service)
        assert found.replies[0].status == 200, env
    assert [asked[1] for asked in server.asked] == ["/folder/z", "/z", "/z", "/z"]


def test_a_secret_stays_on_the_machine_where_it_lies(server: Server, tmp_path: Path) -> None:
    (tmp_path / ".secret").write_text("from-the-home\n")
    (tmp_path / "named").write_text("from-a-named-file")
    home = {"HOME": str(tmp_path), "ADDRESS": server.url}
    for env in ({"SECRET": "told"}, {"SECRET_FILE": str(tmp_path / "named")}, {}):
        found = carried([HttpRequest("GET", "/")], {**home, **env})
        assert "told" not in repr(found)
    assert [asked[3] for asked in server.asked] == [
        "Bearer told",
        "Bearer from-a-named-file",
        "Bearer from-the-home",
    ]
    # One that no header can hold is not said in the complaint either.
    [one] = carried([HttpRequest("GET", "/")], {**home, "SECRET": "two\nlines"}).replies
    assert (one.status, one.sent) == (None, False)
    assert "two" not in one.error


def test_nothing_of_a_request_stands_in_a_command_line() -> None:
    command = http.command(SERVICE, [HttpRequest("POST", "/secret", "body", {"Authorization": "Bearer x"})])
    assert command.argv == ("python3", "-")
    assert command.timeout is not None
    assert command.stdin.isascii()


@pytest.mark.parametrize(
    "stdout", [b"", b"{", b"[]", b'{"address": 1}', b"\xff", b'{"address": "", "replies": [{}]}']
)
def test_output_of_something_else_is_no_answer(stdout: bytes) -> None:
    command = http.command(SERVICE, [HttpRequest("GET", "/")])
    assert http.read(Reply(command, "here", 0, stdout)) is None
    assert http.read(Reply(command, "here", 1, b'{"address": "", "replies": []}')) is None
