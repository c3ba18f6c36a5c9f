"""Flags beat [jobs.NAME], which beats [clusters.NAME], which beats the defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from jido.config.jobs import cluster_of, spec_of
from jido.config.project import Project, find
from jido.errors import InputError, NotFound
from jido.model.job import Resources

TEXT = """
[project]
cluster = "ariel"
[env]
requirements = "requirements.txt"
set = { A = "env", B = "env", C = "env" }
[jobs.train]
command = "source x && python train.py"
gpus = 2
memory_per_gpu = "29G"
time = "2h"
qos = "job"
env = { B = "job", C = "job" }
extra = ["--job"]
stage = ["imagenet.tar"]
cluster = "aurora"
[jobs.exact]
command = ["python", "-m", "a b"]
[jobs.empty]
gpus = 1
[clusters.aurora]
partition = "batch"
qos = "site"
time = "1h"
extra = ["--site"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "jido.toml").write_text(TEXT)
    return find(tmp_path)


def test_a_job_of_the_file(project: Project) -> None:
    spec = spec_of(project, "train", cluster="aurora")
    assert spec.name == "train"
    assert spec.argv == ("bash", "-c", "source x && python train.py")
    assert spec.resources == Resources(
        gpus=2, memory_per_gpu=29 << 30, time=7200, partition="batch", qos="job", extra=("--site", "--job")
    )
    assert spec.env == {"A": "env", "B": "job", "C": "job"}
    assert spec.stage == ("imagenet.tar",)


def test_flags_beat_the_file(project: Project) -> None:
    flags = {
        "gpus": 0,
        "time": "30:00",
        "memory": "1.5G",
        "env": {"C": "flag"},
        "extra": ["--flag"],
        "name": "다시 1",
    }
    spec = spec_of(project, "train", cluster="aurora", flags={**flags, "qos": None})
    assert (spec.name, spec.resources.gpus, spec.resources.time) == ("다시-1", 0, 1800)
    assert (spec.resources.memory, spec.resources.qos) == (3 << 29, "job")
    assert spec.resources.extra == ("--site", "--job", "--flag")
    assert spec.env["C"] == "flag"


def test_another_cluster_has_other_defaults(project: Project) -> None:
    assert spec_of(project, "exact", cluster="aurora").resources.time == 3600
    assert spec_of(project, "exact", cluster="ariel").resources == Resources()
    assert (cluster_of(project, "train"), cluster_of(project), cluster_of(project, "train", "moana")) == (
        "aurora",
        "ariel",
        "moana",
    )


def test_commands_are_exact(project: Project) -> None:
    hostile = ("python", "a b.py", "$(x)", "", "한글\n")
    assert spec_of(project, argv=hostile).argv == hostile
    assert spec_of(project, "exact", arguments=["--lr", "0 1"]).argv == ("python", "-m", "a b", "--lr", "0 1")
    assert spec_of(project, "train", arguments=["$(x)"]).argv == (
        "bash",
        "-c",
        'source x && python train.py "$@"',
        "bash",
        "$(x)",
    )


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (("python", "-u", "src/train.py", "--x"), "train"),
        (("bash", "-c", "cd a && python my_eval.py"), "my_eval"),
        (("/usr/bin/true",), "true"),
        (("./한 글.sh",), "한-글"),
    ],
)
def test_a_bare_command_is_called_after_its_script(project: Project, argv: tuple[str, ...], name: str) -> None:
    assert spec_of(project, argv=argv).name == name


def test_what_cannot_be_a_job(project: Project) -> None:
    with pytest.raises(NotFound, match="did you mean 'train'"):
        spec_of(project, "trian")
    with pytest.raises(InputError, match="no command"):
        spec_of(project, "empty")
    with pytest.raises(InputError, match="no command"):
        spec_of(project)
    with pytest.raises(InputError, match="duration"):
        spec_of(project, "train", flags={"time": "soon"})
    with pytest.raises(InputError, match="'gpus'"):
        spec_of(project, "train", flags={"gpu": 1})
