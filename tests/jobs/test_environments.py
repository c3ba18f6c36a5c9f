"""Environments: one for each content, built once however many jobs ask, shared by projects; images to run in.

pip, venv and uv are the real ones. conda and apptainer cannot be had everywhere, so toys stand on PATH for them that
keep what they were told.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from tests.jobs.environment_ground import FAILED, HOSTILE, PIP, Ground, with_wheel

from jido.api import environments
from jido.config import project as projects
from jido.errors import ConfigError, InputError, Refused
from jido.jobs import script
from jido.model.facts import known
from jido.model.map import Instance, Map
from jido.model.seen import NodeSeen
from jido.model.workspace import Workspace


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


CONDA_TOML = '[env]\nrequirements = "environment.yml"\n'
SAY = ("python", "-c", "import tiny, sys; print(tiny.answer, sys.prefix)")


def test_two_projects_and_many_jobs_at_once_build_one_environment_once(ground: Ground) -> None:
    one = with_wheel(ground, PIP, "one", requirements__txt="tiny==1.0\n")
    two = with_wheel(ground, PIP, "two", requirements__txt="tiny==1.0\n")
    logs = [job.ended() for job in [ground.job(project, *SAY) for project in (one, two, one)]]
    assert sum("building the environment" in log for log in logs) == 1
    assert all("\n42 " in f"\n{log}" for log in logs)
    assert "building" not in ground.run(two, *SAY)
    [digest] = ground.envs.iterdir()
    left = sorted(path.name.partition(".")[2] for path in digest.iterdir() if path.name != "runs")
    # The environment, and the name it got when it was whole: no lock, no log, nothing half.
    assert len(left) == 2, left
    assert len(list((digest / "runs").iterdir())) == 4
    assert not list(ground.folder.rglob("pwned"))
    assert not list((ground.folder / "home").iterdir())


def test_what_fails_says_why_to_all_who_wait_and_is_tried_anew_by_whoever_comes_later(ground: Ground) -> None:
    wanted = ground.project(CONDA_TOML, environment__yml="dependencies: [nothing]\n")
    ground.toy(
        "conda", f"until [ -e '{ground.folder}/gate' ]; do sleep 0.1; done\necho 'Error: no nothing'; exit 1\n"
    )
    first = ground.job(wanted, "true")
    first.says("building")
    waiting = [ground.job(wanted, "true") for _ in range(3)]
    for job in waiting:
        job.says("waiting for job 1, which builds")
    (ground.folder / "gate").touch()
    logs = [job.ended(FAILED) for job in (first, *waiting)]
    assert all("could not be built: Error: no nothing" in log for log in logs), logs
    assert sum("building" in log for log in logs) == 1
    assert "building" in ground.run(wanted, "true", code=FAILED)
    [digest] = ground.envs.iterdir()
    assert {path.name.rpartition(".")[2] for path in digest.iterdir()} == {"runs", "failed"}


def test_a_builder_that_was_told_to_stop_leaves_no_lock(ground: Ground) -> None:
    wanted = ground.project(CONDA_TOML, environment__yml="dependencies: [x]\n")
    ground.toy("conda", "sleep 60\n")
    stopped = ground.job(wanted, "true")
    stopped.says("building")
    time.sleep(0.3)
    stopped.process.send_signal(signal.SIGTERM)
    stopped.ended(143)
    os.killpg(stopped.process.pid, signal.SIGKILL)
    [digest] = ground.envs.iterdir()
    assert [path.name for path in digest.iterdir() if "lock" in path.name] == []


def test_a_builder_that_was_killed_is_found_out_and_its_half_is_taken_away(ground: Ground) -> None:
    wanted = ground.project(CONDA_TOML, environment__yml="dependencies: [x]\n")
    ground.toy("conda", 'mkdir -p "$5"; sleep 600\n')
    dead = ground.job(wanted, "true")
    dead.says("building")
    time.sleep(0.3)
    os.killpg(dead.process.pid, signal.SIGKILL)
    dead.process.wait()
    text = next(file for file in (ground.folder / f"work {HOSTILE}").rglob("job.sh"))
    assert "-lt 60" in text.read_text()
    ground.toy("conda", 'mkdir -p "$5/bin"\n')
    # A minute of waiting is shortened for the test by a clock that runs faster.
    ground.toy("sleep", "exec /bin/sleep 0.01\n")
    log = ground.run(wanted, "true")
    assert "does not build it any more" in log
    assert "ready" in log
    [digest] = ground.envs.iterdir()
    assert len([path for path in digest.iterdir() if path.is_dir() and not path.is_symlink()]) == 2


def uv_on_path(ground: Ground) -> None:
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    if not Path(uv).exists():
        pytest.skip("not installed: uv")
    (ground.bin / "uv").symlink_to(uv)


def test_uv_is_used_where_it_is_there(ground: Ground) -> None:
    uv_on_path(ground)
    log = ground.run(with_wheel(ground, PIP, requirements__txt="tiny==1.0\n"), *SAY)
    assert "-uv\n" in log
    assert "42 " in log
    assert not list((ground.folder / "home").iterdir())


LOCK = """\
version = 1
requires-python = ">=3.10"

