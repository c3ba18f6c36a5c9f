"""Pushing: what is there afterwards is what is here, whatever it is called and whatever happens meanwhile."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile_names import write

from jido.errors import CommandFailed, DiskFull, Refused, TransportError
from jido.model.command import Command, Reply
from jido.model.workspace import Workspace
from jido.testing.sshd import Server
from jido.transfer import files, rsync, scripts
from jido.transfer import push as pushing
from jido.transfer.push import push
from jido.transfer.snapshot import snapshot
from jido.transports.base import Transport
from jido.transports.local import Local


class Unused(Local):
    """A machine that must not be spoken to."""

    def run(self, command: Command) -> Reply:
        raise AssertionError(command)

    def start(self, command: Command):
        raise AssertionError(command)


def there(workspace: Workspace, role: str = "code") -> str:
    """The tree of what lies in the workspace."""
    folder = Path(workspace.role(role))
    return files.read(folder, files.everything(folder)).tree


def listing(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def test_what_arrives_is_what_was_sent(
    project: Path, workspace: Workspace, remote: Transport, carrier: str, tmp_path: Path
) -> None:
    first = push(remote, project, workspace)
    assert first.tree == there(workspace)
    assert first.sent_files == first.files
    assert (first.by, first.deleted) == ("tar", 0)
    assert not list(tmp_path.glob("**/pwned"))
    (project / "train.py").write_text("changed")
    (project / "한글 이름.py").unlink()
    shutil.rmtree(project / "deep")
    write(project, b"new/one\n.py")
    second = push(remote, project, workspace)
    assert second.tree == there(workspace)
    assert (second.sent_files, second.deleted, second.by) == (2, 2, carrier)
    assert not (Path(workspace.role("code")) / "deep").exists()
    assert listing(workspace.root) == [".jido", "code"]
    assert listing(f"{workspace.root}/.jido") == ["code.files", "code.tree"]


def test_nothing_new_needs_no_network(project: Path, workspace: Workspace) -> None:
    first = push(Local(), project, workspace)
    again = push(Unused(), project, workspace)
    assert (again.tree, again.by, again.sent_files) == (first.tree, "nothing", 0)
    os.utime(project / "train.py")
    assert push(Unused(), project, workspace).tree == first.tree


def test_a_dry_run_touches_nothing(project: Path, workspace: Workspace, jido_home: Path) -> None:
    shown = push(Unused(), project, workspace, dry_run=True)
    assert shown.sent_files == shown.files > 20
    assert not Path(workspace.root).exists()
    assert not (jido_home / "state" / "pushes").exists()


def test_a_change_that_keeps_size_and_time_arrives(
    project: Path, workspace: Workspace, remote: Transport, carrier: str
) -> None:
    push(remote, project, workspace)
    for text in (b"A", b"B"):
        file = project / "train.py"
        times = file.stat()
        file.write_bytes(text + file.read_bytes()[1:])
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert push(remote, project, workspace).tree == there(workspace)


def test_what_push_did_not_put_there_stays(
    project: Path, workspace: Workspace, remote: Transport, carrier: str
) -> None:
    push(remote, project, workspace)
    mine = write(Path(workspace.role("code")), b"deep/-x/notes by hand.txt")
    shutil.rmtree(project / "deep")
    done = push(remote, project, workspace)
    assert done.deleted == 1
    assert mine.read_bytes() == b"content\n"
    assert [path.name for path in mine.parent.iterdir()] == [mine.name]


def test_a_file_may_become_a_folder_a_link_and_a_file_again(
    tmp_path: Path, workspace: Workspace, remote: Transport, carrier: str
) -> None:
    folder = tmp_path / "p"
    folder.mkdir()
    thing = folder / "thing"
    thing.write_text("a file")
    write(folder, b"other")
    push(remote, folder, workspace)
    thing.unlink()
    write(thing, b"inside/deep")
    assert push(remote, folder, workspace).tree == there(workspace)
    shutil.rmtree(thing)
    thing.symlink_to("other")
    assert push(remote, folder, workspace).tree == there(workspace)
    thing.unlink()
    thing.write_text("a file again")
    assert push(remote, folder, workspace).tree == there(workspace)


def test_modes_that_matter_arrive(project: Path, workspace: Workspace, remote: Transport, carrier: str) -> None:
    (project / "train.py").chmod(0o444)
    push(remote, project, workspace)
    (project / "train.py").chmod(0o555)
    push(remote, project, workspace)
    code = Path(workspace.role("code"))
    assert os.access(code / "run.sh", os.X_OK)
    assert (code / "train.py").stat().st_mode & 0o777 in (0o755, 0o555, 0o744)


def test_two_machines_push_to_one_place(
    project: Path,
    workspace: Workspace,
    carrier: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    jido_home: Path,
) -> None:
    push(Local(), project, workspace)
    other = tmp_path / "desktop"
    shutil.copytree(project, other, symlinks=True)
    (other / "train.py").write_text("from the desktop")
    (other / "empty").unlink()
    monkeypatch.setenv("JIDO_HOME", str(tmp_path / "desktop home"))
    done = push(Local(), other, workspace)
    assert done.tree == there(workspace)
    assert done.deleted == 1
    # The laptop remembers its own push; the run's snapshot finds out, and a whole push repairs it.
    monkeypatch.setenv("JIDO_HOME", str(jido_home))
    assert push(Unused(), project, workspace).tree != done.tree
    stale = Local().run(snapshot(workspace, push(Local(), project, workspace).tree, "run"))
    assert stale.code == scripts.STALE
    assert push(Local(), project, workspace, force=True).tree == there(workspace)


def test_an_edit_by_hand_over_there_is_found_and_overwritten(
    project: Path, workspace: Workspace, remote: Transport, carrier: str
) -> None:
    done = push(remote, project, workspace)
    file = Path(workspace.role("code")) / "train.py"
    times = file.stat()
    file.write_bytes(b"?" * len(file.read_bytes()))
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    reply = remote.run(snapshot(workspace, done.tree, "run"))
    assert reply.code == scripts.STALE
    assert "changed by hand" in reply.complaint
    assert push(remote, project, workspace, force=True).tree == there(workspace)
    assert remote.run(snapshot(workspace, done.tree, "run")).ok


def test_a_file_that_changes_while_it_is_sent_is_sent_again(
    project: Path, workspace: Workspace, carrier: str
) -> None:
    push(Local(), project, workspace)
    big = write(project, b"big", os.urandom(3_000_000))
    changes = iter([b"other"])

    def meddle(done: int, total: int, count: int) -> None:
        if text := next(changes, None):
            big.write_bytes(text)

    done = push(Local(), project, workspace, progress=meddle)
    assert done.tree == there(workspace)
    assert big.read_bytes() == (Path(workspace.role("code")) / "big").read_bytes()


def test_a_file_that_never_rests_is_refused(project: Path, workspace: Workspace) -> None:
    count = 0

    def meddle(done: int, total: int, files: int) -> None:
        nonlocal count
        count += 1
        (project / "train.py").write_text(str(count))

    with pytest.raises(Refused, match="keeps changing"):
        push(Local(), project, workspace, progress=meddle)
    assert Local().run(snapshot(workspace, "0" * 24, "run")).code == scripts.STALE


def test_many_pushes_at_once_agree(project: Path, workspace: Workspace) -> None:
    trees: list[str] = []
    threads = [
        threading.Thread(target=lambda: trees.append(push(Local(), project, workspace).tree)) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trees == [there(workspace)] * 6


def test_a_push_that_another_overtook_says_so(project: Path, workspace: Workspace) -> None:
    done = push(Local(), project, workspace)
    machine = Local()
    machine.run(scripts.begin(workspace.root, "code", "mine", done.tree, [b"a"])).check("beginning")
    machine.run(scripts.begin(workspace.root, "code", "theirs", "", [b"b"])).check("beginning")
    assert machine.run(scripts.finish(workspace.root, "code", "mine", done.tree)).code == scripts.STALE
    assert machine.run(snapshot(workspace, done.tree, "run")).code == scripts.STALE
    machine.run(scripts.finish(workspace.root, "code", "theirs", "theirs")).check("ending")
    # What the overtaken one had announced may lie there: it is known and goes with the next push.
    write(Path(workspace.role("code")), b"b")
    (project / "train.py").write_text("x")
    assert push(machine, project, workspace).deleted == 1


def test_a_cut_connection_leaves_no_half_file_and_heals(
    project: Path, workspace: Workspace, own_sshd: Server, carrier: str
) -> None:
    from jido.config import places
    from jido.transports.openssh import OpenSSH

    transport = OpenSSH(own_sshd.destination, places.runtime(), "cut")
    push(transport, project, workspace)
    old = (Path(workspace.role("code")) / "train.py").read_bytes()
    for number in range(40):
        write(project, b"many/%d" % number, os.urandom(500_000))
    (project / "train.py").write_text("new")
    sent = {path: path.read_bytes() for path in (project / "many").iterdir()}

    def cut(done: int, total: int, count: int) -> None:
        if done > 2_000_000:
            own_sshd.cut()

    with pytest.raises((TransportError, CommandFailed)):
        push(transport, project, workspace, progress=cut)
    code = Path(workspace.role("code"))
    for path in (code / "many").glob("[0-9]*") if (code / "many").exists() else ():
        assert path.read_bytes() == sent[project / "many" / path.name]
    assert (code / "train.py").read_bytes() in (old, b"new")
    assert transport.run(
        snapshot(workspace, pushing.push(transport, project, workspace, dry_run=True).tree, "r")
    ).code
    done = push(transport, project, workspace)
    assert done.tree == there(workspace)
    transport.close()


def test_text_that_the_login_prints_is_no_harm(project: Path, workspace: Workspace, own_sshd: Server) -> None:
    from jido.config import places
    from jido.transports.openssh import OpenSSH

    own_sshd.set_noise(b"Welcome!\n0123 rsync\n", b"Unauthorised use is prohibited\n")
    transport = OpenSSH(own_sshd.destination, places.runtime(), "noise")
    push(transport, project, workspace)
    (project / "train.py").write_text("changed")
    done = push(transport, project, workspace)
    assert done.by == "tar"
    assert done.tree == there(workspace)
    transport.close()


def test_code_that_is_huge_needs_a_yes(project: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    with (project / "model.bin").open("wb") as file:
        file.truncate((1 << 30) + 1)
    with pytest.raises(Refused, match="which is much for code") as caught:
        push(Unused(), project, workspace)
    assert "model.bin" in caught.value.cause
    assert "--yes" in caught.value.hint
    (project / "model.bin").unlink()
    monkeypatch.setattr(pushing, "HUGE_FILES", 10)
    with pytest.raises(Refused):
        push(Unused(), project, workspace)
    assert push(Local(), project, workspace, huge=True).tree == there(workspace)
    # Said once is said: `jido run` pushes on the way and has no such option.
    (project / "train.py").write_text("changed")
    assert push(Local(), project, workspace).tree == there(workspace)


def test_a_link_that_leads_out_is_noted(project: Path, workspace: Workspace) -> None:
    (project / "elsewhere").symlink_to("/mnt/big")
    (project / "inside").symlink_to("deep/../train.py")
    (note,) = push(Local(), project, workspace).notes
    assert "elsewhere -> /mnt/big" in note


def test_data_is_carried_and_never_deleted(
    project: Path, workspace: Workspace, remote: Transport, carrier: str
) -> None:
    for name in (b"a.bin", b"sub/\xff b.bin", b"__pycache__/kept.pyc"):
        write(project, b"data/" + name, b"x" * 1000)
    first = push(remote, project, workspace, data=True)
    assert first.files == 3
    assert files.everything(project / "data").size == files.everything(Path(workspace.role("data"))).size
    (project / "data" / "a.bin").unlink()
    write(project, b"data/c.bin", b"y" * 10)
    second = push(remote, project, workspace, data=True)
    assert (second.sent_files, second.deleted) == (1, 0)
    assert listing(workspace.role("data")) == ["__pycache__", "a.bin", "c.bin", "sub"]
    assert push(Unused(remote.host), project, workspace, data=True).by == "nothing"


def test_an_empty_project_can_be_pushed(tmp_path: Path, workspace: Workspace) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    done = push(Local(), empty, workspace)
    assert done.files == 0
    assert Local().run(snapshot(workspace, done.tree, "run")).ok


_FULL = """
import os, sys
from pathlib import Path
from jido.errors import DiskFull
from jido.model.workspace import Workspace
from jido.transfer import delivery, files, rsync, scripts
from jido.transfer.push import push
from jido.transfer.snapshot import snapshot
from jido.transports.local import Local

