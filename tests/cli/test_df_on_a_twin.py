"""``jido df`` on a twin, as a user meets it: tiers, quotas that file systems tell, fullness, and what fills mine."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from spoken import Jido

from jido.api import inside, twins
from jido.api.fidelity import differences
from jido.api.inside import Wish
from jido.model.document import map_to_yaml
from jido.model.facts import Fact, known
from jido.model.map import Bytes, Host, Instance, Map, NodeGroup, Now, Scheduling, Storage, Volume
from jido.model.quota import Quota
from jido.model.seen import NodeSeen, Speed

_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
_MISSING = [p for p in ("munged", "slurmctld", "slurmd", "sshd", "bwrap") if not shutil.which(p, path=_PATH)]
MIB, GIB, TIB = 1 << 20, 1 << 30, 1 << 40
HOSTILE = "a b 한글 $(touch pwned) 'q'"

pytestmark = [
    pytest.mark.twin,
    pytest.mark.xdist_group("twin-df"),
    pytest.mark.skipif(bool(_MISSING), reason=f"not installed: {', '.join(_MISSING)}"),
]


def told(value: Any) -> Fact[Any]:
    return known(value, "told")


def volume(path: str, fs: str, tier: str, size: int, quota: Quota | None = None, **more: Any) -> Volume:
    mine = f"{path}/u1" if more.get("seen_from", "login") == "login" else path
    return Volume(
        path,
        fs=told(fs),
        tier=told(tier),
        size=told(Bytes(size)),
        mine=told(mine),
        **({"quota": told(quota)} if quota else {}),
        **{"shared": told(True), **more},
    )


CLUSTER = Map(
    "limited",
    instance=Instance(
        login=(Host("master", user=told("u1")),),
        nodes=(NodeGroup("n[1-2]", cpus=4, memory=Bytes(4 * GIB)),),
        seen=(NodeSeen("n2", free={"/local_datasets": 0}),),
    ),
    scheduling=Scheduling(engine=told("slurm")),
    storage=Storage(
        (
            volume("/ceph", "ceph", "work", 5 * TIB, Quota("directory", "/ceph/u1", hard=Bytes(70 * MIB))),
            volume(
                "/data",
                "nfs4",
                "work",
                91 * TIB,
                Quota("user", "u1", Bytes(20 * MIB), Bytes(400 * MIB), files_hard=2000),
                source=told("nas:/export"),
                speed=(Speed("", write=40e6, by="told"),),
            ),
            volume("/home", "xfs", "home", TIB, Quota("directory", "/home/u1", hard=Bytes(600 * MIB))),
            volume("/local_datasets", "ext4", "local", 900 * GIB, seen_from="n[1-2]", shared=told(False)),
            volume("/scratch", "nfs4", "scratch", 40 * TIB),
        )
    ),
    now=Now(free={"/data": 14 * TIB, "/scratch": TIB}),
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where jido keeps all it knows, the twin included, for all tests here."""
    where = tmp_path_factory.mktemp("jido")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JIDO_HOME", str(where))
        file = where / "limited.yaml"
        file.write_text(map_to_yaml(CLUSTER))
        twins.up(str(file))
        yield where
        twins.down("limited")


