"""The commands of a script, found without running it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jido.check.shell import commands


def names(text: str) -> list[str]:
    return [one.name for one in commands(text)]


def test_words_keep_their_places() -> None:
    [one] = commands("\n  python 'a b' \\\n  --x=\"c d\"\n")
    assert [(word.text, word.line, word.column, word.end) for word in one.words] == [
        ("python", 2, 3, 9),
        ("a b", 2, 10, 15),
        ("--x=c d", 3, 3, 12),
    ]


def test_commands_end_where_a_shell_ends_them() -> None:
    assert names("a; b && c || d | e & f\ng") == ["a", "b", "c", "d", "e", "f", "g"]
    assert [one.background for one in commands("a & b && c &\nd")] == [True, False, True, False]


def test_redirections_are_no_commands_and_no_background() -> None:
    [one] = commands("python x.py >log 2>&1 </dev/null &>all")
    assert [word.text for word in one.words] == ["python", "x.py"]
    assert not one.background


def test_here_documents_and_comments_are_no_commands() -> None:
    assert names("cat <<'A' <<-B\nx\nA\n\ty\n\tB\nls # rm\n") == ["cat", "ls"]
    assert names("cat <<< word\nls") == ["cat", "ls"]


def test_what_really_runs() -> None:
    [one] = commands("A=1 nohup srun -n 1 --mem=2G env B=2 python3 x.py")
    assert [word.text for word in one.program] == ["python3", "x.py"]
    assert [(name, value) for name, value, _ in one.assignments] == [("A", "1")]


def test_what_is_set() -> None:
    rows = commands('export A=1 B="x y" C\nD=$(date) E=2 cmd F=3')
    assert [(name, value) for one in rows for name, value, _ in one.assignments] == [
        ("A", "1"),
        ("B", "x y"),
        ("D", "$(date)"),
        ("E", "2"),
    ]


def test_words_hold_what_they_nest() -> None:
    [one] = commands('echo "$(ls "a b" | wc -l)" `date +%F` ${x:-"}"}')
    assert len(one.words) == 4


@given(st.text(st.sampled_from("ab '\"\\\n$(){}`;&|<>#=~E!\t\r가\0"), max_size=60))
def test_no_text_makes_it_fail_or_leave_the_text(text: str) -> None:
    count = text.count("\n") + 1
    for one in commands(text):
        for word in one.words:
            assert 1 <= word.line <= word.last <= count
            assert word.column >= 1
