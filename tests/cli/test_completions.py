"""Tab in real shells: names of this machine, quoted so that they arrive as they are."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from shells import SCRIPTS, START, Shell
from spoken import Jido

from jido.cli.completions import answer, line, names, tree
from jido.config import clusters, maps, places
from jido.jobs import selectors
from jido.jobs.ledger import Ledger
from jido.model.document import map_from_yaml
from jido.model.job import JobSpec, State

HOSTILE = 'it\'s $(touch PWNED) `touch PWNED` "q" ; & | <x> {a,b} *? ~ ! # 한글 \\'
TOML = """
[project]
cluster = "aurora"
[jobs.train]
command = "python train.py"
[jobs.trial-1]
command = ["python", "trial.py"]
[jobs.%s]
command = "true"
[jobs."tab\\there"]
command = "true"
"""


def quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two clusters, a map, three runs and a project; its folder, where the shell is."""
    places.config().mkdir(parents=True)
    clusters.path().write_text(
        '[aurora]\nhost = "login.example.edu"\nuser = "u123"\n[ariel]\nhost = "ariel"\n'
        '["my lab\'s"]\nhost = "lab"\n[toy]\nhost = "127.0.0.1"\ntwin = "/somewhere"\n'
    )
    shipped = Path(tree.__file__).parents[2] / "twins/maps/aurora.yaml"
    maps.save("aurora", map_from_yaml(shipped.read_text("utf-8")))
    ledger = Ledger(places.state() / "ledger.db")
    for number, state in enumerate((State.DONE, State.FAILED, State.RUNNING), 1):
        spec = JobSpec(argv=("true",), name=f"run {number}")
        run = ledger.intend(
            token=f"t{number}",
            name=f"r{number}",
            cluster="aurora",
            engine="slurm",
            root="/",
            folder=f"/{number}",
            spec=spec,
            tree="",
        )
        ledger.accepted(run.number, f"90{number}", "test")
        ledger._db.execute("UPDATE runs SET state = ? WHERE number = ?", (state.value, number))
    ledger.tag(1, "paper")
    ledger.close()
    project = tmp_path / "project"
    project.mkdir()
    (project / "jido.toml").write_text(TOML % quoted(HOSTILE), "utf-8")
    (project / "script one.sh").write_text("true\n")
    monkeypatch.chdir(project)
    return project


@pytest.fixture(params=list(START))
def shell(request: pytest.FixtureRequest, kept: Path, tmp_path: Path) -> Iterator[Shell]:
    if not shutil.which(request.param):
        pytest.skip(f"{request.param} is not installed")
    tree.kept()
    opened = Shell(request.param, tmp_path / "shell", kept)
    yield opened
    opened.close()


def offered(*words: str) -> list[str]:
    return [name for name, _ in answer.complete(list(words))[1]]


# -- in real shells --------------------------------------------------------------------------------------------


def test_each_kind_of_name_is_put_in(shell: Shell) -> None:
    assert shell.words("jido sche\t") == ["schema"]
    assert shell.words("jido show au\t") == ["show", "aurora"]
    assert shell.words("jido show --fac\tau\t") == ["show", "--facts", "aurora"]
    assert shell.words("jido run tra\t -p batch_u\t") == ["run", "train", "-p", "batch_ugrad"]
    assert shell.words("jido run --on=ari\t train") == ["run", "--on=ariel", "train"]
    assert shell.words("jido logs @fai\t") == ["logs", "@failed"]
    assert shell.words("jido cancel +pa\t") == ["cancel", "+paper"]
    assert shell.words("jido cancel 2,la\t") == ["cancel", "2,last"]
    assert shell.words("jido why aurora:903\t") == ["why", "aurora:903"]
    assert shell.words("jido twin down t\t") == ["twin", "down", "toy"]


def test_a_name_of_any_characters_arrives_as_it_is(shell: Shell, kept: Path) -> None:
    assert shell.words("jido run it\t") == ["run", HOSTILE]
    assert shell.words('jido run "it\t') == ["run", HOSTILE]
    assert shell.words("jido show my\t") == ["show", "my lab's"]
    assert not list(kept.glob("PWNED*"))


def test_files_are_the_shells_own(shell: Shell) -> None:
    assert shell.words("jido check scr\t") == ["check", "script one.sh"]
    assert shell.words("jido run -- scr\t") == ["run", "--", "script one.sh"]


def test_a_quote_that_is_open_is_kept_and_closed(kept: Path, tmp_path: Path) -> None:
    tree.kept()
    shell = Shell("bash", tmp_path / "shell", kept)
    try:
        assert shell.words("jido run 'it\t") == ["run", HOSTILE]
        assert shell.words("X=1 jido run it\\'\t") == ["run", HOSTILE]
    finally:
        shell.close()


# -- what is offered -------------------------------------------------------------------------------------------


def test_what_may_stand_where(kept: Path) -> None:
    assert offered("run", "") == ["train", "trial-1", HOSTILE]  # a name with a tab in it cannot be shown
    assert offered("logs", "")[:4] == ["last", "3", "2", "1"]
    assert {"@open", "@bad", "@failed", "@done"} <= set(offered("logs", "@"))
    assert offered("submit", "--after", "3:") == ["3:any", "3:notok"]
    assert offered("compare", "aurora", "a") == ["aurora", "ariel"]
    assert offered("run", "--launch", "t") == ["tasks", "torchrun"]
    assert offered("show", "aurora", "") == []
    assert offered("nonsense", "") == []
    assert "--facts" not in offered("show", "--facts", "--")
    assert "--stage" in offered("run", "--stage", "x", "--")
    assert offered("run", "--on", "nowhere", "-p", "") == []
    assert offered("logs", "-fn", "--") == []  # the value of -n comes next
    assert offered("data", "") == ["add", "ls", "rm", "stage"]


