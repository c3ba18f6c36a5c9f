"""Each rule: what it finds, where, and what it leaves alone."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jido.check.case import Looked
from jido.check.rules import RULES
from jido.check.sarif import sarif
from jido.model.facts import known, unknown
from jido.model.limits import Limits, Reservation
from jido.model.map import Map
from scripts import aurora, check, counted, found, script

change: Any = msgspec.structs.replace


def rules(text: str, map_: Map | None = None, **more: Any) -> set[str]:
    return {finding.rule for finding in check(text, map_, **more).findings}


def test_a_script_with_nothing_wrong_has_no_finding() -> None:
    report = check(script("-p batch_ugrad", "--gres=gpu:1", "--output=/data/student/%j.out"),
                   looked=counted(folders={"/data/student": "yes"}))  # fmt: skip
    assert (report.findings, report.unknown) == ((), ())


def test_names_of_rules_are_unique_and_kebab() -> None:
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
    assert all(name == name.lower() and " " not in name and "_" not in name for name in names)


@pytest.mark.parametrize(
    ("options", "rule", "line", "says"),
    [
        ("-p batch_urgad", "partition-unknown", 3, "batch_urgad"),
        ("-p batch_swcon_ugrad", "partition-not-mine", 3, "swcon_ugrad"),
        ("-A prof", "account-not-mine", 3, "prof"),
        ("-q fast", "qos-not-mine", 3, "fast"),
        ("--gres=gpu:2", "over-limit", 3, "1 GPU"),
        ("-A ugrad -q ugrad --gres=gpu:2", "over-limit", 3, "1 GPU"),
        ("--gpus=2", "over-limit", 3, "1 GPU"),
        ("--gres=gpu:a100:1", "too-big", 3, "a100"),
        ("--gres=gpu:9", "too-big", 3, "8 GPUs"),
        ("-c 65", "too-big", 3, "64 CPUs"),
        ("--mem=1T", "too-big", 3, "512G"),
        ("--time=5:00:00", "time-too-long", 2, "4h"),
        ("--time=infinite", "time-too-long", 2, "4h"),
        ("--tme=5", "option-unknown", 3, "--time"),
        ("--mem=5 G", "option-unreadable", 3, "`G`"),
        ("--mem=1G --mem-per-cpu=1G", "options-clash", 3, "--mem"),
        ("#sbatch -c 2", "option-in-disguise", 3, "#sbatch"),
        ("--output=~/x.out", "output-not-expanded", 3, "~"),
        ("--output=/home/student/x.out", "output-in-home", 3, "/home/student"),
        ("-o /data/student/%j/x.out", "output-folder-missing", 3, "named after the job"),
        ("--array=1-3 -o /data/student/x.out", "output-shared-by-tasks", 3, "x.out"),
    ],
)
def test_options(options: str, rule: str, line: int, says: str) -> None:
    finding = found(check(script(options)))[rule]
    assert finding.line == line
    assert says in finding.what
    assert finding.why
    assert finding.fix


@pytest.mark.parametrize(
    ("body", "rule", "says"),
    [
        ("conda activate torch", "conda-without-hook", "conda activate"),
        ("nohup python train.py &", "background-at-end", "nohup python"),
        ("for i in 1 2; do\n  python x.py $i &\ndone\necho started", "background-at-end", "python x.py"),
        ("srun --pty bash", "step-nested", "keyboard"),
        ("srun srun python x.py", "step-nested", "once for every task"),
        ("srun --gres=gpu:2 python x.py", "step-nested", "never starts"),
        ("nvidia-smi", "gpu-not-asked", "nvidia-smi"),
        ("export HF_HOME=~/.cache/hf", "cache-in-home", "/home/student/.cache/hf"),
        ('export HF_HOME="$HOME/hf"', "cache-in-home", "/home/student/hf"),
        ("source ~/miniconda3/bin/activate", "conda-in-home", "/home/student/miniconda3"),
        ("/home/student/anaconda3/envs/t/bin/python x.py", "conda-in-home", "anaconda3"),
        ("python x.py --data /data2/local_datasets/me/x", "node-local-path", "aurora-g[3-8]"),
        ("D=/data2/local_datasets/me\npython x.py --data $D/x", "node-local-path", "aurora-g[3-8]"),
    ],
)
def test_commands(body: str, rule: str, says: str) -> None:
    finding = found(check(script("-c 2", body=body)))[rule]
    assert says in finding.what


@pytest.mark.parametrize(
    "body",
    [
        'eval "$(conda shell.bash hook)"\nconda activate torch',
        "source /opt/conda/etc/profile.d/conda.sh && conda activate torch",
        "python a.py &\npython b.py &\nwait",
        "python server.py &\npython client.py",
        "redis-server &\n./client --all\necho done",
        "python x.py & PID=$!\nwhile kill -0 $PID; do sleep 5; done",
        "for i in 1 2; do\n  srun -n 1 python x.py &\ndone\nwait",
        "echo 'conda activate torch'",
        "# nohup python train.py &",
        "cat <<EOF\nconda activate torch\nnohup python x &\nEOF",
        "srun python train.py",
        "export HF_HOME=/data/student/hf",
        "export HF_HOME=$MY/hf",
        "python x.py --data /local_datasets/me",
        "if [ -d /data2/local_datasets ]; then echo; fi",
        "python x.py >log 2>&1",
        "make 2>&1 | tee log; exit ${PIPESTATUS[0]}",
    ],
)
def test_commands_that_are_right(body: str) -> None:
    assert rules(script("-c 2", body=body)) == set()


def test_a_path_on_some_nodes_is_right_where_the_job_is_kept_to_them() -> None:
    assert "node-local-path" not in rules(
        script("-w aurora-g1", body="ls /data2/local_datasets/x; python /data2/local_datasets/x.py")
    )


def test_overwritten_devices_matter_where_gpus_are_asked_for() -> None:
    body = "export CUDA_VISIBLE_DEVICES=0,1\nCUDA_VISIBLE_DEVICES=3 python x.py"
    both = check(script("--gres=gpu:1", body=body)).findings
    assert [(one.rule, one.line, one.column) for one in both] == [
        ("gpu-devices-overwritten", 4, 8),
        ("gpu-devices-overwritten", 5, 1),
    ]
    assert rules(script("-c 2", body=body)) == set()


def test_devices_that_are_unset_matter_too() -> None:
    assert rules(script("--gres=gpu:1", body="unset CUDA_VISIBLE_DEVICES")) == {"gpu-devices-overwritten"}


def test_a_folder_that_the_script_makes_itself_is_made_too_late() -> None:
    report = check(script("-o logs/%j.out", body="mkdir -p ./logs\npython x.py"))
    finding = found(report)["output-folder-missing"]
    assert (finding.line, finding.severity, report.unknown) == (4, "warning", ())


def test_a_job_that_is_written_in_python_is_not_read_as_shell() -> None:
    assert rules("#!/usr/bin/env python3\n#SBATCH -t 10\nimport conda\nconda.activate & 1\n") == set()


def test_options_behind_a_command_are_told_at_their_line() -> None:
    finding = found(check(script("-c 2", body="cd /data\n#SBATCH --mem=4G")))["option-after-command"]
    assert (finding.line, finding.severity) == (5, "error")


def test_no_time_limit_says_what_the_partition_gives() -> None:
    finding = found(check("#!/bin/bash\n#SBATCH -p batch_ugrad\ntrue\n"))["time-missing"]
    assert "batch_ugrad gives it 1d" in finding.what


def test_tasks_that_nothing_starts() -> None:
    assert rules(script("--ntasks=4")) == {"tasks-not-started"}
    assert rules(script("--ntasks=4", body="srun python x.py")) == set()
    assert rules(script("--ntasks=4", body="python x.py --n $SLURM_NTASKS")) == set()


@pytest.mark.parametrize("text", ["python train.py\n", "#!/bin/bash\ncd x\ntar xf data.tar\n"])
def test_a_script_that_asks_for_nothing_works_on_the_login_node(text: str) -> None:
    assert "heavy-on-login" in rules(text)


def test_heavy_work_beside_a_submission() -> None:
    finding = found(check("#!/bin/bash\npython prepare.py\nsbatch train.sh\n"))["heavy-on-login"]
    assert (finding.line, "sbatch" in finding.what) == (2, True)
    assert "heavy-on-login" not in rules("#!/bin/bash\nfor i in 1 2; do sbatch train.sh $i; done\n")


def maintenance(starts: float, nodes: str = "aurora-g[1-8]") -> Map:
    map_ = aurora()
    rows = (Reservation("weekly", nodes=nodes, starts=starts, ends=starts + 7200, flags=("MAINT",)),)
    control = change(map_.scheduling.control, reservations=known(rows, "scontrol"))
    return change(map_, scheduling=change(map_.scheduling, control=control))


def test_maintenance_ahead() -> None:
    finding = found(check(script("--time=3:00:00"), maintenance(3600.0)))["time-meets-reservation"]
    assert "weekly begins in 1h" in finding.what
    assert "01:00:00" in finding.fix
    assert rules(script("--time=0:30:00"), maintenance(3600.0)) == set()
    assert rules(script("--time=3:00:00"), maintenance(3600.0, "aurora-g[1-7]")) == set()


def test_gpus_without_what_goes_with_them() -> None:
    map_ = aurora()
    bare = tuple(
        change(one, default_cpus_per_gpu=None, default_memory_per_cpu=None)
        for one in map_.scheduling.partitions.value or ()
    )
    map_ = change(map_, scheduling=change(map_.scheduling, partitions=known(bare, "scontrol")))
    finding = found(check(script("--gres=gpu:1"), map_))["gpu-alone"]
    assert "1 CPU" in finding.what
    assert "--cpus-per-gpu=8, --mem-per-gpu=64G" in finding.fix
    assert rules(script("--gres=gpu:1 --cpus-per-gpu=8 --mem=29G"), map_) == set()


def test_the_folder_of_output() -> None:
    text = script("-o /data/student/로그/%j.out")
    missing = found(check(text, looked=counted(folders={"/data/student/로그": "no"})))["output-folder-missing"]
    assert "mkdir -p '/data/student/로그'" in missing.fix
    assert rules(text, looked=counted(folders={"/data/student/로그": "yes"})) == set()
    closed = found(check(text, looked=counted(folders={"/data/student/로그": "closed"})))["output-folder-missing"]
    assert "may not write" in closed.what


def test_a_folder_that_nobody_looked_for_is_unchecked_not_missing() -> None:
    report = check(script("-o /data/student/%j.out"), looked=Looked(why_not="nobody was asked"))
    assert report.findings == ()
    assert [one.what for one in report.unknown] == ["whether the folder /data/student is there: nobody was asked"]


def test_a_relative_folder_counts_from_where_one_submits() -> None:
    text = script("-o logs/%j.out")
    assert "jido check --dir" in check(text).unknown[0].settle
    report = check(text, folder="/data/student/p", looked=counted(folders={"/data/student/p/logs": "no"}))
    assert "/data/student/p/logs" in found(report)["output-folder-missing"].what


def test_many_small_files() -> None:
    text = script("-c 2", body="python train.py --root /data/datasets/imagenet")
    where = "/data/datasets/imagenet"
    finding = found(check(text, looked=counted({where: 5001})))["many-small-files"]
    assert (finding.line, where in finding.what) == (4, True)
    assert rules(text, looked=counted({where: 12})) == set()
    assert rules(text, looked=counted({where: -1})) == {"data-missing"}


def test_what_the_map_does_not_know_is_no_finding() -> None:
    map_ = aurora()
    nothing = unknown("the login node did not answer", "jido probe aurora")
    scheduling = change(
        map_.scheduling, partitions=nothing, accounts=nothing, qos=nothing, access=nothing, associations=nothing
    )
    map_ = change(map_, scheduling=scheduling, storage=change(map_.storage, volumes=()))
    report = check(script("-p x -A y -q z --gres=gpu:99 --mem=99T", body="ls /data2/local_datasets/x"), map_)
    assert report.findings == ()
    assert len(report.unknown) == 3
    assert all(one.settle for one in report.unknown)


def test_a_usual_place_that_the_login_node_lacks_is_unchecked() -> None:
    map_ = aurora()
    map_ = change(map_, storage=change(map_.storage, volumes=(), missing=("/local_datasets",)))
    report = check(script("-c 2", body="python x.py /local_datasets/me/x"), map_)
    assert report.findings == ()
    assert report.unknown[0].settle == "jido probe aurora --compute"


def test_several_jobs_in_one_script_are_not_held_against_the_map() -> None:
    assert "over-limit" not in rules(
        "#!/bin/bash\n#SBATCH -t 1:00:00\n#SBATCH hetjob\n#SBATCH --gres=gpu:4\nsrun x\n"
    )


_WORDS = (
    *("#SBATCH ", "#!/bin/bash", "\n", " ", "--mem=", "-p ", "-o ", "5G", '"', "'", "\\", "#", "$HOME", "~/x", "%j"),
    *("가", "\udcff", "\r\n", "\0", "conda activate ", "&", "&&", "<<EOF", "EOF", "--gres=gpu:", "srun ", "$(", ")"),
    *("CUDA_VISIBLE_DEVICES=", "export ", "python ", "--data=/data/datasets/x", "/data2/local_datasets/", "unset "),
    *("HF_HOME=", "mkdir logs", "wait", "hetjob", "--array=1-3", "-n 4", "if ", "done", "{", "}", "`", "\x1b[1m"),
)


@given(st.lists(st.sampled_from(_WORDS) | st.text(max_size=4), max_size=30).map("".join))
@settings(deadline=None)
def test_no_text_makes_a_check_fail(text: str) -> None:
    report = check(text, looked=Looked())
    count = text.count("\n") + 1
    assert all(1 <= finding.line <= count and finding.column >= 1 for finding in report.findings)
    json.dumps(sarif(report, "0")).encode()


def test_whether_it_waits_or_is_refused_is_said_where_it_is_known() -> None:
    text, map_ = script("--gres=gpu:2"), aurora()
    assert "wait for ever" in found(check(text, map_))["over-limit"].what
    strict = tuple(change(one, flags=("DenyOnLimit",)) for one in map_.scheduling.qos_rules.value or ())
    map_ = change(map_, scheduling=change(map_.scheduling, qos_rules=known(strict, "sacctmgr")))
    assert "wait for ever" not in found(check(text, map_))["over-limit"].what


def test_a_limit_on_cpus_and_memory() -> None:
    map_ = aurora()
    rows = tuple(
        change(one, per_user=Limits(cpus=16, memory=64 * 1024**3)) for one in map_.scheduling.access.value or ()
    )
    map_ = change(map_, scheduling=change(map_.scheduling, access=known(rows, "dry run")))
    assert "16 CPUs" in found(check(script("-c 17"), map_))["over-limit"].what
    assert "64G" in found(check(script("--mem=65G"), map_))["over-limit"].what
    assert rules(script("-c 16 --mem=64G"), map_) == set()


def test_hostile_names_are_told_as_they_are() -> None:
    name = "한 글 '\"$(touch x)`"
    finding = found(check(script(f'-p "{name.replace(chr(34), chr(92) + chr(34)).replace("`", "")}"')))[
        "partition-unknown"
    ]
    assert "$(touch x)" in finding.what
