"""Which files are code, and what names a tree."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import unicodedata
from pathlib import Path

import pytest
from hostile_names import NAMES, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jido.errors import ConfigError
from jido.transfer import files


def paths(folder: Path, *ignore: str) -> set[str]:
    return {os.fsdecode(entry.path) for entry in files.code(folder, ignore).entries}


def tree(folder: Path) -> str:
    return files.read(folder, files.code(folder)).tree


def put(folder: Path, *names: str) -> None:
    for name in names:
        write(folder, name.encode())


def test_every_name_is_found(project: Path) -> None:
    found = {entry.path for entry in files.code(project).entries}
    assert found == {*NAMES, b"run.sh", b"empty", b"link \xff", b"dangling"}


def test_what_tools_make_is_never_code(tmp_path: Path) -> None:
    put(
        tmp_path,
        "a.py",
        ".git/config",
        "__pycache__/a.pyc",
        "sub/__pycache__/b.pyc",
        "sub/old.pyc",
        "node_modules/x/y.js",
        "venv/pyvenv.cfg",
        "venv/lib/z.py",
        "sub/my env/pyvenv.cfg",
        "conda/conda-meta/history",
        ".jido/x",
        "sub/.git/HEAD",
    )
    (tmp_path / ".jidoignore").write_text("!__pycache__/\n!.git/\n")
    assert paths(tmp_path) == {"a.py", ".jidoignore"}


def test_heavy_roles_are_not_code_unless_they_are_packages(tmp_path: Path) -> None:
    put(
        tmp_path,
        "data/big.bin",
        "logs/1.log",
        "results/a",
        "checkpoints/b",
        "cache/c",
        "envs/__init__.py",
        "envs/d.py",
    )
    put(tmp_path, "src/data/inner.py")
    (tmp_path / "runs").symlink_to("/elsewhere")
    assert paths(tmp_path) == {"envs/__init__.py", "envs/d.py", "src/data/inner.py"}


def test_jidoignore_beats_gitignore_and_jidos_own_rules(tmp_path: Path) -> None:
    put(tmp_path, "model.pt", "keep.pt", "data/small.csv", "secret.txt", "notes.md")
    (tmp_path / ".gitignore").write_text("*.pt\n")
    (tmp_path / ".jidoignore").write_text("!keep.pt\n!/data/\nsecret.txt\n")
    assert paths(tmp_path, "*.md") == {".gitignore", ".jidoignore", "keep.pt", "data/small.csv"}


def test_patterns_match_korean_in_either_form(tmp_path: Path) -> None:
    import unicodedata

    put(tmp_path, unicodedata.normalize("NFD", "비밀.txt"), "공개.txt")
    (tmp_path / ".gitignore").write_text("비밀*\r\n", newline="")
    assert paths(tmp_path) == {".gitignore", "공개.txt"}


def test_a_pattern_that_is_none_says_where(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / ".gitignore").write_text("ok\n!\n")
    with pytest.raises(ConfigError) as caught:
        files.code(tmp_path)
    assert caught.value.line == 2
    assert caught.value.file.endswith("sub/.gitignore")


def test_sockets_and_pipes_are_left_out_and_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "s"))
        found = files.code(tmp_path)
    assert found.left_out == (b"pipe", b"s")
    assert found.entries == ()


def test_what_is_taken_back_from_a_folder_is_code(tmp_path: Path) -> None:
    put(tmp_path, "sets/big.bin", "sets/.keep", "other/a", "src/b.py")
    (tmp_path / ".gitignore").write_text("sets/**\n!sets/.keep\n/*/\n!/src/\n!/sets/\n")
    assert paths(tmp_path) == {".gitignore", "sets/.keep", "src/b.py"}


@pytest.mark.skipif(shutil.which("git") is None, reason="git is the judge here")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_gitignore_means_what_git_means(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    part = st.sampled_from(["a", "b", "ab", "x.py", "build", "한글", "c d"])
    names = data.draw(st.lists(st.lists(part, min_size=1, max_size=3).map("/".join), max_size=8, unique=True))
    pattern = st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["", "", "!", "/", "**/", "!/"]),
        st.sampled_from(
            ["a", "b", "*", "*/", "*.py", "a*", "build", "한글", "c d", "a/b", "a/**", "a/*", "[ab]", "?b"]
        ),
        st.sampled_from(["", "/", "/*.py", "/**"]),
        st.sampled_from(["", "", "  "]),
    )
    lines = st.lists(pattern, max_size=5)
    folder = tmp_path_factory.mktemp("git")
    for name in names:
        if not any((folder / parent).is_file() for parent in [name, *map(str, Path(name).parents)][:-1]):
            if (folder / name).is_dir():
                continue
            put(folder, name)
    for place in [folder, *(folder / name for name in ("a", "b") if (folder / name).is_dir())]:
        (place / ".gitignore").write_text("\n".join(data.draw(lines)) + "\n")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    listed = subprocess.run(
        ["git", "-C", str(folder), "-c", "core.excludesFile=/dev/null", "ls-files", "-zo", "--exclude-standard"],
        capture_output=True,
        check=True,
    )
    assert {os.fsencode(path) for path in paths(folder)} == {p for p in listed.stdout.split(b"\0") if p}


def test_equal_content_is_an_equal_tree_whenever_it_was_written(project: Path, tmp_path: Path) -> None:
    twin = tmp_path / "copy"
    shutil.copytree(project, twin, symlinks=True, copy_function=shutil.copyfile)
    (twin / "run.sh").chmod(0o700)
    os.utime(twin / "train.py", (1, 1))
    assert tree(twin) == tree(project)


def test_any_difference_that_a_run_could_see_is_another_tree(project: Path) -> None:
    seen = [tree(project)]
    file = project / "train.py"
    times = file.stat()
    file.write_bytes(b"1" + file.read_bytes()[1:])  # same size, and the same time again:
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    seen.append(tree(project))
    file.chmod(0o755)
    seen.append(tree(project))
    file.rename(project / "train2.py")
    seen.append(tree(project))
    (project / "dangling").unlink()
    (project / "dangling").symlink_to("other")
    seen.append(tree(project))
    assert len(set(seen)) == len(seen)


def test_unchanged_files_are_read_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []
    real = files._hash
    monkeypatch.setattr(files, "_hash", lambda path: read.append(path) or real(path))
    monkeypatch.setattr(files, "_RACY_NS", 0)
    first = tree(project)
    count = len(read)
    assert tree(project) == first
    assert len(read) == count
    (project / "train.py").write_text("changed")
    assert tree(project) != first
    assert len(read) == count + 1


def test_a_fresh_file_is_read_again_because_clocks_are_coarse(tmp_path: Path) -> None:
    put(tmp_path, "a.py")
    seen = set()
    for text in ("one", "two", "six"):
        (tmp_path / "a.py").write_text(text)
        os.utime(tmp_path / "a.py", (5, 5))
        seen.add(tree(tmp_path))
    assert len(seen) == 3


def test_a_broken_cache_is_no_harm(project: Path, jido_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_RACY_NS", 0)
    first = tree(project)
    for file in (jido_home / "state" / "contents").iterdir():
        file.write_bytes(b"\xc1 nonsense")
    assert tree(project) == first


def test_korean_goes_in_one_form_where_this_disk_finds_a_file_under_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = unicodedata.normalize("NFD", "데이터.csv").encode()
    whole = unicodedata.normalize("NFC", "데이터.csv").encode()
    write(tmp_path, parts, b"1")
    assert [entry.path for entry in files.code(tmp_path).entries] == [parts], "on Linux a name is its bytes"
    real = os.lstat
    with monkeypatch.context() as patch:
        patch.setattr(os, "lstat", lambda path: real(path.replace(whole, parts)))
        assert [entry.path for entry in files.code(tmp_path).entries] == [whole]
    write(tmp_path, whole, b"2")
    assert sorted(entry.path for entry in files.code(tmp_path).entries) == sorted([parts, whole])
