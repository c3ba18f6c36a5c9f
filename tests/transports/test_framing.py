"""A command becomes one line and its output is taken out of what came, wherever the stream is cut."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jido.model.command import Command
from jido.testing.transports import HOSTILE
from jido.transports.framing import Cutter, carried, framed, posix_line

words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40) | st.binary(
    max_size=20
).map(lambda data: os.fsdecode(data.replace(b"\0", b"")))
SHELLS = [shell for shell in ("sh", "bash", "dash", "zsh", "fish", "tcsh", "ksh") if shutil.which(shell)]


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=20, deadline=None)
@given(argv=st.lists(words, max_size=6), value=words)
def test_any_words_pass_any_login_shell(shell: str, argv: list[str], value: str) -> None:
    command = Command(("printf", "%s\\0", value, *argv), env={"V": value})
    done = subprocess.run([shell, "-c", framed(command, "abc")], capture_output=True)
    cutter = Cutter("abc")
    assert cutter.feed(done.stdout) == b"".join(os.fsencode(word) + b"\0" for word in (value, *argv))
    assert cutter.code == 0


def test_a_plain_command_stays_legible() -> None:
    """Who looks at the login node's processes sees what is run there."""
    line = framed(Command(("squeue", "-h", "-o", "%i|%T", "-u", "me and you")), "abc")
    assert 'exec squeue -h -o "%i|%T" -u "me and you"' in line


@pytest.mark.parametrize("word", HOSTILE)
def test_a_line_is_plain_whatever_it_carries(word: str) -> None:
    """What login shells read differently never meets them."""
    line = carried(posix_line(Command(("x", word), env={"A": word}, cwd=word)))
    assert re.fullmatch(r"[ -~]*", line)
    inside = line.removeprefix('exec /bin/sh -c \'eval "$(printf %b "$0")"\' ')
    assert not re.search(r"[!^]|\\(?!0[0-7]{3})", inside)
    assert inside.count("'") == 2


@given(
    noise=st.binary(max_size=60),
    body=st.binary(max_size=200),
    beats=st.lists(st.integers(0, 200), max_size=3),
    code=st.integers(0, 255),
    cuts=st.lists(st.integers(0, 500), max_size=20),
)
def test_output_is_exact_wherever_the_stream_is_cut(
    noise: bytes, body: bytes, beats: list[int], code: int, cuts: list[int]
) -> None:
    beaten = body
    for at in sorted((min(beat, len(body)) for beat in beats), reverse=True):
        beaten = beaten[:at] + b"jido-beat-abc\n" + beaten[at:]
    stream = noise + b"jido-begin-abc 42\n" + beaten + b"jido-end-abc %d\nlogout chatter" % code
    cutter, got = Cutter("abc"), b""
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    for low, high in pairwise(edges):
        got += cutter.feed(stream[low:high])
    assert got + cutter.rest() == body
    assert (cutter.begun, cutter.ended, cutter.pid, cutter.code, cutter.noise) == (True, True, 42, code, noise)


@given(st.binary(max_size=100))
def test_output_that_was_cut_off_is_kept(body: bytes) -> None:
    cutter = Cutter("abc")
    got = cutter.feed(b"jido-begin-abc 1\n" + body)
    assert got + cutter.rest() == body
    assert (cutter.ended, cutter.code) == (False, None)


def test_what_looks_like_another_command_s_mark_is_output() -> None:
    cutter = Cutter("abc")
    body = b"jido-begin-xyz 1\njido-beat-xyz\njido-end-xyz 0\njido-end-ab"
    assert cutter.feed(b"jido-begin-abc 1\n" + body + b"jido-end-abc 3\n") == body
    assert cutter.code == 3


def test_endless_noise_is_not_kept() -> None:
    cutter = Cutter("abc")
    for _ in range(100):
        assert cutter.feed(b"n" * 65536) == b""
    assert len(cutter.noise) <= 16384
    assert cutter.feed(b"jido-begin-abc 1\nout") == b"out"
