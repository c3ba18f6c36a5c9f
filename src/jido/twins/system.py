"""The twin's own /etc files and its volumes: who exists, which names resolve, whose folders are where."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from jido.twins import folder as folders
from jido.twins.ground import CONTROL, LOGIN, Ground, Mount
from jido.twins.login import home_files
from jido.twins.people import DAEMONS_ID
from jido.twins.spec import Disk, TwinSpec, Volume
from jido.twins.volumes import told_by

# The only program of a twin that is not the distribution's; disks/quota.sh says why.
_QUOTA = "conf/quota"


def etc_files(ground: Ground) -> dict[str, str]:
    """Files of /etc that every machine shares, by path relative to the folder."""
    spec = ground.spec
    people = [
        "root:x:0:0:root:/root:/bin/bash",
        f"{spec.user}:x:{spec.uid}:{spec.uid}:{spec.user}:{spec.home_folder}:/bin/bash",
        "sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin",
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin",
    ]
    groups = ["root:x:0:", f"{spec.user}:x:{spec.uid}:", "nogroup:x:65534:"]
    if ground.ids:
        people.append(f"{ground.daemons}:x:{DAEMONS_ID}:{DAEMONS_ID}::/nonexistent:/usr/sbin/nologin")
        groups.append(f"{ground.daemons}:x:{DAEMONS_ID}:")
    return {
        "conf/etc/passwd": "\n".join(people) + "\n",
        "conf/etc/group": "\n".join(groups) + "\n",
        **{f"{folders.NODES}/{role}/hosts": _hosts(spec, first) for role, first in _machines(spec).items()},
        "conf/etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n",
    }


def _machines(spec: TwinSpec) -> dict[str, str]:
    """Which name each machine, by role, gives the address that all share when it is asked for one."""
    # The scheduler's machine is the only one that names others by their address: submissions, that is the login node.
    names = {CONTROL: spec.login_name, LOGIN: spec.login_name}
    return {**names, **{node.name: node.name for node in spec.nodes}}


def _hosts(spec: TwinSpec, first: str) -> str:
    # One loopback address for all: the kernel gives every loopback connection 127.0.0.1 as its source, and Slurm
    # calls back where a request came from. The first name is what the address is called.
    others = (spec.control_name, spec.login_name, *(node.name for node in spec.nodes))
    names = [first, "localhost", *(name for name in others if name != first)]
    return "".join(f"127.0.0.1 {name}\n" for name in names)


def disks(ground: Ground) -> list[dict[str, Any]]:
    """Volumes that behave otherwise than the folder they lie in, as `disks.start` takes them."""
    if not ground.disks:
        return []
    folder = ground.folder
    return [
        {
            "own": str(folder / own),
            "at": str(folder / f"run/disks/{number}"),
            "size": disk.size,
            "free": disk.size if disk.free is None else disk.free,
            "inodes": disk.inodes,
            "free_inodes": disk.free_inodes,
            "quota": disk.quota and msgspec.structs.asdict(disk.quota),
            "tells": told_by(disk.fs, disk.quota),
            "read": disk.read,
            "write": disk.write,
            "source": disk.source or f"twin:{own.partition(folders.VOLUMES)[2]}",
            "fs": disk.fs,
        }
        for number, (own, disk) in enumerate(_disks(ground.spec).items())
    ]


def _disks(spec: TwinSpec) -> dict[str, Disk]:
    """By the folder it lies in, relative to the twin's."""
    shared = {volume.path for volume in spec.shared}
    found = {folders.VOLUMES + path: disk for path, disk in spec.disks.items() if path in shared}
    local = [(LOGIN, path, disk) for path, disk in spec.disks.items() if path in spec.login_volumes]
    local += [(node.name, path, disk) for node in spec.nodes for path, disk in node.disks.items()]
    for role, path, disk in local:
        found[f"{folders.NODES}/{role}/{folders.VOLUMES}{path}"] = disk
    return found


