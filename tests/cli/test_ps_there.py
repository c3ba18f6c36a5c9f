"""``jido ps --there``, as a person with two computers meets it."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.conftest import Person


def test_what_the_other_computer_submitted_is_seen_and_left_alone(tmp_path: Path) -> None:
    desk = Person(tmp_path / "home")
    sofa = Person(tmp_path / "home2")
    # One account: the queue of this machine is the same.
    sofa.env["HOME"] = desk.env["HOME"]
    desk.types("submit", "--on", "local", "--", "sleep", "60")
    try:
        assert "run 1 there" in sofa.types("ps", "--there", "--on", "local").stdout
        [job] = sofa.json("ps", "--there", "--on", "local")["jobs"]
        assert (job["job"], job["origin"]["number"], job["lost"]) == (desk.run()["job"], 1, False)
        assert "no open job" in desk.types("ps", "--there", "--on", "local").stderr
        assert sofa.json("ps")["runs"] == []
        assert "leave the others out" in sofa.types("ps", "--there", "-a", code=2).stderr
        assert "did you mean" in sofa.types("ps", "--there", "--on", "loca", code=4).stderr
    finally:
        desk.types("cancel", "last")
