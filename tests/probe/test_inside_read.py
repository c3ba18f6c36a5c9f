"""From what a job printed to what it saw of its node; whatever it printed."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sites import KINDS, LUSTRE, df, said
from test_any_findings import FINDINGS, TEXTS

from jido.model.bundle import MISSING, Finding
from jido.model.document import map_from_json, to_json
from jido.model.map import Gpu, Instance, Map, NodeGroup
from jido.probe.inside import measure
from jido.probe.inside.looks import Program
from jido.probe.inside.merge import merged
from jido.probe.inside.read import Inside, inside
from jido.probe.inside.tokens import Sharing, read

FOLDERS = {"/data": "/data/u1", "/home": "/home/u1"}
PROGRAM = Program("jido-x", FOLDERS, reach=[("outside.example", 443)], measuring=FOLDERS)
LOOKS = [part.name for part in PROGRAM.parts]

SMI = "NVIDIA GeForce RTX 3090, 24576, 535.183.01, 8.6\n" * 2 + "cuda|12.2\n"
PROC = "proc|NVIDIA A100-SXM4-80GB\n" * 4 + "driver|550.54.15\n"


def looked(findings: dict[str, Finding] | None = None, **how: Any) -> Inside:
    whole = {name: (findings or {}).get(name, Finding(MISSING)) for name in LOOKS}
    return inside(PROGRAM.parts, whole, node="g1", at=1.7e9, cost=1.5, kinds=KINDS, cluster="site", **how)


def test_gpus_are_told_as_the_driver_names_them() -> None:
    gpus = looked({"driver": said(SMI)}).seen.gpus
    assert gpus.by == "g1:driver"
    assert gpus.value is not None
    assert len(gpus.value) == 2
    one = gpus.value[0]
    assert (one.model, one.memory, one.driver) == ("NVIDIA GeForce RTX 3090", 24576 * 1024**2, "535.183.01")
    assert (one.cuda, one.capability) == ("12.2", "8.6")


def test_an_old_driver_tells_less_and_what_it_does_not_know_is_not_made_up() -> None:
    gpus = looked({"driver": said("Tesla K80, 11441, 390.157\nQuadro, [N/A], [N/A], [N/A]\n")}).seen.gpus
    assert gpus.value is not None
    assert [(one.model, one.memory, one.capability) for one in gpus.value] == [
        ("Tesla K80", 11441 * 1024**2, ""),
        ("Quadro", None, ""),
    ]
    assert gpus.value[1].driver == ""


def test_a_job_without_a_gpu_still_sees_which_there_are() -> None:
    gpus = looked({"driver": said(f"No devices were found\n{PROC}", 6)}).seen.gpus
    assert gpus.value is not None
    assert [one.model for one in gpus.value] == ["NVIDIA A100-SXM4-80GB"] * 4
    assert gpus.value[0].memory is None
    one = looked({"driver": said("NVIDIA A100-SXM4-80GB, 81920, 550.54.15, 8.0\n" + PROC)}).seen.gpus
    assert one.value is not None
    assert [device.memory for device in one.value] == [81920 * 1024**2] * 4


def test_no_driver_is_absent_and_a_broken_one_unknown() -> None:
    assert looked({"driver": said("", 44)}).seen.gpus.state == "absent"
    hidden = looked({"driver": said("No devices were found\n", 6)}).seen.gpus
    assert (hidden.state, hidden.settle) == ("unknown", "jido probe site --compute --gpus")
    broken = looked({"driver": said("", 9, "couldn't communicate with the NVIDIA driver")}).seen.gpus
    assert (broken.state, "communicate" in broken.why) == ("unknown", True)


def test_a_way_out_is_never_assumed() -> None:
    route = {"routes": said("route|eth0\nproxy|https_proxy\n")}
    reach = ("outside.example:443",)
    assert looked(route).seen.internet.state == "unknown"
    assert "a proxy in $https_proxy; no address was tried" in looked(route).seen.internet.why
    assert looked({"routes": said("")}).seen.internet.state == "absent"
    assert looked(route | {"reach/0": said("")}, reach=reach).seen.internet.value is True
    refused = looked(route | {"reach/0": said("", 1)}, reach=reach)
    assert (refused.seen.internet.state, refused.seen.internet.by) == ("absent", "g1:reach/0")
    assert refused.looks["g1:reach/0"].command == "nc -z -w 4 outside.example 443"
    # Nothing there that could try is no refusal.
    assert looked(route, reach=reach).seen.internet.state == "unknown"


def test_every_fact_names_a_look_of_this_node() -> None:
    found = looked(LUSTRE)
    rows = [found.seen, *found.volumes]
    facts = [fact for row in rows for name in row.__struct_fields__ if hasattr(fact := getattr(row, name), "by")]
    for fact in facts:
        if fact.by:
            assert fact.by in found.looks or fact.state == "unknown", fact
    assert {row.seen_from for row in found.volumes} == {"g1"}
    assert "system" not in {row.tier.value for row in found.volumes}


def test_folders_of_the_job_are_told_by_their_variable() -> None:
    printed = "\x1efolder\0SLURM_TMPDIR\0/local/job 7\0\x1efolder\0TMPDIR\0relative\0"
    assert looked({"folders": said(printed)}).seen.folders.value == {"SLURM_TMPDIR": "/local/job 7"}


@pytest.mark.parametrize(
    ("word", "returned", "login"),
    [
        ("wrote", ["/data"], "same"),
        ("wrote", [], "one way"),
        ("readonly", [], "same"),
        ("other", [], "other"),
        ("none", [], "none"),
        ("garbage", ["/data"], ""),
    ],
)
def test_what_a_token_proves(word: str, returned: list[str], login: str) -> None:
    assert read(f"\x1elogin\0/data\0{word}\0", "", returned, {})["/data"] == Sharing(login)


def test_only_those_prove_anything_that_were_there_at_the_same_time() -> None:
    said_ = "\x1epeer\0/local\0 k1\0\x1epeer\0/a\nb\0\0\x1ewith\0 k1 k2\0"
    found = read("", said_, [], {"k1": "g1", "k2": "g2"})
    assert found == {"/local": Sharing("", ("g1",), ("g2",)), "/a\nb": Sharing("", (), ("g1", "g2"))}


def test_speeds_are_sums_over_what_dd_told() -> None:
    dd = "1+0 records in\n1+0 records out\n16777216 bytes (17 MB, 16 MiB) copied, {} s, 1 MB/s\n"
    text = "".join(f"\x1ewrite\0/data\0{dd.format(t)}\0" for t in (0.1, 0.3))
    text += f"\x1eread\0/data\0{dd.format('8.1e-02')}\0\x1efiles_created\0/data\0" + "1000 5.00 7.50\0"
    text += "\x1etook\0/data\0" + "1.00 9.00\0\x1esmall\0/home\0" + "12\0"
    found = measure.read(text, "g1", 1.7e9)
    speed = found.speeds["/data"]
    assert (speed.write, speed.bytes, speed.files, speed.files_created) == (83886080.0, 33554432, 1000, 400.0)
    assert (speed.took, speed.files_read, speed.node) == (8.0, None, "g1")
    assert "too little room" in found.why_not["/home"]


@given(st.dictionaries(st.sampled_from(LOOKS), FINDINGS, max_size=len(LOOKS)))
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
def test_arbitrary_findings_make_a_map(findings: dict[str, Finding]) -> None:
    group = NodeGroup("g[1-2]", gpus=(Gpu(1),))
    map_ = merged(Map("site", instance=Instance(nodes=(group,))), [looked(findings, returned=["/data"])])
    assert map_from_json(to_json(map_)) == map_


@given(TEXTS)
@settings(max_examples=100, deadline=None)
def test_an_arbitrary_answer_is_read(answer: bytes) -> None:
    assert set(PROGRAM.findings(answer)) == set(LOOKS)


@pytest.mark.parametrize(
    ("line", "driver"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024", "535.183.01"),
        (
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build  (b@U22-1.2 ) x",
            "580.159.04",
        ),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  550.54.15  Release Build  (b@U22)", "550.54.15"),
    ],
)
def test_the_drivers_version_is_read_from_the_open_kernel_module_too(line: str, driver: str, tmp_path: Path) -> None:
    card = tmp_path / "gpus/0000:17:00.0"
    card.mkdir(parents=True)
    (card / "information").write_text("Model: \t\t NVIDIA RTX A6000\nIRQ:   \t\t 99\n")
    (tmp_path / "version").write_text(f"{line}\nGCC version:  gcc version 12.3.0 (Ubuntu 12.3.0-1ubuntu1~22.04)\n")
    script = next(part.script for part in PROGRAM.parts if part.name == "driver")
    # The look itself, where there is no tool of the driver, over a tree like the kernel's.
    script = script.replace("/proc/driver/nvidia", str(tmp_path)).replace("nvidia-smi", "there-is-no-nvidia-smi")
    done = subprocess.run(["sh", "-c", script], capture_output=True, check=False)
    gpus = looked({"driver": said(done.stdout.decode(), done.returncode)}).seen.gpus
    assert [(one.model, one.driver) for one in gpus.value or ()] == [("NVIDIA RTX A6000", driver)]


def test_why_nothing_is_known_of_a_nodes_own_disk_is_said_as_it_is() -> None:
    disk = said(df("/local_datasets", "ext4", 10**12, 10**11, 10**8, 10**7, "/local_datasets"))
    [row] = looked({"df-mounts": disk}).volumes
    assert row.path == "/local_datasets"
    assert row.quota.why == "a look from inside does not ask for quotas"
    assert {fact.why for fact in (row.backup, row.purge, row.largest)} == {"no command tells"}
    assert {fact.settle for fact in (row.backup, row.purge, row.largest)} == {"ask the administrators"}
