"""A check-up: my jobs first, each finding with why it matters and what to type; what is not known is said so."""

from __future__ import annotations

import msgspec
import pytest

from jido.engines.slurm import Slurm
from jido.explain.health import Finding, Health, MyRun, Seen, examine
from jido.explain.speech import Speech
from jido.model.facts import absent, known, unknown
from jido.model.limits import ControlPlane, Reservation
from jido.model.map import (
    Bytes,
    Instance,
    Map,
    NodeGroup,
    NodeNow,
    Now,
    Partition,
    QueuedJob,
    Scheduling,
    Storage,
    Volume,
)
from jido.model.quota import Quota, Usage

AT = 1.7e9
HOUR = 3600.0
HOSTILE = "디스크 교체 $(reboot) 'soon'"


def cluster(
    *,
    nodes: tuple[NodeNow, ...] = (NodeNow("g1", "idle"), NodeNow("g2", "mixed")),
    queue: tuple[QueuedJob, ...] = (),
    control: ControlPlane | None = None,
    volumes: tuple[Volume, ...] = (),
    now: Now | None = None,
) -> Map:
    well = ControlPlane(known({"ctl": "up"}, "x"), known(True, "x"), known((), "x"))
    moment = now or Now(at=AT, ahead=known(0.0, "clock"))
    return Map(
        "aurora",
        instance=Instance(nodes=(NodeGroup("g[1-2]"),)),
        scheduling=Scheduling(
            engine=known("slurm", "x"), partitions=known((Partition("batch"),), "x"), control=control or well
        ),
        storage=Storage(volumes),
        now=msgspec.structs.replace(moment, nodes=known(nodes, "x"), queue=known(queue, "x")),
    )


def check(map_: Map | None, **more: object) -> Health:
    return examine(msgspec.structs.replace(Seen("aurora", map_, AT + 10), **more))


def only(health: Health) -> Finding:
    [finding] = health.findings
    return finding


def test_a_cluster_that_is_well_has_no_findings_and_no_unknowns() -> None:
    health = check(cluster())
    assert (health.findings, health.unknown, health.well) == ((), (), True)


def test_my_job_on_a_node_that_fails_comes_first() -> None:
    nodes = (NodeNow("g1", "mixed", ("drain",), HOSTILE), NodeNow("g2", "down", ("not_responding",)))
    control = ControlPlane(known({"ctl": "down"}, "x"), known(True, "x"), known((), "x"))
    runs = (MyRun(3, "70", "train", "g1"), MyRun(4, "71", "학습", "g[2]"))
    health = check(cluster(nodes=nodes, control=control), runs=runs)
    first, second, *rest = health.findings
    assert (first.severity, first.what) == ("problem", "run 4 (학습) is on g2, which is down not responding")
    assert (second.severity, second.next) == ("warning", "jido logs 3")
    assert HOSTILE in second.why
    assert {one.about for one in rest} == {"control plane", "nodes"}
    assert not health.well


@pytest.mark.parametrize(
    ("reason", "severity", "says"),
    [
        ("Resources", "notice", "in use"),
        ("Priority", "notice", "come first"),
        ("", "notice", "not looked at it yet"),
        ("QOSMaxGRESPerUser", "notice", "starts when other jobs under that limit end"),
        ("JobHeldUser", "warning", "hold"),
        ("DependencyNeverSatisfied", "warning", "time alone may not cure"),
        ("QOSMaxWallDurationPerJobLimit", "warning", "time alone may not cure"),
        ("PartitionTimeLimit", "warning", "time alone may not cure"),
        ("ReqNodeNotAvail, UnavailableNodes:g1", "warning", "set aside"),
        ("SomethingNew", "notice", "SomethingNew"),
    ],
)
def test_a_waiting_job_is_told_with_its_reason_and_whether_it_will_pass(
    reason: str, severity: str, says: str
) -> None:
    queue = (QueuedJob("70", "pending", "train", reason=reason), QueuedJob("71", "running"))
    told = Slurm().meaning(reason)
    meanings = {reason: told} if told else {}
    finding = only(check(cluster(queue=queue), runs=(MyRun(3, "70", "train", ""),), meanings=meanings))
    assert (finding.severity, finding.what, finding.next) == (severity, "waiting: run 3 (train)", "jido why 3")
    assert says in finding.why


