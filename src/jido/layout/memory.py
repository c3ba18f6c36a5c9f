"""Where each project was laid out, remembered here: a map that changes later does not move a project."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from jido.config import places
from jido.config.project import Project
from jido.model.workspace import Workspace


def _file(cluster: str, project: Project) -> Path:
    key = cluster.encode() + b"\0" + os.fsencode(project.folder) + b"\0" + project.name.encode()
    return places.state() / "layouts" / hashlib.sha256(key).hexdigest()[:20]


def recall(cluster: str, project: Project) -> Workspace | None:
    """The workspace a project was given on a cluster; None when it has none yet."""
    try:
        root = os.fsdecode(_file(cluster, project).read_bytes())
    except OSError:
        return None
    return Workspace(root) if root.startswith("/") else None


def remember(cluster: str, project: Project, workspace: Workspace) -> None:
    """Keep the workspace of a project, in one step."""
    file = _file(cluster, project)
    file.parent.mkdir(parents=True, exist_ok=True)
    new = places.beside(file)
    new.write_bytes(os.fsencode(workspace.root))
    new.replace(file)
