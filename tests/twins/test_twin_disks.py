"""Volumes with sizes, limits and speeds of their own, and that they are ordinary file systems otherwise."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from by_hand import HOSTILE, said, shell, small

from jido.model.facts import known
from jido.model.map import Bytes, Instance, Map, NodeGroup, Now, Scheduling, Storage, Volume
from jido.model.quota import Quota
from jido.model.seen import NodeSeen, Speed
from jido.twins import TwinState, down, spec_of, up
from jido.twins.spec import Allowance, Disk, TwinSpec
from jido.twins.spec import Volume as Shared

MB = 10**6
QUOTA = Allowance(soft=16 * MB, hard=20 * MB, files_soft=40, files_hard=60)
NODES = Instance(
    nodes=(NodeGroup("n[1-3]"),),
    seen=(NodeSeen("n2", free={"/local": 0}), NodeSeen("n3", free={"/local": 5 * MB})),
)
LOCAL = known(False, "probe")
twins = pytest.mark.twin
pytestmark = pytest.mark.xdist_group("twin-disks")


def twin_of(*rows: Volume, **more: object) -> TwinSpec:
    cluster = Map("c", instance=NODES, scheduling=Scheduling(engine=known("slurm", "told")), storage=Storage(rows))
    return spec_of(msgspec.structs.replace(cluster, **more))


def test_a_volume_of_which_nothing_is_known_is_a_plain_folder() -> None:
    assert twin_of(Volume("/data", shared=known(True, "probe"))).disks == {}


def test_size_free_space_quota_and_speed_come_from_the_map() -> None:
    row = Volume(
        "/data",
        seen_from="login,n[1-2]",
        shared=known(True, "probe"),
        size=known(Bytes(91 * 2**40), "probe"),
        quota=known(Quota(hard=Bytes(50 * MB), soft=Bytes(40 * MB)), "probe"),
        source=known("nas:/export", "probe"),
        fs=known("nfs4", "probe"),
        speed=(Speed("n1", write=57e6, read=90e6), Speed("n2", write=40e6)),
    )
    assert twin_of(row, now=Now(free={"/data": 14 * 2**40})).disks == {
        "/data": Disk(
            91 * 2**40,
            14 * 2**40,
            quota=Allowance(hard=50 * MB, soft=40 * MB),
            read=90e6,
            write=40e6,
            source="nas:/export",
            fs="nfs4",
        )
    }


def test_each_node_has_its_own_local_disk_as_full_as_it_was_seen() -> None:
    small_ones = Volume("/local", seen_from="n[1-2]", shared=LOCAL, size=known(Bytes(900), "probe"))
    large = Volume("/local", seen_from="n3", shared=LOCAL, size=known(Bytes(7000), "probe"))
    disks = [node.disks["/local"] for node in twin_of(small_ones, large).nodes]
    assert [(disk.size, disk.free) for disk in disks] == [(900, None), (900, 0), (7000, 5 * MB)]


@pytest.fixture(scope="module")
def twin(needs_parts: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwinState]:
    if not os.access("/dev/fuse", os.W_OK):
        pytest.skip("/dev/fuse cannot be opened")
    folder = tmp_path_factory.mktemp("disks") / HOSTILE
    base = small()
    one, two = base.nodes
    more = (Shared("/ceph"), Shared("/project"), Shared("/work"))
    spec = msgspec.structs.replace(
        base,
        volumes=(*base.volumes, *more),
        disks={
            "/data": Disk(91 * 2**40, 14 * 2**40, quota=QUOTA, source="nas:/export", fs="nfs4"),
            "/scratch": Disk(40 * MB, write=10.0 * MB, read=40.0 * MB, fs="xfs", inodes=1000, free_inodes=12),
            "/ceph": Disk(10**12, quota=Allowance("directory", folder="student", hard=30 * MB), fs="ceph-fuse"),
            "/project": Disk(
                10**12,
                quota=Allowance("directory", folder="student", hard=8 * MB, files_hard=9),
                fs="xfs",
                source="/dev/sdb",
            ),
            "/work": Disk(10**12, quota=Allowance("group", "비전 lab", hard=9 * MB), fs="ext4", source="/dev/sd c"),
        },
        nodes=(
            msgspec.structs.replace(one, disks={"/local_datasets": Disk(900 * 10**9, 8 * MB)}),
            msgspec.structs.replace(two, disks={"/local_datasets": Disk(7 * 10**12, 0)}),
        ),
    )
    yield up(spec, folder)
    down(folder)


@twins
def test_df_shows_the_mapped_size(twin: TwinState) -> None:
    assert twin.notes == ()
    row = said(twin, "df -B1 --output=source,size,avail /data | tail -1").split()
    assert row == ["nas:/export", str(91 * 2**40), str(14 * 2**40)]
    assert said(twin, "findmnt -no FSTYPE /data") == "fuse.nfs4"
    assert str(twin.folder) not in said(twin, "findmnt -n -o SOURCE")


@twins
def test_a_quota_is_really_hit_and_deleting_helps(twin: TwinState) -> None:
    done = shell(twin, "cd /data/student && head -c 30000000 /dev/zero > big")
    assert "Disk quota exceeded" in done.stderr
    assert int(said(twin, "stat -c %s /data/student/big")) == pytest.approx(20 * MB, rel=0.01)
    assert "Disk quota exceeded" in shell(twin, "/bin/echo more > /data/student/more").stderr
    said(twin, "cd /data/student && rm -f big more && head -c 15000000 /dev/zero > big && rm big")


@twins
def test_a_full_disk_is_full_on_its_node_only(twin: TwinState) -> None:
    write = "head -c 6000000 /dev/zero > /local_datasets/x"
    assert "No space left" in shell(twin, f"srun -w small-n2 sh -c '{write}'").stderr
    said(twin, f"srun -w small-n1 sh -c '{write}'")
    assert "No space left" in shell(twin, f"srun -w small-n1 sh -c '{write}2'").stderr
    sizes = [
        int(said(twin, f"srun -w {node} df -B1 --output=size /local_datasets").split()[1])
        for node in ("small-n1", "small-n2")
    ]
    assert [round(size / 10**9) for size in sizes] == [900, 7000]


MEASURE = """
import os, time
began = time.monotonic()
fd = os.open("/scratch/speed", os.O_RDWR | os.O_CREAT)
for _ in range(10):
    os.write(fd, bytes(10**6))
