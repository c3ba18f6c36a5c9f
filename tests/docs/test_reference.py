"""The reference pages say all of what they are the reference of, and nothing that is not there."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path

import msgspec
import pytest
from pages import PAGES, ROOT, blocks, rows

import jido.errors
from jido.cli.commands.doctor import UNWELL
from jido.config import project
from jido.engines.base import Engine
from jido.jobs import script
from jido.model.workspace import ROLES
from jido.registry import ENGINES, STORAGE
from jido.transports.base import Transport

TABLES = {
    "[project]": project.ProjectTable,
    "[layout]": project.LayoutTable,
    "[env]": project.EnvTable,
    "[jobs.NAME]": project.JobTable,
    "[clusters.NAME]": project.ClusterTable,
}
TOML = [
    pytest.param(block, id=f"{page.relative_to(ROOT)} {number}")
    for page in PAGES
    for number, block in enumerate(blocks(page.read_text("utf-8"), "toml"))
    if not block.startswith("[project.entry-points")
]
ERRORS = [kind for _, kind in inspect.getmembers(jido.errors, inspect.isclass) if issubclass(kind, Exception)]


def read(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


@pytest.mark.parametrize("table", TABLES)
def test_the_keys_of_jido_toml_are_all_there(table: str) -> None:
    cells = [row[0] for row in rows(read("docs/reference/jido-toml.md"), f"## {table}")[1:]]
    assert sorted(name for cell in cells for name in re.findall(r"`(\w+)`", cell)) == sorted(
        TABLES[table].__struct_fields__
    )


# What the page calls a key's type, by the type in the code. Durations and sizes are text to TOML.
KINDS = {
    "str": {"text", "duration", "size"},
    "int": {"whole number"},
    "tuple[str, ...]": {"list of texts"},
    "str | tuple[str, ...]": {"text or list of texts"},
    "dict[str, str]": {"table of texts"},
    "bool | Literal['auto']": {'`"auto"`, `true`, `false`'},
}


@pytest.mark.parametrize("table", TABLES)
def test_the_keys_of_jido_toml_have_the_types_and_defaults_of_the_code(table: str) -> None:
    head, *keys = rows(read("docs/reference/jido-toml.md"), f"## {table}")
    for row in keys:
        for name in re.findall(r"`(\w+)`", row[0]):
            field = next(one for one in msgspec.structs.fields(TABLES[table]) if one.name == name)
            kind = TABLES[table].__annotations__[name].removesuffix(" | None")
            assert row[head.index("type")] in KINDS[kind], name
            if "default" in head and field.default not in ("", (), None, {}, msgspec.NODEFAULT):
                default = list(field.default) if isinstance(field.default, tuple) else field.default
                assert row[head.index("default")] == f"`{json.dumps(default)}`", name


@pytest.mark.parametrize("block", TOML)
def test_a_documented_jido_toml_is_read(block: str, tmp_path: Path) -> None:
    file = tmp_path / "jido.toml"
    file.write_text(block, "utf-8")
    project.load(file)


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_has_its_exit_code_on_the_page(kind: type[jido.errors.JidoError]) -> None:
    table = rows(read("docs/reference/exit-codes.md"), "## Of jido")
    # Those that only group others are there by their kinds.
    names = {f"`{kind.__name__}`", *(f"`{below.__name__}`" for below in kind.__subclasses__())}
    assert str(kind.exit_code) in {row[0] for row in table if any(name in row[1] for name in names)}
    assert {row[0] for row in table if f"`{kind.__name__}`" in row[1]} <= {str(kind.exit_code)}


@pytest.mark.parametrize("page", ["README.md", "README.ko.md"])
def test_the_readme_has_every_exit_code(page: str) -> None:
    heading = {"README.md": "## Exit codes", "README.ko.md": "## 종료 코드"}[page]
    shown = {int(row[0]) for row in rows(read(page), heading)[1:]}
    assert shown | {1} == {0, UNWELL, 130} | {kind.exit_code for kind in ERRORS}


@pytest.mark.parametrize("page", ["README.md", "README.ko.md"])
def test_the_readme_names_what_is_set_in_a_job(page: str) -> None:
    heading = {"README.md": "### In the job", "README.ko.md": "### job 안에서"}[page]
    shown = {name for row in rows(read(page), heading)[1:] for name in re.findall(r"`(JIDO_\w+)`", row[0])}
    template = (Path(inspect.getfile(script)).parent / "job.sh.j2").read_text("utf-8")
    assigned = set(re.findall(r"^(JIDO_[A-Z_]+)=", template, re.M)) | {"JIDO_JOB_ID", "JIDO_NODES"}
    assigned |= {"JIDO_RESTART", "JIDO_CPUS"}
    assert shown == assigned


@pytest.mark.parametrize("page", ["README.md", "README.ko.md"])
def test_the_readme_names_the_folders_of_a_workspace(page: str) -> None:
    [folders] = [block for block in blocks(read(page), "") if "spec.json" in block]
    assert {role for role in ROLES if f"{role}/" in folders} == set(ROLES)


def test_the_job_scripts_own_exit_codes_are_there() -> None:
    folder = Path(inspect.getfile(script)).parent
    used = {
        code
        for template in [*folder.glob("*.j2"), *folder.parent.rglob("stage.sh")]
        for code in re.findall(r"(?:finish|exit) (1\d\d)\b", template.read_text("utf-8"))
    }
    shown = {row[0] for row in rows(read("docs/reference/exit-codes.md"), "## Of a job")[1:]}
    assert shown == used | {str(script.STOPPED)}


@pytest.mark.parametrize(("heading", "socket"), [("## Engines", Engine), ("## Transports", Transport)])
def test_the_architecture_names_every_method_of_a_socket(heading: str, socket: type) -> None:
    methods = {name for name, _ in inspect.getmembers(socket, inspect.isfunction) if not name.startswith("_")}
    shown = [re.match(r"`(\w+)\(", row[0]) for row in rows(read("docs/architecture.md"), heading)[1:]]
    assert {match[1] for match in shown if match} == methods


def test_the_architecture_has_every_room() -> None:
    cells = [row[0] for row in rows(read("docs/architecture.md"), "## The house")]
    shown = {name.rstrip("/") for cell in cells for name in cell.split("`")}
    rooms = {file.parent.name for file in (ROOT / "src/jido").glob("*/__init__.py")}
    assert rooms <= shown


def test_what_is_said_not_to_work_is_not_there() -> None:
    said = re.sub(r"\s+", " ", read("README.md").split("Not yet:")[1])
    assert "Other schedulers (Kubernetes, Spark) and object storage" in said
    assert set(ENGINES) == {"htcondor", "pbs", "process", "ray", "slurm"}
    assert not set(STORAGE) & {"s3", "hdfs"}
