"""What others have left of shared bounds, what is set aside ahead, and jobs over several nodes."""

from __future__ import annotations

import msgspec
import pytest

from jido.capacity.ahead import windows
from jido.capacity.places import Place, Request, places
from jido.capacity.usable import together, usable
from jido.capacity.use import Use, uses
from jido.errors import InputError
from jido.model.facts import Fact, known, unknown
from jido.model.limits import Access, Association, Limits, Qos, Reservation, SharedUse
from jido.model.map import UNSEEN, Map, QueuedJob, Seconds
from small_clusters import BATCH, FREE, RTX, THREE, cluster, idle, node, with_job

HOUR = 3600.0
MINE = Access("batch", "open", "verified", account="lab", qos="course", per_user=Limits(gpus=6, cpus=48, jobs=9))


def sharing(used: Fact[tuple[SharedUse, ...]], *, access: Access = MINE) -> Map:
    """A QoS and an account above mine have bounds that all their users share."""
    made = cluster(THREE, FREE, (BATCH,), (access,))
    rules = (Qos("course", in_all=Limits(gpus=6, jobs=9)),)
    members = (
        Association("lab", "me", qos=("course",)),
        Association("lab", parent="학과"),
        Association("학과", in_all=Limits(cpus=48)),
    )
    facts = msgspec.structs.replace(made.scheduling, qos_rules=known(rules, "x"), associations=known(members, "x"))
    now = msgspec.structs.replace(made.now, shared=used)
    return msgspec.structs.replace(made, scheduling=facts, now=now)


def told(gpus: int = 0, jobs: int = 0, cpus: int = 0) -> Fact[tuple[SharedUse, ...]]:
    of_qos = SharedUse(qos="course", used=Limits(gpus=gpus, jobs=jobs))
    return known((of_qos, SharedUse("학과", used=Limits(cpus=cpus))), "x")


def rtx(map_: Map, wanted: Request) -> Place:
    return next(one for one in places(map_, wanted) if one.model == "rtx3090")


def test_what_others_use_of_a_shared_bound_is_not_mine() -> None:
    [pool] = [one for one in usable(sharing(told(gpus=4))) if one.model == "rtx3090"]
    assert pool.usable == 2
    assert pool.not_usable == {"beyond the 6 GPUs that QoS course shares (4 in use)": 14}
    assert rtx(sharing(told(gpus=4)), Request(gpus=2)).when == "now"
    later = rtx(sharing(told(gpus=5)), Request(gpus=2))
    assert (later.when, later.held_by) == ("later", "limit")


def test_an_account_above_mine_counts_as_well() -> None:
    place = rtx(sharing(told(cpus=46)), Request(gpus=1, cpus_per_gpu=4))
    assert (place.when, place.why) == ("later", "beyond the 48 CPUs that account 학과 shares (46 in use)")
    assert rtx(sharing(told(cpus=46)), Request(gpus=1, cpus_per_gpu=2)).usable == 1


def test_running_jobs_of_all_users_together_are_bounded_too() -> None:
    assert rtx(sharing(told(jobs=9)), Request()).why.startswith("beyond the 9 running jobs that QoS course shares")


@pytest.mark.parametrize("used", [unknown("Access denied", "x"), UNSEEN, known((), "x")])
def test_a_shared_bound_whose_use_is_not_told_is_said_and_taken_against_me(used: Fact[tuple[SharedUse, ...]]) -> None:
    place = rtx(sharing(used), Request())
    assert (place.when, place.held_by) == ("not known", "")
    assert place.why.endswith("what others use of them is not told")
    map_ = sharing(used)
    assert {one.usable for one in together(map_, usable(map_))} == {0}


def test_bounds_that_are_not_enforced_hold_nobody_back() -> None:
    free = Access("batch", "open", "verified", account="lab", qos="course")
    assert rtx(sharing(UNSEEN, access=free), Request()).when == "now"


def of_two_qos(**flags: object) -> Map:
    """A job of mine under the QoS in question, one under another, and a partition with a QoS of its own."""
    partition = msgspec.structs.replace(BATCH, qos="part")
    access = Access("batch", "open", "verified", account="lab", qos="course", per_user=Limits(gpus=3, submit=9))
    made = cluster(THREE, FREE, (partition,), (access,))
    rules = (Qos("course", per_user=Limits(gpus=3), **flags), Qos("part", per_user=Limits(submit=9)))  # type: ignore[arg-type]
    facts = msgspec.structs.replace(made.scheduling, qos_rules=known(rules, "x"))
    mine = QueuedJob("41", "running", partition="batch", account="lab", qos="course", gpus=2)
    jobs = (
        mine,
        msgspec.structs.replace(mine, id="42", qos="free"),
        msgspec.structs.replace(mine, id="43", state="pending"),
    )
    return msgspec.structs.replace(
        made, scheduling=facts, now=msgspec.structs.replace(made.now, queue=known(jobs, "x"))
    )


def test_only_jobs_under_the_same_qos_count_against_its_limit() -> None:
    assert {one.usable for one in usable(of_two_qos()) if one.model == "rtx3090"} == {1}
    assert [(one.what, one.used, one.limit, one.jobs) for one in uses(of_two_qos())] == [
        ("job in the queue", 3, 9, ("41", "42", "43")),
        ("GPU", 2, 3, ("41",)),
    ]


