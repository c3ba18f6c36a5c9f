"""What Slurm's own words become in the map, from 17.11 to 26.05."""

import pytest
from recordings import COMPOSED, RECORDED, said

from jido.engines.base import Inventory
from jido.engines.slurm import Slurm, looks, nodes
from jido.engines.slurm.records import instant, number, records, seconds
from jido.model.bundle import Finding
from jido.model.map import NodeNow

GIB = 1024**3
MIB = 1024**2


def mapped(version: str, kind: str = "looks", **changed: Finding) -> Inventory:
    findings = {name: one.finding() for name, one in said(version, kind).items()}
    return Slurm().inventory({**findings, **{f"slurm/{name}": one for name, one in changed.items()}}, 1e9)


def node(version: str, name: str) -> NodeNow:
    return next(one for one in mapped(version).now.nodes.value or () if one.name == name)


class TestARecordedCluster:
    @pytest.mark.parametrize("version", RECORDED)
    def test_its_nodes_are_grouped_by_likeness(self, version: str) -> None:
        first, second = mapped(version).nodes
        assert (first.names, first.cpus, first.memory) == ("aurora-g[1-3]", 64, 512000 * MIB)
        assert [(gpu.model, gpu.count) for gpu in first.gpus] == [("rtx3090", 8)]
        assert first.features == ("nvme", "rtx3090")
        assert (second.names, second.gpus[0].model, second.gpus[0].count) == ("aurora-g4", "rtx2080ti", 6)

    @pytest.mark.parametrize("version", RECORDED)
    def test_its_partitions_have_their_rules(self, version: str) -> None:
        debug, batch, lab, closed = mapped(version).scheduling.partitions.value or ()
        assert (debug.name, debug.max_time, debug.default_time) == ("debug_ugrad", 4 * 3600, 3600)
        assert (debug.allow_accounts, debug.default_cpus_per_gpu) == (("ugrad", "grad"), 8)
        assert debug.default_memory_per_gpu == 29000 * MIB
        assert (batch.default, batch.max_time, batch.allow_accounts) == (True, 6 * 86400, None)
        assert (lab.max_time, lab.priority, lab.nodes) == (None, 10, "aurora-g4")
        assert closed.state == "down"

    @pytest.mark.parametrize("version", RECORDED)
    def test_what_is_handed_out_is_counted(self, version: str) -> None:
        busy, drained = node(version, "aurora-g1"), node(version, "aurora-g2")
        assert (busy.state, busy.cpus_used, busy.gpus_used) == ("mixed", 5, {"rtx3090": 3})
        assert (drained.state, drained.flags) == ("idle", ("drain",))
        assert drained.reason.startswith("Kill task failed [student@")

    @pytest.mark.parametrize("version", RECORDED)
    def test_its_scheduling_facts_name_their_look(self, version: str) -> None:
        scheduling = mapped(version).scheduling
        assert (scheduling.version.value, scheduling.version.by) == (version.split("-")[0], looks.VERSION)
        assert (scheduling.cluster.value, scheduling.cluster.by) == ("aurora", looks.CONFIG)
        assert (scheduling.settings.value or {})["MaxArraySize"] == "1001"

    def test_accounting_brings_accounts_and_limits(self) -> None:
        scheduling = mapped("22.05.8-slurmdbd").scheduling
        assert scheduling.accounting.value is True
        assert set(scheduling.accounts.value or ()) == {"ugrad", "grad"}
        assert set(scheduling.qos.value or ()) == {"normal", "gpu1"}
        rules = {one.name: one for one in scheduling.qos_rules.value or ()}
        assert (rules["gpu1"].per_user.gpus, rules["gpu1"].per_user.submit) == (1, 50)

    def test_without_accounting_there_are_no_accounts(self) -> None:
        scheduling = mapped("22.05.8").scheduling
        assert scheduling.accounting.value is False
        assert scheduling.accounts.state == scheduling.qos.state == "absent"

    @pytest.mark.parametrize("version", RECORDED)
    def test_a_controller_that_is_down_leaves_unknowns_with_reason_and_remedy(self, version: str) -> None:
        found = mapped(version, "looks-down")
        assert found.present
        assert found.scheduling.engine.value == "slurm"
        for fact, settle in (
            (found.scheduling.partitions, "scontrol show partition"),
            (found.scheduling.accounting, "scontrol show config"),
            (found.now.nodes, "scontrol show node"),
        ):
            assert fact.state == "unknown"
            assert "Unable to contact slurm controller" in fact.why
            assert fact.settle == settle
        # squeue 26.05 does not give up within its limit.
        assert (found.now.queue.state, found.now.queue.settle) == ("unknown", "squeue -u $USER")
        assert found.nodes == ()

    def test_two_looks_at_an_unchanged_cluster_are_equal(self) -> None:
        assert mapped("22.05.8").scheduling == mapped("22.05.8").scheduling


