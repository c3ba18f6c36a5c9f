"""What the quota tools print, by kind. `README.md` beside this file says which was recorded and which composed."""

from __future__ import annotations

from jido.model.quota import Quota, Usage
from jido.model.units import Bytes, Seconds
from jido.storage.asking import Spot
from jido.testing.storage import Case

KIB, MIB = 1024, 1 << 20
NFS = Spot("/data", "/data", "nfs1:/export/data", "nfs4", "/data/me", "df/data")
CHUNKS = "files are chunk files: several for one large file"
HEAD = """Disk quotas for user student (uid 4321):
     Filesystem  blocks   quota   limit   grace   files   quota   limit   grace
"""


def b(count: int) -> Bytes:
    return Bytes(count)


POSIX = {
    # Recorded: quota-tools 4.06 in a user-mode Linux.
    "within its limits": Case(
        NFS,
        f"@user\n{HEAD}nfs1:/export/data       1   10000   20000       0       1      50     100       0\n@group\n",
        Quota("user", "student", b(10000 * KIB), b(20000 * KIB), 50, 100),
        Usage(b(KIB), 1),
    ),
    "over the soft limit, with grace": Case(
        NFS,
        f"@user\n{HEAD}     /dev/loop0   15001*  10000   20000 1700086400       2      50     100       0\n@group\n",
        Quota("user", "student", b(10000 * KIB), b(20000 * KIB), 50, 100),
        Usage(b(15001 * KIB), 2, Seconds(86400)),
        code=1,
    ),
    "no rquotad": Case(
        NFS,
        "@user\nquota: error while getting quota from nfs1:/export/data for student (id 4321): "
        "Cannot connect to RPC quota service\n@group\n",
        "Cannot connect to RPC quota service",
        code=1,
    ),
    "quotas are off": Case(
        NFS,
        "@user\nquota: Mountpoint (or device) / not found or has no quota enabled.\n"
        "quota: Not all specified mountpoints are using quota.\n@group\n",
        None,
        code=1,
    ),
    "the limit of a folder": Case(
        NFS,
        "@user\nDisk quotas for user student (uid 4321): none\n@group\n@df\n"
        "1B-blocks    Used Inodes IUsed\n 61247488  100352  16384    14\n  5242880       0  16384    14\n",
        Quota("directory", "/data/me", hard=b(5 * MIB)),
        Usage(b(0)),
    ),
    # Composed after the format above.
    "none of mine": Case(NFS, "@user\nDisk quotas for user me (uid 1): none\n@group\n", None),
    "the group's is nearer": Case(
        NFS,
        f"@user\n{HEAD}nfs1:/export/data 10 0 1000 0 1 0 0 0\n@group\n"
        "Disk quotas for group lab one (gid 7):\nnfs1:/export/data 990 0 1000 0 1 0 0 0\n",
        Quota("group", "lab one", hard=b(1000 * KIB)),
        Usage(b(990 * KIB), 1),
    ),
    "a server's name with blanks": Case(
        NFS,
        f"@user\n{HEAD}nfs1:/two words 5 (x) 10 0 1000 0 1 0 0 0\n@group\n",
        Quota("user", "student", hard=b(1000 * KIB)),
        Usage(b(10 * KIB), 1),
    ),
}

LUSTRE_AT = Spot("/scratch", "/scratch", "10.0.0.1@o2ib:/scratch", "lustre", "/scratch/me", "df/scratch")
LUSTRE = {
    # Composed after lfs's source and documentation (2.10 to 2.15); `-q` prints no titles.
    "plain": Case(
        LUSTRE_AT,
        "@user\n       /scratch    1024   2048   4096       -      12      100     200       -\n@group\n",
        Quota("user", "", b(2 * MIB), b(4 * MIB), 100, 200),
        Usage(b(MIB), 12),
    ),
    "a long path wraps": Case(
        LUSTRE_AT,
        "@user\n/scratch/a/very/long/path/that/wraps\n"
        "                5242880*  4194304 6291456  6d23h   120000       0 1000000       -\n@group\n",
        Quota("user", "", b(4194304 * KIB), b(6291456 * KIB), None, 1000000),
        Usage(b(5242880 * KIB), 120000, Seconds(6 * 86400 + 23 * 3600)),
    ),
    "brackets are unsure": Case(
        LUSTRE_AT,
        "@user\n   /scratch [10200224]       0    0       -   17724       0       0       -\n"
        "Some errors happened when getting quota info. Some devices may be not working or deactivated. The data "
        'in "[]" is inaccurate.\n@group\n',
        Quota("user"),
        Usage(b(10200224 * KIB), 17724, unsure=True),
        code=5,
    ),
    "human units, grace over": Case(
        LUSTRE_AT,
        "@user\n /scratch   9.5G*   9G   10G  expired   4490   0   0   -\n@group\n",
        Quota("user", "", b(9 << 30), b(10 << 30)),
        Usage(b(int(9.5 * (1 << 30))), 4490, Seconds(0)),
    ),
    "the project's is nearer": Case(
        LUSTRE_AT,
        "@user\n /scratch 10 0 1000 - 1 0 0 -\n@group\n /scratch 10 0 0 - 1 0 0 -\n"
        "@project\nproject 1042\n /scratch 950 0 1000 - 1 0 0 -\n",
        Quota("project", "1042", hard=b(1000 * KIB)),
        Usage(b(950 * KIB), 1),
    ),
    "quotas are off": Case(
        LUSTRE_AT, "@user\nuser quotas are not enabled.\n@group\n", "quotas are not enabled", code=3
    ),
}