@pytest.fixture(autouse=True)
def there(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JIDO_HOME", str(home))
    monkeypatch.setenv("COLUMNS", "100")


def on_login(home: Path, command: str) -> str:
    config = home / "state/twins/limited/ssh_config"
    done = subprocess.run(
        ["ssh", "-F", str(config), "limited", command], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done
    return done.stdout.strip()


def disks(jido: Jido, *options: str) -> dict[str, Any]:
    said = jido("df", "limited", "--json", *options)
    assert said.code == 0, said
    return {
        f"{disk['volume']['path']} {disk['volume'].get('seen_from', 'login')}": disk
        for disk in json.loads(said.out)["disks"]
    }


def test_quotas_are_told_by_the_tools_of_each_kind(home: Path, jido: Jido) -> None:
    on_login(home, "head -c 3000000 /dev/zero > /data/student/x; head -c 3000000 /dev/zero > /ceph/student/x")
    found = disks(jido, "--quick")
    by_quota = found["/data login"]
    limits = {"name": "student", "soft": 20 * MIB, "hard": 400 * MIB, "files_hard": 2000}
    assert by_quota["volume"]["quota"] == {"value": limits, "by": "quota/posix"}
    assert by_quota["usage"] == {"bytes": 733 * 4096, "files": 2}
    by_attributes = found["/ceph login"]
    limits = {"whose": "directory", "name": "/ceph/student", "hard": 70 * MIB}
    assert by_attributes["volume"]["quota"] == {"value": limits, "by": "quota/cephfs"}
    assert by_attributes["usage"]["bytes"] == 733 * 4096
    by_df = found["/home login"]
    limits = {"whose": "directory", "name": "/home/student", "hard": 600 * MIB}
    assert by_df["volume"]["quota"] == {"value": limits, "by": "quota/posix"}
    assert found["/scratch login"]["volume"]["quota"]["state"] == "absent"
    assert by_quota["free"] == 14 * TIB - 733 * 4096
    assert {name: disk["volume"]["tier"]["value"] for name, disk in found.items() if name[1:2] in "chds"} == {
        "/ceph login": "work",
        "/data login": "work",
        "/home login": "home",
        "/scratch login": "scratch",
    }


def test_what_fills_mine_is_told_where_it_burdens_nobody(home: Path, jido: Jido) -> None:
    on_login(home, f'mkdir -p ~/"{HOSTILE}" && head -c 2000000 /dev/zero > ~/"{HOSTILE}"/x')
    found = disks(jido)
    assert found["/home login"]["filling"]["parts"][0][0] == on_login(home, "cd; ls -d a*")
    assert "jido df --deep" in found["/data login"]["filling"]["settle"]
    assert found["/ceph login"]["filling"]["total"] == 733 * 4096, "Ceph counts by itself: nothing is walked over"
    assert disks(jido, "--deep")["/data login"]["filling"]["total"] >= 733 * 4096


def test_a_quota_that_is_hit_is_said_in_words(home: Path, jido: Jido) -> None:
    on_login(home, "truncate -s 590M ~/fill; head -c 20000000 /dev/zero > ~/over || true")
    on_login(home, "head -c 25000000 /dev/zero > /data/student/much")
    said = jido("df", "limited")
    assert said.code == 0
    assert "! /home: your quota of bytes is used up: nothing more can be written" in said.out
    assert re.search(r"! /data: you are over the soft limit of bytes: writing fails in (6d23h|7d)", said.out)
    assert "your quota there: 400M (soft 20M), 2000 files" in said.out
    rows = {
        line.split()[0]: line.split()[1:] for line in said.out.split("\n\n")[0].splitlines() if line.startswith("  /")
    }
    assert rows["/data"][:4] == ["work", "fuse.nfs4", "91T", "14.0T"]
    assert rows["/home"][:3] == ["home", "fuse.xfs", "1T"]
    assert rows["/home"][4:6] == ["600M", "600M"]
    on_login(home, "rm ~/fill ~/over /data/student/much")
    out = jido("df", "limited").out
    assert "! /scratch: the volume is 98% full" in out
    assert "! /home" not in out
    assert "! /data" not in out


def test_a_disk_that_is_full_on_one_node_is_told_with_the_node(home: Path, jido: Jido) -> None:
    map_ = inside.look("limited", Wish(every=True)).map
    assert differences(CLUSTER, map_) == []
    said = jido("df", "limited", "--quick")
    assert "! /local_datasets: the volume is full on n2" in said.out
    assert disks(jido, "--offline")["/local_datasets n[1-2]"]["free"] == 0


def test_measured_speeds_differ_as_told(home: Path, jido: Jido) -> None:
    map_ = inside.look("limited", Wish(measure=True)).map
    assert differences(CLUSTER, map_) == []
    write = {row.path: speed.write or 0 for row in map_.storage.volumes for speed in row.speed if row.path != "/ceph"}
    assert write["/data"] < 1.1 * 40e6
    assert min(write["/local_datasets"], write["/home"]) > write["/data"]
