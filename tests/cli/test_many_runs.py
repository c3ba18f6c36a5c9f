"""Several runs as typed: selectors, tags, notes, ps --watch, logs of many, the hook at a run's end."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jido.__main__ import main
from jido.cli import app

JIDO = (sys.executable, "-m", "jido")
HOSTILE = "pro ject $(touch pwned) 과제"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder; its runs are of the cluster `local`, which is always there."""
    folder = tmp_path / HOSTILE
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("NO_COLOR", "1")
    return folder


def jido(*words: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*JIDO, *words], capture_output=True, text=True, errors="replace", timeout=60)
    assert code is None or done.returncode == code, done.stdout + done.stderr
    return done


def submit(name: str, script: str, *more: str) -> str:
    return jido("submit", "--on", "local", "--name", name, *more, "--", "sh", "-c", script).stdout.strip()


def numbers(*words: str) -> list[int]:
    return [run["number"] for run in json.loads(jido("ps", "--json", *words).stdout)["runs"]]


def test_runs_are_chosen_by_number_span_state_and_tag(here: Path) -> None:
    good = submit("good", "true", "--tag", "base선")
    bad = submit("bad", "exit 3")
    other = submit("other", "true")
    jido("wait", f"{good}-{other}", code=10)
    assert numbers("@failed") == [int(bad)]
    assert numbers("@done") == [int(good), int(other)]
    assert numbers("@bad,last") == [int(bad), int(other)]
    assert numbers(f"{other}-{bad}") == [int(bad), int(other)]
    assert numbers("+base선") == [int(good)]
    jido("tag", f"{good},{bad}", "keep", "+later")
    assert numbers("@failed&+keep") == [int(bad)]
    assert jido("tag", bad, "later", "--rm").stdout.split() == [bad, "bad", "+keep"]
    assert "+base선" in jido("ps", good).stdout
    assert "keep" in jido("story", bad).stdout
    assert "a story is told of one" in jido("story", "@done", code=2).stderr
    assert "did you mean 'failed'" in jido("ps", "@faild", code=2).stderr
    assert "no run from 90 to 99" in jido("cancel", "90-99", code=4).stderr
    assert "cannot be a tag" in jido("tag", good, "two words", code=2).stderr
    assert not list(here.parent.glob("**/pwned"))


def test_runs_are_found_by_their_words(here: Path) -> None:
    one = submit("one", "echo 학습률 '0.1'")
    two = submit("two", "true")
    jido("note", two, 'lr too "high" 학습률?')
    jido("wait", "1-9")
    assert numbers("--search", "학습률") == [int(one), int(two)]
    assert numbers("--search", "HIGH") == [int(two)]
    assert numbers("--search", "nothing like it") == []
    assert 'lr too "high" 학습률?' in jido("story", two).stdout
    assert numbers("@done", "--search", "two") == [int(two)]


def test_the_output_of_several_runs_says_whose_it_is(here: Path) -> None:
    one = submit("one", "echo first; sleep 1; printf 'no newline at the end'")
    two = submit("two", "sleep 0.5; echo '둘 $(x)'; exit 4")
    followed = jido("logs", "-f", f"{one}-{two}", code=10)
    assert f"{one} | first\n" in followed.stdout
    assert f"{one} | no newline at the end\n" in followed.stdout
    assert f"{two} | 둘 $(x)\n" in followed.stdout
    assert "exit code 4" in followed.stderr
    again = jido("logs", "-n", "1", f"{one},{two}")
    assert again.stdout == f"{one} | no newline at the end\n{two} | 둘 $(x)\n"


