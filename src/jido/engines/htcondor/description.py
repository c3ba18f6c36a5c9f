"""The submit description of a job. Verified on HTCondor 23.9.6."""

from __future__ import annotations

import re
from collections.abc import Iterator

from jido.engines.base import Placement
from jido.engines.htcondor.ads import quoted
from jido.engines.htcondor.states import BY_RULE, HELD, MEMORY, OUT_OF_RESOURCES, RUNNING, TOO_LONG
from jido.errors import InputError
from jido.model.job import JobSpec, Resources
from jido.words import known, mark, tr

# The job's id, as `Engine.status` takes it.
ID = "JIDO_HTCONDOR_JOB"
# What a job ends with that wants to be begun anew under its own id.
AGAIN = 119
# The event log, in the run folder.
EVENTS = "events.log"

_LOG = mark("the log's place is known to `jido logs`")
_OURS = {
    **dict.fromkeys(("output", "error", "log", "stream_output", "stream_error"), _LOG),
    **dict.fromkeys(
        ("executable", "arguments", "initialdir", "universe", "environment", "env"), mark("jido sets it")
    ),
    **dict.fromkeys(("on_exit_remove", "periodic_remove", "jidotoken", "my.jidotoken"), mark("jido relies on it")),
    **dict.fromkeys(("should_transfer_files", "when_to_transfer_output"), mark("the run folder is shared")),
    "queue": mark("submit a sweep for many"),
    "requirements": mark("give it as the constraint"),
}
_NOT_A_LETTER = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def description(spec: JobSpec, place: Placement) -> str:
    """The text that condor_submit reads.

    Raises:
        InputError: A value cannot be written there, or HTCondor has no word for it.
    """
    check(spec.resources)
    lines = [*_same(spec, place), *_asked(spec.resources), *(extra(option) for option in spec.resources.extra)]
    return "\n".join((*lines, f"queue {place.array}" if place.array else "queue", ""))


def _same(spec: JobSpec, place: Placement) -> Iterator[str]:
    yield "universe = vanilla"
    # Relative to the run folder, in which condor_submit is executed: no path has to be written here.
    yield f"executable = {plain(place.script, 'script')}"
    yield "should_transfer_files = NO"
    # The job itself writes its log (`Engine.opening`): HTCondor empties output files at each start.
    yield "output = /dev/null"
    yield "error = /dev/null"
    yield f"log = {EVENTS}"
    yield "notification = never"
    # HTCondor gives a job next to no environment.
    yield "getenv = PATH, HOME, USER, LOGNAME, SHELL, LANG"
    yield f'environment = "{ID}=$(ClusterId).$(ProcId)"'
    yield f"batch_name = {plain(spec.name, 'name')}"
    yield f"+JidoToken = {quoted(plain(place.token, 'token'))}"
    if place.array:
        yield f"+JidoTasks = {place.array}"
    # What was held for its memory or time would stay so for ever: it ends, and its ad says why.
    gone = [
        f"(JobStatus == {HELD} && member(HoldReasonCode, {_codes(OUT_OF_RESOURCES, *TOO_LONG)}))",
        f"(JobStatus == {HELD} && member(HoldReasonCode, {_codes(*BY_RULE)}) && HoldReasonSubCode == {MEMORY})",
    ]
    if spec.resources.time is not None:
        yield f"+JidoTime = {spec.resources.time}"
        gone.append(f"(JobStatus == {RUNNING} && time() - JobCurrentStartDate > JidoTime)")
    yield f"periodic_remove = {' || '.join(gone)}"
    if spec.resume:
        yield f"on_exit_remove = ExitBySignal =?= True || ExitCode =!= {AGAIN}"


def _codes(*codes: int) -> str:
    return "{" + ", ".join(map(str, codes)) + "}"


def _asked(want: Resources) -> Iterator[str]:
    cpus = want.cpus if want.cpus_per_gpu is None else max(want.cpus_per_gpu * want.gpus, want.cpus or 0)
    yield f"request_cpus = {(cpus or 1) * want.tasks}"
    memory = want.memory if want.memory_per_gpu is None else want.memory_per_gpu * want.gpus
    if memory is not None:
        yield f"request_memory = {-(-memory // 2**20)}"
    if want.gpus:
        yield f"request_gpus = {want.gpus}"
    if want.gpu_model is not None:
        yield f"require_gpus = DeviceName == {macroless(quoted(_line(want.gpu_model, 'GPU model')))}"
    if want.account is not None:
        yield f"accounting_group = {plain(want.account, 'account')}"
    needs = []
    if want.node is not None:
        needs.append(f"TARGET.Machine == {quoted(plain(want.node, 'node'))}")
    if want.constraint is not None:
        needs.append(expression(want.constraint))
    if needs:
        yield f"requirements = {' && '.join(f'({one})' for one in needs)}"


def expression(text: str) -> str:
    """A constraint as a ClassAd expression; one word is an attribute of the machine that has to be true."""
    line = _line(text, "constraint")
    if re.fullmatch(r"[A-Za-z_]\w*", line):
        return f"TARGET.{line} =?= True"
    return macroless(line)


def macroless(text: str) -> str:
    """The text as condor_submit leaves it: `$(x)` would be filled in."""
    return text.replace("$", "$(DOLLAR)")


def _line(text: str, what: str) -> str:
    if not text.strip() or _NOT_A_LETTER.search(text):
        raise InputError(
            tr("{what} {text!r} cannot be handed to HTCondor", what=what, text=text),
            hint=tr("write the {what} on one line", what=what),
        )
    return text.strip()


def plain(value: str, what: str) -> str:
    """A value that a submit description keeps as it is.

    Raises:
        InputError: It is none.
    """
    if not re.fullmatch(r"[\w.@+][\w.@+-]*", value):
        raise InputError(
            tr("{what} {value!r} cannot be handed to HTCondor", what=what, value=value),
            hint=tr("give the {what} in plain letters", what=what),
        )
    return value


def extra(option: str) -> str:
    """One line of the user's own, as written.

    Raises:
        InputError: It would break what jido relies on, or is none.
    """
    match = re.fullmatch(r"(\+?[A-Za-z_][\w.]*)\s*=\s*(.+)", option)
    if match is None or _NOT_A_LETTER.search(option) or option.endswith("\\"):
        raise InputError(
            tr("{option!r} is no line of a submit description", option=option),
            hint=tr("write it as there: request_disk = 10GB"),
        )
    if match[1].lower().lstrip("+") in _OURS:
        cause = known(_OURS[match[1].lower().lstrip("+")])
        raise InputError(
            tr("{option!r} cannot be passed on to condor_submit", option=option),
            cause=cause,
            hint=tr("leave it away"),
        )
    return option


def check(want: Resources) -> None:
    """Refuse what HTCondor has no word for.

    Raises:
        InputError: Names it.
    """
    if want.partition is not None:
        raise InputError(
            tr("HTCondor has no partitions ({partition!r})", partition=want.partition),
            hint=tr("leave it out, or narrow the machines down with --constraint"),
        )
    if want.qos is not None:
        raise InputError(tr("HTCondor has no QoS"), hint=tr("an accounting group is given as --account"))
    if want.nodes != 1:
        raise InputError(tr("a job of HTCondor runs on one machine"), hint=tr("leave --nodes out"))
    for name, value in (("tasks", want.tasks), ("cpus", want.cpus), ("time", want.time)):
        if value is not None and value < 1:
            raise InputError(
                tr("{name} is {value}", name=name, value=value), hint=tr("{name} is a whole number from 1", name=name)
            )
