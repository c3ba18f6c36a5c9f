"""`--fix`: what it changes, that it changes it once, and that the file stays what it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jido.check.findings import Edit
from jido.check.rewriting import preview, replace, rewritten
from jido.check.run import apply
from jido.errors import InputError
from scripts import check, script


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("--tme=5", "--time=5"),
        ("--memory=5G", "--mem=5G"),
        ("–mem=5G", "--mem=5G"),
        ("-mem=5G -c 2", "--mem=5G -c 2"),
        ("--gres=gpu=1", "--gres=gpu:1"),
        ("-p batch_urgad", "--partition=batch_ugrad"),
        ("-A prof", "--account=ugrad"),
        ('--output="~/a b/%j.out"', '--output="/home/student/a b/%j.out"'),
        ("--output=$HOME/$SLURM_JOB_ID.out", "--output=/home/student/%j.out"),
        ("--output=/data/$USER/x.out", "--output=/data/%u/x.out"),
        ("--array=1-3 -o /data/student/x.out", "--array=1-3 --output=/data/student/x-%A_%a.out"),
        ("#sbatch -c 2", "#SBATCH -c 2"),
    ],
)
def test_options(before: str, after: str) -> None:
    lines = ["#SBATCH --time=1:00:00"] if "--tme" not in before else []
    whole = [before if before.startswith("#") else f"#SBATCH {before}"]
    done = [after if after.startswith("#") else f"#SBATCH {after}"]
    text = "\n".join(("#!/bin/bash", *lines, *whole, "true", ""))
    assert rewritten(text, check) == "\n".join(("#!/bin/bash", *lines, *done, "true", ""))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("conda activate t", 'eval "$(conda shell.bash hook)"\nconda activate t'),
        ("export CUDA_VISIBLE_DEVICES=0\npython x.py", "python x.py"),
        ("CUDA_VISIBLE_DEVICES=1 python x.py", "python x.py"),
        ("cd x && export CUDA_VISIBLE_DEVICES=0 && python x.py", "cd x && : && python x.py"),
        ("nohup python x.py &", "nohup python x.py &\nwait"),
        ("cd x\n#SBATCH -c 2", "cd x"),
        ("export HF_HOME=~/hf", "export HF_HOME=/data/student/cache/hf_home"),
    ],
)
def test_commands(before: str, after: str) -> None:
    done = rewritten(script("--gres=gpu:1", body=before), check)
    head, body = done.split("\n", 3)[2:3], done.split("#SBATCH --gres=gpu:1\n")[1]
    assert head == ["#SBATCH --gres=gpu:1"]
    assert body.removeprefix("#SBATCH -c 2\n").removesuffix("\n") == after
    assert ("#SBATCH -c 2" in done) == ("-c 2" in before)


def test_all_at_once_and_only_once() -> None:
    before = (
        "\ufeff#!/bin/bash\r\n#SBATCH --tme=60\r\n#sbatch -c 2\r\necho\r\n#SBATCH --mem=2G\r\nconda activate x\r\n"
        "nohup python x.py &\r\n"
    )
    after = rewritten(before, check)
    assert after == (
        "#!/bin/bash\n#SBATCH --time=60\n#SBATCH --mem=2G\n#SBATCH -c 2\necho\n"
        'eval "$(conda shell.bash hook)"\nconda activate x\nnohup python x.py &\nwait\n'
    )
    assert rewritten(after, check) == after
    assert not check(after).refused


@given(
    st.lists(
        st.sampled_from(
            ["#SBATCH --tme=5", "#SBATCH -mem=2G", "#sbatch -c 2", "echo", "#SBATCH --mem=2G", "nohup x &", "\r", "",
             "conda activate x", "export CUDA_VISIBLE_DEVICES=0", "#SBATCH --gres=gpu:1", "if true; then", "fi", "'",
             "#SBATCH -o ~/x", "cat <<E", "E", "#SBATCH --array=1-2", "HF_HOME=~/x", "#SBATCH -p batch_urgad \\"]
        ),
        max_size=8,
    ),
    st.sampled_from(["#!/bin/bash\n", "", "\ufeff", "\n\n#!/bin/sh\n"]),
    st.sampled_from(["\n", "\r\n"]),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_what_was_rewritten_is_left_as_it_is(lines: list[str], head: str, end: str) -> None:
    text = head + end.join(lines) + end
    after = rewritten(text, check)
    assert rewritten(after, check) == after


def test_of_two_changes_at_one_place_one_is_made_first() -> None:
    edits = (Edit(1, 1, 1, 4, "x"), Edit(1, 2, 1, 6, "y"))
    assert apply("abcdef\n", edits) == "xdef\n"


def test_the_preview_is_a_diff_that_patch_reads() -> None:
    shown = preview("한 글.sh", "a\nb", "a\nc")
    assert "-b\n\\ No newline at end of file\n+c\n\\ No newline at end of file\n" in shown


def test_the_file_keeps_mode_and_link(tmp_path: Path) -> None:
    real = tmp_path / "한 글 $(x).sh"
    real.write_bytes(b"old\xff")
    real.chmod(0o750)
    link = tmp_path / "link.sh"
    link.symlink_to(real.name)
    replace(link, b"old\xff", "new\udcff")
    assert real.read_bytes() == b"new\xff"
    assert real.stat().st_mode & 0o777 == 0o750
    assert link.is_symlink()
    assert {file.name for file in tmp_path.iterdir()} == {real.name, link.name}


def test_a_file_that_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "x.sh"
    file.write_text("theirs")
    with pytest.raises(InputError, match="changed while"):
        replace(file, b"old", "new")
    assert file.read_text() == "theirs"
