"""Where a project goes, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from jido.config.project import ClusterTable, LayoutTable, Project
from jido.errors import InputError, Refused
from jido.layout.planning import plan
from jido.model.destination import Destination
from jido.model.facts import Fact, absent, known, unknown
from jido.model.map import Host, Instance, Map, Now, Storage, Volume
from jido.model.units import parse_size

AURORA = Destination(host="aurora.khu.ac.kr")
PROJECT = Project(folder=Path("/home/me/digits $(x)"), file=None, name="digits")


def volume(
    path: str, tier: str, mine: str | None = None, *, shared: Fact[bool] | None = None, **more: object
) -> Volume:
    return Volume(
        path=path,
        tier=known(tier, "t"),
        shared=known(True, "t") if shared is None else shared,
        mine=known(mine, "t") if mine else absent("t"),
        **more,
    )


def mapped(*volumes: Volume, **free: str) -> Map:
    return Map(
        name="aurora",
        instance=Instance(login=(Host(name="aurora-login", home=known("/home/student", "t")),)),
        storage=Storage(volumes=volumes),
        now=Now(free={f"/{name}": parse_size(size) for name, size in free.items()}),
    )


HOME = volume("/home", "home", "/home/student")
DATA = volume("/data", "work", "/data/student")
SCRATCH = volume("/scratch", "scratch", "/scratch/student")
LOCAL = volume("/local_datasets", "local", "/local_datasets/student", shared=known(False, "t"))


def test_the_work_volume_and_the_reason_in_words() -> None:
    layout = plan(PROJECT, "aurora", AURORA, mapped(HOME, LOCAL, SCRATCH, DATA, data="14T", home="2T"), "student")
    assert layout.workspace.root == "/data/student/digits"
    assert layout.why == "/data/student because it is shared, 14T free and not your home"
    assert layout.warnings == ()
    assert {decision.role: decision.where for decision in layout.there}["code"] == "/data/student/digits/code"
    assert {decision.role: decision.where for decision in layout.here}["data"] == "/home/me/digits $(x)/data"


def test_the_roomiest_of_several() -> None:
    other = volume("/data2", "work", "/data2/student")
    assert plan(PROJECT, "aurora", AURORA, mapped(DATA, other, data="1T", data2="3T"), "s").workspace.root.startswith(
        "/data2/"
    )
    unsure = volume("/data3", "work", "/data3/student", shared=unknown("not looked"))
    best = plan(PROJECT, "aurora", AURORA, mapped(DATA, unsure, data="1T", data3="9T"), "s")
    assert best.workspace.root == "/data/student/digits"


def test_scratch_and_home_come_with_a_warning() -> None:
    scratch = volume("/scratch", "scratch", "/scratch/student", purge=known("30 days without use", "told"))
    layout = plan(PROJECT, "aurora", AURORA, mapped(HOME, scratch), "student")
    assert layout.workspace.root == "/scratch/student/digits"
    assert "30 days without use" in layout.warnings[0]
    layout = plan(PROJECT, "aurora", AURORA, mapped(HOME, LOCAL), "student")
    assert layout.workspace.root == "/home/student/digits"
    assert "--work DIR" in layout.warnings[0]


def test_what_is_not_known_to_be_shared_is_said() -> None:
    unsure = volume("/data", "work", "/data/student", shared=unknown("not looked"))
    layout = plan(PROJECT, "aurora", AURORA, mapped(unsure), "student")
    assert "is shared" not in layout.why
    assert "--compute" in layout.warnings[0]


@pytest.mark.parametrize(
    "map_",
    [
        mapped(),
        mapped(LOCAL),
        mapped(volume("/data", "work")),
        mapped(volume("/datasets", "datasets", "/datasets/x")),
    ],
)
def test_no_place_is_refused_with_a_way_out(map_: Map) -> None:
    with pytest.raises(Refused) as caught:
        plan(PROJECT, "aurora", AURORA, map_, "student")
    assert "--work DIR" in caught.value.hint


def test_without_a_map_a_probe_is_advised() -> None:
    with pytest.raises(Refused) as caught:
        plan(PROJECT, "aurora", AURORA, None, "student")
    assert "jido probe aurora" in caught.value.hint


def test_what_was_said_goes_first() -> None:
    site = Destination(host="h", work="/site")
    project = Project(PROJECT.folder, None, "digits", layout=LayoutTable(work="/file/{user}"))
    both = Project(
        PROJECT.folder, None, "digits", layout=project.layout, clusters={"aurora": ClusterTable(work="~/../over")}
    )
    map_ = mapped(DATA)
    roots = [
        plan(PROJECT, "aurora", site, map_, "student"),
        plan(project, "aurora", site, map_, "student"),
        plan(both, "aurora", site, map_, "student"),
        plan(both, "aurora", site, map_, "student", work="/said $(x)/한글"),
    ]
    assert [layout.workspace.root for layout in roots] == [
        "/site/digits",
        "/file/student/digits",
        "/home/over/digits",
        "/said $(x)/한글/digits",
    ]
    assert "[layout] work" in roots[1].why


def test_a_map_that_changes_does_not_move_a_project() -> None:
    before = plan(PROJECT, "aurora", AURORA, mapped(DATA, SCRATCH, data="14T"), "student").workspace
    roomier = volume("/data2", "work", "/data2/student")
    now = mapped(DATA, roomier, data="1T", data2="50T")
    assert plan(PROJECT, "aurora", AURORA, now, "student", before=before).workspace == before
    moved = Project(PROJECT.folder, None, "digits", layout=LayoutTable(work="/said"))
    assert plan(moved, "aurora", AURORA, now, "student", before=before).workspace.root == "/said/digits"


@pytest.mark.parametrize("work", ["relative", "~/x"])
def test_a_folder_that_cannot_be_found_there_is_refused(work: str) -> None:
    with pytest.raises(InputError):
        plan(PROJECT, "aurora", AURORA, None, "student", work=work)


def test_this_machine_needs_no_map_and_keeps_equal_names_apart(jido_home: Path) -> None:
    local = Destination(engine="process")
    one = plan(PROJECT, "local", local, None, "me")
    two = plan(Project(Path("/elsewhere/digits"), None, "digits"), "local", local, None, "me")
    assert one.workspace.root.startswith(f"{jido_home}/data/work/digits-")
    assert one.workspace.root != two.workspace.root
