"""Toy qsub, qstat, qselect, qdel, qhold, qrls, pbsnodes of both dialects: `toy_commands.py TOOL ARGUMENT...`.

``$TOY_PBS/orders/TOOL`` is how the tool's next call misbehaves (`once`) or all of them (`always`), see `misbehave`.
"""

from __future__ import annotations

import os
import pwd
import re
import shlex
import signal
import sys
import time
from pathlib import Path

import toy_server as server
from toy_server import PRO, TOP, ended, state, tasks_of
from toy_words import job_text, json_text, node_text, queue_text, server_text

TOOL, ARGS = sys.argv[1], sys.argv[2:]
ME = pwd.getpwuid(os.getuid()).pw_name


def fail(words, code):
    sys.stderr.write(f"{TOOL}: {words}\n")
    sys.exit(code)


def misbehave():
    """What this call is ordered to do wrong; a word of `qsub`'s is left to it."""
    order = TOP / "orders" / TOOL
    # The version is the program's own: nobody is asked for it.
    if not order.exists() or "--version" in ARGS:
        return ""
    how, _, often = order.read_text().strip().partition(" ")
    if often != "always":
        order.unlink()
    if how == "down":
        fail("cannot connect to server toy (errno=111)", 255)
    if how == "mute":
        sys.exit(0)
    if how == "late":
        time.sleep(0.6)
    if how == "gibberish":
        sys.stdout.write("<html><body>502 Bad Gateway</body></html>\n")
        sys.exit(0)
    return how


def number(word):
    return word.partition(".")[0]


def qsub(how):
    if how == "hook":
        fail(
            "request rejected as filter hook 'projects' encountered an exception: 과제를 적으세요 (name a project)", 1
        )
    script = Path(ARGS[-1])
    options = list(zip(ARGS[:-1:2], ARGS[1:-1:2], strict=True))
    said = dict(options)
    prefix = said.get("-C", "#PBS")
    options = [*_directives(script.read_text(), prefix), *options]
    wanted = _wanted(options)
    variables = next(value for letter, value in options if letter == "-v")
    env = {name: os.environ[name] for name in ("PATH", "HOME", "JIDO_TEST_SSHD", "LANG") if name in os.environ}
    env |= {"USER": ME, "LOGNAME": ME, "SHELL": "/bin/sh", "PBS_O_WORKDIR": str(Path.cwd())}
    env |= dict([variables.split("=", 1)])
    if how == "lost":
        fail("Communication failure.", 1)
    with state() as found:
        last = found["next"]
        found["next"] += 1
        span = said.get("-J" if PRO else "-t")
        keys = [str(last)] if not span else [f"{last}[{n}]" for n in _span(span)]
        at_most = int(span.partition("%")[2] or 0) if span else 0
        array = f"{last}[]" if span else ""
        job = {
            "name": dict(options).get("-N", "toy"), "queue": dict(options).get("-q", "workq"), "state": "Q",
            "hold": "u" if "-h" in said else "", "depend": _depend(said.get("-W", "")), "script": script.read_text(),
            "variables": f"{variables},PBS_O_HOME={env['HOME']},PBS_O_HOST=toy,PBS_O_WORKDIR={Path.cwd()}",
            "env": env, "ctime": time.time(), "exit": None, "deleted": False, "comment": "", "array": array,
            "at_most": at_most, **wanted,
        }  # fmt: skip
        for key in keys:
            found["jobs"][key] = {**job, "key": key, "depend": [list(one) for one in job["depend"]]}
    if how == "cut":
        # Taken, and then the connection breaks.
        fail("End of File", 1)
    if how == "taken-mute":
        sys.exit(0)
    if how == "taken-killed":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.stdout.write(f"{last}{'[]' if span else ''}.toy\n")


def _directives(text, prefix):
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            return
        if line.startswith(prefix + " "):
            words = shlex.split(line[len(prefix) :])
            yield from zip(words[::2], words[1::2], strict=True)


