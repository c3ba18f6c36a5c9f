"""A cluster for somebody who has just been given an account on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jido.engines.base import Engine
from jido.errors import InputError
from jido.explain.page import Line, Page, section
from jido.explain.speech import Speech
from jido.explain.volume import brief
from jido.model.capacity import Capacity, capacity
from jido.model.limits import Access, Limits
from jido.model.map import Map, Partition, Volume
from jido.model.nodeset import expand
from jido.model.units import human_size

TIERS = ("home", "work", "scratch", "local", "datasets", "object")
# More partitions than a beginner can choose from; `jido show` lists all of them.
_MOST = 12


def explain_cluster(map_: Map, speech: Speech, kinds: Mapping[str, str], engine: Engine | None = None) -> Page:
    """What the cluster is, where one lands, where to put what, where to queue what, and what not to do.

    Args:
        map_: The cluster's map.
        speech: The language.
        kinds: Storage kind of each volume, by path.
        engine: What runs jobs there; None where there is none, or none that is installed here.
    """
    apart = _login_apart(map_, engine)
    sections = (
        section(speech.say("cluster.login"), *_login(map_, speech, engine, apart=apart)),
        section(speech.say("cluster.put"), *_put(map_, speech, kinds, apart=apart)),
        section(speech.say("cluster.queue"), *_queue(map_, speech)),
        section(speech.say("cluster.limits"), *_limits(map_, speech)),
        section(speech.say("cluster.dont"), *_dont(map_, speech, apart=apart)),
        section(speech.say("cluster.house"), *map_.notes),
        section(speech.say("cluster.first"), *_first(map_, speech)),
    )
    return Page(map_.name, tuple(_intro(map_, speech)), tuple(part for part in sections if part.lines), speech.lang)


def gpus(sums: Capacity | Mapping[str, int], speech: Speech) -> str:
    """GPUs in words: ``62 GPUs (rtx3090)``."""
    by_model = sums.gpus if isinstance(sums, Capacity) else sums
    count = sum(by_model.values())
    models = sorted(model for model in by_model if model)
    return speech.count(count, "gpu") + (f" ({speech.listed(models, 4)})" if models else "")


def partition_nodes(row: Partition) -> list[str]:
    """The nodes of a partition; none where they cannot be read."""
    try:
        return expand(row.nodes)
    except InputError:
        return []


def _intro(map_: Map, speech: Speech) -> Iterator[str]:
    if map_.purpose:
        yield map_.purpose
    for value in map_.type.value.value or ():
        if speech.has(f"type.{value}"):
            yield speech.say(f"type.{value}")
    if not map_.type.value.is_known:
        yield speech.say("cluster.type_unknown")
    if map_.instance.nodes:
        total = capacity(map_)
        has = gpus(total, speech) if total.gpus else speech.say("cluster.no_gpu")
        yield speech.say("cluster.size", nodes=speech.count(total.nodes, "node"), cpus=total.cpus, gpus=has)
        estimates = any(group.by == "estimate" for group in map_.instance.nodes)
        if estimates:
            yield speech.say("cluster.estimates")


def _login_apart(map_: Map, engine: Engine | None) -> bool:
    """Whether jobs run on other machines than the one that is logged in to, as nearly everywhere."""
    return engine is None or engine.capabilities(map_.scheduling).login_apart.can


def _login(map_: Map, speech: Speech, engine: Engine | None, *, apart: bool) -> Iterator[Line | str]:
    name = map_.scheduling.engine.value
    if not name:
        yield speech.say("login.no_engine")
    elif apart:
        yield speech.say("login.what", engine=engine.title if engine else name.capitalize())
    else:
        yield speech.say("login.only")
    for host in map_.instance.login:
        user, home = host.user.value, host.home.value
        if user and home:
            yield speech.say("login.yours", host=host.name, user=user, home=home)
        else:
            yield speech.say("login.name", host=host.name)
        if host.gpus.state == "absent" and any(group.gpus for group in map_.instance.nodes):
            yield speech.say("login.no_gpu")


def _put(map_: Map, speech: Speech, kinds: Mapping[str, str], *, apart: bool) -> Iterator[Line | str]:
    volumes = [volume for volume in map_.storage.volumes if volume.tier.value in TIERS]
    for volume in sorted(volumes, key=lambda one: (TIERS.index(one.tier.value or ""), one.path)):
        text = speech.say(f"tier.{volume.tier.value}.use")
        yield Line(" ".join([text, *brief(volume, map_, speech)]), volume.path)
    others: list[Volume] = [one for one in map_.storage.volumes if not one.tier.is_known]
    if others:
        yield speech.say("cluster.other_volumes", paths=speech.listed(one.path for one in others))
    if apart and not any(volume.tier.value == "local" for volume in volumes):
        yield speech.say("cluster.local_unknown", name=map_.name)


def _queue(map_: Map, speech: Speech) -> Iterator[Line | str]:
    rows = map_.scheduling.partitions.value or ()
    verdicts = {access.partition: access for access in map_.scheduling.access.value or ()}

    def rank(row: Partition) -> tuple[bool, bool]:
        access = verdicts.get(row.name)
        return (not may_be_mine(row, map_, access), not row.default)

    for row in sorted(rows, key=rank)[:_MOST]:
        yield Line(" ".join(_partition(row, map_, speech, verdicts.get(row.name))), row.name)
    if len(rows) > _MOST:
        yield speech.say("queue.more", n=len(rows) - _MOST, name=map_.name)
    limited = [row for row in rows if row.max_time is not None and may_be_mine(row, map_, verdicts.get(row.name))]
    if len(limited) > 1:
        short = min(limited, key=lambda row: row.max_time or 0)
        long = max(limited, key=lambda row: row.max_time or 0)
        if short.max_time != long.max_time:
            yield speech.say("queue.choice", short=short.name, long=long.name)


def may_be_mine(row: Partition, map_: Map, access: Access | None) -> bool:
    """Whether a partition is open to me, as far as anybody knows."""
    if access is not None:
        return access.verdict == "open"
    accounts = map_.scheduling.accounts.value
    return not accounts or row.allow_accounts is None or bool({*accounts} & {*row.allow_accounts})


def _partition(row: Partition, map_: Map, speech: Speech, access: Access | None) -> Iterator[str]:
    sums = capacity(map_, partition_nodes(row))
    has = gpus(sums, speech) if sums.gpus else speech.say("cluster.no_gpu")
    long = speech.span(row.max_time) if row.max_time is not None else speech.say("unit.no_limit")
    yield speech.say("queue.row", time=long, nodes=speech.count(sums.nodes, "node"), gpus=has)
    if row.default:
        yield speech.say("queue.default")
    if row.state != "up":
        yield speech.say("queue.down", state=row.state)
    if row.preempt.lower() not in ("off", ""):
        yield speech.say("queue.preempt")
    if access is not None and access.verdict not in ("open", "down"):
        key = {"no access": "no_access", "refused": "refused"}.get(access.verdict, "not_established")
        yield speech.say(f"queue.{key}", words=access.words or "-")
    elif access is None and row.allow_accounts is not None:
        yield speech.say("queue.accounts", accounts=speech.listed(row.allow_accounts) or "-")


def limit_words(limits: Limits, speech: Speech) -> list[str]:
    """Bounds in words, those that there are."""
    words = []
    if limits.gpus is not None:
        words.append(speech.count(limits.gpus, "gpu"))
    words += [f"{count} x {model}" for model, count in sorted(limits.gpu_models.items())]
    if limits.cpus is not None:
        words.append(speech.count(limits.cpus, "cpu"))
    if limits.memory is not None:
        words.append(speech.say("unit.memory", size=human_size(limits.memory)))
    if limits.nodes is not None:
        words.append(speech.count(limits.nodes, "node"))
    if limits.jobs is not None:
        words.append(speech.count(limits.jobs, "running"))
    if limits.submit is not None:
        words.append(speech.count(limits.submit, "submitted"))
    if limits.wall is not None:
        words.append(speech.span(limits.wall))
    return words


def _limits(map_: Map, speech: Speech) -> Iterator[Line | str]:
    facts = map_.scheduling
    if facts.accounts.value:
        yield speech.say("limits.accounts", accounts=speech.listed(facts.accounts.value))
    mine = set(facts.qos.value or ())
    if mine:
        verdicts = {access.partition: access for access in facts.access.value or ()}
        rows = facts.partitions.value or ()
        mine |= {row.qos for row in rows if row.qos and may_be_mine(row, map_, verdicts.get(row.name))}
    for qos in facts.qos_rules.value or ():
        if mine and qos.name not in mine:
            continue
        if user := limit_words(qos.per_user, speech):
            yield Line(speech.say("limits.per_user", bounds=", ".join(user)), f"QoS {qos.name}")
        if job := limit_words(qos.per_job, speech):
            yield Line(speech.say("limits.per_job", bounds=", ".join(job)), f"QoS {qos.name}")
        if shared := limit_words(qos.in_all, speech):
            yield Line(speech.say("limits.shared", bounds=", ".join(shared)), f"QoS {qos.name}")
    for one in facts.associations.value or ():
        if bounds := limit_words(one.in_all, speech):
            key = "limits.per_user" if one.user else "limits.shared"
            yield Line(speech.say(key, bounds=", ".join(bounds)), one.account)
    if facts.accounting.is_known and not facts.accounting.value:
        yield speech.say("limits.no_accounting")


def _dont(map_: Map, speech: Speech, *, apart: bool) -> Iterator[Line | str]:
    if map_.scheduling.engine.is_known and apart:
        yield speech.say("dont.compute")
    home = next((one for one in map_.storage.volumes if one.tier.value == "home"), None)
    if home is not None:
        yield speech.say("dont.home", path=home.path)
    if any(one.tier.value in ("work", "scratch") and one.shared.value is not False for one in map_.storage.volumes):
        yield speech.say("dont.small_files")
    if any(group.gpus for group in map_.instance.nodes):
        yield speech.say("dont.idle_gpu")


def _first(map_: Map, speech: Speech) -> Iterator[Line | str]:
    gpu = " --gpus 1" if any(group.gpus for group in map_.instance.nodes) else ""
    yield Line(speech.say("first.run"), f"jido run --on {map_.name}{gpu} -- python train.py")
    yield Line(speech.say("first.ps"), "jido ps")
    yield Line(speech.say("first.show"), f"jido show {map_.name}")
