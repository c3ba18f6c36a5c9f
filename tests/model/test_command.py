"""A reply says how a command ended, and turns a bad end into the right error."""

from __future__ import annotations

import pytest

from jido.errors import CommandFailed, DiskFull
from jido.model.command import Command, Reply

COMMAND = Command(("mkdir", "지도 $(x)"))


def reply(code: int | None, stdout: bytes = b"", stderr: bytes = b"") -> Reply:
    return Reply(COMMAND, "aurora", code, stdout, stderr)


def test_a_good_end_is_handed_on() -> None:
    good = reply(0, b"out")
    assert good.check("making a folder") is good


def test_a_bad_end_says_what_was_done_where_and_why() -> None:
    with pytest.raises(CommandFailed) as caught:
        reply(1, b"out", b"warning\nmkdir: cannot create\n").check("making a folder", hint="try elsewhere")
    error = caught.value
    assert error.what == "making a folder on aurora ended with code 1"
    assert (error.cause, error.hint, error.transient) == ("mkdir: cannot create", "try elsewhere", False)
    assert (error.host, error.argv, error.code, error.stdout) == ("aurora", COMMAND.argv, 1, "out")
    for part in ("aurora", "'지도 $(x)'", "code:   1", "out", "cannot create"):
        assert part in error.detail()


def test_a_time_limit_may_be_met_again_or_not() -> None:
    with pytest.raises(CommandFailed) as caught:
        reply(None).check("looking")
    assert "time limit" in caught.value.what
    assert caught.value.transient


@pytest.mark.parametrize("words", [b"tar: x: No space left on device", b"write: Disk quota exceeded\nagain"])
def test_a_full_disk_has_an_error_of_its_own(words: bytes) -> None:
    with pytest.raises(DiskFull) as caught:
        reply(2, stderr=words).check("pushing")
    assert "disk full" in caught.value.what
    assert "jido df" in caught.value.hint


def test_text_survives_bytes_that_are_not_utf_8() -> None:
    assert reply(0, b"a\xffb").text.encode("utf-8", "surrogateescape") == b"a\xffb"
    assert reply(0, stderr=b"\xff\n").complaint == "\ufffd"
