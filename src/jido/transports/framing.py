"""The border where argv becomes one line for a remote login shell, and output becomes clean again.

Quoting happens here and nowhere else. Login shells differ (bash, zsh, dash, ksh, fish, tcsh): single quotes mean the
same in all of them as long as the text is plain ASCII without newline, ``!``, ``^``, backslash or single quote. A
line with any of these travels as octal escapes that a POSIX shell turns back; every other line stays legible to who
looks at the login node's process list.
"""

from __future__ import annotations

import re
import shlex

from jido.errors import InputError
from jido.model.command import Command
from jido.words import tr

# A live command notices within this many seconds that nobody listens any more.
BEAT_SECONDS = 2

_BARE = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
_PLAIN = re.compile(r"[ -~]*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LITERAL = frozenset(range(0x20, 0x7F)) - frozenset(b"'\\!^")
# One argument of a program has at most 128 KiB on Linux, which sshd's own call of the login shell meets too.
_LONGEST = 120_000


def checked(command: Command) -> Command:
    """The command itself when a machine can be asked to execute it.

    Raises:
        InputError: Its argv is empty, a word holds NUL, or a variable's name is not one.
    """
    if not command.argv:
        raise InputError(tr("there is no command to run"))
    if any("\0" in word for word in (*command.argv, *command.env.values(), command.cwd or "")):
        raise InputError(tr("a command cannot hold a NUL character: {argv!r}", argv=command.argv))
    for name in command.env:
        if not _NAME.fullmatch(name):
            raise InputError(
                tr("{name!r} is not a variable's name", name=name), hint=tr("letters, digits and _, no digit first")
            )
    return command


def posix_line(command: Command) -> str:
    """The command as a line for a POSIX shell, folder and environment included; the program replaces the shell.

    A folder that cannot be entered ends it with code 126. An empty argv stands for the person's login shell.
    """
    words = [_word(word) for word in command.argv]
    # `exec` runs the program where a bare name could be a builtin (dash's echo reads backslashes) or a keyword.
    line = "exec " + ("-- " if words and command.argv[0].startswith("-") else "")
    if command.env:
        line = "exec env " + "".join(f"{name}={_word(value)} " for name, value in command.env.items())
        if words and "=" in command.argv[0]:
            # env would take the program for one more variable.
            line += "sh -c " + shlex.quote('exec "$0" "$@"') + " "
    line += " ".join(words) if words else '"${SHELL:-/bin/sh}" -l'
    if command.cwd is not None:
        # `./` keeps a folder that begins with a dash from being read as an option.
        folder = command.cwd if command.cwd.startswith("/") else f"./{command.cwd}"
        line = f"cd {_word(folder)} || exit 126; {line}"
    return line


def carried(line: str) -> str:
    """A POSIX shell's line as a line that every login shell hands over unchanged.

    Raises:
        InputError: It is longer than a machine accepts.
    """
    if _PLAIN.fullmatch(line) and not any(char in line for char in "'\\!^"):
        whole = f"exec /bin/sh -c '{line}'"
    else:
        octal = "".join(
            chr(byte) if byte in _LITERAL else f"\\0{byte:03o}" for byte in line.encode("utf-8", "surrogateescape")
        )
        # The escapes hold only backslashes before a zero: literal in every shell's single quotes.
        whole = f"exec /bin/sh -c 'eval \"$(printf %b \"$0\")\"' '{octal}'"
    if len(whole) > _LONGEST:
        raise InputError(
            tr("the command line is too long ({count} characters)", count=len(whole)),
            hint=tr("hand long input over stdin, or put it in a file that is pushed"),
        )
    return whole


def framed(command: Command, mark: str, *, live: bool = False) -> str:
    """One line for any login shell that runs the command between two marks on both streams.

    The closing mark carries the exit code, so that the code of the command and the code of ssh cannot be confused.

    Args:
        command: What to execute.
        mark: Letters and digits that occur nowhere else.
        live: Let the command end when nobody reads its stdout any more. sshd signals nothing to a command without
            a terminal when its client goes, and one that is silent never meets a closed pipe: a watcher beside it
            writes a beat every `BEAT_SECONDS`, and ends the whole process group when that fails.
    """
    begin, end = f"echo jido-begin-{mark} $$", f"echo jido-end-{mark} $rc"
    watch, unwatch = "", ""
    if live:
        watch = (
            f'( trap "" PIPE; while :; do sleep {BEAT_SECONDS} >/dev/null || exit; echo jido-beat-{mark} || break; '
            f'done; trap "" TERM; kill -TERM 0; sleep {BEAT_SECONDS} >/dev/null; kill -KILL 0 ) '
            "</dev/null 2>/dev/null & w=$!; "
        )
        unwatch = "kill $w 2>/dev/null; "
    return carried(
        f"{begin}; {begin} >&2; {watch}( {posix_line(checked(command))} ); rc=$?; {unwatch}{end}; {end} >&2; exit $rc"
    )


class Cutter:
    """Takes a command's own bytes out of one stream, as they come.

    Attributes:
        begun: Whether the command began.
        ended: Whether its end was seen.
        pid: Process id of the shell around it, once begun.
        code: Its exit code, once ended.
        noise: What came before it began: the login's chatter, or ssh's complaint; its last 16 KiB.
    """

    def __init__(self, mark: str) -> None:
        self._begin = f"jido-begin-{mark} ".encode()
        self._end = f"jido-end-{mark} ".encode()
        self._beat = f"jido-beat-{mark}\n".encode()
        self._held = b""
        self.begun = self.ended = False
        self.pid: int | None = None
        self.code: int | None = None
        self.noise = b""

    def feed(self, data: bytes) -> bytes:
        """The command's own bytes among those that are known by now."""
        if self.ended:
            return b""
        held = self._held + data
        if not self.begun:
            # Noise may end without a newline, so the mark is looked for anywhere.
            at = held.find(self._begin)
            line = held.find(b"\n", at) if at >= 0 else -1
            if line < 0:
                self._held = held if at >= 0 else held[-16384:]
                self.noise = self._held
                return b""
            self.begun, self.noise = True, held[:at]
            self.pid = _number(held[at + len(self._begin) : line])
            held = held[line + 1 :]
        out = []
        while True:
            end, beat = held.find(self._end), held.find(self._beat)
            if beat >= 0 and (end < 0 or beat < end):
                out.append(held[:beat])
                held = held[beat + len(self._beat) :]
                continue
            if end >= 0:
                out.append(held[:end])
                held = held[end:]
                line = held.find(b"\n")
                if line >= 0:
                    self.ended = True
                    self.code = _number(held[len(self._end) : line])
                    held = b""
                break
            keep = self._maybe_mark(held)
            out.append(held[: len(held) - keep])
            held = held[len(held) - keep :]
            break
        self._held = held
        return b"".join(out)

    def _maybe_mark(self, held: bytes) -> int:
        """How many of the last bytes may be the beginning of a mark that is still on its way."""
        for size in range(min(len(self._end), len(held)), 0, -1):
            if self._end.startswith(held[-size:]) or self._beat.startswith(held[-size:]):
                return size
        return 0

    def rest(self) -> bytes:
        """What was held back, once nothing more can come."""
        rest, self._held = (self._held if self.begun and not self.ended else b""), b""
        return rest


def _word(text: str) -> str:
    if _BARE.fullmatch(text):
        return text
    if _PLAIN.fullmatch(text) and not any(char in text for char in "\"$`\\!'"):
        return f'"{text}"'
    return shlex.quote(text)


def _number(text: bytes) -> int | None:
    return int(text) if text.isdigit() else None