[[package]]
name = "own"
version = "0.1"
source = { virtual = "." }
dependencies = [{ name = "tiny" }]

[package.metadata]
requires-dist = [{ name = "tiny" }]

[[package]]
name = "tiny"
version = "1.0"
source = { registry = "https://index.invalid/simple" }
wheels = [{ url = "https://index.invalid/tiny-1.0-py3-none-any.whl", hash = "sha256:HASH" }]
""".replace("HASH", 64 * "a")
PYPROJECT = '[project]\nname = "own"\nversion = "0.1"\nrequires-python = ">=3.10"\ndependencies = ["tiny"]\n'


@pytest.mark.parametrize("name", ["uv.lock", "pyproject.toml"])
def test_a_uv_lock_is_built_as_it_is_locked(ground: Ground, name: str) -> None:
    uv_on_path(ground)
    toml = f'[env]\nrequirements = "{name}"\nwheels = "wheels"\n'
    wanted = with_wheel(ground, toml, uv__lock=LOCK, pyproject__toml=PYPROJECT)
    (wanted.folder / "src").mkdir()
    (wanted.folder / "src" / "own.py").write_text("it = 'mine'\n")
    made = environments.of(wanted, Workspace("/w/p"), "r")
    assert made is not None
    assert (made.kind, made.about) == ("lock", "uv.lock")
    log = ground.run(wanted, "python", "-c", "import own, tiny; print(tiny.answer, own.it)")
    assert "42 mine" in log


def test_a_pyproject_without_a_lock_gives_its_dependencies(ground: Ground) -> None:
    uv_on_path(ground)
    toml = '[env]\nrequirements = "pyproject.toml"\nwheels = "wheels"\n'
    assert "42 " in ground.run(with_wheel(ground, toml, pyproject__toml=PYPROJECT), *SAY)


def test_a_pyproject_without_a_list_of_dependencies_says_what_to_write(ground: Ground) -> None:
    text = '[tool.poetry.dependencies]\npython = "^3.11"\n'
    wanted = ground.project('[env]\nrequirements = "pyproject.toml"\n', pyproject__toml=text)
    with pytest.raises(InputError, match="no list of dependencies"):
        environments.of(wanted, Workspace("/w/p"), "r")


CONDA = """\
echo "$@" >>"$HOME/../told"
while [ "$#" -gt 0 ]; do case $1 in --prefix) prefix=$2 ;; --file) file=$2 ;; esac; shift; done
grep -q nothing-of-that-name "$file" && { echo "PackagesNotFoundError: nothing-of-that-name" >&2; exit 1; }
mkdir -p "$prefix/bin" "$prefix/etc/conda/activate.d"
printf '#!/bin/sh\\necho the python of conda, with $ACTIVATED\\n' >"$prefix/bin/python"; chmod +x "$prefix/bin/python"
echo 'export ACTIVATED=flags' >"$prefix/etc/conda/activate.d/a.sh"
"""


@pytest.mark.parametrize("tool", ["micromamba", "mamba", "conda"])
def test_an_environment_file_is_built_by_whichever_conda_is_there(ground: Ground, tool: str) -> None:
    ground.toy(tool, CONDA)
    text = "name: base\ndependencies:\n- python=3.11\n- pip:\n  - -r requirements.txt\n"
    wanted = ground.project(CONDA_TOML, environment__yml=text, requirements__txt="x\n")
    assert "the python of conda, with flags" in ground.run(wanted, "python")
    told = (ground.folder / "told").read_text()
    assert told.startswith("create --yes" if tool == "micromamba" else "env create")
    before = environments.of(wanted, Workspace("/w/p"), "r")
    (wanted.folder / "requirements.txt").write_text("y\n")
    after = environments.of(wanted, Workspace("/w/p"), "r")
    assert before is not None
    assert after is not None
    assert before.digest != after.digest


def test_conda_that_fails_or_is_not_there_says_so(ground: Ground) -> None:
    wanted = ground.project(CONDA_TOML, environment__yml="dependencies: [nothing-of-that-name]\n")
    assert "neither micromamba nor mamba nor conda" in ground.run(wanted, "true", code=FAILED)
    ground.toy("conda", CONDA)
    assert "built: PackagesNotFoundError: nothing-of-that-name" in ground.run(wanted, "true", code=FAILED)


APPTAINER = """\
printf '%s\\n' "$@" >>"$HOME/../told"
case $1 in
  pull) case $3 in *missing*) echo "FATAL: manifest unknown" >&2; exit 255 ;; esac; echo "image of $3" >"$2" ;;
  exec) while [ "$1" != end ] && [ ! -f "$1" ]; do shift; done; echo "in $(cat "$1")"; shift; exec "$@" ;;
