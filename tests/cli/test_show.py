"""``jido show``: four viewpoints that a beginner understands and in which an expert finds each number."""

from __future__ import annotations

import json
import time
from pathlib import Path

import msgspec
import pytest
from spoken import Jido

from jido.cli import draw
from jido.config import clusters, maps
from jido.model.destination import Destination
from jido.model.document import map_from_json, map_from_yaml
from jido.model.facts import Look, absent, known, unknown
from jido.model.limits import Access, Limits, Qos, SharedUse
from jido.model.map import (
    Bytes,
    Gpu,
    Host,
    Instance,
    Map,
    NodeGroup,
    NodeNow,
    Now,
    Partition,
    QueuedJob,
    Scheduling,
    Seconds,
    Storage,
    Type,
    Volume,
)

G, T = 1024**3, 1024**4

NODES = (
    NodeGroup("aurora-g[1-7]", cpus=64, memory=Bytes(512 * G), gpus=(Gpu(8, "rtx3090"),)),
    NodeGroup("aurora-g8", cpus=64, memory=Bytes(512 * G), gpus=(Gpu(6, "rtx3090"),), features=("새것",)),
)
BATCH = Partition("batch_ugrad", "aurora-g[1-8]", max_time=Seconds(6 * 86400), allow_accounts=("ugrad",))
DEBUG = Partition("debug_ugrad", "aurora-g[1-2]", default=True, max_time=Seconds(14400), default_time=Seconds(3600))
VOLUMES = (
    Volume("/", fs=known("ext4", "df/"), tier=known("system", "df/")),
    Volume(
        "/data",
        fs=known("nfs4", "df/data"),
        tier=known("work", "df/data"),
        mine=known("/data/u1", "df/data"),
        size=known(Bytes(91 * T), "df/data"),
        inodes=known(10**9, "df/data"),
        shared=unknown("NFS from nas1: likely", "jido probe aurora --compute"),
    ),
    Volume(
        "/home",
        fs=known("nfs4", "df/home"),
        tier=known("home", "df/home"),
        size=unknown("df did not answer", "df -B1 /home", "df/home"),
    ),
    Volume("/자료 폴더", fs=known("weird", "df-mounts"), tier=unknown("its name does not tell", "ask", "df-mounts")),
)
BUSY = NodeNow("aurora-g1", "mixed", cpus_used=64, gpus_used={"rtx3090": 2})
QUEUE = (QueuedJob("7", "pending", reason="QOSMaxGRESPerUser"), QueuedJob("8", "running"))


def aurora() -> Map:
    return Map(
        "aurora",
        type=Type(known(("hpc",), "slurm/version"), ("Slurm 22.05.8 answers with 2 partitions and 8 nodes",)),
        instance=Instance(
            login=(Host("aurora", os=known("Ubuntu 22.04", "os"), user=known("u1", "id"), gpus=absent("gpus")),),
            nodes=NODES,
            software=known({"python3": "3.11.2", "python3.9": "/opt/python3.9", "rsync": "3.2.7"}, "environment"),
        ),
        scheduling=Scheduling(
            engine=known("slurm", "slurm/version"),
            version=known("22.05.8", "slurm/version"),
            accounts=known(("ugrad",), "slurm/associations"),
            qos=unknown("sacctmgr did not answer", "sacctmgr show qos", "slurm/qos"),
            partitions=known((BATCH, DEBUG), "slurm/partitions"),
        ),
        storage=Storage(VOLUMES, missing=("/scratch", "/local_datasets")),
        now=Now(
            at=1.0,
            nodes=known((BUSY, NodeNow("aurora-g2", "idle")), "slurm/nodes"),
            queue=known(QUEUE, "slurm/queue"),
            free={"/data": 14 * T},
            free_inodes={"/data": 9 * 10**8},
        ),
        looks={"df/data": Look("df -B1 /data", "aurora", 1.0, 0.02), "id": Look("id", "aurora", 1.0, 0.01)},
    )


@pytest.fixture
def shown(jido: Jido, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "80")
    clusters.put("aurora", Destination(host="h"))
    maps.save("aurora", aurora())
    said = jido("show", "aurora")
    assert said.code == 0
    return said.out


def row(text: str, first: str) -> list[str]:
    return next(line.split() for line in text.splitlines() if line.strip().startswith(first))


def test_the_four_viewpoints_come_in_order(shown: str) -> None:
    titles = [line for line in shown.splitlines() if line.isupper() and not line.startswith(" ")]
    assert titles == ["TYPE", "INSTANCE", "SCHEDULING", "STORAGE", "NOT KNOWN"]


