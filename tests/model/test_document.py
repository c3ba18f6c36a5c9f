"""The map travels as JSON and YAML without losing or changing anything."""

from __future__ import annotations

import os
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from jido.errors import ConfigError
from jido.model import map as model
from jido.model.document import map_from_json, map_from_yaml, map_schema, map_to_yaml, plain, to_json
from jido.model.facts import Fact, Look, absent, known, unknown
from jido.model.map import Bytes, Map, Seconds
from jido.model.quota import Quota, Usage

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    [
        "no",
        "null",
        "~",
        "1:30",
        "04:00:00",
        "0x10",
        "1e3",
        " ",
        "- a",
        "{",
        "# c",
        "한글",
        "a: b",
        "'",
        '"',
        "\\",
        "=",
        "<<",
    ]
)
sizes = st.integers(0, 1 << 62).map(Bytes)
spans = st.integers(0, 10**8).map(Seconds)


def facts(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Fact[Any]]:
    return (
        st.builds(known, values, text)
        | st.builds(absent, text)
        | st.builds(unknown, text, text, text)
        | st.just(model.UNSEEN)
    )


def tuples(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(values, max_size=2).map(tuple)


gpus = st.builds(model.Gpu, count=st.integers(0, 16), model=st.none() | text, memory=facts(sizes))
groups = st.builds(
    model.NodeGroup,
    names=text,
    role=text,
    memory=st.none() | sizes,
    gpus=tuples(gpus),
    features=tuples(text),
    by=text,
)
hosts = st.builds(model.Host, name=text, os=facts(text), memory=facts(sizes), groups=facts(tuples(text)))
partitions = st.builds(
    model.Partition,
    name=text,
    max_time=st.none() | spans,
    default_time=st.none() | spans,
    allow_accounts=st.none() | tuples(text),
    default_memory_per_cpu=st.none() | sizes,
)
quotas = st.builds(
    Quota, name=text, soft=st.none() | sizes, hard=st.none() | sizes, files_hard=st.none() | st.integers(0, 10**12)
)
volumes = st.builds(
    model.Volume, path=text, size=facts(sizes), quota=facts(quotas), inodes=facts(st.integers(0, 10**12))
)
moments = st.floats(0, 4e9, allow_nan=False)
maps = st.builds(
    Map,
    name=text,
    purpose=text,
    type=st.builds(model.Type, value=facts(tuples(text)), evidence=tuples(text)),
    instance=st.builds(
        model.Instance,
        login=tuples(hosts),
        nodes=tuples(groups),
        software=facts(st.dictionaries(text, text, max_size=2)),
    ),
    scheduling=st.builds(
        model.Scheduling, engine=facts(text), partitions=facts(tuples(partitions)), accounting=facts(st.booleans())
    ),
    storage=st.builds(model.Storage, volumes=tuples(volumes)),
    now=st.builds(
        model.Now,
        at=moments,
        free=st.dictionaries(text, st.integers(0, 1 << 60), max_size=2),
        used=st.dictionaries(text, st.builds(Usage, bytes=st.none() | sizes, grace=st.none() | spans), max_size=2),
    ),
    looks=st.dictionaries(text, st.builds(Look, command=text, on=text, at=moments), max_size=2),
    notes=tuples(text),
)


@settings(
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
    deadline=None,
    max_examples=40,
)
@given(maps)
def test_a_map_comes_back_from_json_and_yaml(value: Map) -> None:
    assert map_from_json(to_json(value)) == value
    assert map_from_yaml(map_to_yaml(value)) == value
    assert map_from_yaml(to_json(value).decode()) == value, "JSON is YAML"
    assert msgspec.json.decode(to_json(value)) == msgspec.json.decode(msgspec.json.encode(plain(value)))


def test_people_read_and_write_sizes_and_times() -> None:
    partition = model.Partition("batch", max_time=Seconds(6 * 86400), default_memory_per_cpu=Bytes(4 << 30))
    value = Map("aurora", scheduling=model.Scheduling(partitions=known((partition,), "told")))
    written = map_to_yaml(value)
    assert "6-00:00:00" in written
    assert "4G" in written
    assert "known" not in written, "what is usual is not written"


@pytest.mark.parametrize(
    ("words", "seconds"), [("4:00:00", 14400), ("04:00:00", 14400), ("6-0", 518400), ("2h", 7200), ("600", 600)]
)
def test_a_persons_times_need_no_quotes(words: str, seconds: int) -> None:
    """YAML 1.1 reads 4:00:00 as a number to the base of 60, which happens to be the seconds."""
    value = map_from_yaml(f"name: a\nscheduling: {{partitions: {{value: [{{name: b, max_time: {words}}}]}}}}\n")
    assert value.scheduling.partitions.value is not None
    assert value.scheduling.partitions.value[0].max_time == seconds


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ("", "object"),
        ("name: [", ""),
        ("name: a\nschema: jido/9", "schema"),
        ("purpose: none", "name"),
        ("name: a\ninstance: {nodes: [{names: g1, memory: much}]}", "much"),
        ("name: a\nscheduling: {partitions: {value: [{name: b, max_time: soon}]}}", "soon"),
        ("name: a\nscheduling: {partitions: {value: [{name: b, max_time: unlimited}]}}", "null"),
        ("name: a\nnow: {at: yesterday}", "now.at"),
        ("name: \udcff", ""),
    ],
)
def test_what_is_no_map_is_refused_with_the_file_and_the_field(document: str, named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        map_from_yaml(document, "my map.yaml")
    assert caught.value.what.startswith("my map.yaml: ")
    assert named in caught.value.cause
    assert "jido schema map" in caught.value.hint


def test_a_broken_json_map_names_its_file() -> None:
    with pytest.raises(ConfigError, match=r"x\.json"):
        map_from_json(b"{", "x.json")


def test_names_that_are_not_utf_8_are_shown_as_such() -> None:
    """A document is UTF-8; a site's file names may be anything, and must not break its map."""
    volume = model.Volume(os.fsdecode(b"/data/\xff"), size=known(Bytes(1), "df"))
    value = Map("a", storage=model.Storage(volumes=(volume,)), now=model.Now(free={os.fsdecode(b"/\xfe"): 1}))
    for back in (map_from_json(to_json(value)), map_from_yaml(map_to_yaml(value))):
        assert back.storage.volumes[0].path == "/data/\ufffd"
        assert back.storage.volumes[0].size.value == 1
        assert back.now.free == {"/\ufffd": 1}


def test_the_schema_covers_what_is_written() -> None:
    schema = map_schema()
    assert schema["$ref"] == "#/$defs/Map"
    assert set(schema["$defs"]["Map"]["properties"]) == set(Map.__struct_fields__)
    assert msgspec.json.encode(schema)


def test_what_was_not_looked_at_is_unknown_and_says_so() -> None:
    fact = Map("a").scheduling.engine
    assert (fact.state, fact.is_known, fact.why) == ("unknown", False, "not looked at")


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("name: x\nschedulling: {}\n", "m.yaml:2: a map has no key 'schedulling' at $"),
        ("name: x\ninstance:\n  nodes:\n  - {names: 'g[1-2]', cpu: 64}\n", "'cpu' at $.instance.nodes[0]"),
        ('{"name": "x", "instance": {"nodes": [{"names": "g1", "cpu": 64}]}}', "'cpu' at $.instance.nodes[0]"),
        ("name: x\ninstance:\n  nodes:\n  - names: g1\n    memory: 512GG\n", "$.instance.nodes[0].memory"),
    ],
)
def test_a_key_or_size_that_is_misspelt_is_named_with_its_place(document: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        map_from_yaml(document, "m.yaml")
    assert said in str(caught.value)
