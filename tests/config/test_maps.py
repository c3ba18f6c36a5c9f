"""The maps that probes brought home are kept in order and read back."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from jido.config import maps
from jido.errors import ConfigError, NotFound
from jido.model.map import Map


def test_a_cluster_that_was_never_probed_has_no_map() -> None:
    assert maps.latest("aurora") is None
    assert maps.versions("aurora") == []
    with pytest.raises(NotFound) as caught:
        maps.need("aurora")
    assert caught.value.hint == "jido probe aurora"


def test_the_newest_is_read_and_the_older_are_kept() -> None:
    for number in range(3):
        maps.save("지도", Map("지도", purpose=str(number)))
    assert maps.need("지도").purpose == "2"
    assert len(maps.versions("지도")) == 3
    assert maps.latest("aurora") is None


def test_the_oldest_go() -> None:
    for number in range(maps.KEEP + 3):
        maps.save("aurora", Map("aurora", purpose=str(number)))
    assert len(maps.versions("aurora")) == maps.KEEP
    assert maps.need("aurora").purpose == str(maps.KEEP + 2)


def test_probes_at_once_lose_nothing() -> None:
    with ThreadPoolExecutor(8) as pool:
        files = list(pool.map(lambda n: maps.save("aurora", Map("aurora", purpose=str(n))), range(16)))
    assert len(set(files)) == 16
    assert set(maps.versions("aurora")) == set(files)


def test_a_broken_map_is_named() -> None:
    file = maps.save("aurora", Map("aurora"))
    file.write_text("{")
    with pytest.raises(ConfigError) as caught:
        maps.need("aurora")
    assert str(file) in caught.value.what


def test_a_map_that_was_being_written_does_not_count() -> None:
    file = maps.save("aurora", Map("aurora", purpose="whole"))
    file.with_name(f"9{file.name[1:]}").with_suffix(f".{os.getpid()}.new").write_text("{")
    assert maps.need("aurora").purpose == "whole"


def test_maps_are_forgotten() -> None:
    maps.save("aurora", Map("aurora"))
    maps.forget("aurora")
    maps.forget("never seen")
    assert maps.latest("aurora") is None
