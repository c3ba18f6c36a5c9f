"""``jido df``: how full the volumes are, what of them is mine, and what fills it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from spoken import Jido

from jido.api import space
from jido.api.probing import kinds
from jido.cli.draw_space import draw_space
from jido.config import clusters, maps
from jido.model.command import Command, Reply
from jido.model.destination import Destination
from jido.model.facts import absent, known, unknown
from jido.model.map import Bytes, Map, Now, Seconds, Storage, Volume
from jido.model.quota import Quota, Usage
from jido.storage.base import NotCounted
from jido.storage.filling import Filling
from jido.transports.local import Local

G, T = 1 << 30, 1 << 40
LIMITS = Quota("user", "u1", soft=Bytes(90 * G), hard=Bytes(100 * G), files_hard=1_000_000)
OF_LAB = Quota("group", "비전 lab", hard=Bytes(10 * T))
AURORA = Map(
    "aurora",
    storage=Storage(
        (
            Volume(
                "/data",
                fs=known("nfs4", "df/data"),
                tier=known("work", "df/data"),
                size=known(Bytes(91 * T), "df/data"),
                mine=known("/data/u1", "df/data"),
                quota=known(OF_LAB, "quota/posix"),
            ),
            Volume(
                "/home",
                fs=known("nfs4", "df/home"),
                tier=known("home", "df/home"),
                size=known(Bytes(T), "df/home"),
                quota=known(LIMITS, "quota/posix"),
            ),
            Volume("/scratch", fs=known("lustre", "df"), quota=unknown("no answer within 8 s", "lfs quota -h", "q")),
            Volume("/tmp", fs=known("tmpfs", "df/tmp"), size=known(Bytes(8 * G), "df/tmp"), quota=absent("df/tmp")),
            Volume("/local_datasets", seen_from="aurora-g[1-8]", tier=known("local", "df")),
        )
    ),
    now=Now(
        at=1000.0,
        free={"/data": 14 * T, "/home": T // 2, "/tmp": 0},
        used={
            "/data": Usage(Bytes(int(9.5 * T))),
            "/home": Usage(Bytes(95 * G), 1_000_000, grace=Seconds(86400)),
        },
    ),
)


@pytest.fixture
def aurora(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    clusters.put("aurora", Destination("aurora.example.edu"))
    maps.save("aurora", AURORA)


@pytest.mark.usefixtures("aurora")
class TestFromTheMap:
    def test_every_volume_stands_in_the_table_with_my_quota_and_use(self, jido: Jido) -> None:
        said = jido("df", "aurora", "--offline")
        assert said.code == 0
        rows = {line.split()[0]: line.split()[1:] for line in said.out.splitlines() if line.startswith("  /")}
        assert rows["/home"][:8] == ["home", "nfs4", "1T", "512G", "95G", "90G", "1000k", "1000k"]
        assert rows["/data"][:6] == ["work", "nfs4", "91T", "14T", "9.5T", "10T"]
        assert rows["/tmp"][4:6] == ["-", "none"]
        assert "?" in rows["/scratch"]
        assert "aurora-g[1-8]," in rows["/local_datasets"]

    def test_what_is_nearly_full_is_said_in_words(self, jido: Jido) -> None:
        out = jido("df", "aurora", "--offline").out
        assert "! /home: you are over the soft limit of bytes: writing fails in 1d" in out
        assert "! /home: your quota of files is used up: nothing more can be written" in out
        assert "your quota there: 100G (soft 90G), 1000k files" in out
        assert "! /data: 95% of your quota of bytes is used" in out
        assert "of the group 비전 lab" in out
        assert "! /tmp: the volume is full" in out

    def test_a_quota_that_is_not_known_says_why_and_what_would_settle_it(self, jido: Jido) -> None:
        out = jido("df", "aurora", "--offline").out
        assert "quota of /scratch not known: no answer within 8 s" in out
        assert "lfs quota -h" in out

    def test_json_has_the_same_in_bytes(self, jido: Jido) -> None:
        found = json.loads(jido("df", "aurora", "--offline", "--json").out)
        assert not found["fresh"]
        home = next(disk for disk in found["disks"] if disk["volume"]["path"] == "/home")
        assert home["volume"]["quota"]["value"]["hard"] == 100 * G
        assert home["usage"]["bytes"] == 95 * G
        assert home["share"] == pytest.approx(95 / 90)
        assert len(home["warnings"]) == 2

    def test_without_a_map_offline_says_what_to_do(self, jido: Jido) -> None:
        clusters.put("ariel", Destination("ariel.example.edu"))
        said = jido("df", "ariel", "--offline")
        assert said.code != 0
        assert "jido probe ariel" in said.err


class TestFresh:
    @pytest.fixture(autouse=True)
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[Command]:
        """Every command that goes to the machine."""
        seen: list[Command] = []
        run = Local.run

        def watched(self: Local, command: Command) -> Reply:
            seen.append(command)
            return run(self, command)

        monkeypatch.setattr(Local, "run", watched)
        return seen

    @pytest.fixture
    def home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        home = tmp_path / "it's $(me) 집"
        for name, size in (("two words", 300_000), (".cache", 200_000), ("-rf", 100_000), ("줄\n바꿈", 50_000)):
            (home / name).mkdir(parents=True)
            (home / name / "file").write_bytes(b"x" * size)
        monkeypatch.setenv("HOME", str(home))
        return home

    def test_the_numbers_come_in_one_exec(self, asked: list[Command], home: Path) -> None:
        found = space.space("local", count=False)
        assert len(asked) == 1
        assert found.fresh
        assert any(disk.free for disk in found.disks)
        assert all(disk.filling is None for disk in found.disks)

    def test_what_fills_mine_is_named_largest_first(self, asked: list[Command], home: Path) -> None:
        # Only this folder: a test does not walk over what belongs to the person who runs it.
        volume = Volume("/home", fs=known("ext4", "df"), mine=known(str(home), "df"))
        shared = Volume("/data", fs=known("nfs4", "df"), mine=known("/data/u1", "df"))
        found = space._counted(Local(), [volume, shared], kinds(), deep=False)
        assert len(asked) == 1
        filling = found["/home"]
        assert isinstance(filling, Filling)
        assert [name for name, _ in filling.parts] == ["two words", ".cache", "-rf", "줄\n바꿈"]
        assert filling.whole
        assert filling.total is not None
        assert filling.total >= 650_000
        assert isinstance(found["/data"], NotCounted)

    def test_it_is_drawn_on_one_line_each(self, home: Path) -> None:
        filling = Filling("/home/u1", 900 << 10, (("줄\n바꿈", 500 << 10), ("b", 0)), whole=False)
        disk = space.Disk(Volume("/home"), 1.0, filling=filling)
        drawn = draw_space(space.Space("aurora", 1.0, True, (disk,)))
        assert "/home/u1 holds 900K (time was up): 줄\\n바꿈 500K" in drawn


def test_over_ssh_it_is_the_same_one_exec(testhost: Destination, jido: Jido) -> None:
    clusters.put("here", testhost)
    said = jido("df", "here", "--quick", "--json")
    assert said.code == 0
    paths = {disk["volume"]["path"]: disk for disk in json.loads(said.out)["disks"]}
    assert paths["/"]["free"] > 0
