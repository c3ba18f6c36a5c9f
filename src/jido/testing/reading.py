"""What an engine must do that reads the job scripts people have; part of `jido.testing.engines.EngineContract`."""

# ruff: noqa: D102 - the names of the checks say what they specify

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec
import pytest

from jido.engines.base import Engine, Placement
from jido.errors import InputError
from jido.model.batch import Script
from jido.model.job import JobSpec, Resources
from jido.model.map import Map
from jido.testing.replies import GARBAGE, HOSTILE


class ReadingContract:
    """Checks of `Engine.read_script`, `write_option` and `objections`."""

    engine: ClassVar[Engine]
    spec: ClassVar[JobSpec]
    place: ClassVar[Placement]

    def test_whatever_a_script_holds_it_is_read_within_its_lines(self) -> None:
        for text in (*(raw.decode("utf-8", "surrogateescape") for raw in GARBAGE), *HOSTILE):
            for script in (text, f"#!/bin/sh\n{text}\n", text.replace(" ", "\n")):
                found = self.engine.read_script(script, None)
                if found is None:
                    return
                count = script.count("\n") + 1
                spans = [option.span for option in found.options] + [flaw.span for flaw in found.flaws]
                assert all(1 <= span.line <= count and span.column >= 1 for span in spans)
                assert 1 <= found.top <= count + 1

    def test_its_own_directives_are_read_as_what_they_ask_for(self) -> None:
        found = self._read(*self.asked())
        assert found.flaws == ()
        want = msgspec.structs.replace(self.spec.resources, extra=())
        assert msgspec.structs.replace(found.resources, extra=()) == want

    def test_what_it_writes_it_reads(self) -> None:
        prefix = self._read().prefix
        for value in HOSTILE:
            try:
                line = f"{prefix} {self.engine.write_option('account', value)}"
            except InputError:
                continue
            assert self._read(line).resources.account == value

    def test_unknown_facts_are_no_objection(self) -> None:
        much = Resources(cpus=10**6, gpus=1000, nodes=1000, time=10**9, partition="p", account="a", qos="q")
        assert tuple(self.engine.objections(much, Map(name="blank"))) == ()
        assert tuple(self.engine.objections(much, Map(name="blank"), chooses=True, gpus_in_all=10**6)) == ()

    def asked(self) -> Sequence[str]:
        """How its own scripts ask for `spec`."""
        return self.engine.directives(self.spec, self.place)

    def around(self, lines: Sequence[str]) -> str:
        """A script that holds these lines among its options, and nothing else that asks for anything."""
        return "\n".join(("#!/bin/sh", *lines, "true", ""))

    def _read(self, *lines: str) -> Script:
        found = self.engine.read_script(self.around(lines), None)
        if found is None:
            pytest.skip("it has no job scripts of its own")
        return found