GPFS_AT = Spot("/gpfs", "/gpfs", "gpfs0", "gpfs", "/gpfs/home/me", "df/gpfs")
GPFS_HEAD = (
    "mmlsquota:user:HEADER:version:reserved:reserved:filesystemName:quotaType:id:name:blockUsage:blockQuota:blockLimit:"
    "blockInDoubt:blockGrace:filesUsage:filesQuota:filesLimit:filesInDoubt:filesGrace:remarks:fid:filesetname:\n"
)
GPFS = {
    # Composed after the headers of releases 4.2 and 5.1.
    "in doubt counts": Case(
        GPFS_AT,
        GPFS_HEAD + "mmlsquota:user:0:1:::gpfs0:USR:1001:me:100:1000:2000:50:none:7:0:90:3:none::0:root:\n",
        Quota("user", "me", b(1000 * KIB), b(2000 * KIB), None, 90),
        Usage(b(150 * KIB), 10, unsure=True),
        whole=True,
    ),
    "an older header, over the soft limit": Case(
        GPFS_AT,
        "mmlsquota::HEADER:version:reserved:reserved:filesystemName:quotaType:id:name:blockUsage:blockQuota:blockLimit:"
        "blockInDoubt:blockGrace:filesUsage:filesQuota:filesLimit:filesInDoubt:filesGrace:remarks:quota:defQuota:fid:"
        "filesetname:\nmmlsquota::0:1:::gpfs0:USR:1:me:1500*:1000:2000:0:6 days:7:0:0:0:none:e:on:off:::\n",
        Quota("user", "me", b(1000 * KIB), b(2000 * KIB)),
        Usage(b(1500 * KIB), 7, Seconds(6 * 86400)),
        whole=True,
    ),
    "of several filesets the one by its name in the path": Case(
        GPFS_AT,
        GPFS_HEAD + "mmlsquota:user:0:1:::gpfs0:USR:1:me:1:0:10:0:none:1:0:0:0:none::1:home:\n"
        "mmlsquota:user:0:1:::gpfs0:USR:1:me:1:0:99:0:none:1:0:0:0:none::2:software:\n",
        Quota("user", "me", hard=b(10 * KIB)),
        Usage(b(KIB), 1),
        whole=True,
    ),
    "filesets that cannot be told apart": Case(
        GPFS_AT,
        GPFS_HEAD + "mmlsquota:user:0:1:::gpfs0:USR:1:me:1:0:10:0:none:1:0:0:0:none::1:a:\n"
        "mmlsquota:user:0:1:::gpfs0:USR:1:me:1:0:99:0:none:1:0:0:0:none::2:b:\n",
        "fileset",
        whole=True,
    ),
    "it does not answer": Case(
        GPFS_AT, "", "mmcommon: unexpected error", code=1, whole=True, complained="mmcommon: unexpected error\n"
    ),
}

BEEGFS_AT = Spot("/beegfs", "/beegfs", "beegfs_nodev", "beegfs", "/beegfs/me", "df/beegfs")
BEEGFS = {
    # Composed after beegfs-ctl's source (7.x) and what sites published.
    "plain": Case(
        BEEGFS_AT,
        "@user\nQuota information for storage pool Default (ID: 1):\n\nname,id,size,hard,files,hard\n"
        "me,1001,1073741824,10737418240,1000,unlimited\n@group\n",
        Quota("user", "me", hard=b(10 << 30)),
        Usage(b(1 << 30), 1000, note=CHUNKS),
    ),
    "of two pools the fuller": Case(
        BEEGFS_AT,
        "@user\nname,id,size,hard,files,hard\nme,1,10,100,1,0\n\nname,id,size,hard,files,hard\nme,1,99,100,1,0\n@group\n",
        Quota("user", "me", hard=b(100)),
        Usage(b(99), 1, note=CHUNKS),
    ),
    "not allowed": Case(BEEGFS_AT, "@user\nError: quota is not enabled\n@group\n", "quota is not enabled", code=1),
}

