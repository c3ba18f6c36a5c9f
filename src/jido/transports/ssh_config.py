"""What ssh will really use for a destination, as its own configuration decides; and its public keys."""

from __future__ import annotations

import subprocess
from pathlib import Path

import msgspec

from jido.errors import InputError
from jido.model.command import Command
from jido.model.destination import Destination
from jido.transports.openssh_words import ssh_words
from jido.words import tr


class Resolved(msgspec.Struct, frozen=True):
    """What ssh will use.

    Attributes:
        host: The real host name behind an alias.
        user: Login name.
        port: Port.
        jump: ProxyJump; empty for none.
        identities: Private keys it will try, those that exist here.
    """

    host: str
    user: str
    port: int
    jump: str = ""
    identities: tuple[str, ...] = ()


def _unshared(to: Destination, *options: str) -> list[str]:
    """The ssh command line with options that go before all others and without a shared connection."""
    program, *words = ssh_words(to, Path("none"))
    # ssh takes the first value it is given of an option.
    first = [word for option in ("ControlPath=none", "ControlMaster=no", *options) for word in ("-o", option)]
    return [program, *first, *words]


def resolve(to: Destination) -> Resolved | None:
    """Ask ssh's own configuration; nothing is connected.

    Returns:
        What it says; None where there is no ssh on this machine.

    Raises:
        InputError: ssh refuses the destination or its configuration.
    """
    words = [*_unshared(to), "-G", "--", to.host]
    try:
        done = subprocess.run(words, capture_output=True, timeout=10, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        return None
    except subprocess.TimeoutExpired:
        return None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise InputError(
            f"ssh refuses the address {to}",
            cause=said[-1] if said else "",
            hint=tr("write USER@HOST or an ssh alias"),
        )
    values: dict[str, list[str]] = {}
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        key, _, value = line.partition(" ")
        values.setdefault(key, []).append(value)
    jump = values.get("proxyjump", [""])[0]
    keys = (str(Path(name).expanduser()) for name in values.get("identityfile", []))
    port = values.get("port", ["22"])[0]
    return Resolved(
        host=values.get("hostname", [to.host])[0],
        user=values.get("user", [to.user])[0],
        port=int(port) if port.isdecimal() else 22,
        jump="" if jump == "none" else jump,
        identities=tuple(key for key in keys if Path(key).exists()),
    )


def accepts_key(to: Destination) -> bool:
    """Whether it takes a key, be it that it wants more besides; a connection of its own finds out, asking nothing."""
    words = _unshared(to, "PreferredAuthentications=publickey", "LogLevel=VERBOSE")
    done = subprocess.run([*words, "--", to.host, "true"], capture_output=True, stdin=subprocess.DEVNULL)
    return done.returncode == 0 or b"with partial success" in done.stderr


def public_key(resolved: Resolved | None) -> Path | None:
    """The public half of the first key that ssh will try; None when there is none."""
    for private in resolved.identities if resolved else ():
        public = Path(f"{private}.pub")
        if public.is_file():
            return public
    return None


def make_key(private: Path) -> Path:
    """Make an ed25519 key; ssh-keygen asks the person for its passphrase.

    Returns:
        The public half.
    """
    private.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    done = subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-f", str(private)])
    if done.returncode != 0:
        raise InputError(tr("no key was made"), hint=tr("make one by hand: ssh-keygen -t ed25519"))
    return Path(f"{private}.pub")


def install_key(line: str) -> Command:
    """Add a public key to the account's ``authorized_keys``, once however often it is repeated."""
    script = (
        "umask 077; mkdir -p ~/.ssh && f=~/.ssh/authorized_keys && touch $f || exit 1; IFS= read -r k; "
        'grep -qxF -- "$k" $f && exit 0; '
        # A file that does not end with a newline would join its last key with this one.
        '[ -s $f ] && [ -n "$(tail -c 1 $f)" ] && echo >>$f; printf \'%s\\n\' "$k" >>$f'
    )
    return Command(argv=("sh", "-c", script), stdin=line.strip().encode() + b"\n")
