"""How far one has come, what is shown of it, and the commands before and behind a tour. No twin is up here."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from jido.config import clusters
from jido.errors import NotFound, Refused
from jido.model.destination import Destination
from jido.tour import ground, guide, shell, slurm
from jido.tour import progress as kept
from jido.tour.case import shown
from jido.tour.missions import MISSIONS, NAMES, number_of
from jido.tour.progress import Progress

HOSTILE = "집 'q\" $(touch pwned) `x`\n-n"


@pytest.fixture
def begun(tmp_path: Path) -> Progress:
    return kept.write(Progress("aurora-tour", str(tmp_path / HOSTILE), "en", 1.0))


def test_progress_outlives_the_process_and_a_broken_file_is_no_tour(begun: Progress) -> None:
    assert kept.read() == begun
    kept.file().write_bytes(b"\xff{")
    assert kept.read() is None
    with pytest.raises(NotFound, match="no tour"):
        kept.need()


def test_a_mission_is_left_only_when_it_is_done_or_skipped(begun: Progress) -> None:
    with pytest.raises(Refused, match="is not done yet"):
        guide.go_on(begun)
    done = kept.write(msgspec.structs.replace(begun, passed=("login",), hints=2))
    then = guide.go_on(done)
    assert then is not None
    assert (then.mission, then.hints) == (1, 0)
    skipped = guide.go_on(then, skip=True)
    assert skipped is not None
    assert skipped.passed == ("login",)


def test_to_go_back_forgets_what_came_behind(begun: Progress) -> None:
    far = msgspec.structs.replace(begun, mission=5, passed=NAMES[:5])
    assert guide.go_to(far, 2).passed == NAMES[:2]


def test_the_last_mission_behind_which_all_is_over_tells_what_was_left_out(begun: Progress) -> None:
    last = msgspec.structs.replace(begun, mission=len(MISSIONS) - 1, passed=NAMES[1:])
    assert guide.go_on(last) is None
    assert kept.read() is None
    assert "Left out: Log in and find out where you are." in guide.over(last)


def test_hints_say_more_each_time_and_stay_at_the_last(begun: Progress) -> None:
    said = []
    for _ in range(4):
        told = guide.hint(kept.need())
        said.append((told.text[:11], told.next))
    assert said[0] == ("Hint 1 of 3", "To go on: `jido tour hint`")
    assert said[2] == said[3] == ("Hint 3 of 3", "To go on: `jido tour check`")


def test_nothing_is_checked_while_the_twin_is_down(begun: Progress) -> None:
    with pytest.raises(Refused, match="not up"):
        guide.check(begun)
    assert any("`jido tour`" in note for note in guide.show(begun).notes)


def test_short_names_are_shown_only_where_they_work(begun: Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    assert guide.show(begun).check == "jido tour check"
    monkeypatch.setenv(shell.INSIDE, str(kept.file()))
    assert guide.show(begun).check == "check"
    # Another tour's shell is not this one's.
    monkeypatch.setenv(shell.INSIDE, "/elsewhere/progress.json")
    assert guide.show(begun).check == "jido tour check"


def test_a_name_that_is_taken_is_left_to_whom_it_belongs() -> None:
    clusters.put("aurora-tour", Destination(host="real.example.edu"))
    assert ground._free_name() == "aurora-tour-2"


def test_the_folder_is_a_new_one_unless_a_tour_made_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    mine = tmp_path / "jido-tour"
    mine.mkdir()
    (mine / "thesis.tex").write_text("years of work")
    place = ground._free_folder()
    assert place == tmp_path / "jido-tour-2"
    ground._furnish(place)
    assert ground._free_folder() == place
    assert len(list((place / "data/photos").iterdir())) == 60


def test_a_train_py_of_ones_own_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("mine")
    with pytest.raises(Refused, match="your own"):
        ground._furnish(tmp_path)
    assert (tmp_path / "train.py").read_text() == "mine"


def test_a_tour_under_way_does_not_move_to_another_folder(begun: Progress, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="has the folder"):
        ground.begin("en", tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere").exists()


def test_missions_go_by_number_and_name() -> None:
    assert number_of("1") == 0
    assert number_of("home") == 7
    for wrong in ("0", "9", "-1", "²", "$(x)", "hom"):
        with pytest.raises(NotFound):
            number_of(wrong)


def test_slurms_two_sources_are_read_as_one_and_strange_lines_are_none() -> None:
    text = (
        "3|CANCELLED by 1000|aurora-g1|None|billing=8,cpu=8,gres/gpu:rtx3090=1,gres/gpu=1,mem=32G,node=1|\n"
        "4|PENDING|None assigned|QOSMaxGRESPerUser||\n"
        "slurm_load_jobs error: Unable to contact\n"
        "4|PENDING||(QOSMaxGRESPerUser)||\n"
        "5|RUNNING|aurora-g[1-2]|None|cpu=1,gres/gpu=16|\n"
        "6|COMPLETED|aurora-g1|None|cpu=1,mem=4G|gres:gpu:1|N/A|N/A|\n"
        "7|COMPLETED|aurora-g1|None|cpu=1,mem=4G|N/A|gres:gpu:rtx3090:2|N/A|\n"
        "8|COMPLETED|aurora-g1|None|cpu=1,mem=4G|N/A|N/A|N/A|\n"
        "5_[1-3]|PENDING||Priority||\n"
    )
    seen = slurm.read(text)
    assert seen["3"] == slurm.Seen("3", "CANCELLED", "aurora-g1", "None", 1)
    assert seen["4"] == slurm.Seen("4", "PENDING", "", "QOSMaxGRESPerUser", 0)
    assert seen["5"].gpus == 16
    # Without accounting, Slurm only tells what was asked for.
    assert [seen[number].gpus for number in "678"] == [1, 2, 0]
    assert set(seen) == set("345678")


def test_what_lay_in_a_file_is_short_and_printable_when_it_is_shown() -> None:
    assert shown("\x1b[31mred\n\tnext") == "[31mred next"
    assert len(str(shown("가" * 500))) == 43


def test_the_short_names_survive_a_hostile_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "집 'q' $(touch pwned) `x`"
    monkeypatch.setenv("JIDO_HOME", str(home))
    monkeypatch.setenv("SHELL", "/bin/sh")
    toy = tmp_path / "toy"
    toy.mkdir()
    # A real ssh would want a network; what counts is what it is called with.
    (toy / "ssh").write_text('#!/bin/sh\nprintf "%s\\n" "$@" >>"$CALLED"\n')
    (toy / "ssh").chmod(0o755)
    monkeypatch.setenv("CALLED", str(tmp_path / "called"))
    monkeypatch.setenv("PATH", f"{toy}:{os.environ['PATH']}")
    read, write = os.pipe()
    os.write(write, b"ssh aurora-tour hostname\nssh other.example.edu\njido --version\nshow\n")
    os.close(write)
    begun = kept.write(Progress("aurora-tour", str(tmp_path), "ko", 1.0))
    kept_stdin = os.dup(0)
    os.dup2(read, 0)
    try:
        shell.enter(begun, home / "ssh_config")
    finally:
        os.dup2(kept_stdin, 0)
        os.close(kept_stdin)
        os.close(read)
    called = (tmp_path / "called").read_text().splitlines()
    assert called == ["-F", str(home / "ssh_config"), "aurora-tour", "hostname", "other.example.edu"]
    assert not list(tmp_path.rglob("pwned"))
