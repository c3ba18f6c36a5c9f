"""Verdicts on partitions that are old are asked for again, and not at once where that brought nothing."""

from __future__ import annotations

import time

import pytest

from jido.api.capacity import _doubted
from jido.config import clusters, maps
from jido.model.destination import Destination
from jido.model.facts import known, unknown
from jido.model.limits import Access
from jido.model.map import Partition
from small_clusters import FREE, THREE, cluster

PARTITIONS = (Partition("batch", "g[1-3]"), Partition("연구실", "g3"))
DAY = 86400.0


def rows(age: float) -> tuple[Access, ...]:
    return Access("batch", "open", "verified", at=time.time() - age), Access("연구실", "open", "declared")


@pytest.mark.parametrize(
    ("age", "asked", "doubted"),
    [
        (60.0, None, False),
        (9 * DAY, None, True),
        # It was asked for again, and nobody answered.
        (9 * DAY, 600.0, False),
        (9 * DAY, 2 * 3600.0, True),
    ],
)
def test_what_was_verified_days_ago_is_doubted(age: float, asked: float | None, doubted: bool) -> None:
    map_ = cluster(THREE, FREE, PARTITIONS, rows(age), at=time.time())
    tried = None if asked is None else maps.Asked(time.time() - asked, unknown("no answer"))
    assert _doubted(map_, tried) is doubted


@pytest.mark.parametrize(("age", "doubted"), [(60.0, False), (2 * DAY, True)])
def test_declared_rules_are_as_old_as_the_look_at_them(age: float, doubted: bool) -> None:
    declared = (Access("batch", "open", "declared"),)
    assert _doubted(cluster(THREE, FREE, PARTITIONS, declared, at=time.time() - age), None) is doubted


def test_newer_verdicts_are_the_maps_until_it_is_probed_again(jido_home: object) -> None:
    clusters.put("aurora", Destination(host="h"))
    now = time.time()
    maps.save("aurora", cluster(THREE, FREE, PARTITIONS, rows(9 * DAY), at=now - 60))
    newer = known((Access("batch", "refused", "verified", "교수님 허가가 필요합니다", at=now),), "slurm/partitions")

    def verdict() -> str:
        return (maps.need("aurora").scheduling.access.value or ())[0].verdict

    maps.save_access("aurora", maps.Asked(now, newer))
    assert verdict() == "refused"
    assert maps.latest_access("aurora") == maps.Asked(now, newer)
    maps.save_access("aurora", maps.Asked(now, unknown("slurmctld is down")))
    assert verdict() == "open"
    maps.save_access("aurora", maps.Asked(now, newer))
    maps.save("aurora", cluster(THREE, FREE, PARTITIONS, rows(0), at=now + 60))
    assert verdict() == "open"
    maps.forget("aurora")
    assert maps.latest_access("aurora") is None
