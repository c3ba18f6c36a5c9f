"""Checks of the first missions: where am I, what is this cluster, where do files go."""

from __future__ import annotations

from jido.config import maps
from jido.config.project import find
from jido.layout.memory import recall
from jido.tour.case import Case, Verdict, missing, passed

WHERE = "where.txt"
_WORK = "/data"


def login(case: Case) -> Verdict:
    """A file made on the login node says which machine that is."""
    there = case.there("sh", "-c", 'hostname; echo "$HOME"; cat "$HOME/$0" 2>/dev/null', WHERE)
    host, home, *said = there.splitlines() or ["", ""]
    if not said:
        return missing("made_here" if (case.folder / WHERE).exists() else "nothing", host=host)
    if said[0].strip() != host:
        return missing("other", host=host, said=said[0])
    return passed(host=host, home=home)


def viewpoints(case: Case) -> Verdict:
    """There is a map of the twin, and she found in it what Slurm says too."""
    if maps.latest(case.progress.cluster) is None:
        return missing("no_map")
    names = case.there("sinfo", "-h", "-o", "%P").split()
    default = next((name[:-1] for name in names if name.endswith("*")), "")
    answer = case.answer.rstrip("*")
    if not answer:
        return missing("no_answer")
    if answer == default:
        return passed(partition=default)
    known = {name.rstrip("*") for name in names}
    return missing("other" if answer in known else "no_such", answer=answer)


def disk(case: Case) -> Verdict:
    """Her project was laid out, it is really there, and on the disk for work."""
    place = recall(case.progress.cluster, find(case.folder))
    if place is None:
        return missing("nothing")
    work = case.cluster.destination.work or _WORK
    home, *there = case.there("sh", "-c", 'echo "$HOME"; [ -d "$0/runs" ] && echo there', place.root).splitlines()
    if not there:
        # What an earlier tour laid out is remembered here, but its twin is gone.
        return missing("gone", root=place.root)
    if f"{place.root}/".startswith(f"{work}/"):
        return passed(root=place.root)
    at_home = f"{place.root}/".startswith(f"{home}/")
    return missing("in_home" if at_home else "elsewhere", root=place.root)
