"""What every storage kind must do; a new one proves itself by subclassing `StorageContract` with recorded replies.

::

    class TestMine(StorageContract):
        kind = Mine
        cases = {
            "plain": Case(Spot("/data", "/data", "srv:/x", "minefs", "/data/me"), "1 of 2", Quota(...), Usage(...)),
        }

Everything here runs without such a file system; `sh` is asked whether the scripts are shell.
"""

# ruff: noqa: D102 - the names of the checks say what they specify

from __future__ import annotations

import ast
import inspect
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Literal

import msgspec
import pytest

from jido.model.bundle import MISSING, Finding, Part
from jido.model.document import map_from_json, map_from_yaml, map_to_yaml, to_json
from jido.model.map import Map, Now, Storage, Volume
from jido.model.quota import Quota, Usage
from jido.storage.asking import COMMON, Spot, Told
from jido.storage.base import NotCounted, StorageKind
from jido.storage.filling import Filling

GARBAGE = (
    *(b"", b"\n", b"\0", b"\xff\xfe", b"0", b"none", b"-", b"{", b"9" * 5000, b"a,b,c,d,e,f\n", b"\x1e\0\0\0\0"),
    *(
        b"\x1e/data\0\0",
        b"\x1e/data\0/data/me\0\00\0",
        "\x1e/data\0\0지도 한글\x000\0".encode(),
        b"1 2 3 4 5 6 7 8 9",
    ),
    *(b"mmlsquota::HEADER:::\nmmlsquota::0:::", b"\x1e/data\0\0@user\n@group\n@project\nproject x\x001\0"),
    b"\x1e/data\0\0@user\n" + b"/data " + b"9" * 30 + b" 1 2 - 3 4 5 -" + b"\x000\0",
)
_FORBIDDEN = {
    "subprocess",
    "os",
    "pathlib",
    "socket",
    "time",
    "datetime",
    "threading",
    "asyncio",
    "shutil",
    "tempfile",
}


class Case(msgspec.Struct, frozen=True):
    """A reply and what it says.

    Attributes:
        spot: The volume that was asked about.
        said: What the tool printed; without the record around it, unless `whole`.
        quota: What it means; None is *absent*, and text is a part of the reason why it is not known.
        usage: What counted.
        code: The tool's exit code.
        whole: Whether `said` is all that the look printed.
        complained: What the look printed on stderr.
    """

    spot: Spot
    said: str
    quota: Quota | str | None
    usage: Usage | None = None
    code: int = 0
    whole: bool = False
    complained: str = ""

    def finding(self) -> Finding:
        """As the look brought it."""
        record = f"\x1e{self.spot.mount}\0{self.spot.mine}\0{self.said}\0{self.code}\0"
        text = self.said if self.whole else record
        return Finding(self.code if self.whole else 0, text.encode(), self.complained.encode())


