"""The login node: keys, sshd's configuration, and the client's configuration with which one gets in."""

from __future__ import annotations

import subprocess
from pathlib import Path

from jido.errors import TwinError
from jido.twins.ground import LOGIN, Daemon, Ground, Mount
from jido.words import tr

SSHD = Mount("conf/sshd", "/etc/ssh", on=frozenset({LOGIN}))
HOST_KEY, CLIENT_KEY = "keys/host_ed25519", "id_ed25519"
_PLAIN_PROFILE = """# the account's own home is not the twin's
[ "$SHLVL" = 1 ] && cd
"""
# What people put there, unaware that scp, rsync and every program that logs in meet it too.
_NOISE = """echo "Loading the environment of the Data Science Lab ..."
printf '\\033[1;31mquota\\033[0m: 87%% of 50G used\\n'
echo 'module: command not found' >&2
"""
MOTD = """
 *******************************************************************
 *  Unauthorised use is prohibited.      사용 전 공지를 확인하세요.     *
 *  2 nodes are down for maintenance. Jobs on this node are KILLED.  *
 *******************************************************************

"""
_PROFILE = """# ~/.bashrc of the twin's user
case $- in *i*) ;; *) return ;; esac
PS1='\\u@\\h:\\w\\$ '
"""


def start_keys(folder: Path, comment: str) -> list[subprocess.Popen[bytes]]:
    """Start making the host's key pair and the user's."""
    (folder / "keys").mkdir(mode=0o700, exist_ok=True)
    return [
        subprocess.Popen(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(folder / key)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for key in (HOST_KEY, CLIENT_KEY)
    ]


def finish_keys(makers: list[subprocess.Popen[bytes]]) -> None:
    """Wait until the keys are made.

    Raises:
        TwinError: ssh-keygen failed.
    """
    for maker in makers:
        out, _ = maker.communicate()
        if maker.returncode:
            raise TwinError(tr("cannot make the twin's ssh keys"), cause=out.decode(errors="replace").strip())


def files(ground: Ground, env: dict[str, str]) -> dict[str, str]:
    """Configuration of both ends, by path relative to the folder.

    Args:
        ground: Where the twin stands.
        env: What every session has in its environment.
    """
    where = ground.seen(SSHD)
    key = (ground.folder / f"{HOST_KEY}.pub").read_text()
    return {
        "conf/sshd/sshd_config": _sshd(ground, where, env),
        "conf/sshd/authorized_keys": (ground.folder / f"{CLIENT_KEY}.pub").read_text(),
        **({"conf/sshd/motd": MOTD, "conf/etc/motd": MOTD} if ground.spec.noise else {}),
        "known_hosts": f"{_alias(ground)} {key}",
        "ssh_config": _client(ground),
    }


def daemon(ground: Ground) -> Daemon:
    """The sshd; -e sends its log to stderr."""
    # sshd insists on an absolute path of its own, since it starts itself again for each connection.
    config = f"{ground.seen(SSHD)}/sshd_config"
    return Daemon("sshd", LOGIN, ("/usr/sbin/sshd", "-D", "-e", "-f", config), port=ground.ports["sshd"])


def _alias(ground: Ground) -> str:
    return f"jido-twin-{ground.spec.name}"


def _sshd(ground: Ground, where: str, env: dict[str, str]) -> str:
    lines = [
        "# The login node of a twin, written by jido. Verified on OpenSSH 9.2.",
        f"Port {ground.ports['sshd']}",
        "ListenAddress 127.0.0.1",
        f"HostKey {where}/host_ed25519",
        # The second is where a user's own key is installed, as on any cluster.
        f"AuthorizedKeysFile {where}/authorized_keys .ssh/authorized_keys",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "UsePAM no",
        "UseDNS no",
        "PidFile none",
        # Debian leaves the message to PAM, which there is none of here; other sites have sshd print a banner.
        *([f"Banner {where}/motd", "PrintMotd yes"] if ground.spec.noise else ["PrintMotd no"]),
        "PrintLastLog no",
        "AcceptEnv LANG LC_*",
        # Connections that have not logged in yet; the default of 10 starts to refuse in a busy test run.
        "MaxStartups 200",
        # Where there is a single file system, a session must be told where the twin's home is.
        "Subsystem sftp internal-sftp" + (f" -d {ground.home}" if ground.plain else ""),
    ]
    if ground.plain:
        # The folders above may be writable by others (/tmp), which sshd would refuse.
        lines += ["StrictModes no", "PermitRootLogin prohibit-password"]
    if env:
        lines.append("SetEnv " + " ".join(f'{name}="{value}"' for name, value in sorted(env.items())))
    return "\n".join(lines) + "\n"


def _client(ground: Ground) -> str:
    def quoted(name: str) -> str:
        return '"' + str(ground.folder / name).replace("%", "%%") + '"'

    lines = [
        f"Host {ground.spec.name}",
        "  HostName 127.0.0.1",
        f"  Port {ground.ports['sshd']}",
        f"  User {ground.user}",
        f"  HostKeyAlias {_alias(ground)}",
        f"  UserKnownHostsFile {quoted('known_hosts')}",
        "  GlobalKnownHostsFile /dev/null",
        "  StrictHostKeyChecking yes",
        "  UpdateHostKeys no",
        f"  IdentityFile {quoted(CLIENT_KEY)}",
        "  IdentitiesOnly yes",
        "  IdentityAgent none",
        "  PreferredAuthentications publickey",
    ]
    return "\n".join(lines) + "\n"


def home_files(*, plain: bool, noise: bool = False) -> dict[str, str]:
    """What a new home holds, as /etc/skel gives it."""
    return {
        ".bashrc": (_PLAIN_PROFILE if plain else "") + (_NOISE if noise else "") + _PROFILE,
        ".profile": '[ -n "$BASH_VERSION" ] && [ -f ~/.bashrc ] && . ~/.bashrc\n',
    }
