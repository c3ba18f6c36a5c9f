"""The Ray recipe, pure: spec in, processes out."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from jido.errors import TwinError
from jido.twins.ground import Daemon, Ground, Parts
from jido.twins.people import Range
from jido.twins.recipes import ray as recipe
from jido.twins.recipes import recipe_of
from jido.twins.spec import Gpus, Node, TwinSpec

NODES = (
    Node("g1", 8, 16 * 2**30, (Gpus(2, "A100"), Gpus(1, "T4")), ("fast",)),
    Node("c1", 32),
    Node("c2", 32, out="down", reason="disk"),
)
SPEC = TwinSpec("narae", nodes=NODES, engine="ray")
PORTS = {"head": 4001, "dashboard": 4002, "client": 4003}


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Ray as if it were installed: nothing of it is imported by the recipe."""
    file = tmp_path / "site-packages/ray/__init__.py"
    spec = importlib.util.spec_from_file_location("ray", file)
    monkeypatch.setattr(recipe, "find_spec", lambda name: spec)
    yield file.parents[1]


def parts(ids: Range | None = None) -> Parts:
    ground = Ground(SPEC, Path("/t"), False, PORTS, Path("/t"), SPEC.user, SPEC.control_name, True, ids=ids)
    return recipe_of("ray").parts(ground)


def words(daemon: Daemon) -> dict[str, str]:
    return dict(word.split("=", 1) for word in daemon.argv if word.startswith("--") and "=" in word)


def test_the_head_steers_and_each_node_that_takes_jobs_has_its_raylet() -> None:
    made = {daemon.machine: daemon for daemon in parts().daemons}
    assert set(made) == {"control", "g1", "c1"}
    assert "--head" in made["control"].argv
    assert words(made["control"])["--num-cpus"] == "0"
    assert made["control"].port == PORTS["dashboard"]
    for node in ("g1", "c1"):
        assert words(made[node])["--address"] == f"127.0.0.1:{PORTS['head']}"
        assert words(made[node])["--node-name"] == node


def test_nodes_have_the_size_the_gpus_and_the_features_of_the_map() -> None:
    made = {daemon.machine: words(daemon) for daemon in parts().daemons}
    assert (made["g1"]["--num-cpus"], made["g1"]["--num-gpus"], made["g1"]["--memory"]) == ("8", "3", str(16 * 2**30))
    assert json.loads(made["g1"]["--resources"]) == {"fast": 1, "accelerator_type:A100": 1}
    assert "--memory" not in made["c1"]
    assert "--resources" not in made["c1"]


def test_everything_stays_on_the_loopback_and_tells_nobody() -> None:
    for daemon in parts().daemons:
        assert words(daemon)["--node-ip-address"] == "127.0.0.1"
        assert daemon.env["RAY_USAGE_STATS_ENABLED"] == "0"
        assert "--disable-usage-stats" in daemon.argv
        # Without it Ray takes the machine's outer address.
        assert daemon.env["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] == "0"
    assert words(parts().daemons[0])["--dashboard-host"] == "127.0.0.1"


def test_a_login_finds_the_dashboard() -> None:
    assert parts().env == {"RAY_ADDRESS": "http://127.0.0.1:4002"}


def test_all_of_it_is_the_users_also_where_daemons_could_be_somebody_else() -> None:
    several = parts(ids=Range(1, 1)).daemons[0].argv
    assert several[:5] == ("setpriv", "--reuid", str(SPEC.uid), "--regid", str(SPEC.uid))
    assert parts().daemons[0].argv[0] != "setpriv"


def test_machines_see_the_ray_that_lies_beside_jido_at_one_place(installed: Path) -> None:
    seen = {mount.own: mount.inside for mount in parts().mounts}
    assert seen[str(installed)] == "/run/ray/packages"
    assert not any(mount.writable for mount in parts().mounts)


def test_a_node_is_ready_when_ray_has_it_alive() -> None:
    said = "narae-control ALIVE\ng1 DEAD\ng1 ALIVE\nc1 DEAD\nbroken\n"
    seen = {one.name: (one.state, one.ready, one.meant) for one in recipe_of("ray").nodes(said, SPEC)}
    assert seen == {"g1": ("alive", True, False), "c1": ("dead", False, False), "c2": ("absent", False, True)}


def test_what_it_needs_is_said_where_it_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TwinError, match="needs namespaces"):
        recipe_of("ray").affordable(SPEC, plain=True)
    monkeypatch.setattr(recipe, "find_spec", lambda name: None)
    with pytest.raises(TwinError) as caught:
        recipe_of("ray").affordable(SPEC, plain=False)
    assert caught.value.hint == "pip install 'jido[ray]'"