CEPH_AT = Spot("/ceph", "/ceph", "ceph-fuse", "fuse.ceph-fuse", "/ceph/me", "df/ceph")
CEPHFS = {
    # Recorded: ceph-fuse 16.2.
    "mine has one": Case(
        CEPH_AT,
        "10000000,500,6553600,3,/ceph/me",
        Quota("directory", "/ceph/me", hard=b(10_000_000), files_hard=500),
        Usage(b(6553600), 3),
    ),
    "none up to the mount": Case(CEPH_AT, "0,0,6553600,3,", None, Usage(b(6553600), 3)),
    # Composed.
    "a hostile folder above": Case(
        CEPH_AT, "1000,0,1,1,/ceph/a,b\n$(c)", Quota("directory", "/ceph/a,b\n$(c)", hard=b(1000)), Usage(b(1), 1)
    ),
    "an old client": Case(CEPH_AT, "0,0,,,", "no quota attributes"),
}

GLUSTER_AT = Spot("/gluster", "/gluster", "gl1:/gv", "fuse.glusterfs", "/gluster/me", "df/gluster")
GLUSTERFS = {
    # Recorded: GlusterFS 10.3.
    "a folder's limit": Case(
        GLUSTER_AT,
        "  1B-blocks      Used  Inodes IUsed\n12638253056 132935680 3085511   278\n"
        "   10485760   6553600 3085511   278\n",
        Quota("directory", "/gluster/me", hard=b(10 * MIB)),
        Usage(b(6553600)),
    ),
    "no limit to be seen": Case(
        GLUSTER_AT, "1B-blocks Used Inodes IUsed\n  10 1 5 2\n  10 1 5 2\n", "df shows no limit of your folder"
    ),
}

BTRFS_AT = Spot("/b", "/b", "/dev/loop0", "btrfs", "/b/me", "df/b")
BTRFS_HEAD = """Qgroupid    Referenced    Exclusive  Max referenced  Max exclusive   Path
--------    ----------    ---------  --------------  -------------   ----
"""
BTRFS = {
    # Recorded: btrfs-progs 6.2.
    "as root": Case(
        BTRFS_AT,
        BTRFS_HEAD + "0/256          6569984      6569984        10485760           none   student\n",
        Quota("directory", "/b/me", hard=b(10 * MIB)),
        Usage(b(6569984)),
    ),
    "no limit": Case(
        BTRFS_AT, BTRFS_HEAD + "0/5    16384    16384    none    none   <toplevel>\n", None, Usage(b(16384))
    ),
    "as a user": Case(BTRFS_AT, "ERROR: can't list qgroups: Operation not permitted\n", "root only", code=1),
    "off": Case(BTRFS_AT, "ERROR: can't list qgroups: quotas not enabled\n", None, code=1),
}

ZFS_AT = Spot("/tank", "/tank", "tank/home", "zfs", "/tank/me", "df/tank")
ZFS = {
    # Composed after OpenZFS 2.1's documentation.
    "mine": Case(
        ZFS_AT,
        "userquota@1000\t10737418240\nuserused@1000\t1073741824\nuserobjquota@1000\t-\nuserobjused@1000\t12\n"
        "quota\t0\nrefquota\t0\nused\t999\nreferenced\t99\n",
        Quota("user", hard=b(10 << 30)),
        Usage(b(1 << 30), 12),
    ),
    "the dataset's": Case(
        ZFS_AT,
        "userquota@1000\tnone\nuserused@1000\t5\nquota\t1000\nrefquota\t0\nused\t999\nreferenced\t99\n",
        Quota("directory", "tank/home", hard=b(1000)),
        Usage(b(999)),
    ),
    "none": Case(ZFS_AT, "userquota@1000\t0\nuserused@1000\t5\nquota\t0\nrefquota\t0\n", None, Usage(b(5))),
    "refused": Case(ZFS_AT, "cannot open 'tank/home': permission denied\n", "permission denied", code=1),
}
