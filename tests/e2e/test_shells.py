"""A shell and a tunnel on a compute node of a real Slurm."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import pytest
from tests.e2e.conftest import Person

pytestmark = [pytest.mark.twin, pytest.mark.xdist_group("hanok")]


class Terminal:
    """A person's terminal with a jido in it."""

    def __init__(self, person: Person, *words: str) -> None:
        self.screen, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jido", *words],
            stdin=theirs, stdout=theirs, stderr=theirs,
            env={**person.env, "TERM": "dumb"}, cwd=person.folder, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self.seen = ""

    def until(self, text: str) -> str:
        """What was shown up to some text."""
        while text not in self.seen:
            self.seen += os.read(self.screen, 65536).decode("utf-8", "replace")
        before, _, self.seen = self.seen.partition(text)
        return before

    def types(self, text: str) -> None:
        os.write(self.screen, text.encode())


@pytest.fixture
def terminal(person: Person) -> Iterator[Terminal]:
    opened = Terminal(person, "shell", "--on", "hanok", "--gpus", "1")
    yield opened
    os.close(opened.screen)
    if opened.process.poll() is None:
        opened.process.send_signal(signal.SIGHUP)
    opened.process.wait(30)


def queue(person: Person) -> str:
    words = ("shell", "--on", "hanok", "--name", "looker", "--", "squeue", "-h", "-o", "%j %T")
    return person.types(*words).stdout


def test_a_command_on_a_compute_node_gives_its_output_and_exit_code(person: Person) -> None:
    said = person.types(
        "shell", "--on", "hanok", "--", "sh", "-c", 'uname -n; printf %s "$1"; exit 7', "sh", "a b", code=7
    )
    assert said.stdout.startswith("hanok-g")
    assert person.types("shell", "--on", "hanok", "--", "printf", "%s|", "a b", "$(x)", "한").stdout == "a b|$(x)|한|"
    assert "srun --job-name=shell" in person.types("shell", "--on", "hanok", "--dry-run").stdout
    refused = person.types("shell", "--on", "hanok", "-p", "debgu", "--", "true", code=5)
    assert "debug" in refused.stderr


def test_a_shell_is_on_a_compute_node_with_its_gpu_and_passes_its_exit_code_on(terminal: Terminal) -> None:
    terminal.until("$ ")
    terminal.types("echo on=$(uname -n) gpu=$CUDA_VISIBLE_DEVICES in=$(pwd | tr / :)\n")
    terminal.until("on=hanok-g")
    assert "gpu=0" in terminal.until("\n")
    terminal.types("exit 5\n")
    assert terminal.process.wait(30) == 5


def test_closing_the_terminal_gives_the_node_back(person: Person, terminal: Terminal) -> None:
    terminal.until("$ ")
    assert "shell RUNNING" in queue(person)
    os.killpg(terminal.process.pid, signal.SIGHUP)
    terminal.process.wait(30)
    deadline = time.monotonic() + 30
    while "shell RUNNING" in queue(person) and time.monotonic() < deadline:
        time.sleep(0.3)
    assert "shell RUNNING" not in queue(person)


SERVICE = (
    "import http.server, os; s = http.server.HTTPServer(('', 0), http.server.SimpleHTTPRequestHandler);"
    "print(s.server_port, flush=True); s.serve_forever()"
)


def test_a_tunnel_leads_to_the_compute_node(person: Person) -> None:
    run = person.types("submit", "--on", "hanok", "--", "python3", "-c", SERVICE).stdout.strip()
    deadline, port = time.monotonic() + 60, ""
    while not port and time.monotonic() < deadline:
        logs = person.start("logs", run)
        port = logs.communicate(timeout=60)[0].strip()
    tunnel = person.start("tunnel", run, port)
    assert tunnel.stdout
    with urllib.request.urlopen(tunnel.stdout.readline().strip(), timeout=20) as page:
        assert page.status == 200
    person.types("cancel", run)
    # It closes by itself when the run has ended.
    assert tunnel.wait(60) == 0
    tunnel.communicate()
