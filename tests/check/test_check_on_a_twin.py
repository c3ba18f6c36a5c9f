"""What the rules claim of Slurm, held against a real one."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jido.api import checking, probing
from jido.api import twins as api
from jido.api.cluster import Cluster
from jido.check.findings import Finding
from jido.engines.slurm.options import LETTERS, OPTIONS
from jido.engines.slurm.words import PREFIX, Word, is_command, split
from jido.errors import InputError, NotFound
from jido.model.command import Command, Reply
from jido.twins import processes

pytestmark = [pytest.mark.twin, pytest.mark.xdist_group("check")]

_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
_NEEDED = ("munged", "slurmctld", "slurmd", "slurmdbd", "mariadbd", "sshd", "bwrap")


@pytest.fixture(scope="module")
def jido_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("jido")


@pytest.fixture(scope="module")
def brought_up(jido_home: Path) -> Iterator[str]:
    missing = [program for program in _NEEDED if not shutil.which(program, path=_PATH)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JIDO_HOME", str(jido_home))
        api.up("aurora")
        probing.probe("aurora")
        yield "aurora"
        patch.setenv("JIDO_HOME", str(jido_home))
        api.down("aurora")


@pytest.fixture
def aurora(brought_up: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.chdir(tmp_path)
    cluster = Cluster(brought_up)
    yield cluster
    there(cluster, "scancel", "-u", "student")
    assert processes.until(lambda: not there(cluster, "squeue", "-h").text.strip(), within=20)


def there(cluster: Cluster, *argv: str, stdin: bytes = b"") -> Reply:
    return cluster.transport.run(Command(argv=argv, stdin=stdin))


def checked(text: str, **how: Any) -> dict[str, Finding]:
    Path("job.sh").write_text(text, newline="")
    report = checking.check(["job.sh"], on="aurora", **how).report
    return {finding.rule: finding for finding in report.findings}


def slurm_says(cluster: Cluster, text: str) -> str:
    """What sbatch's dry run prints of a script."""
    return there(cluster, "sbatch", "--test-only", stdin=text.encode()).stderr.decode("utf-8", "replace")


def script(*options: str) -> str:
    return "\n".join(("#!/bin/bash", "#SBATCH --time=10", *(f"#SBATCH {one}" for one in options), "sleep 60", ""))


@pytest.mark.parametrize(
    ("text", "rule", "words"),
    [
        (script("-p nope"), "partition-unknown", "Invalid partition name"),
        (script("-p batch_swcon_ugrad"), "partition-not-mine", "Invalid account or account/partition"),
        (script("-A swcon_ugrad"), "account-not-mine", "Invalid account or account/partition"),
        (script("-q fast"), "qos-not-mine", "Invalid qos specification"),
        (script("--gres=gpu:9"), "too-big", "Requested node configuration is not available"),
        (script("--gres=gpu:a100:1"), "too-big", "Requested node configuration is not available"),
        (script("-c 65"), "too-big", "Requested node configuration is not available"),
        (script("--mem=1T"), "too-big", "Requested node configuration is not available"),
        (script("--time=5:00:00"), "time-too-long", "time limit is invalid"),
        (script("--time=0"), "time-too-long", "time limit is invalid"),
        (script("--tme=5"), "option-unknown", "unrecognized option"),
        (script("--ti=5"), "option-unknown", "ambiguous"),
        (script("--time=2h"), "option-unreadable", "Invalid --time specification"),
        (script("--mem=5.5G"), "option-unreadable", "Invalid --mem specification"),
        (script("--mem=5 G"), "option-unreadable", "Invalid directive found in batch script: G"),
        (script("--gres=gpu=1"), "option-unreadable", "Invalid generic resource"),
        (script("-n 0"), "option-unreadable", "Invalid numeric value"),
        (script('--comment="open'), "option-unreadable", "Unmatched"),
        (script("--mem=1G --mem-per-cpu=1G"), "options-clash", "mutually exclusive"),
        (script("--cpus-per-gpu=2 -c 2 --gres=gpu:1"), "options-clash", "mutually exclusive"),
        (script().replace("\n", "\r\n"), "dos-line-ends", "DOS line breaks"),
        (script().replace("#!/bin/bash\n", ""), "shebang-missing", "does not look like a batch script"),
        ("\ufeff" + script(), "shebang-missing", "does not look like a batch script"),
    ],
)
def test_what_is_called_refused_is_refused(aurora: Cluster, text: str, rule: str, words: str) -> None:
    finding = checked(text)[rule]
    assert finding.severity == "error"
    assert words in slurm_says(aurora, text)


