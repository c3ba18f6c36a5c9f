"""``jido --complete SHELL ...``: what may stand at the cursor; called by the shells' scripts beside this file.

The first line of the answer says what the shell shall add of its own (``files``, ``dirs``, or nothing), each other
line is one word and, behind a tab, what it means. bash, which puts in what it is given as it is, gets the rest of the
word quoted as the person began it.

A Tab must be over before one looks up: only built-in modules and our own quick ones are imported here, and
nothing is asked but files of this machine.
"""

from __future__ import annotations

import os
import sys

from jido.cli.completions import line, names, tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Longer words about a word are cut, so that a listing has one line each.
_ABOUT = 60


def main(argv: list[str]) -> None:
    """Answer one Tab.

    Args:
        argv: ``bash LINE TEXT``: the line as far as the cursor and the part of it that bash would replace; or ``zsh
            WORD...``, ``fish WORD...``: the words behind ``jido``, the last one not complete.
    """
    # Names may be anything; what the terminal cannot show must not end this either.
    out = os.fsencode
    shell, *rest = argv or [""]
    if shell == "bash":
        typed = line.Typed(rest[0] if rest else "")
        extra, found = complete(_behind_jido(typed.words))
        text = rest[1] if len(rest) > 1 else ""
        before = len(typed.raw) - len(text) if typed.raw.endswith(text) else 0
        begun = len(typed.words[-1])
        lines = [typed.with_rest(word[begun:])[before:] for word, _ in found]
    else:
        words = rest or [""]
        # fish and zsh give the words before without their quotes; the last one comes as it is typed.
        extra, found = complete([*words[:-1], line.plain(words[-1])])
        lines = [f"{word}\t{about}" if about else word for word, about in found]
    sys.stdout.buffer.write(b"\n".join(map(out, [extra, *lines])) + b"\n")


def _behind_jido(words: list[str]) -> list[str]:
    """Without ``NAME=VALUE`` words before the command, and the command."""
    while len(words) > 1 and "=" in words[0]:
        words = words[1:]
    return words[1:] or [""]


def complete(words: list[str]) -> tuple[str, names.Names]:
    """What may stand for the last of the words behind ``jido``.

    Returns:
        What the shell shall add of its own, and the words with what they mean.
    """
    *done, word = words
    place = _Place(tree.kept())
    for one in done:
        place.go(one)
    extra, begin, found = place.offers(word)
    rows = [(begin + name, _short(about)) for name, about in found if _can_be_shown(name)]
    return extra, [row for row in rows if row[0].startswith(word)]


def _can_be_shown(name: str) -> bool:
    """Whether a name can be a line of the answer: to shell and terminal control characters are something else."""
    return bool(name) and name.isprintable()


def _short(about: str) -> str:
    plain = "".join(char if char.isprintable() else " " for char in about)
    return plain if len(plain) <= _ABOUT else plain[: _ABOUT - 1] + "…"


class _Place:
    """Where in the command tree a line has come to."""

    def __init__(self, root: tuple[Any, ...]) -> None:
        self.at = root
        self.on = ""  # the cluster that --on names
        self.job = ""
        self.words: list[str] = []
        self.used: set[str] = set()
        self.waits: tuple[Any, ...] | None = None  # the option whose value comes next
        self.dashes = False
        self.lost = False  # behind a command that does not exist nothing is known

    def option(self, name: str) -> tuple[Any, ...] | None:
        return next((one for one in self.at[0] if name in one[0]), None)

    def go(self, word: str) -> None:
        """Pass one complete word."""
        if self.waits is not None:
            self.take(self.waits, word)
            self.waits = None
        elif self.dashes:
            self.words.append(word)
        elif word == "--":
            self.dashes = True
        elif word.startswith("--"):
            name, equals, value = word.partition("=")
            self.pass_option(name, value if equals else None)
        elif word.startswith("-") and len(word) > 1:
            self.pass_letters(word)
        elif self.at[2]:
            below = self.at[2].get(word)
            self.lost = below is None
            self.at = below[1] if below else ([], [], {}, False)
            self.used = set()
        else:
            self.words.append(word)
            if self.at[1][:1] == [("job", False)] and len(self.words) == 1:
                self.job = word

    def pass_option(self, name: str, value: str | None) -> None:
        option = self.option(name)
        if option is None:
            return
        self.used.update(option[0])
        if option[2] and value is None:
            self.waits = option
        elif value is not None:
            self.take(option, value)

    def pass_letters(self, word: str) -> None:
        """Letters in one word: flags, until one takes a value, which may be the rest of it."""
        for number, letter in enumerate(word[1:], 2):
            option = self.option("-" + letter)
            if option is None:
                return
            self.used.update(option[0])
            if option[2]:
                if word[number:]:
                    self.take(option, word[number:])
                else:
                    self.waits = option
                return

    def take(self, option: tuple[Any, ...], value: str) -> None:
        if "--on" in option[0]:
            self.on = value

    def offers(self, word: str) -> tuple[str, str, names.Names]:
        """What the shell adds, what of the word stays as it is, and what may follow that."""
        if self.lost:
            return "", "", []
        if self.waits is not None:
            return self.values(self.waits[1], word)
        if self.dashes and self.at[3]:
            return "files", "", []
        if word.startswith("--") and "=" in word and not self.dashes:
            name, _, begun = word.partition("=")
            option = self.option(name)
            extra, begin, found = self.values(option[1], begun) if option and option[2] else ("", "", [])
            return extra, f"{name}={begin}", found
        if word.startswith("-") and not self.dashes:
            free = [one for one in self.at[0] if one[3] or not self.used.intersection(one[0])]
            return "", "", [(name, one[4]) for one in free for name in one[0]]
        if self.at[2]:
            return "", "", [(name, about) for name, (about, _) in self.at[2].items()]
        kinds = self.at[1]
        if not kinds or (len(self.words) >= len(kinds) and not kinds[-1][1]):
            return "", "", []
        return self.values(kinds[min(len(self.words), len(kinds) - 1)][0], word)

    def values(self, kind: str, word: str) -> tuple[str, str, names.Names]:
        if kind.startswith("="):
            return "", "", [(one, "") for one in kind[1:].split("|")]
        if kind in ("files", "dirs"):
            return kind, "", []
        if kind == "run":
            # 1-3,la: what stands before the last comma stays.
            begun = word.rpartition(",")
            return "", begun[0] + begun[1], names.runs(begun[2])
        if kind == "after":
            run, colon, _ = word.partition(":")
            return (
                ("", run + ":", [("any", "in whatever way"), ("notok", "badly")])
                if colon
                else ("", "", names.runs(word))
            )
        if kind == "script":
            return "files", "", names.jobs()
        if kind == "map":
            return "files", "", [*names.shipped_maps(), *names.clusters()]
        if kind in ("partition", "account", "qos"):
            what = {"partition": "partitions", "account": "accounts"}.get(kind, kind)
            return "", "", names.of_maps(what, names.meant(self.on, self.job))
        simple = {"cluster": names.clusters, "job": names.jobs, "tag": names.tags}
        if kind == "twin":
            return "", "", names.clusters(twins=True)
        return "", "", simple[kind]() if kind in simple else []
