"""The simple commands of a shell script, as far as one can tell without running it.

Not a shell: it knows where words, commands, comments and here-documents begin and end, and what is quoted. What it
does not understand stays a word. Nothing raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

_ASSIGNS = re.compile(r"([A-Za-z_]\w*)\+?=(.*)", re.DOTALL)
_RESERVED = frozenset({"if", "then", "elif", "else", "while", "until", "do", "!", "{", "(", "time", "in", "&&", "||"})
_SETTERS = ("export", "declare", "local", "readonly", "typeset")
# What runs the rest of its line.
_CARRIERS = frozenset(
    ("nohup", "exec", "env", "time", "nice", "stdbuf", "command", "ionice", "setsid", "timeout", "srun", "sudo")
)
# Options of those that take a word of their own.
_TAKES = frozenset(
    (
        "-n",
        "-N",
        "-c",
        "-p",
        "-t",
        "-A",
        "-J",
        "-o",
        "-e",
        "-w",
        "-x",
        "-G",
        "-k",
        "-s",
        "-i",
        "--mpi",
        "--kill-after",
    )
)


class Token(msgspec.Struct, frozen=True):
    """One word.

    Attributes:
        text: Without its quotes; what it would expand stands as written.
        raw: As written.
        line: From 1.
        column: From 1.
        last: The line where it ends.
        end: The column behind it, on that line.
        quoted: Whether all of it stands in single quotes, so that nothing in it expands.
    """

    text: str
    raw: str
    line: int
    column: int
    last: int
    end: int
    quoted: bool = False


class Simple(msgspec.Struct, frozen=True):
    """One simple command.

    Attributes:
        words: Its words, assignments in front included.
        background: Whether an ``&`` follows it.
        depth: In how many brackets, ifs, loops and functions it stands.
    """

    words: tuple[Token, ...]
    background: bool = False
    depth: int = 0

    @property
    def first(self) -> Token:
        """Its first word."""
        return self.words[0]

    @property
    def assignments(self) -> tuple[tuple[str, str, Token], ...]:
        """Name, value and word of what it sets; also of ``export`` and its like."""
        found = []
        setter = self.words[0].text in _SETTERS
        for word in self.words[setter:]:
            match = _ASSIGNS.fullmatch(word.text)
            if match:
                found.append((match[1], match[2], word))
            elif not setter:
                break
        return tuple(found)

    @property
    def call(self) -> tuple[Token, ...]:
        """The command without assignments."""
        at = 0
        while at < len(self.words) and _ASSIGNS.fullmatch(self.words[at].text):
            at += 1
        return self.words[at:]

    @property
    def name(self) -> str:
        """What is called, without its folder; empty where only variables are set."""
        return self.call[0].text.rpartition("/")[2] if self.call else ""

    @property
    def carried(self) -> tuple[Token, ...]:
        """What it runs itself, when it is ``srun``, ``nohup``, ``env`` or of their kind; else nothing."""
        return _carried(self.call)

    @property
    def program(self) -> tuple[Token, ...]:
        """What really runs: behind all of these."""
        words = self.call
        while behind := _carried(words):
            words = behind
        return words


def _carried(words: tuple[Token, ...]) -> tuple[Token, ...]:
    carrier = words[0].text.rpartition("/")[2] if words else ""
    if carrier not in _CARRIERS:
        return ()
    words = words[1:]
    while words and (words[0].text.startswith("-") or _ASSIGNS.fullmatch(words[0].text)):
        words = words[2:] if words[0].text in _TAKES else words[1:]
    return words[1:] if carrier == "timeout" else words


def commands(text: str, line: int = 1) -> tuple[Simple, ...]:
    """The simple commands of a script, in order.

    Args:
        text: The script or a part of it.
        line: The number of its first line.
    """
    return tuple(_Scanner(text, line).commands())


class _Scanner:
    def __init__(self, text: str, line: int) -> None:
        self.text = text
        self.at = 0
        self.line = line
        self.start = 0  # where the line begins
        self.heredocs: list[tuple[str, bool]] = []
        self.depth = 0

    def commands(self) -> Iterator[Simple]:
        words: list[Token] = []
        while True:
            token, stop = self._next()
            if token is not None:
                if not words and token.raw in ("if", "while", "until", "for", "case", "{", "select"):
                    self.depth += 1
                elif not words and token.raw in ("fi", "done", "esac", "}"):
                    self.depth = max(0, self.depth - 1)
                if not (not words and token.raw in _RESERVED):
                    words.append(token)
                continue
            if words:
                yield Simple(tuple(words), background=stop == "&", depth=self.depth)
                words = []
            if stop == "(":
                self.depth += 1
            elif stop == ")":
                self.depth = max(0, self.depth - 1)
            elif stop == "end":
                return

    def _next(self) -> tuple[Token | None, str]:
        """The next word, or what ends the command."""
        while self.at < len(self.text):
            char = self.text[self.at]
            if self.text.startswith("\\\n", self.at):
                self._line(2)
            elif char == "\n":
                self._line(1)
                self._skip_heredocs()
                return None, "\n"
            elif char in " \t\r\v\f":
                self.at += 1
            elif char == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            elif operator := re.match(r"&&|\|\||;;|\|&|&>>?|[;&|()]", self.text[self.at : self.at + 3]):
                self.at += len(operator[0])
                if operator[0].startswith("&>"):
                    self._next()  # the file
                    continue
                return None, operator[0]
            elif redirection := re.compile(r"\d*(<<<|<<-?|>>|>\||<>|[<>]&?)").match(self.text, self.at):
                self.at = redirection.end()
                self._redirection(redirection[1])
            else:
                return self._word(), ""
        return None, "end"

    def _redirection(self, operator: str) -> None:
        while self.at < len(self.text) and self.text[self.at] in " \t":
            self.at += 1
        if self.at >= len(self.text) or self.text[self.at] in "\n;|()":
            return
        if self.text[self.at] == "&":
            self.at += 1
            return
        word = self._word()
        if operator in ("<<", "<<-"):
            self.heredocs.append((word.text, operator == "<<-"))

    def _line(self, step: int) -> None:
        self.at += step
        self.line += 1
        self.start = self.at

    def _skip_heredocs(self) -> None:
        for mark, tabs in self.heredocs:
            while self.at < len(self.text):
                end = self.text.find("\n", self.at)
                end = len(self.text) if end < 0 else end
                row = self.text[self.at : end]
                self.at = end
                if self.at < len(self.text):
                    self._line(1)
                if (row.lstrip("\t") if tabs else row).rstrip("\r") == mark:
                    break
        self.heredocs = []

    def _word(self) -> Token:
        begin, line, column = self.at, self.line, self.at - self.start + 1
        out: list[str] = []
        while self.at < len(self.text):
            char = self.text[self.at]
            if char in " \t\r\v\f\n;&|()<>":
                break
            if char == "\\":
                if self.text.startswith("\\\n", self.at):
                    self._line(2)
                    continue
                out.append(self.text[self.at + 1 : self.at + 2])
                self.at += 2
            elif char == "'":
                out.append(self._until("'"))
            elif char == '"':
                out.append(self._double())
            elif char == "`":
                out.append("`" + self._until("`") + "`")
            elif self.text.startswith(("$(", "${"), self.at):
                out.append(self._nested())
            else:
                out.append(char)
                self.at += 1
        if self.at == begin:  # whatever it is, it must not hold the scanner up
            self.at += 1
        self.at = min(self.at, len(self.text))
        raw = self.text[begin : self.at]
        quoted = len(raw) > 1 and raw[0] == raw[-1] == "'" and raw.count("'") == 2
        return Token("".join(out), raw, line, column, self.line, self.at - self.start + 1, quoted)

    def _until(self, mark: str) -> str:
        end = self.text.find(mark, self.at + 1)
        end = len(self.text) if end < 0 else end
        inside = self.text[self.at + 1 : end]
        self._pass(end + 1)
        return inside

    def _double(self) -> str:
        out: list[str] = []
        at = self.at + 1
        while at < len(self.text) and self.text[at] != '"':
            if self.text[at] == "\\" and self.text[at + 1 : at + 2] in tuple('"\\$`\n'):
                out.append(self.text[at + 1].replace("\n", ""))
                at += 2
            elif self.text.startswith("$(", at):
                self._pass(at)
                out.append(self._nested())
                at = self.at
            else:
                out.append(self.text[at])
                at += 1
        self._pass(at + 1)
        return "".join(out)

    def _nested(self) -> str:
        """Pass ``$( )`` or ``${ }`` with all that is in it; quotes within are honoured."""
        begin = self.at
        close = {"(": ")", "{": "}"}[self.text[self.at + 1]]
        open_, level, at, quote = self.text[self.at + 1], 0, self.at + 1, ""
        while at < len(self.text):
            char = self.text[at]
            if char == "\\":
                at += 1
            elif quote:
                quote = "" if char == quote else quote
            elif char in "'\"":
                quote = char
            elif char == open_:
                level += 1
            elif char == close:
                level -= 1
                if not level:
                    break
            at += 1
        self._pass(at + 1)
        return self.text[begin : self.at]

    def _pass(self, to: int) -> None:
        """Go on to a place, counting the lines on the way."""
        to = min(to, len(self.text))
        breaks = self.text.count("\n", self.at, to)
        if breaks:
            self.line += breaks
            self.start = self.text.rindex("\n", self.at, to) + 1
        self.at = to
