"""A command line as far as it is typed: its words, and what is still open in the last one."""

from __future__ import annotations

# Backslash takes the meaning off these within double quotes; elsewhere in them it stands for itself.
_IN_DOUBLE = '$`"\\\n'
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./,:@%=^")


class Typed:
    """The words before the cursor.

    Attributes:
        words: All of them without their quotes; the last one is what is being typed.
        raw: The last one as it was typed.
        quote: The quote that is open in it: ``'``, ``"``, or empty.
        escaped: Whether it ends in a backslash whose character has not come yet.
    """

    def __init__(self, line: str) -> None:
        self.words: list[str] = []
        self.quote, self.escaped = "", False
        begin, word, within = len(line), "", False
        place = 0
        while place < len(line):
            char = line[place]
            if not within and not char.isspace():
                begin, word, within = place, "", True
            if self.escaped:
                keep = self.quote == '"' and char not in _IN_DOUBLE
                word, self.escaped = word + ("\\" if keep else "") + ("" if char == "\n" else char), False
            elif char == "\\" and self.quote != "'":
                self.escaped = True
            elif self.quote:
                if char == self.quote:
                    self.quote = ""
                else:
                    word += char
            elif char in "'\"":
                self.quote = char
            elif char.isspace():
                if within:
                    self.words.append(word)
                begin, word, within = len(line), "", False
            else:
                word += char
            place += 1
        self.words.append(word)
        self.raw = line[begin:]

    def with_rest(self, rest: str) -> str:
        """The last word as it would be typed with more characters; what stands there is never written anew."""
        if self.quote == "'":
            return self.raw + rest.replace("'", "'\\''")
        if self.quote == '"':
            # Nothing but another quote takes the meaning off `!` and vanishes itself.
            marks = {char: "\\" + char for char in '$`"\\'} | {"!": "\"'!'\""}
            return self.raw + "".join(marks.get(char, char) for char in rest)
        text = "".join(char if char in _PLAIN or ord(char) > 127 else "\\" + char for char in rest)
        return self.raw + (text.removeprefix("\\") if self.escaped else text)


def plain(word: str) -> str:
    """One word without its quotes, the last one perhaps open."""
    return Typed(word.replace("\n", " ")).words[-1]
