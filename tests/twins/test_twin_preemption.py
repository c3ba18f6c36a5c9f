"""Jobs give way to others in a twin as on its cluster."""

from pathlib import Path

import pytest
from by_hand import said

from jido.model.facts import known
from jido.model.limits import Qos
from jido.model.map import Instance, Map, NodeGroup, Partition, Scheduling
from jido.twins import processes, spec_of, up
from jido.twins.spec import TwinSpec


def twin_of(*rows: Partition, rules: tuple[Qos, ...] = (), **settings: str) -> TwinSpec:
    scheduling = Scheduling(
        engine=known("slurm", "told"),
        partitions=known(rows, "told"),
        qos_rules=known(rules, "told"),
        settings=known(settings, "told"),
    )
    return spec_of(Map("c", instance=Instance(nodes=(NodeGroup("n1", cpus=1),)), scheduling=scheduling))


def test_what_the_settings_say_holds() -> None:
    rows = (Partition("low", "n1", preempt="requeue"),)
    spec = twin_of(*rows, PreemptType="preempt/qos", PreemptMode="GANG,SUSPEND")
    assert (spec.preempt, spec.preempt_mode) == ("qos", "gang,suspend")
    assert twin_of(*rows, PreemptType="preempt/none", PreemptMode="OFF").preempt == ""


def test_else_what_partitions_and_qos_need() -> None:
    assert twin_of(Partition("low", "n1")).preempt == ""
    spec = twin_of(Partition("low", "n1"), Partition("lab", "n1", preempt="suspend"))
    assert (spec.preempt, spec.preempt_mode) == ("partition_prio", "suspend,gang")
    assert twin_of(Partition("low", "n1"), rules=(Qos("high", preempts=("low",)),)).preempt == "qos"


@pytest.mark.twin
def test_a_job_of_a_higher_partition_puts_one_of_a_lower_back_into_the_queue(folder: Path) -> None:
    low, high = Partition("low", "n1", preempt="requeue"), Partition("high", "n1", priority=10)
    twin = up(twin_of(low, high), folder)
    shown = said(twin, "scontrol show partition -o | grep -o 'PriorityTier=[0-9]*\\|PreemptMode=[A-Z]*'").split()
    assert sorted(shown) == ["PreemptMode=OFF", "PreemptMode=REQUEUE", "PriorityTier=1", "PriorityTier=10"]
    said(twin, "sbatch -p low -J low -o /dev/null --wrap 'sleep 600'")
    assert processes.until(lambda: said(twin, "squeue -h -n low -o %t") == "R", within=60)
    said(twin, "sbatch -p high -J high -o /dev/null --wrap 'sleep 600'")
    # For a moment it is in no state that squeue shows by itself.
    back = "scontrol show job -o | grep 'JobName=low ' | grep -o 'JobState=[A-Z]* \\|Restarts=[0-9]*' | paste -sd ' '"
    assert processes.until(lambda: said(twin, back).split() == ["JobState=PENDING", "Restarts=1"], within=60), said(
        twin, "scontrol show job"
    )
