"""A push that begins while what is left of another is still at work over there: at every call of a tool."""

from __future__ import annotations

import io
import os
import shlex
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from cutting import TOOLS

from jido.model.command import Command, Reply
from jido.model.workspace import Workspace
from jido.transfer import scripts
from jido.transports.local import Local

OLD, NEW, FIRST = {"a.py": b"old", "d/b.py": b"old"}, {"a.py": b"new", "c.py": b"new"}, {"a.py": b"first"}


def stream(files: dict[str, bytes], gone: list[bytes], tree: str) -> bytes:
    """What `tarball.send` sends of a push."""
    names = [name.encode() for name in files]
    parts = {
        "files": scripts.joined(names),
        "gone": scripts.joined(gone),
        "left": b"",
        "changed": scripts.joined([*names, *gone]),
        **{f"tree/{name}": content for name, content in files.items()},
        "commit": tree.encode(),
    }
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in parts.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


class Place:
    """A workspace to which the tree ``first`` was pushed."""

    def __init__(self, folder: Path) -> None:
        self.workspace = Workspace(str(folder / "work $(touch pwned)"))
        self.root, self.state = self.workspace.root, Path(self.workspace.root, ".jido")
        self.toys = folder / "toys"
        self.toys.mkdir()
        self.begins("zero", FIRST)
        assert self.receives("zero", "", FIRST, "first").stdout == scripts.DONE

    def begins(self, token: str, files: dict[str, bytes]) -> None:
        names = [name.encode() for name in files]
        Local().run(scripts.begin(self.root, "code", token, "", names)).check("beginning")

    def receive(self, token: str, known: str, files: dict[str, bytes], tree: str) -> Command:
        gone = [name.encode() for name in (FIRST | OLD) if name not in files]
        command = scripts.receive(self.root, "code", token, known, packed=False)
        return msgspec.structs.replace(command, stdin=stream(files, gone, tree))

    def receives(self, token: str, known: str, files: dict[str, bytes], tree: str, **env: str) -> Reply:
        return Local().run(msgspec.structs.replace(self.receive(token, known, files, tree), env=env))

    def interrupted(self, number: int, between: list[Command]) -> dict[str, str]:
        """The environment in which another push begins at the call of a tool that has this number."""
        beside = self.toys.parent
        lines = ["PATH=/usr/bin:/bin; export PATH"]
        for order, command in enumerate(between):
            (beside / f"in{order}").write_bytes(command.stdin)
            (beside / f"argv{order}").write_bytes(b"".join(os.fsencode(word) + b"\0" for word in command.argv))
            lines.append(f'xargs -0a "{beside}/argv{order}" sh -c \'"$@" <"$0"\' "{beside}/in{order}"')
        (beside / "between.sh").write_text("\n".join([*lines, f'echo >"{beside}/over"', ""]))
        pushing = shlex.quote(str(self.state / "code.pushing"))
        for tool in TOOLS:
            real = shutil.which(tool, path="/usr/bin:/bin")
            toy = self.toys / tool
            toy.write_text(
                # Numbered in one step: some of them run beside others.
                f'#!/bin/sh\nn=1; until /bin/mkdir "{self.toys}/call$n" 2>/dev/null; do n=$((n + 1)); done\n'
                f'if [ "$n" -eq {number} ]; then\n'
                f'  sh "{beside}/between.sh" >"{self.toys}/said" 2>&1 </dev/null &\n'
                # It has announced itself, and waits where it has to.
                f'  until [ "$(/bin/cat {pushing} 2>/dev/null)" = new ] || [ -e "{beside}/over" ]; do :; done\n'
                f'fi\nexec {real} "$@"\n'
            )
            toy.chmod(0o755)
        return {"PATH": f"{self.toys}:{os.environ['PATH']}"}

    def ended(self) -> bool:
        """Whether the other one was begun at all; waits until it is over."""
        if not (self.toys / "said").exists():
            return False
        until = time.monotonic() + 60
        while not (self.toys.parent / "over").exists() and time.monotonic() < until:
            time.sleep(0.005)
        return True

    @property
    def tree(self) -> str:
        marker = self.state / "code.tree"
        return marker.read_text() if marker.exists() else ""

    @property
    def contents(self) -> dict[str, bytes]:
        code = Path(self.workspace.role("code"))
        return {str(one.relative_to(code)): one.read_bytes() for one in code.rglob("*") if one.is_file()}


