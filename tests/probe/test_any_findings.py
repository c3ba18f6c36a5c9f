"""Whatever comes back from a site, a map comes out that can be written and read again."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sites import DEAD_NFS, KINDS, LUSTRE, engines, mapped

from jido.model.bundle import Finding
from jido.model.document import map_from_json, map_from_yaml, map_to_yaml, to_json
from jido.probe.ask import compose
from jido.probe.diff import changes

LOOKS = [part.name for part in compose(engines(), KINDS)[0]]
WORDS = st.sampled_from(
    (
        *(b"\x1e", b"\0", b"\n", b" ", b"|", b"-", b"/", b"/data", b"/home", b"0", b"-1", b"9" * 20, b"9" * 40),
        *(b"uid=", b"(", b"\xff\xfe", "한글".encode(), b"nfs4", b"Type", b"Filesystem", b" - ", b"\\040", b"env"),
        *(b"begin", b"tool", b"tools", b"version", b"=", b"gpu:8", b"NodeName=g[1-3]", b"PartitionName="),
        b"MemTotal: 9999999999999999999 kB",
    )
)
TEXTS = st.one_of(st.binary(max_size=200), st.lists(WORDS, max_size=40).map(b"".join))
FINDINGS = st.builds(
    Finding,
    code=st.sampled_from([None, 0, 0, 0, 1, 2, 126, 127, 255]),
    stdout=TEXTS,
    stderr=TEXTS,
    took=st.floats(0, 100),
)


def survives(findings: dict[str, Finding]) -> None:
    map_ = mapped(findings)
    assert map_from_json(to_json(map_)) == map_
    assert changes(map_, map_) == []


@given(st.dictionaries(st.sampled_from(LOOKS), FINDINGS, max_size=len(LOOKS)))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_arbitrary_findings_make_a_map(findings: dict[str, Finding]) -> None:
    survives(findings)


@given(st.sampled_from(sorted(LUSTRE)), st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_real_sites_answer_cut_or_disturbed_makes_a_map(look: str, data: st.DataObject) -> None:
    whole = LUSTRE[look].stdout
    at = data.draw(st.integers(0, len(whole)))
    to = data.draw(st.integers(at, len(whole)))
    survives(DEAD_NFS | LUSTRE | {look: Finding(0, whole[:at] + data.draw(TEXTS) + whole[to:])})


@given(st.dictionaries(st.sampled_from(LOOKS), FINDINGS, max_size=12))
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_arbitrary_findings_survive_yaml_too(findings: dict[str, Finding]) -> None:
    map_ = mapped(findings)
    assert map_from_yaml(map_to_yaml(map_)) == map_
