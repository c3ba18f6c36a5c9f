"""Every storage kind passes the shipped contract, with replies of its tool."""

from __future__ import annotations

import pytest
import quota_replies as replies
from hypothesis import given, settings
from hypothesis import strategies as st

from jido import registry
from jido.model.bundle import Finding
from jido.storage.base import StorageKind
from jido.storage.beegfs import Beegfs
from jido.storage.btrfs import Btrfs
from jido.storage.cephfs import Cephfs
from jido.storage.glusterfs import Glusterfs
from jido.storage.gpfs import Gpfs
from jido.storage.local import Local
from jido.storage.lustre import Lustre
from jido.storage.nfs import Nfs
from jido.storage.overlay import Overlay
from jido.storage.tmpfs import Tmpfs
from jido.storage.zfs import Zfs
from jido.testing.storage import StorageContract


class TestNfs(StorageContract):
    kind, cases = Nfs, replies.POSIX


class TestLocal(StorageContract):
    kind, cases = Local, replies.POSIX


class TestLustre(StorageContract):
    kind, cases = Lustre, replies.LUSTRE


class TestGpfs(StorageContract):
    kind, cases = Gpfs, replies.GPFS
    spot = replies.GPFS_AT


class TestBeegfs(StorageContract):
    kind, cases = Beegfs, replies.BEEGFS


class TestCephfs(StorageContract):
    kind, cases = Cephfs, replies.CEPHFS


class TestGlusterfs(StorageContract):
    kind, cases = Glusterfs, replies.GLUSTERFS


class TestBtrfs(StorageContract):
    kind, cases = Btrfs, replies.BTRFS


class TestZfs(StorageContract):
    kind, cases = Zfs, replies.ZFS


class TestTmpfs(StorageContract):
    kind = Tmpfs


class TestOverlay(StorageContract):
    kind = Overlay


SUITES: dict[str, type[StorageContract]] = {
    suite.kind.name: suite
    for suite in (
        *(TestNfs, TestLocal, TestLustre, TestGpfs, TestBeegfs, TestCephfs, TestGlusterfs, TestBtrfs, TestZfs),
        *(TestTmpfs, TestOverlay),
    )
}
WORDS = st.sampled_from(
    (
        *(
            " ",
            "\n",
            "\t",
            ",",
            ":",
            "-",
            "0",
            "1",
            "*",
            "[1]",
            "1024",
            "9" * 20,
            "none",
            "unlimited",
            "expired",
            "6d23h",
        ),
        *("@user\n", "@group\n", "@project\nproject 7\n", "@df\n", "/data", "me", "k", "G", "한글", "\x1b[31m"),
        *("mmlsquota:user:HEADER:", "mmlsquota:user:0:", "gpfs0", "USR", "name,id,size,hard,files,hard\n", "0/256 "),
        *("userquota@1\t", "quota\t", "Disk quotas for user me (uid 1):", ": none\n", "1700000000"),
    )
)
SAID = st.one_of(st.text(max_size=120), st.lists(WORDS, max_size=40).map("".join))


def test_no_kind_is_left_out() -> None:
    assert set(SUITES) == set(registry.names("storage"))


@pytest.mark.parametrize("name", sorted(SUITES))
@given(said=SAID, code=st.sampled_from([None, 0, 0, 1, 5, 127]), record=st.booleans())
@settings(max_examples=120, deadline=None)
def test_whatever_a_tool_prints_is_a_quota_or_a_reason(name: str, said: str, code: int | None, record: bool) -> None:
    suite = SUITES[name]()
    text = f"\x1e{suite.spot.mount}\0{suite.spot.mine}\0{said}\0{code or 0}\0" if record else said
    suite._holds(suite._read(Finding(code, text.encode("utf-8", "replace")), suite.spot))


@pytest.mark.parametrize("name", sorted(name for name, suite in SUITES.items() if suite.cases))
@given(data=st.data())
@settings(max_examples=120, deadline=None)
def test_a_recorded_reply_that_was_disturbed_is_a_quota_or_a_reason(name: str, data: st.DataObject) -> None:
    suite = SUITES[name]()
    case = data.draw(st.sampled_from(list(suite.cases.values())))
    whole = case.finding().stdout.decode()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    said = whole[:start] + data.draw(SAID) + whole[end:]
    suite._holds(suite._read(Finding(0, said.encode("utf-8", "replace")), case.spot))


@given(said=SAID)
@settings(max_examples=100, deadline=None)
def test_whatever_is_counted_is_a_filling_or_a_reason(said: str) -> None:
    for suite in SUITES.values():
        kind: type[StorageKind] = suite.kind
        kind.counted("/data/me", Finding(0, said.replace(" ", "\0").encode("utf-8", "replace")))
