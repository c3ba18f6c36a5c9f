"""Resolving a job against the map: what cannot run is refused with what would, what is unknown never is."""

import pytest
from msgspec.structs import replace

from jido.engines.slurm import Slurm
from jido.errors import Refused
from jido.model.facts import known, unknown
from jido.model.job import JobSpec, Resources
from jido.model.limits import Access, Association, Limits
from jido.model.map import Bytes, Gpu, Instance, Map, NodeGroup, Partition, Scheduling, Seconds

GIB = 1024**3
NODES = (
    NodeGroup("g[1-3]", cpus=64, memory=Bytes(500 * GIB), gpus=(Gpu(8, "rtx3090"),)),
    NodeGroup("g4", cpus=32, memory=Bytes(250 * GIB), gpus=(Gpu(6, "rtx2080ti"),)),
)
DEBUG = Partition("debug_ugrad", nodes="g[1-4]", max_time=Seconds(4 * 3600), allow_accounts=("ugrad", "grad"))
BATCH = Partition("batch_ugrad", nodes="g[1-4]", max_time=Seconds(6 * 86400), allow_accounts=("ugrad",))
LAB = Partition("batch_vll", nodes="g4", allow_accounts=("vll",))
CLOSED = Partition("closed", nodes="g3", state="down")


def cluster(*partitions: Partition, accounts: tuple[str, ...] | None = ("ugrad",)) -> Map:
    return Map(
        name="aurora",
        instance=Instance(nodes=NODES),
        scheduling=Scheduling(
            engine=known("slurm", "told"),
            partitions=known(partitions or (DEBUG, BATCH, LAB, CLOSED), "slurm/partitions"),
            accounts=unknown("not asked") if accounts is None else known(accounts, "slurm/associations"),
        ),
    )


def plan(map_: Map, **resources: object) -> tuple[str | None, str]:
    spec = JobSpec(name="train", argv=("true",), resources=Resources(**resources))  # type: ignore[arg-type]
    resolved, said = Slurm().plan(spec, map_)
    return resolved.resources.partition, " ".join(said)


def refusal(map_: Map, **resources: object) -> Refused:
    with pytest.raises(Refused) as caught:
        plan(map_, **resources)
    assert caught.value.hint
    return caught.value


def test_the_nearest_partition_is_suggested() -> None:
    assert "'batch_ugrad'" in refusal(cluster(), partition="batch_ugard").hint


def test_without_a_default_the_nearest_time_limit_is_chosen() -> None:
    assert plan(cluster(), time=3600)[0] == "debug_ugrad"
    chosen, said = plan(cluster(), time=5 * 3600)
    assert chosen == "batch_ugrad"
    assert "no default" in said
    assert "6d" in said


def test_without_a_time_the_longest_is_chosen() -> None:
    assert plan(cluster())[0] == "batch_ugrad"


def test_a_default_is_left_to_the_cluster() -> None:
    chosen, said = plan(cluster(replace(DEBUG, default=True), BATCH), time=60)
    assert chosen is None
    assert "debug_ugrad" in said


def test_a_default_that_would_refuse_is_stepped_around() -> None:
    chosen, said = plan(cluster(replace(DEBUG, default=True), BATCH), time=86400)
    assert chosen == "batch_ugrad"
    assert "time limit is 4h" in said


def test_too_long_names_where_it_would_run() -> None:
    error = refusal(cluster(), partition="debug_ugrad", time=86400)
    assert "4h" in error.cause
    assert "batch_ugrad (up to 6d)" in error.hint


def test_an_account_that_is_not_let_in_is_told_who_is() -> None:
    error = refusal(cluster(), partition="batch_vll")
    assert "vll" in error.cause
    assert "yours: ugrad" in error.cause


def test_an_account_that_is_not_mine_is_refused() -> None:
    assert "'grad' is not one of your accounts" in refusal(cluster(), account="grad", partition="debug_ugrad").cause


def test_of_my_accounts_one_that_is_let_in_is_named() -> None:
    mine = cluster(accounts=("grad", "ugrad"))
    resolved, said = Slurm().plan(JobSpec("n", ("true",), Resources(partition="batch_ugrad")), mine)
    assert resolved.resources.account == "ugrad"
    assert "of yours (grad, ugrad) batch_ugrad takes ugrad" in " ".join(said)
    resolved, _ = Slurm().plan(JobSpec("n", ("true",), Resources(partition="debug_ugrad")), mine)
    assert resolved.resources.account is None


def test_a_denied_account_is_refused() -> None:
    closed_to_me = Partition("big", nodes="g[1-4]", deny_accounts=("ugrad",))
    assert "does not take ugrad" in refusal(cluster(closed_to_me), partition="big").cause


def test_a_closed_partition_is_refused() -> None:
    assert "down" in refusal(cluster(), partition="closed").cause


