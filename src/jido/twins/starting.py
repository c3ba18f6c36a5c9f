"""Bringing a twin up in a clean folder: files, then processes, then health."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import socket
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from jido.errors import TwinError
from jido.twins import folder as folders
from jido.twins import keeping, login, processes, state, system, views
from jido.twins.ending import TOKEN
from jido.twins.ground import CONTROL, LOGIN, Daemon, Ground, NodeState, Parts, Recipe
from jido.twins.spec import TwinSpec

_LOOK_EVERY = 0.02


def start(
    spec: TwinSpec, recipe: Recipe, folder: Path, *, plain: bool, within: float
) -> tuple[state.Record, tuple[NodeState, ...]]:
    """Start a twin in a folder that was cleaned, and wait until it is healthy.

    Raises:
        TwinError: A part did not come up.
    """
    until = time.monotonic() + within
    for name in ("run/proc", "logs", "conf", "keys"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor() as side_by_side:
        keys = side_by_side.submit(login.make_keys, folder, f"twin of {spec.name}")
        reason = "asked for" if plain else side_by_side.submit(views.why_not, folder).result()
        keys.result()
    ports, held = keeping.reserve(["sshd", *recipe.ports(spec)])
    short = ""
    try:
        ground = _ground(spec, folder, ports, bool(reason))
        short = str(ground.short) if ground.plain else ""
        token = uuid.uuid4().hex
        parts = recipe.parts(ground)
        _write_files(ground, parts, token)
        mounts = (*system.mounts(spec), *parts.mounts, login.SSHD)
        plan = _plan(ground, parts, mounts, token)
        folders.write(folder / keeping.PLAN, json.dumps(plan))
        prefix = [] if ground.plain else views.outer(folder, spec.uid)
        keeper = keeping.start(folder, prefix, _environment(ground, token), held)
    except BaseException:
        if short:
            _remove_short(Path(short))
        raise
    finally:
        for holder in held:
            holder.close()
    record = state.Record(
        keeper=keeper,
        mode="plain" if ground.plain else "namespaces",
        token=token,
        short=str(ground.short.parent) if ground.plain else "",
        port=ports["sshd"],
        user=ground.user,
        notes=(*_notes(ground, reason), *parts.notes),
    )
    # Written at once, so that whoever comes after a killed starter knows what to end.
    folders.write(folder / folders.STATE, msgspec.json.encode(record))
    nodes, running = _wait(folder, recipe, ground, until)
    tree = processes.parents()
    machines = {d["name"]: d["machine"] for d in plan["daemons"]}
    kept = tuple(
        state.Kept(name, machine, keeping.daemon_process(keeper, running[name], tree))
        for name, machine in machines.items()
    )
    record = msgspec.structs.replace(record, daemons=kept)
    folders.write(folder / folders.STATE, msgspec.json.encode(record))
    return record, nodes


def _ground(spec: TwinSpec, folder: Path, ports: dict[str, int], plain: bool) -> Ground:
    if not plain:
        return Ground(spec, folder, False, ports, folder, spec.user, spec.control_name, True)
    # Slurm's files cannot name a path with a space, nor munge a socket with more than 107 bytes.
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    base = base if base and len(base) < 40 and " " not in base and os.access(base, os.W_OK) else "/tmp"  # noqa: S108
    short = Path(tempfile.mkdtemp(prefix="jido-", dir=base)) / "t"
    short.symlink_to(folder)
    host = socket.gethostname().partition(".")[0]
    alone = False
    with contextlib.suppress(OSError):
        alone = {info[4][0] for info in socket.getaddrinfo(host, None)} == {"127.0.0.1"}
    return Ground(spec, folder, True, ports, short, pwd.getpwuid(os.getuid()).pw_name, host, alone)


def _remove_short(short: Path) -> None:
    short.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        short.parent.rmdir()


def _notes(ground: Ground, reason: str) -> tuple[str, ...]:
    if not ground.plain:
        return ()
    return (
        f"plain mode, without namespaces ({reason}): everything runs as {ground.user}, all nodes share this "
        "machine's host name and file system",
        f"the cluster's shared volumes are folders under {ground.folder / folders.VOLUMES}, those of a node under "
        f"{ground.folder / folders.NODES}/NODE/{folders.VOLUMES}",
    )


def _write_files(ground: Ground, parts: Parts, token: str) -> None:
    folder = ground.folder
    env = dict(parts.env)
    if ground.plain:
        env |= {TOKEN: token, "HOME": ground.home, "PATH": views.PATH}
    for own in parts.folders:
        (folder / own).mkdir(parents=True, exist_ok=True)
    texts = {**parts.files, **login.files(ground, env), **system.etc_files(ground.spec)}
    for name, text in texts.items():
        folders.write(folder / name, text, secret=name.startswith("keys/"))
    folders.write(folder / "conf/sshd/host_ed25519", (folder / login.HOST_KEY).read_bytes(), secret=True)
    for name, target in parts.links.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(target)
    for role in (CONTROL, LOGIN, *(node.name for node in ground.spec.nodes)):
        temporary = folder / folders.NODES / role / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        temporary.chmod(0o1777)
    system.make_volumes(ground)
    if ground.plain and os.getuid() == 0:
        # sshd as root insists on its empty folder, which Debian's service file would have made.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)


def _environment(ground: Ground, token: str) -> dict[str, str]:
    env = views.environment(ground.spec)
    return {**env, "HOME": ground.home, TOKEN: token} if ground.plain else env


def _plan(ground: Ground, parts: Parts, mounts: tuple[Any, ...], token: str) -> dict[str, Any]:
    names = {CONTROL: ground.spec.control_name, LOGIN: ground.spec.login_name}
    seen: dict[str, list[str]] = {}

    def view(role: str) -> list[str]:
        if role not in seen:
            name = names.get(role, role)
            seen[role] = [] if ground.plain else views.machine(ground, name, role, mounts)
        return seen[role]

    def row(daemon: Daemon) -> dict[str, Any]:
        return {
            "name": daemon.name,
            "machine": names.get(daemon.machine, daemon.machine),
            "view": view(daemon.machine),
            "argv": daemon.argv,
            "env": {**_environment(ground, token), **daemon.env},
            "log": str(ground.folder / "logs" / f"{daemon.name}.log"),
            "after": [{"socket": after.socket, "port": after.port} for after in daemon.after],
        }

    return {
        "plain": ground.plain,
        "proc": "/proc" if ground.plain else str(ground.folder / "run/proc"),
        "control": str(ground.folder / keeping.CONTROL),
        "daemons": [row(daemon) for daemon in (*parts.daemons, login.daemon(ground))],
        "look": {
            "view": view(CONTROL),
            "argv": parts.look,
            "env": {**_environment(ground, token), **parts.env},
        },
    }


def _wait(folder: Path, recipe: Recipe, ground: Ground, until: float) -> tuple[tuple[NodeState, ...], dict[str, int]]:
    """Wait until all daemons run, all nodes are ready and sshd has said who it is."""
    wanted = {node.name for node in ground.spec.nodes}
    nodes: tuple[NodeState, ...] = ()
    answer: dict[str, Any] = {}
    started = False
    while True:
        answer = keeping.ask(folder, "nodes" if started else "state")
        if answer["codes"]:
            name, code = next(iter(answer["codes"].items()))
            raise _failed(folder, name, f"{name} ended with code {code}")
        started = not answer["waiting"]
        if "look" in answer:
            nodes = recipe.nodes(answer["look"]["stdout"])
            if {node.name for node in nodes if node.ready} >= wanted and _greets(ground.ports["sshd"]):
                return nodes, answer["running"]
        if time.monotonic() > until:
            late = answer["waiting"] or sorted(wanted - {node.name for node in nodes if node.ready})
            raise _failed(folder, "slurmctld", "not ready in time: " + (", ".join(late) or "sshd"))
        time.sleep(_LOOK_EVERY)


def _greets(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as line:
        return line.recv(4) == b"SSH-"
    return False


def _failed(folder: Path, daemon: str, what: str) -> TwinError:
    log = folder / "logs" / f"{daemon}.log"
    return TwinError(f"the twin did not come up: {what}", cause=last_line(log), hint=f"read {log}")


def last_line(log: Path) -> str:
    """The last thing a daemon said; empty when it said nothing."""
    with contextlib.suppress(OSError):
        lines = log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""
    return ""
