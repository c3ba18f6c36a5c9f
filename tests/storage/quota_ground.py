"""Grounds: real file systems with real limits, each in namespaces of its own, asked by the probe's own script."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from jido.api.probing import kinds
from jido.model.bundle import Part, bundle
from jido.model.command import Command, Reply
from jido.model.map import Map, Volume
from jido.model.quota import Usage
from jido.probe.ask import compose
from jido.probe.merge import merge

_HERE = Path(__file__).parent / "grounds"
_SPACES = ("unshare", "--uts", "--net", "--mount", "--pid", "--ipc", "--fork", "--mount-proc", "--kill-child")
_PARTS, _ASK = compose([], kinds(), mark="jido-mark")


class Ground(msgspec.Struct, frozen=True):
    """What a ground left behind: the probe's replies and what programs complained of, by name."""

    said: dict[str, bytes]

    def map(self, name: str) -> Map:
        """The map that a probe's reply makes."""
        reply = Reply(_ASK.command, "jido1", 0, self.said[name])
        return merge("here", _PARTS, _ASK.parse(reply), engines=[], kinds=kinds(), on="jido1", at=1.7e9)

    def volume(self, name: str, path: str) -> Volume:
        """One volume of that map."""
        volumes = {volume.path: volume for volume in self.map(name).storage.volumes}
        assert path in volumes, sorted(volumes)
        return volumes[path]

    def used(self, name: str, path: str) -> Usage:
        """What counted there."""
        return self.map(name).now.used[path]

    def complaint(self, name: str) -> str:
        """What a program complained of."""
        return self.said[name].decode()


def stand(script: str, needs: Sequence[str], *, also: Part | None = None) -> Ground:
    """Run a ground to its end.

    Args:
        script: Its file under ``grounds/``.
        needs: Programs without which it cannot be; the test then says so and is skipped.
        also: One more look, asked where the ground says so.
    """
    _can(needs)
    return _run([*_SPACES, "sh", str(_HERE / script)], 90, also)


def stand_in_guest(script: str, needs: Sequence[str]) -> Ground:
    """The same inside a user-mode Linux, which has a kernel of its own."""
    _can(["linux.uml", *needs])
    folder = tempfile.mkdtemp(prefix="jido-uml-")
    try:
        uml = ["linux.uml", "mem=256M", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "quiet"]
        uml += [f"init={_HERE / script}", f"here={_HERE}", "con=null", "con0=null,fd:1", "ssl=null"]
        return _run([*_SPACES, *uml, f"uml_dir={folder}/"], 90, None, word="share=")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _can(needs: Sequence[str]) -> None:
    if os.geteuid():
        pytest.skip("real file systems are mounted by root only")
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = [name for name in ("unshare", "setpriv", *needs) if shutil.which(name, path=path) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (scripts/setup dev installs them)")
    if subprocess.run([*_SPACES, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True).returncode:
        pytest.skip("namespaces and mounts are forbidden here")


def _wait(process: subprocess.Popen[bytes], share: Path, limit: float) -> None:
    """Wait for a ground's end; a guest whose kernel panics before its first process would stand there for ever."""
    deadline = time.monotonic() + limit
    while process.poll() is None:
        # Linux 6.1 for user mode does so on CPUs with larger registers than it knows (AMX), at its first process.
        panics = b"Kernel panic" in (share / "talk").read_bytes()
        if panics or time.monotonic() > deadline:
            process.kill()
            process.wait()
            if panics and not (share / "log").exists():
                pytest.skip("user-mode Linux panics on this machine's CPU before its first process runs")
            raise AssertionError((share / "talk").read_text("utf-8", "replace")[-4000:])
        time.sleep(0.1)


def _run(argv: Sequence[str], limit: float, also: Part | None, *, word: str = "") -> Ground:
    share = Path(tempfile.mkdtemp(prefix="jido-ground-"))
    try:
        (share / "bundle").write_bytes(_ASK.command.stdin)
        if also is not None:
            (share / also.name).write_bytes(bundle([also], mark="jido-mark").command.stdin)
        environment = dict(os.environ) if word else os.environ | {"share": str(share), "python": sys.executable}
        # Into a file: a user-mode Linux does not end while its console is a pipe that somebody reads.
        with (share / "talk").open("wb") as talk:
            done = subprocess.Popen(
                [*argv, f"{word}{share}"] if word else argv,
                stdin=subprocess.DEVNULL,
                stdout=talk,
                stderr=subprocess.STDOUT,
                env=environment,
            )
        _wait(done, share, limit)
        said = {file.name: file.read_bytes() for file in share.iterdir() if file.name != "bundle"}
        words = (said.pop("log", b"") + said.pop("talk")).decode("utf-8", "replace")[-4000:]
        assert done.returncode == 0, words
        assert not word or "done" in said, words
        return Ground(said)
    finally:
        shutil.rmtree(share, ignore_errors=True)


def finding(ground: Ground, part: Part, name: str) -> object:
    """What the extra look brought."""
    ask = bundle([part], mark="jido-mark")
    reply = Reply(Command(("sh",)), "jido1", 0, ground.said[name])
    return ask.parse(reply)[part.name]
