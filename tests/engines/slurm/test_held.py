"""What everybody uses of shared bounds, from recorded `scontrol show assoc_mgr`; what is not told is not there."""

from __future__ import annotations

import pytest

from jido.engines.slurm import Slurm, looks
from jido.engines.slurm.held import shared_use
from jido.model.bundle import Finding
from jido.model.limits import Limits, SharedUse

M = 1024**2
# Slurm 22.05.8 on a twin, as the look's own filter lets it through.
RECORDED = """\
ClusterName=shared Account=dept UserName= Partition= Priority=0 ID=3 SharesRaw/Norm/Level/Factor=1/18446744073709551616.00/1/0.00 UsageRaw/Norm/Efctv=0.00/1.00/0.00 ParentAccount=root(1) Lft=2 DefAssoc=No GrpJobs=N(2) GrpJobsAccrue=N(0) GrpSubmitJobs=N(2) GrpWall=N(0.00) GrpTRES=cpu=N(4),mem=N(2048),energy=N(0),node=3(1),billing=N(4),fs/disk=N(0),vmem=N(0),pages=N(0),gres/gpu=N(3),gres/gpu:a100=N(3)
ClusterName=shared Account=lab UserName= Partition= Priority=0 ID=4 SharesRaw/Norm/Level/Factor=1/18446744073709551616.00/1/0.00 UsageRaw/Norm/Efctv=0.00/1.00/0.00 ParentAccount=dept(3) Lft=3 DefAssoc=No GrpJobs=N(2) GrpJobsAccrue=N(0) GrpSubmitJobs=N(2) GrpWall=N(0.00) GrpTRES=cpu=N(4),mem=40960(2048),energy=N(0),node=N(1),billing=N(4),fs/disk=N(0),vmem=N(0),pages=N(0),gres/gpu=N(3),gres/gpu:a100=8(3)
QOS=course(3) UsageRaw=0.000000 GrpJobs=10(1) GrpJobsAccrue=N(0) GrpSubmitJobs=N(1) GrpWall=N(0.00) GrpTRES=cpu=N(2),mem=N(1024),energy=N(0),node=N(1),billing=N(2),fs/disk=N(0),vmem=N(0),pages=N(0),gres/gpu=4(2),gres/gpu:a100=N(2) Account Limits= lab={MaxJobsPA=N(1) MaxJobsAccruePA=N(0) MaxSubmitJobsPA=N(1) MaxTRESPA=cpu=N(2),mem=N(1024),energy=N(0),node=N(1),billing=N(2),fs/disk=N(0),vmem=N(0),pages=N(0),gres/gpu=N(2),gres/gpu:a100=N(2)}
QOS=free(4) UsageRaw=0.000000 GrpJobs=N(1) GrpJobsAccrue=N(0) GrpSubmitJobs=N(1) GrpWall=N(0.00) GrpTRES=cpu=N(2),mem=N(1024),energy=N(0),node=N(1),billing=N(2),fs/disk=N(0),vmem=N(0),pages=N(0),gres/gpu=N(1),gres/gpu:a100=N(1) Account Limits= lab={MaxJobsPA=N(1) MaxJobsAccruePA=N(0) MaxSubmitJobsPA=N(1) MaxTRESPA=cpu=N(2),mem=N(1024),energy=N(0),node=N(1),billing=N(2),fs/disk=N(0),vmem=N(0),pages=N(0),gres/gpu=5(1),gres/gpu:a100=N(1)}
"""  # noqa: E501


def test_only_what_is_bounded_is_told_with_what_is_used_of_it() -> None:
    assert shared_use(RECORDED) == (
        SharedUse("dept", used=Limits(nodes=1)),
        SharedUse("lab", used=Limits(gpu_models={"a100": 3}, memory=2048 * M)),
        SharedUse(qos="course", used=Limits(gpus=2, jobs=1)),
        SharedUse("lab", "free", Limits(gpus=1)),
    )


def test_a_qos_may_have_parentheses_in_its_name() -> None:
    line = "QOS=강의(2026)(7) UsageRaw=0 GrpJobs=5(5) GrpSubmitJobs=N(5) GrpTRES=gres/gpu=N(0)"
    assert shared_use(line) == (SharedUse(qos="강의(2026)", used=Limits(jobs=5)),)


@pytest.mark.parametrize(
    "text", ["", "No association manager", "QOS=", "QOS=a(1)", "ClusterName=x Account= GrpJobs=1(1)"]
)
def test_nothing_comes_of_what_says_nothing(text: str) -> None:
    assert shared_use(text) == ()


def test_a_look_that_failed_is_an_unknown_use() -> None:
    failed = {looks.ACCOUNTS: Finding(1, b"", b"slurm_load_assoc_mgr_info error: Access/permission denied")}
    shared = Slurm().now(failed, 1e9).shared
    assert (shared.state, "permission denied" in shared.why.lower()) == ("unknown", True)
    assert Slurm().now({looks.ACCOUNTS: Finding(0, RECORDED.encode())}, 1e9).shared.is_known
