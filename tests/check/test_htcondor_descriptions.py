"""`jido check` on a submit description: held against a pool's map, advised and rewritten in HTCondor's words."""

from __future__ import annotations

from typing import Any

import pytest

from jido.check.case import Case, Looked
from jido.check.findings import Report
from jido.check.look import questions
from jido.check.rewriting import preview, rewritten
from jido.check.run import examine
from jido.check.speech import finding_in
from jido.engines.htcondor import HTCondor
from jido.model.facts import known
from jido.model.limits import Access
from jido.model.map import Gpu, Instance, Map, NodeGroup, Partition, Scheduling

HEAD = "executable = train.sh\n"


def soban() -> Map:
    pool = (Partition("soban", "e[1-2]", default=True, by="htcondor/slots"),)
    rows = (NodeGroup("e[1-2]", "compute", 16, 64 * 1024**3, (Gpu(count=4),), by="htcondor/slots"),)
    return Map(
        name="soban",
        instance=Instance(nodes=rows),
        scheduling=Scheduling(
            engine=known("htcondor", "version"),
            partitions=known(pool, "htcondor/slots"),
            settings=known({}, "config"),
            access=known((Access("soban", "open", "declared"),), "htcondor/slots"),
        ),
    )


def case(text: str, **more: Any) -> Case:
    engine, map_ = HTCondor(), soban()
    script = engine.read_script(text, map_)
    return Case(
        file="train.sub",
        text=text,
        want=script.resources,
        script=script,
        map=map_,
        objections=() if script.several else engine.objections(script.resources, map_),
        write=engine.write_option,
        **({"looked": Looked(why_not=""), "folder": "/data/me"} | more),
    )


def check(text: str, **more: Any) -> Report:
    return examine([case(text, **more)])


def rules(report: Report) -> list[str]:
    return [one.rule for one in report.findings]


def test_a_right_description_has_no_finding() -> None:
    text = HEAD + "request_cpus = 2\nrequest_memory = 4 GB\nrequest_disk = 1GB\nqueue 5\n"
    assert rules(check(text)) == []


@pytest.mark.parametrize(
    "line", ["request_cpus = 17", "request_memory = 65G", "request_gpus = 5", "request_memory = $(m)\nm = 1T"]
)
def test_more_than_any_machine_has_is_too_big_at_its_line(line: str) -> None:
    (one,) = [one for one in check(f"{HEAD}{line}\nqueue 100\n").findings if one.rule == "too-big"]
    assert one.line == 2
    assert "no machine of soban has" in one.what
    assert one.why == "HTCondor takes the job, and no machine ever matches it."


def test_gpus_without_cpus_are_advised_in_its_words() -> None:
    (one,) = check(HEAD + "request_gpus = 1\nqueue\n").findings
    assert one.rule == "gpu-alone"
    assert "request_cpus" in one.fix
    assert "all the memory" not in one.what


def test_an_outputs_folder_that_is_not_there_is_told() -> None:
    text = HEAD + "output = logs/$(Process).out\nerror = /data/me/there/e.$(Process)\nqueue 2\n"
    assert questions([case(text)]) is not None
    report = check(text, looked=Looked({"/data/me/logs": "no", "/data/me/there": "yes"}, {}, ""))
    (one,) = report.findings
    assert (one.rule, one.line, one.fix) == ("output-folder-missing", 2, "before you submit: mkdir -p /data/me/logs")
    assert report.unknown == ()


def test_what_can_be_mended_is_shown_first_and_is_right_afterwards() -> None:
    before = (
        HEAD + "request_cpu = 4\nrequest_memory = 4GiB\nrequest_disk = 2G # much\noutput = $HOME/a.$(Process)\n"
        "allowed_job_duration = 2:00:00\nrequest_gpus 1\nqueue = 3\naccounting_group = lab\n"
    )
    after = rewritten(before, check)
    assert after == (
        HEAD + "request_cpus = 4\nrequest_memory = 4GB\nrequest_disk = 2G\noutput = $ENV(HOME)/a.$(Process)\n"
        "allowed_job_duration = 7200\nrequest_gpus = 1\naccounting_group = lab\nqueue 3\n"
    )
    assert rules(check(after)) == []
    assert "-request_cpu = 4\n" in preview("train.sub", before, after)


def test_jobs_that_write_to_one_file_get_one_each() -> None:
    text = HEAD + "output = run.out\nqueue 3\n"
    assert "output = run-$(Cluster)_$(Process).out" in rewritten(text, check)


def test_an_option_said_already_is_not_moved_over_the_other() -> None:
    text = HEAD + "request_cpus = 2\nqueue\nrequest_cpus = 4\n"
    assert rules(check(text)) == ["option-after-command"]
    assert rewritten(text, check) == text


def test_a_slip_is_not_renamed_over_what_is_said_already() -> None:
    text = HEAD + "request_cpus = 2\nrequest_cpu = 4\nqueue\n"
    assert rules(check(text)) == ["option-unknown"]
    assert rewritten(text, check) == text


def test_no_finding_speaks_of_slurms_options() -> None:
    text = (
        HEAD + "request_gpus = 9\nrequest_cpu = 3\nrequest_disk = 3X\noutput = ~/a\nerror = $(Cluster)/b\n"
        "log = c/d\nhello\nqueue 3\nrank = 1\n"
    )
    found = check(text, looked=Looked({"/data/me/c": "no"}, {}, "")).findings
    assert len({one.rule for one in found}) >= 6
    for one in found:
        for said in (one, finding_in(one, "ko")):
            for word in ("--", "sbatch", "srun", "SBATCH", "%j", "%u", "%A", "unrecognized", "Requested node"):
                assert word not in (said.what + said.fix + said.why).replace("mkdir -p", ""), one


def test_each_reason_is_told_in_korean() -> None:
    text = HEAD + "request_cpu = 3\nrequest_disk = 3X\nerror = $(Cluster)/b\nrequest_cpus = 99\nqueue 3\nrank = 1\n"
    for one in check(text).findings:
        said = finding_in(one, "ko")
        assert any("가" <= letter <= "힣" for letter in said.why), one
