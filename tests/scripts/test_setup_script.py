"""scripts/setup on a small checkout of its own: real bash, real venv, real pip, nothing fetched."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests import trees

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
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


def made_in(folder: Path) -> Path:
    root = folder / "지도 'of' $(x)"
    (root / "scripts").mkdir(parents=True)
    (root / "requirements").mkdir()
    for name in ("setup", "trees.sh"):
        shutil.copy(SCRIPTS / name, root / "scripts")
    for name in ("demo", "dev"):
        (root / "requirements" / f"{name}.txt").write_text("# nothing\n")
    (root / "pyproject.toml").write_text(PROJECT)
    (root / "backend.py").write_text(BACKEND)
    return root


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return made_in(tmp_path)


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


# In place of what fetches, installs and mounts. Where MIRROR is empty apt knows none; with BROKEN no tree is made.
TOYS = {
    "apt-get": 'case "$*" in *indextargets*) printf "%s" "$MIRROR" ;; *) echo "apt-get $*" >>"$LOG" ;; esac',
    "apt-config": ":",
    "sudo": 'shift; exec "$@"',
    "unshare": 'while [[ $1 == --* ]]; do shift; done; exec "$@"',
    "mount": ":",
    "chroot": 'echo "chroot ${*:2}" >>"$LOG"',
    "debootstrap": """
        echo "debootstrap $*" >>"$LOG"
        tree=${*: -3:1}
        if [[ -e $tree/left ]]; then echo "not from nothing" >>"$LOG"; fi
        mkdir -p "$tree"/{usr/sbin,etc/dpkg/dpkg.cfg.d}
        touch "$tree/left"
        if [[ -n ${BROKEN:-} ]]; then echo "E: $BROKEN"; exit 1; fi
    """,
}


TREES = (*trees.RELEASES, trees.HTCONDOR)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which everything but the trees is made."""
    root = made_in(tmp_path_factory.mktemp("ready"))
    assert setup(root, "dev", JIDO_TREES="").returncode == 0
    return root


class Debian:
    """A machine on which trees can be made, by toys."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.trees, self._log = root, folder / "나무 $(x)", folder / "log"
        toys = folder / "toys"
        toys.mkdir()
        # Every package is there, since each of its commands is.
        listed = re.findall(r"^([\w.-]+) [\w-]+$", (SCRIPTS / "setup").read_text(), re.MULTILINE)
        for name in {*listed, *TOYS} - set(BASICS):
            (toys / name).write_text(f"#!/usr/bin/env bash\n{TOYS.get(name, ':')}\n")
            (toys / name).chmod(0o755)
        self.env = environment(
            PATH=f"{toys}:{os.environ['PATH']}",
            LOG=str(self._log),
            MIRROR="http://mirror.example/debian/\nhttp://other.example/debian/",
            TMPDIR=str(folder),
            JIDO_TREES=str(self.trees),
            JIDO_NO_APT="",
        )

    def start(self, **more: str) -> subprocess.Popen[str]:
        argv = [str(self.root / "scripts" / "setup"), "dev"]
        return subprocess.Popen(argv, env=self.env | more, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def setup(self, **more: str) -> str:
        process = self.start(**more)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, ""), err
        return err

    def did(self, what: str = "") -> list[str]:
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        return [line for line in lines if line.startswith(what)]

    @property
    def made(self) -> list[str]:
        return sorted(path.name for path in self.trees.iterdir() if not path.name.startswith(".lock"))


@pytest.fixture
def debian(ready: Path, tmp_path: Path) -> Debian:
    if not Path("/usr/share/keyrings/debian-archive-keyring.gpg").exists():
        pytest.skip("Debian's keys are not installed (package debian-archive-keyring)")
    return Debian(ready, tmp_path)


def test_trees_are_made_once_of_signed_packages_from_the_mirror_of_apt(debian: Debian) -> None:
    two = [debian.start() for _ in range(2)]
    said = [process.communicate()[1] for process in two]
    assert [process.returncode for process in two] == [0, 0], said
    assert debian.made == sorted(TREES)
    made = debian.did("debootstrap")
    assert [line.split(str(debian.trees))[0].split()[-1] for line in made] == [*trees.RELEASES, "trixie"]
    for line in made:
        assert "--force-check-gpg" in line
        assert " http://mirror.example/debian/ " in line
    assert re.search(r"making a tree of Debian trixie .* \d+ s\n  \S+ .*/trixie\n", "".join(said))
    assert debian.setup() == ""
    assert len(debian.did("debootstrap")) == len(TREES)


def test_a_tree_that_could_not_be_made_is_not_there_and_the_reason_is_told_and_kept(debian: Debian) -> None:
    said = debian.setup(BROKEN="no way to the mirror")
    assert debian.made == sorted(f"{name}.why" for name in TREES)
    assert said.count("so tests on its Slurm are skipped: E: no way to the mirror\n") == len(trees.RELEASES)
    assert said.count("so tests on HTCondor are skipped: E: no way to the mirror\n") == 1
    assert (debian.trees / "trixie.why").read_text() == "E: no way to the mirror\n"
    (debian.trees / ".making-trixie" / "left").mkdir(parents=True)  # by one that was killed
    debian.setup()
    assert debian.made == sorted(TREES)
    assert debian.did("not from nothing") == []


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"JIDO_NO_APT": "1"}, "JIDO_NO_APT is set"),
        ({"MIRROR": ""}, "apt knows no mirror of Debian here"),
    ],
)
def test_where_no_tree_can_be_made_one_line_says_why(debian: Debian, changed: dict[str, str], why: str) -> None:
    said = debian.setup(**changed)
    assert f"setup: no tree of Debian forky, so tests on its Slurm are skipped: {why}\n" in said
    assert debian.did("debootstrap") == []
    assert debian.made == sorted(f"{name}.why" for name in TREES)


def test_whoever_wants_no_trees_gets_none(debian: Debian) -> None:
    assert debian.setup(JIDO_TREES="") == ""
    assert debian.did() == []


def test_a_test_that_lacks_its_tree_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(trees, "_TREES", str(tmp_path))
    (tmp_path / "trixie.why").write_text("this needs root or password-less sudo\n")
    reasons = [mark.kwargs["reason"] for row in trees.trees("x") for mark in row.marks if mark.name == "skipif"]
    assert reasons == [
        "no tree of Debian bullseye: `scripts/setup dev` makes it",
        "no tree of Debian trixie: this needs root or password-less sudo",
        "no tree of Debian forky: `scripts/setup dev` makes it",
    ]
