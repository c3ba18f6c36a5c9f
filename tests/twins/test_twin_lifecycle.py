"""Up, look, down: twice, at once, after a crash; and nothing is left."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from by_hand import said, small

from jido.errors import InputError, TwinError
from jido.twins import TwinState, down, look, processes, state, up
from jido.twins import folder as folders

pytestmark = pytest.mark.twin


def keeper_of(twin: TwinState) -> processes.Process:
    record = state.read(twin.folder / folders.STATE)
    assert record
    return record.keeper


def everyone(twin: TwinState) -> list[processes.Process]:
    keeper = keeper_of(twin)
    found = [processes.identify(pid) for pid in (keeper.pid, *processes.descendants(keeper.pid))]
    return [process for process in found if process]


def test_down_leaves_no_process_mount_socket_or_key(folder: Path) -> None:
    twin = up(small(), folder)
    said(twin, "sbatch --wrap 'sleep 600 & setsid sleep 600 & wait'; nohup setsid sleep 600 > /dev/null 2>&1 &")
    assert processes.until(lambda: "R" in said(twin, "squeue -h -o %t"), within=20)
    mine = everyone(twin)
    assert len(mine) > 10
    assert down(folder) is True
    assert not folder.exists()
    assert [process for process in mine if processes.is_alive(process)] == []
    assert str(folder) not in Path("/proc/self/mountinfo").read_text()
    assert str(folder) not in Path("/proc/net/unix").read_text()
    assert list(folder.parent.iterdir()) == []


def test_down_twice_is_fine(folder: Path) -> None:
    up(small(), folder)
    assert [down(folder), down(folder)] == [True, False]


def test_up_twice_is_a_no_op(folder: Path) -> None:
    first = up(small(), folder)
    assert keeper_of(first) == keeper_of(up(small(), folder))


def test_up_of_another_map_in_the_same_folder_is_refused(folder: Path) -> None:
    up(small(), folder)
    with pytest.raises(InputError, match="another twin is up"):
        up(small("other"), folder)


def test_two_at_once_bring_up_one(folder: Path) -> None:
    seen: list[TwinState] = []
    both = [threading.Thread(target=lambda: seen.append(up(small(), folder))) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    first, second = seen
    assert first.port == second.port
    assert first.healthy
    assert second.healthy


def test_two_twins_live_side_by_side(needs_parts: None, tmp_path: Path) -> None:
    twins = []
    try:
        for number in ("one", "two"):
            twins.append(up(small(), tmp_path / number))
        said(twins[0], "echo one > /data/student/who")
        assert said(twins[1], "ls /data/student") == ""
        assert said(twins[0], "srun -N2 cat /data/student/who").split() == ["one", "one"]
        assert said(twins[1], "srun -N2 hostname | sort").split() == ["small-n1", "small-n2"]
        down(tmp_path / "one")
        assert look(tmp_path / "two").healthy
    finally:
        for number in ("one", "two"):
            down(tmp_path / number)


def test_a_dead_daemon_is_named(folder: Path) -> None:
    twin = up(small(), folder)
    victim = next(daemon for daemon in twin.daemons if daemon.name == "slurmd@small-n2")
    assert victim.pid
    assert processes.command_of(victim.pid) == "slurmd"
    os.kill(victim.pid, signal.SIGKILL)
    assert processes.until(lambda: bool(look(folder).dead), within=10)
    now = look(folder)
    assert now.dead == ("slurmd@small-n2",)
    assert now.running
    assert not now.healthy
    dead = next(daemon for daemon in now.daemons if not daemon.alive)
    assert dead.machine == "small-n2"
    assert dead.code == 137


def test_look_says_why_the_scheduler_does_not_answer(folder: Path) -> None:
    twin = up(small(), folder)
    os.kill(next(daemon.pid or 0 for daemon in twin.daemons if daemon.name == "slurmctld"), signal.SIGKILL)
    assert processes.until(lambda: "slurmctld" in look(folder).dead, within=10)
    now = look(folder)
    assert now.nodes == ()
    assert now.why == "slurmctld is not running"


def test_up_after_a_daemon_died_brings_all_back_with_the_data(folder: Path) -> None:
    twin = up(small(), folder)
    said(twin, "echo thesis > ~/kept; srun -w small-n1 sh -c 'echo set > /local_datasets/kept'")
    os.kill(next(daemon.pid or 0 for daemon in twin.daemons if daemon.name == "munged"), signal.SIGKILL)
    assert processes.until(lambda: bool(look(folder).dead), within=10)
    again = up(small(), folder)
    assert again.healthy
    assert said(again, "cat ~/kept; srun -w small-n1 cat /local_datasets/kept").split() == ["thesis", "set"]


def test_everything_goes_with_the_keeper_and_up_starts_again(folder: Path) -> None:
    twin = up(small(), folder)
    said(twin, "echo thesis > ~/kept; nohup setsid sleep 600 > /dev/null 2>&1 &")
    mine = everyone(twin)
    os.kill(keeper_of(twin).pid, signal.SIGKILL)
    assert processes.wait_gone(mine, within=10) == []
    crashed = look(folder)
    assert not crashed.running
    assert "died" in crashed.why
    assert said(up(small(), folder), "cat ~/kept") == "thesis"


def test_down_keep_leaves_the_data_and_nothing_else(folder: Path) -> None:
    said(up(small(), folder), "echo thesis > ~/kept")
    assert down(folder, keep=True) is True
    assert not (folder / "id_ed25519").exists()
    assert not (folder / "keys").exists()
    assert sorted(entry.name for entry in folder.iterdir()) == ["nodes", "twin.json", "volumes"]
    assert not look(folder).running
    assert said(up(small(), folder), "cat ~/kept") == "thesis"


def test_a_part_that_does_not_come_up_is_named_and_nothing_stays(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jido.twins.recipes.slurm.slurm_conf", lambda *_, **__: "ClusterName=x\nNonsense=1\n")
    with pytest.raises(TwinError, match="did not come up") as caught:
        up(small(), folder)
    assert "slurmctld" in str(caught.value)
    assert "Nonsense" in (folder / "logs/slurmctld.log").read_text()
    assert not (folder / "id_ed25519").exists()
    assert str(folder) not in Path("/proc/net/unix").read_text()


def test_a_twin_outlives_the_process_that_started_it(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from jido.twins import up; from by_hand import small;"
        "up(small(), Path(sys.argv[1]))"
    )
    here = str(Path(__file__).parent)
    subprocess.run(
        [sys.executable, "-c", code, str(folder)], check=True, cwd=here, env={**os.environ, "PYTHONPATH": here}
    )
    assert look(folder).healthy


def test_a_starter_that_is_killed_leaves_nothing_that_down_does_not_find(folder: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from jido.twins import starting, up;"
        "from by_hand import small;"
        "starting._wait = lambda *_: os.kill(os.getpid(), signal.SIGKILL);"
        "up(small(), Path(sys.argv[1]))"
    )
    here = str(Path(__file__).parent)
    env = {**os.environ, "PYTHONPATH": here}
    done = subprocess.run([sys.executable, "-c", code, str(folder)], cwd=here, env=env, check=False)
    assert done.returncode == -signal.SIGKILL
    record = state.read(folder / folders.STATE)
    assert record
    assert processes.is_alive(record.keeper)
    assert down(folder) is True
    assert not processes.is_alive(record.keeper)
    # A machine that was just starting when the keeper died must not live on; its outer bwrap names the folder.
    assert processes.until(lambda: not _naming(folder), within=5), _naming(folder)


def _naming(folder: Path) -> list[str]:
    """Living processes with a folder in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and str(folder).encode() in (entry / "cmdline").read_bytes():
                found.append(entry.name)
    return found
