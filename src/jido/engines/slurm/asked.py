"""What the options of a batch script ask for, in the words of jido's own jobs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from jido.errors import InputError
from jido.model.batch import Flaw, Option, Output
from jido.model.job import Resources
from jido.model.units import parse_duration, parse_size

# What sbatch puts into file names, and the variable of the same meaning that it does not expand there.
_PATTERNS = {
    "USER": "%u", "LOGNAME": "%u", "SLURM_JOB_ID": "%j", "SLURM_JOBID": "%j", "SLURM_JOB_NAME": "%x",
    "SLURM_ARRAY_TASK_ID": "%a", "SLURM_ARRAY_JOB_ID": "%A", "SLURMD_NODENAME": "%N", "HOSTNAME": "%N",
    "SLURM_NODEID": "%n", "HOME": "{home}",
}  # fmt: skip
# No limit, where a number of seconds is wanted: a hundred years.
_ENDLESS = 36500 * 86400
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+)|\([^)]*\)|\{[^}]*\})|`[^`]*`")
_FIELDS = {
    "partition": "partition", "account": "account", "qos": "qos", "constraint": "constraint", "nodelist": "node",
    "time": "time", "nodes": "nodes", "ntasks": "tasks", "ntasks-per-node": "tasks", "cpus-per-task": "cpus",
    "cpus-per-gpu": "cpus_per_gpu", "mem": "memory", "mem-per-cpu": "memory", "mem-per-gpu": "memory_per_gpu",
    "gres": "gpus", "gpus": "gpus", "gpus-per-node": "gpus", "gpus-per-task": "gpus", "exclusive": "cpus",
}  # fmt: skip
# How a field is written.
OPTION_OF = {
    "cpus": "cpus-per-task", "memory": "mem", "cpus_per_gpu": "cpus-per-gpu", "memory_per_gpu": "mem-per-gpu",
    "tasks": "ntasks-per-node", "node": "nodelist",
}  # fmt: skip
# Verified on 22.05: `--mem, --mem-per-cpu, and --mem-per-gpu are mutually exclusive`, `--cpus-per-gpu is mutually
# exclusive with --cpus-per-task`.
_CLASHES = (("mem", "mem-per-cpu", "mem-per-gpu"), ("cpus-per-gpu", "cpus-per-task"))


class Asked(msgspec.Struct, frozen=True):
    """See the fields of `Script`."""

    resources: Resources
    said: dict[str, Option]
    gpus_in_all: int | None
    per_task: bool
    flaws: tuple[Flaw, ...]


def asked(read: Sequence[Option]) -> Asked:
    """What these options ask for; the last of a name counts."""
    last = {option.name: option for option in read}
    values: dict[str, Any] = {}
    flaws: list[Flaw] = []
    for name, option in last.items():
        if option.value is None or name not in _READERS:
            continue
        try:
            values[name] = _READERS[name](option.value)
        except (InputError, ValueError, OverflowError):
            what = f"`{option.value}` is no value for --{name}; {_WANTED[name]}"
            flaws.append(Flaw("bad value", option.span, what, instead=_mended(name, option.value)))
    for group in _CLASHES:
        both = [last[name] for name in group if name in last]
        if len(both) > 1:
            names = " and ".join(f"--{option.name}" for option in both)
            flaws.append(Flaw("clash", both[-1].span, f"{names} exclude each other"))
    said = {field: last[name] for name, field in _FIELDS.items() if name in last}
    nodes = values.get("nodes")
    ntasks, per_node = values.get("ntasks"), values.get("ntasks-per-node")
    tasks = per_node or (-(-ntasks // nodes) if ntasks and nodes else 1)
    gpus, model, in_all = _gpus(values, nodes, ntasks or (per_node or 1) * (nodes or 1))
    memory = values.get("mem") or None
    if values.get("mem-per-cpu") and "mem" not in values:
        memory = values["mem-per-cpu"] * (values.get("cpus-per-task") or 1) * tasks
    node = last["nodelist"].value if "nodelist" in last else None
    resources = Resources(
        cpus=values.get("cpus-per-task"),
        gpus=gpus,
        gpu_model=model,
        memory=memory,
        cpus_per_gpu=values.get("cpus-per-gpu"),
        memory_per_gpu=values.get("mem-per-gpu"),
        time=values.get("time"),
        nodes=nodes or 1,
        tasks=tasks,
        partition=_text(last, "partition"),
        account=_text(last, "account"),
        qos=_text(last, "qos"),
        constraint=_text(last, "constraint"),
        node=node if node and re.fullmatch(r"[\w.-]+", node) else None,
        extra=tuple(f"--{name}" for name in ("reservation",) if name in last),
    )
    several = (ntasks or 1) > 1 or (per_node or 1) > 1
    return Asked(resources, said, in_all, several, tuple(flaws))


def _text(last: Mapping[str, Option], name: str) -> str | None:
    return (last[name].value or None) if name in last else None


def _gpus(values: Mapping[str, Any], nodes: int | None, tasks: int) -> tuple[int, str | None, int | None]:
    """GPUs of each node, their model, and in all where the number of nodes is open."""
    if "gpus" in values:
        count, model = values["gpus"]
        return (-(-count // nodes) if nodes else 0), model, None if nodes else count
    if "gpus-per-task" in values:
        count, model = values["gpus-per-task"]
        return (-(-count * tasks // nodes) if nodes else 0), model, None if nodes else count * tasks
    count, model = values.get("gpus-per-node") or values.get("gres") or (0, None)
    return count, model, None


def _time(text: str) -> int:
    # What Slurm reads, not what people may write to jido: 2h is refused.
    if not re.fullmatch(r"(\d+-)?\d+(:\d+)?(:\d+)?|\d+-|(?i:infinite|unlimited)|-1", text):
        raise ValueError(text)
    if text == "-1":
        return _ENDLESS
    # No limit at all is what 0 means there (tried on 22.05: refused where the partition has one).
    return parse_duration(text.rstrip("-") + ("-0" if text.endswith("-") else "")) or _ENDLESS


def _size(text: str) -> int:
    if not re.fullmatch(r"\d+[KMGTkmgt]?[Bb]?", text) or re.fullmatch(r"\d+[Bb]", text):
        raise ValueError(text)
    return parse_size(text, "M")


def _count(text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text) or int(text) < 1:
        raise ValueError(text)
    return int(text)


def _nodes(text: str) -> int | None:
    match = re.fullmatch(r"(\d{1,9})[kKmM]?(?:-(\d{1,9})[kKmM]?)?", text)
    if match is None:
        # Newer ones take lists and steps; only what has no digit at all is certainly nothing.
        if re.search(r"\d", text):
            return None
        raise ValueError(text)
    return int(match[1]) or None


def _gpu(text: str) -> tuple[int, str | None]:
    """``2``, ``rtx3090:2``, ``rtx3090`` and lists of them, as --gpus has them."""
    total, models = 0, []
    for part in text.split(","):
        model, _, count = part.rpartition(":")
        if not re.fullmatch(r"\d{1,6}", count):
            model, count = part, "1"
        if ":" in model:
            raise ValueError(text)
        total += int(count)
        models.append(model)
    return total, models[0] or None


def _gres(text: str) -> tuple[int, str | None]:
    if text.lower() == "none":
        return 0, None
    found = [part for part in text.split(",") if re.match(r"(?:gres[:/])?gpu(?::|$)", part)]
    wrong = [part for part in text.split(",") if re.match(r"gpus?(=|$)|gpus:|GPU", part) and part != "gpu"]
    if wrong:
        raise ValueError(text)
    counts = [_gpu(re.sub(r"^(?:gres[:/])?gpu:?", "", part) or "1") for part in found]
    # Named twice is asked for once more: the last one counts for what is checked here.
    return counts[-1] if counts else (0, None)


_READERS = {
    "time": _time, "mem": _size, "mem-per-cpu": _size, "mem-per-gpu": _size, "nodes": _nodes, "ntasks": _count,
    "ntasks-per-node": _count, "cpus-per-task": _count, "cpus-per-gpu": _count, "gpus": _gpu,
    "gpus-per-node": _gpu, "gpus-per-task": _gpu, "gres": _gres,
}  # fmt: skip
_NUMBER = "it is a whole number from 1"
_GPUS = "write 2, or rtx3090:2 with the type"
_WANTED = {
    "time": "write minutes, 4:00:00 or 6-00:00:00 (days-hours)",
    "mem": "write a whole number with M, G or T: 29G", "mem-per-cpu": "write a whole number with M, G or T: 4G",
    "mem-per-gpu": "write a whole number with M, G or T: 29G", "nodes": "write 2, or 2-4 for a range",
    "ntasks": _NUMBER, "ntasks-per-node": _NUMBER, "cpus-per-task": _NUMBER, "cpus-per-gpu": _NUMBER,
    "gpus": _GPUS, "gpus-per-node": _GPUS, "gpus-per-task": _GPUS, "gres": "write gpu:2, or gpu:rtx3090:2",
}  # fmt: skip


def _mended(name: str, text: str) -> str:
    """The option as it was probably meant; empty where that cannot be told."""
    try:
        if name == "time" and re.search(r"[dhms]", text, re.IGNORECASE):
            seconds = parse_duration(text.lower())
            if seconds:
                days, rest = divmod(-(-seconds // 60) * 60, 86400)
                clock = f"{rest // 3600:02d}:{rest % 3600 // 60:02d}:00"
                return f"--time={days}-{clock}" if days else f"--time={clock}"
        if name.startswith("mem") and (match := re.fullmatch(r"(\d+(?:\.\d+)?) ?([KMGT])(?:i?B?)", text, re.I)):
            size = parse_size(match[1] + match[2])
            return f"--{name}={-(-size // 1024**2)}M"
        if name == "gres" and (match := re.fullmatch(r"gpus?[:=](?:(\w+)[:=])?(\d+)", text, re.IGNORECASE)):
            return f"--gres=gpu:{match[1] + ':' if match[1] else ''}{match[2]}"
    except InputError:
        pass
    return ""


def outputs(read: Sequence[Option]) -> tuple[Output, ...]:
    """Where stdout and stderr go, when the options say it."""
    last = {option.name: option for option in read}
    name = last["job-name"].value if "job-name" in last else None
    start = last["chdir"].value if "chdir" in last else None
    return tuple(_outputs(last, name, start))


def _outputs(last: Mapping[str, Option], job: str | None, start: str | None) -> Iterator[Output]:
    for key in ("output", "error"):
        option = last.get(key)
        if option is None or not option.value or option.value == "none":
            continue
        path = option.value
        found = _VARIABLE.search(path)
        literal = found[0] if found else re.match(r"~[\w.-]*(?=/|$)", path)
        literal = literal if isinstance(literal, str) else literal[0] if literal else ""
        folder, fresh = _folder(path, job, start) if not literal else (None, False)
        pattern = re.search(r"%\d*[aAjJ]", path)
        yield Output(
            option=option,
            path=path,
            folder=folder,
            fresh=fresh,
            literal=literal,
            instead=_expanded(path) if literal else None,
            shared_by_tasks="array" in last and pattern is None,
        )


def _folder(path: str, job: str | None, start: str | None) -> tuple[str | None, bool]:
    """The folder that has to be there, and whether it holds the job's own number."""
    folder = path.rpartition("/")[0] if "/" in path[1:] else ("/" if path.startswith("/") else "")
    fresh = bool(re.search(r"%\d*[jJAas]", folder))
    if job:
        folder = folder.replace("%x", job)
    folder = folder.replace("%u", "{user}")
    if "%" in folder or "\\" in folder:
        return None, fresh
    if start and not folder.startswith("/"):
        folder = f"{start.rstrip('/')}/{folder}" if folder else start
    return folder, fresh


def _expanded(path: str) -> str | None:
    """The path in what sbatch does expand; None where it has nothing for it."""
    if path.startswith("~") and not re.match(r"~(/|$)", path):
        return None
    path = re.sub(r"^~(?=/|$)", "{home}", path)
    missing = False

    def one(match: re.Match[str]) -> str:
        nonlocal missing
        pattern = _PATTERNS.get(match[1] or match[2] or "")
        missing = missing or pattern is None
        return pattern or ""

    path = _VARIABLE.sub(one, path)
    return None if missing else path
