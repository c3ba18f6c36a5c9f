"""When PBS is there, is not, and when nobody knows."""

from __future__ import annotations

import pytest

from jido.engines.pbs import Pbs
from jido.model.bundle import MISSING, Finding
from jido.model.facts import Fact


def engine(version: Finding) -> Fact[str]:
    return Pbs().inventory({"pbs/version": version}, 1e9).scheduling.engine


def test_without_a_qstat_there_is_no_pbs() -> None:
    assert engine(Finding(MISSING)) == Fact(state="absent", by="pbs/version")


@pytest.mark.parametrize("code", [None, 0, 1, 2, 126, 255])
def test_a_qstat_that_says_nothing_is_no_absence(code: int | None) -> None:
    found = engine(Finding(code))
    assert found.state == "unknown"
    assert found.why


def test_a_qstat_that_cannot_be_loaded_is_no_absence() -> None:
    lacks = b"qstat: error while loading shared libraries: libpbs.so.0: cannot open shared object file\n"
    assert engine(Finding(MISSING, lacks)).state == "unknown"


@pytest.mark.parametrize("code", [0, 1, 3])
def test_another_schedulers_qstat_is_quoted_and_not_judged(code: int) -> None:
    found = engine(Finding(code, b"SGE 8.1.9\nusage: qstat [options]\n"))
    assert found.state == "unknown"
    assert "SGE 8.1.9" in found.why
