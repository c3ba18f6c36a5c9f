"""What each machine of a twin sees: bubblewrap options. Verified on bubblewrap 0.8.0, Linux 6.18."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from jido.twins.ground import Ground, Mount
from jido.twins.spec import TwinSpec

# The machine's own settings that programs inside need; whatever else is in /etc does not concern the cluster.
_ETC = (
    "alternatives",
    "bash.bashrc",
    "ca-certificates",
    "ca-certificates.conf",
    "debian_version",
    "fonts",
    "gitconfig",
    "inputrc",
    "java",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "locale.alias",
    "lsb-release",
    "magic",
    "mime.types",
    "os-release",
    "pip.conf",
    "pki",
    "profile",
    "profile.d",
    "protocols",
    "services",
    "shells",
    "ssl",
    "terminfo",
    "timezone",
)
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"


def outer(folder: Path, uid: int) -> list[str]:
    """Argv prefix of the keeper: one user, PID and IPC namespace that all machines share, and this machine's files.

    A nested bwrap needs /proc to be that of the keeper's own PID namespace; but the kernel lets it mount a fresh
    /proc for a machine only while a proc mount that nothing covers is in sight (bwrap covers parts of the one it
    mounts when root started it). Hence this machine's own is kept at run/proc.
    """
    ids = ["--uid", str(uid), "--gid", str(uid)]
    spaces = ["--unshare-user", *ids, "--unshare-pid", "--unshare-ipc"]
    return ["bwrap", *spaces, "--dev-bind", "/", "/", "--proc", "/proc", "--bind", "/proc", str(folder / "run/proc")]


def why_not(folder: Path) -> str:
    """Why namespaces cannot be had here; empty when they can.

    One bwrap within another is tried, as a twin nests them.

    Args:
        folder: The twin's folder, with its ``run/proc``.
    """
    if not shutil.which("bwrap"):
        return "bubblewrap (bwrap) is not installed"
    inner = ["bwrap", "--unshare-user", "--unshare-pid", "--unshare-uts", "--ro-bind", "/", "/", "--proc", "/proc"]
    trial = [*outer(folder, 1000), "--", *inner, "--dev", "/dev", "--", "true"]
    done = subprocess.run(trial, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    return "" if done.returncode == 0 else done.stderr.strip() or f"bwrap ended with code {done.returncode}"


def machine(ground: Ground, name: str, role: str, mounts: tuple[Mount, ...]) -> list[str]:
    """Options of the bwrap that is one machine.

    Args:
        ground: Where the twin stands.
        name: Its host name.
        role: ``control``, ``login`` or the node's name, as mounts name it.
        mounts: Everything that some machine sees besides the system.
    """
    spec, root = ground.spec, Path(ground.spec.root)
    options = ["--unshare-user", "--unshare-pid", "--unshare-uts", "--hostname", name, "--die-with-parent"]
    options += ["--uid", str(spec.uid), "--gid", str(spec.uid), "--tmpfs", "/"]
    for top in ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "opt"):
        options += _system(root / top, f"/{top}")
    options += ["--proc", "/proc", "--dev", "/dev", "--ro-bind-try", "/sys", "/sys"]
    for folder in ("/etc", "/run", "/var/spool", "/var/log", "/var/tmp", "/run/sshd"):  # noqa: S108
        options += ["--dir", folder]
    for entry in _ETC:
        options += _system(root / "etc" / entry, f"/etc/{entry}")
    # With systemd-resolved this is a link into /run, which the machine does not have.
    options += ["--ro-bind-try", str(Path("/etc/resolv.conf").resolve()), "/etc/resolv.conf"]
    for mount in mounts:
        if mount.on is None or role in mount.on:
            kind = "--dev-bind" if mount.device else "--bind" if mount.writable else "--ro-bind"
            own = mount.own if mount.own.startswith("/") else str(ground.folder / mount.own)
            options += [kind, own, mount.inside]
    return [*options, "--symlink", "/proc/self/mounts", "/etc/mtab", "--chdir", "/"]


def _system(path: Path, inside: str) -> list[str]:
    # A merged /usr has /bin and its like as links; a link must stay one, or /bin/sh is not /usr/bin/sh.
    if path.is_symlink():
        return ["--symlink", str(path.readlink()), inside]
    return ["--ro-bind", str(path), inside] if path.exists() else []


def environment(spec: TwinSpec) -> dict[str, str]:
    """What a daemon inside starts with: nothing of the starter's."""
    return {"PATH": PATH, "HOME": spec.home_folder, "LANG": "C.UTF-8"}
