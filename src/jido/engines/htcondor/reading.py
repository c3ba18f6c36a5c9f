"""Submit descriptions as condor_submit reads them; what is called a flaw was tried with the dry run of 23.9.6."""

from __future__ import annotations

import re
from collections.abc import Iterator

from jido.engines.htcondor.keywords import KEYWORDS
from jido.engines.htcondor.slips import PLAIN, slips, stray
from jido.engines.htcondor.statements import Line, Queue, Table, assignment, condition, endless, lines, queue
from jido.engines.htcondor.values import WORDS, outputs, resources, wrong
from jido.model.batch import Flaw, Flawed, Option, Script, Span

_ELSEWHERE = re.compile(r"@?(?:include|use)\b[^:=]*:.*", re.IGNORECASE | re.DOTALL)
_TALK = re.compile(r"(?:warning|error)\s*:.*", re.IGNORECASE | re.DOTALL)
_LONG_TEXT = re.compile(r"(\w+)\s*@=\s*(\w+)", re.ASCII)
_BRANCH = re.compile(r"(if|elif|else|endif)\b\s*(.*)", re.IGNORECASE | re.DOTALL)
_SHELL = re.compile(r"#!(?!.*\bcondor_submit)")
_NO_EXECUTABLE = ("executable", "container_image", "docker_image")