def test_ctrl_c_while_following_leaves_the_runs_alone(here: Path) -> None:
    one, two = submit("one", "echo a; sleep 60"), submit("two", "echo b; sleep 60")
    words = [*JIDO, "logs", "-f", f"{one}-{two}"]
    follower = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert follower.stdout
    assert {follower.stdout.readline(), follower.stdout.readline()} == {
        f"{one} | a\n".encode(),
        f"{two} | b\n".encode(),
    }
    follower.send_signal(signal.SIGINT)
    _, said = follower.communicate(timeout=20)
    assert follower.returncode == 130
    assert f"come back: jido logs -f {one},{two}" in said.decode()
    assert numbers("@open") == [int(one), int(two)]
    # Both had printed something: now that they were looked at, they are known to run.
    assert numbers("@running") == [int(one), int(two)]
    jido("cancel", "@open")
    assert numbers("@open") == []


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("verb", ["submit", "sweep"])
def test_ctrl_c_while_a_run_is_handed_over_says_who_will_know(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    monkeypatch.setattr("jido.api.jobs.submit", interrupt)
    more = ("--param", "x=1..3") if verb == "sweep" else ()
    with pytest.raises(SystemExit) as end:
        app.run([verb, "--on", "local", *more, "--", "true"])
    assert end.value.code == 130
    assert "`jido ps` settles" in capsys.readouterr().err


def test_ctrl_c_while_jido_is_starting_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "run", interrupt)
    monkeypatch.setattr(sys, "argv", ["jido", "ls"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 130


def test_watching_draws_in_place_until_none_is_open(here: Path) -> None:
    gate = here / "gate"
    submit("short", f"until [ -e '{gate}' ]; do sleep 0.1; done")
    ours, theirs = pty.openpty()
    watcher = subprocess.Popen([*JIDO, "ps", "--watch"], stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""
    try:
        while chunk := os.read(ours, 65536):
            seen += chunk
            if b"running" in seen or b"queued" in seen:  # it has been drawn while it was open
                gate.touch()
    except OSError:
        pass  # Linux' way to say that the other side is closed
    os.close(ours)
    assert watcher.wait(30) == 0
    assert b"running" in seen or b"queued" in seen
    assert seen.count(b"local") > 1
    last = seen.decode().rpartition("\x1b[2K")[2]
    assert "done" in last
    # Elsewhere than on a terminal, what changed is printed once more, and nothing moves the cursor.
    submit("next", "sleep 0.2")
    assert "\x1b" not in jido("ps", "--watch", "last").stdout


def test_a_hook_is_called_once_for_each_end_and_gets_names_as_they_are(here: Path, jido_home: Path) -> None:
    told = here.parent / "told"
    (jido_home / "config").mkdir(parents=True, exist_ok=True)
    (jido_home / "config" / "hooks.toml").write_text(
        f"""ended = 'printf "%s %s %s %s\\n" "$JIDO_NUMBER" "$JIDO_STATE" "$JIDO_CODE" "$JIDO_FOLDER" >>"{told}"'\n"""
    )
    one, two = submit("one", "exit 5"), submit("two", "true")
    jido("wait", "1-9", code=10)
    for _ in range(3):
        jido("ps", "-a")
    deadline = time.monotonic() + 10
    while (not told.exists() or told.read_text().count("\n") < 2) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert sorted(told.read_text().splitlines()) == [f"{one} failed 5 {here}", f"{two} done 0 {here}"]
    (jido_home / "config" / "hooks.toml").write_text("endet = 1\n")
    three = submit("three", "true")
    jido("wait", three)
    assert "hook could not be called" in jido("story", three).stdout


def test_a_chain_goes_on_after_what_ended_well_and_never_after_what_did_not(here: Path) -> None:
    good, bad = submit("good", "true"), submit("bad", "exit 2")
    jido("wait", f"{good}-{bad}", code=10)
    gate = here / "gate"
    open_ = submit("open", f"until [ -e '{gate}' ]; do sleep 0.1; done")
    refused = jido("submit", "--on", "local", "--after", bad, "--", "true", code=5)
    assert f"run {bad} (bad) is failed" in refused.stderr
    after = submit("after", "echo it began", "--after", good, "--after", open_)
    assert numbers("@queued") == [int(after)]
    gate.touch()
    jido("wait", after)
    assert jido("logs", after).stdout == "it began\n"


def states(*runs: str) -> list[str]:
    return [run["state"] for run in json.loads(jido("ps", "--json", *runs).stdout)["runs"]]


def test_a_chain_may_want_any_end_or_a_bad_one(here: Path) -> None:
    gate = here / "gate"
    bad = submit("bad", f"until [ -e '{gate}' ]; do sleep 0.1; done; exit 2")
    ways = {how: submit(f"then{how}", "echo it began", "--after", f"{bad}:{how}") for how in ("ok", "any", "notok")}
    assert states(*ways.values()) == ["queued"] * 3
    assert (
        f"It waits for your run {bad} (job 1) to fail; that one is running now" in jido("why", ways["notok"]).stdout
    )
    told = jido("story", ways["any"]).stdout
    assert f"after   run {bad} (bad) has ended\n" in told
    assert f"is to begin when run {bad} (bad) has ended" in told
    gate.touch()
    jido("wait", *ways.values(), code=10)
    assert states(*ways.values()) == ["dependency never satisfied", "done", "done"]
    # All has ended: jido knows how, and nothing is waited for any more.
    later = submit("later", "true", "--after", f"{bad}:any", "--after", f"{bad}:notok", "--after", ways["any"])
    jido("wait", later)
    refused = jido("submit", "--on", "local", "--after", f"{later}:notok", "--", "true", code=5)
    assert f"run {later} (later) is done" in refused.stderr
    refused = jido("submit", "--on", "local", "--after", bad, "--", "true", code=5)
    assert f"--after {bad}:any" in refused.stderr
    # Once it was made again, the newer one is what can be waited for.
    gate.unlink()
    again = jido("retry", bad).stdout.strip()
    assert f"--after {again}" in jido("submit", "--on", "local", "--after", bad, "--", "true", code=5).stderr
    # And what was to come after the first comes after the second.
    once_more = jido("retry", ways["ok"]).stdout.strip()
    assert f"run {again} (bad) has ended well" in jido("story", once_more).stdout
    gate.touch()
    jido("wait", once_more, code=10)
    assert states(once_more) == ["dependency never satisfied"]


@pytest.mark.parametrize("packed", [(), ("--packed",)])
def test_a_sweep_is_waited_for_whole(here: Path, packed: tuple[str, ...]) -> None:
    gate = here / "gate"
    wait = f"[ $1 = 0 ] || until [ -e '{gate}' ]; do sleep 0.1; done; exit $1"
    sweep = jido(
        "sweep", "--on", "local", *packed, "-c", "2", "--param", "x=0..1", "--", "sh", "-c", wait, "sh", "{x}"
    )
    first = sweep.stdout.strip()
    well, badly = submit("well", "true", "--after", first), submit("badly", "true", "--after", f"{first}:notok")
    assert states(well, badly) == ["queued"] * 2
    gate.touch()
    jido("wait", well, badly, code=10)
    assert states(well, badly) == ["dependency never satisfied", "done"]


@pytest.mark.parametrize(
    ("after", "code", "says"),
    [
        ("{0}:anny", 2, "did you mean 'any'?"),
        ("{0}:", 2, "behind the colon stands how the run is to end"),
        ("{0}:ok:any", 4, "no run goes by '{0}:ok'"),
        ("999:any", 4, "there is no run 999"),
        ("nope:notok", 4, "no run goes by 'nope'"),
        ("local:99", 4, "no run goes by 'local:99'"),
        ("$(touch pwned):any", 4, "no run goes by"),
        ("", 4, "no run goes by ''"),
    ],
)
def test_a_condition_that_is_none_is_refused_before_anything_is_sent(
    here: Path, after: str, code: int, says: str
) -> None:
    good = submit("good", "true")
    said = jido("submit", "--on", "local", "--after", after.format(good), "--", "true", code=code)
    assert says.format(good) in said.stderr
    said = jido("submit", "--on", "local", "--after", good, "--after", f"{good}:notok", "--", "true", code=2)
    assert "cannot end both well and badly" in said.stderr
    jido("wait", good)
    assert numbers("-a") == [int(good)]
    assert not (here / "pwned").exists()
