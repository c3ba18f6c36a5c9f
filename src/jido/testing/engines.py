"""What every engine must do; a new one proves itself by subclassing `EngineContract` with recorded replies.

::

    class TestMine(EngineContract):
        engine = Mine()
        accepted = {"plain": (Said(0, "123\\n"), "123")}
        refused = {"no such queue": Said(1, "", "unknown queue")}
        ambiguous = {"time-out": Said(1, "", "no answer")}
        queue = Said(0, "...")
        in_queue = {"123": State.RUNNING}
        tokens = {"jido-0123456789abcdef": "123"}
        down = {"down": Said(1, "", "connection refused")}

Everything here runs without a scheduler.
"""

# ruff: noqa: D102 - the names of the checks say what they specify

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from jido.engines.base import Engine, Inventory, Placement, Verdict
from jido.errors import InputError, JidoError, SchedulerDown, SchedulerMissing
from jido.model.bundle import Finding
from jido.model.chain import Before
from jido.model.command import Ask, Reply
from jido.model.job import JobSpec, Resources, Sighting, State, Submission
from jido.model.limits import VERDICTS
from jido.model.map import Map, Scheduling
from jido.testing.purity import FORBIDDEN, imported, reads_clock_or_file, watched
from jido.testing.reading import ReadingContract
from jido.testing.replies import GARBAGE, HOSTILE, TOKEN, Said

__all__ = ["GARBAGE", "HOSTILE", "TOKEN", "EngineContract", "Said"]


