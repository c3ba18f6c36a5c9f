"""A limit that all users of an account share, and maintenance ahead: claims held against what a real Slurm does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jido.api import capacity, probing
from jido.api.cluster import Cluster
from jido.capacity.places import Place, Request
from jido.model.command import Command
from jido.model.document import map_to_yaml
from jido.model.facts import known
from jido.model.limits import Association, ControlPlane, Limits, Qos, Reservation
from jido.model.map import Bytes, Gpu, Instance, Map, NodeGroup, Partition, Scheduling, Seconds
from jido.twins import processes
from real_twins import ACCOUNTING, brought_up

pytestmark = [pytest.mark.twin, pytest.mark.xdist_group("capacity")]

DAY = 86400


def lab() -> Map:
    rows = (
        Association("lab", in_all=Limits(gpu_models={"a100": 2})),
        Association("lab", "me", qos=("course",), default_qos="course", is_default=True),
    )
    tomorrow = time.time() + DAY
    maintenance = Reservation("m1", "s[1-2]", tomorrow, tomorrow + 3600, flags=("MAINT",))
    return Map(
        "lab",
        instance=Instance(nodes=(NodeGroup("s[1-2]", cpus=8, memory=Bytes(2**33), gpus=(Gpu(2, "a100"),)),)),
        scheduling=Scheduling(
            engine=known("slurm", "told"),
            accounting=known(True, "told"),
            partitions=known((Partition("batch", "s[1-2]", default=True, max_time=Seconds(6 * DAY)),), "told"),
            accounts=known(("lab",), "told"),
            qos=known(("course",), "told"),
            qos_rules=known((Qos("course", per_user=Limits(gpus=4)),), "told"),
            associations=known(rows, "told"),
            control=ControlPlane(reservations=known((maintenance,), "told")),
        ),
    )


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    file = tmp_path / "lab.yaml"
    file.write_text(map_to_yaml(lab()), "utf-8")
    with brought_up(str(file), *ACCOUNTING):
        probing.probe("lab")
        yield Cluster("lab")


def place(**wanted: int) -> Place:
    [found] = capacity.where(Request(**wanted), ["lab"], fresh=True).places  # type: ignore[arg-type]
    return found


def test_claims_are_what_slurm_does(cluster: Cluster) -> None:
    def there(*argv: str) -> str:
        return cluster.transport.run(Command(argv)).check("asking").text.strip()

    def submit(name: str, *options: str) -> None:
        job = ("--gres=gpu:a100:1", "--mem=100M", "-o", "/dev/null", *options, "--wrap", "sleep 300")
        there("sbatch", "-J", name, *job)

    def state(name: str, field: str) -> str:
        return there("squeue", "-h", "-n", name, "-o", field)

    assert (place(gpus=1, time=3600).when, place(gpus=1, nodes=2, time=3600).when) == ("now", "now")
    # A job of two days would run into the maintenance of tomorrow, and so Slurm does not start it.
    late = place(gpus=1, time=2 * DAY)
    assert (late.when, late.held_by) == ("later", "reservation")
    assert "maintenance m1" in late.why
    assert late.starts is not None
    assert late.starts > time.time() + DAY
    submit("long", "-t", "2-0")
    assert processes.until(
        lambda: "Reserved" in state("long", "%r") or "ReqNodeNotAvail" in state("long", "%r"), within=20
    )

    submit("both", "-N", "2", "-t", "60")
    assert processes.until(lambda: state("both", "%T") == "RUNNING", within=20)
    taken = place(gpus=1, time=3600)
    assert (taken.when, taken.held_by, taken.starts) == ("later", "limit", None)
    assert taken.why == "beyond the 2 a100 GPUs that account lab shares (2 in use)"
    submit("more", "-t", "60")
    assert processes.until(lambda: state("more", "%r") == "AssocGrpGRES", within=20)
