"""What each machine of a twin sees: bubblewrap options. Verified on bubblewrap 0.8.0, Linux 6.18."""

from __future__ import annotations

import shutil
from pathlib import Path

from jido.twins.ground import Ground, Mount
from jido.twins.people import Range
from jido.twins.spec import TwinSpec

# The machine's own settings that programs inside need; whatever else is in /etc does not concern the cluster.
_ETC = (
    "alternatives", "bash.bashrc", "ca-certificates", "ca-certificates.conf", "debian_version", "fonts", "gitconfig",
    "inputrc", "java", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "locale.alias", "localtime", "lsb-release",
    "magic", "mime.types", "os-release", "pip.conf", "pki", "profile", "profile.d", "protocols", "services",
    "shells", "ssl",
    "terminfo", "timezone",
)  # fmt: skip
_OWN_ETC = ("passwd", "group", "nsswitch.conf", "motd")
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
_TRIAL = ("--unshare-pid", "--unshare-uts", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev")


def trial(ids: Range | None) -> tuple[str, ...]:
    """Options of a bwrap within the keeper's, with all that a machine's bwrap does that a container may forbid."""
    return _TRIAL if ids else ("--unshare-user", *_TRIAL)


def outer(folder: Path, spec: TwinSpec, ids: Range | None) -> list[str]:
    """Argv prefix of the keeper: one user, PID and IPC namespace that all machines share, and this machine's files.

    A nested bwrap needs /proc to be that of the keeper's own PID namespace; but the kernel lets it mount a fresh
    /proc for a machine only while a proc mount that nothing covers is in sight (bwrap covers parts of the one it
    mounts when root started it). Hence this machine's own is kept at run/proc.

    What all machines share of /etc is put together once, at conf/etc, since each mount of a bwrap costs more than the
    one before (it reads the whole mount table each time).
    """
    # The keeper mounts the twin's volumes; a machine's bwrap takes the capability away again.
    single = ["--uid", str(spec.uid), "--gid", str(spec.uid), "--cap-add", "CAP_SYS_ADMIN"]
    who = ["--cap-add", "ALL"] if ids else single
    # The keeper is the namespace's first process itself: the kernel then ends all others with it. bwrap's own first
    # process would wait for a machine that was just starting when the keeper died, and so missed its parent's death.
    options = [
        "--unshare-user",
        *who,
        "--unshare-pid",
        "--as-pid-1",
        "--unshare-ipc",
        "--dev-bind",
        "/",
        "/",
        "--proc",
        "/proc",
    ]
    options += ["--bind", "/proc", str(folder / "run/proc")]
    for entry in _ETC:
        if (Path(spec.root) / "etc" / entry).is_dir():
            options += ["--ro-bind", str(Path(spec.root) / "etc" / entry), str(folder / "conf/etc" / entry)]
    # With systemd-resolved this is a link into /run, which the machines do not have; and it changes with the network.
    options += ["--ro-bind-try", str(Path("/etc/resolv.conf").resolve()), str(folder / "conf/etc/resolv.conf")]
    return ["bwrap", *options]


def copy_etc(folder: Path, spec: TwinSpec) -> None:
    """Copy the small files of this machine's /etc that every machine of the twin has; folders are mounted."""
    for entry in _ETC:
        file = Path(spec.root) / "etc" / entry
        if file.is_file():
            shutil.copyfile(file, folder / "conf/etc" / entry)


def machine(ground: Ground, name: str, role: str, mounts: tuple[Mount, ...], devices: tuple[str, ...]) -> list[str]:
    """Options of the bwrap that is one machine.

    Args:
        ground: Where the twin stands.
        name: Its host name.
        role: ``control``, ``login`` or the node's name, as mounts name it.
        mounts: Everything that some machine sees besides the system.
        devices: Names in /dev of character devices that it pretends to have.
    """
    spec, root = ground.spec, Path(ground.spec.root)
    options = ["--unshare-pid", "--unshare-uts", "--hostname", name, "--die-with-parent"]
    if ground.ids is None:
        options += ["--unshare-user", "--uid", str(spec.uid), "--gid", str(spec.uid)]
    options += ["--tmpfs", "/"]
    here = tuple(mount for mount in mounts if mount.on is None or role in mount.on)
    # Folders that bwrap makes by itself on the way to a mount are closed to everyone but their owner.
    for above in sorted({str(p) for mount in here for p in Path(mount.inside).parents} | {"/etc", "/run", "/var"}):
        options += ["--dir", above] if above != "/" else []
    for top in ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "opt"):
        options += _system(root / top, f"/{top}")
    options += ["--proc", "/proc", "--dev", "/dev", "--ro-bind-try", "/sys", "/sys"]
    options += [
        "--ro-bind",
        str(ground.folder / "conf/etc"),
        "/run/etc",
        "--symlink",
        "/proc/self/mounts",
        "/etc/mtab",
    ]
    for entry in (*_ETC, *_OWN_ETC, "resolv.conf"):
        if entry in _OWN_ETC or (root / "etc" / entry).exists():
            options += ["--symlink", f"/run/etc/{entry}", f"/etc/{entry}"]
    for folder in ("/var/spool", "/var/log", "/run/sshd"):
        options += ["--dir", folder]
    options += ["--perms", "1777", "--dir", "/var/tmp"]  # noqa: S108
    for device in devices:
        options += ["--symlink", "/dev/null", f"/dev/{device}"]
    for mount in here:
        options += ["--bind" if mount.writable else "--ro-bind", str(ground.folder / mount.own), mount.inside]
    return [*options, "--chdir", "/"]


def _system(path: Path, inside: str) -> list[str]:
    # A merged /usr has /bin and its like as links; a link must stay one, or /bin/sh is not /usr/bin/sh.
    if path.is_symlink():
        return ["--symlink", str(path.readlink()), inside]
    return ["--ro-bind", str(path), inside] if path.exists() else []


def environment(ground: Ground) -> dict[str, str]:
    """What a daemon inside starts with: nothing of the starter's."""
    return {"PATH": PATH, "HOME": ground.home, "LANG": "C.UTF-8"}
