"""`jido env` on a real Slurm: what lies there, who needs it, and taking away what nobody needs."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.e2e.conftest import Person

pytestmark = [pytest.mark.twin, pytest.mark.xdist_group("hanok")]


def store(person: Person) -> Path:
    [found] = person.home.glob("jido/state/twins/hanok/volumes/data*/student")
    return found / ".jido"


def test_environments_are_listed_and_none_goes_that_an_open_run_needs(person: Person) -> None:
    (person.folder / "requirements.txt").write_text("# nothing is needed\n")
    (person.folder / "jido.toml").write_text(
        '[project]\nname = "store"\ncluster = "hanok"\n[env]\nrequirements = "requirements.txt"\n'
    )
    gate = "/data/student/gate-store"
    person.types("submit", "--", "sh", "-c", f"echo $JIDO_ENV; until [ -e {gate} ]; do sleep 0.1; done")
    run = person.run()
    waiting = run["name"]
    [mine] = [one for one in person.json("env", "ls") if one["project"] == "store"]
    assert mine["live"] == [waiting]
    assert (mine["what"], mine["kind"]) == ("requirements.txt", "pip")
    assert "needed by" in person.types("env", "rm", mine["digest"][:6], code=5).stderr
    person.types("env", "prune", "--older", "0s", "--yes")
    person.types("run", "--", "touch", gate)
    # By number: the tests before this one may have left runs that nobody has looked at since they failed.
    person.types("wait", str(run["number"]))
    [mine] = [one for one in person.json("env", "ls") if one["project"] == "store"]
    assert (mine["live"], len(mine["runs"])) == ([], 2)
    assert mine["bytes"] > 100_000
    shown = person.types("env", "ls").stdout
    assert "requirements.txt of store" in shown
    # What a builder that was killed leaves.
    half = Path(store(person) / "envs" / mine["digest"] / "py9.9-x86_64.node-77-1234")
    half.mkdir()
    (half.parent / "py9.9-x86_64.lock").symlink_to("77 node-77-1234")
    person.types("env", "prune", "--yes")
    assert half.parent.exists()
    assert not half.exists()
    assert "removed" in person.types("env", "prune", "--older", "0s", "--dry-run").stderr
    assert "--yes where nobody can be asked" in person.types("env", "prune", "--older", "0s", code=2).stderr
    assert half.parent.exists()
    person.types("env", "rm", mine["digest"], "--yes")
    assert not half.parent.exists()
    assert "no environment is 'zz'" in person.types("env", "rm", "zz", code=4).stderr
    assert "building the environment" in person.types("run", "--", "true").stdout


def test_what_fills_a_home_is_shown_and_moved_off_with_a_link_left(person: Person) -> None:
    fill = "mkdir -p ~/.cache/pip ~/.triton ~/mine; head -c 12000000 /dev/zero >~/.cache/pip/big; :>~/.triton/x"
    person.types("run", "--on", "hanok", "--", "sh", "-c", fill)
    shown = person.types("home", "--on", "hanok")
    assert "-> /data/student/.jido/home/.cache/pip" in shown.stdout
    assert ".triton -> " not in shown.stdout
    assert "jido home --on hanok --move" in shown.stderr
    [home] = person.home.glob("jido/state/twins/hanok/volumes/home*/student")
    assert not (home / ".cache/pip").is_symlink()
    before = (home / ".cache/pip/big").read_bytes()
    assert "--yes where nobody can be asked" in person.types("home", "--on", "hanok", "--move", code=2).stderr
    person.types("home", "--on", "hanok", "--move", "--yes")
    assert str((home / ".cache/pip").readlink()) == "/data/student/.jido/home/.cache/pip"
    assert (store(person) / "home/.cache/pip/big").read_bytes() == before
    assert person.types("run", "--on", "hanok", "--", "sh", "-c", "wc -c <~/.cache/pip/big").stdout == "12000000\n"
    person.types("home", "mine", "--on", "hanok", "--move", "--yes")
    assert (home / "mine").is_symlink()
    states = {one["path"]: one["state"] for one in person.json("home", "--on", "hanok")["home"]["held"]}
    assert (states[".cache/pip"], states[".triton"]) == ("moved", "here")
    assert "has to stay" in person.types("home", ".ssh", "--on", "hanok", code=2).stderr
