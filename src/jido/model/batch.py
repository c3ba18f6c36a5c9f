"""A job script that somebody wrote for a scheduler, as its engine reads it; every fact with its place in the text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

from jido.model.job import Resources


class Span(msgspec.Struct, frozen=True, omit_defaults=True):
    """A place in a text.

    Attributes:
        line: From 1.
        column: Letters from 1.
        end: The column behind it; 0 is to the line's end.
        last: The line where it ends; 0 is the same.
    """

    line: int
    column: int = 1
    end: int = 0
    last: int = 0


class Option(msgspec.Struct, frozen=True, omit_defaults=True):
    """One option of a job script.

    Attributes:
        name: Its long name, without dashes.
        value: What it says; None where it says nothing.
        span: Where it stands, name and value together.
    """

    name: str
    value: str | None
    span: Span


Flawed = Literal[
    "unknown option", "ambiguous option", "no value", "bad value", "stray word", "unreadable", "unread", "disguised",
    "clash", "line ends", "no interpreter", "control character",
]  # fmt: skip


class Flaw(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something the scheduler reads otherwise than its writer meant, or not at all.

    Attributes:
        kind: What.
        span: Where.
        what: One sentence.
        certain: Whether the scheduler certainly refuses it, or ignores it.
        instead: What to write in its place; empty where that cannot be known.
        move: Whether `instead` belongs among the options at the top and its line away.
    """

    kind: Flawed
    span: Span
    what: str
    certain: bool = True
    instead: str = ""
    move: bool = False


class Output(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file that the scheduler opens for the job.

    Attributes:
        option: Where that is said.
        path: As written.
        folder: The folder that has to be there, relative to where the job starts or absolute; None where it holds
            what is known only when the job runs.
        fresh: Whether the folder's name holds the job's own number, so that it cannot be there before.
        literal: What is taken as it stands though its writer meant a variable or a home folder: ``$HOME``, ``~``.
        instead: The path with what the scheduler itself puts in; None where it has nothing for it. ``{home}`` stands
            for the user's home folder.
        shared_by_tasks: Whether the tasks of the script's array all write into it.
    """

    option: Option
    path: str
    folder: str | None
    fresh: bool = False
    literal: str = ""
    instead: str | None = None
    shared_by_tasks: bool = False


# What may stand in a rule's sentences and be written otherwise by another scheduler: options, quoted words, commands.
# In ASCII: a particle of Korean that follows is no part of it.
WORD = re.compile(r"--[\w-]+(?:=[\w:]+)?|'[^']+'|\([A-Z]\w+\)|\b(?:sbatch|srun)\b|%\w+", re.ASCII)


class Script(msgspec.Struct, frozen=True):
    """A job script as its engine reads it.

    Attributes:
        submit: The command that would hand it over, ``sbatch``.
        prefix: How a line with options begins, ``#SBATCH``.
        options: Those that count, in order.
        said: Which option says a field of `Resources`.
        resources: What it asks for.
        gpus_in_all: GPUs over all its nodes, where it leaves the number of nodes open.
        per_task: Whether the job has several tasks.
        outputs: Files that the scheduler opens for it.
        flaws: What is read otherwise than it was meant, or not at all.
        body: The line of the first command; the number of lines and one where there is none.
        top: The line before which a new option can be put.
        several: Whether it is several jobs in one, of which only the first is told here.
        words: What the rules write in another scheduler's words (``--time=2:00:00``), in this one's; each key is as
            `WORD` finds it, or a whole sentence of a rule that would not be true here (then a `jido.words.mark`).
        takes_all_memory: Whether a job that names no memory gets all of its node, where there is no default.
        needs_time: Whether a job that names no time limit is given one.
        telling: How many lines tell that the text is written for this scheduler; None is every option and flaw.
    """

    submit: str
    prefix: str
    options: tuple[Option, ...]
    said: dict[str, Option]
    resources: Resources
    gpus_in_all: int | None
    per_task: bool
    outputs: tuple[Output, ...]
    flaws: tuple[Flaw, ...]
    body: int
    top: int
    several: bool = False
    words: Mapping[str, str] = {}
    takes_all_memory: bool = True
    needs_time: bool = True
    telling: int | None = None

    def says(self, field: str) -> Option | None:
        """The option that says a field of `Resources`."""
        return self.said.get(field)


About = Literal["partition", "access", "account", "qos", "limit", "size", "time", "nodes"]


class Objection(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing known of a cluster that stands against a job.

    Attributes:
        about: What of the job it concerns.
        what: One sentence.
        next: What would run.
        instead: A value that would do, for the field of `Resources` that `about` names.
        waits: Whether the scheduler takes the job all the same and lets it wait for ever.
    """

    about: About
    what: str
    next: str = ""
    instead: str = ""
    waits: bool = False