class StorageContract:
    """The checks; subclass it, name the class ``Test...`` and fill in what was recorded.

    Class attributes:
        kind: The kind.
        spot: A volume of the kind.
        cases: Recorded replies by what they show.
        now: The moment of the looks, seconds since the epoch.
    """

    kind: ClassVar[type[StorageKind]]
    spot: ClassVar[Spot] = Spot("/data", "/data", "server:/data", "", "/data/me", "df/data")
    cases: ClassVar[Mapping[str, Case]] = {}
    now: ClassVar[float] = 1.7e9

    # -- it introduces itself -----------------------------------------------------------------------------------

    def test_it_says_what_it_is_and_what_it_is_good_and_bad_for(self) -> None:
        assert self.kind.name
        assert self.kind.title
        assert self.kind.good_for
        assert self.kind.bad_for

    def test_it_recognises_its_types_in_any_case(self) -> None:
        assert self.kind.types
        for fs in self.kind.types:
            assert fs == fs.lower()
            assert self.kind.recognises(fs)
            assert self.kind.recognises(fs.upper())
            assert self.kind.recognises(f"fuse.{fs}"), "its server may run in user space"
            assert not fs.startswith("fuse."), "that is understood"
        assert not self.kind.recognises("no-such-fs")

    def test_the_command_it_tells_people_takes_a_path_or_nothing(self) -> None:
        assert "{" not in self.kind.quota_command.format(path="/data")

    def test_it_starts_nothing_and_reads_no_file_or_clock(self) -> None:
        file = inspect.getsourcefile(self.kind)
        assert file is not None
        for node in ast.walk(ast.parse(Path(file).read_text("utf-8"))):
            if isinstance(node, ast.Import):
                assert not {alias.name.partition(".")[0] for alias in node.names} & _FORBIDDEN
            elif isinstance(node, ast.ImportFrom):
                assert (node.module or "").partition(".")[0] not in _FORBIDDEN

    # -- its looks ----------------------------------------------------------------------------------------------

    def test_its_looks_are_bounded_and_cost_nothing_where_none_is_mounted(self) -> None:
        for part in self.kind.looks():
            assert 0 < part.limit <= 15
            assert part.command
            assert part.quick, "a condition that touches no file system must come first"

    def test_its_looks_are_shell(self) -> None:
        sh = shutil.which("sh")
        if sh is None:
            pytest.skip("no sh here")
        for part in self._parts():
            script = (
                f"{COMMON}\nif {part.quick or 'true'}; then if {part.needs or 'true'}; then\n{part.script}\nfi; fi"
            )
            done = subprocess.run([sh, "-n"], input=script.encode(), capture_output=True)
            assert done.returncode == 0, done.stderr.decode()

    # -- it reads -----------------------------------------------------------------------------------------------

    def test_it_reads_what_was_recorded(self) -> None:
        for name, case in self.cases.items():
            told = self._read(case.finding(), case.spot)
            if isinstance(case.quota, str):
                assert told.quota.state == "unknown", name
                assert case.quota in told.quota.why, name
            else:
                assert told.quota.state == ("absent" if case.quota is None else "known"), (name, told.quota)
                assert told.quota.value == case.quota, name
                assert told.usage == case.usage, name

    def test_a_look_that_was_not_made_or_hangs_or_fails_is_no_fact(self) -> None:
        if not self.kind.looks():
            pytest.skip("it asks nothing")
        for finding in (None, Finding(None), Finding(MISSING), Finding(1, b"", b"broken")):
            told = self._read(finding, self.spot)
            assert told.quota.state == "unknown", finding
            assert told.quota.why
            assert told.usage is None

    def test_whatever_comes_is_a_quota_or_a_reason(self) -> None:
        for said in GARBAGE:
            for code in (0, 1, None):
                self._holds(self._read(Finding(code, said, said), self.spot))

    def test_an_answer_that_was_cut_off_is_a_quota_or_a_reason(self) -> None:
        for case in self.cases.values():
            whole = case.finding().stdout
            for end in range(0, len(whole), max(1, len(whole) // 50)):
                self._holds(self._read(Finding(None, whole[:end]), case.spot))

    # -- it counts ----------------------------------------------------------------------------------------------

    def test_a_shared_file_system_is_not_walked_over_without_being_asked(self) -> None:
        look = self.kind.counting("/data/me", deep=False)
        if isinstance(look, NotCounted):
            assert look.why
        else:
            assert not (self.kind.network and "du " in look.script)
            assert look.limit <= 10

    def test_hostile_folders_are_quoted(self) -> None:
        for folder in ("/data/two words", "/data/it's", "/data/$(touch pwned)", "/data/-rf", "/data/한글\n"):
            look = self.kind.counting(folder, deep=True)
            if isinstance(look, Part):
                told = self.kind.counted(folder, Finding(0, f"4096\t{folder}\0".encode()))
                assert isinstance(told, Filling | NotCounted)

    def test_whatever_is_counted_is_a_filling_or_a_reason(self) -> None:
        for said in GARBAGE:
            for code in (0, 1, None):
                assert isinstance(self.kind.counted("/data/me", Finding(code, said)), Filling | NotCounted)

    # -- means --------------------------------------------------------------------------------------------------

    def _parts(self) -> Iterator[Part]:
        yield from self.kind.looks()
        for deep in (False, True):
            look = self.kind.counting("/data/it's\n$(me)", deep=deep)
            if isinstance(look, Part):
                yield look

    def _read(self, finding: Finding | None, spot: Spot) -> Told:
        findings = {} if finding is None else {part.name: finding for part in self.kind.looks()}
        return self.kind.quota(spot, findings, self.now)

    def _holds(self, told: Told) -> None:
        """It is a fact of the three kinds, and a map with it can be written and read again."""
        assert isinstance(told, Told)
        state: Literal["known", "absent", "unknown"] = told.quota.state
        assert (state == "known") == (told.quota.value is not None)
        assert state != "unknown" or told.quota.why
        volume = Volume(self.spot.path, quota=told.quota)
        used = {} if told.usage is None else {self.spot.path: told.usage}
        map_ = Map("any", storage=Storage((volume,)), now=Now(used=used))
        assert map_from_json(to_json(map_)).now.used == used
        assert map_from_yaml(map_to_yaml(map_)).now.used == used
