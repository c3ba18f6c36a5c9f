"""A person walks the tour on a real twin: at its own prompt in a terminal, and by plain commands without one."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.conftest import HOSTILE, Person
from tests.real_twins import ACCOUNTING, need_parts

from jido.tour.guide import WITH_LIMITS
from jido.tour.missions import MISSIONS

pytestmark = [pytest.mark.twin, pytest.mark.xdist_group("tour")]

HERE, THERE = "you> ", "student@aurora:"
TWIN = "aurora-tour"


class Terminal:
    """The tour's own shell on a terminal, and what is typed into it."""

    def __init__(self, person: Person, *words: str) -> None:
        self.seen = ""
        env = {**person.env, "SHELL": "/bin/bash", "TERM": "dumb", "COLUMNS": "160"}
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(person.folder)
            os.execve(sys.executable, [sys.executable, "-m", "jido", "tour", *words], env)
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))
        self.seen = self.until(re.escape(HERE) + "$")

    def until(self, what: str, within: float = 60) -> str:
        """Read until something stands at the end; None of it may be an error nobody expected."""
        seen, deadline = b"", time.monotonic() + within
        while time.monotonic() < deadline:
            if select.select([self.terminal], [], [], 0.05)[0]:
                try:
                    chunk = os.read(self.terminal, 65536)
                except OSError:
                    chunk = b""
                if not chunk:
                    break
                seen += chunk
            text = seen.decode("utf-8", "replace").replace("\r", "")
            if re.search(what, text):
                assert "Traceback" not in text, text
                return text
        raise AssertionError(f"{what!r} did not come: {seen.decode('utf-8', 'replace')}")

    def types(self, line: str) -> str:
        """A line, up to the next prompt or question."""
        os.write(self.terminal, line.encode() + b"\n")
        return self.until(rf"\n?({re.escape(HERE)}|{re.escape(THERE)}\S*\$ |\[Y/n\]: ?)$")

    def does(self, mission: int) -> str:
        """All that a mission shows, and its check's word on it where it asks nothing."""
        for step in MISSIONS[mission].steps:
            for line in step.lines:
                typed = line.format(cluster=TWIN, ssh=f"ssh {TWIN}", hold=WITH_LIMITS)
                assert f"    {typed}\n" in self.seen, (typed, self.seen)
                if line == "jido pull":
                    assert "still lie on the cluster" in self.types("check")
                said = self.types(typed)
                if said.rstrip().endswith("[Y/n]:"):
                    said = self.types("y")
                if line.startswith("jido submit") and mission == 4:
                    self.runs()
        return self.types("check")

    def runs(self) -> None:
        """Wait until the last run does, as the mission tells to."""
        over = time.monotonic() + 30
        while "running" not in self.types("jido ps"):
            assert time.monotonic() < over

    def goes_on(self) -> None:
        self.seen = self.types("next")

    def leaves(self, word: str) -> str:
        """A word behind which the shell ends; what was said at the end."""
        os.write(self.terminal, word.encode() + b"\n")
        seen = b""
        with contextlib.suppress(OSError):
            while select.select([self.terminal], [], [], 60)[0] and (chunk := os.read(self.terminal, 65536)):
                seen += chunk
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.terminal)
        self.pid = 0
        assert code == 0, seen
        return seen.decode("utf-8", "replace").replace("\r", "")

    def close(self) -> None:
        if self.pid:
            os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
            os.close(self.terminal)


@pytest.fixture
def learner(tmp_path: Path) -> Iterator[Person]:
    need_parts(*ACCOUNTING)
    person = Person(tmp_path / "home")
    (person.home / ".bashrc").write_text(f"PS1='{HERE}'\n")
    try:
        yield person
    finally:
        person.types("tour", "end")
        person.types("twin", "down", "--all")


def left_running(person: Person) -> list[str]:
    """Command lines of processes that still belong to this person's jido."""
    mark = f"JIDO_HOME={person.home}/jido".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes()
            if str(person.home).encode() in words or mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(words.replace(b"\0", b" ").decode("utf-8", "replace"))
    return found


