"""Quotas of real file systems: read by the probe, and really hit."""

from __future__ import annotations

from typing import cast

import pytest
from quota_ground import Ground, finding, stand, stand_in_guest

from jido.model.bundle import Finding
from jido.model.quota import Quota
from jido.storage.cephfs import Cephfs
from jido.storage.filling import Filling

MIB = 1 << 20
REFUSED = "Disk quota exceeded"
WRITTEN = 100 * 64 * 1024
CEPH_COUNTS = Cephfs.counting("/mnt/c/student", deep=False)


@pytest.fixture(scope="module")
def glusterfs() -> Ground:
    return stand("glusterfs.sh", ["glusterd", "gluster", "glusterfs"])


@pytest.fixture(scope="module")
def cephfs() -> Ground:
    return stand("cephfs.sh", ["ceph-mon", "ceph-osd", "ceph-mds", "ceph-fuse", "getfattr"], also=CEPH_COUNTS)


@pytest.fixture(scope="module")
def btrfs() -> Ground:
    return stand("btrfs.sh", ["mkfs.btrfs", "btrfs"])


@pytest.fixture(scope="module")
def tmpfs() -> Ground:
    return stand("tmpfs.sh", [])


@pytest.fixture(scope="module")
def guest() -> Ground:
    programs = ["rpcbind", "rpc.nfsd", "rpc.mountd", "rpc.rquotad", "setquota", "quota", "modprobe", "mkfs.ext4"]
    return stand_in_guest("guest.sh", programs)


@pytest.mark.xdist_group("ground-glusterfs")
class TestGlusterfs:
    def test_df_shows_the_limit_of_my_folder(self, glusterfs: Ground) -> None:
        volume = glusterfs.volume("before", "/mnt/two words")
        assert volume.fs.value == "fuse.glusterfs"
        assert volume.quota.value == Quota("directory", "/mnt/two words/student", hard=10 * MIB)
        assert glusterfs.used("before", "/mnt/two words").bytes == 0

    def test_what_i_write_counts(self, glusterfs: Ground) -> None:
        assert glusterfs.complaint("wrote").count("records") == 2
        assert glusterfs.used("after", "/mnt/two words").bytes == WRITTEN

    def test_the_limit_is_really_hit(self, glusterfs: Ground) -> None:
        assert REFUSED in glusterfs.complaint("refused")


@pytest.mark.xdist_group("ground-cephfs")
class TestCephfs:
    def test_no_folder_up_to_the_mount_has_a_quota(self, cephfs: Ground) -> None:
        assert cephfs.volume("before", "/mnt/c").quota.state == "absent"

    def test_my_folders_own_quota_is_found(self, cephfs: Ground) -> None:
        volume = cephfs.volume("after", "/mnt/c")
        assert volume.fs.value == "fuse.ceph-fuse"
        assert volume.quota.value == Quota("directory", "/mnt/c/student", hard=10_000_000, files_hard=500)

    def test_ceph_counts_what_is_mine(self, cephfs: Ground) -> None:
        used = cephfs.used("after", "/mnt/c")
        assert used.bytes == WRITTEN
        # Itself, the folder in it, and the file.
        assert used.files == 3

    def test_without_getfattr_python_reads_the_same(self, cephfs: Ground) -> None:
        assert cephfs.volume("by-python", "/mnt/c").quota == cephfs.volume("after", "/mnt/c").quota
        assert cephfs.used("by-python", "/mnt/c") == cephfs.used("after", "/mnt/c")

    def test_what_fills_it_is_told_without_a_walk(self, cephfs: Ground) -> None:
        found = cast("Finding", finding(cephfs, CEPH_COUNTS, "filled"))
        assert Cephfs.counted("/mnt/c/student", found) == Filling(
            "/mnt/c/student", WRITTEN, (("two words", WRITTEN),)
        )

    def test_the_limit_is_really_hit(self, cephfs: Ground) -> None:
        assert REFUSED in cephfs.complaint("refused")


