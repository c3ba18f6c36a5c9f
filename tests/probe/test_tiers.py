"""Which tier a volume is: by whose home it holds, the site's variables, its name, its kind, in this order."""

from __future__ import annotations

import pytest

from jido.probe.tiers import tier
from jido.storage.base import StorageKind
from jido.storage.local import Local
from jido.storage.nfs import Nfs


def of(
    path: str, kind: type[StorageKind] | None = Nfs, *, home: bool = False, mine: bool = True, **hints: str
) -> str:
    found = tier(path, is_home=home, kind=kind, hints=hints, mine=mine, by="df")
    return found.value or found.state


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/home", "home"),
        ("/data", "work"),
        ("/data2", "work"),
        ("/ceph_data", "work"),
        ("/work", "work"),
        ("/project", "work"),
        ("/lustre", "work"),
        ("/scratch", "scratch"),
        ("/gpfs/scratch", "scratch"),
        ("/datasets", "datasets"),
        ("/data/datasets", "datasets"),
        ("/", "system"),
        ("/usr/share", "system"),
    ],
)
def test_a_shared_path_is_what_its_name_says(path: str, expected: str) -> None:
    assert of(path, home=path == "/home") == expected


@pytest.mark.parametrize(
    "path", ["/local_datasets", "/data2/local_datasets", "/local", "/localscratch", "/tmp", "/ssd", "/nvme1"]
)
def test_a_local_disk_by_its_name_is_local(path: str) -> None:
    assert of(path, Local) == "local"


def test_a_network_file_system_is_not_local_by_its_name() -> None:
    assert of("/local_scratch", Nfs) == "scratch"


def test_the_sites_variable_goes_before_the_name() -> None:
    assert of("/data", SCRATCH="/data/scratch/me") == "scratch"
    assert of("/p/x", LOCAL_SCRATCH="/p/x") == "local"
    assert of("/p/y", WORK="/p/y/me") == "work"


def test_home_goes_before_all() -> None:
    assert of("/scratch", home=True, SCRATCH="/scratch/me") == "home"


def test_an_unnamed_network_volume_is_work_only_where_something_is_mine() -> None:
    assert of("/mnt/x", Nfs, mine=True) == "work"
    assert of("/mnt/x", Nfs, mine=False) == "unknown"
    assert of("/mnt/x", Local) == "unknown"
