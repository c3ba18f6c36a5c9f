# ruff: noqa: RUF012 - a contract is filled in by class attributes
"""Both dialects under the contract. No PBS could be run: the replies are composed, not recorded."""

from jido.engines.pbs import Pbs
from jido.model.job import State
from jido.testing.engines import EngineContract, Said

_PRO = """\
Job Id: 101.pbs
    Job_Name = train
    job_state = R
    queue = workq
    ctime = Fri Nov 27 12:00:00 2026
    stime = Fri Nov 27 12:01:00 2026
    exec_host = g1/0*4+g2/0*4
    Variable_List = PBS_O_HOME=/home/me,JIDO_TOKEN=jido-00000000000000a1,
\tPBS_O_WORKDIR=/data/me/p/runs/r1

Job Id: 102.pbs
    job_state = H
    Hold_Types = u
    queue = workq
    ctime = Fri Nov 27 12:00:00 2026

Job Id: 103.pbs
    job_state = Q
    comment = Not Running: Insufficient amount of resource: ngpus
"""
_ENDED = """\
Job Id: 1.pbs
    job_state = F
    Exit_status = 0
    ctime = Fri Nov 27 12:00:00 2026

Job Id: 2.pbs
    job_state = F
    Exit_status = 3

Job Id: 3.pbs
    job_state = F
    Exit_status = -29

Job Id: 4.pbs
    job_state = F
    Exit_status = -27

Job Id: 5.pbs
    job_state = F
    Exit_status = 271
    substate = 91

Job Id: 6.pbs
    job_state = F
    Exit_status = 267

Job Id: 7.pbs
    job_state = F
    substate = 91
"""
_ENDS = {
    "1.pbs": State.DONE, "2.pbs": State.FAILED, "3.pbs": State.TIMED_OUT, "4.pbs": State.OUT_OF_MEMORY,
    "5.pbs": State.CANCELLED, "6.pbs": State.FAILED, "7.pbs": State.CANCELLED,
}  # fmt: skip
_QUEUES = """\
Queue: workq
    queue_type = Execution
    resources_max.walltime = 24:00:00
    enabled = True
    started = True

Queue: vip
    queue_type = Execution
    acl_user_enable = True
    acl_users = boss@*
    enabled = True
    started = True
"""
_SERVER = "Server: pbs\n    server_state = Active\n    default_queue = workq\n"


class Pbses(EngineContract):
    engine = Pbs()
    accepted = {"plain": (Said(0, "123.pbs\n"), "123.pbs"), "array": (Said(0, "7[].pbs\n"), "7[].pbs")}
    refused = {
        "no such queue": Said(170, "", "qsub: Unknown queue"),
        "over the limit": Said(188, "", "qsub: Job exceeds queue resource limits MSG=walltime"),
        "a hook": Said(1, "", "qsub: request rejected as hook: please name a project"),
    }
    ambiguous = {"broke off": Said(1, "", "qsub: End of File"), "unknown": Said(1, "", "qsub: well")}
    missing = {"not installed": Said(127, "", "sh: 1: qsub: not found")}
    down = {"refused": Said(255, "", "qstat: cannot connect to server pbs (errno=111)")}


class TestOpenPbs(Pbses):
    queue = Said(0, _PRO)
    in_queue = {"101.pbs": State.RUNNING, "102.pbs": State.QUEUED, "103.pbs": State.QUEUED}
    tokens = {"jido-00000000000000a1": "101.pbs"}
    memory = Said(35, _ENDED, "qstat: Unknown Job Id 424242.pbs")
    in_memory = _ENDS
    looks = {
        "pbs/version": Said(0, "pbs_version = 23.06.06\n"),
        "pbs/server": Said(0, _SERVER),
        "pbs/queues": Said(0, _QUEUES),
        "pbs/me": Said(0, "me\nusers\n"),
        "pbs/nodes": Said(
            0,
            "g1\n     state = free\n     resources_available.ncpus = 16\n     resources_available.mem = 64gb\n"
            "     resources_available.ngpus = 4\n     resources_assigned.ncpus = 4\n"
            "     resources_assigned.ngpus = 1\n",
        ),
        "pbs/mine": Said(0, _PRO),
    }

    def test_the_map_knows_gpus_lists_and_limits(self) -> None:
        found = self.engine.inventory({name: said.finding() for name, said in self.looks.items()}, 1e9)
        assert [(one.names, one.cpus, one.gpus[0].count) for one in found.nodes] == [("g1", 16, 4)]
        assert [row.verdict for row in found.scheduling.access.value or ()] == ["open", "no access"]
        assert (found.scheduling.partitions.value or ())[0].max_time == 86400
        assert (found.now.nodes.value or ())[0].gpus_used == {"": 1}


class TestTorque(Pbses):
    queue = Said(
        0,
        "Job Id: 9.m\n    job_state = C\n    exit_status = 271\n    resources_used.walltime = 00:10:03\n"
        "    Resource_List.walltime = 00:10:00\n\n"
        "Job Id: 8.m\n    job_state = R\n    Variable_List = JIDO_TOKEN=jido-00000000000000b1,PBS_O_WORKDIR=/d\n",
    )
    in_queue = {"9.m": State.TIMED_OUT, "8.m": State.RUNNING}
    tokens = {"jido-00000000000000b1": "8.m"}
    looks = {
        "pbs/version": Said(0, "Version: 6.1.2\nCommit: 0\n"),
        "pbs/server": Said(0, _SERVER),
        "pbs/queues": Said(0, _QUEUES),
        "pbs/me": Said(0, "me\nusers\n"),
        "pbs/nodes": Said(0, "n1\n     state = free\n     np = 8\n     gpus = 2\n     jobs = 0-3/8.m\n"),
        "pbs/mine": Said(0, ""),
    }

    def test_the_map_counts_torques_cores(self) -> None:
        found = self.engine.inventory({name: said.finding() for name, said in self.looks.items()}, 1e9)
        assert (found.now.nodes.value or ())[0].cpus_used == 4
        assert found.nodes[0].gpus[0].count == 2


del Pbses


def test_a_script_is_read_as_qsub_reads_it() -> None:
    text = (
        "#!/bin/sh\n#PBS -q gpu -l select=2:ncpus=8:ngpus=1:mem=4gb\n#PBS -l walltime=1:30:00\ntrue\n#PBS -A late\n"
    )
    found = Pbs().read_script(text, None)
    want = found.resources
    assert (want.partition, want.nodes, want.cpus, want.gpus, want.time) == ("gpu", 2, 8, 1, 5400)
    assert want.memory == 4 * 1024**3
    assert [(flaw.kind, flaw.span.line) for flaw in found.flaws] == [("unread", 5)]
    assert found.body == 4
