"""Sets of node names in the field's bracket notation: ``aurora-g[1-3,7],login1``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from jido.errors import InputError
from jido.words import tr

_NUMBERS = re.compile(r"([0-9]+)")
_LAST_NUMBER = re.compile(r"(.*?)([0-9]+)([^0-9]*)", re.DOTALL)

# More nodes than any cluster has: a slip of the hand in a range, rather than a set.
_MOST = 1_000_000


def _split(text: str) -> list[str]:
    """Split on the commas that stand outside brackets."""
    parts, depth, start = [], 0, 0
    for at, char in enumerate(text):
        if char == "[":
            depth += 1
        elif char == "]":
            depth -= 1
        elif char == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
        if depth not in (0, 1):
            raise InputError(tr("cannot read {text!r} as a node set", text=text), cause=tr("brackets do not match"))
    if depth:
        raise InputError(tr("cannot read {text!r} as a node set", text=text), cause=tr("a bracket is not closed"))
    return [part.strip() for part in [*parts, text[start:]] if part.strip()]


def _ranges(text: str, whole: str) -> Iterator[str]:
    for piece in text.split(","):
        low, dash, high = piece.strip().partition("-")
        if not (low + high).isascii() or not low.isdecimal() or (dash and not high.isdecimal()):
            raise InputError(
                tr("cannot read {whole!r} as a node set", whole=whole),
                cause=tr("{piece!r} is not a range", piece=piece),
            )
        size = int(high or low) - int(low)
        if not 0 <= size < _MOST:
            why = "ends before it begins" if size < 0 else f"holds more than {_MOST} names"
            raise InputError(tr("cannot read {whole!r} as a node set", whole=whole), cause=f"{piece!r} {why}")
        # Zero padding belongs to the name: g[01-03] are g01, g02, g03.
        width = len(low) if low.startswith("0") else 0
        for number in range(int(low), int(high or low) + 1):
            yield str(number).zfill(width)


def _expand_one(part: str, whole: str) -> Iterator[str]:
    head, bracket, rest = part.partition("[")
    if not bracket:
        yield part
        return
    inside, _, tail = rest.partition("]")
    tails = list(_expand_one(tail, whole))
    for number in _ranges(inside, whole):
        for end in tails:
            yield head + number + end


def expand(text: str) -> list[str]:
    """Every name in a bracket expression, in order, each once.

    Args:
        text: E.g. ``aurora-g[1-3,7],r[1-2]n[01-10]``; empty gives an empty list.

    Raises:
        InputError: Brackets or ranges cannot be read.
    """
    return list(dict.fromkeys(name for part in _split(text) for name in _expand_one(part, text)))


def _natural(name: str) -> tuple[list[tuple[int, int | str]], str]:
    # The name itself decides between g1 and g01.
    bits = [bit for bit in _NUMBERS.split(name) if bit]
    return [(0, int(bit)) if "0" <= bit[0] <= "9" else (1, bit) for bit in bits], name


def fold(names: Iterable[str]) -> str:
    """A short bracket expression on the last number of each name; `expand` gives the names back.

    Args:
        names: Host names: without comma, brackets or blanks at their ends, and not empty.
    """
    groups: dict[tuple[str, str, int], list[int]] = {}
    padded: set[tuple[str, str, int]] = set()
    plain, numbered = [], []
    for name in set(names):
        match = _LAST_NUMBER.fullmatch(name)
        if not match:
            plain.append(name)
            continue
        head, digits, tail = match.groups()
        numbered.append((head, digits, tail))
        if digits.startswith("0") and len(digits) > 1:
            padded.add((head, tail, len(digits)))
    for head, digits, tail in numbered:
        # Without padding any width folds; g08 and g10 fold as one padded pair, because their widths agree.
        key = (head, tail, len(digits))
        groups.setdefault(key if key in padded else (head, tail, 0), []).append(int(digits))
    out = list(plain)
    for (head, tail, width), numbers in groups.items():
        spans: list[list[int]] = []
        # In each group alone, by number: the names' natural order takes five times as long.
        for number in sorted(numbers):
            if spans and number == spans[-1][1] + 1:
                spans[-1][1] = number
            else:
                spans.append([number, number])
        texts = [
            str(low).zfill(width) if low == high else f"{str(low).zfill(width)}-{str(high).zfill(width)}"
            for low, high in spans
        ]
        single = len(numbers) == 1
        out.append(f"{head}{texts[0]}{tail}" if single else f"{head}[{','.join(texts)}]{tail}")
    return ",".join(sorted(out, key=_natural))


class NodeSet:
    """An immutable set of node names with the algebra people know from ClusterShell.

    ``NodeSet("g[1-4]") - NodeSet("g2")`` prints as ``g[1,3-4]``.
    """

    __slots__ = ("names",)

    def __init__(self, names: str | Iterable[str] = ()) -> None:
        self.names = frozenset(expand(names) if isinstance(names, str) else names)

    def __str__(self) -> str:
        return fold(self.names)

    def __repr__(self) -> str:
        return f"NodeSet({str(self)!r})"

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self.names, key=_natural))

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NodeSet) and self.names == other.names

    def __hash__(self) -> int:
        return hash(self.names)

    def __or__(self, other: NodeSet) -> NodeSet:
        return NodeSet(self.names | other.names)

    def __and__(self, other: NodeSet) -> NodeSet:
        return NodeSet(self.names & other.names)

    def __sub__(self, other: NodeSet) -> NodeSet:
        return NodeSet(self.names - other.names)