@pytest.mark.parametrize(
    ("asked", "cause"),
    [
        ({"gpus": 9}, "more than 8 GPUs, 9"),
        ({"gpus": 1, "gpu_model": "h100"}, "no node of it has h100"),
        ({"gpus": 7, "gpu_model": "rtx2080ti"}, "more than 6 rtx2080ti"),
        ({"cpus": 65}, "more than 64 CPUs, 65"),
        ({"cpus": 33, "tasks": 2}, "more than 64 CPUs, 66"),
        ({"memory": 501 * GIB}, "more than 500G memory"),
        ({"gpus": 8, "memory_per_gpu": 63 * GIB}, "504G is asked for"),
        ({"gpus": 8, "nodes": 4}, "only 3 of its nodes"),
    ],
)
def test_more_than_any_node_has_is_refused_with_what_there_is(asked: dict[str, object], cause: str) -> None:
    error = refusal(cluster(), partition="batch_ugrad", **asked)
    assert cause in error.cause
    assert "g[1-3] (8 rtx3090, 64 CPUs, 500G)" in error.hint


def test_of_several_partitions_one_that_fits_is_enough() -> None:
    assert plan(cluster(), partition="debug_ugrad,batch_ugrad", time=86400)[0] == "debug_ugrad,batch_ugrad"


def test_what_is_not_known_never_refuses() -> None:
    nobody = cluster(accounts=None)
    assert plan(nobody, partition="batch_vll")[0] == "batch_vll"
    without_nodes = replace(cluster(), instance=Instance())
    assert plan(without_nodes, partition="batch_ugrad", gpus=99)[0] == "batch_ugrad"
    some_nodes = replace(cluster(), instance=Instance(nodes=NODES[1:]))
    assert plan(some_nodes, partition="batch_ugrad", gpus=99)[0] == "batch_ugrad"
    blank = replace(cluster(), scheduling=Scheduling())
    assert plan(blank, partition="anything", gpus=99) == ("anything", "")
    no_memory = replace(cluster(), instance=Instance(nodes=(replace(NODES[0], memory=None), NODES[1])))
    assert plan(no_memory, partition="batch_ugrad", memory=900 * GIB)[0] == "batch_ugrad"


UGRAD = Association("ugrad", "student", qos=("gpu1", "high"), default_qos="gpu1", is_default=True)
GRAD = Association("grad", "student", qos=("normal",))


def judged(*rows: Access) -> Map:
    map_ = cluster(accounts=("ugrad", "grad"))
    return replace(
        map_,
        scheduling=replace(
            map_.scheduling,
            access=known(rows, "slurm/access"),
            associations=known((UGRAD, GRAD), "slurm/associations"),
        ),
    )


def test_what_slurms_dry_run_refused_is_refused_in_its_words() -> None:
    found = refusal(
        judged(Access("batch_ugrad", "refused", "verified", "교수님 허가")), partition="batch_ugrad", time=3600
    )
    assert "교수님 허가" in found.cause
    assert "debug_ugrad" in found.hint


def test_more_gpus_than_my_limit_would_wait_for_ever_and_are_refused() -> None:
    one = Access("batch_ugrad", "open", "verified", account="ugrad", qos="gpu1", per_user=Limits(gpus=1))
    found = refusal(judged(one), partition="batch_ugrad", gpus=2)
    assert "you may have 1 GPU there at a time, 2 are asked for" in found.cause
    assert plan(judged(one), partition="batch_ugrad", gpus=1)[0] == "batch_ugrad"
    # With a QoS of one's own choice the limit may be another.
    assert plan(judged(one), partition="batch_ugrad", gpus=2, qos="high")[0] == "batch_ugrad"


def test_the_limit_of_a_qos_counts_where_it_is_shorter_than_the_partitions() -> None:
    short = Access("batch_ugrad", "open", "verified", up_to=Limits(wall=3600))
    assert "you may take 1h there" in refusal(judged(short), partition="batch_ugrad", time=7200).cause


def test_account_and_qos_that_open_a_partition_are_named_where_they_are_not_the_usual_ones() -> None:
    def resources(row: Access) -> tuple[str | None, str | None]:
        spec = JobSpec(name="train", argv=("true",), resources=Resources(partition=row.partition))
        want = Slurm().plan(spec, judged(row))[0].resources
        return want.account, want.qos

    assert resources(Access("batch_ugrad", "open", "verified", account="ugrad", qos="gpu1")) == (None, None)
    assert resources(Access("batch_ugrad", "open", "verified", account="ugrad", qos="high")) == (None, "high")
    assert resources(Access("debug_ugrad", "open", "verified", account="grad", qos="normal")) == ("grad", None)


def test_nodes_that_are_down_now_refuse_nobody() -> None:
    down = Access("batch_ugrad", "down", "declared", "none of its 4 nodes takes jobs now")
    assert plan(judged(down), partition="batch_ugrad")[0] == "batch_ugrad"
