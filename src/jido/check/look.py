"""The one look on the cluster: are folders there, and how many files does a dataset hold; it never walks a tree."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence

from jido.check.case import Case, Looked
from jido.check.rules.files import ABSENT, MANY, data_of, folder_of
from jido.model.bundle import Finding, Part, bundle
from jido.model.command import Ask, Reply

_LIMIT = 5.0
# `ls -f` reads names only, in the order of the disk, and ends when nobody reads on: no entry is asked for its size.
# One level below at most, and no more folders of it than these.
_COUNT = """\
[ -e {path} ] || {{ echo none; exit; }}
cd -- {path} || exit 3
j_n=$(ls -f 2>/dev/null | head -n {bound} | wc -l)
if [ "$j_n" -lt 300 ]; then
  for j_d in ./*; do
    [ "$j_n" -lt {bound} ] || break
    j_m=$(ls -f "$j_d"/. 2>/dev/null | head -n {bound} | wc -l)
    j_n=$((j_n + j_m))
  done
fi
echo "$j_n"
"""
_FOLDER = "if [ ! -d {path} ]; then echo no; elif [ -w {path} ]; then echo yes; else echo closed; fi"


def questions(cases: Sequence[Case]) -> Ask[Looked] | None:
    """What to ask the cluster for these cases, in one exec; None where there is nothing to ask."""
    folders = {folder for case in cases if case.script for output in case.script.outputs
               if (folder := folder_of(case, output)) is not None}  # fmt: skip
    data = {path for case in cases for path in data_of(case)}
    named = {f"folder/{number}": path for number, path in enumerate(sorted(folders))}
    named |= {f"count/{number}": path for number, path in enumerate(sorted(data)[:20])}
    if not named:
        return None
    parts = [
        Part(
            name=name,
            script=_FOLDER.format(path=shlex.quote(path))
            if name.startswith("folder/")
            else _COUNT.format(path=shlex.quote(path), bound=MANY + 2),
            limit=_LIMIT,
        )
        for name, path in named.items()
    ]
    question = bundle(parts)

    def parse(reply: Reply) -> Looked:
        return read(named, question.parse(reply))

    return Ask(question.command, parse)


def read(named: Mapping[str, str], findings: Mapping[str, Finding]) -> Looked:
    """What the findings say; one that did not come says nothing."""
    folders, counts = {}, {}
    for name, path in named.items():
        finding = findings.get(name)
        said = finding.text.strip() if finding is not None and finding.ok else ""
        if name.startswith("folder/") and said in ("yes", "no", "closed"):
            folders[path] = said
        elif name.startswith("count/") and said == "none":
            counts[path] = ABSENT
        elif name.startswith("count/") and re.fullmatch(r"\d{1,12}", said):
            # `.` and `..` of the folder itself; those of folders in it hardly count.
            counts[path] = max(0, int(said) - 2)
    late = len(named) - len(folders) - len(counts)
    return Looked(folders, counts, "the look there brought no answer" if late else "")
