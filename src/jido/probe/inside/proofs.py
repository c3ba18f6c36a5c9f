"""Proofs of what nodes share, which later and weaker looks do not take away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from jido.model.facts import EARLIER, Fact
from jido.model.map import Map, Volume
from jido.model.nodeset import fold
from jido.probe.inside.read import Inside
from jido.probe.inside.rows import conflict, grouped, names, node_of


class Proofs:
    """What was proved of sharing before some nodes were looked at again.

    Args:
        before: The map as it was.
        fresh: The looks that came back now.
    """

    def __init__(self, before: Map, fresh: Mapping[str, Inside]) -> None:
        self._before = before
        self._fresh = fresh
        self._login = {row.path: row for row in before.storage.volumes if row.on_login}
        self._proved = [
            row for row in before.storage.volumes if row.shared.is_known and node_of(row.shared.by) and row.on_nodes
        ]

    def of_login(self, above: Volume, row: Volume, look: Inside) -> Fact[bool] | None:
        """The proof that a node sees the login node's files, where its new look settles nothing; None without one."""
        said = look.sharing.get(row.path)
        old = next((one for one in self._proved if one.on_login and one.path == row.path), None)
        if old is None or look.node not in names(old.on_nodes) or old.shared.value is not True:
            return None
        if (said is not None and said.login not in ("", "one way")) or conflict(row, above):
            return None
        return self._earlier(old.shared)

    def among_nodes(self, rows: Sequence[Volume]) -> list[Volume]:
        """The nodes' own rows with what was proved of them, where the new looks settle nothing."""
        out: list[Volume] = []
        for row in rows:
            if row.shared.is_known:
                out.append(row)
                continue
            left = []
            for node in names(row.on_nodes):
                old = self._of_node(row, node)
                nodes = [node] if old is None or old.shared.value is False else self._still(old, rows)
                if old is None or (old.shared.value is True and len(nodes) < 2):
                    left.append(node)
                else:
                    fact = self._earlier(old.shared)
                    out.append(msgspec.structs.replace(row, seen_from=fold(nodes), shared=fact))
            if left:
                out.append(
                    msgspec.structs.replace(row, seen_from=row.seen_from if row.shared.is_known else fold(left))
                )
        return grouped(out)

    def by_of_login(self, row: Volume) -> str:
        """Which look had said whether others see the login node's files."""
        return self._login.get(row.path, row).shared.by

    def with_looks(self, map_: Map) -> Map:
        """The map with the looks that its earlier proofs name."""
        named = {row.shared.by for row in map_.storage.volumes} - set(map_.looks)
        looks = {by: look for by in sorted(named) if (look := self._before.looks.get(_without_earlier(by)))}
        # Two proofs of different age under one name bear the older one's.
        looks |= {by: self._before.looks[by] for by in named if by in self._before.looks}
        return msgspec.structs.replace(map_, looks=map_.looks | looks) if looks else map_

    def _earlier(self, fact: Fact[bool]) -> Fact[bool]:
        node, _, look = fact.by.partition(":")
        if node not in self._fresh or look.startswith(EARLIER):
            return fact
        return msgspec.structs.replace(fact, by=f"{node}:{EARLIER}{look}")

    def _of_node(self, row: Volume, node: str) -> Volume | None:
        for old in self._proved:
            if not old.on_login and old.path == row.path and node in names(old.on_nodes):
                return None if conflict(row, old) else old
        return None

    def _still(self, old: Volume, rows: Sequence[Volume]) -> list[str]:
        """The nodes of a proof that still have that volume, and of which nothing else is known."""
        alike = [row for row in rows if row.path == old.path and row.shared.value is not False]
        there = {node for row in alike if not conflict(row, old) for node in names(row.on_nodes)}
        return [node for node in names(old.on_nodes) if node in there]


def _without_earlier(by: str) -> str:
    node, _, look = by.partition(":")
    return f"{node}:{look.removeprefix(EARLIER)}"
