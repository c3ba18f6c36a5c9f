"""``jido guide``: a part of a file that is made anew and never twice; what people wrote stays to the byte."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import tomli_w
from spoken import Jido

from jido.api import guiding
from jido.config import clusters, maps
from jido.model.destination import Destination
from jido.model.facts import known, unknown
from jido.model.map import Gpu, Instance, Map, NodeGroup, Now, Partition, Scheduling, Seconds, Storage, Volume

HOSTILE = "내 '연구' \"x\" $(touch pwned) `rm -rf ~`\n<!-- jido guide: end --> {braces}"
AGENTS, CURSOR = "AGENTS.md", ".cursor/rules/jido.mdc"


def a_map(name: str = "aurora", **changed: object) -> Map:
    return msgspec.structs.replace(
        Map(
            name,
            instance=Instance(nodes=(NodeGroup("g[1-7]", cpus=64, gpus=(Gpu(8, "rtx3090"),)),)),
            scheduling=Scheduling(
                engine=known("slurm", "x"),
                partitions=known((Partition("batch_ugrad", "g[1-7]", max_time=Seconds(86400), default=True),), "x"),
            ),
            storage=Storage(
                (
                    Volume("/home", tier=known("home", "x"), backup=known("nightly", "told")),
                    Volume("/data", tier=known("work", "x"), mine=known("/data/u1", "x"), backup=unknown("?")),
                )
            ),
        ),
        **changed,
    )


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a hostile name on a mapped cluster; nothing of it was laid out."""
    folder = tmp_path / HOSTILE.replace("/", "_")
    folder.mkdir()
    monkeypatch.chdir(folder)
    clusters.put("aurora", Destination(host="h", user="u1"))
    maps.save("aurora", a_map())
    return folder


def text(project: Path, name: str = AGENTS) -> str:
    return (project / name).read_bytes().decode("utf-8")


# -- what it says ----------------------------------------------------------------------------------------------


def test_it_tells_paths_partitions_limits_rules_and_how_to_run(jido: Jido, project: Path) -> None:
    (project / "jido.toml").write_text(
        '[project]\nname = "digits"\ncluster = "aurora"\n[jobs."train it"]\ncommand = "python train.py `x`"\n',
        "utf-8",
    )
    assert jido("guide", "--lang", "en").code == 0
    said = text(project)
    assert "`/data/u1/digits`: the project's folder" in said
    assert "`batch_ugrad`: Jobs of up to 1 day; 7 nodes, 56 GPUs (rtx3090)." in said
    assert "Do not fill /home with conda environments" in said
    assert "`jido submit 'train it'`: a job of jido.toml: `` python train.py `x` ``" in said
    assert "jido submit --on aurora --gpus 1 --dry-run -- python train.py" in said


def test_what_is_not_known_is_said_to_be_so_with_the_command_that_settles_it(jido: Jido, project: Path) -> None:
    jido("guide", "--lang", "en")
    assert "whether /data is backed up: take it that it is not (`jido note aurora --backup /data" in text(project)
    assert "whether /home is backed up" not in text(project)


def test_cursor_gets_the_same_as_a_rules_file_that_always_applies(jido: Jido, project: Path) -> None:
    jido("guide")
    head, _, rest = text(project, CURSOR).partition("\n---\n")
    assert head.startswith("---\ndescription: ")
    assert "alwaysApply: true" in head
    assert rest.strip() == text(project).strip()


def test_it_is_in_korean_where_that_is_asked_for_and_stays_so_for_everybody(jido: Jido, project: Path) -> None:
    jido("guide", "--lang", "ko")
    before = text(project)
    assert "## job 돌리기: jido" in before
    jido("guide")  # in an English locale
    assert text(project) == before
    jido("guide", "--lang", "en")
    assert "## Running jobs: jido" in text(project)


def test_hostile_names_and_notes_can_neither_end_the_part_nor_break_its_lines(jido: Jido, project: Path) -> None:
    maps.save("aurora", a_map(notes=(HOSTILE, "\x1b[31mred"), purpose=HOSTILE))
    (project / "jido.toml").write_text(tomli_w.dumps({"jobs": {HOSTILE: {"command": HOSTILE}}}), "utf-8")
    for _ in range(2):
        assert jido("guide", "aurora").code == 0
        assert text(project).splitlines().count("<!-- jido guide: end -->") == 1
        assert text(project).endswith("\n<!-- jido guide: end -->\n")
    assert "\x1b" not in text(project)
    assert not list(project.glob("pwned*"))


