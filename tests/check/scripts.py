"""Scripts to check, against the map of Aurora that comes with jido."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from jido.check.case import Case, Looked
from jido.check.findings import Finding, Report
from jido.check.run import examine
from jido.engines.slurm import Slurm
from jido.model.facts import known
from jido.model.limits import Access, Limits
from jido.model.map import Host, Map
from jido.twins.maps import built_in

ENGINE = Slurm()
NOTHING = Looked(why_not="")


def aurora() -> Map:
    """As a probe by its student maps it."""
    map_ = built_in("aurora")
    me = Host(name="aurora", home=known("/home/student", "login"), user=known("student", "login"))
    rows = map_.scheduling.partitions.value or ()
    access = tuple(
        Access(
            one.name,
            "open" if one.allow_accounts == ("ugrad",) else "no access",
            "verified",
            words="" if one.allow_accounts == ("ugrad",) else "it takes the accounts swcon_ugrad",
            account="ugrad" if one.allow_accounts == ("ugrad",) else "",
            qos="ugrad" if one.allow_accounts == ("ugrad",) else "",
            up_to=Limits(gpus=1, wall=one.max_time),
            per_user=Limits(gpus=1),
        )
        for one in rows
    )
    change: Any = msgspec.structs.replace
    scheduling = change(
        map_.scheduling,
        access=known(access, "dry run"),
        settings=known({"EnforcePartLimits": "ALL"}, "config"),
        version=known("22.05.8", "sinfo"),
    )
    return change(map_, instance=change(map_.instance, login=(me,)), scheduling=scheduling)


def case(text: str, map_: Map | None = None, *, looked: Looked = NOTHING, folder: str = "", now: float = 0.0) -> Case:
    map_ = aurora() if map_ is None else map_
    script = ENGINE.read_script(text, map_)
    objections = ENGINE.objections(script.resources, map_, gpus_in_all=script.gpus_in_all)
    return Case(
        file="train.sh",
        text=text,
        want=script.resources,
        script=script,
        map=map_,
        objections=tuple(objections),
        write=ENGINE.write_option,
        folder=folder,
        user="student",
        now=now,
        looked=looked,
    )


def check(text: str, map_: Map | None = None, **more: Any) -> Report:
    return examine([case(text, map_, **more)])


def found(report: Report) -> dict[str, Finding]:
    return {finding.rule: finding for finding in report.findings}


def script(*options: str, body: str = "python train.py") -> str:
    """A script that has nothing wrong but for what is given."""
    lines = [f"#SBATCH {one}" if not one.startswith("#") else one for one in options]
    if not any("time" in one or "-t " in one for one in options):
        lines.insert(0, "#SBATCH --time=1:00:00")
    return "\n".join(("#!/bin/bash", *lines, body, ""))


def counted(counts: Mapping[str, int] | None = None, folders: Mapping[str, str] | None = None) -> Looked:
    return Looked(folders or {}, counts or {}, "")
