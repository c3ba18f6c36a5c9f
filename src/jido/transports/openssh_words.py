"""What is said to ssh and what ssh says: its command lines, and its complaints as jido's errors."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from jido.errors import ConnectionLost, HostKeyProblem, LoginNeeded, TransportError, Unreachable
from jido.model.destination import Destination
from jido.words import known, mark, tr

PERSIST = "4h"

# A shared connection holds ten commands at a time unless the site says otherwise (sshd's MaxSessions).
REFUSED = "Session open refused by peer"

# What the client says when it ends at the proxy `false` (`kex_...` from 8.1 on, `ssh_...` before).
_NOWHERE = re.compile(r"exchange_identification: |UNKNOWN port")

# The path of a UNIX socket has 108 bytes on Linux and 104 on macOS with its NUL; ssh appends 17 while it makes one.
LONGEST_SOCKET = 103 - 17

# What OpenSSH 8.2 to 10.0 prints; the first that matches decides.
_COMPLAINTS: tuple[tuple[str, type[TransportError], str], ...] = (
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|Host key for .* has changed",
        HostKeyProblem,
        mark(
            "ask the administrators whether the machine was reinstalled; if so, forget the old key with"
            " `ssh-keygen -R {key}` and run `jido login {cluster}`"
        ),
    ),
    (
        r"Host key verification failed|No .* host key is known",
        HostKeyProblem,
        mark("`jido login {cluster}` shows the key's fingerprint and asks you"),
    ),
    (
        r"Permission denied|Too many authentication failures|No supported authentication methods|Bad passphrase",
        LoginNeeded,
        mark(
            "`jido login {cluster}` asks for your password, passphrase or one-time code once and keeps the connection"
        ),
    ),
    (
        r"Could not resolve hostname",
        Unreachable,
        mark("check the name's spelling in `jido ls`; does it need a VPN?"),
    ),
    (
        r"Bad configuration option:|Can't open user config file|Bad owner or permissions",
        TransportError,
        mark("mend the ssh configuration file that the cause names"),
    ),
    (
        r"Connection refused|timed out|No route to host|Network is unreachable|Connection (?:closed|reset) by"
        r"|kex_exchange_identification|Connection to .* closed|UNKNOWN port",
        Unreachable,
        mark("is the port right (-p), are you on the right network or VPN, is the machine up?"),
    ),
)


def ssh_words(
    to: Destination, control: Path | None, *, interactive: bool = False, only_shared: bool = False
) -> list[str]:
    """The ssh command line for a destination, up to and without the host.

    Args:
        to: Where.
        control: Path of the shared connection's socket; None for a connection of its own.
        interactive: The person at this terminal may be asked.
        only_shared: Fail at once where no shared connection takes the command, instead of opening another.
    """
    words = ["ssh"]
    if to.config:
        words += ["-F", to.config]
    options = {
        "ConnectTimeout": "10",
        "ServerAliveInterval": "15",
        "ServerAliveCountMax": "4",
        "BatchMode": "no" if interactive else "yes",
        "StrictHostKeyChecking": "ask" if interactive else "yes",
        # A person needs ssh's notices (what a one-time code is wanted for); a program only its errors.
        "LogLevel": "INFO" if interactive else "ERROR",
        "RequestTTY": "no",
        "RemoteCommand": "none",
        "ForwardX11": "no",
        "ForwardAgent": "no",
        "ClearAllForwardings": "yes",
        "ControlMaster": "auto" if control else "no",
        "ControlPath": _option_value(control) if control else "none",
        "ControlPersist": PERSIST if control else "no",
    }
    if only_shared:
        # ssh falls back to a connection of its own when a shared one refuses; with a proxy that ends at once there
        # is none, and what failed is known for certain.
        options["ProxyCommand"] = "false"
    for key, value in options.items():
        words += ["-o", f"{key}={value}"]
    if to.port is not None:
        words += ["-p", str(to.port)]
    if to.user:
        words += ["-l", to.user]
    if to.jump and not only_shared:
        words += ["-J", to.jump]
    if to.identity:
        words += ["-i", to.identity]
    return words


def _option_value(path: Path) -> str:
    """A path as ssh reads it in an option: ``%`` begins a token, a space ends an unquoted value."""
    return '"' + str(path).replace("%", "%%") + '"'


def problem(to: Destination, cluster: str, complaint: str) -> TransportError:
    """The error that ssh's own words amount to, when it failed before anything was executed."""
    text = complaint.strip()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for pattern, kind, hint in _COMPLAINTS:
        if re.search(pattern, text):
            said = next(line for line in reversed(lines) if re.search(pattern, line))
            what = {
                HostKeyProblem: tr("the host key of {cluster} ({to}) is not the known one", cluster=cluster, to=to)
                if "CHANGED" in text or "has changed" in text
                else tr("the host key of {cluster} ({to}) is not known yet", cluster=cluster, to=to),
                LoginNeeded: tr("{cluster} ({to}) wants a login first", cluster=cluster, to=to),
                Unreachable: tr("{cluster} ({to}) cannot be reached", cluster=cluster, to=to),
                TransportError: tr(
                    "ssh cannot be used as it is configured for {cluster} ({to})", cluster=cluster, to=to
                ),
            }[kind]
            key = _known_as(to, text)
            return kind(
                what, cause=said, hint=known(hint).format(key=key, cluster=cluster), transient=kind is Unreachable
            )
    return TransportError(
        tr("ssh to {cluster} ({to}) failed", cluster=cluster, to=to),
        cause=lines[-1] if lines else tr("ssh said nothing"),
        hint=tr("look at what it does by hand: {by_hand}", by_hand=by_hand(to)),
    )


