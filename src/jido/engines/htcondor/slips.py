"""Lines that condor_submit does not read as they were meant, and what they may have been. Verified on 23.9.6."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches

import msgspec

from jido.engines.htcondor.keywords import KEYWORDS
from jido.engines.htcondor.statements import Line
from jido.model.batch import Flaw, Option

# Names are also read without their underscores.
PLAIN = {name.replace("_", ""): name for name in KEYWORDS}


def stray(line: Line) -> Flaw:
    """What is wrong with a line that is no statement."""
    name, equals, value = line.text.partition("=")
    if line.text.startswith("\ufeff"):
        what = "an invisible mark (BOM) stands before the first name, and condor_submit takes it for a part of it"
        instead = "" if line.span.last else line.text.lstrip("\ufeff")
        return Flaw("control character", line.span, what, instead=instead)
    if equals:
        near = PLAIN.get(re.sub(r"[\s_-]", "", name.lower()))
        what = f"condor_submit takes no name like {name.strip()!r}"
        return Flaw("stray word", line.span, what, instead=f"{near} = {value.strip()}" if near else "")
    first, _, more = line.text.partition(" ")
    first, more = first.rstrip(":"), more.strip(" :")
    what = f"{line.text!r} is no `name = value` and no queue statement"
    return Flaw(
        "stray word", line.span, what, instead=f"{first} = {more}" if first.lower() in KEYWORDS and more else ""
    )


def slips(options: Sequence[Option], text: str) -> Iterator[Flaw]:
    """Names that nothing reads and that are nearly one that condor_submit does."""
    used = {name.lower() for name in re.findall(r"\$\w*\(\s*([\w.]+)", text)}
    used |= {name.lower() for name in re.findall(r"\bdefined\s+([\w.]+)", text, re.IGNORECASE)}
    # Renamed, it would take the place of what is said already.
    said = {one.name for one in options}
    for one in options:
        if one.name in KEYWORDS or one.name in used or not re.fullmatch(r"[a-z]\w+", one.name):
            continue
        near = get_close_matches(one.name, KEYWORDS, 1, 0.85)
        if not near:
            continue
        what = f"condor_submit itself reads no {one.name}, and nothing else here does"
        # These two condor_submit itself takes for slips.
        if one.name.startswith("request_") and one.name not in ("request_cpu", "request_gpu"):
            what = f"{one.name} asks for a resource of the machines called {one.name[8:]}"
        span = msgspec.structs.replace(one.span, end=one.span.column + len(one.name), last=0)
        yield Flaw("unknown option", span, what, certain=False, instead="" if near[0] in said else near[0])