def test_every_argument_that_names_a_cluster_or_run_has_names(kept: Path) -> None:
    """A new command whose argument is called as the others' gets names without being written down anywhere."""
    dumb = {"data rm", "data stage", "add", "note"}
    found = set()

    def walk(at: tuple, path: str) -> None:  # type: ignore[type-arg]
        for names_, kind, takes, _, _ in at[0]:
            if takes and set(names_) & {"--on", "--partition", "--account", "--qos", "--after", "--tag"}:
                assert kind, (path, names_)
        found.update({path} if any(kind for kind, _ in at[1]) else set())
        for name, (_, below) in at[2].items():
            walk(below, f"{path} {name}".strip())

    walk(tree.kept(), "")
    assert {"show", "probe", "df", "logs", "cancel", "why", "run", "tunnel", "explain", "check"} <= found - dumb


def test_the_words_for_runs_are_those_of_the_selectors() -> None:
    assert set(names.GROUPS) <= set(selectors._GROUPS)
    assert {state.value.replace(" ", "-") for state in State} <= set(selectors._GROUPS)


@pytest.mark.parametrize("text", ["jido run 'a b", 'jido run "a b', "jido run a\\ b", "jido run a\\ b\\"])
@pytest.mark.parametrize("rest", ["", "c d", "$x'\"`!\\", "한글"])
def test_a_word_that_goes_on_says_what_was_meant(text: str, rest: str) -> None:
    typed = line.Typed(text)
    whole = typed.with_rest(rest)
    if typed.escaped and not rest:
        return
    done = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {whole}{typed.quote}"], capture_output=True, check=True, text=True
    )
    assert done.stdout.rstrip("\0") == typed.words[-1] + rest


# -- quick and quiet -------------------------------------------------------------------------------------------


def test_a_tab_imports_no_click_and_opens_no_connection(kept: Path) -> None:
    tree.kept()
    told = """
import sys, socket, subprocess
def no(*args, **more): raise AssertionError("the network")
socket.socket.connect = subprocess.Popen.__init__ = no
from jido.cli.completions import answer
for words in (["show", ""], ["logs", ""], ["run", "-p", ""], ["run", ""], ["show", "--"]):
    answer.main(["zsh", *words])
heavy = {"click", "msgspec", "rich", "yaml", "asyncio", "jido.errors", "jido.config", "jido.api"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "aurora" in done.stdout and "batch_ugrad" in done.stdout


def test_nothing_is_made_and_nothing_said_where_nothing_is_kept(jido_home: Path, tmp_path: Path) -> None:
    for words in (["zsh", "show", ""], ["fish", "logs", "@"], ["bash", "jido run -p ", ""], ["bash"], [], ["zsh"]):
        done = subprocess.run([sys.executable, "-m", "jido", "--complete", *words], capture_output=True, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, b"")
    assert not (places.state() / "ledger.db").exists()


def test_broken_files_give_no_names(kept: Path) -> None:
    clusters.path().write_bytes(b"[auro\xff")
    (kept / "jido.toml").write_text("[jobs\n")
    (places.state() / "ledger.db").write_bytes(b"no database" * 100)
    maps.versions("aurora")[-1].write_text('{"scheduling":{"partitions":[1,{"value":7}')
    assert offered("show", "") == ["local"]
    assert offered("run", "") == offered("logs", "") == offered("run", "--on", "aurora", "-p", "") == []


def test_the_tree_is_made_again_when_a_command_changes(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.kept()
    made = []
    monkeypatch.setattr(tree, "_made", lambda: made.append(1) or ([], [], {}, False))
    tree.kept()
    assert not made
    monkeypatch.setattr(tree, "_of_this_jido", lambda: ("another",))
    tree.kept()
    tree.kept()
    assert made == [1]


# -- putting it in place ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(START))
def test_it_is_printed_and_put_where_the_shell_looks(name: str, jido: Jido) -> None:
    text = (SCRIPTS / f"jido.{name}").read_text("utf-8")
    assert jido("completion", name).out == text
    said = jido("completion", name, "--install")
    place = {"bash": ".local/share/bash-completion/completions/jido", "zsh": ".zfunc/_jido"}
    file = Path(os.environ["HOME"]) / place.get(name, ".config/fish/completions/jido.fish")
    assert said.code == 0
    assert str(file) in said.err
    assert file.read_text("utf-8") == text
    assert jido("completion", name, "--install").code == 0
    file.write_text("# mine\n")
    refused = jido("completion", name, "--install")
    assert refused.code == 5
    assert file.read_text() == "# mine\n"


def test_an_installed_completion_is_found_by_fish_itself(kept: Path, jido: Jido, tmp_path: Path) -> None:
    if not shutil.which("fish"):
        pytest.skip("fish is not installed")
    jido("completion", "fish", "--install")
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "jido").write_text(f"#!/bin/sh\nexec '{sys.executable}' -m jido \"$@\"\n")
    (bin_ / "jido").chmod(0o755)
    done = subprocess.run(
        ["fish", "-c", "complete -C 'jido show au'"],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}"},
    )
    assert done.stdout == "aurora\tu123@login.example.edu\n"


def test_without_a_name_it_is_the_persons_own_shell(jido: Jido, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/usr/bin/zsh")
    assert jido("completion").out.startswith("#compdef jido")
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    assert jido("completion").code == 2