def test_all_eight_missions_by_what_they_show_with_mistakes_and_a_break(learner: Person) -> None:
    working = learner.home / HOSTILE
    screen = Terminal(learner, "--folder", str(working))
    try:
        assert "Mission 1 of 8" in screen.seen
        # A module of her own is not taken for one of Python's by the tour's short names.
        (working / "json.py").write_text("raise SystemExit('shadowed')")
        assert "is not done yet" in screen.types("next")
        screen.types("hostname > where.txt")
        assert "on your own machine, not on aurora" in screen.types("check")
        screen.types(f"ssh {TWIN}")
        screen.types("echo somewhere > where.txt")
        screen.types("exit")
        assert "says 'somewhere'" in screen.types("check")
        assert "you were on aurora" in screen.does(0)

        screen.goes_on()
        assert f"`jido probe {TWIN}` draws it" in screen.types("check debug_ugrad")
        assert "Which partition" in screen.does(1)
        assert "but not the one" in screen.types("check batch_ugrad")
        assert "has no partition" in screen.types("check \"$(echo '$(touch pwned)')\"")
        assert "Right, debug_ugrad" in screen.types("check debug_ugrad")

        screen.goes_on()
        assert "has no place" in screen.types("check")
        assert "/data/student/" in screen.does(2)

        screen.goes_on()
        screen.types(f"ssh {TWIN}")
        screen.types("python3 -c 'import time; time.sleep(300)' & disown")
        screen.types("exit")
        [pid] = re.findall(r"`kill (\d+)`", screen.types("check"))
        screen.types(f"ssh {TWIN} kill {pid}")
        assert "has not run anything" in screen.types("check")
        screen.types(f"ssh {TWIN} srun hostname")
        assert "did not ask for a GPU" in screen.types("check")
        assert "with a GPU, and nothing computes" in screen.does(3)

        screen.goes_on()
        screen.types("jido submit --gpus 1 -- python3 train.py")
        screen.runs()
        # She leaves in the middle, with a job running.
        said = screen.leaves("quit")
    finally:
        screen.close()
    assert "nothing is left running" in said
    assert left_running(learner) == []
    assert learner.run()["state"] == "cancelled"
    assert "is not up now" in learner.types("tour", "show").stdout
    assert "`jido tour`" in learner.types("tour", "check", code=5).stderr

    screen = Terminal(learner)
    try:
        assert "Welcome back" in screen.seen
        assert "Mission 5 of 8" in screen.seen
        assert "Slurm itself says" in screen.does(4)

        screen.goes_on()
        assert "No job of yours" in screen.types("check QOSMaxGRESPerUser")
        assert "`check REASON`" in screen.does(5)
        assert "is not what Slurm says" in screen.types("check Resources")
        said = screen.types("check qosmaxgresperuser")
        assert "Slurm says QOSMaxGRESPerUser" in said
        [give_back] = re.findall(r"`(jido cancel [\d,]+)`", said)
        screen.types(give_back)

        screen.goes_on()
        screen.types("jido data add data/photos")
        assert "no node has it" in screen.types("check")
        assert "All 60 files of photos lie on aurora-g3" in screen.does(6)

        screen.goes_on()
        assert "byte for byte" in screen.does(7)
        said = screen.leaves("next")
    finally:
        screen.close()
    assert "That was all eight." in said
    assert left_running(learner) == []
    assert learner.json("twin", "ls") == {}
    assert learner.json("ps", "-a")["problems"] == {}
    assert len(list(working.glob("results/*/loss.txt"))) == 1
    assert not list(learner.home.rglob("pwned"))


def test_without_a_terminal_plain_commands_do_the_same_beside_a_twin_of_ones_own(learner: Person) -> None:
    def ssh(*words: str) -> str:
        config = learner.home / f"jido/state/twins/{TWIN}/ssh_config"
        argv = ["ssh", "-F", str(config), TWIN, *words]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout

    assert "no tour" in learner.types("tour", "check", code=4).stderr
    assert "no tour" in learner.types("tour", "end").stderr
    learner.types("add", "aurora", "me@aurora.example.edu")
    shown = learner.types("tour", "--lang", "ko").stdout
    assert "미션 1/8" in shown
    assert "    ssh -F " in shown
    assert "    jido tour check\n" in shown
    assert "아직 where.txt가 없습니다" in learner.types("tour", "check", code=1).stdout
    ssh("hostname > where.txt")
    assert "맞습니다" in learner.types("tour", "check").stdout
    assert "Mission 2 of 8" in learner.types("tour", "next", "--lang", "en").stdout
    # Her terminal is closed with the tour's shell in it.
    screen = Terminal(learner)
    os.close(screen.terminal)
    os.waitpid(screen.pid, 0)
    assert left_running(learner) == []
    learner.types("tour")
    # The machine stops in the middle: the keeper is gone, with all that it kept.
    keeper = json.loads((learner.home / f"jido/state/twins/{TWIN}/state.json").read_text())["keeper"]["pid"]
    os.kill(keeper, 9)
    assert "not up" in learner.types("tour", "check", code=5).stderr
    assert "Mission 2 of 8" in learner.types("tour").stdout
    assert ssh("cat where.txt") == "aurora\n"
    # What she made of her folder is hers, also when she begins again.
    train = learner.home / "jido-tour/train.py"
    train.write_text("print('mine')\n")
    assert "Mission 1 of 8" in learner.types("tour", "reset").stdout
    assert ssh("ls") == ""
    assert train.read_text() == "print('mine')\n"
    assert "Mission 7 of 8" in learner.types("tour", "reset", "stage").stdout
    assert f"needs the map of {TWIN}" in learner.types("tour", "check", code=1).stdout
    learner.types("probe", TWIN)
    assert "No dataset" in learner.types("tour", "check", code=1).stdout
    learner.types("tour", "next", "--skip")
    said = learner.types("tour", "next", "--skip").stdout
    assert "Left out:" in said
    assert left_running(learner) == []
    assert learner.json("twin", "ls") == {}
    assert [one["name"] for one in learner.json("ls")] == ["local", "aurora"]
