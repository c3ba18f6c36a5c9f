"""From an SSH address to a finished job."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.conftest import Person
from tests.trees import trees

pytestmark = [pytest.mark.twin, pytest.mark.xdist_group("hanok")]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The path is the same on this machine's Slurm and on newer ones."""
    if "on_twin" in metafunc.fixturenames:
        own = pytest.param(None, id="own")
        metafunc.parametrize("on_twin", [own, *trees("hanok")], indirect=True, scope="session")


TRAIN = """\
import os, socket, pathlib
where = {name: os.environ[name] for name in sorted(os.environ) if name.startswith("JIDO_")}
print("on", socket.gethostname(), "as", os.getuid(), "with GPUs", os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
print("data says", pathlib.Path(where["JIDO_DATA"], "한 글.txt").read_text())
pathlib.Path(where["JIDO_RESULTS"], "accuracy $(x).txt").write_text("0.97")
pathlib.Path("results/relative.txt").write_text("beginners write relative paths")
pathlib.Path(where["JIDO_CHECKPOINTS"], "epoch1").write_text("weights")
"""


def test_a_project_is_laid_out_pushed_run_followed_and_pulled(person: Person) -> None:
    (person.folder / "train.py").write_text(TRAIN)
    planned = person.types("init", "--on", "hanok", "--name", "digits", "--dry-run").stdout
    assert "/data/student/digits" in planned
    assert not (person.folder / "jido.toml").exists()
    person.types("init", "--on", "hanok", "--name", "digits", "--yes")
    (person.folder / "data" / "한 글.txt").write_text("안녕")
    person.types("push", "--on", "hanok", "--data")
    followed = person.types("run", "--on", "hanok", "--gpus", "2", "--", "python3", "train.py")
    assert re.fullmatch(r"on hanok-g[12] as 1000 with GPUs 0,1\ndata says 안녕\n", followed.stdout)
    assert "done" in followed.stderr
    run = person.run()
    assert (run["state"], run["code"], run["settled"]) == ("done", 0, True)
    person.types("pull")
    home = person.folder / "results" / run["name"]
    assert (home / "accuracy $(x).txt").read_text() == "0.97"
    assert (home / "relative.txt").exists()
    assert (person.folder / "logs" / f"{run['name']}.log").read_text() == followed.stdout
    assert not list(person.folder.rglob("pwned"))


def test_what_is_queued_runs_the_code_as_it_was(person: Person) -> None:
    code = person.folder / "say.sh"
    gate = "/data/student/gate-snapshots"
    code.write_text("echo first")
    person.types("submit", "--on", "hanok", "--", "sh", "-c", f"until [ -e {gate} ]; do sleep 0.1; done; sh say.sh")
    first = person.run()["number"]
    code.write_text("echo second")
    person.types("submit", "--on", "hanok", "--", "sh", "-c", f"touch {gate}; sh say.sh")
    person.types("wait", str(first), "last")
    assert person.types("logs", str(first)).stdout == "first\n"
    assert person.types("logs", "last").stdout == "second\n"


def test_nothing_is_needed_to_start(person: Person) -> None:
    assert person.types("run", "--on", "hanok", "--", "echo", "a b", "$HOME", "").stdout == "a b $HOME \n"
    assert sorted(path.name for path in person.folder.iterdir()) == []


def test_a_dry_run_shows_the_exact_script_and_sends_nothing(person: Person) -> None:
    before = len(person.json("ps", "-a")["runs"])
    shown = person.types(
        "run", "--on", "hanok", "-g", "1", "-t", "20m", "--dry-run", "--", "python", "train.py", "$(x)"
    ).stdout
    assert "#SBATCH --gres=gpu:1" in shown
    assert "sbatch" in shown
    assert "python train.py '$(x)' &" in shown
    assert len(person.json("ps", "-a")["runs"]) == before


def test_failures_are_told_with_their_code_and_a_next_step(person: Person) -> None:
    failed = person.types("run", "--on", "hanok", "--", "sh", "-c", "echo oops >&2; exit 7", code=10)
    assert failed.stdout == "oops\n"
    assert "exit code 7" in failed.stderr
    assert person.run()["state"] == "failed"


def test_a_run_can_be_cancelled_and_its_story_says_so(person: Person) -> None:
    person.types("submit", "--on", "hanok", "--", "sleep", "600")
    person.types("cancel", "last")
    person.types("wait", "last", code=10)
    run = person.run()
    assert (run["state"], run["settled"]) == ("cancelled", True)
    told = [event["what"] for event in person.json("story", "last")["events"]]
    assert "cancel asked for" in told
    assert told[-1] == "cancelled"