def _known_as(to: Destination, text: str) -> str:
    """What ``ssh-keygen -R`` forgets the key by: ssh says the name it looked for, and the file that it stands in."""
    name = re.search(r"Host key for (\S+) has changed", text)
    file = re.search(r"Offending .* key in (.+):\d+\s*$", text, re.M)
    plain = f"[{to.host}]:{to.port}" if to.port not in (None, 22) else to.host
    words = ["-f", file[1]] if file else []
    # -R stands in the hint; its value comes first.
    return " ".join(shlex.quote(word) for word in (name[1] if name else plain, *words))


def by_hand(to: Destination) -> str:
    """The plain ssh line with which a person reaches the machine."""
    words = ["ssh", "-v"]
    words += ["-F", to.config] if to.config else []
    words += ["-p", str(to.port)] if to.port is not None else []
    words += ["-J", to.jump] if to.jump else []
    words += ["-i", to.identity] if to.identity else []
    return " ".join([*words, f"{to.user}@{to.host}" if to.user else to.host])


def not_executed(complaint: str) -> bool:
    """Whether ssh's words prove that the standing connection never took the command.

    Either the other side refused the session, or the client did not get as far as asking for one and ended at the
    proxy that leads nowhere. Once it has asked, silence proves nothing.
    """
    if REFUSED in complaint:
        return True
    return bool(_NOWHERE.search(complaint)) and "mux_client_request_session" not in complaint


def lost(host: str, complaint: str) -> ConnectionLost:
    """The error of a command whose end was not seen."""
    lines = [line.strip() for line in complaint.strip().splitlines() if not _NOWHERE.search(line)]
    return ConnectionLost(
        tr("the connection to {host} was cut in the middle of a command", host=host),
        cause=lines[-1] if lines else "",
        hint=tr("whether the command was executed is not known; look before you repeat it"),
        transient=True,
    )


def silent(host: str, seconds: float) -> ConnectionLost:
    """The error of a command that a machine took and did not begin within some seconds."""
    return ConnectionLost(
        tr("{host} did not begin a command within {seconds:g} s", host=host, seconds=seconds),
        hint=tr(
            "whether it still will is not known; look before you repeat it; `jido login {host}` "
            "opens a fresh connection",
            host=host,
        ),
        transient=True,
    )
