"""Bringing a twin up in a clean folder: files, then processes, then health."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import tempfile
import time
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from jido.errors import TwinError
from jido.twins import folder as folders
from jido.twins import keeping, login, people, state, system, views
from jido.twins.ending import TOKEN
from jido.twins.ground import CONTROL, LOGIN, Daemon, Ground, NodeState, Parts, Recipe
from jido.twins.spec import TwinSpec
from jido.words import tr

_LOOK_EVERY = 0.01
# With it, volumes can have a size of their own.
FUSE = "/dev/fuse"


def start(
    spec: TwinSpec, recipe: Recipe, folder: Path, *, plain: bool, within: float
) -> tuple[state.Record, tuple[NodeState, ...]]:
    """Start a twin in a folder that was cleaned, and wait until it is healthy.

    Raises:
        TwinError: A part did not come up.
    """
    until = time.monotonic() + within
    reason = "asked for" if plain else "" if shutil.which("bwrap") else "bubblewrap (bwrap) is not installed"
    ids, alone = people.available()
    while True:
        possible, lost = recipe.affordable(spec, plain=bool(reason))
        ports, held = keeping.reserve(["sshd", *recipe.ports(possible)])
        try:
            ground = replace(_ground(possible, folder, ports, bool(reason), ids), daemons=recipe.user)
            try:
                return _start_on(ground, recipe, reason or alone, lost, held, until)
            except _NoNamespaces as error:
                if ground.ids:
                    ids, alone = None, str(error)
                else:
                    if spec.root != "/":
                        raise TwinError(
                            tr("a twin of another tree needs namespaces"),
                            cause=str(error),
                            hint=tr("leave --root out"),
                        ) from None
                    reason = str(error)
                folders.clean(folder, keep=(folders.MARK, folders.VOLUMES, folders.NODES, "state"))
        finally:
            for holder in held:
                holder.close()


class _NoNamespaces(Exception):
    """Namespaces, or several users in them, cannot be had here; the message says why."""


def _start_on(
    ground: Ground,
    recipe: Recipe,
    reason: str,
    lost: tuple[str, ...],
    held: list[socket.socket],
    until: float,
) -> tuple[state.Record, tuple[NodeState, ...]]:
    spec, folder, token = ground.spec, ground.folder, uuid.uuid4().hex
    for name in ("run/proc", "logs", "conf/etc", "keys"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, text in system.etc_files(ground).items():
        folders.write(folder / name, text)
    views.copy_etc(folder, spec)
    # The keeper's interpreter and the key makers start while the rest is written.
    makers = login.start_keys(folder, f"twin of {spec.name}")
    prefix, trial = ([], ()) if ground.plain else (views.outer(folder, spec, ground.ids), views.trial(ground.ids))
    env = _environment(ground, token)
    try:
        starting = keeping.start(folder, prefix, trial, env, held, ids=ground.ids, inside=spec.uid)
    except OSError as error:
        login.finish_keys(makers)
        raise _NoNamespaces(str(error)) from None
    record = None
    try:
        parts = recipe.parts(ground)
        _write_files(ground, parts)
        login.finish_keys(makers)
        _write_login(ground, parts, token)
        prepared = recipe.prepare(ground)
        plan = _plan(ground, parts, token)
        keeper, why = starting.who()
        if keeper is None:
            if ground.plain:
                raise TwinError(
                    tr("the twin's keeper did not start"),
                    cause=why,
                    hint=tr("see {folder}", folder=folder / keeping.LOG),
                )
            raise _NoNamespaces(why)
        record = state.Record(
            keeper=keeper,
            mode="plain" if ground.plain else "namespaces",
            token=token,
            short=str(ground.short.parent) if ground.plain else "",
            port=ground.ports["sshd"],
            user=ground.user,
            notes=(*_notes(ground, reason), *lost, *parts.notes, *prepared),
        )
        folders.write(folder / folders.STATE, msgspec.json.encode(record))
        starting.send(plan)
    finally:
        starting.give_up()
        if record is None and ground.plain:
            _remove_short(ground.short)
    # The last of its machine's daemons: the others are what it stands on.
    scheduler = [row.name for row in parts.daemons if row.machine == CONTROL and not row.once][-1]
    nodes, running = _wait(ground, recipe, until, scheduler)
    if lacks := keeping.ask(folder, "state")["no_disks"]:
        # The keeper found out only now.
        note = f"volumes have the size, and the speed, of this machine's disk: {lacks}"
        record = msgspec.structs.replace(record, notes=(*record.notes, note))
    kept = tuple(
        state.Kept(
            row["name"],
            row["machine"],
            keeping.daemon_process(keeper, running[row["name"]]),
            asked=row["machine"] == ground.spec.control_name,
        )
        for row in (*plan["daemons"], {"name": keeping.DISKS, "machine": ground.spec.control_name})
        if row["name"] in running
    )
    record = msgspec.structs.replace(record, daemons=kept)
    folders.write(folder / folders.STATE, msgspec.json.encode(record))
    return record, nodes


def _ground(spec: TwinSpec, folder: Path, ports: dict[str, int], plain: bool, ids: people.Range | None) -> Ground:
    if not plain:
        fuse = os.access(FUSE, os.R_OK | os.W_OK)
        return Ground(spec, folder, False, ports, folder, spec.user, spec.control_name, True, fuse, ids)
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        raise TwinError(
            tr("no user goes by uid {getuid} here", getuid=os.getuid()),
            cause=tr("ssh, sshd and Slurm refuse to run for a user without a name"),
            hint=tr("add the user to /etc/passwd"),
        ) from None
    # Slurm's files cannot name a path with a space, nor munge a socket with more than 107 bytes.
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    base = base if base and len(base) < 40 and " " not in base and os.access(base, os.W_OK) else "/tmp"  # noqa: S108
    short = Path(tempfile.mkdtemp(prefix="jido-", dir=base)) / "t"
    short.symlink_to(folder)
    host = socket.gethostname().partition(".")[0]
    alone = False
    with contextlib.suppress(OSError):
        alone = {info[4][0] for info in socket.getaddrinfo(host, None)} == {"127.0.0.1"}
    return Ground(spec, folder, True, ports, short, user, host, alone)


def _remove_short(short: Path) -> None:
    short.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        short.parent.rmdir()


def _notes(ground: Ground, reason: str) -> tuple[str, ...]:
    spec = ground.spec
    if not ground.disks and (spec.disks or any(node.disks for node in spec.nodes)):
        why = f"{FUSE} cannot be opened" if not ground.plain else "plain mode"
        return (f"volumes have the size, and the speed, of this machine's disk: {why}", *_mode_notes(ground, reason))
    notes = _mode_notes(ground, reason)
    if paths := system.mute(spec) if ground.disks else []:
        why = "quota is not installed (apt-get install quota)"
        notes += (f"the limits of {', '.join(paths)} hold, but nothing there tells of them: {why}",)
    return notes


def _mode_notes(ground: Ground, reason: str) -> tuple[str, ...]:
    if not ground.plain:
        if ground.ids or ground.spec.accounting is None:
            return ()
        return (
            f"the twin has a single user ({reason}): {ground.user} is Slurm's administrator too, so that limits of "
            "QoS and associations hold, but what is denied to ordinary users only is not denied",
        )
    return (
        f"plain mode, without namespaces ({reason}): everything runs as {ground.user}, all nodes share this "
        "machine's host name and file system",
        f"the cluster's shared volumes are folders under {ground.folder / folders.VOLUMES}, those of a node under "
        f"{ground.folder / folders.NODES}/NODE/{folders.VOLUMES}",
    )


def _write_files(ground: Ground, parts: Parts) -> None:
    folder = ground.folder
    for own in parts.folders:
        (folder / own).mkdir(parents=True, exist_ok=True)
    for name, text in parts.files.items():
        folders.write(folder / name, text, secret=name.startswith("keys/") or name.endswith("slurmdbd.conf"))
    if ground.plain:
        (folder / "run/dev").mkdir()
        for device in sorted({device for devices in parts.devices.values() for device in devices}):
            (folder / "run/dev" / device).symlink_to("/dev/null")
    for role in (CONTROL, LOGIN, *(node.name for node in ground.spec.nodes)):
        temporary = folder / folders.NODES / role / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        temporary.chmod(0o1777)
    system.make_volumes(ground)
    for row in system.disks(ground):
        Path(row["at"]).mkdir(parents=True)
    if ground.disks:
        system.make_quota(ground)


def _write_login(ground: Ground, parts: Parts, token: str) -> None:
    env = dict(parts.env)
    if ground.plain:
        env |= {TOKEN: token, "HOME": ground.home, "PATH": views.PATH}
        if os.getuid() == 0:
            # sshd as root insists on its empty folder, which Debian's service file would have made.
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for name, text in login.files(ground, env).items():
        folders.write(ground.folder / name, text)
    key = (ground.folder / login.HOST_KEY).read_bytes()
    folders.write(ground.folder / login.SSHD.own / "host_ed25519", key, secret=True)


def _environment(ground: Ground, token: str) -> dict[str, str]:
    env = views.environment(ground)
    return {**env, TOKEN: token} if ground.plain else env


def _plan(ground: Ground, parts: Parts, token: str) -> dict[str, Any]:
    names = {CONTROL: ground.spec.control_name, LOGIN: ground.spec.login_name}
    mounts = (*system.mounts(ground), *parts.mounts, login.SSHD)

    def view(role: str) -> list[str]:
        if ground.plain:
            return []
        return views.machine(ground, names.get(role, role), role, mounts, parts.devices.get(role, ()))

    def row(daemon: Daemon) -> dict[str, Any]:
        return {
            "name": daemon.name,
            "machine": names.get(daemon.machine, daemon.machine),
            "view": view(daemon.machine),
            "argv": daemon.argv,
            "env": {**_environment(ground, token), **daemon.env},
            "log": str(ground.folder / "logs" / f"{daemon.name}.log"),
            "port": daemon.port,
            "after": [{"socket": a.socket, "port": a.port, "done": a.done} for a in daemon.after],
            "once": daemon.once,
        }

    return {
        "control": str(ground.folder / keeping.CONTROL),
        "owners": [[str(ground.folder / own), uid] for own, uid in parts.owners.items()] if ground.ids else [],
        "disks": system.disks(ground),
        "disks_log": str(ground.folder / "logs" / f"{keeping.DISKS}.log"),
        "daemons": [row(daemon) for daemon in (*parts.daemons, login.daemon(ground))],
        "look": {
            "view": view(CONTROL),
            "argv": parts.look,
            "env": {**_environment(ground, token), **parts.env},
        },
    }


def _wait(
    ground: Ground, recipe: Recipe, until: float, scheduler: str
) -> tuple[tuple[NodeState, ...], dict[str, int]]:
    """Wait until all daemons run, all nodes are ready and sshd has said who it is."""
    wanted = {node.name for node in ground.spec.nodes}
    folder = ground.folder
    ready: set[str] = set()
    deaf = ["everything"]
    while True:
        # The scheduler is asked only when all daemons listen: earlier it costs time and cannot be done.
        try:
            answer = keeping.ask(folder, "state" if deaf else "nodes")
        except TwinError:
            if time.monotonic() > until:
                raise
            time.sleep(_LOOK_EVERY)
            continue
        if answer["codes"]:
            name, code = next(iter(answer["codes"].items()))
            raise _failed(folder, name, f"{name} ended with code {code}")
        deaf = answer["deaf"]
        if "look" in answer:
            nodes = recipe.nodes(answer["look"]["stdout"], ground.spec)
            ready = {node.name for node in nodes if node.ready or node.meant}
            if ready >= wanted and _greets(ground.ports["sshd"]):
                return nodes, answer["running"]
        if time.monotonic() > until:
            late = deaf or sorted(wanted - ready) or ["sshd"]
            raise _failed(folder, scheduler, "not ready in time: " + ", ".join(late))
        time.sleep(_LOOK_EVERY)


def _greets(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as line:
        return line.recv(4) == b"SSH-"
    return False


def _failed(folder: Path, daemon: str, what: str) -> TwinError:
    log = folder / "logs" / f"{daemon}.log"
    return TwinError(
        tr("the twin did not come up: {what}", what=what), cause=last_line(log), hint=tr("read {log}", log=log)
    )


def last_line(log: Path) -> str:
    """The last thing a daemon said; empty when it said nothing. MariaDB's very last word is never the reason."""
    with contextlib.suppress(OSError):
        lines = log.read_text(errors="replace").strip().splitlines()
        return next((line for line in reversed(lines) if not line.endswith("[ERROR] Aborting")), "")
    return ""
