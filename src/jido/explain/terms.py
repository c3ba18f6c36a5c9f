"""The field's words: what each means, and what it is on this cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jido.errors import NotFound, nearest
from jido.explain.cluster import gpus, limit_words
from jido.explain.page import Page, section
from jido.explain.speech import Speech
from jido.explain.volume import quota_words
from jido.model.capacity import capacity, takes_jobs
from jido.model.map import Map, Partition
from jido.model.units import human_size
from jido.words import LANGUAGES, tr


def term_key(word: str) -> str:
    """The key of a word, by any of its names in any language.

    Raises:
        NotFound: It is none of them; suggests the nearest.
    """
    names = {
        _plain(name): key
        for lang in LANGUAGES
        for key, term in Speech(lang).terms().items()
        for name in (key, term["name"], *term["also"])
    }
    key = names.get(_plain(word)) or names.get(_plain(word).removesuffix("s"))
    if key is None:
        raise NotFound(tr("there is no explanation of {word!r}", word=word), hint=nearest(_plain(word), names))
    return key


def _plain(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").replace("-", " ").split())


def explain_term(word: str, map_: Map | None, speech: Speech) -> Page:
    """What a word means, and what it is on a cluster.

    Args:
        word: Any name of it, in any language.
        map_: The cluster; None explains it in general.
        speech: The language.

    Raises:
        NotFound: It is no word of the field.
    """
    key = term_key(word)
    term = speech.terms()[key]
    sections = []
    if map_ is not None:
        here = list(HERE[key](map_, speech)) if key in HERE else []
        if here:
            sections.append(section(speech.say("term.here", name=map_.name), *here))
    see = [speech.terms()[other]["name"] for other in term.get("see", ())]
    if see:
        sections.append(section(speech.say("term.see"), ", ".join(see)))
    return Page(term["name"], (term["text"],), tuple(sections), speech.lang)


def _cluster(map_: Map, speech: Speech) -> Iterator[str]:
    total = capacity(map_)
    if total.nodes:
        has = gpus(total, speech) if total.gpus else speech.say("cluster.no_gpu")
        yield speech.say("cluster.size", nodes=speech.count(total.nodes, "node"), cpus=total.cpus, gpus=has)


def _type(map_: Map, speech: Speech) -> Iterator[str]:
    if map_.type.value.value:
        yield speech.say("here.type", types=", ".join(map_.type.value.value))
    else:
        yield speech.say("here.type_unknown", why=map_.type.value.why)
    yield from map_.type.evidence


def _of_type(name: str) -> Callable[[Map, Speech], Iterator[str]]:
    def here(map_: Map, speech: Speech) -> Iterator[str]:
        if not map_.type.value.is_known:
            yield from _type(map_, speech)
        elif name in (map_.type.value.value or ()):
            yield speech.say("here.is_type", name=map_.name)
            yield from map_.type.evidence
        else:
            yield speech.say("here.other_type", types=", ".join(map_.type.value.value or ()))

    return here


def _nodes(map_: Map, speech: Speech) -> Iterator[str]:
    for group in map_.instance.nodes[:8]:
        has = gpus({gpu.model or "": gpu.count for gpu in group.gpus}, speech) if group.gpus else ""
        parts = [speech.count(group.cpus, "cpu"), speech.say("unit.memory", size=human_size(group.memory)), has]
        yield f"{group.names}: {', '.join(filter(None, parts))}"
    if len(map_.instance.nodes) > 8:
        yield speech.say("here.more_nodes", n=len(map_.instance.nodes) - 8, name=map_.name)
    if not map_.instance.nodes:
        yield speech.say("here.no_nodes")


def _login(map_: Map, speech: Speech) -> Iterator[str]:
    for host in map_.instance.login:
        if host.user.value and host.home.value:
            yield speech.say("login.yours", host=host.name, user=host.user.value, home=host.home.value)
        else:
            yield speech.say("login.name", host=host.name)
        if host.cpus.is_known:
            yield speech.say("here.login_size", cpus=host.cpus.value, memory=human_size(host.memory.value))
        if host.gpus.state == "absent":
            yield speech.say("here.login_no_gpu")


def _engine(map_: Map, speech: Speech) -> Iterator[str]:
    engine = map_.scheduling.engine
    if engine.is_known:
        yield speech.say("here.engine", engine=" ".join(filter(None, (engine.value, map_.scheduling.version.value))))
    elif engine.state == "absent":
        yield speech.say("here.no_engine", name=map_.name)
    else:
        yield speech.say("here.unknown", why=engine.why or "-")


def _partitions(map_: Map, speech: Speech) -> Iterator[str]:
    rows = map_.scheduling.partitions
    if not rows.is_known:
        yield from _not_known(rows.state, rows.why, speech)
        return
    yield speech.say(
        "here.partitions", n=len(rows.value or ()), names=speech.listed(row.name for row in rows.value or ())
    )
    default = next((row.name for row in rows.value or () if row.default), None)
    if default:
        yield speech.say("here.default_partition", name=default)
    verdicts = map_.scheduling.access.value or ()
    if verdicts:
        open_ = [access.partition for access in verdicts if access.verdict == "open"]
        yield speech.say("here.open_partitions", n=len(open_), names=speech.listed(open_) or "-")


def _not_known(state: str, why: str, speech: Speech) -> Iterator[str]:
    yield speech.say("here.none") if state == "absent" else speech.say("here.unknown", why=why or "-")


def _qos(map_: Map, speech: Speech) -> Iterator[str]:
    fact = map_.scheduling.qos
    if fact.value:
        yield speech.say("here.qos", names=speech.listed(fact.value))
    elif not fact.is_known:
        yield from _not_known(fact.state, fact.why, speech)
    for rule in map_.scheduling.qos_rules.value or ():
        bounds = limit_words(rule.per_user, speech)
        if bounds and (not fact.value or rule.name in fact.value):
            yield f"{rule.name}: {speech.say('limits.per_user', bounds=', '.join(bounds))}"


def _accounts(map_: Map, speech: Speech) -> Iterator[str]:
    fact = map_.scheduling.accounts
    if fact.value:
        yield speech.say("limits.accounts", accounts=speech.listed(fact.value))
    else:
        yield from _not_known(fact.state, fact.why, speech)


def _associations(map_: Map, speech: Speech) -> Iterator[str]:
    for row in (map_.scheduling.associations.value or ())[:8]:
        if row.user or not map_.scheduling.associations.value:
            qos = speech.listed(row.qos) or "-"
            yield speech.say("here.association", account=row.account, partition=row.partition or "*", qos=qos)
    if not map_.scheduling.associations.is_known:
        yield from _accounts(map_, speech)


def _gpus(map_: Map, speech: Speech) -> Iterator[str]:
    total = capacity(map_)
    if not total.gpus:
        yield speech.say("here.no_gpu")
        return
    yield speech.say("here.gpus", gpus=gpus(total, speech))
    sizes = {
        gpu.model or "GPU": gpu.memory.value
        for group in map_.instance.nodes
        for gpu in group.gpus
        if gpu.memory.value
    }
    for model, size in sorted(sizes.items()):
        yield speech.say("here.gpu_memory", model=model, size=human_size(size))
    if map_.now.nodes.is_known:
        yield speech.say("here.free_gpus", n=total.free_gpus)


def _jobs(map_: Map, speech: Speech) -> Iterator[str]:
    if map_.now.queue.is_known:
        queue = map_.now.queue.value or ()
        waiting = sum(job.state == "pending" for job in queue)
        yield speech.say("here.jobs", n=len(queue), waiting=waiting)


def _pending(map_: Map, speech: Speech) -> Iterator[str]:
    for job in map_.now.queue.value or ():
        if job.state == "pending":
            yield f"{job.id} {job.name}: {job.reason or '-'}"


def _times(map_: Map, speech: Speech) -> Iterator[str]:
    for row in (map_.scheduling.partitions.value or ())[:12]:
        default = speech.span(row.default_time) if row.default_time is not None else "-"
        yield speech.say("here.time", name=row.name, most=speech.span(row.max_time), default=default)


def _setting(key: str, sentence: str) -> Callable[[Map, Speech], Iterator[str]]:
    def here(map_: Map, speech: Speech) -> Iterator[str]:
        value = (map_.scheduling.settings.value or {}).get(key)
        if value:
            yield speech.say(sentence, value=value)

    return here


def _preemption(map_: Map, speech: Speech) -> Iterator[str]:
    rows: tuple[Partition, ...] = map_.scheduling.partitions.value or ()
    names = [row.name for row in rows if row.preempt.lower() not in ("off", "")]
    if rows:
        yield speech.say("here.preempt", names=speech.listed(names)) if names else speech.say("here.no_preempt")


def _reservations(map_: Map, speech: Speech) -> Iterator[str]:
    fact = map_.scheduling.control.reservations
    for row in fact.value or ():
        yield f"{row.name}: {row.nodes or '-'} {','.join(row.flags)}".rstrip()
    if not fact.value:
        yield from _not_known("absent" if fact.is_known else fact.state, fact.why, speech)


def _drained(map_: Map, speech: Speech) -> Iterator[str]:
    fact = map_.now.nodes
    out = [node for node in fact.value or () if not takes_jobs(node)]
    for node in out[:12]:
        yield f"{node.name}: {' '.join((node.state, *node.flags))}" + (f" ({node.reason})" if node.reason else "")
    if fact.is_known and not out:
        yield speech.say("here.all_up")


def _control(map_: Map, speech: Speech) -> Iterator[str]:
    control = map_.scheduling.control
    for host, state in (control.controllers.value or {}).items():
        yield speech.say("here.controller", host=host, state=state)
    if not control.controllers.is_known:
        yield from _not_known(control.controllers.state, control.controllers.why, speech)
    yield from _accounting(map_, speech)


def _accounting(map_: Map, speech: Speech) -> Iterator[str]:
    fact = map_.scheduling.accounting
    if fact.is_known:
        yield speech.say("here.accounting" if fact.value else "limits.no_accounting")
    else:
        yield from _not_known(fact.state, fact.why, speech)


def _tier(name: str) -> Callable[[Map, Speech], Iterator[str]]:
    def here(map_: Map, speech: Speech) -> Iterator[str]:
        rows = [volume for volume in map_.storage.volumes if volume.tier.value == name]
        for volume in rows:
            free = map_.now.free.get(volume.path)
            sizes = speech.say("path.size", size=human_size(volume.size.value), free=human_size(free))
            known = volume.size.is_known or free is not None
            yield " ".join(filter(None, (f"{volume.path}:", sizes if known else "", volume.note))).rstrip(":")
        if not rows:
            yield speech.say("here.no_tier", name=map_.name)

    return here


def _volumes(map_: Map, speech: Speech) -> Iterator[str]:
    for volume in map_.storage.volumes:
        if volume.tier.value != "system":
            yield f"{volume.path}: {volume.tier.value or '?'}"


def _told(field: str) -> Callable[[Map, Speech], Iterator[str]]:
    def here(map_: Map, speech: Speech) -> Iterator[str]:
        known = False
        for volume in map_.storage.volumes:
            fact = getattr(volume, field)
            if fact.is_known:
                known = True
                words = quota_words(volume, map_, speech) if field == "quota" else fact.value
                yield f"{volume.path}: {words}"
        if not known:
            yield speech.say(f"here.{field}_unknown", name=map_.name)

    return here


def _shared(map_: Map, speech: Speech) -> Iterator[str]:
    for volume in map_.storage.volumes:
        if volume.tier.value != "system":
            key = {True: "path.shared", False: "path.node_local"}.get(volume.shared.value, "path.shared_unknown")  # type: ignore[arg-type]
            yield f"{volume.path}: {speech.say(key)}"


def _network(map_: Map, speech: Speech) -> Iterator[str]:
    fact = map_.instance.interconnect
    yield from fact.value or ()
    if not fact.is_known:
        yield from _not_known(fact.state, fact.why, speech)


def _tools(*names: str) -> Callable[[Map, Speech], Iterator[str]]:
    def here(map_: Map, speech: Speech) -> Iterator[str]:
        fact = map_.instance.software
        there = [name for name in names if name in (fact.value or {})]
        if there:
            yield speech.say("here.tools", names=", ".join(there))
        elif fact.is_known:
            yield speech.say("here.no_tools", names=", ".join(names))
        else:
            yield from _not_known(fact.state, fact.why, speech)

    return here


HERE: dict[str, Callable[[Map, Speech], Iterator[str]]] = {
    "cluster": _cluster,
    "type": _type,
    "node": _nodes,
    "compute-node": _nodes,
    "login-node": _login,
    "engine": _engine,
    "partition": _partitions,
    "qos": _qos,
    "account": _accounts,
    "association": _associations,
    "gres": _gpus,
    "gpu": _gpus,
    "job": _jobs,
    "pending": _pending,
    "time-limit": _times,
    "array": _setting("MaxArraySize", "here.array"),
    "priority": _setting("PriorityType", "here.priority"),
    "preemption": _preemption,
    "reservation": _reservations,
    "drain": _drained,
    "control-plane": _control,
    "accounting": _accounting,
    "volume": _volumes,
    "tier": _volumes,
    "shared": _shared,
    "quota": _told("quota"),
    "backup": _told("backup"),
    "purge": _told("purge"),
    "interconnect": _network,
    "module": _tools("module"),
    "container": _tools("apptainer", "singularity", "enroot", "podman", "docker", "charliecloud", "udocker"),
    **{name: _tier(name) for name in ("home", "work", "scratch", "local", "datasets", "object")},
    **{name: _of_type(name) for name in ("hpc", "htc", "bigdata", "storage", "kubernetes", "hybrid")},
}
