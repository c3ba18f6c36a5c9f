"""An existing batch script as sbatch reads it: which options count, which do not, and which it will not take."""

from __future__ import annotations

import difflib
import re
from collections.abc import Generator, Iterator, Sequence

import msgspec

from jido.engines.slurm import asked
from jido.engines.slurm.options import LETTERS, MEANT, canonical, options
from jido.engines.slurm.script import quote
from jido.engines.slurm.words import PREFIX, Word, is_command, split
from jido.model.batch import Flaw, Option, Script, Span

_HET = re.compile(r"hetjob|packjob", re.IGNORECASE)
# A comment that was meant to be read: another case, a space before or within.
_DISGUISED = re.compile(r"(?P<before>\s*)#(?P<space>\s*)(?P<word>SBATCH)(?=\s+-)", re.IGNORECASE)
_DASHES = "–—‐‑−"


def read(text: str, version: tuple[int, int] | None = None) -> Script:
    """Read a script; whatever it holds, something comes out, never an exception.

    Args:
        text: The whole script.
        version: Slurm's, for the options that it has; None knows all.
    """
    return _Reader(text, version).script()


def write(name: str, value: str | None) -> str:
    """One option as it stands on a line of options.

    Raises:
        InputError: The value cannot be written there.
    """
    if value is None:
        return f"--{name}"
    # Nothing but these needs quotes there, and people do not put them around what they need not.
    return (
        f"--{name}={value}" if re.fullmatch(r"[^\s\"'\\#\x00-\x1f\x7f]+", value) else f"--{name}={quote(value, name)}"
    )


