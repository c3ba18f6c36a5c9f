"""An existing batch script as sbatch reads it; what is claimed here of sbatch is held against it in tests/check."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jido.engines.slurm.reading import read, write
from jido.model.batch import Script
from jido.model.units import parse_duration

GIB = 1024**3


def script(*lines: str, body: str = "python train.py") -> Script:
    return read("\n".join(("#!/bin/bash", *lines, body, "")))


def flaws(*lines: str) -> list[tuple[str, str]]:
    return [(flaw.kind, flaw.instead) for flaw in script(*lines).flaws]


@pytest.mark.parametrize(
    "line",
    ["--partition=gpu", "--partition gpu", "-p gpu", "-pgpu", '-p "gpu"', "--partition='gpu'", "--part=gpu",
     "\t-p\tgpu", "-p gpu # my favourite", "-Hpgpu"],
)  # fmt: skip
def test_an_option_is_read_in_each_of_its_forms(line: str) -> None:
    read_ = script(f"#SBATCH {line}")
    assert read_.resources.partition == "gpu"
    assert not read_.flaws


def test_several_options_on_a_line_have_their_own_places() -> None:
    read_ = script("#SBATCH -p gpu --time=1:00:00 -N 2")
    assert [(one.name, one.value, one.span.line, one.span.column, one.span.end) for one in read_.options] == [
        ("partition", "gpu", 2, 9, 15),
        ("time", "1:00:00", 2, 16, 30),
        ("nodes", "2", 2, 31, 35),
    ]


def test_the_last_of_a_name_counts() -> None:
    assert script("#SBATCH --mem=1G", "#SBATCH --mem=2G").resources.memory == 2 * GIB


def test_reading_ends_at_the_first_command_and_says_so() -> None:
    read_ = read("#!/bin/bash\n\n  # a comment\n#SBATCH -c 2\necho\n#SBATCH -c 4\n")
    assert (read_.resources.cpus, read_.body) == (2, 5)
    assert [(flaw.kind, flaw.span.line) for flaw in read_.flaws] == [("unread", 6)]


def test_what_stands_in_a_here_document_is_no_option_and_no_mistake() -> None:
    text = "#!/bin/bash\n#SBATCH -c 2\ncat >job.sh <<'END'\n#!/bin/bash\n#SBATCH -c 4\nEND\nsbatch job.sh\n"
    assert read(text).flaws == ()


def test_options_that_are_switched_off_are_no_mistake() -> None:
    assert script("##SBATCH --mem=1G", "### SBATCH", "# see man sbatch").flaws == ()


@pytest.mark.parametrize(
    ("line", "kind", "instead"),
    [
        ("#SBATCH --tme=5", "unknown option", "--time=5"),
        ("#SBATCH --memory=5G", "unknown option", "--mem=5G"),
        ("#SBATCH --cpus_per_task=2", "unknown option", "--cpus-per-task=2"),
        ("#SBATCH --MEM=2G", "unknown option", "--mem=2G"),
        ("#SBATCH -mem=5G", "unknown option", "--mem=5G"),
        ("#SBATCH --walltime=60", "unknown option", "--time=60"),
        ("#SBATCH --ti=5", "ambiguous option", ""),
        ("#SBATCH -Z", "unknown option", ""),
        ("#SBATCH --mem", "no value", ""),
        ("#SBATCH --hold=yes", "bad value", "--hold"),
        ("#SBATCH --time=2h", "bad value", "--time=02:00:00"),
        ("#SBATCH --time=1d12h", "bad value", "--time=1-12:00:00"),
        ("#SBATCH --mem=5.5G", "bad value", "--mem=5632M"),
        ("#SBATCH --mem=5GiB", "bad value", "--mem=5120M"),
        ("#SBATCH --gres=gpu=2", "bad value", "--gres=gpu:2"),
        ("#SBATCH --gres=gpus:a100:2", "bad value", "--gres=gpu:a100:2"),
        ("#SBATCH -p=gpu", "bad value", "--partition=gpu"),
        ("#SBATCH -n 0", "bad value", ""),
        ("#SBATCH –mem=5G", "stray word", "--mem=5G"),
        ("#SBATCH --mem=5 G", "stray word", ""),
        ('#SBATCH --comment="open', "unreadable", ""),
        ("#SBATCH: --mem=5", "unreadable", ""),
        ("#sbatch --mem=5G", "disguised", "#SBATCH --mem=5G"),
        (" #SBATCH --mem=5G", "disguised", "#SBATCH --mem=5G"),
        ("# SBATCH --mem=5G", "disguised", ""),
        ("#SBATCH --mem=1G --mem-per-cpu=1G", "clash", ""),
        ("#SBATCH -c 2 --cpus-per-gpu=2", "clash", ""),
    ],
)
def test_a_flaw_is_told_with_what_was_meant(line: str, kind: str, instead: str) -> None:
    assert flaws(line) == [(kind, instead)]


def test_what_may_be_a_sites_own_option_is_not_certainly_wrong() -> None:
    [flaw] = script("#SBATCH --our-site-thing=1").flaws
    assert (flaw.kind, flaw.certain) == ("unknown option", False)


def test_nothing_is_mended_into_a_second_option_of_a_name() -> None:
    assert flaws("#SBATCH --time=60", "#SBATCH --tme=3") == [("unknown option", "")]
    assert flaws("#SBATCH --time=60", "#sbatch --time=3") == [("disguised", "")]


def test_an_option_of_a_later_slurm_is_unknown_to_an_older_one() -> None:
    text = "#!/bin/bash\n#SBATCH --tres-per-task=gres/gpu:1\ntrue\n"
    assert read(text, (24, 5)).flaws == ()
    [flaw] = read(text, (22, 5)).flaws
    assert "later Slurm" in flaw.what


@pytest.mark.parametrize(
    ("lines", "asks"),
    [
        ("--gres=gpu:rtx3090:2 -c 8", {"gpus": 2, "gpu_model": "rtx3090", "cpus": 8}),
        ("--gres=gpu", {"gpus": 1}),
        ("--gpus-per-node=a100:4 -N 2", {"gpus": 4, "gpu_model": "a100", "nodes": 2}),
        ("-G 8 -N 2", {"gpus": 4, "nodes": 2}),
        ("--gpus-per-task=1 -n 4 -N 2", {"gpus": 2, "nodes": 2, "tasks": 2}),
        ("--mem=29G", {"memory": 29 * GIB}),
        ("--mem=500", {"memory": 500 * 1024**2}),
        ("--mem-per-cpu=2G -c 4", {"memory": 8 * GIB, "cpus": 4}),
        ("-t 1-12", {"time": parse_duration("1-12:00:00")}),
        ("-t 90", {"time": 5400}),
        ("-n 8 -N 2", {"tasks": 4, "nodes": 2}),
        ("-A me -q fast -C big -w g1", {"account": "me", "qos": "fast", "constraint": "big", "node": "g1"}),
    ],
)
def test_what_is_asked_for(lines: str, asks: dict[str, object]) -> None:
    read_ = script(f"#SBATCH {lines}")
    assert not read_.flaws
    assert {name: getattr(read_.resources, name) for name in asks} == asks


def test_gpus_over_an_open_number_of_nodes_are_no_nodes_own() -> None:
    read_ = script("#SBATCH --gpus=9")
    assert (read_.gpus_in_all, read_.resources.gpus) == (9, 0)


@pytest.mark.parametrize(
    ("path", "folder", "literal", "instead"),
    [
        ("logs/%j.out", "logs", "", None),
        ("/data/%u/%x-%j.out", "/data/{user}/train-%j.out".rpartition("/")[0], "", None),
        ("%j.out", "", "", None),
        ("/data/me/%N/x.out", None, "", None),
        ("~/logs/%j.out", None, "~", "{home}/logs/%j.out"),
        ("$HOME/logs/$SLURM_JOB_ID.out", None, "$HOME", "{home}/logs/%j.out"),
        ("/data/${USER}/%j.out", None, "${USER}", "/data/%u/%j.out"),
        ("/data/$(whoami)/%j.out", None, "$(whoami)", None),
        ("/data/$PROJECT/%j.out", None, "$PROJECT", None),
    ],
)
def test_where_output_goes(path: str, folder: str | None, literal: str, instead: str | None) -> None:
    [output] = script("#SBATCH -J train", f"#SBATCH --output={path}").outputs
    assert (output.folder, output.literal, output.instead) == (folder, literal, instead)


def test_a_folder_named_after_the_job_cannot_be_there_before() -> None:
    [output] = script("#SBATCH -o logs/%j/out").outputs
    assert output.fresh


def test_the_folder_counts_from_where_the_job_starts() -> None:
    [output] = script("#SBATCH -D /data/me", "#SBATCH -o logs/%j.out").outputs
    assert output.folder == "/data/me/logs"


def test_of_several_jobs_in_one_the_first_is_read() -> None:
    read_ = script("#SBATCH -c 2", "#SBATCH hetjob", "#SBATCH -c 4")
    assert (read_.several, read_.resources.cpus, read_.flaws) == (True, 2, ())


def test_what_stands_outside_of_options() -> None:
    assert [flaw.kind for flaw in read("echo hi\n").flaws] == ["no interpreter"]
    assert [flaw.kind for flaw in read("\ufeff#!/bin/bash\ntrue\n").flaws] == ["no interpreter"]
    assert [flaw.kind for flaw in read("#!/bin/bash\r\ntrue\r\n").flaws] == ["line ends"]
    assert [flaw.kind for flaw in read("#!/bin/bash\necho \0\n").flaws] == ["control character"]


_PIECES = st.sampled_from(
    ["#SBATCH", "#!/bin/bash", "\n", " ", "--mem=", "-p", "--output=", "5G", '"', "'", "\\", "#", "$HOME", "~", "%j",
     "가", "\udcff", "\r\n", "\0", "--", "-", "=", ":", "hetjob", "<<EOF", "EOF", "--gres=gpu:", "--time=",
     "99999999999999", "--nodes=", "1-", "sbatch"]
)  # fmt: skip


@given(st.lists(_PIECES | st.text(max_size=5), max_size=40).map("".join))
def test_whatever_the_text_holds_something_comes_out(text: str) -> None:
    read_ = read(text)
    count = text.count("\n") + 1
    spans = [one.span for one in (*read_.options, *read_.flaws)]
    assert all(1 <= span.line <= count for span in spans)
    assert 1 <= read_.top <= count + 1


@given(st.text(st.characters(min_codepoint=32, exclude_characters="\x7f"), min_size=1, max_size=20))
def test_what_is_written_is_read_back(value: str) -> None:
    line = f"#SBATCH {write('comment', value)}"
    if any(ord(char) < 32 for char in value) or "\x85" in value or not value.strip():
        return
    [option] = script(line).options
    assert option.value == value
