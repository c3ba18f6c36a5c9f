"""The missions as data: what is typed, where, and which function looks whether it happened.

The words are data files beside this one. What is typed is the same in every language, so it stands here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from jido.errors import NotFound, nearest
from jido.tour import arriving, carrying, running
from jido.tour.case import Case, Verdict
from jido.words import tr


class Step(msgspec.Struct, frozen=True):
    """Lines to type.

    Attributes:
        place: ``here``, in the tour's folder on this machine, or ``there``, on the login node.
        lines: What is typed, with placeholders of `jido.tour.guide.values`.
    """

    place: Literal["here", "there"]
    lines: tuple[str, ...]


class Mission(msgspec.Struct, frozen=True):
    """One mission; its words stand under its name.

    Attributes:
        name: In the data files, and in the kept progress.
        steps: What is typed.
        check: Looks at the twin, the ledger and the folder here.
        answer: What an answer to its question is called in the command line shown; empty where it asks nothing.
        mapped: Whether it wants the map that an earlier mission draws.
    """

    name: str
    steps: tuple[Step, ...]
    check: Callable[[Case], Verdict]
    answer: str = ""
    mapped: bool = True


def _here(*lines: str) -> Step:
    return Step("here", lines)


def _there(*lines: str) -> Step:
    return Step("there", lines)


MISSIONS = (
    Mission(
        "login",
        (_here("{ssh}"), _there("hostname", "whoami", "pwd", "hostname > where.txt", "exit")),
        arriving.login,
        mapped=False,
    ),
    Mission(
        "viewpoints",
        (_here("jido probe {cluster}", "jido show {cluster}"),),
        arriving.viewpoints,
        "PARTITION",
        mapped=False,
    ),
    Mission(
        "disk",
        (
            _here("{ssh}"),
            _there("df -h", "ls -l /data", "ls /local_datasets", "exit"),
            _here("jido init --on {cluster}"),
        ),
        arriving.disk,
    ),
    Mission(
        "train",
        (
            _here("{ssh}"),
            _there(
                "ls /dev/nvidia*", "srun --gpus=1 sh -c 'hostname; ls /dev/nvidia*; df -h /local_datasets'", "exit"
            ),
        ),
        running.train,
        mapped=False,
    ),
    Mission(
        "submit",
        (_here("jido submit --gpus 1 -- python3 train.py", "jido ps", "jido logs", "jido cancel last"),),
        running.submit,
    ),
    Mission(
        "wait",
        (
            _here(
                "jido submit {hold} -- python3 train.py",
                "jido submit {hold} -- python3 train.py",
                "jido ps",
                "jido why",
            ),
        ),
        running.wait,
        "REASON",
    ),
    Mission(
        "stage",
        (
            _here(
                "jido data add data/photos",
                "jido data stage photos --node aurora-g3",
                "jido wait last",
                "jido shell --extra=--nodelist=aurora-g3 -- ls -R /local_datasets",
                "jido data ls --nodes",
            ),
        ),
        carrying.stage,
    ),
    Mission(
        "home",
        (_here("jido run --gpus 1 -- python3 train.py 3", "jido pull", "ls results/*", "cat results/*/loss.txt"),),
        carrying.home,
    ),
)
NAMES = tuple(mission.name for mission in MISSIONS)


def number_of(text: str) -> int:
    """A mission's position, from 0, by its number from 1 or its name.

    Raises:
        NotFound: There is none; suggests the nearest.
    """
    if text.isdecimal() and 1 <= int(text) <= len(MISSIONS):
        return int(text) - 1
    if text in NAMES:
        return NAMES.index(text)
    raise NotFound(
        tr("no mission is called {text!r}", text=text),
        hint=tr("1 to {count}, or {nearest}", count=len(MISSIONS), nearest=nearest(text, NAMES)),
    )
