"""A mount whose df never ends costs its own facts and a few seconds, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from sites import KINDS, engines

from jido.probe.ask import probe
from jido.transports.local import Local

TOY = """\
#!/bin/sh
case " $* " in *" /home "*) trap '' TERM HUP INT; while :; do sleep 60; done;; esac
exec {df} "$@"
"""


def test_a_df_that_ignores_every_signal_hangs_its_own_look_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "df").write_text(TOY.format(df=shutil.which("df")))
    (tools / "df").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    began = time.monotonic()
    map_ = probe(Local(), "local", engines=engines(), kinds=KINDS)
    assert time.monotonic() - began < 15
    volumes = {row.path: row for row in map_.storage.volumes}
    assert volumes["/home"].size.state == "unknown"
    assert volumes["/home"].size.settle == "df -B1 /home"
    assert volumes["/home"].fs.is_known, "the mount table still tells the kind"
    assert map_.looks["df/home"].code is None
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert str(tools) not in listed, "what hung was killed"
    assert volumes["/"].size.is_known
    assert next(row for row in volumes.values() if row.tier.value == "home").size.is_known
