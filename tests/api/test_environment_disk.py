"""Whether nodes have copies of an environment: what jido.toml says, else what the map's measurements say."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from jido.api import environment_disk, environments
from jido.api.cluster import Cluster
from jido.api.environment_disk import compare, decide
from jido.config import clusters, maps
from jido.config import project as projects
from jido.config.project import EnvTable
from jido.engines.base import Placement
from jido.engines.process import Process
from jido.errors import ConfigError
from jido.jobs import script
from jido.model.destination import Destination
from jido.model.facts import known
from jido.model.job import JobSpec
from jido.model.map import Map, Storage, Volume
from jido.model.seen import Speed
from jido.model.workspace import Workspace

PIP = EnvTable(requirements="requirements.txt")
HOSTILE = "/work 'q\" \ntouch pwned\n`x` 작업"
DISK = "/local 'disk\" $(touch pwned) 한글"


def speeds(**rates: float) -> tuple[Speed, ...]:
    return tuple(Speed(node=node, at=1.0, files_read=rate, files=1000) for node, rate in rates.items())


def saved(work: tuple[Speed, ...], own: tuple[Speed, ...]) -> Cluster:
    """A cluster with a map of a shared work volume and of nodes' own disks."""
    clusters.put("c", Destination(host="c.invalid"))
    on_c = {"seen_from": "n[1-3]", "shared": known(False, "t"), "tier": known("local", "t")}
    volumes = (
        Volume(HOSTILE, "login,n[1-3]", shared=known(True, "t"), tier=known("work", "t"), speed=work),
        Volume(DISK, mine=known(f"{DISK}/me", "t"), size=known(10**12, "t"), speed=own, **on_c),  # type: ignore[arg-type]
    )
    maps.save("c", Map("c", storage=Storage(volumes)))
    return Cluster("c")


@pytest.mark.parametrize(
    ("work", "own", "local", "words"),
    [
        (speeds(n1=1000), speeds(n1=3000), True, "3.0 times as fast"),
        (speeds(n1=1000), speeds(n1=2900), False, "a copy is worth it from 3 on"),
        (speeds(n1=50_000), speeds(n1=20_000), False, "0.4 times as fast"),
        # The node in the middle speaks, and of two the slower.
        (speeds(n1=1000, n2=1000, n3=1000), speeds(n1=900, n2=9000, n3=8000), True, "8.0 times"),
        (speeds(n1=1000, n2=1000), speeds(n1=900, n2=9000), False, "0.9 times"),
        # Measured on other nodes, by nobody, or only told: no measurement.
        (speeds(n1=1000), speeds(n2=90_000), False, "it was not measured"),
        ((), speeds(n1=90_000), False, "it was not measured"),
        (speeds(n1=1000), (), False, "it was not measured"),
        (
            (Speed(files_read=1.0, by="public"),),
            (Speed(files_read=100.0, by="public"),),
            False,
            "it was not measured",
        ),
    ],
)
def test_auto_goes_by_measurements_on_the_same_node(
    work: tuple[Speed, ...], own: tuple[Speed, ...], local: bool, words: str
) -> None:
    found = decide(PIP, saved(work, own), f"{HOSTILE}/me/p")
    assert (found.local, found.asked) == (local, False)
    assert words in found.why
    assert ("jido probe c --compute --measure" in found.why) == ("not measured" in found.why)


def test_the_slowest_of_a_nodes_disks_counts() -> None:
    fast, slow = (Volume(path, "n1", speed=speeds(n1=rate)) for path, rate in (("/a", 9000.0), ("/b", 2000.0)))
    assert compare([Volume("/data", speed=speeds(n1=1000))], [fast, slow]) == {"n1": 2.0}


def test_what_jido_toml_says_is_not_measured() -> None:
    cluster = saved(speeds(n1=1000), speeds(n1=90_000))
    assert not decide(EnvTable(requirements="r.txt", local=False), cluster, f"{HOSTILE}/p").local
    cluster = saved(speeds(n1=1000), speeds(n1=1000))
    assert decide(EnvTable(requirements="r.txt", local=True), cluster, f"{HOSTILE}/p").local


@pytest.mark.parametrize(
    ("env", "words"),
    [
        (EnvTable(requirements="environment.yml", local=True), "conda builds names its folder"),
        (EnvTable(image="docker://x", local=True), "an image is one file"),
    ],
)
def test_what_cannot_be_moved_stays_and_says_so_where_it_was_asked_for(env: EnvTable, words: str) -> None:
    near = decide(env, saved(speeds(n1=1000), speeds(n1=90_000)), f"{HOSTILE}/p")
    assert not near.local
    [said] = environments.resolve(env, None, near)
    assert words in said
    assert "although [env] local says so" in said
    quiet = decide(EnvTable(requirements="environment.yml"), Cluster("c"), f"{HOSTILE}/p")
    assert environments.resolve(env, None, quiet) == ()


def test_a_project_without_an_environment_is_asked_nothing() -> None:
    assert decide(EnvTable(local=True), Cluster("nobody"), "/p") == environment_disk.WHERE_BUILT


def test_the_reason_in_the_job_script_is_a_comment_whatever_the_volume_is_called(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("")
    (tmp_path / "jido.toml").write_text('[env]\nrequirements = "requirements.txt"\n')
    project, workspace = projects.load(tmp_path / "jido.toml"), Workspace(f"{HOSTILE}/me/p")
    near = decide(project.env, saved(speeds(n1=1000), speeds(n1=9000)), workspace.root)
    made = environments.of(project, workspace, "r", near)
    place = Placement(workspace.run("r"), "job.sh", "log", "jido-0123456789abcdef")
    text = script.render(Process(), JobSpec("job", ("true",)), place, workspace, "r", environment=made, stage=True)
    [line] = [line for line in text.splitlines() if "times as fast" in line]
    assert line.startswith("# On this node's own disk: ")
    assert "touch pwned" in line
    done = subprocess.run(["sh", "-n"], input=text, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("value", ['"yes"', "1", "[true]"])
def test_another_word_is_refused_with_those_that_there_are(tmp_path: Path, value: str) -> None:
    (tmp_path / "jido.toml").write_text(f"[env]\n\nlocal = {value}\n")
    with pytest.raises(ConfigError) as caught:
        projects.load(tmp_path / "jido.toml")
    assert (caught.value.line, caught.value.key) == (3, "env.local")
    assert 'env.local must be "auto", true or false' in str(caught.value)
