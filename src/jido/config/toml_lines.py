"""On which line of a TOML text a key stands; `tomllib` does not say.

This is a scanner, not a second parser: the text has been read by `tomllib` already, so only what separates one key
from the next is looked at (strings, brackets, comments).
"""

from __future__ import annotations

import re

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"[ \t]*")
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\", "e": "\x1b"}


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """Every key of a valid TOML text with the line, from 1, where it appears first.

    Tables count as keys, implied ones too: ``[jobs.train]`` gives ``("jobs",)`` and ``("jobs", "train")``.
    """
    return _Scanner(text).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self.at = 0
        self.found: dict[tuple[str, ...], int] = {}

    def scan(self) -> dict[tuple[str, ...], int]:
        table: tuple[str, ...] = ()
        while self._skip_to_statement():
            if self._peek() == "[":
                self.at += 2 if self.text.startswith("[[", self.at) else 1
                table = self._key(())
                self.at = self._line_end()
            else:
                self._pair(table)
        return self.found

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _line_end(self) -> int:
        end = self.text.find("\n", self.at)
        return len(self.text) if end < 0 else end

    def _skip_to_statement(self) -> bool:
        """Pass blanks, line ends, commas and comments; whether something follows."""
        while char := self._peek():
            if char == "#":
                self.at = self._line_end()
            elif char in " \t\n,":
                self.at += 1
            else:
                return True
        return False

    def _key(self, table: tuple[str, ...]) -> tuple[str, ...]:
        """Read a dotted key and note it and what it implies."""
        path = table
        line = self.text.count("\n", 0, self.at) + 1
        while True:
            self._blanks()
            quote = self._peek()
            if quote in ('"', "'"):
                path = (*path, self._string())
            else:
                match = _BARE.match(self.text, self.at)
                if not match:  # Not TOML after all: stop looking rather than loop.
                    self.at = len(self.text)
                    return path
                path = (*path, match[0])
                self.at = match.end()
            self.found.setdefault(path, line)
            self._blanks()
            if self._peek() != ".":
                return path
            self.at += 1

    def _blanks(self) -> None:
        match = _BLANK.match(self.text, self.at)
        assert match
        self.at = match.end()

    def _pair(self, table: tuple[str, ...]) -> None:
        path = self._key(table)
        self.at += 1  # the equals sign
        self._blanks()
        self._value(path)

    def _value(self, path: tuple[str, ...]) -> None:
        char = self._peek()
        if char in ('"', "'"):
            self._string()
        elif char == "{":
            self.at += 1
            while self._skip_to_statement() and self._peek() != "}":
                self._pair(path)
            self.at += 1
        elif char == "[":
            self.at += 1
            while self._skip_to_statement() and self._peek() != "]":
                self._value(path)
            self.at += 1
        else:
            match = re.compile(r"[^,\]}#\n]*").match(self.text, self.at)
            assert match
            # At least one step, so that a text that is not TOML cannot hold the scanner up.
            self.at = max(match.end(), self.at + 1)

    def _string(self) -> str:
        """Pass a string of any of the four kinds and return what it says."""
        quote = self._peek()
        triple = quote * 3
        if self.text.startswith(triple, self.at):
            self.at += 3
            pattern = re.compile((r"(?:\\.|[^\\])*?" if quote == '"' else r".*?") + triple + f"{quote}{{0,2}}", re.S)
            match = pattern.match(self.text, self.at)
            self.at = match.end() if match else len(self.text)
            return match[0] if match else ""
        pattern = re.compile(r'"((?:\\.|[^"\\\n])*)"' if quote == '"' else r"'([^'\n]*)'")
        match = pattern.match(self.text, self.at)
        if not match:
            self.at = len(self.text)
            return ""
        self.at = match.end()
        return _unescape(match[1]) if quote == '"' else match[1]


def _unescape(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        code = match[1] or match[2]
        return chr(int(code, 16)) if code else _ESCAPES.get(match[3], match[3])

    return re.sub(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", one, text)
