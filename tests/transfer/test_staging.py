"""What a job does on its node to bring a dataset there, in the shells that are here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from jido.transfer.datasets import staging

SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_lock_that_is_given_back_at_once_holds_nobody_up(shell: str, tmp_path: Path) -> None:
    """Nor is the process left that says all the while that its owner lives.

    dash 0.5.12, with a trap for TERM as in every job script: a subshell that is told to end before it has dropped its
    parent's traps forgets that it was told, and whoever waits for it waits for ever.
    """
    run, disk = tmp_path / "run 'q\" $(touch pwned) 한글", tmp_path / "disk 'q\" $(touch pwned) 한글"
    (run / "data").mkdir(parents=True)
    disk.mkdir()
    (run / "stage.sh").write_text(staging.script(str(run / "catalogue"), [], []))
    (run / "job.sh").write_text(
        "told='' s_key=key s_name=set turns=0\ntrap 'told=TERM' TERM\n. \"$JIDO_RUN/stage.sh\"\n"
        'while [ "$turns" -lt 100 ]; do turns=$((turns + 1)); stage_lock "$1"; stage_beat; stage_unlock; done\n'
        "jobs >&2\n"
    )
    words = [shell, "sh"] if shell == "busybox" else [shell]
    done = subprocess.run(
        [*words, str(run / "job.sh"), str(disk)],
        env={"PATH": os.environ["PATH"], "JIDO_RUN": str(run), "JIDO_DATA": str(run / "data")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert not list(disk.iterdir())
    assert not list(tmp_path.rglob("pwned"))
