"""jido init, push and pull, as typed."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jido.testing.sshd import Server

JIDO = (sys.executable, "-m", "jido")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "pro ject $(touch pwned) 과제"
    folder.mkdir()
    (folder / "train.py").write_text("print('trained')\n")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def aurora(sshd: Server, tmp_path: Path) -> Path:
    """A cluster with a name and no map; returns the folder to work in."""
    from jido.config import clusters

    work = tmp_path / "work '한"
    work.mkdir()
    clusters.put("aurora", sshd.destination)
    return work


def jido(*words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*JIDO, *words], capture_output=True, text=True, errors="replace", timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def test_init_shows_the_plan_and_then_applies_it(here: Path, aurora: Path) -> None:
    shown = jido("init", "--on", "aurora", "--work", str(aurora), "--name", "digits", "--dry-run")
    assert f"on aurora: {aurora}/digits" in shown.stdout
    assert "write jido.toml" in shown.stdout
    assert [path.name for path in here.iterdir()] == ["train.py"]
    assert list(aurora.iterdir()) == []
    jido("init", "--on", "aurora", "--work", str(aurora), "--name", "digits")
    assert 'name = "digits"' in (here / "jido.toml").read_text()
    assert (aurora / "digits" / "checkpoints").is_dir()
    again = jido("init")
    assert "everything is there already" in again.stdout
    assert f"on aurora: {aurora}/digits" in again.stdout
    (here / "jido.toml").write_text("[layout]\nwork = '/said'\n")
    assert "/said" in jido("init", "--on", "aurora", "--work", str(aurora), code=3).stderr
    assert not list(here.parent.glob("**/pwned"))


def test_init_asks_at_a_terminal(here: Path) -> None:
    ours, theirs = pty.openpty()
    typed = subprocess.Popen([*JIDO, "init"], stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""
    while b"make it so?" not in seen:
        seen += os.read(ours, 4096)
    os.write(ours, b"n\n")
    assert typed.wait(30) == 0
    os.close(ours)
    assert [path.name for path in here.iterdir()] == ["train.py"]


def test_init_without_a_map_says_what_to_do(here: Path, aurora: Path) -> None:
    refused = jido("init", "--on", "aurora", code=5)
    assert "jido probe aurora" in refused.stderr
    assert "jido init --on aurora --work DIR" in refused.stderr
    assert not (here / "jido.toml").exists()
    assert "'aurora'" in jido("init", "--on", "arora", code=4).stderr


def test_init_does_not_take_a_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path.home())
    assert "mkdir" in jido("init", code=5).stderr
    assert list(Path.home().iterdir()) == []


def test_push_and_what_it_says(here: Path, aurora: Path) -> None:
    jido("init", "--on", "aurora", "--work", str(aurora), "--name", "digits")
    (here / "data" / "a.bin").write_bytes(b"x" * 2048)
    shown = jido("push", "--dry-run")
    assert "train.py" in shown.stdout.splitlines()
    first = jido("push", "--data")
    assert first.stdout == ""
    assert "code pushed: 3 of 3 files" in first.stderr
    assert "data pushed: 1 of 1 files, 2K" in first.stderr
    assert "as it was pushed last" in jido("push").stderr
    (done,) = json.loads(jido("push", "--force", "--json").stdout)
    assert (done["sent_files"], done["into"]) == (0, f"{aurora}/digits/code")
    assert (aurora / "digits" / "code" / "train.py").read_text() == "print('trained')\n"
    assert (aurora / "digits" / "data" / "a.bin").stat().st_size == 2048


def test_a_typo_in_jido_toml_stops_every_command(here: Path) -> None:
    (here / "jido.toml").write_text("[jobs.train]\n\ngpu = 1\n")
    for command in ("init", "push"):
        failed = jido(command, code=3)
        assert "jido.toml:3: unknown key jobs.train.gpu; did you mean 'gpus'" in failed.stderr
    assert json.loads(jido("push", "--json", code=3).stderr)["error"] == "ConfigError"


def test_pull_brings_a_runs_results(here: Path) -> None:
    jido("init", "--on", "local")
    jido("run", "--", sys.executable, "-c", "open('results/new\\nline.txt', 'w').write('42'); print('said')")
    done = jido("pull")
    folder, log = done.stdout.splitlines()
    assert (Path(folder) / "new\nline.txt").read_text() == "42"
    assert "said" in Path(log).read_text()
    assert Path(folder).parent == here / "results"
    assert "nothing new" in jido("pull", "last").stderr
    (answer,) = json.loads(jido("pull", "--json").stdout)
    assert (answer["run"], answer["pulled"]["files"]) == (1, 0)
    assert jido("pull", "99", code=4)


def test_results_are_brought_as_they_appear(here: Path) -> None:
    script = 'echo 1 >"$JIDO_RESULTS/first"; until [ -e "$0" ]; do sleep 0.1; done; echo 2 >"$JIDO_RESULTS/second"'
    jido("submit", "--on", "local", "--", "sh", "-c", script, str(here.parent / "go on"))
    watching = subprocess.Popen([*JIDO, "pull", "--watch", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until = time.monotonic() + 60
    while not list(here.glob("results/*/first")) and time.monotonic() < until:
        time.sleep(0.1)
    (here.parent / "go on").touch()
    out, err = watching.communicate(timeout=120)
    assert watching.returncode == 0, err
    events = [json.loads(row) for row in err.splitlines() if row.startswith(b"{")]
    assert sum(event["event"] == "done" for event in events) > 1, "it looked more than once"
    [folder] = (here / "results").iterdir()
    assert {file.name: file.read_text() for file in folder.iterdir()} == {"first": "1\n", "second": "2\n"}
    assert [one["run"] for one in json.loads(out)] == [1]
