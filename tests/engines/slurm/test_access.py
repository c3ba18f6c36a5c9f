"""May I use a partition, and up to what: by its rules, and by Slurm's own dry run, as it was recorded."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import said

from jido.engines.base import Inventory
from jido.engines.slurm import Slurm, control, dry_runs, looks
from jido.engines.slurm.limits import first, least, limits
from jido.engines.slurm.records import table
from jido.model.bundle import Finding
from jido.model.facts import known
from jido.model.limits import NO_LIMITS, VERDICTS, Access, Limits
from jido.testing.engines import GARBAGE

GIB = 1024**3


def seen_by(who: str, **changed: Finding) -> Inventory:
    findings = {name: one.finding() for name, one in said("22.05.8-access", who).items()}
    return Slurm().inventory({**findings, **{f"slurm/{name}": one for name, one in changed.items()}}, 1e9)


def verdicts(who: str, **changed: Finding) -> dict[str, Access]:
    return {row.partition: row for row in seen_by(who, **changed).scheduling.access.value or ()}


def test_the_looks_at_my_rights_alone_tell_what_all_of_them_tell() -> None:
    names = {part.name for part in Slurm().access_looks()}
    assert names < {part.name for part in Slurm().looks()}
    assert all(set(part.after) <= names for part in Slurm().looks() if part.name in names)
    asked = {name: one.finding() for name, one in said("22.05.8-access", "student").items() if name in names}
    assert Slurm().inventory(asked, 1e9).scheduling.access == seen_by("student").scheduling.access
    assert not Slurm().inventory({}, 1e9).scheduling.access.is_known


class TestEveryPartitionHasExactlyOneVerdict:
    @pytest.mark.parametrize("who", ["student", "lee", "stranger", "student-strict", "student-dbd-down"])
    def test_in_the_order_of_the_partitions(self, who: str) -> None:
        scheduling = seen_by(who).scheduling
        partitions = [row.name for row in scheduling.partitions.value or ()]
        rows = scheduling.access.value or ()
        assert [row.partition for row in rows] == partitions
        counts = Counter(row.verdict for row in rows)
        assert set(counts) <= set(VERDICTS)
        assert sum(counts.values()) == len(partitions) == 21

    @given(
        text=st.text(st.sampled_from("\x1e\x1f|= \n0123run end id yes"), max_size=200),
        code=st.sampled_from([0, 1, None]),
    )
    @settings(max_examples=60, deadline=None)
    def test_whatever_the_dry_runs_print(self, text: str, code: int | None) -> None:
        rows = verdicts("student", access=Finding(code, text.encode()))
        assert len(rows) == 21
        assert all(row.rests_on != "verified" for row in rows.values())

    @pytest.mark.parametrize("garbage", GARBAGE)
    @pytest.mark.parametrize("look", ["associations", "accounts", "qos", "config", "access", "nodes"])
    def test_whatever_a_look_prints(self, look: str, garbage: bytes) -> None:
        assert len(verdicts("student", **{look: Finding(0, garbage)})) == 21

    def test_none_is_known_where_the_partitions_are_not(self) -> None:
        fact = seen_by("student", partitions=Finding(1, b"", b"slurm_load_partitions error: no")).scheduling.access
        assert fact.state == "unknown"
        assert fact.settle == "scontrol show partition"


class TestWhoMayUseWhat:
    def test_a_student_may_use_what_takes_her_account(self) -> None:
        rows = verdicts("student")
        for name in ("debug_ugrad", "batch_ugrad", "capped", "pairs", "hidden"):
            assert (rows[name].verdict, rows[name].rests_on, rows[name].account) == ("open", "verified", "ugrad")
            assert rows[name].at == 1e9

    def test_a_dry_run_does_not_open_what_the_rules_close_where_limits_are_not_enforced(self) -> None:
        row = verdicts("student")["batch_grad"]
        assert (row.verdict, row.rests_on) == ("no access", "declared")
        assert "it takes the accounts grad; yours: ugrad" in row.words
        assert "wait for ever" in row.words

    def test_where_they_are_enforced_slurm_confirms_it_in_its_own_words(self) -> None:
        row = verdicts("student-strict")["batch_grad"]
        assert (row.verdict, row.rests_on) == ("no access", "verified")
        assert "Invalid account or account/partition combination" in row.words

    def test_accounts_groups_and_qos_open_what_they_are_for(self) -> None:
        rows = verdicts("lee")
        assert (rows["batch_grad"].verdict, rows["batch_grad"].account) == ("open", "grad")
        assert (rows["faculty"].verdict, rows["faculty"].rests_on) == ("open", "verified")
        assert (rows["qosonly"].account, rows["qosonly"].qos) == ("grad", "high")
        assert rows["denied"].account == "grad"
        assert rows["deniedqos"].qos == "high"

    def test_an_account_for_one_partition_opens_that_one_only(self) -> None:
        rows = verdicts("lee")
        assert (rows["batch_vll"].verdict, rows["batch_vll"].account) == ("open", "vll")
        assert "vll" not in {row.account for name, row in rows.items() if name != "batch_vll"}

    def test_without_an_account_nothing_is_open(self) -> None:
        rows = verdicts("stranger")
        assert not [name for name, row in rows.items() if row.verdict == "open"]
        assert "you have no account" in rows["batch_ugrad"].words

    def test_a_closed_partition_is_down_though_a_dry_run_would_be_taken(self) -> None:
        rows = verdicts("student")
        assert {rows[name].verdict for name in ("closed", "draining", "inactive", "dead")} == {"down"}

    def test_the_sites_own_filter_refuses_in_its_own_words(self) -> None:
        row = verdicts("student")["filtered"]
        assert (row.verdict, row.words) == ("refused", '이 파티션은 교수님 허가가 필요합니다 (ask $(admin) "first")')

    def test_a_partition_for_gpu_jobs_is_open_to_those(self) -> None:
        row = verdicts("student")["gpuonly"]
        assert (row.verdict, row.words) == ("open", "to jobs that ask for a GPU")

    def test_a_default_memory_that_no_node_has_does_not_close_a_partition(self) -> None:
        assert verdicts("student")["bigdefault"].verdict == "open"

    def test_rules_for_administrators_and_reservations_close(self) -> None:
        rows = verdicts("student")
        assert (rows["rootonly"].verdict, rows["reserved"].verdict) == ("no access", "no access")


class TestUpToWhat:
    def test_the_least_of_partition_qos_account_and_those_above_holds(self) -> None:
        row = verdicts("student")["debug_ugrad"]
        # 4 h by the partition, 1 GPU of mine by the QoS, 100 CPUs by the account above.
        assert (row.up_to.wall, row.up_to.gpus, row.up_to.cpus) == (4 * 3600, 1, 100)
        assert (row.per_user.gpus, row.per_user.jobs, row.per_user.submit) == (1, 10, 50)

    def test_the_partitions_qos_outranks_the_jobs(self) -> None:
        row = verdicts("student")["capped"]
        assert (row.per_user.gpus, row.per_user.gpu_models) == (2, {"rtx3090": 1})
        assert (row.up_to.wall, row.up_to.nodes) == (7200, 3)

    def test_a_qos_of_its_own_brings_its_own_bounds(self) -> None:
        row = verdicts("lee")["qosonly"]
        assert (row.up_to.wall, row.up_to.cpus, row.up_to.memory, row.up_to.gpus) == (3600, 16, 64 * GIB, 12)

    def test_limits_that_are_not_enforced_bind_nobody(self) -> None:
        config = said("22.05.8-access", "student")["slurm/config"].stdout
        loose = config.replace("associations,limits,qos", "associations")
        row = verdicts("student", config=Finding(0, loose.encode()))["debug_ugrad"]
        assert row.up_to == Limits(wall=4 * 3600)


class TestWithoutDryRunsOrAccounting:
    def test_declared_rules_stand_and_say_that_nobody_was_asked(self) -> None:
        rows = verdicts("student", access=Finding(code=None))
        assert (rows["batch_ugrad"].verdict, rows["batch_ugrad"].rests_on) == ("open", "declared")
        assert rows["batch_ugrad"].words == "not verified by a dry run"
        assert rows["batch_grad"].verdict == "no access"
        # Which groups are mine came with the dry runs.
        assert (rows["faculty"].verdict, rows["faculty"].rests_on) == ("not established", "")

    def test_a_controller_that_goes_silent_halfway_leaves_the_rest_declared(self) -> None:
        cells = (
            "run",
            "batch_ugrad",
            "ugrad",
            "",
            "1 CPU",
            "1",
            "allocation failure: Unable to contact slurm controller",
        )
        rows = verdicts("student", access=Finding(0, ("\x1e" + "\x1f".join(cells)).encode()))
        assert (rows["batch_ugrad"].verdict, rows["batch_ugrad"].rests_on) == ("open", "declared")
        assert "Unable to contact" in rows["batch_ugrad"].words

    def test_while_slurmdbd_is_down_dry_runs_that_prove_nothing_establish_nothing(self) -> None:
        rows = verdicts("student-dbd-down")
        assert rows["batch_ugrad"].verdict != "no access"
        control_ = seen_by("student-dbd-down").scheduling.control
        assert control_.accounting.value is False

    @pytest.mark.parametrize("version", ["22.05.8", "24.11.5", "26.05.5", "17.11.13", "23.11.4"])
    def test_without_accounting_account_lists_bind_nobody(self, version: str) -> None:
        findings = {name: one.finding() for name, one in said(version, "looks").items()}
        config = (findings["slurm/config"].text + "\nAccountingStorageEnforce = none\n").encode()
        found = Slurm().inventory({**findings, "slurm/config": Finding(0, config)}, 1e9)
        rows = found.scheduling.access.value or ()
        assert not [row for row in rows if row.verdict == "no access" and "account" in row.words]


class TestTheControlPlane:
    def test_controllers_are_named_with_their_state(self) -> None:
        for text, found in (
            ("Slurmctld(primary) at a is UP\nSlurmctld(backup1) at b is DOWN", {"a": "up", "b": "down"}),
            ("Slurmctld(primary/backup) at a/b are UP/DOWN", {"a": "up", "b": "down"}),
            ("Slurmctld(primary/backup) at ctl/(NULL) are UP/DOWN", {"ctl": "up"}),
        ):
            assert control.controllers(known(text, "x")).value == found

    def test_no_line_about_them_is_unknown_and_never_down(self) -> None:
        assert control.controllers(known("ClusterName = x", "x")).state == "unknown"

    def test_reservations_and_maintenance_ahead(self) -> None:
        plane = seen_by("student-strict").scheduling.control
        rows = {row.name: row for row in plane.reservations.value or ()}
        assert "MAINT" in rows["maint"].flags
        assert rows["maint"].ends - rows["maint"].starts == 2 * 86400
        assert (rows["course"].accounts, rows["course"].partition) == (("ugrad",), "batch_ugrad")

    def test_slurmdbd_answers_or_is_absent_where_there_is_none(self) -> None:
        assert seen_by("student").scheduling.control.accounting.value is True
        none = Slurm().inventory({name: one.finding() for name, one in said("22.05.8", "looks").items()}, 1e9)
        assert none.scheduling.control.accounting.state == "absent"


class TestMyQueue:
    def test_gpus_asked_for_in_any_way_are_counted(self) -> None:
        jobs = {job.id: job for job in seen_by("student").now.queue.value or ()}
        assert (jobs["66"].state, jobs["66"].gpus, jobs["66"].qos) == ("running", 1, "gpu1")
        assert (jobs["67"].state, jobs["67"].gpus, jobs["67"].reason) == ("pending", 1, "QOSMaxGRESPerUser")


@given(
    st.lists(
        st.builds(
            Limits,
            cpus=st.none() | st.integers(0, 99),
            gpu_models=st.dictionaries(st.sampled_from("ab"), st.integers(0, 9)),
        ),
        max_size=4,
    )
)
def test_bounds_together_are_never_wider_than_one_of_them(bounds: list[Limits]) -> None:
    held = least(*bounds)
    for one in bounds:
        assert one.cpus is None or (held.cpus is not None and held.cpus <= one.cpus)
        assert all(held.gpu_models[name] <= value for name, value in one.gpu_models.items())
    assert first(*bounds).cpus == next((one.cpus for one in bounds if one.cpus is not None), None)


def test_trackable_resources_are_read_in_every_unit() -> None:
    found = limits("cpu=4,mem=64G,node=2,gres/gpu=8,gres/gpu:a100=4,license/matlab=3,mem=65536M")
    assert (found.cpus, found.nodes, found.gpus, found.gpu_models) == (4, 2, 8, {"a100": 4})
    assert (found.memory, found.other) == (64 * GIB, {"license/matlab": 3})
    assert limits("mem=1024").memory == GIB
    assert limits("") == NO_LIMITS


def test_the_config_is_read_whatever_stands_behind_it() -> None:
    assert table(said("22.05.8-access", "student")["slurm/config"].stdout)["ClusterName"] == "aurora"
    assert looks.ACCESS in {part.name for part in looks.PARTS}
    assert msgspec.structs.asdict(dry_runs.read(Finding(0), Finding(0)))["asked"] == 0
