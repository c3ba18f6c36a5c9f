"""The editor: a project's folder on a cluster over VS Code's Remote-SSH, and its tasks for a project here."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from jido.api import projects
from jido.api.cluster import Cluster
from jido.config import jsonc, places
from jido.errors import InputError, NotFound, Refused
from jido.model.destination import Destination
from jido.transports.ssh_config import resolve
from jido.words import tr

if TYPE_CHECKING:
    from jido.config.project import Project

# Those that speak VS Code's command line and its Remote-SSH, in the order they are looked for.
PROGRAMS = ("code", "code-insiders", "codium", "cursor")


class Opening(msgspec.Struct, frozen=True):
    """How a folder there is opened.

    Attributes:
        argv: The command, as it is called where the editor is VS Code itself.
        host: What the editor's ssh is told to connect to.
        folder: The folder there, absolute.
        block: What ssh's configuration has to say of the host; empty where ssh knows the address as it is.
        known: Whether ssh's configuration says so already.
    """

    argv: tuple[str, ...]
    host: str
    folder: str
    block: str
    known: bool


def program() -> str:
    """The editor's program.

    Raises:
        NotFound: There is none on the PATH; says how to get it.
    """
    found = next((path for one in PROGRAMS if (path := shutil.which(one))), None)
    if found is None:
        raise NotFound(
            tr("VS Code is not on the PATH (looked for {PROGRAMS})", PROGRAMS=", ".join(PROGRAMS)),
            hint=tr(
                "install it and its extension Remote - SSH; on macOS its command palette has 'Shell "
                "Command: Install code command in PATH'. --dry-run shows what would be executed"
            ),
        )
    return found


def opening(cluster: Cluster, project: Project, *, folder: str = "") -> Opening:
    """Compose what opens a folder there; nothing is connected and nothing written.

    Args:
        cluster: Where.
        project: Its code is what is opened, unless a folder is named.
        folder: Another folder there, absolute.

    Raises:
        Refused: The cluster is this machine.
        InputError: The folder is not absolute.
    """
    to = cluster.destination
    if to.is_local:
        raise Refused(
            tr("{name} is this machine", name=cluster.name), hint=tr("open the folder as any other: code .")
        )
    if folder and not folder.startswith("/"):
        raise InputError(
            tr("{folder!r} is not an absolute folder on {name}", folder=folder, name=cluster.name),
            hint=tr("e.g. --folder /data/you"),
        )
    where = folder or projects.workspace(cluster, project).role("code")
    host, block = _block(cluster.name, to)
    # A URI, since `--remote HOST PATH` guesses from the path's name whether it is a file or a folder.
    uri = f"vscode-remote://ssh-remote+{quote(host, safe='@')}{quote(os.fsencode(where), safe='/')}"
    return Opening(("code", "--folder-uri", uri), host, where, block, not block or _knows(host, to))


def _block(name: str, to: Destination) -> tuple[str, str]:
    """The host that the editor names, and what ssh has to be told of it: the editor takes neither port nor jump."""
    if to.config:
        return to.host, f'Include "{to.config}"\n'
    if not (to.port or to.jump or to.identity):
        return (f"{to.user}@{to.host}" if to.user else to.host), ""
    plain = "".join(char if char.isascii() and (char.isalnum() or char in "-_.") else "-" for char in name)
    real = resolve(to)
    lines = [f"Host jido-{plain}", f"    HostName {real.host if real else to.host}"]
    if user := real.user if real else to.user:
        lines.append(f"    User {user}")
    if port := real.port if real else to.port:
        lines.append(f"    Port {port}")
    if jump := real.jump if real else to.jump:
        lines.append(f"    ProxyJump {jump}")
    if to.identity:
        lines.append('    IdentityFile "' + to.identity.replace("%", "%%") + '"')
    return f"jido-{plain}", "\n".join(lines) + "\n"


def _knows(host: str, to: Destination) -> bool:
    """Whether the person's own ssh configuration leads the host's name to the same address."""
    own, wanted = resolve(Destination(host=host)), resolve(to)
    parts = ("host", "user", "port", "jump")
    return own is not None and wanted is not None and all(getattr(own, one) == getattr(wanted, one) for one in parts)


def hosts_file() -> Path:
    """jido's own ssh configuration file, for the person's to include."""
    return places.config() / "ssh_hosts"


def include(opened: Opening) -> str:
    """Keep the host's block in jido's own file and have ``~/.ssh/config`` include that, at its top.

    Nothing that stands in ``~/.ssh/config`` is changed; doing it again changes nothing.

    Returns:
        What was done, in words.
    """
    file = hosts_file()
    before = file.read_text("utf-8") if file.exists() else ""
    others = [part for part in before.split("\n\n") if part.strip() and not _is_of(part, opened.block)]
    parts = [*(part.strip("\n") for part in others), opened.block.rstrip("\n")]
    # Behind a Host line an Include would hold for that host only.
    _replace(file, "\n\n".join(sorted(parts, key=lambda part: not part.startswith("Include "))) + "\n")
    own = Path.home() / ".ssh/config"
    line = f'Include "{file}"'
    said = own.read_bytes() if own.exists() else b""
    if line.encode() not in said.splitlines():
        own.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # First of all, for the same reason. A link to a file elsewhere stays one.
        _replace(own.resolve(), line.encode() + b"\n\n" + said)
    return f"{own} includes {file}, which says how to reach {opened.host}"


def _is_of(part: str, block: str) -> bool:
    return part.strip().splitlines()[0] == block.splitlines()[0]


def _replace(file: Path, text: str | bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    mode = file.stat().st_mode & 0o777 if file.exists() else 0o600
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    fresh.write_bytes(text.encode() if isinstance(text, str) else text)
    fresh.chmod(mode)
    fresh.replace(file)


# -- tasks -----------------------------------------------------------------------------------------------------


class Tasks(msgspec.Struct, frozen=True):
    """What becomes of a project's ``.vscode/tasks.json``.

    Attributes:
        file: The file.
        new: Labels of tasks that are added; those that are there by that label stay as they are.
        text: The whole file with them; None where it cannot be added to safely.
        add: The new tasks as JSON, for a person to add by hand.
        why: Why it cannot be added to.
        left_out: Jobs whose names the editor would read as variables.
    """

    file: Path
    new: tuple[str, ...]
    text: str | None
    add: str
    why: str = ""
    left_out: tuple[str, ...] = ()


def tasks(project: Project) -> Tasks:
    """Compose the tasks of a project: each job of its ``jido.toml``, and the everyday verbs; nothing is written."""
    file = project.folder / ".vscode/tasks.json"
    # The editor puts in a value for ${...}, and has no way to write these characters as they are.
    left_out = tuple(name for name in project.jobs if "${" in name)
    wanted = [_task(f"run {name}", "run", name) for name in project.jobs if name not in left_out]
    wanted += [_task("push", "push"), _task("ps", "ps"), _task("logs", "logs", "-f"), _task("pull", "pull")]
    try:
        before = file.read_bytes().decode("utf-8")
    except FileNotFoundError:
        whole = {"version": "2.0.0", "tasks": wanted}
        text = json.dumps(whole, ensure_ascii=False, indent=4) + "\n"
        return Tasks(file, tuple(one["label"] for one in wanted), text, "", left_out=left_out)
    except (OSError, UnicodeDecodeError) as error:
        return Tasks(file, (), None, _by_hand(wanted), str(error), left_out)
    try:
        said = jsonc.read(before)
        there = {one.get("label") for one in said.get("tasks", []) if isinstance(one, dict)}
        new = [one for one in wanted if one["label"] not in there]
        text = jsonc.with_items(before, "tasks", new) if new else before
    except (ValueError, AttributeError, TypeError, IndexError, RecursionError) as error:
        return Tasks(file, (), None, _by_hand(wanted), str(error), left_out)
    return Tasks(file, tuple(one["label"] for one in new), text, "", left_out=left_out)


def _task(label: str, *words: str) -> dict[str, Any]:
    return {
        "label": f"jido: {label}",
        "type": "process",
        "command": "jido",
        "args": list(words),
        "options": {"cwd": "${workspaceFolder}"},
        "problemMatcher": [],
    }


def _by_hand(wanted: list[dict[str, Any]]) -> str:
    return ",\n".join(json.dumps(one, ensure_ascii=False, indent=4) for one in wanted)


def write_tasks(planned: Tasks) -> None:
    """Write what `tasks` composed, in one step; a link to a file elsewhere stays one."""
    if planned.text is not None and planned.new:
        planned.file.parent.mkdir(parents=True, exist_ok=True)
        fresh = not planned.file.exists()
        _replace(planned.file.resolve(), planned.text)
        if fresh:
            planned.file.chmod(0o644)
