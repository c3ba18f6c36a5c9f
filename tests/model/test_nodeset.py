"""Sets of node names in the bracket notation of schedulers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jido.errors import InputError
from jido.model.nodeset import NodeSet, expand, fold

names = st.from_regex(r"[a-z0-9.-]{1,8}", fullmatch=True) | st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "g", "aurora-g", "r1n", "노드"]),
    st.integers(0, 120).map(str)
    | st.integers(0, 120).map("{:02d}".format)
    | st.integers(0, 120).map("{:03d}".format),
    st.sampled_from(["", "-ib", ".khu.ac.kr"]),
)


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("", []),
        ("login1", ["login1"]),
        ("aurora-g[1-3,7]", ["aurora-g1", "aurora-g2", "aurora-g3", "aurora-g7"]),
        ("g[08-11]", ["g08", "g09", "g10", "g11"]),
        ("r[1-2]n[01-02]", ["r1n01", "r1n02", "r2n01", "r2n02"]),
        ("a,b[1-2]-ib, c", ["a", "b1-ib", "b2-ib", "c"]),
        ("g[2,1,1-2]", ["g2", "g1"]),
        ("g[0-2]", ["g0", "g1", "g2"]),
        ("n[5]", ["n5"]),
        ("ariel-v[1-13],g[1-5]", [f"ariel-v{n}" for n in range(1, 14)] + [f"g{n}" for n in range(1, 6)]),
    ],
)
def test_an_expression_is_expanded(text: str, members: list[str]) -> None:
    assert expand(text) == members


@pytest.mark.parametrize(
    "text", ["g[1-", "g[1-3", "g1]", "g[[1]]", "g[]", "g[a-b]", "g[1-b]", "g[3-1]", "g[-1]", "g[1-²]", "g[1--3]"]
)
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        expand(text)
    assert text in caught.value.what
    assert caught.value.cause


def test_a_slip_of_the_hand_does_not_fill_the_memory() -> None:
    with pytest.raises(InputError, match="more than"):
        expand("g[1-99999999999]")


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ([], ""),
        (["g1"], "g1"),
        (["g3", "g1", "g2"], "g[1-3]"),
        (["g1", "g2", "g4"], "g[1-2,4]"),
        (["g9", "g10", "g11"], "g[9-11]"),
        (["g08", "g09", "g10", "g11"], "g[08-11]"),
        (["g1", "g01"], "g1,g01"),
        (["login", "g1"], "g1,login"),
        (["r1n1", "r1n2", "r2n1"], "r1n[1-2],r2n1"),
        (["g1-ib", "g2-ib"], "g[1-2]-ib"),
        (["g1", "g1", "g1"], "g1"),
    ],
)
def test_names_are_folded(members: list[str], text: str) -> None:
    assert sorted(fold(members).split(",")) == sorted(text.split(","))


@given(st.lists(names, max_size=40))
def test_folding_loses_nothing(members: list[str]) -> None:
    assert set(expand(fold(members))) == set(members)


@given(st.lists(names, max_size=40), st.randoms())
def test_folding_does_not_depend_on_the_order(members: list[str], random: object) -> None:
    shuffled = list(members)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert fold(shuffled) == fold(members)


def test_ten_thousand_nodes_are_one_expression() -> None:
    assert fold(f"n{number:05d}" for number in range(10_000)) == "n[00000-09999]"


@given(st.lists(names, max_size=12), st.lists(names, max_size=12))
def test_the_algebra_is_that_of_sets(left: list[str], right: list[str]) -> None:
    a, b = NodeSet(left), NodeSet(right)
    assert set(a | b) == set(left) | set(right)
    assert set(a & b) == set(left) & set(right)
    assert set(a - b) == set(left) - set(right)
    assert len(a) == len(set(left))
    assert NodeSet(str(a)) == a
    assert hash(NodeSet(str(a))) == hash(a)


def test_a_set_reads_as_people_write_it() -> None:
    left = NodeSet("g[1-4]") - NodeSet("g2")
    assert str(left) == "g[1,3-4]"
    assert repr(left) == "NodeSet('g[1,3-4]')"
    assert list(NodeSet("g10,g9")) == ["g9", "g10"]
    assert "g1" in left
    assert "g2" not in left
    assert left != "g[1,3-4]"
