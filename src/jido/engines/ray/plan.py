"""What a job cannot ask of Ray, and what the map knows against it; what is unknown never is."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

from jido.errors import InputError, Refused
from jido.model.batch import Objection
from jido.model.job import JobSpec, Resources
from jido.model.map import Map, NodeGroup
from jido.model.units import human_size
from jido.words import tr

HOME = "ray/cluster"
_RESOURCE = re.compile(r"[^\x00-\x20\x7f=\ud800-\udfff]{1,100}")


def plan(spec: JobSpec, map_: Map | None) -> tuple[JobSpec, tuple[str, ...]]:
    """See `Engine.plan`.

    Raises:
        Refused: No node of the cluster has what is asked for.
    """
    against = objections(spec.resources, map_) if map_ else ()
    if against:
        raise Refused(against[0].what, hint=against[0].next or tr("`jido show` tells what is there"))
    said = []
    if spec.resources.memory is not None:
        said.append("Ray only counts memory: it places the job where so much is left, and enforces nothing")
    return spec, tuple(said)


def check(want: Resources) -> None:
    """Refuse what Ray has no word for.

    Raises:
        InputError: Names it.
    """
    lacking = (
        (want.partition, "partitions", "leave it out, or name a custom resource with --constraint"),
        (want.account, "accounts", "leave it out"),
        (want.qos, "QoS", "leave it out"),
        (want.node, "jobs for a node by its name", "name a custom resource that the node has with --constraint"),
    )
    for value, what, hint in lacking:
        if value is not None:
            raise InputError(tr("Ray has no {what} ({value!r})", what=what, value=value), hint=hint)
    if want.nodes != 1:
        raise InputError(
            tr("the command of a Ray job runs on one node"),
            cause=tr("its own tasks and actors use the others: ray.init() in it finds the cluster"),
            hint=tr("leave --nodes out"),
        )
    for name, number in (("tasks", want.tasks), ("cpus", want.cpus), ("time", want.time)):
        if number is not None and number < 1:
            raise InputError(
                tr("{name} is {number}", name=name, number=number),
                hint=tr("{name} is a whole number from 1", name=name),
            )
    for what, word in (("custom resource", want.constraint), ("GPU model", want.gpu_model)):
        if word is not None and not _RESOURCE.fullmatch(word):
            raise InputError(
                tr("{word!r} is no {what} of Ray's", word=word, what=what),
                hint=tr("`jido show` lists what the nodes have"),
            )


def extras(options: Sequence[str]) -> dict[str, float]:
    """Amounts of custom resources, as ``NAME=AMOUNT``.

    Raises:
        InputError: One is something else.
    """
    found = {}
    for option in options:
        name, _, amount = option.rpartition("=")
        try:
            count = float(amount)
        except ValueError:
            count = math.nan
        if not _RESOURCE.fullmatch(name) or not 0 < count < 1e15:
            raise InputError(
                tr("{option!r} is no amount of a custom resource", option=option),
                hint=tr("write it as NAME=AMOUNT: tpu=2"),
            )
        if name in ("CPU", "GPU", "memory", "object_store_memory"):
            raise InputError(
                tr("{option!r} cannot be passed on to Ray", option=option), hint=tr("use --cpus, --gpus or --memory")
            )
        found[name] = count
    return found


def objections(want: Resources, map_: Map) -> tuple[Objection, ...]:
    """See `Engine.objections`."""
    return tuple(_objections(want, map_))


def _objections(want: Resources, map_: Map) -> Iterator[Objection]:
    groups = [one for one in map_.instance.nodes if one.role == "compute" and one.by == HOME]
    if not groups:
        return
    if want.nodes > 1:
        yield Objection("nodes", "the command of a Ray job runs on one node", "leave --nodes out")
    elif not any(_holds(one, want) for one in groups):
        memory = f", {human_size(want.memory)} of memory" if want.memory else ""
        model = f" {want.gpu_model}" if want.gpu_model else ""
        needs = f" and the resource {want.constraint}" if want.constraint else ""
        asked = f"{(want.cpus or 1) * want.tasks} CPUs, {want.gpus}{model} GPUs{memory}{needs}"
        yield Objection("size", f"no node of {map_.name} has {asked}", waits=True)


def _holds(one: NodeGroup, want: Resources) -> bool:
    models = {gpu.model for gpu in one.gpus}
    return (
        (want.cpus or 1) * want.tasks <= one.cpus
        and want.gpus <= sum(gpu.count for gpu in one.gpus)
        and (not want.gpu_model or want.gpu_model in models)
        and (want.memory is None or one.memory is None or want.memory <= one.memory)
        and (want.constraint is None or want.constraint in one.features)
    )