@pytest.mark.parametrize(
    "options",
    ["--part=batch_ugrad", "-p batch_ugrad -t 6-0", "--gres=gpu:rtx3090:1 -c 64", "--mem=512G", "--gpus=1", "-N 2-4",
     "--mem=5GB", "--ntasks=512", '-J "a b" # c', "-A ugrad -q ugrad", "-p debug_ugrad,batch_ugrad"],
)  # fmt: skip
def test_what_has_no_error_is_taken(aurora: Cluster, options: str) -> None:
    text = script(options)
    assert [one for one in checked(text).values() if one.severity == "error"] == []
    assert re.search(r"Job \d+ to start", slurm_says(aurora, text))


def test_with_strict_limits_every_named_partition_has_to_take_it(aurora: Cluster) -> None:
    text = script("-p debug_ugrad,batch_ugrad", "--time=1-0")
    assert "time-too-long" in checked(text)
    assert "time limit is invalid" in slurm_says(aurora, text)


def test_what_is_over_the_qos_is_taken_and_waits_for_ever(aurora: Cluster) -> None:
    text = script("--gres=gpu:2", "-o /dev/null")
    assert "wait for ever" in checked(text)["over-limit"].what
    job = there(aurora, "sbatch", "--parsable", stdin=text.encode()).text.strip()
    assert processes.until(lambda: "QOSMax" in there(aurora, "squeue", "-h", "-j", job, "-o", "%r").text, within=20)


@pytest.mark.parametrize(
    ("output", "rule"),
    [("/data/student/not there/x.out", "output-folder-missing"), ("~/x.out", "output-not-expanded"),
     ("/data/student/$USER/x.out", "output-not-expanded"), ("/data/student/%j/x.out", "output-folder-missing")],
)  # fmt: skip
def test_without_its_folder_a_job_ends_without_a_word(aurora: Cluster, output: str, rule: str) -> None:
    text = script(f'-o "{output}"').replace("sleep 60", "true")
    assert checked(text)[rule].severity == "error"
    job = there(aurora, "sbatch", "--parsable", stdin=text.encode()).text.strip()

    def state() -> str:
        return there(aurora, "scontrol", "show", "job", job).text

    assert processes.until(lambda: "JobState=FAILED" in state(), within=30), state()
    assert "ExitCode=0:53" in state()


def test_the_folder_that_fix_names_is_looked_for_too(aurora: Cluster) -> None:
    there(aurora, "mkdir", "-p", "/data/student/로그 'x")
    text = script('-o "/data/student/로그 \'x/%j.out"')
    assert set(checked(text)) == set()
    assert "not checked" not in str(checking.check(["job.sh"], on="aurora").report.unknown)


def test_a_dataset_is_counted_and_one_that_is_not_there_is_told(aurora: Cluster) -> None:
    there(aurora, "sh", "-c", "mkdir -p /data/student/many/a && cd /data/student/many/a && seq 5100 | xargs touch")
    found = checked(script() + "python x.py --data=/data/student/many --train_dir /data/student/nowhere\n")
    assert "5" in found["many-small-files"].what
    assert "/data/student/nowhere" in found["data-missing"].what


def test_a_script_that_lies_there_is_read_and_mended_there(aurora: Cluster) -> None:
    path = "/data/student/한 글 'q $(touch pwned)/train.sh"
    there(aurora, "mkdir", "-p", path.rpartition("/")[0])
    text = script("--memory=1G", "-o logs/%j.out")
    there(aurora, "sh", "-c", 'cat >"$1"; chmod 750 "$1"', "sh", path, stdin=text.encode())
    name = f"aurora:{path}"
    report = checking.check([name]).report
    assert {finding.rule for finding in report.findings} == {"option-unknown", "output-folder-missing"}
    assert checking.fix([name]).fixed
    assert there(aurora, "cat", path).text == text.replace("--memory", "--mem")
    there(aurora, "mkdir", path.replace("train.sh", "logs"))
    assert checking.check([name]).report.findings == ()
    assert there(aurora, "stat", "-c", "%a", path).text.strip() == "750"
    assert there(aurora, "sh", "-c", 'ls -A "$1"', "sh", path.rpartition("/")[0]).text.split() == ["logs", "train.sh"]


