"""Limits as a student meets them: accounts, QoS and partitions bite, and the past is kept."""

import subprocess
from pathlib import Path

import msgspec
import pytest
from by_hand import said, shell, small
from tests.trees import trees

from jido.model.facts import Fact, absent, known
from jido.model.limits import Association, Limits, Qos
from jido.model.map import Partition, Scheduling
from jido.twins import TwinState, processes, up
from jido.twins.accounts import accounting_of
from jido.twins.recipes.slurm_accounting import statements, tres
from jido.twins.spec import Accounting, Gpus, Node, TwinSpec

NONE: Fact[bool] = absent("probe")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Limits bite on newer Slurms as on this machine's own."""
    if "aurora" in metafunc.fixturenames:
        own = pytest.param(None, id="own")
        metafunc.parametrize("aurora", [own, *trees("aurora")], indirect=True, scope="session")


def scheduling(**facts: object) -> Scheduling:
    return msgspec.structs.replace(Scheduling(), **facts)


def test_a_cluster_without_accounting_gets_none() -> None:
    mine = known((Association("ugrad", "u1"),), "probe")
    assert accounting_of(scheduling(accounting=known(False, "probe"), associations=mine), "student") is None
    assert accounting_of(scheduling(accounting=NONE, associations=mine), "student") is None


def test_where_nobody_knows_there_is_accounting_only_if_the_map_tells_of_accounts() -> None:
    assert accounting_of(scheduling(), "student") is None
    mine = known((Association("ugrad", "u1"),), "told")
    got = accounting_of(scheduling(associations=mine), "student")
    assert got
    assert [row.user for row in got.associations] == ["", "student"]


def test_every_account_and_qos_that_is_named_exists_parents_first() -> None:
    got = accounting_of(
        scheduling(
            accounting=known(True, "probe"),
            associations=known((Association("lab", "u1", qos=("fast",), parent="dept"),), "probe"),
            partitions=known((Partition("p", allow_accounts=("others",), allow_qos=("slow",), qos="part"),), "probe"),
            qos_rules=known((Qos("high", preempts=("low",)),), "probe"),
        ),
        "student",
    )
    assert got
    assert [row.account for row in got.associations] == ["others", "dept", "lab", "lab"]
    assert {row.name for row in got.qos} == {"high", "low", "fast", "slow", "part"}


def test_limits_are_said_in_sacctmgrs_words() -> None:
    accounting = Accounting(
        (
            Qos(
                "gpu1",
                5,
                Limits(gpus=2, wall=3600),
                Limits(gpu_models={"a100": 1}, jobs=3),
                flags=("DenyOnLimit",),
                in_all=Limits(cpus=64, memory=2**40, other={"license/matlab": 2}),
            ),
            Qos("normal", preempts=("gpu1",)),
        ),
        (
            Association("a"),
            Association("b"),
            Association("b", "student", qos=("gpu1", "normal"), default_qos="gpu1"),
            Association("a", "student", is_default=True, in_all=Limits(jobs=4)),
        ),
    )
    spec = TwinSpec("C", nodes=(Node("n1", gpus=(Gpus(1, "t4"),)),), accounting=accounting)
    assert statements(spec, accounting) == (
        "add cluster c",
        "add qos gpu1 Priority=5 Flags=DenyOnLimit MaxTRESPerJob=gres/gpu=2 MaxWall=01:00:00"
        " MaxTRESPerUser=gres/gpu:a100=1 MaxJobsPerUser=3 GrpTRES=cpu=64,mem=1048576,license/matlab=2",
        "modify qos where name=normal set preempt=gpu1",
        "add account a,b cluster=c",
        "add user student account=a cluster=c MaxJobs=4",
        "add user student account=b cluster=c QosLevel=gpu1,normal DefaultQOS=gpu1",
    )
    assert tres(spec) == ("gres/gpu", "gres/gpu:a100", "gres/gpu:t4", "license/matlab")


@pytest.mark.twin
@pytest.mark.xdist_group("twin-aurora")
class TestAurora:
    def test_an_undergraduates_second_gpu_waits_for_the_first(self, aurora: TwinState) -> None:
        said(aurora, "sbatch -J held -o /dev/null --gres=gpu:1 --wrap 'sleep 600'")
        said(aurora, "sbatch -J held -o /dev/null --gres=gpu:1 --wrap 'sleep 600'")
        try:
            queue = "squeue -h -n held -o '%t %r' | sort"
            assert processes.until(lambda: "PD QOSMaxGRESPerUser" in said(aurora, queue), within=20)
            assert said(aurora, queue).splitlines() == ["PD QOSMaxGRESPerUser", "R None"]
        finally:
            said(aurora, "scancel -n held")

    @pytest.mark.parametrize("options", ["-p batch_swcon_ugrad", "-A swcon_ugrad", "-p batch_ugrad -A swcon_ugrad"])
    def test_a_partition_or_account_that_is_not_mine_is_refused(self, aurora: TwinState, options: str) -> None:
        done = shell(aurora, f"sbatch {options} --wrap true")
        assert done.returncode != 0
        assert "Invalid account" in done.stderr

    def test_a_qos_that_is_not_mine_is_refused(self, aurora: TwinState) -> None:
        assert "Invalid qos" in shell(aurora, "sbatch --qos=normal --wrap true").stderr

    def test_the_student_administers_nothing(self, aurora: TwinState) -> None:
        for command in ("sacctmgr -i modify qos ugrad set MaxTRESPerUser=gres/gpu=8", "scontrol create reservation"):
            assert shell(aurora, command).returncode != 0
        refused = shell(aurora, "scontrol update partition=batch_ugrad state=down")
        assert "Invalid user" in refused.stderr or "denied" in refused.stderr
        assert shell(aurora, "cat /etc/slurm/slurmdbd.conf").returncode != 0

    def test_sacct_remembers(self, aurora: TwinState) -> None:
        number = said(aurora, "sbatch --parsable -W -o /dev/null --wrap 'exit 3' || :").split()[0]
        row = f"sacct -n -X -P -j {number} -o State,ExitCode,Account,QOS"
        # slurmctld tells slurmdbd every few seconds, the end of a short job before its QoS.
        assert processes.until(lambda: said(aurora, row) == "FAILED|3:0|ugrad|ugrad", within=30, every=0.3)


@pytest.mark.twin
def test_without_accounting_sacct_says_so(folder: Path) -> None:
    twin = up(small(), folder)
    done = shell(twin, "sacct")
    assert done.returncode == 1
    assert "accounting storage is disabled" in done.stderr


@pytest.mark.twin
def test_where_no_database_is_installed_the_twin_says_so_and_does_without(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jido.twins.recipes.slurm.missing", lambda _: {"mariadbd": "mariadb-server"})
    twin = up(msgspec.structs.replace(small(), accounting=Accounting()), folder)
    assert twin.healthy
    assert any("apt-get install mariadb-server" in note for note in twin.notes)


@pytest.mark.twin
def test_the_past_survives_a_restart(folder: Path) -> None:
    mine = (Association("lab"), Association("lab", "student"))
    spec = msgspec.structs.replace(small(), accounting=Accounting((), mine))
    twin = up(spec, folder)
    said(twin, "sbatch -W -o /dev/null --wrap true")
    assert processes.until(lambda: "COMPLETED" in said(twin, "sacct -n -X -o State"), within=30, every=0.3)
    keeper = next(daemon for daemon in twin.daemons if daemon.name == "slurmctld")
    subprocess.run(["kill", "-9", str(keeper.pid)], check=True)
    assert "COMPLETED" in said(up(spec, folder), "sacct -n -X -o State")
