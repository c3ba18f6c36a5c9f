"""Maps of clusters that nobody has, for hypothesis: whatever a real cluster's map may hold and a twin can carry.

::

    @given(slurm_maps())
    def test_of_mine(map_: Map) -> None: ...
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from jido.model.facts import Fact, absent, known
from jido.model.limits import NO_LIMITS, Association, Limits, Qos
from jido.model.map import (
    UNSEEN,
    Bytes,
    Gpu,
    Host,
    Instance,
    Map,
    NodeGroup,
    NodeNow,
    Now,
    Partition,
    Scheduling,
    Seconds,
    Storage,
    Volume,
)
from jido.model.nodeset import expand, fold
from jido.model.quota import Quota

_MIB = 1024**2
_STEMS = ("n", "aurora-g", "GPU-Node-", "r1c2-n", "a-0-", "x86-64-", "tux", "n0x")
_MODELS = ("rtx3090", "a100", "nvidia_a100_80gb_pcie", "gtx_1080_ti", "h100-sxm5", "1g.5gb", "A6000")
_WORDS = ("fast", "ib", "intel", "avx512", "rack_1", "gen-2", "v2.0", "A100", "80g", "ssd+hdd")
_QUEUES = ("debug", "batch", "GPU", "long-run", "lab_vll", "batch.2024", "0800", "a100+h100", "all")
_ACCOUNTS = ("ugrad", "grad", "lab-vll", "cs_2024", "x.y")
_QOS = ("ugrad", "high", "long_run", "q-1")
_REASONS = (
    "broken fan",
    'it said "no"',
    "it's gone; $(reboot)",
    "CPUs=3 is wrong",
    "고장",
    "a=b, c [d]",
    "50% #1",
    "C:\\x",
)
# Where a probe finds the same tier by the path alone.
_VOLUMES = {
    "/data": "work",
    "/scratch": "scratch",
    "/data/datasets": "datasets",
    "/work": "work",
    "/project": "work",
    "/workspace": "work",
}
_LOCAL = ("/local_datasets", "/data2/local_datasets", "/scratch_local", "/nvme")
_SHARED = ("nfs4", "lustre", "gpfs", "beegfs", "ceph", "fuse.glusterfs", "xfs")
# Those whose limits a twin's user can ask for.
_LIMITED = ("nfs4", "ceph", "fuse.glusterfs", "xfs")
_SIZES = st.none() | st.integers(10, 10**8).map(lambda gib: Bytes(gib * 1024 * _MIB))


@st.composite
def slurm_maps(draw: DrawFn, nodes: int = 9, *, accounting: bool = True, ailing: bool = True) -> Map:
    """The map of a cluster under Slurm, as a probe of its login node would bring it.

    Args:
        draw: Hypothesis's.
        nodes: How many nodes there are at most.
        accounting: Whether some may have an accounting database.
        ailing: Whether some of them may be down or drained.
    """
    groups = draw(_groups(nodes))
    names = [name for group in groups for name in expand(group.names)]
    accounting = accounting and draw(st.booleans())
    rules = draw(_qos()) if accounting else ()
    accounts = draw(_some(_ACCOUNTS, least=1)) if accounting else ()
    mine = draw(_associations(accounts, rules)) if accounting else ()
    queues = draw(st.lists(st.sampled_from(_QUEUES), min_size=1, max_size=5, unique=True))
    default = draw(st.sampled_from([None, *queues]))
    # A node may well be in none of them.
    partitions = tuple(draw(_partitions(name, names, accounts, rules, default=name == default)) for name in queues)
    return Map(
        name=draw(st.sampled_from(("tiny", "b-2", "x86"))),
        instance=Instance(
            login=(Host(draw(st.sampled_from(("login1", "master", "head-0.x"))), user=known("u123", "id")),),
            nodes=groups,
        ),
        scheduling=Scheduling(
            engine=known("slurm", "slurm/version"),
            cluster=known(draw(st.sampled_from(("tiny", "gpu_cluster", "c-1"))), "slurm/config"),
            partitions=known(partitions, "slurm/partitions"),
            accounting=known(accounting, "slurm/config"),
            accounts=known(tuple(row.account for row in mine if row.user), "slurm/associations")
            if accounting
            else absent("slurm/config"),
            associations=known(mine, "slurm/associations") if accounting else absent("slurm/config"),
            qos_rules=known(rules, "slurm/qos") if accounting else absent("slurm/config"),
        ),
        storage=draw(_storage(names)),
        now=Now(at=1.0, nodes=known(tuple(draw(_states(name, ailing)) for name in names), "slurm/nodes")),
    )


def _some(words: tuple[str, ...], least: int = 0, most: int = 3) -> SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(words), min_size=least, max_size=most, unique=True).map(tuple)


@st.composite
def _groups(draw: DrawFn, most: int) -> tuple[NodeGroup, ...]:
    """Node sets with holes and padding, of machines that are not alike."""
    stems = draw(st.lists(st.sampled_from(_STEMS), min_size=1, max_size=3, unique=True))
    groups = []
    for stem in stems:
        width = draw(st.sampled_from([0, 0, 2, 3]))
        numbers = draw(
            st.lists(st.integers(0, 19), min_size=1, max_size=max(1, most // len(stems)), unique=True).map(sorted)
        )
        # Alike ones may stand in two rows: the map is the same.
        typed = draw(st.booleans())
        models = draw(st.lists(st.sampled_from(_MODELS), max_size=2, unique=True)) if typed else [None]
        counts = [draw(st.integers(0 if not typed else 1, 16)) for _ in models]
        groups.append(
            NodeGroup(
                names=fold(stem + str(number).zfill(width) for number in numbers),
                cpus=draw(st.integers(1, 256)),
                memory=draw(st.none() | st.integers(1, 4_000_000).map(lambda mib: Bytes(mib * _MIB))),
                gpus=tuple(Gpu(count, model) for model, count in zip(models, counts, strict=True) if count),
                features=tuple(sorted(draw(_some(_WORDS)))),
                by="slurm/nodes",
            )
        )
    return tuple(groups)


@st.composite
def _partitions(
    draw: DrawFn,
    name: str,
    nodes: list[str],
    accounts: tuple[str, ...],
    rules: tuple[Qos, ...],
    *,
    default: bool,
) -> Partition:
    """Several over the same nodes, with limits or without, open or closed."""
    longest = draw(st.none() | st.integers(1, 60 * 24 * 40))
    usual = draw(st.none() | st.integers(1, longest or 60 * 24))
    behind = draw(st.lists(st.sampled_from(nodes), min_size=1, unique=True))
    allowed = draw(st.none() | _some(accounts, least=1)) if accounts else None
    memory = draw(st.none() | st.integers(1, 512_000).map(lambda mib: Bytes(mib * _MIB)))
    unit = draw(st.sampled_from(["cpu", "gpu", "node"]))
    names = tuple(rule.name for rule in rules)
    admitted = draw(st.none() | _some(names, least=1)) if names else None
    return Partition(
        name=name,
        nodes=fold(behind),
        state=draw(st.sampled_from(["up", "up", "up", "down", "drain", "inactive"])),
        default=default,
        max_time=None if longest is None else Seconds(longest * 60),
        default_time=None if usual is None else Seconds(usual * 60),
        min_nodes=draw(st.integers(0, 2)),
        max_nodes=draw(st.none() | st.integers(2, 100)),
        allow_accounts=allowed,
        deny_accounts=draw(_some(accounts)) if accounts and allowed is None else (),
        allow_groups=draw(st.none() | _some(("gpuusers", "staff-2", "student"), least=1)),
        allow_qos=admitted,
        deny_qos=draw(_some(names)) if names and admitted is None else (),
        qos=draw(st.sampled_from(["", *names])),
        default_cpus_per_gpu=draw(st.none() | st.integers(1, 16)),
        default_memory_per_cpu=memory if unit == "cpu" else None,
        default_memory_per_gpu=memory if unit == "gpu" else None,
        default_memory_per_node=memory if unit == "node" else None,
        priority=draw(st.sampled_from([0, 1, 10, 65533])),
        preempt=draw(st.sampled_from(["off", "off", "requeue", "cancel", "suspend"])),
        by="slurm/partitions",
    )


_COUNTS = st.none() | st.integers(0, 5000)


@st.composite
def _limits(draw: DrawFn, *, jobs: bool = True, wall: bool = False) -> Limits:
    """Bounds as Slurm keeps them; 0 is a bound too."""
    made = Limits(
        cpus=draw(_COUNTS),
        gpus=draw(_COUNTS),
        gpu_models={"a100": draw(st.integers(0, 8))} if draw(st.booleans()) else {},
        memory=draw(st.none() | st.integers(0, 10**6).map(lambda gib: gib * 1024 * _MIB)),
        nodes=draw(_COUNTS),
        jobs=draw(_COUNTS) if jobs else None,
        submit=draw(_COUNTS) if jobs else None,
        wall=draw(st.none() | st.integers(1, 60000).map(lambda minutes: minutes * 60)) if wall else None,
    )
    return NO_LIMITS if draw(st.booleans()) else made


@st.composite
def _qos(draw: DrawFn) -> tuple[Qos, ...]:
    rows = [
        Qos(
            name=name,
            priority=draw(st.sampled_from([0, 1, 5000])),
            per_job=draw(_limits(jobs=False, wall=True)),
            per_user=draw(_limits()),
            per_account=draw(_limits()),
            in_all=draw(_limits()),
            flags=tuple(sorted(draw(_some(("DenyOnLimit", "OverPartQOS", "NoReserve"))))),
            by="slurm/qos",
        )
        for name in draw(_some(_QOS, least=1))
    ]
    return tuple(rows)


@st.composite
def _associations(draw: DrawFn, accounts: tuple[str, ...], rules: tuple[Qos, ...]) -> tuple[Association, ...]:
    names = tuple(rule.name for rule in rules)
    rows = []
    for number, account in enumerate(accounts):
        asked = draw(_some(names, least=1))
        rows.append(
            Association(
                account=account,
                user="u123",
                qos=tuple(sorted(asked)),
                default_qos=draw(st.sampled_from(["", *asked])),
                is_default=number == 0,
                per_job=draw(_limits(jobs=False, wall=True)),
                in_all=draw(_limits()),
                by="slurm/associations",
            )
        )
        if draw(st.booleans()):
            rows.append(Association(account=account, in_all=draw(_limits()), by="slurm/accounts"))
    return tuple(rows)


@st.composite
def _storage(draw: DrawFn, names: list[str]) -> Storage:
    paths = draw(_some(tuple(_VOLUMES), most=4))
    rows = [Volume("/home", tier=known("home", "df/home"), mine=known("/home/u123", "df/home"), by="df/home")]
    if "/data/datasets" in paths:
        # A probe that finds the one finds the folder it is in.
        paths = tuple(dict.fromkeys((*paths, "/data")))
    for path in paths:
        by = f"df{path}"
        mine = known(f"{path}/u123", by) if _VOLUMES[path] != "datasets" else absent(by)
        size, fs = draw(_SIZES), draw(st.none() | st.sampled_from(_SHARED))
        most = size if fs in _LIMITED and mine.value else None
        rows.append(
            Volume(
                path,
                fs=UNSEEN if fs is None else known(fs, by),
                source=known(f"server:/export{path}", by) if fs is not None and draw(st.booleans()) else UNSEEN,
                tier=known(_VOLUMES[path], by),
                size=UNSEEN if size is None else known(size, by),
                inodes=known(draw(st.integers(10_000, 10**9)), by) if draw(st.booleans()) else UNSEEN,
                shared=known(True, "told"),
                mine=mine,
                quota=draw(_quota(str(fs), str(mine.value), int(most))) if most is not None else UNSEEN,
                by=by,
            )
        )
    for path in draw(_some(_LOCAL, most=2)):
        # Disks of the nodes' own, of two makes.
        for where in (names[::2], names[1::2]):
            there: bool = draw(st.booleans())
            if where and there:
                size = draw(_SIZES)
                rows.append(
                    Volume(
                        path,
                        seen_from=fold(where),
                        fs=known(draw(st.sampled_from(("ext4", "xfs", "btrfs"))), "told"),
                        tier=known("local", "told"),
                        size=UNSEEN if size is None else known(size, "told"),
                        shared=known(False, "told"),
                        mine=known(path, "told"),
                        by="told",
                    )
                )
    return Storage(tuple(sorted(rows, key=lambda row: (row.path, row.seen_from))))


@st.composite
def _quota(draw: DrawFn, fs: str, mine: str, size: int) -> Fact[Quota]:
    """Limits as a user can learn them of that kind of file system."""
    hard = Bytes(max(_MIB, size // 4096 // draw(st.integers(2, 50)) * 4096))
    soft = draw(st.none() | st.just(Bytes(hard // 2 // 4096 * 4096)))
    files = draw(st.none() | st.integers(1000, 10**6))
    if fs in ("ceph", "fuse.glusterfs"):
        return known(Quota("directory", mine, hard=hard), "quota")
    limits = Quota("user", "u123", soft, hard, None, files)
    of_lab = Quota("group", "lab 1", soft, hard, None, files)
    return known(draw(st.sampled_from((limits, of_lab))), "quota")


@st.composite
def _states(draw: DrawFn, name: str, may_ail: bool) -> NodeNow:
    well = [("idle", ()), ("idle", ()), ("allocated", ())]
    ill = [("down", ()), ("idle", ("drain",)), ("down", ("drain",))]
    state, flags = draw(st.sampled_from([*well, *ill] if may_ail else well))
    reason = draw(st.sampled_from(_REASONS)) if (state, flags) in ill else ""
    return NodeNow(name, state, flags, reason=reason)
