"""The demo is the newcomer's first minute: it tells the whole story on real parts, and leaves nothing behind."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEMO = str(ROOT / "scripts" / "demo")
PARTS = ("slurmctld", "slurmd", "munged", "sshd", "ssh")
SBIN = os.pathsep.join((os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"))

needs_slurm = pytest.mark.skipif(
    not all(shutil.which(part, path=SBIN) for part in PARTS), reason="no Slurm, munge or sshd is installed here"
)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The user's own environment (pip may need the settings in it), and a hostile place for the results."""
    home = pwd.getpwuid(os.getuid()).pw_dir
    return {**os.environ, "HOME": home, "JIDO_DEMO_RESULTS": str(tmp_path / "결과 'of' $(x)")}


def left_behind(said: str) -> list[str]:
    """Name the processes and the folder that a demo left; they have a few seconds to be gone."""
    stage = re.search(r"/[^\s:]*/jido-demo\.\w+", said)
    assert stage, said
    deadline = time.monotonic() + 15
    while True:
        found = [stage[0]] if Path(stage[0]).exists() else []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                whole = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
            except OSError:
                continue
            if stage[0].encode() in whole:
                found.append(str(process))
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


@pytest.mark.twin
@needs_slurm
def test_the_story_on_a_twin_from_its_start_to_the_results_at_home(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [DEMO],
        env=environment,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    said = done.stdout
    assert done.returncode == 0, said

    played = re.findall(r"^\$ (?:jido )?(.*)$", said, re.MULTILINE)
    verbs = [line.split()[0] for line in played]
    assert verbs == ["twin", "probe", "show", "python", "init", "push", "run", "ps", "story", "pull", "twin"]

    assert "GPUs given: 0 " in said  # the one GPU that Slurm handed out
    reached = re.search(r"([\d.]+)% of the test digits read right", said)
    assert reached, said
    assert float(reached[1]) > 95
    assert re.search(r"run 1 \(train\) is done after (\d+m)?\d+s on \S+, exit code 0", said)

    results = Path(environment["JIDO_DEMO_RESULTS"])
    names = {path.name for path in results.rglob("*") if path.is_file()}
    assert names == {".gitignore", "digits.png", "metrics.jsonl", "summary.json"}
    assert left_behind(said) == []


@pytest.mark.twin
@needs_slurm
def test_ctrl_c_takes_the_twin_down_and_removes_everything(environment: dict[str, str]) -> None:
    demo = subprocess.Popen(
        [DEMO],
        env=environment,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert demo.stdout
    said = ""
    for line in demo.stdout:
        said += line
        if "is running on" in line:
            break
    os.killpg(demo.pid, signal.SIGINT)
    rest, _ = demo.communicate(timeout=60)
    said += rest
    assert demo.returncode == 130, said
    assert "aurora is down" in rest
    assert left_behind(said) == []
    assert not Path(environment["JIDO_DEMO_RESULTS"]).exists()


def test_an_unknown_option_is_refused(environment: dict[str, str]) -> None:
    done = subprocess.run([DEMO, "--lokal"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "usage: scripts/demo [--local]\n"