class TestOtherVersions:
    @pytest.mark.parametrize("version", COMPOSED)
    def test_every_node_is_in_exactly_one_group(self, version: str) -> None:
        found = mapped(version)
        names = [one.name for one in found.now.nodes.value or ()]
        from jido.model.nodeset import expand

        assert sorted(name for group in found.nodes for name in expand(group.names)) == sorted(names)

    def test_a_reason_may_hold_spaces_equal_signs_and_keys(self) -> None:
        broken = node("17.11.13", "k2")
        assert broken.reason == "bad disk = sda, State=IDLE Gres=none after = reboot [root@2019-04-30T12:00:00]"
        assert (broken.state, broken.flags) == ("down", ("drain", "not_responding"))

    def test_a_comment_behind_the_reason_does_not_reach_the_state(self) -> None:
        one = node("23.11.4", "aurora-g1")
        assert one.reason == "fan = loud [root@2024-01-01T00:00:00]"
        assert (one.state, one.flags) == ("mixed", ("maintenance", "reserved", "not_responding"))

    def test_cpus_set_aside_for_the_system_are_not_counted(self) -> None:
        assert mapped("23.11.4").nodes[0].cpus == 62

    def test_gpus_without_a_type_are_counted(self) -> None:
        assert [(gpu.model, gpu.count) for gpu in mapped("23.11.4").nodes[0].gpus] == [(None, 8)]

    def test_nodes_that_are_only_planned_for_are_left_out(self) -> None:
        assert [one.name for one in mapped("20.11.9").now.nodes.value or ()] == ["g1", "g2", "cloud-1"]

    @pytest.mark.parametrize(
        ("printed", "mode"),
        [("GANG,SUSPEND", "suspend"), ("SUSPEND", "suspend"), ("GANG", "off"), ("WITHIN,REQUEUE", "within,requeue")],
    )
    def test_a_partition_gives_way_as_much_in_every_version(self, printed: str, mode: str) -> None:
        # 22.05 prints GANG where 24.11, told the same, does not.
        text = f"PartitionName=low Nodes=n1 PreemptMode={printed} State=UP\n".encode()
        rows = mapped("24.11.5", partitions=Finding(0, text)).scheduling.partitions.value or ()
        assert [row.preempt for row in rows] == [mode]

    def test_accounts_of_other_clusters_are_not_mine_here(self) -> None:
        scheduling = mapped("20.11.9").scheduling
        assert scheduling.accounts.value == ("ugrad", "grad")
        assert scheduling.qos.value == ("gpu1", "normal", "high")

    def test_accounting_in_a_file_is_accounting(self) -> None:
        assert mapped("17.11.13").scheduling.accounting.value is True
        assert mapped("23.11.4").scheduling.accounting.value is False

    def test_a_machine_without_slurm_says_so(self) -> None:
        gone = Finding(127, b"", b"sh: 1: sinfo: not found\n")
        found = Slurm().inventory({part.name: gone for part in looks.PARTS} | {looks.WHERE: Finding(1)}, 1e9)
        assert not found.present
        assert found.scheduling.engine.state == "absent"

    def test_my_queue_keeps_odd_ids_and_names(self) -> None:
        first, second = mapped("17.11.13").now.queue.value or ()
        assert (first.id, first.reason) == ("7_[4-9%2]", "JobArrayTaskLimit")
        assert second.name == "a b=c"


