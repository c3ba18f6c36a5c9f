"""What every transport must do; a new one proves itself by subclassing `TransportContract`.

::

    class TestMine(TransportContract):
        @pytest.fixture
        def transport(self):
            transport = Mine(...)
            yield transport
            transport.close()

The machine behind it needs POSIX sh and Python's ``python3`` on its PATH.
"""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jido.errors import InputError
from jido.model.command import Command
from jido.transports.base import Transport

HOSTILE = (
    "",
    " ",
    "two words",
    "it's",
    'say "hi"',
    "$(touch pwned)",
    "`touch pwned`",
    "$HOME",
    "${HOME}",
    "a\\nb",
    "\\",
    "\\0101",
    "a!b",
    "!!",
    "^a^b",
    "100%",
    "%s%n",
    "line\nbreak",
    "ends in newlines\n\n",
    "\ttab",
    "\r",
    "-n",
    "--",
    "-rf",
    "a=b",
    "~",
    "*",
    "[ab]?{c,d}",
    "#comment",
    "; exit 3",
    "a && b || c > d",
    "지도 한글",
    "\x1b[31m",
    "\x7f",
    os.fsdecode(b"not \xff utf-8 \xc3"),
)

_ECHO = "import os,sys; sys.stdout.buffer.write(b'\\0'.join(map(os.fsencode, sys.argv[1:])))"
_PYTHON = "python3"


def sh(script: str, *words: str, stdin: bytes = b"", timeout: float | None = 60.0) -> Command:
    """A POSIX shell script with its arguments, as a command."""
    return Command(("sh", "-c", script, "sh", *words), stdin=stdin, timeout=timeout)