def test_a_run_waits_for_another_and_does_not_outlive_its_failure(person: Person) -> None:
    gate = "/data/student/gate-chain"
    person.types("submit", "--on", "hanok", "--", "sh", "-c", f"until [ -e {gate} ]; do sleep 0.1; done; exit 3")
    failing = str(person.run()["number"])
    person.types("submit", "--on", "hanok", "--after", failing, "--", "true")
    run = person.run()
    person.types("submit", "--on", "hanok", "--", "touch", gate)
    person.types("wait", failing, str(run["number"]), code=10)
    run = person.run(run["number"])
    # Slurm cancels it, or says that its dependency is never satisfied; it never ran.
    assert run["state"] in ("cancelled", "dependency never satisfied")
    assert run["settled"]
    assert person.types("logs", str(run["number"]), code=8).stdout == ""
    # Slurm would take a job that it has forgotten for one that ended well.
    assert "is failed" in person.types("submit", "--on", "hanok", "--after", failing, "--", "true", code=5).stderr


def test_ctrl_c_stops_following_and_the_job_goes_on(person: Person) -> None:
    process = person.start("run", "--on", "hanok", "--", "sh", "-c", "echo begun; sleep 600")
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "goes on" in err
    assert "jido logs -f" in err
    run = person.run()
    assert run["state"] == "running"
    person.types("cancel", str(run["number"]))


def test_an_environment_is_built_once_on_a_compute_node(person: Person, tiny_wheel: Path) -> None:
    (person.folder / "wheels").mkdir()
    (person.folder / "wheels" / tiny_wheel.name).write_bytes(tiny_wheel.read_bytes())
    (person.folder / "requirements.txt").write_text("tiny==1.0\n")
    (person.folder / "jido.toml").write_text(
        '[project]\nname = "env"\ncluster = "hanok"\n[env]\nrequirements = "requirements.txt"\nwheels = "wheels"\n'
    )
    command = ("run", "--", "python", "-c", "import sys, tiny; print(tiny.answer, sys.prefix)")
    first = person.types(*command).stdout
    assert "building the environment" in first
    assert "hanok-g" in first
    assert re.search(r"^42 /data/student/.jido/envs/[0-9a-f]{16}/py3.\d+-x86_64$", first, re.MULTILINE)
    again = person.types(*command).stdout
    assert "building" not in again
    assert again.strip() == first.strip().splitlines()[-1]


def test_an_environment_that_cannot_be_built_says_why(person: Person) -> None:
    (person.folder / "wheels").mkdir()
    (person.folder / "requirements.txt").write_text("no-such-package-of-ours==9\n")
    (person.folder / "jido.toml").write_text(
        '[project]\nname = "noenv"\ncluster = "hanok"\n[env]\nrequirements = "requirements.txt"\nwheels = "wheels"\n'
    )
    failed = person.types("run", "--", "true", code=10)
    assert "no-such-package-of-ours" in failed.stdout
    assert "could not be built" in failed.stdout


def test_two_jidos_at_once_each_get_their_own_run(person: Person) -> None:
    (person.folder / "say.sh").write_text("echo $JIDO_RUN")
    both = [person.start("submit", "--on", "hanok", "--", "sh", "say.sh") for _ in range(3)]
    for process in both:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, out + err
    mine = [run for run in person.json("ps")["runs"] if run["folder"] == str(person.folder)]
    person.types("wait", *(str(run["number"]) for run in mine))
    runs = [person.run(run["number"]) for run in mine]
    assert {run["state"] for run in runs} == {"done"}
    assert len({run["job"] for run in runs}) == len({run["name"] for run in runs}) == 3


def test_python_does_it_too(person: Person) -> None:
    script = (
        "import jido\n"
        "job = jido.connect('hanok').submit(['sh', '-c', 'echo hi >\"$JIDO_RESULTS/x\"; echo $CUDA_VISIBLE_DEVICES'],"
        " gpus=1).wait()\n"
        "job.pull()\n"
        "print(job.ok, job.log().strip())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=person.env, cwd=person.folder, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "True 0\n"
    assert [path.read_text() for path in person.folder.glob("results/*/x")] == ["hi\n"]


def test_the_embedded_engine_runs_the_same_things_here(alone: Person) -> None:
    project = alone.home / "내 프로젝트"
    project.mkdir()
    (project / "train.py").write_text(
        "import os; open(os.environ['JIDO_RESULTS'] + '/x', 'w').write('1'); print('hi')"
    )
    assert alone.types("run", "--on", "local", "--", "python3", "train.py", cwd=project).stdout == "hi\n"
    alone.types("pull", cwd=project)
    assert [path.read_text() for path in project.glob("results/*/x")] == ["1"]
    alone.types("run", "--on", "local", "--", "false", code=10, cwd=project)
