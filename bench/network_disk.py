"""An epoch over 100,000 small files: read from a real GlusterFS, against staged by jido's own script.

    python bench/network_disk.py            about four minutes, as root: it mounts; writes its section of RESULTS.md
    python bench/network_disk.py --files N  another number of files

The GlusterFS is one brick on this machine's disk behind glusterd's own TCP on loopback, mounted through FUSE: a
network file system's protocol and its latency for each file, without a network's distance. It lies in namespaces
of its own and ends with them. The staging is what a job does: `stage.sh`, its archive on the GlusterFS too.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import sections
from small_files import EPOCH, SIZE, fill

from jido.model.dataset import Dataset
from jido.transfer.datasets import staging
from jido.transfer.datasets.staging import Disk

FILES = 100_000
SPACES = ("unshare", "--uts", "--net", "--mount", "--pid", "--ipc", "--fork", "--mount-proc", "--kill-child")
TITLE = "## An epoch over small files from a network file system"

# $1: this program, $2: its Python, $3: a folder on a disk of this machine, $4: number of files.
GROUND = """\
set -eu
PATH=$PATH:/usr/sbin:/sbin
ip link set lo up
hostname jido1
for folder in /mnt /run /var/lib/glusterd /var/log/glusterfs; do mount -t tmpfs tmpfs "$folder"; done
mkdir -p /run/gluster "$3/local" /mnt/gluster
# The files are on the brick before it is one: GlusterFS takes them in at the first look at each.
"$2" "$1" --fill "$3/brick" --files "$4"
printf '127.0.0.1 localhost jido1\\n' >"$3/hosts"
mount --bind "$3/hosts" /etc/hosts
glusterd --log-level WARNING
g() { gluster --mode=script "$@" >/dev/null; }
until g volume list; do sleep 0.1; done
g volume create gv "jido1:$3/brick" force
g volume start gv
glusterfs --volfile-server=jido1 --volfile-id=gv /mnt/gluster
"$2" "$1" --inside /mnt/gluster "$3/local" --files "$4" >"$3/found.json"
"""


def inside(shared: Path, local: Path, files: int) -> None:
    """Pack the dataset, read an epoch from it, stage, read an epoch from the copy; prints seconds as JSON."""
    root = shared / "jido-datasets"
    for name in ("nodes", "archives"):
        (root / name).mkdir(parents=True)
    archive = root / "archives" / "images.tar"
    with tarfile.open(archive, "w") as out:
        out.add(shared / "images", ".")
    read = f"{files} {files * SIZE}\n"

    def epoch(folder: Path) -> float:
        began = time.monotonic()
        said = subprocess.run(
            [sys.executable, "-c", EPOCH, folder], check=True, capture_output=True, text=True
        ).stdout
        assert said == read, said
        return time.monotonic() - began

    direct = epoch(shared / "images")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    dataset = Dataset(
        name="images",
        key="images-0123456789abcdef",
        path=str(archive),
        kind="archive",
        packing="tar",
        packed=archive.stat().st_size,
        size=files * SIZE,
        files=files,
        sha256=digest,
        source="bench",
        added=time.time(),
    )
    script = staging.script(str(root), [dataset], [Disk(str(local), None, "")], local=True)
    (local / "stage.sh").write_text(f"{script}stage_datasets\n")
    data = local / "data"
    data.mkdir()
    began = time.monotonic()
    # Sourced as a job script does it; it sets JIDO_DATA.
    names = {"JIDO_DATA": str(data), "JIDO_RUN": str(local), "JIDO_JOB_ID": "1", "JIDO_ROOT": str(root)}
    environment = os.environ | names
    said = subprocess.run(
        ["sh", local / "stage.sh"], check=True, capture_output=True, text=True, env=environment
    ).stderr
    staged = time.monotonic() - began
    assert "unpacking in" in said, said
    assert "shared disk" not in said, said
    copied = epoch(local / "data" / "jido1" / "images")
    print(json.dumps({"direct": direct, "staged": staged, "copied": copied}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--fill", help=argparse.SUPPRESS)
    parser.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.fill:
        fill(Path(said.fill, "images"), said.files)
        return
    if said.inside:
        inside(Path(said.inside[0]), Path(said.inside[1]), said.files)
        return
    if os.geteuid():
        raise SystemExit("file systems are mounted by root only")
    with tempfile.TemporaryDirectory(prefix="jido-bench-") as folder:
        words = [*SPACES, "sh", "-c", GROUND, "ground", __file__, sys.executable, folder, str(said.files)]
        subprocess.run(words, check=True)
        found = json.loads((Path(folder) / "found.json").read_text())
    text = report(found, said.files)
    print(text)
    sections.put(TITLE, text)


def report(found: dict[str, float], files: int) -> str:
    first = found["staged"] + found["copied"]
    rows = [
        ("the first epoch, the staging included", first),
        ("each further epoch", found["copied"]),
    ]
    lines = [
        TITLE,
        "",
        f"Made by `python bench/network_disk.py --files {files}`, {time.strftime('%Y-%m-%d')},",
        f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, once.",
        f"{files} files of {SIZE >> 10} KiB in random order, one reader. GlusterFS:",
        "one brick on this machine through FUSE, its server on loopback, so without a network's distance; copies on",
        "the same disk.",
        "",
        "| | staged | read from GlusterFS | ratio |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| {what} | {ours:.1f} s | {found['direct']:.1f} s | {ours / found['direct']:.2f} |" for what, ours in rows
    ]
    lines += [f"| of it the staging | {found['staged']:.1f} s | | |"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
