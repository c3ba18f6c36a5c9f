"""A recording answers what it was told to, remembers what was asked, and runs nothing."""

from __future__ import annotations

import pytest

from jido.errors import ConnectionLost, Unreachable
from jido.model.command import Ask, Command, Reply
from jido.transports.base import ask
from jido.transports.scripted import Scripted


def test_it_answers_and_remembers() -> None:
    machine = Scripted(lambda command: Reply(command, "site", 0, b"42\n"))
    question = Ask(Command(("answer",)), lambda reply: int(reply.text))
    assert ask(machine, question) == 42
    assert machine.asked == [question.command]


def test_it_fails_as_it_was_told_to() -> None:
    def answer(command: Command) -> Reply:
        raise ConnectionLost("cut")

    machine = Scripted(answer)
    with pytest.raises(ConnectionLost):
        machine.run(Command(("sbatch",)))
    assert len(machine.asked) == 1


def test_it_runs_nothing() -> None:
    machine = Scripted(lambda command: Reply(command, "site", 0), host="aurora 2024")
    assert machine.rsync_shell() is None
    for call in (machine.start, machine.interactive):
        with pytest.raises(Unreachable, match="aurora 2024"):
            call(Command(("true",)))
    machine.close()