esac
"""


def test_an_image_is_fetched_once_and_the_command_executed_in_it(ground: Ground) -> None:
    ground.toy("apptainer", APPTAINER)
    wanted = ground.project('[env]\nimage = "docker://u/torch:2"\n')
    data, local = ground.folder / f"work {HOSTILE}" / "p" / "data", ground.folder / "local disk" / "digits"
    data.mkdir(parents=True)
    local.mkdir(parents=True)
    (data / "digits").symlink_to(local)
    log = ground.run(wanted, "sh", "-c", 'echo "$0" says $JIDO_CODE', HOSTILE, gpus=1)
    assert "in image of docker://u/torch:2\n" in log
    assert f"{HOSTILE} says {ground.folder}/work {HOSTILE}/p/runs/run-1/code" in log
    told = (ground.folder / "told").read_text().splitlines()
    assert told.count("pull") == 1
    assert "--nv" in told
    assert {f"{ground.folder}/work {HOSTILE}/p", str(local)} <= {
        after for word, after in pairwise(told) if word == "--bind"
    }
    (ground.folder / "told").unlink()
    again = ground.run(wanted, "true")
    assert "building" not in again
    assert "--nv" not in (ground.folder / "told").read_text()


def test_an_image_that_is_not_there_or_that_nothing_executes_says_so(ground: Ground) -> None:
    gone = ground.project('[env]\nimage = "docker://u/missing"\n')
    assert "neither apptainer nor singularity" in ground.run(gone, "true", code=FAILED)
    ground.toy("singularity", APPTAINER)
    assert "built: FATAL: manifest unknown" in ground.run(gone, "true", code=FAILED)
    file = ground.project('[env]\nimage = "/no/such/image.sif"\n')
    assert "the image /no/such/image.sif is not there" in ground.run(file, "true", code=FAILED)
    with pytest.raises(InputError, match="not in the project"):
        environments.of(ground.project('[env]\nimage = "own.sif"\n'), Workspace("/w/p"), "r")


def test_what_a_map_knows_of_compute_nodes_is_held_against_it(ground: Ground) -> None:
    bare = Map("c", instance=Instance(seen=(NodeSeen("n1", software=known({"python3": "3.11"}, "environment")),)))
    image = ground.project('[env]\nimage = "docker://x"\n').env
    with pytest.raises(Refused, match="nothing that executes container images"):
        environments.resolve(image, bare)
    assert environments.resolve(image, None) == ()
    assert environments.resolve(msgspec.structs.replace(image, modules=("apptainer",)), bare) == ()
    conda = ground.project('[env]\nrequirements = "e.yml"\n').env
    assert "no conda" in environments.resolve(conda, bare)[0]


def test_caches_are_off_home_unless_the_user_says_where(ground: Ground) -> None:
    text = '[env]\nset = { HF_HOME = "/models" }\n'
    log = ground.run(
        ground.project(text), "sh", "-c", 'echo "$HF_HOME"; env | grep -E "^[A-Za-z_]*(CACHE|HOME|DIR)[A-Z_]*="'
    )
    assert log.startswith("/models\n")
    home = str(ground.folder / "home")
    assert [line for line in log.splitlines() if home in line] == [f"HOME={home}"]
    for variable in script.CACHES:
        assert variable in (Path(__file__).parents[2] / "docs/guides/environments.md").read_text()


def test_everything_that_goes_in_makes_another_environment(ground: Ground) -> None:
    def digest(toml: str = PIP, **files: str) -> str:
        all_ = {
            "requirements__txt": "-r more.txt\n-c limits.txt\n./lib\n",
            "more__txt": "a\n",
            "limits__txt": "a<2\n",
        }
        wanted = ground.project(toml, **{**all_, **files})
        (wanted.folder / "lib").mkdir(exist_ok=True)
        made = environments.of(wanted, Workspace("/w/p"), "r")
        assert made is not None
        return made.digest

    first = digest()
    assert digest() == first
    others = {
        digest(more__txt="b\n"),
        digest(limits__txt="a<3\n"),
        digest(PIP + 'python = "python3.12"\n'),
        digest(PIP + 'modules = ["cuda/12.1"]\n'),
    }
    (ground.folder / f"p {HOSTILE}" / "lib" / "setup.py").write_text("1")
    others.add(digest())
    assert len(others | {first}) == 6
    with pytest.raises(InputError, match=r"requirements.txt:2: `-e \.`"):
        digest(requirements__txt="a\n-e .\n")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('image = "a.sif"\nrequirements = "r.txt"\n', 3, "env.image and env.requirements contradict"),
        ('requirements = "r.txt"\nimage = "docker://x"\n', 2, "env.image and env.requirements contradict"),
        ('image = "a.sif"\npython = "python3.11"\n', 3, "env.image and env.python contradict"),
        ('requirements = "e.yml"\n\nwheels = "w"\n', 4, "env.wheels contradicts env.requirements"),
        ('requirements = "e.yml"\npython = "python3.11"\n', 3, "write python=3.11"),
        ('requirements = "poetry.lock"\n', 2, "poetry export -o requirements.txt"),
    ],
)
def test_what_contradicts_is_refused_with_its_line(ground: Ground, text: str, line: int, words: str) -> None:
    (ground.folder / "jido.toml").write_text(f"[env]\n{text}")
    with pytest.raises(ConfigError) as caught:
        projects.load(ground.folder / "jido.toml")
    assert caught.value.line == line
    assert words in f"{caught.value} {caught.value.hint}"
