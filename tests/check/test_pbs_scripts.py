"""`jido check` on a PBS script advises in PBS's words, and rewrites in them."""

from __future__ import annotations

import pytest

from jido.check.case import Case, Looked
from jido.check.findings import Finding
from jido.check.run import apply, examine
from jido.check.speech import finding_in
from jido.engines.pbs import Pbs
from jido.model.facts import known
from jido.model.limits import Access
from jido.model.map import Gpu, Instance, Map, NodeGroup, Partition, Scheduling, Seconds

HEAD = "#!/bin/bash\n"


def halla() -> Map:
    queues = (
        Partition("workq", "up", default=True, max_time=Seconds(86400), default_time=Seconds(3600), by="pbs/queues"),
        Partition("long", "up", max_time=Seconds(604800), by="pbs/queues"),
    )
    return Map(
        name="halla",
        instance=Instance(nodes=(NodeGroup("g[1-2]", "compute", 16, 64 * 1024**3, (Gpu(count=4),), by="pbs/nodes"),)),
        scheduling=Scheduling(
            engine=known("pbs", "pbs/version"),
            partitions=known(queues, "pbs/queues"),
            settings=known({"dialect": "OpenPBS/PBS Pro"}, "pbs/version"),
            access=known(tuple(Access(one.name, "open", "declared") for one in queues), "pbs/queues"),
        ),
    )


def found(text: str, rule: str) -> tuple[Case, Finding]:
    engine, map_ = Pbs(), halla()
    script = engine.read_script(text, map_)
    case = Case(
        file="train.sh",
        text=text,
        want=script.resources,
        script=script,
        map=map_,
        objections=engine.objections(script.resources, map_),
        write=engine.write_option,
        looked=Looked(why_not=""),
    )
    return case, next(one for one in examine([case]).findings if one.rule == rule)


def test_a_missing_time_limit_is_advised_and_mended_as_walltime() -> None:
    text = HEAD + "#PBS -l select=1:ncpus=2:mem=4gb\npython train.py\n"
    case, one = found(text, "time-missing")
    assert one.fix == "say how long it takes, with some room: -l walltime=2:00:00"
    mended = apply(text, one.edits)
    assert mended == HEAD + "#PBS -l select=1:ncpus=2:mem=4gb\n#PBS -l walltime=01:00:00\npython train.py\n"
    assert Pbs().read_script(mended, case.map).resources.time == 3600


def test_too_long_a_time_is_cut_to_what_the_queue_runs() -> None:
    text = HEAD + "#PBS -l walltime=48:00:00\n#PBS -l select=1:ncpus=2\npython train.py\n"
    _, one = found(text, "time-too-long")
    assert "at most 24:00:00" in one.fix
    assert "would run in: long" in one.fix
    assert "Job violates queue" in one.why
    assert apply(text, one.edits) == text.replace("48:00:00", "24:00:00")


@pytest.mark.parametrize(
    ("asks", "advice"),
    [
        ("#PBS -l select=1:ngpus=1\n", "ncpus= in -l select="),
        ("#PBS -l nodes=1:gpus=1\n", "ppn= in -l nodes="),
    ],
)
def test_gpus_without_cpus_are_advised_in_the_scripts_own_dialect(asks: str, advice: str) -> None:
    _, one = found(HEAD + asks + "#PBS -l walltime=1:00:00\npython train.py\n", "gpu-alone")
    assert advice in one.fix
    # PBS gives a job that names no memory no more of it than the site says.
    assert "all the memory" not in one.what


def test_no_finding_on_a_pbs_script_speaks_of_slurms_options() -> None:
    script = (
        HEAD + "#PBS -q nowhere\n#PBS -A lab\n#PBS -l select=1:ncpus=4:mpiprocs=4:ngpus=9\nnvidia-smi\npython x.py\n"
    )
    case, _ = found(script, "partition-unknown")
    for one in examine([case]).findings:
        for said in (one, finding_in(one, "ko")):
            for word in (
                "--time",
                "--account",
                "--cpus-per",
                "--mem-per",
                "sbatch",
                "srun",
                "Invalid partition name",
            ):
                assert word not in said.fix + said.why, one


def test_the_advice_is_the_same_in_korean() -> None:
    _, one = found(HEAD + "#PBS -l select=1:ncpus=2\npython train.py\n", "time-missing")
    said = finding_in(one, "ko")
    assert said.fix == "걸릴 시간을 여유 있게 쓰세요: -l walltime=2:00:00"
    assert said.why.startswith("파티션의")