def _wanted(options):
    said = dict(pair.partition("=")[::2] for letter, value in options if letter == "-l" for pair in value.split(","))
    # Each dialect refuses the other's chunks.
    if ("nodes" in said) if PRO else ("select" in said):
        fail("Unknown resource type", 170)
    queue = dict(options).get("-q", "workq")
    if queue not in ("workq", "vip"):
        fail("Unknown queue", 170)
    if queue == "vip":
        fail("Unauthorized Request", 159)
    walltime = 86400
    if "walltime" in said:
        hours, minutes, seconds = map(int, said["walltime"].split(":"))
        walltime = hours * 3600 + minutes * 60 + seconds
        if walltime > 86400:
            fail("Job violates queue and/or server resource limits", 188)
    chunk = said.get("select" if PRO else "nodes", "1")
    cpus = re.search(r":(?:ncpus|ppn)=(\d+)", chunk)
    return {"walltime": walltime, "ncpus": int(cpus[1]) if cpus else 1, "nodes": int(chunk.partition(":")[0])}


def _depend(words):
    return [
        [how.removesuffix("array"), number(id_)]
        for how, *ids in (one.split(":") for one in words.removeprefix("depend=").split(",") if one)
        for id_ in ids
    ]


def _span(text):
    low, high = map(int, text.partition("%")[0].split("-"))
    if PRO and low == high:
        fail("illegal -J value", 2)
    return range(low, high + 1)


def qstat(how):
    if "--version" in ARGS:
        sys.stdout.write(
            "pbs_version = 23.06.06\n" if PRO else "Version: 6.1.2\nCommit: 661e092552de43a785c15d39a3634a\n"
        )
        return
    if "-Bf" in ARGS or "-Qf" in ARGS:
        sys.stdout.write(server_text() if "-Bf" in ARGS else queue_text())
        return
    if not PRO and "-x" in ARGS:
        sys.stdout.write("<Data></Data>\n")
        return
    asked = [number(word) for word in ARGS if word[0].isdigit()]
    history = "-x" in ARGS or not PRO
    bad, told = 0, []
    with state() as found:
        for key in asked or [job["key"] for job in found["jobs"].values() if not ended(job)]:
            jobs = tasks_of(found, key)
            if not jobs or (how == "forget" and all(map(ended, jobs))):
                sys.stderr.write(f"qstat: Unknown Job Id{'' if PRO else ' Error'} {key}.toy\n")
                bad = 153
            elif all(map(ended, jobs)) and not history:
                sys.stderr.write(
                    f"qstat: {key}.toy Job has finished, use -x or -H to obtain historical job information\n"
                )
                bad = 35
            elif key.endswith("[]"):
                told.append(_whole(key, jobs))
                told += jobs if "-t" in ARGS else []
            else:
                told += jobs
    text = json_text(told) if "json" in ARGS else "".join(map(job_text, told))
    if how == "half":
        sys.stdout.write(text[: len(text) // 2])
        sys.stdout.flush()
        fail("End of File", 1)
    sys.stdout.write(text)
    sys.exit(bad)


def _whole(key, jobs):
    over, begun = all(map(ended, jobs)), any(job["state"] not in "QH" for job in jobs)
    letter = "F" if over else ("B" if PRO else "R") if begun else jobs[0]["state"]
    worst = max((job["exit"] or 0 for job in jobs), key=abs)
    return {**jobs[0], "key": key, "state": letter, "exit": worst, "array": "", "comment": ""}


def qselect(how):
    with state() as found:
        jobs = [job for job in found["jobs"].values() if "-x" in ARGS or not PRO or not ended(job)]
    if how == "forget":
        jobs = [job for job in jobs if not ended(job)]
    sys.stdout.write("".join(f"{key}.toy\n" for key in dict.fromkeys(job["array"] or job["key"] for job in jobs)))


def qdel(how):
    _each(server.delete)


def qhold(how):
    _each(lambda found, job: job.update(hold="u"))


def qrls(how):
    _each(lambda found, job: job.update(hold=""))


def _each(act):
    bad = 0
    with state() as found:
        for key in map(number, ARGS):
            jobs = tasks_of(found, key)
            live = [job for job in jobs if not ended(job)]
            if not live:
                words = f"Job has finished {key}.toy" if jobs and PRO else f"Unknown Job Id {key}.toy"
                sys.stderr.write(f"{TOOL}: {words}\n")
                bad = 35 if jobs else 153
            for job in live:
                act(found, job)
    sys.exit(bad)


def pbsnodes(how):
    with state() as found:
        sys.stdout.write(node_text([job for job in found["jobs"].values() if job["state"] == "R"]))


if TOOL == "keep":
    server.keep(ARGS[0])
else:
    globals()[TOOL](misbehave())
