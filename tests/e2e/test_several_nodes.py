"""Jobs over several nodes, on a real Slurm: they meet, reduce, fail together and hear signals together."""

from __future__ import annotations

import subprocess
import time
from itertools import chain

import pytest
from tests.e2e.conftest import Person

pytestmark = [pytest.mark.twin, pytest.mark.xdist_group("hanok")]

# Every process brings its rank to the first one and gets the sum back: an all-reduce by nothing but the variables.
REDUCE = """\
import os, socket, time
rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
place = (os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
if rank == 0:
    server = socket.create_server(("", place[1]))
    others = [server.accept()[0] for _ in range(world - 1)]
    total = sum(int(other.recv(64)) for other in others)
    for other in others:
        other.sendall(b"%d" % total)
else:
    for _ in range(100):
        try:
            server = socket.create_connection(place)
            break
        except OSError:
            time.sleep(0.1)
    server.sendall(b"%d" % rank)
    total = int(server.recv(64))
names = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "NNODES", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
words = [str(total), *(os.environ[name] for name in names), socket.gethostname(), os.environ["JIDO_NODES"]]
os.write(1, (" ".join(words) + "\\n").encode())  # at once, or the processes' words mix
"""
MPI = """\
import os, socket
from mpi4py import MPI
world = MPI.COMM_WORLD
line = f"{world.allreduce(world.rank)} {world.rank} {world.size} {socket.gethostname()}\\n"
os.write(1, line.encode())  # at once, or the processes' words mix
"""

# libfabric, which Open MPI 4.1 would take here, sometimes loses a message between nodes that share a loopback.
PLAIN_TCP = {"OMPI_MCA_pml": "ob1", "OMPI_MCA_btl": "self,tcp", "OMPI_MCA_btl_tcp_if_include": "lo"}


def has_mpi() -> bool:
    return subprocess.run(["/usr/bin/python3", "-c", "import mpi4py.MPI"], capture_output=True).returncode == 0


def test_processes_on_two_nodes_find_each_other_by_their_variables(person: Person) -> None:
    (person.folder / "reduce.py").write_text(REDUCE)
    done = person.types("run", "--on", "hanok", "-N", "2", "--tasks", "2", "--", "python3", "reduce.py")
    # On a busy machine srun says that it waits for the nodes, which are this job's.
    printed = [line for line in done.stdout.splitlines() if not line.startswith("srun: ")]
    assert sorted(printed) == [
        "6 0 0 0 0 2 4 2 hanok-g1 hanok-g[1-2]",
        "6 1 1 0 0 2 4 2 hanok-g1 hanok-g[1-2]",
        "6 2 0 1 1 2 4 2 hanok-g2 hanok-g[1-2]",
        "6 3 1 1 1 2 4 2 hanok-g2 hanok-g[1-2]",
    ]
    assert "started 4 times" in done.stderr


@pytest.mark.skipif(not has_mpi(), reason="mpi4py is not installed for the system's python")
@pytest.mark.parametrize("way", ["", "mpirun"])
def test_an_mpi_program_reduces_over_two_nodes(person: Person, way: str) -> None:
    (person.folder / "reduce.py").write_text(MPI)
    chosen = [("-e", f"{name}={value}") for name, value in (*PLAIN_TCP.items(), ("JIDO_MPI", way)) if value]
    words = ("run", "--on", "hanok", "-N", "2", "--tasks", "2", "--launch", "mpi", *chain(*chosen))
    said = person.types(*words, "--", "python3", "reduce.py").stdout.splitlines()
    assert sorted(line for line in said if line[0].isdigit()) == [
        "6 0 4 hanok-g1",
        "6 1 4 hanok-g1",
        "6 2 4 hanok-g2",
        "6 3 4 hanok-g2",
    ]


def test_torchrun_is_told_where_to_meet(person: Person) -> None:
    # In its place: what it would read, and what it was given to start.
    tool = person.folder / "torchrun"
    tool.write_text('#!/bin/sh\nprintf "%s " "$@"; env | grep ^PET_ | sort | cut -d= -f2 | paste -sd" "\n')
    tool.chmod(0o755)
    line = "PATH=$PWD:$PATH; exec torchrun train.py"
    words = ("run", "--on", "hanok", "-N", "2", "-g", "2", "--launch", "torchrun")
    first, second = sorted(person.types(*words, "--", "bash", "-c", line).stdout.splitlines())
    assert first.startswith("train.py hanok-g1 ")
    assert first.split()[2:] == [first.split()[2], "2", "0", "2"]
    assert second.split()[2:] == [first.split()[2], "2", "1", "2"]


def test_one_failing_process_ends_the_others_and_fails_the_job(person: Person) -> None:
    # The first fails only when the other is there to be told.
    here = "$JIDO_ROOT/other-is-there"
    waits = f'until [ -e "{here}" ]; do sleep 0.1; done; exit 7'
    line = f'if [ "$RANK" = 1 ]; then {waits}; fi; trap "echo ended; exit 3" TERM; touch "{here}"; sleep 600 & wait'
    began = time.monotonic()
    said = person.types("run", "--on", "hanok", "-N", "2", "--", "bash", "-c", line, code=10)
    assert time.monotonic() - began < 60
    assert "ended" in said.stdout
    assert person.run()["state"] == "failed"


def test_two_jobs_of_one_node_get_different_ports(person: Person) -> None:
    words = ("submit", "--on", "hanok", "--tasks", "2", "-p", "debug", "--launch", "tasks", "--")
    line = "echo $MASTER_PORT; until [ -e $JIDO_ROOT/go ]; do sleep 0.1; done"
    numbers = [person.types(*words, "bash", "-c", line).stdout.strip() for _ in range(2)]
    root = person.run()["root"]
    person.types("run", "--on", "hanok", "--", "touch", f"{root}/go")
    person.types("wait", *numbers)
    ports = [set(person.types("logs", number).stdout.split()) for number in numbers]
    assert [len(port) for port in ports] == [1, 1]
    assert ports[0] != ports[1]
