"""Slurm under the contract every engine keeps, with the replies of each version."""

from recordings import CERTAIN, LIVE, NOT_THERE, OPEN, memory, said, states, tokens

from jido.engines.slurm import Slurm
from jido.testing.engines import EngineContract, Said


class Slurms(EngineContract):
    engine = Slurm()

    def __init_subclass__(cls, version: str) -> None:
        submit, queue = said(version, "submit"), said(version, "queue")
        cls.accepted = {
            "plain": (submit["accepted"], submit["accepted"].stdout.strip()),
            "of another cluster": (Said(0, "123;aurora\n"), "123"),
            "below a wrapper's greeting": (Said(0, "Welcome, 2024 is here\n77 jobs wait\n456\n"), "456"),
            "after waiting": (Said(0, "9\n", "sbatch: error: Slurm temporarily unable to accept job, sleeping"), "9"),
        }
        cls.refused = {case: submit[case] for case in CERTAIN if case in submit}
        cls.ambiguous = {"the controller hangs": submit["controller hangs"], **OPEN}
        cls.missing = {"no sbatch": submit["no sbatch"], **NOT_THERE}
        cls.queue = queue["states"]
        cls.in_queue = states(version, LIVE)
        cls.tokens = tokens(version)
        cls.down = {case: queue[case] for case in ("controller hangs", "controller down")}
        cls.memory = said(version, "history")["states"]
        cls.in_memory = memory(version)
        cls.looks = said(version, "looks")


class TestSlurm2205(Slurms, version="22.05.8"):
    pass


class TestSlurm2205WithAccounting(Slurms, version="22.05.8-slurmdbd"):
    pass


class TestSlurm2411(Slurms, version="24.11.5"):
    pass


class TestSlurm2605(Slurms, version="26.05.5"):
    pass


del Slurms
