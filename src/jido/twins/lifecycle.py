"""Up, look, down: from a spec to running processes and back to nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from jido.errors import InputError, TwinError
from jido.twins import folder as folders
from jido.twins import keeping, processes, starting, state
from jido.twins.ending import end
from jido.twins.ground import NodeState, Recipe
from jido.twins.recipes import recipe_of
from jido.twins.spec import TwinSpec, check
from jido.twins.views import PATH
from jido.words import tr

_INSIDE = {"sshd": "openssh-server"}
_OUR_NEEDS = {"ssh-keygen": "openssh-client", "setsid": "util-linux"}
_SBIN = "/usr/sbin:/sbin:/usr/local/sbin"


def up(spec: TwinSpec, folder: Path, *, plain: bool = False, within: float = 60.0) -> state.TwinState:
    """Bring a twin up and wait until all its nodes take jobs and its sshd answers.

    A running twin of the same spec is left alone and returned. One that crashed is cleaned and started again; files
    on its volumes stay.

    Args:
        spec: The twin to be.
        folder: Where it is to lie: not there yet, empty, or a twin's.
        plain: Do without namespaces even where they can be had.
        within: Seconds before giving up.

    Raises:
        InputError: The spec or the folder cannot be used.
        TwinError: A program is missing, or a part did not come up; the cause has its last words.
    """
    check(spec)
    recipe = recipe_of(spec.engine)
    folder = folders.resolve(folder)
    with folders.locked(folder):
        folders.claim(folder)
        record = state.read(folder / folders.STATE)
        if record and processes.is_alive(record.keeper):
            if _spec_in(folder) != spec:
                raise InputError(
                    tr("another twin is up in {folder}", folder=folder),
                    cause=tr("its map differs from the one asked for"),
                    hint=tr("take it down first, or choose another folder"),
                )
            now = look(folder)
            if not now.dead:
                return now
        _require(recipe, spec.root)
        end(record)
        folders.clean(folder, keep=(folders.MARK, folders.VOLUMES, folders.NODES, "state"))
        _forget_old_state(folder, spec)
        folders.write(folder / folders.MARK, msgspec.json.encode(spec))
        try:
            record, nodes = starting.start(spec, recipe, folder, plain=plain, within=within)
            return _state(folder, spec, record, keeping.ask(folder, "state"), nodes, "")
        except BaseException:
            end(state.read(folder / folders.STATE))
            folders.clean(folder, keep=(folders.MARK, folders.VOLUMES, folders.NODES, "state", "logs"))
            raise


def look(folder: Path) -> state.TwinState:
    """What of a twin is alive, and how its scheduler sees its nodes. Changes nothing.

    Raises:
        TwinError: There is no twin in the folder.
    """
    folder = folders.resolve(folder)
    spec = _spec_in(folder)
    if spec is None:
        raise TwinError(
            tr("there is no twin in {folder}", folder=folder), hint=tr("`jido twin up NAME` brings one up")
        )
    record = state.read(folder / folders.STATE)
    if record is None or not processes.is_alive(record.keeper):
        why = "it was not brought up, or not to the end" if record is None else "its keeper died"
        return state.TwinState(name=spec.name, folder=folder, login=spec.login_name, why=why)
    answer: dict[str, Any] = {}
    why = ""
    nodes: tuple[NodeState, ...] = ()
    try:
        answer = keeping.ask(folder, "state")
        # Without its daemons the scheduler's own command would only wait for its time-out.
        if out := [kept.name for kept in record.daemons if kept.name in answer["codes"] and kept.asked]:
            why = f"{', '.join(out)} is not running"
        elif (answer := keeping.ask(folder, "nodes"))["look"]["code"] == 0:
            nodes = recipe_of(spec.engine).nodes(answer["look"]["stdout"], spec)
        else:
            why = answer["look"]["stderr"].strip()
    except TwinError as error:
        why = str(error)
    return _state(folder, spec, record, answer, nodes, why)


def _state(
    folder: Path,
    spec: TwinSpec,
    record: state.Record,
    answer: dict[str, Any],
    nodes: tuple[NodeState, ...],
    why: str,
) -> state.TwinState:
    codes = answer.get("codes", {})
    return state.TwinState(
        name=spec.name,
        folder=folder,
        running=True,
        mode=record.mode,
        user=record.user,
        login=spec.login_name,
        port=record.port,
        ssh_config=folder / "ssh_config",
        daemons=tuple(_daemon(folder, kept, codes.get(kept.name)) for kept in record.daemons),
        nodes=nodes,
        notes=record.notes,
        volumes={v.path: folder / (folders.VOLUMES + v.path) for v in spec.shared},
        why=why,
    )


def _daemon(folder: Path, kept: state.Kept, code: int | None) -> state.DaemonState:
    return state.DaemonState(
        name=kept.name,
        machine=kept.machine,
        pid=kept.process.pid if kept.process else None,
        alive=kept.process is not None and processes.is_alive(kept.process),
        code=code,
        last=starting.last_line(folder / "logs" / f"{kept.name}.log"),
    )


def down(folder: Path, *, keep: bool = False) -> bool:
    """End a twin and remove its folder.

    Args:
        folder: The twin's folder.
        keep: Leave the files on its volumes; a later `up` finds them again.

    Returns:
        Whether there was a twin.

    Raises:
        InputError: The folder is something else's.
        TwinError: A process could not be ended, or a file not removed.
    """
    folder = folders.resolve(folder)
    with folders.locked(folder, create=False) as there:
        if not there:
            return False
        if not any(folder.iterdir()):
            folder.rmdir()
            return False
        folders.claim(folder)
        end(state.read(folder / folders.STATE))
        folders.clean(folder, keep=(folders.MARK, folders.VOLUMES, folders.NODES) if keep else (folders.MARK,))
        if not keep:
            # The mark goes last: a `down` that was cut short can be repeated.
            folders.clean(folder)
            folder.rmdir()
        return True


def _spec_in(folder: Path) -> TwinSpec | None:
    try:
        return msgspec.json.decode((folder / folders.MARK).read_bytes(), type=TwinSpec)
    except (OSError, msgspec.MsgspecError):
        return None


def _forget_old_state(folder: Path, spec: TwinSpec) -> None:
    """A scheduler's memory is of use only to the same cluster."""
    if _spec_in(folder) != spec:
        folders.remove(folder / "state")
    for role in (folder / folders.NODES).glob("*/*"):
        if role.name != folders.VOLUMES:
            folders.remove(role)


def _require(recipe: Recipe, root: str) -> None:
    path = f"{os.environ.get('PATH', '')}:{_SBIN}"
    _require_in("on this machine", "", path, _OUR_NEEDS if root != "/" else {**_OUR_NEEDS, **_INSIDE, **recipe.needs})
    if root != "/":
        inside = ":".join(f"{root.rstrip('/')}{folder}" for folder in PATH.split(":"))
        _require_in(f"in the tree {root}", f"chroot {root} ", inside, {**_INSIDE, **recipe.needs})


def _require_in(where: str, before: str, path: str, needs: Mapping[str, str]) -> None:
    missing = {program: package for program, package in needs.items() if not shutil.which(program, path=path)}
    if missing:
        raise TwinError(
            tr("the twin lacks programs {where}", where=where),
            cause=tr("not installed: {missing}", missing=", ".join(sorted(missing))),
            hint=tr(
                "{before}apt-get install {missing}", before=before, missing=" ".join(sorted(set(missing.values())))
            ),
        )
