"""What a GPU can do, from a table that names its sources; an unknown one claims nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jido.capacity.abilities import ability, known_models, of_features, sources


@pytest.mark.parametrize(
    ("name", "model", "memory", "nvlink"),
    [
        ("rtx3090", "GeForce RTX 3090", (24,), "bridge"),
        ("NVIDIA GeForce RTX 3090", "GeForce RTX 3090", (24,), "bridge"),
        ("nvidia_geforce_rtx_2080_ti", "GeForce RTX 2080 Ti", (11,), ""),
        ("a100", "NVIDIA A100", (40, 80), ""),
        ("NVIDIA A100-SXM4-80GB", "NVIDIA A100 SXM", (80,), "yes"),
        ("A100_80G_PCIe", "NVIDIA A100", (80,), ""),
        ("tesla_v100-32g", "Tesla V100", (32,), ""),
        ("nvidia_a100_1g.5gb", "NVIDIA A100", (5,), "no"),
        ("NVIDIA H100 80GB HBM3", "NVIDIA H100 SXM", (80,), "yes"),
    ],
)
def test_names_of_schedulers_and_drivers_are_known(
    name: str, model: str, memory: tuple[int, ...], nvlink: str
) -> None:
    found = ability(name)
    assert found is not None
    assert (found.model, found.memory, found.nvlink) == (model, memory, nvlink)


@pytest.mark.parametrize("name", [None, "", "gpu", "weird", "rtx6000", "지도", "$(x)", "a1000", "v100x"])
def test_a_name_that_is_unknown_or_means_two_things_claims_nothing(name: str | None) -> None:
    assert ability(name) is None


def test_a_size_that_is_not_made_is_not_claimed() -> None:
    found = ability("a100-77gb")
    assert found is not None
    assert found.least_memory is None


def test_features_name_a_model_only_where_they_name_one() -> None:
    found = of_features(("ib", "A100", "rack7"))
    assert found is not None
    assert found.model == "NVIDIA A100"
    assert of_features(("a100", "v100")) is None
    assert of_features(("ib",)) is None


@pytest.mark.parametrize("one", known_models(), ids=lambda one: one.model)
def test_every_row_names_its_sources_and_can_be_found(one: object) -> None:
    from jido.capacity.abilities import Ability

    assert isinstance(one, Ability)
    assert all(sources(one))
    assert all(ability(name) == one for name in one.names)
    # What no source confirms is not claimed.
    assert not any(getattr(one, fact) for fact in one.unverified)
    # bf16 came with 8.0, fp8 with 8.9.
    if one.capability:
        major, minor = map(int, one.capability.split("."))
        assert (one.bf16, one.fp8) == ((major, minor) >= (8, 0), (major, minor) >= (8, 9))


@given(st.text(max_size=40))
def test_whatever_it_is_called(name: str) -> None:
    ability(name)