@pytest.mark.parametrize(
    ("gres", "found"),
    [
        ("gpu:8", {"": 8}),
        ("gpu:rtx3090:8", {"rtx3090": 8}),
        ("gpu:a100:4(S:0-1)", {"a100": 4}),
        ("gpu:a100:4(S:0,1),gpu:v100:2(S:1)", {"a100": 4, "v100": 2}),
        ("gpu:tesla:2(IDX:0-1)", {"tesla": 2}),
        ("gpu:tesla:0(IDX:N/A)", {}),
        ("gpu:a100:3(IDX:0-1,3),mps:a100:0", {"a100": 3}),
        ("gpu:nvidia_a100_1g.5gb:7", {"nvidia_a100_1g.5gb": 7}),
        ("gpu:(null):1(IDX:0)", {"": 1}),
        ("gpu", {"": 1}),
        ("craynetwork:4,gpu:1", {"": 1}),
        ("gpu:0", {}),
        ("(null)", {}),
        ("", {}),
        (None, {}),
    ],
)
def test_gres_is_read_in_every_form(gres: str | None, found: dict[str, int]) -> None:
    assert nodes.gpus(gres) == found


def test_typed_and_untyped_gpus_of_a_tres_are_not_counted_twice() -> None:
    assert nodes.tres_gpus("cpu=4,gres/gpu=3,gres/gpu:a100=2") == {"a100": 2, "": 1}
    assert nodes.tres_gpus("cpu=4,gres/gpu=2,gres/gpu:a100=2") == {"a100": 2}


@pytest.mark.parametrize(
    ("text", "base", "flags"),
    [
        ("IDLE", "idle", ()),
        ("IDLE+CLOUD+POWERED_DOWN", "idle", ("cloud", "powered_down")),
        ("MIXED+DRAIN", "mixed", ("drain",)),
        ("DOWN*+DRAIN", "down", ("drain", "not_responding")),
        ("IDLE*~#%", "idle", ("not_responding", "powered_down", "powering_up", "powering_down")),
        ("idle-", "idle", ("planned",)),
        ("mixed$@^!", "mixed", ("maintenance", "reboot_requested", "reboot_issued", "power_down")),
        ("drained*", "idle", ("drain", "not_responding")),
        ("draining", "allocated", ("drain",)),
        ("alloc", "allocated", ()),
        ("", "unknown", ()),
    ],
)
def test_node_states_are_read_with_their_flags(text: str, base: str, flags: tuple[str, ...]) -> None:
    assert nodes.state(text) == (base, flags)


def test_values_are_split_at_keys_and_never_at_white_space() -> None:
    text = (
        "NodeName=a OS=Linux 5.4.0 #1 SMP x=y RealMemory=10 Reason=it is = broken State=no\nNodeName=b State=IDLE\n"
    )
    first, second = records(text, "NodeName")
    assert first == {
        "NodeName": "a",
        "OS": "Linux 5.4.0 #1 SMP x=y",
        "RealMemory": "10",
        "Reason": "it is = broken State=no",
    }
    assert second == {"NodeName": "b", "State": "IDLE"}


def test_a_line_break_in_a_comment_goes_on_with_its_record() -> None:
    [only] = records("NodeName=a Comment=two\nlines\n", "NodeName")
    assert only["Comment"] == "two\nlines"


@pytest.mark.parametrize("nothing", ["UNLIMITED", "INFINITE", "NONE", "N/A", "(null)", "", None, "9" * 4000 + "x"])
def test_no_limit_is_none(nothing: str | None) -> None:
    assert seconds(nothing) is None
    assert number(nothing) is None


def test_times_are_read_as_epoch_and_as_utc() -> None:
    assert instant("1795452667") == 1795452667.0
    assert instant("2019-05-01T09:00:00") == 1556701200.0
    for none in ("N/A", "Unknown", "None", "", None, "2019-13-99T00:00:00", "0"):
        assert instant(none) is None
