"""A work folder in which jobs build environments, as a scheduler would start them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

from jido.api import environments
from jido.api.environment_disk import WHERE_BUILT, Near
from jido.config import project as projects
from jido.engines.base import Placement
from jido.engines.process import Process
from jido.jobs import environments as jobs_environments
from jido.jobs import script
from jido.model.job import JobSpec, Resources
from jido.model.workspace import Workspace
from jido.transfer.datasets import staging
from jido.transfer.datasets.staging import Disk

# How a job ends whose environment could not be built.
FAILED = 114
HOSTILE = "일 'q\" $(touch pwned) `x`"
TOOLS = [
    "awk",
    "basename",
    "bash",
    "cat",
    "chmod",
    "cut",
    "date",
    "df",
    "dirname",
    "du",
    "env",
    "find",
    "grep",
    "id",
    "ln",
    "ls",
    "mkdir",
    "mv",
    "python3",
    "readlink",
    "rm",
    "rmdir",
    "sed",
    "sh",
    "sleep",
    "tail",
    "tar",
    "touch",
    "true",
    "uname",
    "wc",
]


class Ground:
    """A work folder, a bare PATH, and projects in it whose jobs are run as a scheduler would."""

    def __init__(self, folder: Path, *disks: Path) -> None:
        self.folder, self.disks = folder, [Disk(str(disk)) for disk in disks]
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool) or f"/bin/{tool}")
        (self.bin / "python3").unlink()
        (self.bin / "python3").symlink_to(sys.executable if sys.prefix == sys.base_prefix else "/usr/bin/python3")
        if not Path("/usr/bin/python3").exists():
            (self.bin / "python3").unlink()
            (self.bin / "python3").symlink_to(Path(sys.base_prefix) / "bin/python3")
        (folder / "home").mkdir()
        self.jobs = 0

    def toy(self, name: str, text: str) -> None:
        tool = self.bin / name
        tool.unlink(missing_ok=True)
        tool.write_text(f"#!/bin/sh\n{text}")
        tool.chmod(0o755)

    def project(self, toml: str, name: str = "p", **files: str) -> projects.Project:
        folder = self.folder / f"{name} {HOSTILE}"
        folder.mkdir(exist_ok=True)
        (folder / "jido.toml").write_text(f'[project]\nname = "{name}"\n{toml}')
        for path, content in files.items():
            (folder / path.replace("__", ".")).write_text(content)
        return projects.load(folder / "jido.toml")

    def job(self, project: projects.Project, *argv: str, gpus: int = 0) -> Job:
        self.jobs += 1
        name = f"run-{self.jobs}"
        workspace = Workspace(f"{self.folder}/work {HOSTILE}/{project.name}")
        code = Path(workspace.run_code(name))
        shutil.copytree(project.folder, code)
        spec = JobSpec("job", argv, Resources(gpus=gpus), env=project.env.set)
        place = Placement(workspace.run(name), "job.sh", "log", f"jido-{os.urandom(8).hex()}")
        near = Near(True, "the test says so") if self.disks and project.env.local is True else WHERE_BUILT
        made = environments.of(project, workspace, name, near)
        text = script.render(Process(), spec, place, workspace, name, environment=made, stage=near.local)
        (code.parent / "job.sh").write_text(text)
        for file, (content, _) in jobs_environments.files(made).items():
            (code.parent / file).write_bytes(content)
        if near.local:
            notes = f"{self.folder}/work {HOSTILE}/jido-datasets"
            (code.parent / script.STAGE).write_text(staging.script(notes, [], self.disks))
        log = code.parent / "log"
        env = {"PATH": str(self.bin), "HOME": str(self.folder / "home"), "JIDO_JOB_ID": str(self.jobs)}
        # Where pip finds its index is this machine's matter.
        env |= {key: value for key, value in os.environ.items() if key.startswith(("PIP_", "UV_"))}
        with log.open("wb") as out:
            process = subprocess.Popen(
                ["sh", code.parent / "job.sh"], env=env, stdout=out, stderr=out, start_new_session=True
            )
        return Job(process, log)

    def run(self, project: projects.Project, *argv: str, gpus: int = 0, code: int = 0) -> str:
        return self.job(project, *argv, gpus=gpus).ended(code)

    @property
    def envs(self) -> Path:
        return self.folder / f"work {HOSTILE}" / ".jido" / "envs"


class Job:
    """A job under way."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process, self.log = process, log

    def ended(self, code: int = 0) -> str:
        try:
            found = self.process.wait(timeout=100)
        except BaseException:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise
        text = self.log.read_text()
        assert found == code, text
        return text

    def says(self, words: str) -> None:
        deadline = time.monotonic() + 60
        while words not in self.log.read_text():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)


PIP = '[env]\nrequirements = "requirements.txt"\nwheels = "wheels"\n'
TINY = """\
answer = 42


def say():
    import sys

    print("said by", sys.executable, "in", sys.prefix)
"""


def tiny_wheel(folder: Path) -> None:
    """A wheel of a package with one module and one console script."""
    with zipfile.ZipFile(folder / "tiny-1.0-py3-none-any.whl", "w") as archive:
        head = "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"
        wheel = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        record = "tiny.py,,\ntiny-1.0.dist-info/METADATA,,\ntiny-1.0.dist-info/WHEEL,,\ntiny-1.0.dist-info/RECORD,,\n"
        record += "tiny-1.0.dist-info/entry_points.txt,,\n"
        archive.writestr("tiny-1.0.dist-info/entry_points.txt", "[console_scripts]\ntiny-say = tiny:say\n")
        for file, text in {"METADATA": head, "WHEEL": wheel, "RECORD": record}.items():
            archive.writestr(f"tiny-1.0.dist-info/{file}", text)
        archive.writestr("tiny.py", TINY)


def with_wheel(ground: Ground, toml: str, name: str = "p", **files: str) -> projects.Project:
    made = ground.project(toml, name, **files)
    (made.folder / "wheels").mkdir(exist_ok=True)
    tiny_wheel(made.folder / "wheels")
    return made
