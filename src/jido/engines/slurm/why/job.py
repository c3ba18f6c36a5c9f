"""One job, from ``scontrol show job``: what it asks for, and the options of sbatch that ask for the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from jido.engines.slurm.nodes import tres, tres_gpus
from jido.engines.slurm.records import given, number, seconds
from jido.errors import InputError
from jido.model.units import parse_size, slurm_duration
from jido.model.why import Request

_MIB = 1024**2
_COUNTS = re.compile(r"\d{1,9}(?:-\d{1,9})?")


def size(text: str | None) -> int | None:
    """Bytes of ``16G``, ``2048M`` or ``2048`` (MiB); None where it is not told."""
    plain = given(text)
    if not plain or len(plain) > 24:
        return None
    try:
        return parse_size(plain, "M")
    except (InputError, ValueError, OverflowError):
        return None


def per_gpu(text: str | None) -> int | None:
    """The number of ``gres:gpu:8`` (22.05) or ``gres/gpu:8``; of several kinds that for GPUs."""
    for part in given(text).split(","):
        words = re.split(r"[:/=]", part)
        if "gpu" in words and words[-1].isdecimal() and len(words[-1]) < 10:
            return int(words[-1])
    return None


def request(row: Mapping[str, str]) -> Request:
    """What the job asks for on each of its nodes."""
    asked = row.get("ReqTRES") or row.get("TRES")
    found = tres(asked)
    nodes = max(1, number(row.get("NumNodes")) or 1)
    models = tres_gpus(asked)
    gpus = -(-sum(models.values()) // nodes)
    cpus_per_gpu = per_gpu(row.get("CpusPerTres"))
    memory_per_gpu = per_gpu(row.get("MemPerTres"))
    memory = size(found.get("mem"))
    # A waiting job's TRES leave out what comes per GPU (22.05: one CPU).
    least = [number(row.get("NumCPUs")) or 1, (cpus_per_gpu or 0) * gpus * nodes]
    return Request(
        nodes=nodes,
        tasks=max(1, number(row.get("NumTasks")) or 1),
        cpus=max(1, -(-max(least) // nodes)),
        cpus_per_gpu=cpus_per_gpu,
        memory=memory_per_gpu * gpus * _MIB if memory_per_gpu else None if memory is None else -(-memory // nodes),
        gpus=gpus,
        gpu_model=_model(row, models),
        time=seconds(row.get("TimeLimit")),
        features=given(row.get("Features")),
        on=given(row.get("ReqNodeList")),
        not_on=given(row.get("ExcNodeList")),
    )


def _model(row: Mapping[str, str], models: Mapping[str, int]) -> str:
    for key in ("TresPerNode", "TresPerJob", "TresPerTask"):
        for part in given(row.get(key)).split(","):
            words = [word for word in re.split(r"[:/=]", part) if word != "gres"]
            if len(words) == 3 and words[0] == "gpu":
                return words[1]
    return next((model for model in models if model), "")


def options(row: Mapping[str, str]) -> tuple[str, ...]:
    """Options of sbatch that ask for what the job asks for, each one word."""
    return tuple(_options(row))


def _options(row: Mapping[str, str]) -> Iterator[str]:
    for name, key in (
        ("partition", "Partition"), ("account", "Account"), ("qos", "QOS"), ("constraint", "Features"),
        ("nodelist", "ReqNodeList"), ("exclude", "ExcNodeList"), ("reservation", "Reservation"),
        ("licenses", "Licenses"),
    ):  # fmt: skip
        if value := given(row.get(key)):
            yield f"--{name}={value}"
    for name, key in (("nodes", "NumNodes"), ("ntasks", "NumTasks")):
        if _COUNTS.fullmatch(value := row.get(key, "")):
            yield f"--{name}={value}"
    for name, key in (("gres", "TresPerNode"), ("gpus", "TresPerJob"), ("gpus-per-task", "TresPerTask")):
        kinds = [re.sub(r"^gres[:/]", "", part).replace("=", ":") for part in given(row.get(key)).split(",")]
        kinds = [kind for kind in kinds if kind and not kind.startswith(("cpu:", "mem:"))]
        if kinds and name != "gres":
            kinds = [kind.removeprefix("gpu:") for kind in kinds if kind.startswith("gpu:")]
        if kinds:
            yield f"--{name}={','.join(kinds)}"
    cpus = per_gpu(row.get("CpusPerTres"))
    task = number(row.get("CPUs/Task"))
    if cpus:
        yield f"--cpus-per-gpu={cpus}"
    elif task and task > 1:
        yield f"--cpus-per-task={task}"
    memory = per_gpu(row.get("MemPerTres"))
    if memory:
        yield f"--mem-per-gpu={memory}M"
    for name, key in (("mem", "MinMemoryNode"), ("mem-per-cpu", "MinMemoryCPU")):
        least = size(row.get(key))
        if least and not memory:
            yield f"--{name}={max(1, least // _MIB)}M"
    limit = seconds(row.get("TimeLimit"))
    if limit:
        yield f"--time={slurm_duration(limit)}"
    # Newer ones say so in a field of its own, and NO of every job where nodes are not shared by more than they have.
    if row.get("Exclusive", "NODE" if row.get("OverSubscribe") == "NO" else "NO") == "NODE":
        yield "--exclusive"
