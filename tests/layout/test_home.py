"""A home is tidied so that nothing is lost: wherever that is cut, every file is whole somewhere."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from jido.errors import InputError, Refused, StateUnknown
from jido.layout import home as homes
from jido.model.bundle import bundle
from jido.transports.base import ask
from jido.transports.local import Local

HOSTILE = "캐시 'q\" $(touch pwned) `x`\n-n"
TOOLS = ("mkdir", "diff", "mv", "ln", "rm", "cp", "rmdir", "du", "df", "awk", "cut", "stat", "readlink", "sync")
TOOLS += ("nice", "flock", "grep", "rsync", "sh", "cat", "date", "find", "head", "cmp")

# Stands for a tool: at its turn it kills the shell that called it before, after, or in the middle of its work.
SHIM = """\
#!/bin/sh
count=$(($(cat "$CUTS/count" 2>/dev/null || echo 0) + 1)); echo "$count" >"$CUTS/count"
[ "$count" = "$(cat "$CUTS/at")" ] || exec TOOL "$@"
case $(cat "$CUTS/how") in
  after) TOOL "$@" ;;
  middle) case NAME in
    rm) for last; do :; done; find "$last" -type f | head -n 3 | while IFS= read -r one; do TOOL -f -- "$one"; done ;;
    rsync | cp) for last; do :; done; mkdir -p "$last/sub"; printf half >"$last/sub/file1"; printf x >"$last/extra" ;;
  esac ;;
esac
kill -9 $PPID
"""


class Ground:
    """A home, a work volume, and tools that can be told to cut."""

    def __init__(self, folder: Path, *, rsync: bool = True) -> None:
        self.home, self.store = folder / f"home {HOSTILE}", folder / f"work {HOSTILE}" / ".jido"
        self.cuts = folder / "cuts"
        self.cuts.mkdir(parents=True)
        self.store.mkdir(parents=True)
        for name in TOOLS:
            if (real := shutil.which(name)) and (rsync or name != "rsync"):
                shim = self.cuts / name
                cutting = name in ("mkdir", "mv", "ln", "rm", "cp", "rsync")
                text = (
                    SHIM.replace("TOOL", real).replace("NAME", name) if cutting else f'#!/bin/sh\nexec {real} "$@"\n'
                )
                shim.write_text(text)
                shim.chmod(0o755)

    def fill(self, inside: str) -> dict[str, bytes]:
        top = self.home / inside
        (top / "sub" / HOSTILE).mkdir(parents=True)
        files = {f"sub/file{number}": b"%d" % number * 1000 for number in range(8)}
        files |= {f"sub/{HOSTILE}/{HOSTILE}": b"odd", "empty": b""}
        for name, content in files.items():
            (top / name).write_bytes(content)
        (top / "link").symlink_to("sub/file1")
        (top / "dangling").symlink_to("/nowhere")
        (top / "sub" / "file2").chmod(0o500)
        return files

    def move(self, inside: str, cut: tuple[int, str] = (0, "")) -> int:
        (self.cuts / "count").write_text("0")
        (self.cuts / "at").write_text(str(cut[0]))
        (self.cuts / "how").write_text(cut[1])
        argv = homes.move(str(self.home), inside, str(self.store)).command.argv
        env = {"PATH": str(self.cuts), "CUTS": str(self.cuts)}
        done = subprocess.run(argv, env=env, capture_output=True, timeout=60, check=False)
        print(done.returncode, done.stderr.decode())
        return done.returncode

    def whole(self, inside: str, files: dict[str, bytes]) -> None:
        """Every file is somewhere under a name that is not a half copy's."""
        source, target = self.home / inside, self.store / "home" / inside
        places = [place for place in (source, Path(f"{source}.jido-old"), target) if place.is_dir()]
        for name, content in files.items():
            found = [place for place in places if (place / name).is_file() and (place / name).read_bytes() == content]
            assert found, name


