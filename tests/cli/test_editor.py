"""``jido code`` and ``jido init --vscode``: a toy VS Code, the real ssh."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest
from spoken import Jido

from jido.config import clusters, jsonc
from jido.model.destination import Destination
from jido.testing.sshd import Server

HOSTILE = 'it\'s $(touch PWNED) "한글" ${x} \\'
JOBS = """[project]
name = "digits"
[layout]
work = "/data/내 것 #1?"
[jobs.train]
command = "true"
[jobs.'a "b" 한']
command = "true"
[jobs.'no ${env:HOME}']
command = "true"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "jido.toml").write_text(JOBS, "utf-8")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A VS Code that writes down what it is called with."""
    bin_, file = tmp_path / "bin", tmp_path / "called"
    bin_.mkdir()
    (bin_ / "code").write_text(f"#!/bin/sh\nfor word; do printf '%s\\0' \"$word\"; done >'{file}'\n")
    (bin_ / "code").chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_}:{os.environ['PATH']}")
    return file


@pytest.fixture
def ssh_home(monkeypatch: pytest.MonkeyPatch) -> Path:
    """ssh takes its home from the password file, not from HOME: a wrapper names the configuration."""
    from jido.transports import ssh_config

    own = Path(os.environ["HOME"]) / ".ssh/config"
    before = ssh_config.ssh_words

    def words(to: Destination, control: Path | None, **how: bool) -> list[str]:
        program, *rest = before(to, control, **how)
        return [program, *(["-F", str(own) if own.exists() else "none"] if not to.config else []), *rest]

    monkeypatch.setattr(ssh_config, "ssh_words", words)
    return own


def words(called: Path) -> list[str]:
    return called.read_bytes().decode().split("\0")[:-1]


def test_an_address_that_ssh_knows_is_opened_at_once(jido: Jido, project: Path, called: Path, ssh_home: Path) -> None:
    clusters.put("lab", Destination(host="lab.example.edu", user="me"))
    said = jido("code", "lab")
    assert said.code == 0, said.err
    flag, uri = words(called)
    assert flag == "--folder-uri"
    assert uri.startswith("vscode-remote://ssh-remote+me@lab.example.edu/data/")
    assert unquote(uri).endswith("/data/내 것 #1?/digits/code")
    assert "#" not in uri and "?" not in uri and " " not in uri
    jido("code", "lab", "--folder", f"/data/{HOSTILE}")
    assert unquote(words(called)[1]).endswith(f"/data/{HOSTILE}")
    assert not list(project.rglob("PWNED"))


def test_a_port_and_a_jump_host_have_to_stand_in_the_ssh_configuration(
    jido: Jido, project: Path, called: Path, ssh_home: Path
) -> None:
    clusters.put(
        "aurora", Destination(host="login.example.edu", user="u1", port=30080, jump="me@gate.example.edu:22")
    )
    ssh_home.parent.mkdir()
    ssh_home.write_text("Host mine\n    User somebody\n")
    refused = jido("code", "aurora")
    assert refused.code == 5
    assert not called.exists()
    for line in ("Host jido-aurora", "HostName login.example.edu", "Port 30080", "ProxyJump me@gate.example.edu:22"):
        assert line in refused.err
    assert "Port 30080" in jido("code", "aurora", "--dry-run").out
    assert ssh_home.read_text() == "Host mine\n    User somebody\n"

    done = jido("code", "aurora", "--include")
    assert done.code == 0, done.err
    assert words(called)[1].startswith("vscode-remote://ssh-remote+jido-aurora/data/")
    asked = subprocess.run(["ssh", "-F", ssh_home, "-G", "jido-aurora"], capture_output=True, text=True).stdout
    assert {"hostname login.example.edu", "port 30080", "user u1"} <= set(asked.splitlines())
    assert "proxyjump me@gate.example.edu" in asked
    assert (
        "user somebody"
        in subprocess.run(["ssh", "-F", ssh_home, "-G", "mine"], capture_output=True, text=True).stdout
    )
    text = ssh_home.read_text()
    assert text.endswith("\n\nHost mine\n    User somebody\n")
    assert jido("code", "aurora").code == 0  # it is known now
    clusters.put("aurora", Destination(host="login.example.edu", user="u1", port=22022))
    assert jido("code", "aurora").code == 5  # and has moved since
    assert jido("code", "aurora", "--include").code == 0
    assert ssh_home.read_text() == text


def test_the_host_block_really_connects(
    jido: Jido, project: Path, called: Path, ssh_home: Path, sshd: Server
) -> None:
    clusters.put("real", sshd.destination)
    assert jido("code", "real", "--include").code == 0
    host = words(called)[1].removeprefix("vscode-remote://ssh-remote+").split("/")[0]
    asked = ["ssh", "-F", ssh_home, "-o", "BatchMode=yes", unquote(host), "echo there"]
    assert subprocess.run(asked, capture_output=True, text=True, timeout=30).stdout == "there\n"


def test_a_twin_is_reached_by_its_own_configuration(jido: Jido, project: Path, called: Path, ssh_home: Path) -> None:
    twin = project / "twin's ssh_config"
    twin.write_text("Host toy\n    HostName 127.0.0.1\n    Port 4711\n    User student\n")
    clusters.put("far", Destination(host="far.example.edu", port=2222))
    clusters.put("toy", Destination(host="toy", config=str(twin), twin=str(project)))
    assert jido("code", "far", "--include").code == 0
    said = jido("code", "toy", "--include")
    assert said.code == 0, said.err
    assert "ssh-remote+toy/" in words(called)[1]
    for host, port in (("toy", "4711"), ("jido-far", "2222")):
        asked = subprocess.run(["ssh", "-F", ssh_home, "-G", host], capture_output=True, text=True).stdout
        assert f"port {port}" in asked.splitlines()


def test_without_an_editor_it_says_so(jido: Jido, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jido.api.editors.shutil.which", lambda name: None)
    clusters.put("lab", Destination(host="lab.example.edu"))
    said = jido("code", "lab")
    assert said.code == 4
    assert "VS Code is not on the PATH" in said.err
    assert "Remote - SSH" in said.err
    assert "vscode-remote://ssh-remote+lab.example.edu/" in jido("code", "lab", "--dry-run").out
    assert jido("code", "local").code == 5


# -- tasks -----------------------------------------------------------------------------------------------------


def test_each_job_becomes_a_task(jido: Jido, project: Path) -> None:
    said = jido("init", "--vscode", "--yes")
    assert said.code == 0, said.err
    tasks = json.loads((project / ".vscode/tasks.json").read_text("utf-8"))["tasks"]
    by_label = {one["label"]: one for one in tasks}
    assert by_label['jido: run a "b" 한']["args"] == ["run", 'a "b" 한']
    assert by_label["jido: logs"]["args"] == ["logs", "-f"]
    assert not any("${env" in json.dumps(one) for one in tasks)
    assert "no task for job 'no ${env:HOME}'" in said.err
    before = (project / ".vscode/tasks.json").read_bytes()
    assert jido("init", "--vscode", "--yes").code == 0
    assert (project / ".vscode/tasks.json").read_bytes() == before


def test_what_a_person_wrote_stays(jido: Jido, project: Path) -> None:
    file = project / ".vscode/tasks.json"
    file.parent.mkdir()
    mine = '{\n  // how I build\n  "tasks": [\n    {"label": "jido: ps", "command": "mine"}, // keep\n  ],\n}\n'
    file.write_text(mine)
    assert "would add jido: run train" in jido("init", "--vscode", "--dry-run").err
    assert file.read_text() == mine
    assert jido("init", "--vscode", "--yes").code == 0
    text = file.read_text("utf-8")
    assert "// how I build" in text and '{"label": "jido: ps", "command": "mine"}, // keep' in text
    labels = [one["label"] for one in jsonc.read(text)["tasks"]]
    assert labels[0] == "jido: ps" and labels.count("jido: ps") == 1 and "jido: run train" in labels


def test_a_file_that_is_not_understood_is_left_and_what_to_add_is_said(jido: Jido, project: Path) -> None:
    file = project / ".vscode/tasks.json"
    file.parent.mkdir()
    file.write_text('{"tasks": [ {"label": "half')
    said = jido("init", "--vscode", "--yes")
    assert said.code == 0
    assert file.read_text() == '{"tasks": [ {"label": "half'
    assert "is left as it is" in said.err and '"label": "jido: run train"' in said.err
