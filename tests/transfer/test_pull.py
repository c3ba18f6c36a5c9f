"""Pulling: what a run left comes home, and nothing here is lost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import pytest
from hostile_names import NAMES, write

from jido.errors import InputError
from jido.model.workspace import Workspace
from jido.transfer import names
from jido.transfer.pull import pull
from jido.transports.base import Transport
from jido.transports.local import Local

RUN = "train-한글-1"


@pytest.fixture
def finished(workspace: Workspace) -> Workspace:
    """A workspace where a run has left files of every name."""
    for number, name in enumerate(NAMES):
        write(Path(workspace.results(RUN)), name, b"%d" % number)
    write(Path(workspace.role("logs")), f"{RUN}.log".encode(), b"epoch 1\n")
    write(Path(workspace.role("logs")), f"{RUN}/extra.txt".encode(), b"more\n")
    write(Path(workspace.checkpoints(RUN)), b"best.pt", b"weights")
    write(Path(workspace.checkpoints(RUN)), b"last.pt", b"weights")
    write(Path(workspace.results("other")), b"not mine", b"")
    return workspace


def contents(folder: Path) -> dict[bytes, bytes]:
    base = os.fsencode(folder)
    return {os.fsencode(path)[len(base) + 1 :]: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_results_and_logs_come_home(
    finished: Workspace, project: Path, remote: Transport, carrier: str, tmp_path: Path
) -> None:
    done = pull(remote, finished, RUN, project)
    assert contents(project / "results" / RUN) == contents(Path(finished.results(RUN)))
    assert contents(project / "logs") == contents(Path(finished.role("logs")))
    assert (done.files, done.by, done.kept, done.missing) == (len(NAMES) + 2, carrier, (), ())
    assert not (project / "checkpoints").exists()
    assert not list(tmp_path.glob("**/pwned"))
    assert pull(remote, finished, RUN, project).files == 0


def test_what_is_newer_here_stays_and_is_named(
    finished: Workspace, project: Path, remote: Transport, carrier: str
) -> None:
    pull(remote, finished, RUN, project)
    mine = project / "results" / RUN / "new\nline"
    mine.write_text("edited here")
    os.utime(mine, (time.time() + 60, time.time() + 60))
    write(Path(finished.results(RUN)), b"train.py", b"written there again")
    done = pull(remote, finished, RUN, project)
    assert mine.read_text() == "edited here"
    assert done.kept == (f"results/{RUN}/new\nline",)
    assert (project / "results" / RUN / "train.py").read_text() == "written there again"


def test_patterns_and_checkpoints(finished: Workspace, project: Path, remote: Transport, carrier: str) -> None:
    done = pull(remote, finished, RUN, project, what=("results", "checkpoints/best*"), only=("*.py",))
    assert set(contents(project / "checkpoints")) == {f"{RUN}/best.pt".encode()}
    assert {Path(os.fsdecode(name)).suffix for name in contents(project / "results")} == {".py"}
    assert done.files == 4
    assert not (project / "logs").exists()


def test_every_run_at_once(finished: Workspace, project: Path, carrier: str) -> None:
    pull(Local(), finished, None, project, what=("results",))
    assert {path.name for path in (project / "results").iterdir()} == {RUN, "other"}


def test_what_is_not_there_yet_is_said(finished: Workspace, project: Path, carrier: str) -> None:
    done = pull(Local(), finished, "queued", project)
    assert done.missing == ("results/queued", "logs/queued.log")
    assert (done.files, done.by) == (0, "nothing")
    assert pull(Local(), Workspace("/nowhere at all"), "x", project).files == 0


def test_links_that_lead_out_stay_behind(finished: Workspace, project: Path, carrier: str) -> None:
    results = Path(finished.results(RUN))
    (results / "out").symlink_to("/etc/passwd")
    (results / "up").symlink_to("../../../../secret")
    (results / "latest").symlink_to("train.py")
    pull(Local(), finished, RUN, project)
    here = project / "results" / RUN
    assert (here / "latest").readlink() == Path("train.py")
    assert not os.path.lexists(here / "out")
    assert not os.path.lexists(here / "up")


def test_a_role_that_is_none_is_refused(finished: Workspace, project: Path) -> None:
    with pytest.raises(InputError, match="'code'"):
        pull(Local(), finished, RUN, project, what=("code",))


_FULL = """
import sys
from pathlib import Path
from jido.errors import DiskFull
from jido.model.workspace import Workspace
from jido.transfer import rsync
from jido.transfer import names
from jido.transfer.pull import pull
from jido.transports.local import Local