@pytest.mark.parametrize("rsync", [True, False])
@pytest.mark.parametrize("seed", range(15))
def test_wherever_a_move_is_cut_nothing_is_lost_and_the_next_one_ends_it(
    tmp_path: Path, seed: int, rsync: bool
) -> None:
    chance = random.Random(seed)
    ground = Ground(tmp_path, rsync=rsync)
    files = ground.fill(".cache/huggingface")
    for _ in range(4):
        cut = (chance.randint(1, 9), chance.choice(["before", "middle", "after"]))
        ground.move(".cache/huggingface", cut)
        ground.whole(".cache/huggingface", files)
    assert ground.move(".cache/huggingface") == 0
    link, target = ground.home / ".cache/huggingface", ground.store / "home/.cache/huggingface"
    assert link.readlink() == target
    assert {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()} == {
        **files,
        "link": files["sub/file1"],
    }
    assert (target / "dangling").readlink() == Path("/nowhere")
    assert (target / "sub/file2").stat().st_mode & 0o777 == 0o500
    assert sorted(path.name for path in (ground.home / ".cache").iterdir()) == ["huggingface"]
    assert sorted(path.name for path in target.parent.iterdir()) == ["huggingface"]
    assert not list(tmp_path.rglob("pwned"))


def test_what_is_at_the_target_already_is_not_touched(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    ground.fill(".triton")
    (ground.store / "home" / ".triton").mkdir(parents=True)
    with pytest.raises(Refused, match="is there already"):
        ask(Local(), homes.move(str(ground.home), ".triton", str(ground.store)))
    assert (ground.home / ".triton" / "sub").is_dir()


def test_what_changes_all_the_time_stays_where_it_is(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    files = ground.fill(".triton")
    # Never the same as its copy.
    (ground.cuts / "diff").write_text("#!/bin/sh\necho Files differ\n")
    question = homes.move(str(ground.home), ".triton", str(ground.store))
    assert ground.move(".triton") == 72
    ground.whole(".triton", files)
    assert not (ground.home / ".triton").is_symlink()
    reply = Local().run(question.command)
    assert question.parse(reply) == str(ground.store / "home/.triton")
    with pytest.raises(StateUnknown, match="nothing was removed"):
        question.parse(type(reply)(reply.command, reply.host, 72, b"", b"", reply.at, reply.took))


def test_a_folder_that_a_program_made_anew_in_between_is_not_lost(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    files = ground.fill(".triton")
    (ground.home / ".triton").rename(ground.home / ".triton.jido-old")
    shutil.copytree(ground.home / ".triton.jido-old", ground.store / "home" / ".triton", symlinks=True)
    (ground.home / ".triton").mkdir()
    (ground.home / ".triton" / "new").write_text("new")
    with pytest.raises(Refused, match="made anew"):
        ask(Local(), homes.move(str(ground.home), ".triton", str(ground.store)))
    assert (ground.home / ".triton" / "new").exists()
    ground.whole(".triton", files)


def test_what_fills_a_home_is_found_with_known_folders_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = Ground(tmp_path)
    ground.fill(".cache/pip")
    (ground.home / ".cache/pip/big").write_bytes(os.urandom(2_000_000))
    (ground.home / HOSTILE).mkdir()
    (ground.home / ".keras").symlink_to("/elsewhere")
    (ground.home / ".npm.jido-old").mkdir()
    monkeypatch.setenv("HOME", str(ground.home))
    asked = bundle([homes.look(20)])
    seen = homes.read(ask(Local(), asked)["home"])
    assert seen is not None
    assert (seen.folder, seen.whole) == (str(ground.home), True)
    states = {one.path: one.state for one in seen.held}
    assert states == {".cache/pip": "here", ".keras": "moved", ".npm": "half"}
    assert next(one.bytes for one in seen.held if one.path == ".cache/pip") > 2_000_000  # type: ignore[operator]
    assert seen.top[0][0] == ".cache"
    assert HOSTILE in dict(seen.top)


@pytest.mark.parametrize("name", [".ssh", ".ssh/x", "..", "/etc", ".", "", "a/../..", ".cache", ".config"])
def test_what_has_to_stay_is_not_moved(name: str) -> None:
    with pytest.raises(InputError):
        homes.named(name, "/home/me")
    assert homes.named("~/a/b", "/home/me") == "a/b"
    assert homes.named("/home/me/a", "/home/me") == "a"
