"""Which way several processes are started, and what a job script does for that."""

from __future__ import annotations

import subprocess

import pytest

from jido.engines.process import Process
from jido.engines.slurm import Slurm
from jido.errors import InputError, Refused
from jido.jobs import launching
from jido.jobs.submit import draft
from jido.model.job import JobSpec, Resources
from jido.model.workspace import Workspace

HOSTILE = "a 'b\" $(touch pwned) `x` 한\n글"


def spec(*argv: str, nodes: int = 2, tasks: int = 1, gpus: int = 0, launch: str = "") -> JobSpec:
    return JobSpec("j", argv, Resources(nodes=nodes, tasks=tasks, gpus=gpus, cpus=2), launch=launch)


def script_of(job: JobSpec) -> str:
    return draft(Slurm(), job, Workspace("/data/me/p")).script


@pytest.mark.parametrize(
    ("argv", "way"),
    [
        (("python", "train.py"), "tasks"),
        (("srun", "python", "train.py"), "none"),
        (("bash", "-c", "module load openmpi && mpirun ./a.out"), "none"),
        (("bash", "-c", "/opt/mpi/bin/mpiexec -n 4 ./a.out"), "none"),
        (("bash", "-c", "echo mpirunning"), "tasks"),
        (("torchrun", "train.py"), "torchrun"),
        (("python", "-m", "torch.distributed.run", "train.py"), "torchrun"),
    ],
)
def test_the_command_tells_how_it_wants_to_be_started(argv: tuple[str, ...], way: str) -> None:
    chosen, said = launching.resolve(spec(*argv), Slurm(), None)
    assert chosen.launch == way
    assert len(said) == 1


def test_one_process_is_just_started() -> None:
    assert launching.resolve(spec("python", "train.py", nodes=1), Slurm(), None)[0].launch == "none"


def test_what_is_said_holds_and_a_wrong_word_suggests_the_nearest() -> None:
    assert launching.resolve(spec("srun", "x", launch="mpi"), Slurm(), None)[0].launch == "mpi"
    with pytest.raises(InputError) as caught:
        launching.resolve(spec("x", launch="torch-run"), Slurm(), None)
    assert "torchrun" in caught.value.hint


def test_an_engine_without_several_nodes_refuses_with_its_reason() -> None:
    for way in ("tasks", "mpi"):
        with pytest.raises(Refused) as caught:
            launching.resolve(spec("x", nodes=1, tasks=4, launch=way), Process(), None)
        assert caught.value.cause == "it is one machine"
    # Several processes of one machine need no launcher but torchrun.
    assert launching.resolve(spec("x", nodes=1, launch="torchrun"), Process(), None)[0].launch == "torchrun"


def test_the_step_is_counted_anew_and_a_failing_task_ends_the_others() -> None:
    text = script_of(spec("python", HOSTILE, nodes=2, tasks=3, launch="tasks"))
    assert (
        "srun --nodes=2 --ntasks=6 --ntasks-per-node=3 --kill-on-bad-exit=1 --export=ALL --cpus-per-task=2 " in text
    )
    assert "WORLD_SIZE=6 LOCAL_WORLD_SIZE=3" in text
    assert subprocess.run(["sh", "-n"], input=text, text=True).returncode == 0


def test_torchrun_is_started_once_on_each_node_with_a_process_for_each_gpu() -> None:
    text = script_of(spec("python", "train.py", gpus=4, launch="torchrun"))
    assert "--ntasks=2 --ntasks-per-node=1 " in text
    assert "jido-task torchrun --no-python python train.py &" in text
    assert "WORLD_SIZE=8 LOCAL_WORLD_SIZE=4" in text
    assert "jido-task torchrun train.py &" in script_of(spec("torchrun", "train.py", launch="torchrun"))


def test_ray_gets_what_the_job_has_on_each_node_and_ends_with_the_command() -> None:
    want = Resources(nodes=2, cpus=4, gpus=2, memory=10 * 2**30)
    text = script_of(JobSpec("j", ("python", "tune.py"), want, launch="ray"))
    assert "--ntasks=2 --ntasks-per-node=1 " in text
    assert "--num-cpus=4 --num-gpus=2 --object-store-memory=3221225472 --memory=7516192768" in text
    assert "jido-task python tune.py &" in text
    assert 'over "$code"' in text
    assert "RAY_AUTH_TOKEN=$(od" in text
    unsaid = script_of(JobSpec("j", ("python", "tune.py"), Resources(nodes=2), launch="ray"))
    assert "${JIDO_CPUS:-$(nproc)}" in unsaid
    assert "--memory" not in unsaid
    alone = script_of(spec("python", "tune.py", nodes=1, launch="ray"))
    assert "jido-task python tune.py &" in alone


def test_a_single_process_is_started_without_any_of_it() -> None:
    text = script_of(spec("python", "train.py", nodes=1, launch="none"))
    assert "srun" not in text
    assert "MASTER_PORT" not in text