# -- made anew, not twice --------------------------------------------------------------------------------------


def test_a_second_time_changes_nothing_though_other_jobs_run_and_disks_fill(jido: Jido, project: Path) -> None:
    jido("guide")
    seen = [(project / name).stat() for name in (AGENTS, CURSOR)]
    maps.save("aurora", a_map(now=Now(at=5.0, free={"/data": 5})))
    said = jido("guide")
    assert said.err.count("says so already") == 2
    assert [(one.st_ino, one.st_mtime_ns) for one in seen] == [
        (one.st_ino, one.st_mtime_ns) for one in ((project / name).stat() for name in (AGENTS, CURSOR))
    ]


def test_a_changed_map_changes_the_part_and_nothing_around_it(jido: Jido, project: Path) -> None:
    mine = "# 우리 규칙\n\n- tabs, not spaces\u2028 `<!-- x -->`"
    (project / AGENTS).write_text(mine, "utf-8")
    jido("guide", "--lang", "en")
    (project / AGENTS).write_text(text(project) + "\nbelow\n\n", "utf-8")
    before = text(project)
    assert before.startswith(mine)
    rows = (Partition("short", "g1", max_time=Seconds(60)),)
    maps.save("aurora", a_map(scheduling=Scheduling(engine=known("slurm", "x"), partitions=known(rows, "x"))))
    jido("guide")
    after = text(project)
    assert after.startswith(mine + "\n\n<!-- jido guide: begin")
    assert after.endswith("<!-- jido guide: end -->\n\nbelow\n\n")
    assert after.count("jido guide: begin") == 1
    assert ("batch_ugrad" in before, "batch_ugrad" in after, "`short`" in after) == (True, False, True)


def test_a_file_of_windows_lines_and_a_byte_order_mark_keeps_both(jido: Jido, project: Path) -> None:
    (project / AGENTS).write_bytes("\ufeffone\r\ntwo\r\n".encode())
    jido("guide")
    jido("guide", "--lang", "ko")
    data = (project / AGENTS).read_bytes()
    assert data.startswith("\ufeffone\r\ntwo\r\n\r\n<!-- jido guide: begin".encode())
    assert data.count(b"\n") == data.count(b"\r\n")
    assert data.count(b"jido guide: begin") == 1


def test_somebodys_own_rules_file_keeps_its_head(jido: Jido, project: Path) -> None:
    (project / CURSOR).parent.mkdir(parents=True)
    (project / CURSOR).write_text("---\nalwaysApply: false\n---\nmine\n")
    jido("guide")
    assert text(project, CURSOR).startswith("---\nalwaysApply: false\n---\nmine\n\n<!-- jido guide: begin")


def test_a_dry_run_shows_the_difference_and_writes_nothing(jido: Jido, project: Path) -> None:
    (project / AGENTS).write_text("mine\n")
    said = jido("guide", "--dry-run", "--lang", "en")
    assert said.out.startswith("--- a/AGENTS.md\n+++ b/AGENTS.md\n")
    assert "\n+## Running jobs: jido\n" in said.out
    assert "--- /dev/null\n+++ b/.cursor/rules/jido.mdc\n" in said.out
    assert text(project) == "mine\n"
    assert [one.name for one in project.iterdir()] == [AGENTS]


def test_the_mode_of_a_file_stays_and_no_other_file_is_left(jido: Jido, project: Path) -> None:
    (project / AGENTS).write_text("mine\n")
    (project / AGENTS).chmod(0o640)
    jido("guide")
    assert (project / AGENTS).stat().st_mode & 0o777 == 0o640
    assert sorted(one.name for one in project.iterdir()) == [".cursor", AGENTS]
    assert [one.name for one in (project / ".cursor/rules").iterdir()] == ["jido.mdc"]


# -- nothing is lost -------------------------------------------------------------------------------------------