def test_no_line_is_wider_than_the_terminal_and_none_is_coloured(shown: str) -> None:
    assert max(draw.width(line) for line in shown.splitlines()) <= 80
    assert "\x1b" not in shown
    assert not any(line.endswith(" ") for line in shown.splitlines())


def test_the_type_comes_with_its_evidence(shown: str) -> None:
    assert "hpc " in shown
    assert "Slurm 22.05.8 answers" in shown


def test_the_machines_are_counted(shown: str) -> None:
    assert "8 nodes, 512 CPUs, 4T memory, 62 GPUs (62 rtx3090)" in shown
    assert row(shown, "aurora-g[1-7]")[:4] == ["aurora-g[1-7]", "compute", "64", "512G"]
    assert "3.11.2, 3.9" in shown


def test_a_partition_shows_its_rules_and_what_is_free(shown: str) -> None:
    assert row(shown, "batch_ugrad") == ["batch_ugrad", "up", "2/8", "6d", "limit", "64/512", "8/62"]
    assert "open to accounts ugrad: batch_ugrad" in shown
    assert "open to everybody: debug_ugrad" in shown
    assert row(shown, "debug_ugrad")[:2] == ["debug_ugrad", "*"]
    assert "2 jobs: 1 pending (QOSMaxGRESPerUser), 1 running" in shown


def test_a_volume_shows_its_numbers_and_what_it_is_for(shown: str) -> None:
    assert row(shown, "/data") == ["/data", "nfs4", "work", "91T", "14T", "900M", "/data/u1", "?"]
    assert "Projects: code, data, results" in shown
    assert "many small files read by many jobs" in " ".join(shown.split())
    assert "/scratch, /local_datasets" in shown


def test_what_the_scheduler_told_before_its_outage_is_shown_with_its_age(jido: Jido) -> None:
    clusters.put("aurora", Destination(host="h"))
    made, now = aurora(), time.time()
    nodes = tuple(msgspec.structs.replace(group, by="earlier/slurm/nodes") for group in NODES)
    maps.save(
        "aurora",
        msgspec.structs.replace(
            made,
            instance=msgspec.structs.replace(made.instance, nodes=nodes),
            now=Now(at=now, nodes=unknown("Unable to contact slurm controller", "scontrol show node", "slurm/nodes")),
            looks=made.looks | {"earlier/slurm/nodes": Look("scontrol show node", "aurora", now - 7205.0)},
        ),
    )
    said = jido("show", "aurora")
    assert "! scheduling as of 2h ago: Unable to contact slurm controller" in said.out
    assert "?/62" in said.out
    assert json.loads(jido("show", "aurora", "--json").out)["instance"]["nodes"][0]["by"] == "earlier/slurm/nodes"


def test_nobody_is_told_to_keep_results_where_nothing_is_hers_to_write(jido: Jido) -> None:
    sets = Volume("/sets", fs=known("nfs4", "df"), tier=known("datasets", "df"), mine=absent("df"))
    clusters.put("site", Destination(host="h"))
    maps.save("site", Map("site", storage=Storage((sets,))))
    told = " ".join(jido("show", "site").out.split())
    assert "Datasets that everybody reads." in told
    assert "Good for" not in told
    assert "results" not in told
    assert "many small files read by many jobs" in told
    own = msgspec.structs.replace(sets, seen_from="g1", mine=known("/sets/u1", "g1:df"))
    maps.save("site", Map("site", storage=Storage((sets, own))))
    assert "Good for code, results and checkpoints" in " ".join(jido("show", "site").out.split())


def test_what_is_not_known_is_shown_with_what_would_settle_it(shown: str) -> None:
    told = " ".join(shown.partition("NOT KNOWN")[2].split())
    assert "seen by compute nodes too (/data): NFS from nas1: likely settle: jido probe aurora --compute" in told
    assert "size (/home): df did not answer settle: df -B1 /home" in told
    assert "qos: sacctmgr did not answer settle: sacctmgr show qos" in told
    assert "nvidia-smi" in told


def test_korean_columns_stay_aligned(shown: str) -> None:
    lines = [line for line in shown.splitlines() if " weird " in line or line.strip().startswith("/data ")]
    starts = [draw.width(line[: line.index(kind)]) for line, kind in zip(lines, ("nfs4", "weird"), strict=False)]
    assert len(set(starts)) == 1


