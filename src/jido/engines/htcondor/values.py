"""What the names of a submit description mean to jido, and how they are written. Verified on HTCondor 23.9.6."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence

from jido.engines.htcondor.description import plain
from jido.engines.htcondor.keywords import KEYWORDS
from jido.engines.htcondor.statements import CLUSTER, Table, filled
from jido.errors import InputError
from jido.model.batch import Option, Output
from jido.model.job import Resources
from jido.model.units import parse_duration
from jido.words import mark, tr

# Another scheduler's words in the rules' advice; whole sentences of the rules where they would not be true.
WORDS = {
    "--account": "accounting_group",
    "--cpus-per-gpu": "request_cpus",
    "--mem-per-gpu": "request_memory",
    "--output": "output",
    "--error": "error",
    "--log": "log",
    "--name=value": "name = value",
    "%j": "$(Cluster)",
    "%u": "$ENV(USER)",
    "%A_%a": "$(Cluster)_$(Process)",
    "sbatch": "condor_submit",
    "sbatch ends with an error and submits nothing, or takes the next option for the value.": mark(
        "condor_submit ends with an error and submits nothing, or it submits a job that no machine matches."
    ),
    "sbatch ends with 'unrecognized option' and submits nothing.": mark(
        "condor_submit takes it for a name of your own and goes on: the job runs without what the line asks for."
    ),
    "sbatch stops reading there, without a word: the job runs without what the line asks for.": mark(
        "condor_submit makes the jobs at each queue statement: they run without what stands only behind it."
    ),
    "move it above the first command": mark("move it above the queue statement"),
    "The scheduler refuses the job: 'Requested node configuration is not available'.": mark(
        "HTCondor takes the job, and no machine ever matches it."
    ),
    "Nobody makes it: the job fails in its first second, without a word anywhere (Slurm: exit code 0:53).": mark(
        "Nobody makes it: HTCondor takes the job and holds it when it begins; a log of events is not written at all."
    ),
    "write the path in full, with %u for your name and %j for the job's number": mark(
        "write the path in full, or a variable as $ENV(NAME)"
    ),
}
# Each name that says a field of `Resources`, with the field.
FIELDS = {
    "request_cpus": "cpus", "request_gpus": "gpus", "request_memory": "memory", "require_gpus": "gpu_model",
    "accounting_group": "account", "requirements": "constraint", "allowed_job_duration": "time",
    "allowed_execute_duration": "time", "my.jidotime": "time", "my.requestcpus": "cpus", "my.requestgpus": "gpus",
    "my.requestmemory": "memory",
}  # fmt: skip
_WRITTEN = {field: name for name, field in reversed(FIELDS.items())} | {"time": "allowed_execute_duration"}
_EXPRESSIONS = frozenset(
    (
        "rank",
        "on_exit_hold",
        "on_exit_remove",
        "periodic_hold",
        "periodic_release",
        "periodic_remove",
        "periodic_vacate",
    )
)
_NUMBERS = ("cpus", "gpus", "time")
_SIZE = re.compile(r"\+?(\d+\.?\d*|\.\d+)\s*(?:([KMGT])B?)?", re.IGNORECASE | re.ASCII)
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)\}|\$([A-Za-z_]\w*)(?![\w(])|^~(?=/|$)", re.ASCII)
# Where a number begins and goes on as none, no expression is left that it could be.
_BROKEN = re.compile(
    r"[+-]?\d[\d.]*(?![\d.])\s*(?![eE][+-]?\d+\s*$)(?:[A-Za-z_#:,\"'$@]|\d)|=|.*#", re.ASCII | re.DOTALL
)
_BARE = re.compile(r"[A-Za-z_]\w*|\"[^\"]*\"", re.ASCII)


def size(text: str, unit: str = "M") -> int | None:
    """Bytes of ``4096``, ``4 GB`` or ``1.5g``; None for anything else."""
    match = _SIZE.fullmatch(text.strip())
    return int(float(match[1]) * _UNITS[(match[2] or unit).upper()]) if match and len(text) < 30 else None


def meant(name: str, value: str) -> object:
    """What a value says for the field of its name; None where it is an expression, or nothing."""
    field = FIELDS[name]
    if field in _NUMBERS:
        found = re.fullmatch(r"\+?\d{1,12}", value.strip(), re.ASCII)
        return int(value) if found else None
    if field == "memory":
        # As an attribute of its own it is a plain number, of MiB.
        return size(value) if name[:3] != "my." or value.isdecimal() else None
    if field == "gpu_model":
        match = re.fullmatch(r'(?:TARGET\.)?DeviceName\s*==\s*"([^"\\]+)"', value, re.IGNORECASE)
        return match[1] if match else None
    return value or None


def resources(asked: Sequence[Option], table: Table) -> tuple[Resources, dict[str, Option]]:
    """What options ask for, and which one says each field."""
    got: dict[str, object] = {}
    said: dict[str, Option] = {}
    last = {one.name: one for one in asked if one.name in FIELDS and one.value}
    # An attribute of one's own wins, wherever it stands.
    for name, option in sorted(last.items(), key=lambda one: one[0].startswith("my.")):
        text = table.get(name)
        value = filled(text, table) if text is not None else None
        found = meant(name, value) if value is not None else None
        field, before = FIELDS[name], got.get(FIELDS[name])
        # Of two limits the shorter one comes first.
        if field == "time" and isinstance(before, int) and isinstance(found, int) and found >= before:
            continue
        if found is not None:
            got[field] = found
        if field not in said or found is not None:
            said[field] = option
    return Resources(**got), said  # type: ignore[arg-type]


def wrong(name: str, value: str) -> tuple[str, bool, str] | None:
    """What is wrong with a value: one sentence, whether condor_submit certainly refuses it, what would be right."""
    field = "disk" if name == "request_disk" else FIELDS.get(name, "")
    if field == "account" and re.search(r"\s", value):
        return f"an accounting group has no blanks, as {value!r} has", True, ""
    expression = field in ("constraint", "gpu_model") or name in _EXPRESSIONS or name.startswith("my.")
    if expression and "$" not in value and not _whole(value):
        return f"{name} is no whole expression: {value!r}", True, ""
    if field not in (*_NUMBERS, "memory", "disk") or (field in ("memory", "disk") and size(value) is not None):
        return None
    if value.startswith("-") and size(value[1:]) is not None:
        return f"{name} is below 0", False, ""
    if _BROKEN.match(value):
        good = _better(field, value)
        return f"condor_submit cannot read {value!r} as {name}", True, good
    if _BARE.fullmatch(value) and value.lower() != "undefined":
        good = _better(field, value.strip('"')) if value.startswith('"') else ""
        kind = "a text" if value.startswith('"') else "the name of an attribute"
        return f"HTCondor takes {value} for {kind}, not for a number", False, good
    return None


def _whole(value: str) -> bool:
    """Whether its brackets and quotes close and no operator ends it."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "0", value)
    depth = 0
    for letter in bare:
        depth += (letter in "([{") - (letter in ")]}")
        if depth < 0:
            return False
    return depth == 0 and '"' not in bare and not re.search(r"(?:&&|\|\||[=<>!+*/%-]|==|[<>]=|[=!]=)\s*$", bare)