root, disk, carrier = sys.argv[1:]
if carrier == "tar":
    rsync.here = lambda: False
try:
    pull(Local(), Workspace(root), "run", Path(disk))
except DiskFull as error:
    print(error)
else:
    raise AssertionError("it went in")
for path in Path(disk, "results", "run").iterdir():
    assert path.stat().st_size == 100_000 and not path.name.startswith("."), path
assert list(Path(disk, "results", "run").iterdir())
"""


def test_a_full_disk_here_is_said_to_be_here(workspace: Workspace, tmp_path: Path, carrier: str) -> None:
    for number in range(30):
        write(Path(workspace.results("run")), b"f%d" % number, os.urandom(100_000))
    disk = tmp_path / "full disk"
    disk.mkdir()
    mount = ["unshare", "--mount", "--user", "--map-root-user"]
    inside = 'disk=$1; mount -t tmpfs -o size=2m none "$disk" && shift && exec "$@"'
    if subprocess.run([*mount, "sh", "-c", inside, "sh", str(disk), "true"], capture_output=True).returncode:
        pytest.skip("no private mounts here")
    done = subprocess.run(
        [
            *mount,
            "sh",
            "-c",
            inside,
            "sh",
            str(disk),
            sys.executable,
            "-c",
            _FULL,
            workspace.root,
            str(disk),
            carrier,
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "this machine full" in done.stdout


def test_contents_are_compared_where_that_is_asked_for(
    finished: Workspace, project: Path, remote: Transport, carrier: str
) -> None:
    pull(remote, finished, RUN, project)
    mine = project / "results" / RUN / "train.py"
    seen, right = mine.stat(), mine.read_bytes()
    mine.write_bytes(b"x" * len(right))
    os.utime(mine, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert pull(remote, finished, RUN, project).files == 0
    pull(remote, finished, RUN, project, checksum=True)
    assert mine.read_bytes() == right


def test_names_that_are_one_on_this_disk_do_not_overwrite_each_other(
    workspace: Workspace, project: Path, remote: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As on a Mac: case, and Korean in letters or in their parts, are one to its disk.
    monkeypatch.setattr(names, "folds", lambda folder: True)
    for form in ("NFC", "NFD"):
        write(Path(workspace.results(RUN)), unicodedata.normalize(form, "가.txt").encode(), form.encode())  # type: ignore[arg-type]
    write(Path(workspace.results(RUN)), b"Model.pt", b"1")
    write(Path(workspace.results(RUN)), b"model.pt", b"2")
    done = pull(remote, workspace, RUN, project, what=("results",))
    assert done.files == 2
    assert {names.key(name) for name in done.clashing} == {
        names.key(f"results/{RUN}/{name}") for name in ("가.txt", "model.pt")
    }
    assert len(contents(project / "results" / RUN)) == 2


def test_this_disk_is_not_thought_to_fold_what_it_does_not(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    assert not names.folds(tmp_path / "results")
    (tmp_path / "RESULTS").symlink_to("results")
    assert not names.folds(tmp_path / "results"), "both names are listed: two names"
    assert names.clashes(["a/b", "A/c"])
    assert not names.clashes(["a/b", "a/c", "b/a"])