def test_many_jobs_that_wait_alike_are_one_finding() -> None:
    queue = tuple(QueuedJob(str(n), "pending", "a", reason="Priority") for n in range(300))
    assert only(check(cluster(queue=queue))).what.endswith("and 296 more")


def test_the_control_plane_as_a_user_can_see_it() -> None:
    backup = ControlPlane(known({"a": "down", "b": "up"}, "x"), known(False, "x"), known((), "x"))
    whats = [finding.what for finding in check(cluster(control=backup)).findings]
    assert whats == ["the controller on a is down", "the accounting daemon does not answer"]
    none = ControlPlane(known({"a": "down", "b": "down"}, "x"), absent("x"), known((), "x"))
    finding = only(check(cluster(control=none)))
    assert (finding.severity, finding.what) == ("problem", "no controller is up (a, b)")


def test_a_scheduler_that_does_not_answer_is_a_problem_and_its_facts_are_unknown() -> None:
    late = unknown("scontrol did not answer in time", "scontrol show node", "slurm/nodes")
    map_ = Map(
        "aurora",
        scheduling=Scheduling(engine=known("slurm", "x"), partitions=late),
        now=Now(at=AT, nodes=late, queue=late, ahead=known(0.0, "x")),
    )
    health = check(map_)
    assert (only(health).severity, only(health).what) == ("problem", "the scheduler does not answer")
    assert any(text.startswith("your jobs in the queue: scontrol did not answer") for text in health.unknown)


def test_maintenance_ahead_is_a_warning_with_its_time_and_what_is_over_or_far_is_not_told() -> None:
    rows = (
        Reservation("정기점검", "g[1-2]", AT + 26 * HOUR, AT + 30 * HOUR, flags=("MAINT",)),
        Reservation("course", "g1", AT - HOUR, AT + HOUR, accounts=("ai101",)),
        Reservation("over", "g1", AT - 9 * HOUR, AT - 8 * HOUR),
        Reservation("far", "g1", AT + 9000 * HOUR, AT + 9001 * HOUR, flags=("MAINT",)),
    )
    control = ControlPlane(known({"ctl": "up"}, "x"), known(True, "x"), known(rows, "x"))
    maintenance, course = check(cluster(control=control)).findings
    assert (maintenance.severity, "정기점검: all nodes" in maintenance.what) == ("warning", True)
    assert "in 1 day 1 hour" in maintenance.what
    assert "shorter time limit" in maintenance.why
    assert (course.severity, "1 of 2 nodes" in course.what) == ("notice", True)


def test_nodes_out_of_service_are_grouped_by_their_reason_and_powered_down_ones_are_fine() -> None:
    nodes = (
        *(NodeNow(f"g{n}", "down", (), HOSTILE) for n in range(1, 4)),
        NodeNow("c1", "idle", ("powered_down",)),
        NodeNow("g9", "idle"),
    )
    finding = only(check(cluster(nodes=nodes)))
    assert finding.what == "g[1-3]: down (3 of 5 nodes)"
    assert HOSTILE in finding.why


def test_full_volumes_quotas_and_those_that_hang() -> None:
    def volume(path: str, tier: str, size: int = 1000, **more: object) -> Volume:
        one = Volume(path, tier=known(tier, "x"), size=known(Bytes(size), "x"))
        return msgspec.structs.replace(one, **more)

    volumes = (
        volume("/home", "home", quota=known(Quota(hard=Bytes(100), files_hard=10), "x")),
        volume("/data", "work"),
        volume("/scratch", "scratch", inodes=known(1000, "x")),
        Volume("/dead", tier=known("work", "x"), size=unknown("df did not answer", "df /dead", "df/dead")),
        volume("/boot", "system"),
    )
    now = Now(
        at=AT,
        free={"/home": 500, "/data": 0, "/scratch": 500, "/boot": 0},
        free_inodes={"/scratch": 20},
        used={"/home": Usage(bytes=Bytes(91), files=1)},
        ahead=known(0.0, "x"),
    )
    found = {finding.what: finding.severity for finding in check(cluster(volumes=volumes, now=now)).findings}
    assert found == {
        "91% of your quota on /home is used": "warning",
        "/data is 100% full: 0 free for everybody": "problem",
        "/scratch has 20 files left of 1000": "warning",
        "/dead does not answer": "problem",
    }