def _better(field: str, value: str) -> str:
    """The same as condor_submit reads it; empty where that cannot be told."""
    bare = value.partition("#")[0].strip().lstrip("=").strip()
    if field in ("memory", "disk"):
        bare = re.sub(r"(?<=[kmgtKMGT])i[bB]?$", "B", bare)
        return bare if size(bare) is not None else ""
    if re.fullmatch(r"\d{1,12}", bare):
        return bare
    if field != "time" or not re.search(r"[:hms]", bare):
        return ""
    try:
        seconds = parse_duration(bare)
    except InputError:
        return ""
    return str(seconds) if seconds else ""


def outputs(asked: Sequence[Option], table: Table, *, many: bool) -> Iterator[Output]:
    """Files that are opened for the job, each as it is said last."""
    last = {{"stdout": "output", "stderr": "error"}.get(one.name, one.name): one for one in asked}
    start = filled(last["initialdir"].value or "", table) if "initialdir" in last else ""
    for name in ("output", "error", "log"):
        option = last.get(name)
        path = filled(option.value or "", table, keep=True) if option else None
        if not option or not path or path == "/dev/null":
            continue
        folder, _, _ = path.rpartition("/")
        folder = "/" if path.startswith("/") and not folder else folder
        macros = re.findall(r"\$\(([\w.]+)[:)]|(\$\$?\w*\()", path)
        variable = _VARIABLE.search(path)
        inside = re.findall(r"\$\(([\w.]+)[:)]|(\$\$?\w*\()", folder)
        # A folder for each process may well be there; one with the number of the cluster cannot be.
        fresh = bool(inside) and all(one.lower() in CLUSTER for one, _ in inside)
        where: str | None = folder
        if inside or (start is None and not path.startswith("/")):
            where = None
        elif start and not path.startswith("/"):
            where = posixpath.join(start, folder) if folder else start
        yield Output(
            option=Option(name, option.value, option.span),
            path=option.value or "",
            folder=where,
            fresh=fresh,
            literal=variable[0] if variable else "",
            instead=_VARIABLE.sub(_environment, option.value or "") if variable else None,
            shared_by_tasks=many and name != "log" and all(one.lower() in CLUSTER for one, _ in macros),
        )


def _environment(match: re.Match[str]) -> str:
    return f"$ENV({match[1] or match[2] or 'HOME'})"


def write(name: str, value: str | None) -> str:
    """See `Engine.write_option`."""
    name = _WRITTEN.get(name, name)
    said = value or ""
    known = name in KEYWORDS or re.fullmatch(r"my\.[a-z_]\w*", name, re.ASCII)
    if not known or not said.strip() or re.search(r"[\x00-\x1f\x7f\ud800-\udfff]|\\\s*$", said):
        raise InputError(
            tr("HTCondor has no line for {name} {value!r}", name=name, value=value),
            hint=tr("see `man condor_submit`"),
        )
    if name == "accounting_group":
        said = plain(said, "account")
    elif FIELDS.get(name) == "time" and not re.fullmatch(r"\d+", said):
        said = str(parse_duration(said) or 0)
    return f"{name} = {said}"