class TransportContract:
    """The suite."""

    @pytest.fixture
    def transport(self) -> Transport:
        """The transport under test."""
        raise NotImplementedError("a subclass gives the transport")

    def test_words_arrive_as_they_were(self, transport: Transport) -> None:
        """Whatever a word holds but NUL, the program gets it."""
        reply = transport.run(Command((_PYTHON, "-c", _ECHO, *HOSTILE)))
        assert reply.code == 0, reply.complaint
        assert reply.stdout.split(b"\0") == [os.fsencode(word) for word in HOSTILE]
        assert reply.stderr == b""

    @pytest.mark.parametrize("word", HOSTILE)
    def test_each_word_arrives_alone(self, transport: Transport, word: str) -> None:
        """No word leans on its neighbours."""
        reply = transport.run(Command((_PYTHON, "-c", _ECHO, word)))
        assert (reply.code, reply.stdout, reply.stderr) == (0, os.fsencode(word), b"")

    def test_variables_arrive_as_they_were(self, transport: Transport) -> None:
        """Values may hold anything; the machine's own variables stay."""
        env = {f"JIDO_T{number}": word for number, word in enumerate(HOSTILE)}
        names = "import os,sys; sys.stdout.buffer.write(b'\\0'.join(os.environb[n.encode()] for n in sys.argv[1:]))"
        reply = transport.run(Command((_PYTHON, "-c", names, *env, "PATH"), env=env))
        assert reply.code == 0, reply.complaint
        *values, path = reply.stdout.split(b"\0")
        assert values == [os.fsencode(word) for word in HOSTILE]
        assert path

    def test_a_program_may_have_an_equals_sign_in_its_path(self, transport: Transport, tmp_path: Path) -> None:
        """The program is not taken for a variable."""
        program = tmp_path / "a=b c"
        program.write_text('#!/bin/sh\necho "$X $1"\n')
        program.chmod(0o755)
        assert transport.run(Command((str(program), "y"))).text == " y\n"
        assert transport.run(Command((str(program), "y"), env={"X": "x"})).text == "x y\n"

    @pytest.mark.parametrize("name", [word for word in HOSTILE if word.strip() and "/" not in word])
    def test_it_starts_in_any_folder(self, transport: Transport, tmp_path: Path, name: str) -> None:
        """Absolute folders of any name are entered."""
        folder = tmp_path / name
        folder.mkdir()
        reply = transport.run(Command((_PYTHON, "-c", "import os; os.write(1, os.getcwdb())"), cwd=str(folder)))
        assert (reply.code, reply.stdout) == (0, os.fsencode(folder))

    def test_a_relative_folder_is_below_the_login_folder(self, transport: Transport) -> None:
        """Folders that begin with a dash included; without a folder it is the login folder itself."""
        home = transport.run(Command(("pwd",))).text.strip()
        assert transport.run(sh("mkdir -p ./-d")).ok
        assert transport.run(Command(("pwd",), cwd="-d")).text.strip() == f"{home}/-d"

    def test_a_program_is_run_where_shells_have_a_builtin(self, transport: Transport) -> None:
        """Some shells' echo reads backslashes, the program does not."""
        assert transport.run(Command(("echo", "a\\nb"))).stdout == b"a\\nb\n"

    def test_stdin_arrives_and_ends(self, transport: Transport) -> None:
        """Every byte, and then the end."""
        data = bytes(range(256)) * 3 + b"\n\n"
        assert transport.run(Command(("cat",), stdin=data)).stdout == data
        assert transport.run(Command(("cat",))).stdout == b""

    def test_ten_megabytes_go_there_and_back(self, transport: Transport) -> None:
        """Both ways at once."""
        data = os.urandom(1 << 20) * 10
        assert transport.run(Command(("cat",), stdin=data)).stdout == data

    def test_input_that_nobody_reads_is_no_error(self, transport: Transport) -> None:
        """A program may end without reading all it is given."""
        assert transport.run(Command(("true",), stdin=bytes(1 << 20))).code == 0

    def test_both_streams_fill_at_once(self, transport: Transport) -> None:
        """Neither waits for the other."""
        script = "import os\nfor _ in range(64):\n os.write(1, b'o' * 65536); os.write(2, b'e' * 65536)"
        reply = transport.run(Command((_PYTHON, "-c", script)))
        assert reply.stdout == b"o" * (64 << 16)
        assert reply.stderr == b"e" * (64 << 16)

    @pytest.mark.parametrize("code", [0, 1, 2, 42, 126, 127, 128, 137, 254, 255])
    def test_exit_codes_come_back(self, transport: Transport, code: int) -> None:
        """Also those that the way there uses itself."""
        reply = transport.run(sh('echo out; echo err >&2; exit "$1"', str(code)))
        assert (reply.code, reply.stdout, reply.stderr) == (code, b"out\n", b"err\n")

    @pytest.mark.parametrize("signal", [9, 15])
    def test_a_signal_is_a_code_as_in_a_shell(self, transport: Transport, signal: int) -> None:
        """128 and the signal's number."""
        script = "import os,sys; os.kill(os.getpid(), int(sys.argv[1]))"
        assert transport.run(Command((_PYTHON, "-c", script, str(signal)))).code == 128 + signal

    def test_a_missing_program_is_127(self, transport: Transport) -> None:
        """With a complaint that names it."""
        reply = transport.run(Command(("no such program",)))
        assert reply.code == 127
        assert "no such program" in reply.complaint

    def test_a_program_that_cannot_be_executed_is_126(self, transport: Transport, tmp_path: Path) -> None:
        """As a shell says it."""
        (tmp_path / "data").write_text("no program")
        assert transport.run(Command((str(tmp_path / "data"),))).code == 126

    def test_a_missing_folder_is_126_and_nothing_runs(self, transport: Transport, tmp_path: Path) -> None:
        """The command is not executed elsewhere instead."""
        reply = transport.run(Command(("touch", str(tmp_path / "ran")), cwd=str(tmp_path / "no such")))
        assert reply.code == 126
        assert "no such" in reply.complaint
        assert not (tmp_path / "ran").exists()

    @pytest.mark.parametrize(
        "command",
        [
            Command(()),
            Command(("a\0b",)),
            Command(("true",), env={"A": "\0"}),
            Command(("true",), env={"A=B": "c"}),
            Command(("true",), env={"a b": "c"}),
            Command(("true",), cwd="\0"),
            Command(("true", "x" * 3_000_000)),
        ],
        ids=["nothing", "NUL", "NUL value", "name with =", "name with space", "NUL folder", "too long"],
    )
    def test_what_cannot_be_expressed_is_refused(self, transport: Transport, command: Command) -> None:
        """Before anything is executed."""
        with pytest.raises(InputError):
            transport.run(command)
        with pytest.raises(InputError):
            transport.start(command)

    def test_a_time_limit_ends_the_command_and_its_children(self, transport: Transport, tmp_path: Path) -> None:
        """What it printed until then is there."""
        pids = tmp_path / "pids"
        script = 'sleep 300 & echo $! >"$1"; echo $$ >>"$1"; echo before; wait'
        began = time.monotonic()
        reply = transport.run(sh(script, str(pids), timeout=1.5))
        assert (reply.code, reply.stdout) == (None, b"before\n")
        assert time.monotonic() - began < 15
        assert_ended(transport, pids.read_text().split())

    def test_live_output_comes_while_the_command_runs(self, transport: Transport) -> None:
        """A line that was asked for is answered before the input ends."""
        live = transport.start(Command(("cat",), stdin=b"first\n"))
        try:
            assert live.stdout.readline() == b"first\n"
            assert live.poll() is None
            live.stdin.write("둘째\n".encode())
            live.stdin.flush()
            assert live.stdout.readline() == "둘째\n".encode()
            live.stdin.close()
            assert live.stdout.read() == b""
            assert live.wait(20) == 0
            assert live.poll() == 0
        finally:
            live.stop()

    def test_live_input_may_end_before_the_output(self, transport: Transport) -> None:
        """Half of the connection closes alone."""
        live = transport.start(sh("cat >/dev/null; echo input ended; sleep 0.2; echo bye; exit 3"))
        live.stdin.close()
        assert live.stdout.read() == b"input ended\nbye\n"
        assert live.wait(20) == 3
        live.stop()

    def test_a_live_command_may_be_given_much_at_once(self, transport: Transport) -> None:
        """More than any pipe holds, and then more by hand."""
        live = transport.start(Command(("cat",), stdin=b"a" * 3_000_000))
        more = threading.Thread(target=lambda: (live.stdin.write(b"b" * 3_000_000), live.stdin.close()))
        more.start()
        assert live.stdout.read() == b"a" * 3_000_000 + b"b" * 3_000_000
        more.join()
        assert live.wait(20) == 0
        live.stop()

    def test_live_output_can_be_read_after_the_end(self, transport: Transport) -> None:
        """Nothing that was printed is lost by waiting first."""
        live = transport.start(sh("echo out; echo err >&2; exit 7"))
        assert live.wait(20) == 7
        assert live.stdout.read() == b"out\n"
        assert live.stderr.read() == b"err\n"
        assert live.wait() == 7
        live.stop()

    def test_live_output_is_exact(self, transport: Transport) -> None:
        """However slowly it is read, and whatever else travels beside it."""
        script = "import os,time\nfor n in range(30):\n os.write(1, b'%d\\n' % n * 9999); time.sleep(0.1)"
        live = transport.start(Command((_PYTHON, "-c", script)))
        time.sleep(1.5)
        assert live.stdout.read() == b"".join(b"%d\n" % n * 9999 for n in range(30))
        assert live.stderr.read() == b""
        assert live.wait(20) == 0
        live.stop()

    def test_waiting_can_be_limited(self, transport: Transport) -> None:
        """The command goes on."""
        live = transport.start(Command(("cat",)))
        with pytest.raises(TimeoutError):
            live.wait(0.1)
        live.stdin.close()
        assert live.wait(20) == 0
        live.stop()

    @pytest.mark.parametrize("trap", ["", "trap '' TERM; "], ids=["willing", "ignores SIGTERM"])
    def test_stopping_leaves_nothing_there(self, transport: Transport, tmp_path: Path, trap: str) -> None:
        """A silent command included, which never meets a closed pipe; children included."""
        pids = tmp_path / "pids"
        live = transport.start(sh(f'{trap}sleep 300 & echo $! >"$1"; echo $$ >>"$1"; echo up; wait', str(pids)))
        assert live.stdout.readline() == b"up\n"
        live.stop()
        live.stop()
        assert_ended(transport, pids.read_text().split())

    def test_twenty_commands_at_once(self, transport: Transport) -> None:
        """More than a shared connection may hold."""
        with ThreadPoolExecutor(20) as pool:
            replies = list(pool.map(lambda n: transport.run(sh('sleep 0.3; echo "$1"', str(n))), range(20)))
        assert [reply.stdout for reply in replies] == [b"%d\n" % number for number in range(20)]

    def test_a_reply_says_what_ran_where_and_how_long(self, transport: Transport) -> None:
        """The provenance of every fact."""
        command = Command(("sleep", "0.2"))
        before = time.time()
        reply = transport.run(command)
        assert (reply.command, reply.host) == (command, transport.host)
        assert before <= reply.at <= time.time()
        assert 0.2 <= reply.took < 20

    def test_closing_is_not_the_end(self, transport: Transport) -> None:
        """The next command opens what it needs."""
        transport.close()
        transport.close()
        assert transport.run(Command(("true",))).ok


def assert_ended(transport: Transport, pids: list[str], within: float = 15.0) -> None:
    """Fail unless processes of the machine end soon."""
    assert pids
    deadline = time.monotonic() + within
    # `kill -0` also finds the dead that nobody has buried yet, which a container without an init keeps.
    script = 'for p; do case $(ps -o stat= -p "$p") in ""|Z*) ;; *) echo "$p";; esac; done'
    while left := transport.run(sh(script, *pids)).text.split():
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.1)