class _Reader:
    def __init__(self, text: str, version: tuple[int, int] | None) -> None:
        # sbatch knows no other line ends.
        self.lines = text.split("\n")
        self.text = text
        self.known = options(version)
        self.every = options()
        self.flaws: list[Flaw] = []
        self.several = False
        self.top = 2 if self.lines[0].startswith("#!") else 1
        self.body = len(self.lines) + 1

    def script(self) -> Script:
        self._outside()
        words = self._words()
        read = list(self._options(words))
        self._hidden({option.name for option in read})
        self._twice({option.name for option in read})
        wanted = asked.asked(read)
        self.flaws += wanted.flaws
        return Script(
            submit="sbatch",
            prefix=PREFIX,
            options=tuple(read),
            said=wanted.said,
            resources=wanted.resources,
            gpus_in_all=wanted.gpus_in_all,
            per_task=wanted.per_task,
            outputs=asked.outputs(read),
            flaws=tuple(sorted(self.flaws, key=lambda one: (one.span.line, one.span.column))),
            body=self.body,
            top=self.top,
            several=self.several,
        )

    def _outside(self) -> None:
        """What sbatch looks at before it reads options."""
        if "\0" in self.text:
            line = self.text[: self.text.index("\0")].count("\n") + 1
            self.flaws.append(Flaw("control character", Span(line), "the script holds a NUL character"))
        if "\r\n" in self.text:
            line = self.text[: self.text.index("\r\n")].count("\n") + 1
            self.flaws.append(Flaw("line ends", Span(line), "the lines end as on Windows (CR LF)"))
        if not self.text.startswith("#!"):
            what = "the first line does not begin with #! and the path of a shell"
            if self.text.startswith("\ufeff"):
                what = "an invisible byte order mark stands before the first line"
            self.flaws.append(Flaw("no interpreter", Span(1), what, instead="#!/bin/bash"))

    def _words(self) -> list[Word]:
        words: list[Word] = []
        for number, line in enumerate(self.lines, 1):
            if not line.startswith(PREFIX):
                if is_command(line):
                    self.body = number
                    break
                continue
            if _HET.search(line):
                self.several = True
                self.body = self._first_command(number)
                break
            self.top = number + 1
            for word in split(line, number, len(PREFIX)):
                if isinstance(word, Flaw):
                    self.flaws.append(word)
                else:
                    words.append(word)
        return words

    def _first_command(self, number: int) -> int:
        rest = enumerate(self.lines[number:], number + 1)
        return next((at for at, line in rest if is_command(line)), len(self.lines) + 1)

    def _options(self, words: Sequence[Word]) -> Iterator[Option]:
        """As getopt_long reads them; the first word that is no option would end it with an error."""
        at = 0
        while at < len(words):
            word = words[at]
            at += 1
            if word.text.startswith("--") and len(word.text) > 2:
                name, equals, value = word.text[2:].partition("=")
                full = self._full(name, word)
                if full is None:
                    # Its value, if it stands apart, is not a stray word of its own.
                    at += not equals and at < len(words) and words[at].line == word.line and words[at].text[:1] != "-"
                    continue
                takes = self.every[full]
                if takes == "nothing" and equals:
                    what = f"--{full} takes no value"
                    self.flaws.append(Flaw("bad value", _span(word), what, instead=f"--{full}"))
                    continue
                if takes == "value" and not equals:
                    if at >= len(words):
                        self.flaws.append(Flaw("no value", _span(word), f"--{full} needs a value"))
                        continue
                    yield self._apart(full, word, words[at])
                    at += 1
                    continue
                yield Option(canonical(full), value if equals else None, _span(word))
            elif word.text.startswith("-") and len(word.text) > 1 and word.text != "--":
                at = yield from self._letters(word, words, at)
            else:
                self._stray(word, words, at)

    def _apart(self, name: str, word: Word, value: Word) -> Option:
        """An option and its value in the next word; getopt does not care what that looks like."""
        if value.line != word.line or (
            value.text.startswith("--") and value.text[2:].partition("=")[0] in self.every
        ):
            what = f"--{name} has no value, so that `{value.text}` is taken for it"
            self.flaws.append(Flaw("no value", _span(word), what))
        last = value.line if value.line != word.line else 0
        return Option(canonical(name), value.text, Span(word.line, word.column, value.end, last))

    def _letters(self, word: Word, words: Sequence[Word], at: int) -> Generator[Option, None, int]:
        long = word.text[1:].partition("=")[0]
        if len(long) > 1 and long.lower() in {**self.every, **MEANT} and not long[1:].isdecimal():
            meant = MEANT.get(long.lower(), long.lower())
            said = word.text[1 + len(long) :]
            what = f"`{word.text}` has one dash: sbatch reads it as -{long[0]} with the value `{word.text[2:]}`"
            instead = f"--{meant}{said}" if said or self.every[meant] != "value" else f"--{meant}"
            self.flaws.append(Flaw("unknown option", _span(word), what, instead=instead))
            return at + (not said and at < len(words) and not words[at].text.startswith("-"))
        letters = word.text[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            name = LETTERS.get(letter)
            if name is None:
                what = f"sbatch has no option -{letter}"
                other = letter.swapcase()
                self.flaws.append(Flaw("unknown option", _span(word), what + _or_letter(other)))
                return at
            if self.every[name] == "nothing":
                yield Option(name, None, _span(word))
            elif letters.startswith("="):
                what = f"-{letter} takes its value without `=`: sbatch reads `{letters}`"
                instead = f"--{name}{letters}"
                self.flaws.append(Flaw("bad value", _span(word), what, instead=instead))
                return at
            elif letters or self.every[name] == "maybe":
                yield Option(name, letters or None, _span(word))
                return at
            elif at < len(words):
                yield self._apart(name, word, words[at])
                return at + 1
            else:
                self.flaws.append(Flaw("no value", _span(word), f"-{letter} needs a value"))
        return at

    def _stray(self, word: Word, words: Sequence[Word], at: int) -> None:
        span = _span(word)
        if word.text[:1] in _DASHES and word.text:
            instead = "--" + word.text.lstrip(_DASHES + "-")
            what = f"`{word.text}` begins with a typographic dash, not with two hyphens"
            self.flaws.append(Flaw("stray word", span, what, instead=instead))
            return
        what = f"`{word.text}` is no option, and sbatch takes nothing else here"
        before = words[at - 2] if at >= 2 else None
        if before is not None and before.line == word.line and before.text.startswith("--") and "=" in before.text:
            what += f"; if it belongs to `{before.text}`, put quotes around both"
        self.flaws.append(Flaw("stray word", span, what))

    def _full(self, name: str, word: Word) -> str | None:
        """The one option that a name or its beginning stands for."""
        if name in self.known:
            return name
        fits = sorted(one for one in self.known if one.startswith(name))
        if len(fits) == 1:
            return fits[0]
        if fits:
            what = f"--{name} may be {', '.join('--' + one for one in fits[:6])}"
            self.flaws.append(Flaw("ambiguous option", _span(word), what))
            return None
        if name in self.every:
            what = f"--{name} came with a later Slurm than the one there"
            self.flaws.append(Flaw("unknown option", _span(word), what))
            return None
        plain = name.lower().replace("_", "-")
        meant = plain if plain in self.known else MEANT.get(plain, "")
        close = [meant] if meant else difflib.get_close_matches(plain, self.known, n=1, cutoff=0.75)
        what = f"sbatch has no option --{name}"
        if close:
            what += f"; did you mean --{close[0]}?"
        rest = word.text[2 + len(name) :]
        instead = f"--{close[0]}{rest}" if close and re.fullmatch(r"[^\s\"'\\#]*", rest) else ""
        # Sites may add options of their own by plug-ins (SPANK): only what looks misspelt is certainly wrong.
        self.flaws.append(Flaw("unknown option", _span(word), what, certain=bool(close), instead=instead))
        return None

    def _hidden(self, set_: set[str]) -> None:
        """Lines that look like options and are none."""
        heredoc = ""
        for number, line in enumerate(self.lines, 1):
            if number >= self.body:
                if heredoc:
                    heredoc = "" if line.strip() == heredoc else heredoc
                    continue
                if opened := re.search(r"(?<!<)<<-?\s*([\"']?)([A-Za-z_]\w*)\1", line):
                    heredoc = opened[2]
            bare = line.rstrip("\r")
            match = _DISGUISED.match(bare)
            if not match or (bare.startswith(PREFIX) and number < self.body):
                continue
            if number >= self.body:
                # Behind the first command only what is spelt right was meant to count.
                if bare.startswith(PREFIX) and not self.several:
                    self._unread(number, bare, set_)
            elif "##" not in match[0]:
                plain = PREFIX + bare[match.end() :]
                spaced = bool(match["space"])
                what = "it begins with a space" if match["before"] else f"it begins with `{match[0].strip()}`"
                span = Span(number, 1, len(bare) + 1)
                # "# SBATCH" is also how people switch a line off.
                flaw = Flaw("disguised", span, f"sbatch does not read this line: {what}", certain=False)
                self.flaws.append(flaw if spaced else msgspec.structs.replace(flaw, instead=plain))

    def _twice(self, said: set[str]) -> None:
        """Mend nothing into a second option of a name: which of the two was meant nobody knows."""
        for number, flaw in enumerate(self.flaws):
            if flaw.kind not in ("unknown option", "disguised") or not flaw.instead:
                continue
            quiet = _Reader("", None)
            bare = flaw.instead.removeprefix(PREFIX)
            words = [word for word in split(bare, 1, 0) if isinstance(word, Word)]
            if said & {option.name for option in quiet._options(words)}:
                self.flaws[number] = msgspec.structs.replace(flaw, instead="")

    def _unread(self, number: int, line: str, set_: set[str]) -> None:
        words = list(split(line, number, len(PREFIX)))
        fine = [word for word in words if isinstance(word, Word)]
        quiet = _Reader("", None)
        names = [option.name for option in quiet._options(fine)]
        said = ", ".join(f"--{name}" for name in names) or "what it says"
        again = [name for name in names if name in set_]
        what = (
            f"sbatch stops reading options at the first command (line {self.body}), so that {said} is not asked for"
        )
        if again:
            what += f"; line {self.top - 1} or one above says --{again[0]} already"
        instead = "" if again or quiet.flaws or len(fine) != len(words) else line
        span = Span(number, 1, len(line) + 1)
        self.flaws.append(Flaw("unread", span, what, instead=instead, move=True))


def _span(word: Word) -> Span:
    return Span(word.line, word.column, word.end)


def _or_letter(other: str) -> str:
    return f"; -{other} is --{LETTERS[other]}" if other in LETTERS else ""