def test_a_script_that_is_not_there_is_told(aurora: Cluster) -> None:
    for path in ("/data/student/none.sh", "/data/student"):
        with pytest.raises(NotFound):
            checking.check([f"aurora:{path}"])
    with pytest.raises(InputError, match="without asking"):
        checking.check(["aurora:/data/student/x.sh"], offline=True)


def test_offline_nobody_is_asked(aurora: Cluster) -> None:
    Path("job.sh").write_text(script("-o /data/student/nowhere/x.out"))
    report = checking.check(["job.sh"], on="aurora", offline=True).report
    assert report.findings == ()
    assert "nobody was asked" in report.unknown[0].what


def test_a_job_whose_last_command_is_in_the_background_leaves_it_behind(aurora: Cluster) -> None:
    log = "/data/student/behind.txt"
    text = script("-o /dev/null").replace("sleep 60", f"nohup sh -c 'sleep 2; echo done >{log}' &")
    assert "background-at-end" in checked(text)
    fixed = checking.fix(["job.sh"], on="aurora")
    assert fixed.fixed
    for body, there_after in ((text, False), (Path("job.sh").read_text(), True)):
        job = there(aurora, "sbatch", "--parsable", stdin=body.encode()).text.strip()
        ended = processes.until(
            lambda job=job: "JobState=COMPLETED" in there(aurora, "scontrol", "show", "job", job).text, within=30
        )
        assert ended
        assert there(aurora, "test", "-e", log).ok == there_after


# -- the reader against sbatch itself ----------------------------------------------------------------------------

_ASK = """
import json, re, subprocess, sys
said = []
for text in json.load(sys.stdin):
    done = subprocess.run(["sbatch", "-vvvv", "--test-only"], input=text.encode(), capture_output=True)
    err = done.stderr.decode("utf-8", "replace")
    words = re.findall(r'Found in script, argument "(.*)"$', err, re.M)
    said.append([words, bool(re.search("fatal:.*line [0-9]+: Un", err))])
json.dump(said, sys.stdout)
"""
_PIECES = ["--mem=5", "-c", "2", "--comment=", '"', "'", "\\", " ", "  ", "\t", "#", "a", "=", "-p", "x", "$HOME",
           "\v", ":", "-", "--", "가", "\f", "\\ ", '""', "''", '\\"']  # fmt: skip


def test_words_are_cut_as_sbatch_cuts_them(aurora: Cluster) -> None:
    chance = random.Random(4)

    def line() -> str:
        return PREFIX + chance.choice(["", " ", " ", "\t"]) + "".join(chance.choices(_PIECES, k=chance.randint(1, 9)))

    texts = [
        "\n".join(
            ["#!/bin/bash", *(chance.choice([line(), line(), "", "  # d", "echo"]) for _ in range(3)), "true", ""]
        )
        for _ in range(200)
    ]
    reply = there(aurora, "python3", "-c", _ASK, stdin=json.dumps(texts).encode())
    for text, said in zip(texts, json.loads(reply.stdout), strict=True):
        assert ours(text) == said, text


def ours(text: str) -> list[object]:
    words: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.startswith(PREFIX):
            if is_command(line):
                break
            continue
        for word in split(line, number, len(PREFIX)):
            if not isinstance(word, Word):
                return [words, True]
            words.append(word.text)
    return [words, False]


def test_the_table_of_options_is_sbatchs(aurora: Cluster) -> None:
    wanted = {f"--{name}": takes for name, takes in OPTIONS.items()} | {
        f"-{letter}": OPTIONS[name] for letter, name in LETTERS.items()
    }
    loop = 'for o; do echo "@ $o"; sbatch --test-only "$o" </dev/null 2>&1; done'
    said = there(aurora, "bash", "-c", loop, "bash", *wanted).text
    answers = {part.split("\n")[0].strip(): part for part in said.split("@ ")[1:]}
    for option, takes in wanted.items():
        answer = answers[option]
        assert "unrecognized" not in answer, answer
        assert "invalid option" not in answer, answer
        assert ("requires an argument" in answer) == (takes == "value"), (option, answer)