def places(folder: Path, known: str) -> Iterator[tuple[int, Place]]:
    """A fresh one for each call of a tool; where the old push knows no tree, it has begun."""
    for number in range(1, 100):
        own = folder / str(number)
        own.mkdir()
        place = Place(own)
        if not known:
            place.begins("old", OLD)
        yield number, place


@pytest.mark.parametrize("known", ["first", ""])
def test_a_push_ends_well_whatever_is_still_at_work_of_a_cut_one(known: str, tmp_path: Path) -> None:
    for number, place in places(tmp_path, known):
        names = [name.encode() for name in NEW]
        env = place.interrupted(number, [scripts.begin(place.root, "code", "new", "", names)])
        place.receives("old", known, OLD, "old", **env)
        if not place.ended():
            break
        reply = place.receives("new", "", NEW, "new")
        assert (reply.code, reply.stdout) == (0, scripts.DONE), f"call {number}: {reply.complaint}"
        assert (place.tree, place.contents) == ("new", NEW), f"call {number}"
    assert number > 10


@pytest.mark.parametrize("known", ["first", ""])
def test_no_marker_says_what_does_not_lie_there(known: str, tmp_path: Path) -> None:
    for number, place in places(tmp_path, known):
        names = [name.encode() for name in NEW]
        both = [scripts.begin(place.root, "code", "new", "", names), place.receive("new", "", NEW, "new")]
        place.receives("old", known, OLD, "old", **place.interrupted(number, both))
        if not place.ended():
            break
        assert place.tree in ("", "old", "new"), f"call {number}"
        if place.tree:
            assert place.contents == {"old": OLD, "new": NEW}[place.tree], f"call {number}"
    assert number > 10


@pytest.mark.parametrize("host", ["another machine", ""])
def test_one_that_never_ends_is_not_waited_for_for_ever(host: str, tmp_path: Path) -> None:
    place = Place(tmp_path)
    gone = subprocess.Popen(["true"])
    gone.wait()
    (place.state / "code.moving.old").symlink_to(f"{host.replace(' ', '-') or os.uname().nodename} {gone.pid}")
    began = time.monotonic()
    place.begins("new", NEW)
    # Whether a process of another machine lives is not known here.
    assert (time.monotonic() - began > 4) == bool(host)
    assert place.receives("new", "", NEW, "new").stdout == scripts.DONE
    assert (place.tree, place.contents) == ("new", NEW)
    assert sorted(one.name for one in place.state.iterdir()) == ["code.files", "code.tree"]


def test_what_is_left_of_a_cut_stream_writes_nothing_into_the_next(tmp_path: Path) -> None:
    """Its tar has its folder open, whatever the name of that is by now."""
    place = Place(tmp_path)
    begun, go, over = (shlex.quote(str(tmp_path / name)) for name in ("begun", "go", "over-there"))
    toys = {"old": tmp_path / "toys of old", "new": tmp_path / "toys of new"}
    lines = {
        # What a tar does that was held up: it goes on below the folder that it began in.
        "old": f'cd "$4"; mkdir -p tree; printf old >tree/d.py; : >{begun}; '
        f"until [ -e {go} ]; do sleep 0.05; done; printf old >tree/a.py; : >{over}",
        "new": f'/usr/bin/tar "$@"; : >{go}; until [ -e {over} ]; do sleep 0.05; done',
    }
    for name, folder in toys.items():
        folder.mkdir()
        (folder / "tar").write_text(f"#!/bin/sh\n{lines[name]}\n")
        (folder / "tar").chmod(0o755)

    def path(name: str) -> str:
        return f"{toys[name]}:/usr/bin:/bin"

    place.begins("old", OLD)
    held_up = place.receive("old", "", OLD, "old")
    with subprocess.Popen(held_up.argv, stdin=subprocess.DEVNULL, env={**os.environ, "PATH": path("old")}) as process:
        while not Path(tmp_path, "begun").exists():
            time.sleep(0.05)
        place.begins("new", NEW)
        there = Local().run(scripts.left(place.root, "code", "old", "new"))
        assert there.stdout == b"3 ./d.py\0"
        assert Local().run(scripts.trim(place.root, "code", "new", [b"d.py"])).ok
        assert place.receives("new", "", NEW, "new", PATH=path("new")).stdout == scripts.DONE
        process.wait()
    assert (place.tree, place.contents) == ("new", NEW)
    assert sorted(one.name for one in place.state.iterdir()) == ["code.files", "code.tree"]