def mounts(ground: Ground) -> tuple[Mount, ...]:
    """Where machines see /etc files and volumes; parents come before what lies within them."""
    spec = ground.spec
    seen = {own: f"run/disks/{number}" for number, own in enumerate(_disks(spec))} if ground.disks else {}
    found: list[Mount] = []
    for role in _machines(spec):
        found.append(Mount(f"{folders.NODES}/{role}/hosts", "/etc/hosts", on=frozenset({role})))
        found.append(Mount(f"{folders.NODES}/{role}/tmp", "/tmp", on=frozenset({role}), writable=True))  # noqa: S108
    users = frozenset({LOGIN, *(node.name for node in spec.nodes)})
    places = [(folders.VOLUMES + v.path, v.path, users - _strangers(v)) for v in spec.shared]
    for role, paths in _local(spec):
        for path in paths:
            places.append((f"{folders.NODES}/{role}/{folders.VOLUMES}{path}", path, frozenset({role})))
    volumes = [Mount(seen.get(own, own), path, on=on, writable=True) for own, path, on in places]
    if ground.disks and (quota := _quota(spec, users)):
        found.append(quota)
    return (*found, *sorted(volumes, key=lambda mount: mount.inside))


def _strangers(volume: Volume) -> frozenset[str]:
    return frozenset((*volume.without, *(() if volume.on_login else (LOGIN,))))


def _quota(spec: TwinSpec, users: frozenset[str]) -> Mount | None:
    """The twin's ``quota`` in the place of the tree's own, or in a folder of programs with nothing else in it."""
    own, others = Path(spec.root) / "usr/bin/quota", Path(spec.root) / "usr/local/bin"
    if own.is_file() and not own.is_symlink():
        return Mount(f"{_QUOTA}/quota", "/usr/bin/quota", on=users)
    if others.is_dir() and not others.is_symlink() and not any(others.iterdir()):
        return Mount(_QUOTA, "/usr/local/bin", on=users)
    return None


def mute(spec: TwinSpec) -> list[str]:
    """Volumes with limits that ``quota`` would tell, where there is no place for it."""
    rows = [*spec.disks.items(), *(row for node in spec.nodes for row in node.disks.items())]
    asked = sorted({path for path, disk in rows if told_by(disk.fs, disk.quota) == "quota"})
    return asked if asked and _quota(spec, frozenset()) is None else []


def _local(spec: TwinSpec) -> list[tuple[str, tuple[str, ...]]]:
    return [(LOGIN, spec.login_volumes), *((node.name, node.volumes) for node in spec.nodes)]


def make_volumes(ground: Ground) -> None:
    """Make volumes with the permissions of the real ones; what is there already stays as it is.

    Only the user's own folder in a shared volume is theirs to write: its top belongs to the site, which a single user
    id can only show by taking the write permission away.
    """
    spec, base = ground.spec, ground.folder / folders.VOLUMES
    tops = [(base / volume.path[1:], volume.open_to) for volume in spec.shared]
    for top, open_to in tops:
        _make(top)
        if open_to == "user" and not (own := top / ground.user).exists():
            top.chmod(0o755)
            own.mkdir(mode=0o700 if top == base / spec.home[1:] else 0o755)
    home = base / spec.home[1:] / ground.user
    if not home.exists():
        home.parent.chmod(0o755)
        home.mkdir(mode=0o700)
    for name, text in home_files(plain=ground.plain, noise=spec.noise).items():
        if not (home / name).exists():
            folders.write(home / name, text)
    for role, paths in _local(spec):
        for path in paths:
            own = ground.folder / folders.NODES / role / (folders.VOLUMES + path)
            own.mkdir(parents=True, exist_ok=True)
            own.chmod(0o1777)
            _mount_point(ground, path)
    for top, open_to in tops:
        top.chmod(0o1777 if open_to == "all" else 0o555)


def make_quota(ground: Ground) -> None:
    """Put the twin's ``quota`` where machines find it."""
    file = ground.folder / _QUOTA / "quota"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(resources.files("jido.twins.disks").joinpath("quota.sh").read_bytes())
    file.chmod(0o755)


def _make(path: Path) -> None:
    """Make a folder whose parents may have been closed before."""
    missing = [p for p in (path, *path.parents) if not p.exists()]
    if missing:
        above = missing[-1].parent
        above.chmod(above.stat().st_mode | 0o700)
        path.mkdir(parents=True)


def _mount_point(ground: Ground, path: str) -> None:
    """A local volume within a shared one needs a folder there to be mounted on."""
    for volume in ground.spec.shared:
        if path.startswith(volume.path + "/"):
            _make(ground.folder / (folders.VOLUMES + path))
