"""Functions called on a cluster: their values, their exceptions and their ends, as futures of concurrent.futures."""

from __future__ import annotations

import concurrent.futures as cf
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.jobs.conftest import HOSTILE, until

import jido
from jido.api import jobs, sweeps, watching
from jido.api.handle import Connection
from jido.errors import InputError, JobFailed, NotFound
from jido.jobs.calling import host, packing, returning
from jido.model.job import State

WAIT = 90


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """This machine's own queue, from within a project whose folder's name is hostile."""
    monkeypatch.setenv("JIDO_SPOOL_IDLE", "0.5")
    monkeypatch.setattr(watching, "_LATE", 0.5)
    monkeypatch.setattr(watching, "_FIRST", 1.0)
    project = tmp_path / HOSTILE.replace("/", "").strip()
    project.mkdir()
    monkeypatch.chdir(project)
    watching.watched.cache_clear()
    yield jido.connect("local")
    watch = watching.watched("local")
    until(lambda: watch._thread is None, WAIT)
    jobs.ledger().close()
    watching.watched.cache_clear()


def test_a_closure_a_lambda_and_hostile_items_arrive_exactly(local: Connection) -> None:
    base = {"한글": 7}

    def closure(item: Any, **named: Any) -> Any:
        return item, named, base["한글"]

    items = [HOSTILE, "$(touch pwned)", "", "'\n\"", b"\0\xff", None, float("inf"), {"a": [1, (2,)]}]
    single = local.call(closure, HOSTILE, more=items)
    made = local.map(lambda item: (item, base), items)
    assert single.result(WAIT) == (HOSTILE, {"more": items}, 7)
    assert [call.result(WAIT) for call in made] == [(item, base) for item in items]
    assert not Path("pwned").exists()
    assert len({call.run.number for call in made if call.run}) == 1
    runs = [call.run for call in (single, made[0]) if call.run]
    assert [run.title for run in runs] == ["closure", "lambda"]