def test_a_table_too_wide_is_trimmed_and_a_wide_terminal_shows_all(
    jido: Jido, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    map_ = aurora()
    long = NodeGroup("g[1-2]", gpus=(Gpu(4, "h" * 90),), features=("f" * 60,))
    instance = msgspec.structs.replace(map_.instance, nodes=(long,))
    maps.save("aurora", msgspec.structs.replace(map_, instance=instance))
    narrow = jido("show", "aurora").out
    assert max(draw.width(line) for line in narrow.partition("SCHEDULING")[0].splitlines() if "…" in line) <= 80
    monkeypatch.setenv("COLUMNS", "300")
    assert "…" not in jido("show", "aurora").out


def test_the_documents_are_the_map(jido: Jido, shown: str) -> None:
    assert map_from_json(jido("show", "aurora", "--json").out.encode()) == aurora()
    assert map_from_yaml(jido("show", "aurora", "--yaml").out) == aurora()


def test_every_fact_is_listed_with_its_look(jido: Jido, shown: str) -> None:
    out = jido("show", "aurora", "--facts").out
    assert row(out, "/data size") == ["/data", "size", "known", "df/data", str(91 * T)]
    assert row(out, "/home size")[:4] == ["/home", "size", "unknown", "df/home"]
    assert row(out, "df/data ") == ["df/data", "0", "0.02", "aurora", "df", "-B1", "/data"]


def test_a_map_of_almost_nothing_is_drawn(jido: Jido) -> None:
    clusters.put("bare", Destination(host="h"))
    maps.save("bare", Map("bare"))
    said = jido("show", "bare")
    assert said.code == 0
    assert "unknown" in said.out


def test_down_partitions_and_unknown_nodes_say_so(jido: Jido) -> None:
    map_ = aurora()
    facts = msgspec.structs.replace(map_.scheduling, partitions=known((Partition("old", "aurora-g1", "down"),), "x"))
    clusters.put("dark", Destination(host="h"))
    maps.save("dark", msgspec.structs.replace(map_, scheduling=facts, now=Now()))
    assert row(jido("show", "dark").out, "old ")[:6] == ["old", "down", "1", "no", "limit", "limit"]


def test_a_cluster_without_a_map_says_how_to_get_one(jido: Jido) -> None:
    clusters.put("new", Destination(host="h"))
    said = jido("show", "new")
    assert said.code == 4
    assert "jido probe new" in said.err


def test_what_of_my_limits_is_in_use_is_told_with_the_job_that_uses_it(jido: Jido) -> None:
    clusters.put("aurora", Destination(host="h"))
    made = aurora()
    access = Access("batch_ugrad", "open", "verified", "", "ugrad", "gpu1", Limits(gpus=1), Limits(gpus=1), 1.0)
    shared = SharedUse(qos="gpu1", used=Limits(cpus=300))
    rules = (Qos("gpu1", per_user=Limits(gpus=1), in_all=Limits(cpus=512)),)
    made = msgspec.structs.replace(
        made,
        scheduling=msgspec.structs.replace(
            made.scheduling, access=known((access,), "x"), qos_rules=known(rules, "x")
        ),
        now=msgspec.structs.replace(
            made.now,
            queue=known((QueuedJob("41", "running", partition="batch_ugrad", qos="gpu1", gpus=1),), "x"),
            shared=known((shared,), "x"),
        ),
    )
    maps.save("aurora", made)
    text = jido("show", "aurora").out
    assert "your limits GPUs: 1 of 1 in use by job 41" in text


def test_a_picture_is_written_to_a_file_and_asks_nobody(jido: Jido, tmp_path: Path) -> None:
    file = tmp_path / "그림 1.html"
    said = jido("show", "ariel", "--html", str(file), "--lang", "ko")
    assert said.code == 0, said.err
    assert said.out == ""
    assert str(file) in said.err
    assert "계산 노드" in file.read_text("utf-8")


def test_a_picture_of_a_probed_cluster_goes_to_stdout_as_a_dash(jido: Jido) -> None:
    clusters.put("aurora", Destination(host="h"))
    maps.save("aurora", aurora())
    said = jido("show", "aurora", "--html", "-")
    assert said.out.startswith("<!DOCTYPE html>")
    assert "/자료 폴더" in said.out


def test_a_picture_that_cannot_be_written_is_an_error_in_words(jido: Jido, tmp_path: Path) -> None:
    said = jido("show", "ariel", "--html", str(tmp_path / "none" / "x.html"))
    assert (said.code, said.out) == (2, "")
    assert "cannot write" in said.err


def test_page_and_drawing_can_be_written_at_once(jido: Jido, tmp_path: Path) -> None:
    page, drawing = tmp_path / "a.html", tmp_path / "a.svg"
    assert jido("show", "moana", "--html", str(page), "--svg", str(drawing)).code == 0
    assert page.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert drawing.read_text("utf-8").startswith("<svg ")
