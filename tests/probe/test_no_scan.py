"""A probe never walks a file system: by the text of its looks, and by what the kernel sees it open."""

from __future__ import annotations

import ctypes
import os
import re
import struct
import subprocess
from pathlib import Path

import pytest
from sites import KINDS, engines

from jido.model.bundle import Part
from jido.model.command import Reply
from jido.probe.ask import compose

PARTS, _ = compose(engines(), KINDS)
# Words that begin a walk where a command stands.
_COMMAND = re.compile(
    r"(?:^|[;|&({`!]|\b(?:then|do|else|if|while|exec|nice|timeout \S+)\b)(?=\s*([\w./-]+))", re.MULTILINE
)
WALKERS = frozenset({"du", "find", "tree", "fd", "locate", "updatedb", "ncdu", "rsync", "lfs_migrate", "dust", "rg"})
_RECURSIVE = re.compile(r"\b(?:ls|grep|chmod|chown|rm|cp)\s+-[a-zA-Z]*[Rr]\b|--recursive|\*\*/")
# Folders by whose names a walk is the file system's own command.
_BY_FILE_SYSTEM = re.compile(r"\b(?:lfs\s+find|mmfind|mmapplypolicy|beegfs-ctl\s+--find|rbh-)")


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_no_look_has_a_command_that_walks(part: Part) -> None:
    for text in (part.script, part.needs, part.quick):
        words = {word.rsplit("/", 1)[-1] for word in _COMMAND.findall(text)}
        assert not words & WALKERS
        assert not _RECURSIVE.search(text)
        assert not _BY_FILE_SYSTEM.search(text)


def test_walking_commands_are_found_where_they_would_stand() -> None:
    for text in ("x=$(du -s .)", "cd / && find .", "[ -d a ] && { nice du; }", "if find .; then :; fi", "a | du -s"):
        assert set(_COMMAND.findall(text)) & WALKERS, text
    assert _RECURSIVE.search("ls -lR /data")
    assert not _RECURSIVE.search("[ -r /etc/os-release ]")


IN_OPEN = 0x20
_EVENT = struct.Struct("iIII")


class Watch:
    """What of some folders, and of the files in them, is opened by anybody: the kernel's inotify."""

    def __init__(self, folders: list[Path]) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self.names = {}
        for folder in folders:
            number = libc.inotify_add_watch(self.fd, os.fsencode(folder), IN_OPEN)
            if number < 0:
                pytest.skip("this machine has no inotify watch left")
            self.names[number] = str(folder)

    def opened(self) -> set[str]:
        found = set()
        try:
            while data := os.read(self.fd, 1 << 16):
                at = 0
                while at < len(data):
                    number, _, _, length = _EVENT.unpack_from(data, at)
                    name = data[at + _EVENT.size : at + _EVENT.size + length].rstrip(b"\0").decode()
                    found.add(f"{self.names[number]}/{name}".rstrip("/"))
                    at += _EVENT.size + length
        except BlockingIOError:
            return found
        return found


def test_nothing_below_a_home_is_opened_and_walking_commands_are_not_called(tmp_path: Path) -> None:
    home, log, bin_ = tmp_path / "home 집", tmp_path / "called", tmp_path / "bin"
    below = [home / project / part for project in ("a", "b c", "$(x)") for part in ("", "data", "data/deep")]
    for folder in below:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "file").write_text("x")
    bin_.mkdir()
    for name in (*WALKERS, "ls"):
        (bin_ / name).write_text(f'#!/bin/sh\necho "{name} $*" >>"{log}"\n')
        (bin_ / name).chmod(0o755)
    parts, question = compose([], KINDS)
    watch = Watch(below)
    assert (home / "a/file").read_text()
    assert watch.opened() == {str(home / "a/file")}, "the watch sees what is opened"

    env = {**os.environ, "HOME": str(home), "PATH": f"{bin_}:{os.environ['PATH']}", "SCRATCH": str(home / "a")}
    done = subprocess.run(
        question.command.argv, input=question.command.stdin, env=env, cwd=home, capture_output=True, timeout=60
    )
    reply = Reply(question.command, "here", done.returncode, done.stdout, done.stderr)
    found = question.parse(reply)
    assert sum(one.ok for one in found.values()) > 5, "the looks were really made"
    # A volume that a variable points to is looked at itself: df opens the folder it is asked about, and no more.
    assert watch.opened() <= {str(home / "a")}
    calls = log.read_text().splitlines() if log.exists() else []
    # A tool's version and whether it is there may be asked.
    assert [call for call in calls if not call.endswith("--version")] == []
    assert len(parts) == len(found)
