"""Every error jido raises, in one tree.

::

    JidoError                      1   what happened, cause, hint, transient?, exit code
    ├── InputError                 2   a value the user gave cannot be understood
    │   └── ConfigError            3   jido.toml, the clusters file or a map file is wrong (file, line, key)
    ├── NotFound                   4   no such cluster, run, job, dataset ...
    ├── Refused                    5   it cannot run there as asked
    │   └── SchedulerRefused       5   the scheduler said no, in its own words
    ├── TransportError             6   the machine could not be spoken to
    │   ├── Unreachable            6   name, route, port or time-out
    │   ├── LoginNeeded            6   key, password or second factor
    │   ├── HostKeyProblem         6   unknown or changed host key
    │   └── ConnectionLost         6   cut while a command was under way: its outcome is not known
    ├── SchedulerError             7
    │   ├── SchedulerMissing       7   no scheduler found there
    │   └── SchedulerDown          7   it is there and does not answer
    ├── CommandFailed              8   a remote or local command failed (host, argv, code, output)
    │   └── DiskFull               8
    ├── TwinError                  9   a twin could not be brought up
    ├── JobFailed                 10   a job that was waited for did not end well
    └── StateUnknown              11   what became of a job is not known

``130`` is Ctrl-C, as everywhere.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, ClassVar

from jido.words import tr

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class JidoError(Exception):
    """The root of jido's errors.

    Args:
        what: One sentence: what happened.
        cause: Why, as far as it is known; empty when it is not.
        hint: The next step, often a command to type.
        transient: True when the same call may succeed later without any change.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, cause: str = "", hint: str = "", transient: bool = False) -> None:
        super().__init__(what)
        self.what = what
        self.cause = cause
        self.hint = hint
        self.transient = transient

    def __str__(self) -> str:
        return "\n".join(
            part
            for part in (
                self.what,
                self.cause and tr("cause: {text}", text=self.cause),
                self.hint and tr("hint: {text}", text=self.hint),
            )
            if part
        )


class InputError(JidoError):
    """A value the user gave cannot be understood."""

    exit_code = 2


class ConfigError(InputError):
    """A file the user wrote is wrong.

    Args:
        what: One sentence: what is wrong.
        file: The file's path.
        line: Line number from 1, or None where it is not known.
        key: The dotted key, e.g. ``jobs.train.gpus``.
        cause: See `JidoError`.
        hint: See `JidoError`.
    """

    exit_code = 3

    def __init__(
        self,
        what: str,
        *,
        file: str = "",
        line: int | None = None,
        key: str = "",
        cause: str = "",
        hint: str = "",
    ) -> None:
        where = f"{file}:{line}" if line is not None else file
        super().__init__(f"{where}: {what}" if where else what, cause=cause, hint=hint)
        self.file = file
        self.line = line
        self.key = key


class NotFound(JidoError):
    """Nothing goes by that name; the nearest names are in the hint."""

    exit_code = 4


class Refused(JidoError):
    """It cannot run there as asked."""

    exit_code = 5


class SchedulerRefused(Refused):
    """The scheduler said no; `cause` holds its own words."""


class TransportError(JidoError):
    """The machine could not be spoken to."""

    exit_code = 6


class Unreachable(TransportError):
    """Name, route, port or time-out: nothing was executed there."""


class LoginNeeded(TransportError):
    """The machine wants a key, a password or a second factor."""


class HostKeyProblem(TransportError):
    """The machine's host key is unknown or has changed."""


class ConnectionLost(TransportError):
    """The connection was cut while a command was under way; its outcome is not known."""


class SchedulerError(JidoError):
    """The scheduler is missing or does not answer."""

    exit_code = 7


class SchedulerMissing(SchedulerError):
    """No scheduler that jido knows was found there."""


class SchedulerDown(SchedulerError):
    """The scheduler is there but does not answer."""


class CommandFailed(JidoError):
    """A command ended with a code that was not expected.

    Args:
        what: One sentence: what was being done.
        host: Where it ran.
        argv: The command as composed.
        code: Its exit code, None when it was stopped at a time limit.
        stdout: What it printed.
        stderr: What it complained of.
        cause: See `JidoError`; the last line of stderr when empty.
        hint: See `JidoError`.
        transient: See `JidoError`.
    """

    exit_code = 8

    def __init__(
        self,
        what: str,
        *,
        host: str,
        argv: Sequence[str],
        code: int | None,
        stdout: str = "",
        stderr: str = "",
        cause: str = "",
        hint: str = "",
        transient: bool = False,
    ) -> None:
        last = next((line for line in reversed(stderr.strip().splitlines()) if line.strip()), "")
        super().__init__(what, cause=cause or last, hint=hint, transient=transient)
        self.host = host
        self.argv = tuple(argv)
        self.code = code
        self.stdout = stdout
        self.stderr = stderr

    def detail(self) -> str:
        """Host, argv, code, stdout and stderr, for ``--verbose`` and bug reports."""
        return (
            f"host:   {self.host}\nargv:   {shlex.join(self.argv)}\ncode:   {self.code}\n"
            f"stdout: {self.stdout.strip()[-2000:]}\nstderr: {self.stderr.strip()[-2000:]}"
        )


class DiskFull(CommandFailed):
    """No space, no inodes or no quota left on a volume."""


class TwinError(JidoError):
    """A twin could not be brought up, looked at or taken down."""

    exit_code = 9


class JobFailed(JidoError):
    """A job that was waited for did not end well."""

    exit_code = 10


class StateUnknown(JidoError):
    """What became of a job is not known."""

    exit_code = 11


def nearest(name: str, known: Iterable[str]) -> str:
    """A phrase that suggests what was meant: ``did you mean 'aurora'?`` or the list of what there is.

    Args:
        name: What was typed.
        known: Every valid name.

    Returns:
        A sentence for `JidoError.hint`, empty when there is nothing to suggest.
    """
    import difflib  # costs every command's start, and only a wrong name needs it

    names = sorted(set(known))
    close = difflib.get_close_matches(name, names, n=2, cutoff=0.6)
    if close:
        return tr("did you mean {names}?", names=tr(" or ").join(f"'{c}'" for c in close))
    if not names:
        return ""
    shown = ", ".join(names[:12])
    if len(names) > 12:
        shown = tr("{shown}, ... ({count} in all)", shown=shown, count=len(names))
    return tr("there is: {shown}", shown=shown)