def test_modules_of_the_project_are_imported_there_and_paths_are_those_of_the_run(
    local: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("src").mkdir()
    Path("src/within.py").write_text("def twice(x):\n    return 2 * x\n")
    Path("beside.py").write_text("import within\n\ndef more(x):\n    open('results/out', 'w').write(str(x))\n")
    Path("beside.py").write_text(Path("beside.py").read_text() + "    return within.twice(x) + 1\n")
    monkeypatch.syspath_prepend(str(Path("src").absolute()))
    monkeypatch.syspath_prepend(str(Path.cwd()))
    import beside  # type: ignore[import-not-found]

    made = local.map(beside.more, range(5), chunk=2)
    assert [call.result(WAIT) for call in made] == [1, 3, 5, 7, 9]
    run = made[0].run
    assert run
    assert len(jobs.ledger().tasks(run.number)) == 3
    assert (Path(run.root) / "results" / run.name / "0" / "out").read_text() == "1"
    for name in ("beside", "within"):
        sys.modules.pop(name, None)


def test_an_exception_comes_back_as_itself_and_says_where_it_was_raised(local: Connection) -> None:
    class Wrong(Exception):
        pass

    class Stubborn(Exception):
        """Cannot be made again from its arguments."""

        def __init__(self, one: int, two: int) -> None:
            super().__init__("나쁨\n$(x)")

    class Holder(Exception):
        """Cannot be pickled at all."""

    def act(how: str) -> Any:
        if how == "wrong":
            raise Wrong(HOSTILE)
        if how == "stubborn":
            raise Stubborn(1, 2)
        if how == "holder":
            raise Holder(threading.Lock())
        if how == "exit":
            sys.exit(0)
        return (x for x in "ab") if how == "generator" else how

    wrong, stubborn, holder, left, generator, good = local.map(
        act, ["wrong", "stubborn", "holder", "exit", "generator", "good"], chunk=6
    )
    assert good.result(WAIT) == "good"
    with pytest.raises(Wrong) as seen:
        wrong.result(WAIT)
    assert seen.value.args == (HOSTILE,)
    assert wrong.run
    assert f"run {wrong.run.number} (act) raised" in str(seen.value.__cause__)
    assert "raise Wrong(HOSTILE)" in str(seen.value.__cause__) or "in act" in str(seen.value.__cause__)
    with pytest.raises(JobFailed, match="Stubborn: 나쁨"):
        stubborn.result(WAIT)
    with pytest.raises(JobFailed, match="Holder"):
        holder.result(WAIT)
    with pytest.raises(JobFailed, match="SystemExit"):
        left.result(WAIT)
    with pytest.raises(TypeError, match="result cannot be pickled"):
        generator.result(WAIT)
    run = wrong.run
    until(lambda: jobs.refresh([jobs.ledger().get(run.number)]).runs[0].settled, WAIT)
    assert jobs.ledger().get(run.number).state is State.FAILED


def test_what_cannot_be_pickled_is_said_before_anything_is_sent(local: Connection) -> None:
    with pytest.raises(InputError, match="argument 2 cannot be sent") as seen:
        local.map(len, ["a", threading.Lock()])
    assert "within the function" in seen.value.hint
    with pytest.raises(InputError, match="chunk = 0"):
        local.map(len, ["a"], chunk=0)
    assert jobs.ledger().count() == 0
    assert local.map(len, []) == []


def test_the_executor_is_one_of_concurrent_futures(local: Connection) -> None:
    with local.executor(cpus=1) as executor:
        made = [executor.submit(pow, number, 2) for number in range(7)]
        assert sorted(call.result() for call in cf.as_completed(made, WAIT)) == [n * n for n in range(7)]
        assert list(executor.map(pow, [2, 3], [5, 4], timeout=WAIT)) == [32, 81]
        late = executor.submit(time.sleep, 600)
        done, open_ = cf.wait([*made, late], 0.1)
        assert (done, open_) == (set(made), {late})
        until(lambda: late.run is not None, WAIT)
        assert late.cancel()
        assert late.cancel()
        assert late.cancelled()
        assert not made[0].cancel()
    with pytest.raises(RuntimeError, match="shut down"):
        executor.submit(pow, 1, 1)
    assert len({call.run.number for call in made if call.run}) == 7
    run = late.run
    assert run
    until(lambda: jobs.refresh([jobs.ledger().get(run.number)]).runs[0].settled, WAIT)
    assert jobs.ledger().get(run.number).state is State.CANCELLED


def test_one_of_many_is_cancelled_and_the_others_go_on(local: Connection) -> None:
    slow, quick = local.map(lambda seconds: time.sleep(seconds) or seconds, [600, 0.1])
    assert quick.result(WAIT) == 0.1
    assert slow.cancel()
    with pytest.raises(cf.CancelledError):
        slow.result()
    run = slow.run
    assert run
    until(lambda: jobs.refresh([jobs.ledger().get(run.number)]).runs[0].settled, WAIT)
    assert [task.state for task in jobs.ledger().tasks(run.number)] == [State.CANCELLED, State.DONE]


def test_a_job_that_was_killed_is_an_error_that_names_the_run_its_state_and_its_last_words(local: Connection) -> None:
    def killed(how: str) -> None:
        print(f"about to {how} 마지막 말", flush=True)
        os.kill(os.getpid(), signal.SIGKILL) if how == "die" else os._exit(0)

    for how, state in (("die", "is failed"), ("vanish", "ended well but left no result")):
        call = local.call(killed, how)
        with pytest.raises(JobFailed, match=state) as seen:
            call.result(WAIT)
        assert call.run
        assert f"run {call.run.number} (killed)" in seen.value.what
        assert f"about to {how} 마지막 말" in seen.value.cause
        assert f"jido logs {call.run.number}" in seen.value.hint


def test_large_results_come_home_whole(local: Connection) -> None:
    sizes = [0, returning.EACH - 500, returning.EACH + 1, 3 * returning.EACH]
    made = local.map(lambda size: os.urandom(1) * size, sizes, chunk=2)
    assert [len(call.result(WAIT)) for call in made] == sizes
    size = returning.EACH - 1000
    many = local.map(lambda at: bytes([at]) * size, range(returning.ALL // size + 2), chunk=5)
    assert [set(call.result(WAIT)) for call in many] == [{at} for at in range(len(many))]


SESSION = """
import sys, jido
def f(x):
    if x == 2:
        raise KeyError(x)
    return x * factor
factor = 10
made = jido.connect("local").map(f, [0, 1, 2])
print(made[0].run.number, flush=True)
"""


def test_results_of_an_interrupted_session_are_picked_up_again(local: Connection) -> None:
    # What a script defines is pickled by value, and nobody waits.
    said = subprocess.run([sys.executable, "-c", SESSION], capture_output=True, text=True, timeout=WAIT)
    assert said.returncode == 0, said.stderr
    run = int(said.stdout)
    zero, one, two = local.calls(run)
    assert (zero.result(WAIT), one.result(WAIT)) == (0, 10)
    with pytest.raises(KeyError):
        two.result(WAIT)
    with pytest.raises(KeyError):
        local.results(run, WAIT)
    other = local.submit(["true"])
    with pytest.raises(NotFound, match="has no results of functions"):
        other.result()
    with pytest.raises(NotFound):
        local.results(999)


def test_only_the_calls_that_failed_are_retried_and_all_results_are_found(local: Connection) -> None:
    def once(item: int) -> tuple[int, str]:
        if item == 3 and not Path("data/mended").exists():
            raise OSError("not mended")
        return item, os.environ["JIDO_RUN"]

    made = local.map(once, range(5), chunk=2)
    cf.wait(made, WAIT)
    run = made[0].run
    assert run
    until(lambda: jobs.refresh([jobs.ledger().get(run.number)]).runs[0].settled, WAIT)
    Path(run.root, "data/mended").touch()
    again = sweeps.retry(jobs.ledger().get(run.number))
    results = local.results(again.number, WAIT)
    assert [item for item, _ in results] == [0, 1, 2, 3, 4]
    assert [Path(folder).name == again.name for _, folder in results] == [False, False, True, True, False]


def other_pythons() -> dict[tuple[int, int], str]:
    """Interpreters of other versions that work: on the PATH, and installed beside this one."""
    beside = sorted(Path(sys.base_prefix).parent.glob("3.*/bin/python3"))
    named = [Path(place, f"python3.{minor}") for place in os.environ["PATH"].split(":") for minor in range(6, 16)]
    found: dict[tuple[int, int], str] = {}
    for path in filter(Path.exists, [*beside, *named]):
        asked = [path, "-c", "import sys; print(*sys.version_info[:2])"]
        said = subprocess.run(asked, capture_output=True, text=True)
        if said.returncode == 0 and len(said.stdout.split()) == 2:
            major, minor = map(int, said.stdout.split())
            if (major, minor) != sys.version_info[:2]:
                found.setdefault((major, minor), str(path))
    return found


def test_another_python_there_is_said_before_anything_is_unpickled(local: Connection) -> None:
    python = next(iter(other_pythons().values()), "")
    if not python:
        pytest.skip("there is one version of Python here; the test below stands in")
    Path("jido.toml").write_text(f"[env]\npython = {json.dumps(python)}\n")
    call = local.call(lambda: 1)
    with pytest.raises(JobFailed, match=r"ran under Python 3\.\d+, here is Python") as seen:
        call.result(WAIT)
    assert "under [env] in jido.toml" in seen.value.hint
    assert local.call(abs, -3).result(WAIT) == 3


def test_a_function_of_another_python_is_not_unpickled(tmp_path: Path) -> None:
    marker = tmp_path / "unpickled"
    files = packing.files(lambda: marker.touch(), [((), {})], tmp_path)
    content = files[packing.INPUT][0]
    head, _, body = content.partition(b"\n")
    told = json.loads(head) | {"python": [3, 6]}
    (tmp_path / packing.INPUT).write_bytes(json.dumps(told).encode() + b"\n" + body)
    (tmp_path / packing.PROGRAM).write_bytes(files[packing.PROGRAM][0])
    said = subprocess.run(
        [sys.executable, "-I", str(tmp_path / packing.PROGRAM), "1", "0:1"],
        env={"JIDO_RUN": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert said.returncode == host.OTHER_PYTHON
    assert "the function is of Python 3.6" in said.stderr
    assert not marker.exists()
    with (tmp_path / "returned/0").open("rb") as file:
        error = returning.outcome(file, "run 7 (f)", "").error
    assert isinstance(error, JobFailed)
    assert f"python{sys.version_info[0]}.{sys.version_info[1]}" in error.hint


def test_the_program_needs_nothing_but_python(local: Connection) -> None:
    # -I -S: neither site-packages nor the folder it is started in.
    Path("jido.toml").write_text('[env]\npython = "./bare python"\n')
    Path("bare python").write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    Path("bare python").chmod(0o755)
    offset = 3
    assert local.call(lambda x: x + offset, 4).result(WAIT) == 7


def test_many_commands_are_handed_over_side_by_side_each_once_and_waited_for_together(local: Connection) -> None:
    found = local.submit_all([["sh", "-c", f"echo {number}; exit {number % 2}"] for number in range(9)], cpus=1)
    assert sorted(job.run.number for job in found) == list(range(1, 10))
    assert local.wait_all(found, WAIT) == found
    assert [job.state for job in found] == [State.DONE, State.FAILED] * 4 + [State.DONE]
    assert [job.log() for job in found] == [f"{number}\n" for number in range(9)]
    assert len({job.run.job for job in found}) == 9
    slow = local.submit_all([["sleep", "600"], ["sh", "-c", "kill -9 $PPID $$"]])
    assert not local.wait_all(slow[:1], 0.5)[0].state.ended
    slow[0].cancel()
    assert [job.state.ended for job in local.wait_all(slow, WAIT)] == [True, True]
    assert local.submit_all([]) == []
    assert local.wait_all([]) == []


def test_code_that_somebody_changed_there_is_pushed_again_for_many_runs_too(local: Connection) -> None:
    Path("say").write_text("old")
    [first] = local.submit_all([["cat", "say"]])
    there = Path(first.run.root, "code/say")
    there.chmod(0o644)
    there.write_text("changed by hand")
    Path("say").write_text("new")
    Path(first.run.root, ".jido/code.tree").write_text("another push\n")
    found = local.wait_all(local.submit_all([["cat", "say"]] * 3), WAIT)
    assert [job.log() for job in found] == ["new"] * 3