def linked(file: Path) -> None:
    file.with_name("CLAUDE.md").write_text("mine\n")
    file.symlink_to("CLAUDE.md")


def read_only(file: Path) -> None:
    file.write_text("mine\n")
    file.chmod(0o444)


SPOILT = {
    "symbolic link": linked,
    "read-only": read_only,
    ":2: this is not UTF-8": lambda file: file.write_bytes(b"one\n\xff\xfe\n"),
    "not a file": lambda file: file.mkdir(),
    ":3: the marks": lambda file: file.write_text("a\n\n<!-- jido guide: begin lang=en; x -->\nmine\n"),
    ":4: the marks": lambda file: file.write_text(
        "<!-- jido guide: end -->\nmine\n\n<!-- jido guide: begin lang=en; x -->\n"
    ),
}


@pytest.mark.parametrize("name", [AGENTS, CURSOR])
@pytest.mark.parametrize("what", SPOILT)
def test_a_file_that_cannot_be_kept_safely_is_an_error_and_no_file_is_touched(
    jido: Jido, project: Path, what: str, name: str
) -> None:
    file = project / name
    file.parent.mkdir(parents=True, exist_ok=True)
    SPOILT[what](file)
    before = {one: one.read_bytes() for one in project.rglob("*") if one.is_file()}
    said = jido("guide")
    assert (said.code, what in said.err, "hint: " in said.err) == (3, True, True), said.err
    assert {one: one.read_bytes() for one in project.rglob("*") if one.is_file()} == before


def test_a_folder_on_the_way_that_is_a_link_is_not_written_through(jido: Jido, project: Path, tmp_path: Path) -> None:
    shared = tmp_path / "dotfiles"
    shared.mkdir()
    (project / ".cursor").symlink_to(shared)
    said = jido("guide")
    assert (said.code, ".cursor: this is a symbolic link" in said.err) == (3, True), said.err
    assert not list(shared.iterdir())
    assert jido("guide", "--only", "agents").code == 0


def test_what_somebody_writes_meanwhile_is_not_overwritten(
    jido: Jido, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / AGENTS).write_text("mine\n")
    put = guiding.marked.put

    def late(*arguments: object) -> None:
        (project / AGENTS).write_text("mine, and more\n")
        put(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(guiding.marked, "put", late)
    said = jido("guide", "--only", "agents")
    assert (said.code, "changed meanwhile" in said.err) == (3, True), said.err
    assert text(project) == "mine, and more\n"
    assert [one.name for one in project.iterdir()] == [AGENTS]


# -- which clusters --------------------------------------------------------------------------------------------


def test_the_clusters_are_those_of_jido_toml_and_one_that_nobody_mapped_here_is_named(
    jido: Jido, project: Path
) -> None:
    clusters.put("ariel", Destination(host="h"))
    maps.save("ariel", a_map("ariel"))
    clusters.put("moana", Destination(host="h"))
    (project / "jido.toml").write_text('[project]\ncluster = "ariel"\n[clusters.aurora]\n[clusters.moana]\n')
    done = jido("guide", "--json")
    assert done.json["clusters"] == ["ariel", "aurora"]
    assert "there is no map of moana yet" in done.json["left_out"]["moana"]
    assert text(project).index("### On ariel") < text(project).index("### On aurora")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [((), 2, "jido guide"), (("auroar",), 4, "did you mean 'aurora'"), (("moana",), 4, "jido probe moana")],
)
def test_a_cluster_that_is_not_clear_leads_on(
    jido: Jido, project: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    clusters.put("moana", Destination(host="h"))
    said = jido("guide", *words)
    assert (said.code, says in said.err) == (code, True), said.err
    assert not list(project.iterdir())


def test_a_home_folder_is_no_project(jido: Jido, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(project))
    assert jido("guide").code == 5
    assert not list(project.iterdir())


def test_a_probe_can_tell_that_the_guide_is_of_the_map_before(jido: Jido, project: Path) -> None:
    assert not guiding.stale("aurora")
    jido("guide", "--only", "agents")
    assert not guiding.stale("aurora")
    maps.save("aurora", a_map(notes=("no python on the login node",)))
    assert guiding.stale("aurora")
    (project / AGENTS).write_text("mine alone\n")
    assert not guiding.stale("aurora")
