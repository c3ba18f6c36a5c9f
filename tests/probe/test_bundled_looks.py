"""A bundle brings every look's answer home in one exec, whatever one of them does and whatever the login prints."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from jido.config import places
from jido.model.bundle import MISSING, Part, bundle, is_whole
from jido.model.command import Command, Reply
from jido.testing.sshd import Server
from jido.transports.base import Transport, ask
from jido.transports.local import Local
from jido.transports.openssh import OpenSSH

HOSTILE = [
    "a b",
    "it's",
    'say "hi"',
    "two\nlines",
    "$(touch pwned)",
    "한글 이름",
    "back\\slash",
    "%s%d",
    "-n",
    "`id`",
    "*",
]


def test_every_look_comes_back_with_its_code_and_both_streams(remote: Transport) -> None:
    parts = [Part("good", "echo out; echo err >&2"), Part("bad", "exit 3"), Part("empty", ":")]
    found = ask(remote, bundle(parts))
    assert (found["good"].code, found["good"].stdout, found["good"].stderr) == (0, b"out\n", b"err\n")
    assert found["bad"].code == 3
    assert (found["empty"].code, found["empty"].stdout) == (0, b"")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_travels_untouched(text: str) -> None:
    quoted = "'" + text.replace("'", "'\\''") + "'"
    found = ask(Local(), bundle([Part("say", f"printf '%s' {quoted}")]))
    assert found["say"].stdout == text.encode()


def test_bytes_of_any_value_come_back() -> None:
    found = ask(Local(), bundle([Part("raw", "printf '\\000\\001\\377\\n\\n'"), Part("after", "echo here")]))
    assert found["raw"].stdout == b"\x00\x01\xff\n\n"
    assert found["after"].stdout == b"here\n"


def test_looks_run_side_by_side() -> None:
    began = time.monotonic()
    found = ask(Local(), bundle([Part(f"sleep{n}", "sleep 1") for n in range(8)]))
    assert all(finding.ok for finding in found.values())
    assert time.monotonic() - began < 4


@pytest.mark.parametrize(
    "stuck",
    [
        "trap '' TERM; sleep 1000",
        'mkfifo "$HOME/fifo"; cat "$HOME/fifo"',
        "trap '' TERM HUP INT; while :; do :; done",
    ],
)
def test_a_look_that_hangs_is_left_behind_and_hangs_nobody_else(stuck: str, tmp_path: Path) -> None:
    parts = [Part("stuck", f"echo before; {stuck}", limit=0.5), Part("other", "echo fine")]
    began = time.monotonic()
    found = ask(Local(), bundle(parts))
    assert time.monotonic() - began < 6
    assert found["stuck"].code is None
    assert found["stuck"].stdout == b"before\n"
    assert found["other"].stdout == b"fine\n"


def sleeping(seconds: str) -> bool:
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    return f"sleep {seconds}" in listed.splitlines()


def test_where_ps_is_missing_a_hung_looks_family_is_ended_all_the_same(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "mktemp", "mkfifo", "rm", "cp", "mkdir", "cat", "wc", "sleep", "date"):
        (tools / name).symlink_to(f"/usr/bin/{name}" if Path(f"/usr/bin/{name}").exists() else f"/bin/{name}")
    seconds = f"32{os.getpid() % 100000:05d}"
    parts = [Part("stuck", f"trap '' TERM; (sleep {seconds}; :); :", limit=0.2), Part("other", "echo fine")]
    question = bundle(parts)
    command = Command(argv=question.command.argv, stdin=question.command.stdin, env={"PATH": str(tools)}, timeout=30)
    began = time.monotonic()
    found = question.parse(Local().run(command))
    assert time.monotonic() - began < 8
    assert found["stuck"].code is None
    assert found["other"].stdout == b"fine\n"
    assert not sleeping(seconds)


def test_each_look_has_a_limit_of_its_own() -> None:
    parts = [Part("short", "sleep 30", limit=0.3), Part("long", "sleep 2; echo done", limit=20)]
    found = ask(Local(), bundle(parts))
    assert found["short"].code is None
    assert found["long"].stdout == b"done\n"


def test_a_look_that_does_not_apply_is_missing_and_not_executed(tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    parts = [
        Part("folder", f"touch {mark}", needs="[ -d /no/such/folder ]"),
        Part("program", f"touch {mark}", needs="command -v no-such-program"),
        Part("quick", f"touch {mark}", quick="case $HOME in */nobody) ;; *) false;; esac"),
        Part("there", "echo yes", needs="[ -d / ]", quick="true"),
    ]
    found = ask(Local(), bundle(parts))
    assert found["folder"].code == found["program"].code == found["quick"].code == MISSING
    assert found["there"].stdout == b"yes\n"
    assert not mark.exists()


def test_looks_none_of_which_applies_come_back_at_once() -> None:
    found = ask(Local(), bundle([Part(f"no{n}", "sleep 5", quick="false") for n in range(100)]))
    assert {finding.code for finding in found.values()} == {MISSING}
    assert ask(Local(), bundle([])) == {}


def test_a_look_may_do_to_its_shell_what_it_likes() -> None:
    scripts = [
        "exit 5",
        "exec true",
        "trap 'exit 6' 0; false",
        "kill -9 $$ && :",
        "set -eu; : $unset",
        "eval '(' ; :",
        "cd /; unset PATH; j_d=/x; j_end=1",
    ]
    parts = [Part(f"odd{n}", script.replace("$$", "$(exec sh -c 'echo $PPID')")) for n, script in enumerate(scripts)]
    found = ask(Local(), bundle([*parts, Part("fine", "echo fine")]))
    assert [found[f"odd{n}"].code for n in range(3)] == [5, 0, 6]
    assert all(finding.code is not None for finding in found.values())
    assert found["fine"].text == "fine\n"


def test_a_look_may_read_what_others_printed_and_waits_for_them() -> None:
    parts = [
        Part("slow", "sleep 0.3; printf '%s' '$(x) 한글'"),
        Part("not there", "never", quick="false"),
        Part("reader", 'cat "$1"; printf "|"; cat "$2" 2>/dev/null', after=("slow", "not there")),
    ]
    found = ask(Local(), bundle(parts))
    assert found["reader"].stdout == "$(x) 한글|".encode()


def test_a_look_that_waits_for_one_that_hangs_is_ended_at_its_own_limit() -> None:
    parts = [Part("stuck", "sleep 30", 1.0), Part("reader", 'echo first; cat "$1"', 0.5, after=("stuck",))]
    found = ask(Local(), bundle(parts))
    assert found["reader"].code is None
    assert found["stuck"].code is None


def test_common_functions_are_there_for_those_who_want_them() -> None:
    found = ask(Local(), bundle([Part("say", "hello you")], common='hello() { echo "hi $1"; }'))
    assert found["say"].stdout == b"hi you\n"


def test_the_motd_and_rc_files_corrupt_nothing(own_sshd: Server) -> None:
    own_sshd.set_noise(b"Welcome!\njido-0000 end\n\x1b[31m*** maintenance ***\x1b[0m\n" * 50, b"rc: no tty\n" * 50)
    own_sshd.set_shell("/bin/bash")
    (own_sshd.home / ".bashrc").write_text("echo rc noise; echo more >&2; (sleep 0.05; echo late noise) &\n")
    transport = OpenSSH(own_sshd.destination, places.runtime(), "noisy")
    try:
        found = ask(transport, bundle([Part(f"look{n}", f"sleep 0.0{n}; echo answer {n}") for n in range(9)]))
    finally:
        transport.close()
    assert [finding.text for finding in found.values()] == [f"answer {n}\n" for n in range(9)]


def test_noise_in_the_middle_of_an_answer_spoils_that_answer_only() -> None:
    question = bundle([Part("one", "echo first"), Part("two", "echo second"), Part("three", "echo third")])
    reply = Local().run(question.command)
    disturbed = Reply(reply.command, "x", 0, reply.stdout.replace(b"second", b"sec** broadcast **ond"))
    found = question.parse(disturbed)
    assert found["two"].code is None
    assert (found["one"].text, found["three"].text) == ("first\n", "third\n")


def test_a_reply_cut_off_brings_what_is_whole() -> None:
    question = bundle([Part("one", "echo first"), Part("two", "seq 10000")])
    reply = Local().run(question.command)
    cut = Reply(reply.command, "x", None, reply.stdout[: len(reply.stdout) // 2])
    found = question.parse(cut)
    assert found["one"].text == "first\n"
    assert found["two"].code is None
    assert is_whole(reply, question.parse(reply))
    assert not is_whole(cut, found)


def test_a_script_cut_off_executes_nothing(tmp_path: Path) -> None:
    question = bundle([Part("touch", f"touch '{tmp_path}/executed'")])
    half = question.command.stdin[: len(question.command.stdin) * 3 // 4]
    Local().run(Command(argv=("sh", "-s"), stdin=half))
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("shell", ["dash", "bash", "bash --posix", "busybox sh", "ksh", "mksh"])
def test_the_script_is_read_by_every_posix_shell(shell: str) -> None:
    argv = (*shell.split(), "-s")
    if Local().run(Command(argv=(*shell.split(), "-c", ":"))).code != 0:
        pytest.skip(f"{shell} is not installed")
    question = bundle([Part("say", "echo hi"), Part("bad", "exit 4"), Part("no", ":", needs="[ -d /nowhere ]")])
    found = question.parse(Local().run(Command(argv=argv, stdin=question.command.stdin)))
    assert (found["say"].text, found["bad"].code, found["no"].code) == ("hi\n", 4, MISSING)


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    room = tmp_path / "room"
    room.mkdir()
    # A mktemp that makes its folders where this test can look.
    (tools / "mktemp").write_text(f"#!/bin/sh\nexec /usr/bin/mktemp -d {room}/jido.XXXXXX\n")
    (tools / "mktemp").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    mark = f"31{os.getpid() % 100000:05d}"
    ask(Local(), bundle([Part("stuck", f"trap '' TERM; sleep {mark}", limit=0.2), Part("fine", "echo")]))
    assert list(room.iterdir()) == []
    assert not sleeping(mark)