@pytest.mark.xdist_group("ground-btrfs")
class TestBtrfs:
    def test_without_quota_groups_there_is_none(self, btrfs: Ground) -> None:
        assert btrfs.volume("without", "/mnt/b").quota.state == "absent"

    def test_a_user_is_told_that_only_root_sees_it(self, btrfs: Ground) -> None:
        fact = btrfs.volume("after", "/mnt/b").quota
        assert fact.state == "unknown"
        assert "root" in fact.why
        assert "btrfs qgroup show" in fact.settle

    def test_root_sees_the_limit_of_my_subvolume(self, btrfs: Ground) -> None:
        assert btrfs.volume("as-root", "/mnt/b").quota.value == Quota("directory", "/mnt/b/student", hard=10 * MIB)
        assert WRITTEN <= (btrfs.used("as-root", "/mnt/b").bytes or 0) < WRITTEN + MIB

    def test_the_limit_is_really_hit(self, btrfs: Ground) -> None:
        assert REFUSED in btrfs.complaint("refused")


@pytest.mark.xdist_group("ground-tmpfs")
class TestTmpfs:
    def test_its_size_is_the_limit(self, tmpfs: Ground) -> None:
        volume = tmpfs.volume("before", "/tmp")
        assert (volume.fs.value, volume.size.value) == ("tmpfs", 8 * MIB)
        assert volume.quota.state == "absent"
        assert "No space left on device" in tmpfs.complaint("refused")

    def test_a_full_tmp_does_not_keep_the_probe_from_telling(self, tmpfs: Ground) -> None:
        assert tmpfs.map("full").now.free["/tmp"] == 0
        assert tmpfs.volume("full", "/tmp").mine.value == "/tmp/student"

    def test_jido_df_says_that_it_is_full(self, tmpfs: Ground) -> None:
        text = tmpfs.complaint("df")
        assert "! /tmp: the volume is full" in text
        assert next(line for line in text.splitlines() if " /tmp " in line).split() == [
            *("/tmp", "local", "tmpfs", "8M", "0", "none")
        ]


@pytest.mark.xdist_group("ground-guest")
class TestNfsAndExt4:
    """A user-mode Linux that serves an ext4 to itself: its kernel has quotas and NFS, whatever the one here has."""

    def test_a_server_that_tells_no_quotas_is_unknown_with_its_words(self, guest: Ground) -> None:
        fact = guest.volume("deaf", "/mnt/two words").quota
        assert fact.state == "unknown"
        assert "RPC" in fact.why
        assert "quota" in fact.settle

    def test_my_quota_comes_over_nfs(self, guest: Ground) -> None:
        volume = guest.volume("before", "/mnt/two words")
        assert volume.fs.value == "nfs"
        assert volume.quota.value == Quota("user", "student", 10000 * 1024, 20000 * 1024, 50, 100)
        assert guest.used("before", "/mnt/two words").grace is None

    def test_so_it_does_from_the_disk_itself(self, guest: Ground) -> None:
        volume = guest.volume("before", "/mnt/disk")
        assert volume.fs.value == "ext4"
        assert volume.quota.value == guest.volume("before", "/mnt/two words").quota.value

    def test_over_the_soft_limit_there_is_a_time_of_grace(self, guest: Ground) -> None:
        for path in ("/mnt/two words", "/mnt/disk"):
            used = guest.used("after", path)
            assert 240 * 64 * 1024 <= (used.bytes or 0) < 20000 * 1024
            assert used.grace is not None

    def test_the_limit_is_really_hit(self, guest: Ground) -> None:
        assert REFUSED in guest.complaint("refused")

    def test_a_limit_of_my_folder_is_its_size_in_df_over_nfs_too(self, guest: Ground) -> None:
        for path in ("/mnt/two words", "/mnt/disk"):
            assert guest.volume("folder", path).quota.value == Quota("directory", f"{path}/student", hard=5 * MIB)
