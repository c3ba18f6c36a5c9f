"""scripts/setup on a small checkout of its own: real bash, real venv, real pip, nothing fetched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "setup"
BASICS = (
    "basename",
    "bash",
    "cat",
    "dirname",
    "flock",
    "grep",
    "mktemp",
    "readlink",
    "rm",
    "sed",
    "sha256sum",
    "tail",
)

PROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""

# The smallest thing that pip installs as editable; the real one (hatchling) would have to be fetched.
BACKEND = """\
import zipfile
from pathlib import Path

def build_editable(folder, config_settings=None, metadata_directory=None):
    name, info = "small-1-py3-none-any.whl", "small-1.dist-info"
    with zipfile.ZipFile(Path(folder) / name, "w") as wheel:
        wheel.writestr("small.pth", str(Path.cwd()) + "\\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: small\\nVersion: 1\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "지도 'of' $(x)"
    (root / "scripts").mkdir(parents=True)
    (root / "requirements").mkdir()
    shutil.copy(SCRIPT, root / "scripts")
    (root / "requirements" / "demo.txt").write_text("# nothing\n")
    (root / "pyproject.toml").write_text(PROJECT)
    (root / "backend.py").write_text(BACKEND)
    return root


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A PATH with the basics only: no ssh, no rsync, no bubblewrap, no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in BASICS:
        found = shutil.which(name)
        assert found, name
        (folder / name).symlink_to(found)
    return folder


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "JIDO_NO_APT": "1", "JIDO_PYTHON": sys.executable, **more}


def setup(root: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    argv = [str(root / "scripts" / "setup"), *arguments]
    # The log of a set-up that fails stays; here it goes when the test does.
    return subprocess.run(
        argv, env=environment(TMPDIR=str(root), **more), capture_output=True, text=True, check=False
    )


def test_two_at_once_make_one_environment_and_a_third_has_nothing_to_do(checkout: Path) -> None:
    argv = [str(checkout / "scripts" / "setup")]
    two = [
        subprocess.Popen(argv, env=environment(), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate() for process in two]
    assert [process.returncode for process in two] == [0, 0], said
    assert "".join(err for _, err in said).count("making the virtual environment") == 1
    assert [out for out, _ in said] == ["", ""]

    python = checkout / ".venv" / "bin" / "python"
    assert subprocess.run([python, "-c", "import backend"], check=False).returncode == 0
    assert "virtual environment" not in setup(checkout).stderr

    (checkout / "requirements" / "demo.txt").write_text("# another\n")
    changed = setup(checkout)
    assert changed.returncode == 0, changed.stderr
    assert "installing locked packages" in changed.stderr
    assert "making" not in changed.stderr

    moved = checkout.with_name("elsewhere")
    checkout.rename(moved)
    again = setup(moved)
    assert again.returncode == 0, again.stderr
    assert "making the virtual environment" in again.stderr


def test_what_fails_is_shown_from_the_log_with_a_next_step(checkout: Path) -> None:
    (checkout / "requirements" / "demo.txt").write_text(f"./gone-1-py3-none-any.whl --hash=sha256:{'0' * 64}\n")
    done = setup(checkout)
    assert done.returncode == 1
    assert "installing locked packages (demo) ... failed" in done.stderr
    assert "gone-1-py3-none-any.whl" in done.stderr
    assert "hint: " in done.stderr
    assert not (checkout / ".venv" / "jido-demo.stamp").exists()


def test_without_rights_it_says_what_is_missing_what_cannot_be_shown_and_how_to_get_it(
    checkout: Path, bare: Path
) -> None:
    said = setup(checkout, PATH=str(bare), JIDO_PYTHON="no-such-python").stderr
    assert "JIDO_NO_APT is set" in said
    assert "no twin of a cluster can be shown" in said
    hint = next(line for line in said.splitlines() if line.startswith("  hint: sudo apt-get install"))
    assert {"openssh-client", "rsync", "bubblewrap"} <= set(hint.split())


def test_without_a_python_it_ends_with_the_command_to_run(checkout: Path, bare: Path) -> None:
    done = setup(checkout, PATH=str(bare), JIDO_PYTHON="no-such-python")
    assert done.returncode == 1
    assert "no Python 3.10 or newer" in done.stderr
    assert "hint: sudo apt-get install python3 python3-venv" in done.stderr


def test_an_unknown_profile_is_refused(checkout: Path) -> None:
    done = setup(checkout, "demmo")
    assert done.returncode == 2
    assert done.stderr == "usage: scripts/setup [demo|dev]\n"
