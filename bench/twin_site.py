"""A twin of Aurora in its own JIDO_HOME, jido as it is installed, and plain ssh over the same shared connection."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from measure import quietly

PYTHON = sys.executable
JIDO = str(Path(sys.executable).with_name("jido"))


class Site:
    """One person with one twin.

    Args:
        folder: Where everything lies; its path is short, for the sockets.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.project = folder / "project"
        self.home = folder / "home"
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(("JIDO_", "XDG_"))}
        self.env["JIDO_HOME"] = str(self.home)

    def jido(self, *words: str, cwd: Path | None = None) -> str:
        return quietly([JIDO, *words], env=self.env, cwd=cwd or self.project)

    def ssh(self, line: str) -> str:
        return quietly([*self.ssh_words, line])

    @property
    def ssh_words(self) -> list[str]:
        """Plain ssh over the connection that jido opened, as a person with ControlMaster in her config has it."""
        return self.ssh_words_of("aurora")

    def ssh_words_of(self, name: str) -> list[str]:
        """The same for any twin of the site."""
        config = self.home / f"state/twins/{name}/ssh_config"
        return ["ssh", "-F", str(config), "-o", f"ControlPath={self.socket_of(name)}", name]

    @property
    def config(self) -> Path:
        return self.home / "state/twins/aurora/ssh_config"

    @property
    def login_home(self) -> Path:
        """The home folder of the twin's user, as this machine sees it."""
        [found] = (self.home / "state/twins/aurora/volumes/home").glob("student")
        return found

    @property
    def socket(self) -> Path:
        if not hasattr(self, "_socket"):
            self._socket = self.socket_of("aurora")
        return self._socket

    def socket_of(self, name: str) -> Path:
        code = "import sys; from jido.config import clusters, places; from jido.transports.openssh import OpenSSH;"
        code += "name = sys.argv[1]; print(OpenSSH(clusters.get(name), places.runtime(), name).control)"
        return Path(quietly([PYTHON, "-c", code, name], env=self.env).strip())


@contextmanager
def twin() -> Iterator[Site]:
    """A site whose twin is up, mapped, and has a project laid out; it goes down in the end whatever happened."""
    folder = Path(tempfile.mkdtemp(prefix="jb-"))
    site = Site(folder)
    site.project.mkdir()
    (site.project / "train.py").write_text("print('hello')\n")
    try:
        # For what is measured within this process.
        os.environ["JIDO_HOME"] = str(site.home)
        site.jido("twin", "up", "aurora")
        site.jido("probe", "aurora")
        site.jido("init", "--on", "aurora", "--yes")
        yield site
    finally:
        runtime = site.socket.parent if site.config.exists() else None
        site.jido("twin", "down", "--all")
        shutil.rmtree(folder)
        if runtime:
            shutil.rmtree(runtime, ignore_errors=True)


CALLED = ("squeue", "sacct", "scontrol", "sinfo", "sbatch", "scancel")


@contextmanager
def counted(site: Site) -> Iterator[Path]:
    """Every call of Slurm's commands on the login node, a line each with its time, in the file that is given."""
    shims, log = site.login_home / "shims", site.login_home / "calls"
    shims.mkdir(exist_ok=True)
    log.write_text("")
    for name in CALLED:
        shim = shims / name
        shim.write_text(f'#!/bin/sh\necho "$(date +%s.%N) {name}" >>$HOME/calls\nexec /usr/bin/{name} "$@"\n')
        shim.chmod(0o755)
    rc = site.login_home / ".bashrc"
    before = rc.read_text() if rc.exists() else ""
    rc.write_text('PATH="$HOME/shims:$PATH"\n' + before)
    try:
        yield log
    finally:
        rc.write_text(before)