def test_clocks_that_differ_are_told_with_the_direction() -> None:
    now = Now(at=AT, ahead=known(-7200.0, "clock"))
    assert only(check(cluster(now=now))).what == "its clock is 2 hours behind this machine's"
    assert check(cluster(now=Now(at=AT, ahead=known(5.0, "clock")))).well


def test_a_cluster_that_cannot_be_reached_is_told_from_its_kept_map() -> None:
    health = check(
        cluster(), fresh=False, trouble=("no answer", "time-out", "jido login aurora"), at=AT + 8 * 24 * HOUR
    )
    connection, old = health.findings
    assert (connection.about, connection.severity, connection.next) == ("connection", "problem", "jido login aurora")
    assert (old.severity, old.what) == ("warning", "all of this is as seen 8 days ago")
    assert only(check(None, fresh=False)).next == "jido probe aurora"


def test_daemons_of_a_twin_that_died_are_named() -> None:
    finding = only(check(cluster(), dead=("slurmd@g1",)))
    assert (finding.what, finding.next) == ("not running: slurmd@g1", "jido twin up aurora")


def test_a_machine_without_a_scheduler_is_not_asked_for_controllers() -> None:
    map_ = Map("box", scheduling=Scheduling(engine=known("process", "told")), now=Now(at=AT, ahead=known(0.0, "x")))
    assert check(map_, control_plane=False).unknown == ()


def test_every_finding_is_told_in_korean_as_well() -> None:
    korean = Speech("ko")
    rows = (
        Reservation("m1", "g[1-2]", AT + 26 * HOUR, AT + 30 * HOUR, flags=("MAINT",)),
        Reservation("course", "g1", AT - HOUR, AT + HOUR),
    )
    volumes = (
        Volume("/home", size=known(Bytes(100), "x"), tier=known("home", "x")),
        Volume("/dead", size=unknown("late", "df /dead", "df/dead")),
    )
    now = Now(at=AT, free={"/home": 1}, ahead=known(600.0, "x"))
    ill = cluster(
        nodes=(NodeNow("g1", "down", (), "fan"), NodeNow("g2", "idle", ("drain",))),
        queue=(QueuedJob("7", "pending", "train", reason="QOSMaxGRESPerUser"), QueuedJob("8", "pending", reason="")),
        control=ControlPlane(known({"a": "down", "b": "up"}, "x"), known(False, "x"), known(rows, "x")),
        volumes=volumes,
        now=now,
    )
    seen = Seen("aurora", ill, AT + 9 * 24 * HOUR, fresh=False, took=60.0, dead=("slurmctld",))
    reasons = {job.reason: told for job in ill.now.queue.value or () if (told := Slurm().meaning(job.reason))}
    seen = msgspec.structs.replace(seen, runs=(MyRun(3, "70", "학습", "g1"),), meanings=reasons)
    none = Seen("aurora", Map("aurora", scheduling=Scheduling(engine=absent("x")), now=Now(at=AT)), AT)
    for one in (seen, none, Seen("aurora", None, AT)):
        english, told = examine(one), examine(one, korean)
        assert told.lang == "ko"
        # What there is, how grave it is and what to type do not depend on the language.
        assert [(row.severity, row.about, row.next) for row in told.findings] == [
            (row.severity, row.about, row.next) for row in english.findings
        ]
        for row in told.findings:
            texts = [row.what.replace("학습", "")] + ([row.why] if row.why not in ("fan",) else [])
            for text in texts:
                assert any("가" <= char <= "힣" for char in text), row
        assert all(any("가" <= char <= "힣" for char in text) for text in told.unknown)
    assert any(
        row.why.startswith("QOSMaxGRESPerUser: 내 QoS의 GPU 한도를 다 썼음") for row in examine(seen, korean).findings
    )


def test_what_in_a_home_could_lie_elsewhere_is_told_when_it_is_much() -> None:
    large = ((".cache/huggingface", 40 * 1024**3), ("miniconda3", 9 * 1024**3))
    finding = only(check(cluster(), caches=large))
    assert finding.severity == "notice"
    assert finding.what == "49G in your home could lie elsewhere: .cache/huggingface 40G, miniconda3 9G"
    assert finding.next == "jido home --on aurora"
    assert check(cluster(), caches=((".cache/pip", 10**6),)).findings == ()