class EngineContract(ReadingContract):
    """The suite.

    Attributes:
        engine: What is tried.
        spec: A job that it would take.
        place: Where its files would be.
        programs: Files of the engine's package that are programs for the cluster, not part of the engine itself.
        accepted: Replies to `Engine.submit` with the id they mean.
        refused: Replies that are certain noes.
        ambiguous: Replies that leave it open.
        missing: Replies of a machine without this engine.
        queue: A reply to `Engine.status` and `Engine.find` alike.
        in_queue: What that reply says of jobs, by id.
        tokens: The ids that it shows for tokens.
        down: Replies to `Engine.status` of an engine that did not answer.
        memory: A reply to `Engine.history`.
        in_memory: What that reply says of jobs, by id.
        looks: Recorded findings of `Engine.looks`; empty skips their checks.
    """

    engine: ClassVar[Engine]
    spec: ClassVar[JobSpec] = JobSpec(
        name="train", argv=("python", "train.py"), resources=Resources(cpus=2, time=600)
    )
    place: ClassVar[Placement] = Placement(
        folder="/data/me/project/runs/r1", script="job.sh", log="../../logs/r1.log", token=TOKEN
    )
    programs: ClassVar[frozenset[str]] = frozenset()
    accepted: ClassVar[Mapping[str, tuple[Said, str]]] = {}
    refused: ClassVar[Mapping[str, Said]] = {}
    ambiguous: ClassVar[Mapping[str, Said]] = {}
    missing: ClassVar[Mapping[str, Said]] = {}
    queue: ClassVar[Said]
    in_queue: ClassVar[Mapping[str, State]] = {}
    tokens: ClassVar[Mapping[str, str]] = {}
    down: ClassVar[Mapping[str, Said]] = {}
    memory: ClassVar[Said | None] = None
    in_memory: ClassVar[Mapping[str, State]] = {}
    looks: ClassVar[Mapping[str, Said]] = {}

    # -- it is pure ---------------------------------------------------------------------------------------------

    def test_its_code_has_no_means_to_act(self) -> None:
        for file, tree in self._sources():
            for node in ast.walk(tree):
                for name in imported(node):
                    assert name.split(".")[0] not in FORBIDDEN, f"{file}:{node.lineno} imports {name}"  # type: ignore[attr-defined]
                if isinstance(node, ast.Call):
                    assert not reads_clock_or_file(node), f"{file}:{node.lineno} reads a clock or a file"

    def test_composing_and_reading_does_nothing(self) -> None:
        with watched() as done:
            for ask in self._asks():
                for garbage in GARBAGE[:6]:
                    _quietly(ask, Reply(ask.command, "nowhere", 1, garbage, garbage))
        assert done == []

    def test_it_says_the_same_twice(self) -> None:
        first, second = ([ask.command for ask in self._asks()] for _ in range(2))
        assert first == second

    # -- it has a name and looks --------------------------------------------------------------------------------

    def test_it_has_a_name_and_a_title(self) -> None:
        assert re.fullmatch(r"[a-z][a-z0-9-]*", self.engine.name)
        assert self.engine.title

    def test_its_looks_bear_its_name_and_have_limits(self) -> None:
        parts = self.engine.looks()
        names = [part.name for part in parts]
        assert len(set(names)) == len(names)
        for part in parts:
            assert part.name.startswith(self.engine.name + "/")
            assert re.fullmatch(r"[A-Za-z0-9_./-]+", part.name)
            assert 0 < part.limit <= 60

    def test_its_commands_are_data_with_a_time_limit(self) -> None:
        for ask in self._asks():
            assert ask.command.argv
            assert all(isinstance(word, str) and "\0" not in word for word in ask.command.argv)
            assert ask.command.timeout is not None

    def test_its_capabilities_give_a_reason_for_every_no(self) -> None:
        found = self.engine.capabilities(Scheduling())
        for name in found.__struct_fields__:
            capability = getattr(found, name)
            assert capability.can or capability.why_not, name

    # -- it maps ------------------------------------------------------------------------------------------------

    def test_nothing_looked_at_is_nothing_known(self) -> None:
        found = self.engine.inventory({}, 0.0)
        assert not found.present
        assert not list(_known(found))

    def test_looks_that_hang_are_unknown_and_never_absent(self) -> None:
        hung = {part.name: Finding(code=None) for part in self.engine.looks()}
        found = self.engine.inventory(hung, 0.0)
        assert not list(_known(found))
        assert found.scheduling.engine.state == "unknown"

    def test_garbage_becomes_facts_or_unknowns(self) -> None:
        for garbage in GARBAGE:
            for code in (0, 1, None):
                findings = {part.name: Finding(code, garbage, garbage) for part in self.engine.looks()}
                assert isinstance(self.engine.inventory(findings, 0.0), Inventory)

    def test_each_look_may_fail_alone(self) -> None:
        whole = {name: said.finding() for name, said in self.looks.items()}
        for name in whole:
            for finding in (Finding(code=None), Finding(1, b"", b"broken"), Finding(0, b"\xff garbage = \x00")):
                found = self.engine.inventory({**whole, name: finding}, 0.0)
                if not finding.ok:
                    assert name not in {fact.by for fact in _known(found)}, f"{name} failed and yet is a source"

    def test_recorded_looks_say_that_it_is_there(self) -> None:
        if not self.looks:
            pytest.skip("no recorded looks")
        found = self.engine.inventory({name: said.finding() for name, said in self.looks.items()}, 1e9)
        assert found.present
        assert found.evidence
        assert found.scheduling.engine.value == self.engine.name
        assert found.now.at == 1e9

    def test_every_partition_has_exactly_one_verdict(self) -> None:
        whole = {name: said.finding() for name, said in self.looks.items()}
        for failed in ("", *whole):
            scheduling = self.engine.inventory({**whole, failed: Finding(1)}, 1e9).scheduling
            if scheduling.partitions.value is None:
                assert scheduling.access.value is None, f"verdicts on partitions that are not known, without {failed}"
                continue
            partitions = [row.name for row in scheduling.partitions.value]
            rows = scheduling.access.value or ()
            assert [row.partition for row in rows] == partitions, f"without {failed}"
            for row in rows:
                assert row.verdict in VERDICTS
                assert row.words or row.verdict == "open", f"{row.partition} is {row.verdict}, and nobody says why"
                assert row.rests_on or row.verdict == "not established"
                assert row.at == (1e9 if row.rests_on == "verified" else 0.0)

    def test_a_quick_look_sees_what_the_inventory_sees(self) -> None:
        parts = self.engine.now_looks()
        names = [part.name for part in parts]
        assert set(names) <= {part.name for part in self.engine.looks()}
        if not (parts and self.looks):
            pytest.skip("no quick look")
        whole = {name: said.finding() for name, said in self.looks.items()}
        quick = self.engine.now({name: whole[name] for name in names if name in whole}, 1e9)
        now = self.engine.inventory(whole, 1e9).now
        assert (quick.at, quick.nodes, quick.queue, quick.shared) == (1e9, now.nodes, now.queue, now.shared)
        assert self.engine.now({}, 1e9).nodes.state == "unknown"

    # -- it submits ---------------------------------------------------------------------------------------------

    def test_the_job_can_be_found_by_its_token(self) -> None:
        command = self.engine.submit(self.spec, self.place).command
        carried = "\n".join(
            [
                *self.engine.directives(self.spec, self.place),
                *command.argv,
                *command.env.values(),
                command.stdin.decode(),
            ]
        )
        assert self.place.token in carried

    def test_accepted_is_an_id(self) -> None:
        for case, (said, id_) in self.accepted.items():
            outcome = self._submit(said)
            assert (outcome.id, outcome.refused, outcome.ambiguous) == (id_, "", ""), case

    def test_a_certain_no_is_refused_with_a_next_step(self) -> None:
        for case, said in self.refused.items():
            outcome = self._submit(said)
            assert outcome.refused, f"{case}: {outcome}"
            assert not outcome.id, case
            assert not outcome.ambiguous, case

    def test_what_is_not_understood_is_ambiguous(self) -> None:
        cases = {**self.ambiguous, "stopped": Said(None), "silence": Said(1), "killed": Said(137, "", "Killed")}
        for case, said in cases.items():
            outcome = self._submit(said)
            assert outcome.ambiguous, f"{case}: {outcome}"
            assert not outcome.id, case
            assert not outcome.refused, case

    def test_a_submission_that_was_stopped_is_never_refused(self) -> None:
        for said in self.refused.values():
            assert self._submit(Said(None, said.stdout, said.stderr)).ambiguous

    def test_garbage_is_no_id(self) -> None:
        ask = self.engine.submit(self.spec, self.place)
        for garbage in GARBAGE:
            outcome = _quietly(ask, Reply(ask.command, "nowhere", 1, garbage, garbage))
            if outcome is not None:
                assert isinstance(outcome, Submission)
                assert not outcome.id
                assert bool(outcome.refused) != bool(outcome.ambiguous)

    def test_a_machine_without_it_is_told_from_one_that_refuses(self) -> None:
        ask = self.engine.submit(self.spec, self.place)
        for said in self.missing.values():
            with pytest.raises(SchedulerMissing):
                ask.parse(said.to(ask.command))

    def test_its_directives_are_comment_lines(self) -> None:
        for line in self.engine.directives(self.spec, self.place):
            assert line.startswith("#")
            assert "\n" not in line

    def test_hostile_words_are_carried_whole_or_refused(self) -> None:
        for word in HOSTILE:
            for spec, place in self._hostile(word):
                try:
                    lines = self.engine.directives(spec, place)
                    self.engine.submit(spec, place)
                except InputError:
                    continue
                assert all(line.startswith("#") and not set(line) & set("\n\r\0") for line in lines)

    def test_the_job_learns_who_it_is(self) -> None:
        told = set(self.engine.job_environment())
        assert told - {"JIDO_CPUS", "JIDO_POSITION"} == {"JIDO_JOB_ID", "JIDO_RESTART", "JIDO_NODES"}

    # -- it watches ---------------------------------------------------------------------------------------------

    def test_it_reads_the_queue(self) -> None:
        ask = self.engine.status(list(self.in_queue))
        found = ask.parse(self.queue.to(ask.command))
        assert {id_: seen.state for id_, seen in found.items()} == dict(self.in_queue)
        assert all(seen.id == id_ for id_, seen in found.items())

    def test_an_id_it_does_not_know_is_not_in_the_answer(self) -> None:
        ask = self.engine.status([*self.in_queue, "424242"])
        assert set(ask.parse(self.queue.to(ask.command))) == set(self.in_queue)

    def test_it_finds_jobs_by_token(self) -> None:
        ask = self.engine.find([*self.tokens, "jido-ffffffffffffffff"])
        found = ask.parse(self.queue.to(ask.command))
        assert {token: seen.id for token, seen in found.items()} == dict(self.tokens)

    def test_an_engine_that_does_not_answer_is_down_and_its_jobs_are_not_gone(self) -> None:
        for case, said in {**self.down, "stopped": Said(None), "stopped in the middle": _cut(self.queue)}.items():
            for ask in (self.engine.status(list(self.in_queue)), self.engine.find(list(self.tokens))):
                with pytest.raises(SchedulerDown) as caught:
                    ask.parse(said.to(ask.command))
                assert caught.value.transient, case
                assert caught.value.hint, case

    def test_absent_is_never_done(self) -> None:
        for ask in (self.engine.status(["424242"]), self.engine.history(["424242"], 0.0)):
            for garbage in GARBAGE:
                for code in (0, 1, None):
                    found = ask and _quietly(ask, Reply(ask.command, "nowhere", code, garbage, b""))
                    for one in (found or {}).values():
                        for seen in one if isinstance(one, tuple) else (one,):
                            assert isinstance(seen, Sighting)
                            assert not seen.state.good, garbage

    def test_it_remembers_ended_jobs(self) -> None:
        ask = self.engine.history([*self.in_memory, "424242"], 0.0)
        if ask is None or self.memory is None:
            pytest.skip("no memory recorded")
        found = ask.parse(self.memory.to(ask.command))
        assert {id_: seen[-1].state for id_, seen in found.items()} == dict(self.in_memory)

    def test_it_forgets_what_is_older_than_the_run(self) -> None:
        ask = self.engine.history(list(self.in_memory), 4e9)
        if ask is None or self.memory is None:
            pytest.skip("no memory recorded")
        found = ask.parse(self.memory.to(ask.command))
        assert all(one.submitted is None for seen in found.values() for one in seen)

    # -- it plans and cancels -----------------------------------------------------------------------------------

    def test_unknown_facts_never_refuse(self) -> None:
        for map_ in (None, Map(name="blank")):
            spec, said = self.engine.plan(self.spec, map_)
            assert spec.argv == self.spec.argv
            assert all(isinstance(sentence, str) for sentence in said)

    def test_a_dry_run_that_was_not_answered_says_neither_yes_nor_no(self) -> None:
        ask = self.engine.estimate(self.spec, self.place)
        if ask is None:
            pytest.skip("no dry run")
        for said in (Said(None), Said(1, "", "something new")):
            verdict = _quietly(ask, said.to(ask.command))
            assert verdict is None or (isinstance(verdict, Verdict) and verdict.accepted is None)

    def test_cancelling_nothing_is_no_error(self) -> None:
        ask = self.engine.cancel([])
        ask.parse(Said(0).to(ask.command))

    # -- means --------------------------------------------------------------------------------------------------

    def _submit(self, said: Said) -> Submission:
        ask = self.engine.submit(self.spec, self.place)
        return ask.parse(said.to(ask.command))

    def _asks(self) -> Iterator[Ask[Any]]:
        ids = list(self.in_queue) or ["1"]
        yield self.engine.submit(self.spec, self.place)
        yield self.engine.find([TOKEN])
        yield self.engine.status(ids)
        yield self.engine.cancel(ids)
        for maybe in (self.engine.history(ids, 1.0), self.engine.estimate(self.spec, self.place)):
            if maybe is not None:
                yield maybe

    def _hostile(self, word: str) -> Iterator[tuple[JobSpec, Placement]]:
        change: Callable[..., Any] = msgspec.structs.replace
        for field in ("partition", "account", "qos", "constraint", "gpu_model"):
            yield change(self.spec, resources=change(self.spec.resources, gpus=1, **{field: word})), self.place
        yield change(self.spec, resources=change(self.spec.resources, extra=(word,))), self.place
        yield change(self.spec, name=word), self.place
        yield self.spec, change(self.place, folder=f"/data/{word}/runs/r1")
        yield self.spec, change(self.place, log=f"../../{word}.log")
        yield self.spec, change(self.place, after=(Before(word),))

    def _sources(self) -> Iterator[tuple[str, ast.Module]]:
        module = inspect.getmodule(type(self.engine))
        assert module is not None
        assert module.__file__ is not None
        here = Path(module.__file__)
        for file in sorted(here.parent.glob("*.py")) if here.name == "__init__.py" else [here]:
            if file.name not in self.programs:
                yield file.name, ast.parse(file.read_text("utf-8"))


def _quietly(ask: Ask[Any], reply: Reply) -> Any:
    """What the reply is read as; None where it raises one of jido's own errors. Any other error is a failed test."""
    try:
        return ask.parse(reply)
    except JidoError:
        return None


def _cut(said: Said) -> Said:
    """The same reply, broken off: what came says less than what was asked, and must not be taken for all."""
    return Said(255, said.stdout[: len(said.stdout) // 2], "")


def _known(found: Inventory) -> Iterator[Any]:
    for struct in (found.scheduling, found.now):
        for name in struct.__struct_fields__:
            fact = getattr(struct, name)
            if getattr(fact, "state", "") == "known":
                yield fact