delivery.DELTA_BYTES = 0
folder, disk, carrier = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
if carrier == "tar":
    rsync.here = lambda: False
workspace = Workspace(disk + "/my work")
good = push(Local(), folder, workspace)
code = Path(workspace.role("code"))
before = files.read(code, files.everything(code))
wanted = {}
(folder / "train.py").write_text("print(1)")
for number in range(30):
    wanted[f"f{number}"] = os.urandom(100_000)
    (folder / f"f{number}").write_bytes(wanted[f"f{number}"])
try:
    push(Local(), folder, workspace)
except DiskFull as error:
    assert disk in error.hint or disk in error.what, str(error)
    print(error)
else:
    raise AssertionError("it went in")
for path in code.iterdir():
    if path.name in wanted:
        assert path.read_bytes() == wanted[path.name], f"{path} is half-written"
assert not [path for path in code.iterdir() if path.name.startswith(".f")], os.listdir(code)
assert not [path for path in Path(disk, "my work/.jido").iterdir() if "incoming" in path.name]
# A stream that did not end has touched nothing of what lay there.
assert Local().run(snapshot(workspace, good.tree, "run")).code == (0 if carrier == "tar" else scripts.STALE)
for name in wanted:
    (folder / name).unlink()
(folder / "small").write_text("small")
healed = push(Local(), folder, workspace)
assert healed.tree == files.read(code, files.everything(code)).tree
assert Local().run(snapshot(workspace, healed.tree, "run")).ok
"""


def test_a_full_disk_is_named_and_nothing_is_half_written(tmp_path: Path, carrier: str) -> None:
    # A real volume of 2 MB, seen by this one process only.
    disk = tmp_path / "full disk"
    disk.mkdir()
    project = tmp_path / "p"
    project.mkdir()
    (project / "train.py").write_text("print()")
    mount = ["unshare", "--mount", "--user", "--map-root-user"]
    inside = 'mount -t tmpfs -o size=2m none "$1" && shift && exec "$@"'
    if subprocess.run([*mount, "sh", "-c", inside, "sh", str(disk), "true"], capture_output=True).returncode:
        pytest.skip("no private mounts here")
    done = subprocess.run(
        [*mount, "sh", "-c", inside, "sh", str(disk), sys.executable, "-c", _FULL, str(project), str(disk), carrier],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "free" in done.stdout


def test_what_cannot_fit_is_refused_before_it_is_sent(tmp_path: Path, workspace: Workspace) -> None:
    project = tmp_path / "p"
    (project / "data").mkdir(parents=True)
    with (project / "data" / "sparse").open("wb") as file:
        file.truncate(1 << 43)
    with pytest.raises(DiskFull, match="do not fit") as caught:
        push(Local(), project, workspace, data=True)
    assert "8T" in caught.value.what


def test_a_folder_that_may_not_be_written_says_so(project: Path) -> None:
    with pytest.raises(CommandFailed):
        push(Local(), project, Workspace("/proc/nothing here"))


def test_remote_shell_words_survive_rsyncs_own_splitting(tmp_path: Path, project: Path) -> None:
    """rsync reads -e itself: spaces, quotes and a doubled quote."""
    shell = tmp_path / 'it\'s a "shell"'
    shell.write_text('#!/bin/sh\nprintf "%s\\n" "$1" >"$0.seen"; shift 2; exec "$@"\n')
    shell.chmod(0o755)
    odd = "odd 'word\" here"
    words = rsync.remote_shell([str(shell), odd])
    argv = ["rsync", "-s", *words, "-r", "./", f"host:{tmp_path}/out/"]
    (tmp_path / "in").mkdir()
    subprocess.run(argv, cwd=tmp_path / "in", check=True)
    assert Path(f"{shell}.seen").read_text() == odd + "\n"


def test_contents_of_data_are_compared_where_that_is_asked_for(
    project: Path, workspace: Workspace, remote: Transport, carrier: str
) -> None:
    file = write(project / "data", b"one.bin", b"right")
    push(remote, project, workspace, data=True)
    there = Path(workspace.role("data")) / "one.bin"
    seen = file.stat()
    there.write_bytes(b"wrong")
    os.utime(there, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert push(remote, project, workspace, data=True).by == "nothing"
    push(remote, project, workspace, data=True, checksum=True)
    assert there.read_bytes() == b"right"
    assert push(remote, project, workspace, data=True).by == "nothing"


def test_data_that_somebody_changed_there_is_brought_anew_where_one_says_so(
    project: Path, workspace: Workspace, remote: Transport, carrier: str
) -> None:
    for name in (b"gone", b"short", b"kept"):
        write(project / "data", name, b"whole content of " + name)
    push(remote, project, workspace, data=True)
    there = Path(workspace.role("data"))
    (there / "gone").unlink()
    (there / "short").write_bytes(b"w")
    write(there, b"theirs", b"of another computer")
    assert push(remote, project, workspace, data=True).by == "nothing"
    push(remote, project, workspace, data=True, force=True)
    names = ("gone", "short", "kept")
    assert [(there / name).read_bytes() for name in names] == [b"whole content of " + name.encode() for name in names]
    assert (there / "theirs").read_bytes() == b"of another computer"


def test_rsync_does_not_outlive_who_started_it(tmp_path: Path) -> None:
    """It would go on writing into the project's folder while the next push does."""
    toy = tmp_path / "rsync"
    pid = tmp_path / "pid"
    toy.write_text(f"#!/bin/sh\necho $$ >'{pid}.new'; mv '{pid}.new' '{pid}'\nexec sleep 60\n")
    toy.chmod(0o755)
    script = (
        "import sys; from pathlib import Path; from jido.transfer import rsync; "
        "from jido.transports.local import Local; "
        "rsync.call(Local(), ['rsync'], Path(sys.argv[1]), b'', 0, lambda *_: None)"
    )
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], env=env)
    try:
        until(pid.exists)
    finally:
        process.kill()
        process.wait()
    until(lambda: not Path("/proc", pid.read_text().strip()).exists())


def until(met: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not met():
        assert time.monotonic() < end
        time.sleep(0.02)
