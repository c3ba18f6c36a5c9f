"""Each storage kind recognises its file-system types and nobody else's, and says what it is good and bad for."""

from __future__ import annotations

import pytest

from jido import registry
from jido.storage.base import StorageKind

KINDS: dict[str, type[StorageKind]] = {name: registry.load("storage", name) for name in registry.names("storage")}


@pytest.mark.parametrize(
    ("fs", "kind"),
    [
        ("nfs4", "nfs"),
        ("nfs", "nfs"),
        ("lustre", "lustre"),
        ("gpfs", "gpfs"),
        ("beegfs", "beegfs"),
        ("ceph", "cephfs"),
        ("fuse.ceph-fuse", "cephfs"),
        ("fuse.glusterfs", "glusterfs"),
        ("ext4", "local"),
        ("fuse.ext4", "local"),
        ("fuse.nfs4", "nfs"),
        ("fuse.fuse-overlayfs", "overlay"),
        ("xfs", "local"),
        ("zfs", "zfs"),
        ("btrfs", "btrfs"),
        ("tmpfs", "tmpfs"),
        ("overlay", "overlay"),
    ],
)
def test_a_file_system_type_belongs_to_one_kind(fs: str, kind: str) -> None:
    assert [name for name, one in KINDS.items() if one.recognises(fs)] == [kind]


def test_an_unheard_of_type_belongs_to_none() -> None:
    assert not [
        name
        for name, one in KINDS.items()
        if one.recognises("orangefs") or one.recognises("fuse") or one.recognises("fuse.sshfs")
    ]


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_kind_goes_by_its_registry_name_and_says_what_it_is_for(name: str) -> None:
    kind = KINDS[name]
    assert kind.name == name
    assert kind.title
    assert kind.types == {fs.lower() for fs in kind.types}
    assert kind.good_for
    assert kind.bad_for


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_quota_command_takes_a_path_or_nothing(name: str) -> None:
    assert "{" not in KINDS[name].quota_command.format(path="/data/u123")


def test_only_kinds_built_for_clusters_speak_for_hpc() -> None:
    assert {name for name, kind in KINDS.items() if kind.hpc} == {"lustre", "gpfs", "beegfs"}
    assert all(kind.network for kind in KINDS.values() if kind.hpc)
