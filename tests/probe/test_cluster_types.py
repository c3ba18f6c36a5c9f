"""The type is concluded from what answers; what is merely installed or configured is shown and proves nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sites import LUSTRE, mapped, said

from jido.model.bundle import Finding, bundle
from jido.model.map import Map
from jido.probe.answers import Answers
from jido.probe.services import _READERS, CLIENTS, SERVERS, Service, service_looks, services
from jido.transports.base import ask
from jido.transports.local import Local

QSTAT_B = """\
Server             Max   Tot   Que   Run   Hld   Wat   Trn   Ext Status
----------------   ---   ---   ---   ---   ---   ---   ---   --- -----------
pbs1.example         0    12     3     9     0     0     0     0 Active
"""
YARN = '{"clusterInfo":{"id":1,"state":"STARTED","hadoopVersion":"3.3.6"}}'


def answering(service: str, text: str) -> dict[str, Finding]:
    return {SERVERS: said(text)} if service == "servers" else {CLIENTS: said(f"\x1e{service}\0{text}\0")}


def types(map_: Map) -> tuple[str, ...]:
    return map_.type.value.value or ()


@pytest.mark.parametrize(
    ("look", "text", "type_", "evidence"),
    [
        ("condor", "slot1@exec1.example\n", "htc", "HTCondor's pool answers"),
        ("pbs", QSTAT_B, "hpc", "the PBS server pbs1.example answers"),
        ("gridengine", "master.example\n", "hpc", "Grid Engine's master answers from master.example"),
        (
            "lsf",
            "IBM Spectrum LSF 10.1\nMy cluster name is tree\nMy master name is a\n",
            "hpc",
            "cluster 'tree'",
        ),
        ("flux", "4\n", "hpc", "4 brokers"),
        ("kubernetes", '{"major": "1", "gitVersion": "v1.29.3+k3s1"}', "kubernetes", "Kubernetes v1.29.3+k3s1"),
        ("hadoop", f"fs hdfs://nn:8020\nrm rm1\nyarn {YARN}\nhdfs 302\n", "bigdata", "Hadoop YARN 3.3.6"),
        ("spark", 'master spark://m:7077\njson {"workers": [{}, {}]}\n', "bigdata", "with 2 workers"),
        ("servers", "ceph-mon\nceph-osd\nnfsd\n", "storage", "a server of Ceph"),
        ("servers", "kubelet\n", "kubernetes", "kubelet runs on the login node itself"),
    ],
)
def test_a_service_that_answers_proves_its_type(look: str, text: str, type_: str, evidence: str) -> None:
    map_ = mapped(answering(look, text))
    assert types(map_) == (type_,)
    assert map_.type.value.by == (SERVERS if look == "servers" else CLIENTS)
    assert any(evidence in sentence for sentence in map_.type.evidence)


@pytest.mark.parametrize(
    ("look", "text"),
    [
        ("condor", ""),
        ("pbs", "job-ID  prior   name\n"),
        ("gridengine", "error: commlib error: got select error\n"),
        ("kubernetes", '{"kind": "Status", "status": "Failure"}'),
        ("hadoop", "fs hdfs://nn:8020\nrm \nhdfs 000\n"),
        ("spark", "master spark://m:7077\njson \n"),
        ("servers", "nfsd\nraylet\nmmfsd\n"),
    ],
)
def test_one_that_does_not_answer_proves_nothing(look: str, text: str) -> None:
    assert types(mapped(answering(look, text))) == ()


def test_what_is_configured_and_silent_is_shown() -> None:
    map_ = mapped(answering("hadoop", "fs hdfs://nn:8020\nrm \nhdfs 000\n"))
    assert "Hadoop is configured for hdfs://nn:8020; it did not answer" in map_.type.evidence


def test_what_was_said_before_another_service_hung_is_kept_and_half_a_record_is_not() -> None:
    late = Finding(None, b'\x1elsf\0My cluster name is tree\0\x1ekubernetes\0{"gitVersion": "v1')
    assert types(mapped({CLIENTS: late})) == ("hpc",)
    assert types(mapped({SERVERS: Finding(None, b"ceph-osd\n")})) == ()


def test_several_types_make_a_hybrid_with_the_evidence_of_each() -> None:
    findings = LUSTRE | answering("kubernetes", '{"gitVersion": "v1.29.0"}')
    map_ = mapped(findings)
    assert types(map_) == ("hpc", "kubernetes", "hybrid")
    evidence = " ".join(map_.type.evidence)
    assert "Kubernetes v1.29.0 answers" in evidence
    assert "/lustre is Lustre, a parallel file system" in evidence
    assert "containers run by apptainer" in evidence


@given(
    st.sampled_from(["servers", *_READERS]),
    st.text() | st.just("[" * 9000) | st.just('{"clusterInfo": [], "workers": {}}'),
)
def test_whatever_they_print_no_reader_fails(service: str, text: str) -> None:
    findings = answering(service, text)
    for one in services(Answers(findings, {})):
        assert one.evidence


TOYS = {
    "kubectl": """echo '{"gitVersion": "v1.30.1"}'""",
    "condor_status": "echo slot1@a",
    "hdfs": "exit 1",
    "spark-submit": "exit 1",
    "curl": f"""case "$*" in *8088*) echo '{YARN}';; *9870*) printf 302;; *8080*) echo '{{"workers": []}}';; esac""",
}


def test_the_looks_are_made_by_a_real_shell_with_toy_services(tmp_path: Path) -> None:
    conf, tools = tmp_path / "설정 $(x) 'conf'", tmp_path / "bin"
    conf.mkdir()
    tools.mkdir()
    for name, script in TOYS.items():
        (tools / name).write_text(f"#!/bin/sh\n{script}\n")
        (tools / name).chmod(0o755)
    site = "<configuration>\n<property>\n <name>{}</name>\n <value>{}</value>\n</property></configuration>"
    (conf / "core-site.xml").write_text(site.format("fs.defaultFS", "hdfs://nn.example:8020"))
    (conf / "yarn-site.xml").write_text(site.format("yarn.resourcemanager.hostname", "rm.example"))
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "spark-defaults.conf").write_text(
        "spark.eventLog.enabled true\nspark.master spark://m:7077\n"
    )
    question = bundle(service_looks())
    question.command.env.update({"HADOOP_CONF_DIR": str(conf), "PATH": f"{tools}:{os.environ['PATH']}"})
    question.command.env["KUBECONFIG"] = str(conf / "core-site.xml")
    found = services(Answers(ask(Local(), question), {}))
    mine = [one for one in found if one.by != SERVERS]
    assert sorted(mine, key=lambda one: one.evidence) == [
        Service("HDFS answers: hdfs://nn.example:8020", "bigdata", CLIENTS),
        Service("HTCondor's pool answers, with the machine slot1@a", "htc", CLIENTS),
        Service("Hadoop YARN 3.3.6 answers on rm.example", "bigdata", CLIENTS),
        Service("Kubernetes v1.30.1 answers", "kubernetes", CLIENTS),
        Service("Spark's master spark://m:7077 answers, with 0 workers", "bigdata", CLIENTS),
    ]