os.fsync(fd)
written = time.monotonic()
os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
os.lseek(fd, 0, 0)
while os.read(fd, 10**6):
    pass
print(1e7 / (written - began), 1e7 / (time.monotonic() - written))
os.unlink("/scratch/speed")
"""


@twins
def test_a_slow_volume_is_slow_both_ways(twin: TwinState) -> None:
    (twin.volumes["/home"] / "student/measure.py").write_text(MEASURE)
    write, read = (float(word) for word in said(twin, "python3 measure.py").split())
    # Never faster than told; how much slower is the test machine's business.
    assert write < 11 * MB
    assert read < 50 * MB
    assert write < read


def asked(twin: TwinState, command: str) -> list[str]:
    return [" ".join(line.split()) for line in said(twin, command).splitlines()]


@twins
def test_quota_tells_the_users_limits_and_what_counts(twin: TwinState) -> None:
    said(twin, "rm -rf /data/student/*; head -c 4096000 /dev/zero > /data/student/4000K")
    head = ["Disk quotas for user student (uid 1000):", "Filesystem blocks quota limit grace files quota limit grace"]
    assert asked(twin, "quota") == [*head, "nas:/export 4000 15625 19531 2 40 60"]
    assert asked(twin, "quota -w -p -v -u -f /data")[2] == "nas:/export 4000 15625 19531 0 2 40 60 0"
    assert asked(twin, "quota -s -f nas:/export")[2] == "nas:/export 4000K 16M 20M 2 40 60"
    assert asked(twin, "srun -w small-n2 quota")[2] == "nas:/export 4000 15625 19531 2 40 60"


@twins
def test_quota_tells_the_groups_limits_and_where_there_are_none(twin: TwinState) -> None:
    assert asked(twin, "quota -g")[::2] == ["Disk quotas for group 비전 lab (gid 1000):", "/dev/sd c 0 0 8789 1 0 0"]
    none = shell(twin, "quota -u -f /home")
    assert none.returncode == 1
    assert "has no quota enabled" in none.stderr
    assert "none" in said(twin, "quota -u -f /work")


@twins
def test_a_soft_limit_may_be_exceeded_and_the_time_of_grace_is_told(twin: TwinState) -> None:
    said(twin, "rm -rf /data/student/*; head -c 17000000 /dev/zero > /data/student/much")
    done = shell(twin, "quota")
    assert done.returncode == 1
    row = " ".join(done.stdout.splitlines()[-1].split())
    assert re.fullmatch(r"nas:/export 16604\* 15625 19531 [67]days 2 40 60", row)
    said(twin, "rm /data/student/much; quota")


@twins
def test_a_quota_of_files_is_hit_too(twin: TwinState) -> None:
    done = shell(twin, "cd /data/student && for i in $(seq 70); do echo > f$i || exit; done")
    assert "Disk quota exceeded" in done.stderr
    assert said(twin, "ls /data/student | wc -l") == "59"
    said(twin, "rm -f /data/student/f*")


@twins
def test_a_folder_with_limits_shows_them_as_its_size(twin: TwinState) -> None:
    size = "df -B1 --output=size,itotal"
    assert said(twin, f"{size} /project/student | tail -1").split() == [str(8 * MB // 4096 * 4096), "9"]
    assert int(said(twin, f"{size} /project | tail -1").split()[0]) == pytest.approx(10**12, rel=1e-6)
    assert "Disk quota exceeded" in shell(twin, "head -c 9000000 /dev/zero > /project/student/x").stderr
    said(twin, "rm /project/student/x")


@twins
def test_a_ceph_volume_has_the_attributes_of_one(twin: TwinState) -> None:
    said(twin, "mkdir /ceph/student/d; head -c 8192 /dev/zero > /ceph/student/d/x")
    ask = "import os; print(*(os.getxattr(p, a).decode() for p, a in {}))"
    pairs = [("/ceph/student", "ceph.quota.max_bytes"), ("/ceph/student", "ceph.dir.rbytes")]
    pairs += [("/ceph/student/d", "ceph.dir.rentries")]
    assert said(twin, f'python3 -c "{ask.format(pairs)}"').split() == [str(30 * MB), "8192", "1"]
    assert said(twin, "findmnt -no FSTYPE /ceph") == "fuse.ceph-fuse"
    said(twin, "rm -r /ceph/student/d")


@twins
def test_a_volume_runs_out_of_files(twin: TwinState) -> None:
    done = shell(twin, "mkdir /scratch/m && cd /scratch/m && for i in $(seq 20); do echo > f$i || exit; done")
    assert "No space left" in done.stderr
    assert said(twin, "df --output=itotal,iavail /scratch | tail -1").split() == ["1000", "0"]
    said(twin, "rm -r /scratch/m")


TRY = r"""
set -e
cd /data/student
mkdir "t 한글 \$(x)"
cd "t 한글 \$(x)"
echo one > a; ln a b; ln -s a s; mv a 'c d'; cat b 'c d'; stat -c %h b; readlink s; echo two >> b; tail -1 'c d'
mkdir -p x/y; echo deep > x/y/z; mv x w; cat w/y/z; rm -r w
chmod 640 b; stat -c '%a %U' b; touch -d @1000 b; stat -c %Y b
mkfifo p; test -p p
cp /etc/services e; cmp /etc/services e; truncate -s 5 e; stat -c %s e
( exec 3>gone; rm gone; echo x >&3; stat -Lc %s /proc/self/fd/3 )
python3 ~/use.py
git init -q g
cd g; cp /etc/services .; git add .; git -c user.email=a -c user.name=b commit -qm first; git status --short; cd ..
tar cf - . | tar tf - | grep -c services
cd /data/student
rm -r "t 한글 \$(x)"
ls
"""
USE = """
import fcntl, mmap, sqlite3
base = sqlite3.connect("base.db")
base.execute("pragma journal_mode=wal")
base.execute("create table t (x)")
base.executemany("insert into t values (?)", [(i,) for i in range(1000)])
base.commit()
print(base.execute("select sum(x) from t").fetchone()[0])
file = open("map", "w+b")
file.truncate(8192)
view = mmap.mmap(file.fileno(), 8192)
view[:4] = b"abcd"
view.flush()
print(open("map", "rb").read(4).decode())
fcntl.lockf(file, fcntl.LOCK_EX)
"""


@twins
def test_it_is_a_file_system_like_any_other(twin: TwinState) -> None:
    home = twin.volumes["/home"] / "student"
    (home / "try.sh").write_text(TRY)
    (home / "use.py").write_text(USE)
    lines = said(twin, "rm -rf /data/student/*; sh try.sh").splitlines()
    assert lines == [
        "one", "one", "2", "a", "two", "deep", "640 student", "1000", "5", "2", "499500", "abcd", "1",
    ]  # fmt: skip


@twins
def test_a_lock_taken_on_one_machine_holds_on_another(twin: TwinState) -> None:
    held = (
        "flock /data/student/lock sh -c 'srun -w small-n2 flock -n /data/student/lock true 2>/dev/null || echo held'"
    )
    assert said(twin, f"touch /data/student/lock; {held}; rm /data/student/lock") == "held"


@twins
def test_what_one_machine_writes_another_reads(twin: TwinState) -> None:
    said(twin, "echo first > /data/student/note; srun -w small-n1 cat /data/student/note")
    said(twin, "srun -w small-n2 sh -c 'echo second > /data/student/note'")
    assert said(twin, "srun -w small-n1 cat /data/student/note; cat /data/student/note").split() == ["second"] * 2


@twins
def test_volumes_lie_in_ordinary_folders_of_this_machine(twin: TwinState) -> None:
    said(twin, "echo here > /data/student/here")
    assert (Path(twin.volumes["/data"]) / "student" / "here").read_text() == "here\n"


@twins
def test_where_there_is_no_fuse_it_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jido.twins.starting.FUSE", "/dev/no-fuse")
    twin = up(msgspec.structs.replace(small(), disks={"/data": Disk(10**15)}), folder)
    assert twin.healthy
    assert any("/dev/no-fuse cannot be opened" in note for note in twin.notes)
