"""What the looks bring home from sites that are not within reach of a test, as their tools print it."""

from __future__ import annotations

from jido import registry
from jido.engines.base import Engine
from jido.model.bundle import MISSING, Finding, Part
from jido.model.map import Map
from jido.probe.ask import compose
from jido.probe.merge import merge
from jido.storage.base import StorageKind

KINDS: list[type[StorageKind]] = [registry.load("storage", name) for name in registry.names("storage")]


def engines() -> list[Engine]:
    return [registry.load("engine", name)() for name in registry.names("engine")]


def df(path: str, fs: str, size: int, free: int, files: int, free_files: int, mount: str, mine: str = "") -> str:
    """One volume record with GNU's df in it."""
    header = "Type 1B-blocks Avail Inodes IFree Mounted on"
    return f"\x1e{path}\0{header}\n{fs} {size} {free} {files} {free_files} {mount}\0{mine}\0" + "0\0"


def said(stdout: str, code: int | None = 0, stderr: str = "", took: float = 0.01) -> Finding:
    return Finding(code, stdout.encode("utf-8", "surrogateescape"), stderr.encode(), took)


LATE = Finding(code=None, took=5.0)


def mapped(findings: dict[str, Finding], *, told: str = "", name: str = "site") -> Map:
    """The map of a site where whatever is not named was looked for and is not there."""
    parts: list[Part] = compose(engines(), KINDS)[0]
    whole = {part.name: findings.get(part.name, Finding(MISSING)) for part in parts}
    return merge(name, parts, whole, engines=engines(), kinds=KINDS, on="login1", at=1.7e9, told=told)


# A parallel cluster: Lustre scratch, NFS homes, InfiniBand, a site variable that names the scratch folder.
LUSTRE = {
    "id": said("uid=50123(u50123) gid=7001(domain users) groups=7001(domain users),7400(ai-lab),7401(외부 협력)\n"),
    "home": said("/users/u50123\0/users/u50123\0/bin/bash\0"),
    "uname": said("Linux login1.cluster.example 4.18.0-477.el8.x86_64 x86_64\n"),
    "os": said('NAME="Rocky Linux"\nVERSION_ID="8.8"\nPRETTY_NAME="Rocky Linux 8.8 (Green Obsidian)"\n'),
    "cpus": said("128\n"),
    "memory": said("MemTotal:       527977468 kB\nMemFree: 1 kB\n"),
    "gpus": said("", 9, "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n"),
    "infiniband": said("mlx5_0/1|4: ACTIVE|200 Gb/sec (4X HDR)|InfiniBand\nmlx5_1/1|1: DOWN|10 Gb/sec|Ethernet\n"),
    "ethernet": said("eno1|up|25000\neno2|down|-1\n"),
    "mounts": said(
        "60 1 253:0 / / rw - xfs /dev/mapper/root rw\n"
        "70 60 0:50 / /users rw - nfs4 nas1:/export/users rw\n"
        "71 60 0:51 / /lustre rw - lustre 10.1.1.1@o2ib:/fs1 rw\n"
        "72 60 0:52 / /mnt/shared\\040data rw - ceph 10.2.2.2:6789:/ rw\n"
    ),
    "df/": said(df("/", "xfs", 10**11, 5 * 10**10, 10**7, 9 * 10**6, "/")),
    "df/lustre": said(df("/lustre", "lustre", 10**15, 4 * 10**14, 10**9, 6 * 10**8, "/lustre")),
    "df-home": said(df("/users/u50123", "nfs4", 10**13, 10**12, 10**8, 10**7, "/users", "/users/u50123")),
    "df-mounts": said(
        df("/mnt/shared data", "ceph", 10**14, 10**13, 0, 0, "/mnt/shared data", "/mnt/shared data/u50123")
    ),
    "environment": said(
        "Welcome to the cluster!\n\x1ebegin\0\x1eenv\0HOME=/users/u50123\0SCRATCH=/lustre/scratch/u50123\0"
        "MODULESHOME=/opt/lmod/8.7\0WORK=not absolute\0\x1etool\0rsync\0/usr/bin/rsync\n\x1etool\0module\0module\n"
        "\x1etool\0python3\0/usr/bin/python3\n\x1etool\0apptainer\0/usr/bin/apptainer\n\x1etools"
        "\x1eversion\0python3\0Python 3.6.8\0\x1eversion\0apptainer\0apptainer version 1.2.5-1.el8\0"
        + df(
            "/lustre/scratch/u50123",
            "lustre",
            10**15,
            4 * 10**14,
            10**9,
            6 * 10**8,
            "/lustre",
            "/lustre/scratch/u50123",
        )
        + "\x1eend"
    ),
    "quota/lustre": said(
        "\x1e/lustre\0/lustre/scratch/u50123\0@user\n/lustre 950000000* 900000000 1000000000 6d23h 41000 0 0 -\n"
        "@group\n/lustre 99 0 0 - 9 0 0 -\n\x000\0"
    ),
    # nas1's rquotad does not answer; Ceph knows no limit of mine.
    "quota/posix": said(
        "\x1e/users\0/users/u50123\0@user\nquota: error while getting quota from nas1:/export/users for u50123 "
        "(id 50123): Connection refused\n@group\n\x001\0"
    ),
    "quota/cephfs": said("\x1e/mnt/shared data\0/mnt/shared data/u50123\x000,0,7000,12,\x000\0"),
}

# A dead NFS server: df of /data never ends, nor does the table of all mounts beyond what it had printed.
DEAD_NFS = LUSTRE | {
    "mounts": said(
        "60 1 253:0 / / rw - xfs /dev/mapper/root rw\n"
        "70 60 0:50 / /users rw - nfs4 nas1:/export/users rw\n"
        "73 60 0:53 / /data rw - nfs4 dead:/export/data rw\n"
    ),
    "df/data": LATE,
    "df/lustre": Finding(MISSING),
    "environment": LATE,
    "df-mounts": said(df("/mnt/other", "xfs", 10**12, 10**11, 10**8, 10**7, "/mnt/other"), None, took=8.0),
}

# A small box whose df knows no --output, with a login shell that printed nothing.
BUSYBOX = {
    "id": said("uid=0(root) gid=0(root)\n"),
    "home": said("/root\0/\0/bin/ash\0"),
    "cpus": said("4\n"),
    "environment": said("", 1),
    "df/": said(
        "\x1e/\0Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/root 1000 500 500 50% /\0\0" + "0\0"
    ),
    "df/home": said(
        "\x1e/home\0Filesystem 1024-blocks Used Available Capacity Mounted on\n"
        "//server/My Share\n 2000 500 1500 25% /home\0/home\0" + "0\0"
    ),
}
