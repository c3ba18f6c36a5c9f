"""What the twin's accounting database is told, in sacctmgr's words. Verified on Slurm 22.05.8."""

from __future__ import annotations

from jido.model.limits import NO_LIMITS, Association, Limits, Qos
from jido.model.units import slurm_duration
from jido.twins.accounts import NORMAL
from jido.twins.spec import Accounting, TwinSpec


def tres(spec: TwinSpec) -> tuple[str, ...]:
    """Trackable resources besides Slurm's own that limits may name, as AccountingStorageTRES takes them."""
    found = {"gres/gpu"}
    found |= {f"gres/gpu:{gpus.model}" for node in spec.nodes for gpus in node.gpus if gpus.model}
    for limits in _all_limits(spec.accounting or Accounting()):
        found |= {f"gres/gpu:{model}" for model in limits.gpu_models}
        found |= {name for name in limits.other if name.startswith(("gres/", "license/"))}
    return tuple(sorted(found))


def _all_limits(accounting: Accounting) -> list[Limits]:
    found = [lim for q in accounting.qos for lim in (q.per_job, q.per_user, q.per_account, q.in_all)]
    return found + [lim for a in accounting.associations for lim in (a.per_job, a.in_all)]


def statements(spec: TwinSpec, accounting: Accounting) -> tuple[str, ...]:
    """sacctmgr's statements that fill an empty database; rows that are alike share one, since each takes long."""
    cluster = (spec.cluster or spec.name).lower()
    found = [f"add cluster {cluster}"]
    found += _alike([(_QOS_VERB[row.name == NORMAL], row.name, _qos(row)) for row in accounting.qos])
    found += [
        f"modify qos where name={row.name} set preempt={','.join(row.preempts)}"
        for row in accounting.qos
        if row.preempts
    ]
    accounts, members = [], []
    for row in accounting.associations:
        if row.user:
            members.append((f"add user {row.user}", f"account={row.account}", _member(row, cluster)))
        else:
            accounts.append(("add account", row.account, _account(row, cluster)))
    found += _alike(accounts)
    # The first membership of a user makes the default account.
    first = [row for row in accounting.associations if row.user and row.is_default]
    order = [f"account={row.account}" for row in first]
    found += [
        f"{verb} {name} {rest}".rstrip() for verb, name, rest in sorted(members, key=lambda m: m[1] not in order)
    ]
    return tuple(found)


_QOS_VERB = {False: "add qos", True: "modify qos where name="}


def _alike(rows: list[tuple[str, str, str]]) -> list[str]:
    """Neighbours with the same verb and the same fields in one statement."""
    found: list[tuple[str, list[str], str]] = []
    for verb, name, fields in rows:
        if found and (found[-1][0], found[-1][2]) == (verb, fields) and not verb.endswith("="):
            found[-1][1].append(name)
        else:
            found.append((verb, [name], fields))
    said = []
    for verb, names, fields in found:
        if verb.endswith("="):
            said += [f"{verb}{names[0]} set {fields}"] if fields else []
        else:
            said.append(f"{verb} {','.join(names)} {fields}".rstrip())
    return said


def _qos(row: Qos) -> str:
    job, user, account, in_all = row.per_job, row.per_user, row.per_account, row.in_all
    return _fields(
        Priority=row.priority or None,
        Flags=",".join(row.flags) or None,
        MaxTRESPerJob=_tres(job),
        MaxWall=_wall(job),
        MaxTRESPerUser=_tres(user),
        MaxJobsPerUser=user.jobs,
        MaxSubmitJobsPerUser=user.submit,
        MaxTRESPerAccount=_tres(account),
        MaxJobsPerAccount=account.jobs,
        MaxSubmitJobsPerAccount=account.submit,
        GrpTRES=_tres(in_all),
        GrpJobs=in_all.jobs,
        GrpSubmitJobs=in_all.submit,
        GrpWall=_wall(in_all),
    )


def _account(row: Association, cluster: str) -> str:
    return _fields(cluster=cluster, parent=row.parent or None) + _bounds(row)


def _member(row: Association, cluster: str) -> str:
    return _fields(cluster=cluster, partition=row.partition or None) + _bounds(row)


def _bounds(row: Association) -> str:
    fields = _fields(
        QosLevel=",".join(row.qos) or None,
        DefaultQOS=row.default_qos or None,
        MaxTRESPerJob=_tres(row.per_job),
        MaxWall=_wall(row.per_job),
        # Of a user these are the bounds of all their jobs; of an account, of all its users together.
        **({"MaxJobs": row.in_all.jobs, "MaxSubmitJobs": row.in_all.submit} if row.user else {}),
        **({} if row.user else {"GrpJobs": row.in_all.jobs, "GrpSubmitJobs": row.in_all.submit}),
        GrpTRES=_tres(row.in_all),
        GrpWall=_wall(row.in_all),
    )
    return f" {fields}" if fields else ""


def _tres(limits: Limits) -> str | None:
    if limits == NO_LIMITS:
        return None
    counts: dict[str, int | None] = {
        "cpu": limits.cpus,
        "mem": None if limits.memory is None else limits.memory // 2**20,
        "node": limits.nodes,
        "gres/gpu": limits.gpus,
        **{f"gres/gpu:{model}": count for model, count in limits.gpu_models.items()},
        **limits.other,
    }
    return ",".join(f"{name}={count}" for name, count in counts.items() if count is not None) or None


def _wall(limits: Limits) -> str | None:
    return None if limits.wall is None else slurm_duration(limits.wall)


def _fields(**fields: str | int | None) -> str:
    return " ".join(f"{name}={value}" for name, value in fields.items() if value is not None)