class _Reader:
    """One pass over the statements; `table` is what the names hold by now, None where that is not known."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.rows = text.split("\n")
        self.end = Span(max(1, len(self.rows) - (self.rows[-1] == "")))
        self.flaws: list[Flaw] = []
        self.options: list[Option] = []
        self.table: Table = {}
        self.queues: list[Queue] = []
        # As of the first queue statement.
        self.first: Table | None = None
        # Something of it stands in another file.
        self.elsewhere = False
        # Of each open `if`: whether it holds now, whether a branch was taken, whether it has come to its `else`.
        self.ifs: list[tuple[bool | None, bool | None, bool]] = []
        self.strange: list[Span] = []
        # Values that condor_submit does not read, should they hold at a queue statement.
        self.bad: dict[str, Flaw] = {}
        if "\0" in text:
            number = text[: text.index("\0")].count("\n") + 1
            self._flaw("control character", Span(number), "a NUL stands in this line: condor_submit reads no further")
        rest = iter(lines(text))
        for line in rest:
            if not self._branch(line) and all(now is not False for now, _, _ in self.ifs):
                self._statement(line, rest)
        if self.ifs:
            certain = all(now is not None for now, _, _ in self.ifs)
            self._flaw("stray word", self.end, "an `if` has no endif", certain=certain)
        if not self.queues:
            self.flaws += self.bad.values()

    def script(self) -> Script:
        known = sum(one.name in KEYWORDS for one in self.options)
        foreign = bool(_SHELL.match(self.text) or re.search(r"^#\s*(?:SBATCH|PBS)\b", self.text, re.MULTILINE))
        # A shell script assigns too, and may well call a variable `error`.
        sure = known > 0 and not (foreign and self.strange) and (bool(self.queues) or (known > 1 and not foreign))
        first = self.queues[0] if self.queues else None
        table = self.table if self.first is None else self.first
        at = first.line.number if first else len(self.rows) + 1
        asked = [one for one in self.options if one.span.line < at]
        found, said = resources(asked, table)
        if not sure and self.strange and _SHELL.match(self.text):
            what = "this is a script; condor_submit reads a description that names it as its executable"
            self.flaws = [Flaw("unreadable", self.strange[0], what)]
        else:
            self._lacks()
            self._late()
            if not self.elsewhere:
                self.flaws += slips(self.options, self.text)
        return Script(
            submit="condor_submit",
            prefix="",
            options=tuple(self.options),
            said=said,
            resources=found,
            gpus_in_all=None,
            per_task=False,
            outputs=tuple(outputs(asked, table, many=bool(first and (first.jobs or 1) > 1))),
            flaws=tuple(sorted(self.flaws, key=lambda one: one.span.line)),
            body=len(self.rows) + 1,
            top=at if first else len(self.rows) + (self.rows[-1] != ""),
            several=len(self.queues) > 1,
            words=WORDS,
            takes_all_memory=False,
            needs_time=False,
            telling=known + len(self.queues) + 1 if sure else 0,
        )

    def _flaw(self, kind: Flawed, span: Span, what: str, instead: str = "", *, certain: bool = True) -> None:
        self.flaws.append(Flaw(kind, span, what, certain, instead))

    def _branch(self, line: Line) -> bool:
        """Take `if` and its like; whether it was one."""
        match = _BRANCH.fullmatch(line.text)
        if match is None:
            return False
        word, said = match[1].lower(), match[2]
        if word == "else" and said:
            what = f"condor_submit takes {line.text!r} for `else` alone"
            instead = re.sub(r"(?i)^if\b", "elif", said) if re.match(r"(?i)if\s", said) else ""
            self._flaw("unreadable", line.span, what, instead, certain=False)
        outer = all(now is not False for now, _, _ in (self.ifs if word == "if" else self.ifs[:-1]))
        if word == "if":
            now = self._holds(line, said) if outer else False
            self.ifs.append((now, now, False))
        elif not self.ifs:
            what = f"{word} without an if: a queue statement ends every `if` that it stands in"
            self._flaw("stray word", line.span, what)
        elif word == "endif":
            self.ifs.pop()
        else:
            _, taken, closed = self.ifs.pop()
            if closed:
                self._flaw("stray word", line.span, f"{word} after else")
            now = False if taken or not outer else self._holds(line, said) if word == "elif" else True
            # Where it is not known whether an earlier branch was taken, it is not known of this one either.
            now = None if taken is None and now else now
            self.ifs.append((now, True if taken or now else None if None in (taken, now) else False, word == "else"))
        return True

    def _holds(self, line: Line, said: str) -> bool | None:
        held = condition(said, self.table)
        if isinstance(held, str):
            what = f"condor_submit knows no such condition: {said.strip() or 'there is none'}"
            self._flaw("unreadable", line.span, what)
            return None
        return held

    def _statement(self, line: Line, rest: Iterator[Line]) -> None:
        match = _LONG_TEXT.fullmatch(line.text)
        if match is not None:
            body: list[str] = []
            for inner in rest:
                if inner.text == f"@{match[2]}":
                    self._set(match[1].lower(), "\n".join(body))
                    return
                body.append(inner.text)
            self._flaw("unreadable", line.span, f"@{match[2]} does not follow, which would end it")
        elif re.match(r"queue\s*=", line.text, re.IGNORECASE):
            instead = f"queue {line.text.partition('=')[2].strip()}"
            self._flaw("unreadable", line.span, "queue is a statement and takes no `=`", instead)
            self._queue(Queue(line, 1, frozenset(), False, line.last))
        elif (made := queue(line, rest, self.table)) is not None:
            self._queue(made)
        elif _ELSEWHERE.fullmatch(line.text):
            self.elsewhere = True
            # It may say anything anew.
            self.table = dict.fromkeys(self.table)
        elif _TALK.fullmatch(line.text):
            if line.text[:1] in "eE" and all(now for now, _, _ in self.ifs):
                self._flaw("unreadable", line.span, f"condor_submit ends here: {line.text}")
        elif (said := assignment(line.text)) is not None:
            self._option(line, *said)
        else:
            self.strange.append(line.span)
            self.flaws.append(stray(line))

    def _queue(self, made: Queue) -> None:
        if made.open:
            self._flaw(
                "unreadable", made.line.span, "the list of the queue statement has no `)` on a line of its own"
            )
        elif made.wrong:
            self._flaw("unreadable", made.line.span, f"condor_submit cannot read {made.line.text!r}")
        elif made.jobs == 0:
            self._flaw("bad value", made.line.span, "the queue statement makes no job", certain=False)
        for bad in self.bad.values():
            self.flaws.append(bad)
        self.bad = {}
        self.queues.append(made)
        if self.first is None:
            self.first = self.table | dict.fromkeys(made.names)
        if all(now for now, _, _ in self.ifs):
            self.ifs.clear()
        else:
            what = (
                "where its `if` holds, a queue statement ends it, and condor_submit ends with an error at the endif"
            )
            self._flaw("unreadable", made.line.span, what, certain=False)

    def _option(self, line: Line, name: str, value: str) -> None:
        plain = PLAIN.get(name, name)
        # Without its underscores a name counts only where it does not stand with them.
        name = plain if plain not in self.table else name
        self.options.append(Option(name, value, line.span))
        self._set(name, value)
        # Only what holds at a queue statement is read as a value.
        self.bad.pop(name, None)
        if (bad := wrong(name, value)) is not None and not (bad[1] is False and f"my.{value.lower()}" in self.table):
            what, certain, good = bad
            certain = certain and all(now for now, _, _ in self.ifs)
            self.bad[name] = Flaw("bad value", line.span, what, certain, f"{name} = {good}" if good else "")

    def _set(self, name: str, value: str) -> None:
        # A name in its own value is what it held before.
        old = self.table.get(name)
        own = re.compile(rf"\$\({re.escape(name)}(?::[^()]*)?\)", re.IGNORECASE)
        if own.search(value):
            value = own.sub(lambda _: old or "", value) if old is not None or name not in self.table else "$(node)"
        sure = all(now is True for now, _, _ in self.ifs)
        self.table[name] = value if sure and len(value) < 20_000 else None

    def _lacks(self) -> None:
        if self.first is None:
            what = "no queue statement: no job is made, unless -queue stands on the command line"
            self._flaw("no value", self.end, what)
            return
        for option in {one.name: one for one in self.options if one.name in KEYWORDS}.values():
            if endless(option.name, self.first):
                what = (
                    f"the names in {option.name} lead back to themselves, and condor_submit does not come to an end"
                )
                self._flaw("bad value", option.span, what)
        # What could not be read may have been it.
        unsure = self.elsewhere or self.strange or all(one.jobs == 0 for one in self.queues)
        if not unsure and not any(self.first.get(name, "") != "" for name in _NO_EXECUTABLE):
            self._flaw("no value", self.queues[0].line.span, "there is no executable before the queue statement")

    def _late(self) -> None:
        """Options that no queue statement follows."""
        if self.first is None:
            return
        made, table = self.queues[-1], self.first
        late = [one for one in self.options if one.span.line > made.last]
        self.options = [one for one in self.options if one.span.line <= made.last]
        for one in late:
            what = f"{one.name} stands behind the last queue statement, where no job takes it"
            line = self.rows[one.span.line - 1]
            alone = len(self.queues) == 1 and one.name not in table and not one.span.last
            self.flaws.append(Flaw("unread", one.span, what, instead=line.rstrip("\r") if alone else "", move=True))


def read(text: str) -> Script:
    """See `Engine.read_script`."""
    return _Reader(text).script()