def test_what_others_use_of_a_shared_limit_is_told_or_said_to_be_unknown() -> None:
    use = {one.shared_by: one for one in uses(sharing(told(gpus=4, jobs=2, cpus=46))) if one.what != "running job"}
    assert use["QoS course"] == Use("GPU", 6, 4, (), "QoS course", ("batch",))
    assert use["account 학과"].used == 46
    assert {one.used for one in uses(sharing(UNSEEN))} == {None}


def closing(in_hours: float, nodes: str = "g[1-3]", *, flags: tuple[str, ...] = ("MAINT",)) -> Map:
    made = with_job(cluster(THREE, FREE, (BATCH,)), gpus=1)
    at = made.now.at
    rows = (
        Reservation("정기점검", nodes, at + in_hours * HOUR, at + (in_hours + 8) * HOUR, flags=flags),
        Reservation("over", nodes, at - 9 * HOUR, at - HOUR, flags=flags),
        Reservation("licence only", "", at + HOUR, at + 2 * HOUR),
    )
    control = msgspec.structs.replace(made.scheduling.control, reservations=known(rows, "x"))
    return msgspec.structs.replace(made, scheduling=msgspec.structs.replace(made.scheduling, control=control))


def test_a_job_that_would_run_into_maintenance_begins_later_and_is_told_what_fits_before() -> None:
    place = rtx(closing(13), Request(time=2 * 86400))
    assert (place.when, place.held_by) == ("later", "reservation")
    assert place.why.startswith("maintenance 정기점검 from ")
    assert place.why.endswith("a job of 2d would run into it; one of up to 13h fits before")
    assert rtx(closing(13), Request(time=12 * 3600)).when == "now"


def test_a_job_that_names_no_time_is_as_long_as_the_partition_makes_it() -> None:
    assert rtx(closing(13), Request()).held_by == "reservation"
    map_ = closing(13)
    short = msgspec.structs.replace(BATCH, default_time=Seconds(3600))
    facts = msgspec.structs.replace(map_.scheduling, partitions=known((short,), "x"))
    assert rtx(msgspec.structs.replace(map_, scheduling=facts), Request()).when == "now"


def test_nodes_that_are_not_set_aside_take_it_now() -> None:
    place = rtx(closing(13, "g1"), Request(gpus=8, time=2 * 86400))
    assert (place.when, place.usable) == ("now", 1)


def test_a_reservation_for_others_closes_its_nodes_as_maintenance_does() -> None:
    assert rtx(closing(1, flags=()), Request(time=86400)).why.startswith("reservation 정기점검 from ")


def test_what_is_ahead_is_told_and_what_is_over_or_without_nodes_is_not() -> None:
    assert [one.name for one in windows(closing(13))] == ["정기점검"]
    assert windows(closing(24 * 365)) == []


def test_gpus_at_hand_now_are_not_less_for_a_maintenance_of_tomorrow() -> None:
    assert {one.usable for one in usable(closing(13)) if one.model == "rtx3090"} == {16}
    soon = usable(closing(0.01))
    assert {one.usable for one in soon} == {0}


@pytest.mark.parametrize(
    ("gpus", "nodes", "when", "usable_"),
    [(8, 2, "now", 1), (4, 2, "now", 2), (3, 2, "now", 2), (1, 2, "now", 8), (8, 3, "no", 0), (9, 1, "no", 0)],
)
def test_several_nodes_each_have_so_many_gpus(gpus: int, nodes: int, when: str, usable_: int) -> None:
    map_ = cluster(THREE, FREE, (BATCH,))
    place = rtx(map_, Request(gpus=gpus, nodes=nodes))
    assert (place.when, place.usable) == (when, usable_)


def test_no_job_has_one_node_twice() -> None:
    four = tuple(node(f"n{number}", RTX) for number in range(1, 5))
    now = (idle("n1"), *(idle(f"n{number}", gpus_used={"rtx3090": 6}) for number in (2, 3, 4)))
    map_ = cluster(four, now, (msgspec.structs.replace(BATCH, nodes="n[1-4]"),))
    # 8, 2, 2 and 2 free: with two GPUs on each of two nodes, two jobs at once; with three nodes, one.
    assert rtx(map_, Request(gpus=2, nodes=2)).usable == 3
    assert rtx(map_, Request(gpus=2, nodes=3)).usable == 1
    later = rtx(map_, Request(gpus=4, nodes=2))
    assert (later.when, later.why) == (
        "later",
        "1 of its nodes has 4 free GPUs with CPUs and memory beside them",
    )


def test_limits_are_of_the_whole_job() -> None:
    bounds = Access("batch", "open", "verified", up_to=Limits(gpus=8, nodes=2))
    map_ = cluster(THREE, FREE, (BATCH,), (bounds,))
    assert rtx(map_, Request(gpus=4, nodes=2)).when == "now"
    assert rtx(map_, Request(gpus=8, nodes=2)).why == "you may have 8 there at a time"
    assert rtx(map_, Request(gpus=1, nodes=3)).why == "a job may have 2 nodes there"
    few = msgspec.structs.replace(BATCH, min_nodes=2)
    assert rtx(cluster(THREE, FREE, (few,)), Request()).why == "it takes jobs from 2 nodes on"
    assert rtx(cluster(THREE, FREE, (few,)), Request(nodes=2)).when == "now"


def test_no_nodes_are_nothing_to_look_for() -> None:
    from jido.capacity.places import check

    with pytest.raises(InputError):
        check(Request(nodes=0))
