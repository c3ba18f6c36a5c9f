"""The verbs: what a caller can ask for."""

from jido.engines.process.spooler.ground import (
    ACTIVE,
    CALLER,
    END,
    RefusedError,
    SCHEMA,
    TABLES,
    plain,
    said,
    slurp,
    state,
    wire,
)
from jido.engines.process.spooler.machine import birth_of, survey
from jido.engines.process.spooler.daemon import ENDS, followed, plan, poke, rouse, settle

# It travels from here.
import contextlib
import json
import os
import re
import signal
import sys
import time
from typing import Any, Callable, Dict, List, Sequence, Tuple

import sqlite3


def _plain_amount(kind: str, amount: int) -> str:
    """Returns a number of slots for people; memory is counted in bytes."""
    if kind != "memory" or amount < 1 << 20:
        return str(amount)
    unit = "G" if amount >= 1 << 30 else "M"
    return "%.4g%s" % (amount / (1 << (30 if unit == "G" else 20)), unit)


def checked(spec: Any, here: bytes) -> Dict[str, Any]:
    """Returns a spec with its defaults filled in, or refuses it."""

    def require(fine: bool, error: str, hint: str) -> None:
        if not fine:
            raise RefusedError(2, error, hint)

    known = ["token", "name", "script", "cwd", "stdout", "cpus", "memory", "gpus", "time"]
    known += ["after", "env", "comment", "tasks", "at_most", "warn", "resume"]
    require(isinstance(spec, dict), "the spec is not a JSON object", "give one with: " + " ".join(known))
    for key in spec:
        require(key in known, "unknown field %r in the spec" % key, "known ones: " + " ".join(known))
    for key in ("token", "script", "cwd"):
        require(isinstance(spec.get(key), str) and spec[key] != "", "%r is missing" % key, "give it as text")
    full = dict(
        {"name": None, "stdout": None, "comment": None, "memory": None, "time": None, "warn": None, "resume": 0},
        **spec,
    )
    bounds = (("cpus", 1), ("gpus", 0), ("tasks", 0), ("at_most", 0), ("memory", 1), ("resume", 0))
    for key, least in (*bounds, ("time", 0.001), ("warn", 0.001)):
        if full.get(key) is None and key in ("cpus", "gpus", "tasks", "at_most"):
            full[key] = least
        value, kinds = full[key], (int, float) if key in ("time", "warn") else (int,)
        fine = value is None or (
            isinstance(value, kinds) and not isinstance(value, bool) and least <= value < 1 << 62
        )
        require(fine, "%s is %r" % (key, value), "give a number, at least %g" % least)
    full["env"] = spec.get("env") or {}
    texts = [full[key] or "" for key in ("token", "name", "script", "cwd", "stdout", "comment")]
    for text in texts + list(full["env"]) + list(full["env"].values()):
        require(isinstance(text, str) and "\0" not in text, "not a text: %r" % (text,), "no NUL, no numbers")
    require(not any("=" in key or not key for key in full["env"]), "a bad name in env", "no = and not empty")
    full["after"], after = [], spec.get("after") or []
    require(isinstance(after, list), "after is %r" % (after,), "give a list of [HOW, ID]")
    for one in after:
        fine = isinstance(one, list) and len(one) == 2 and one[0] in ENDS
        require(fine, "%r is nothing to follow" % (one,), "[HOW, ID], where HOW is one of " + " ".join(ENDS))
        full["after"] += [[one[0], first, last] for first, last in spans(one[1:])]
    cwd = os.path.join(here, wire(full["cwd"]))
    script = os.path.join(cwd, wire(full["script"]))
    require(os.path.isdir(cwd), "no such folder: %s" % plain(cwd), "make it before submitting")
    require(os.access(script, os.R_OK) and os.path.isfile(script), "cannot read %s" % plain(script), "write it first")
    full["cwd"], full["script"] = plain(cwd), plain(script)
    return full


def spans(words: Sequence[Any]) -> List[Tuple[int, int]]:
    """Returns first and last of the job ids given as text; those of an array are ``FIRST-LAST``."""
    found = []
    for word in words:
        match = re.match("([0-9]{1,18})(?:-([0-9]{1,18}))?$", str(word))
        if not match:
            raise RefusedError(2, "not a job id: %r" % (word,), "ids are numbers, as submit returned them")
        found.append((int(match.group(1)), int(match.group(2) or match.group(1))))
    return found


def numbers(words: Sequence[Any]) -> List[int]:
    """Returns job ids given as text."""
    return [job for first, last in spans(words) for job in range(first, min(last, first + 1000000) + 1)]


def known_as(job: int, spec: Dict[str, Any]) -> str:
    """Returns the id of the array that a job begins, or the job's own."""
    return "%d-%d" % (job, job + spec["tasks"] - 1) if spec.get("tasks") else str(job)


def submit(args: List[str], here: bytes) -> Any:
    """Queues a job; the same token again only tells which job it became."""
    if len(args) != 1:
        raise RefusedError(2, "submit takes one spec", 'submit \'{"token": ..., "script": ..., "cwd": ...}\'')
    try:
        spec = json.loads(plain(os.fsencode(args[0])))
        token = str(spec["token"])
        token.encode()
    except (ValueError, TypeError, KeyError) as problem:
        raise RefusedError(2, "the spec cannot be read: %r" % problem, "give a JSON object with a token") from None
    find = "SELECT id, submitted, spec FROM jobs WHERE token = ?"
    with state("DEFERRED") as db:
        row = db.execute(find, (token,)).fetchone()
    if row is None:  # else the script may be gone by now, and yet the answer is known
        spec = checked(spec, here)
        machine = survey()
        for kind, has in (
            ("cpus", machine["cpus"]),
            ("memory", machine["memory"]),
            ("gpus", len(machine["gpus"]["list"])),
        ):
            if (spec[kind] or 0) > has:
                words = (kind, _plain_amount(kind, spec[kind]), _plain_amount(kind, has))
                raise RefusedError(3, "%s: %s asked, this machine has %s" % words, "ask for less")
        base = {plain(key): plain(value) for key, value in os.environb.items()}
        base.update(spec.pop("env"))
        spec["umask"] = CALLER["umask"]
    now = time.time()
    with state() as db:
        row = db.execute(find, (token,)).fetchone()
        if row is None:
            for _, one, last in spec["after"]:
                there = db.execute("SELECT count(*) FROM jobs WHERE id BETWEEN ? AND ?", (one, last)).fetchone()[0]
                if there != last - one + 1:
                    raise RefusedError(2, "it is to follow job %d, which is unknown here" % one, "see status --all")
            add = "INSERT INTO jobs (state, spec, token, mark, base, cpus, memory, gpus, submitted)"
            base_text, first = json.dumps(base), 0
            for position in range(spec["tasks"] or 1):
                # The first job of an array carries its token; within one transaction ids are consecutive.
                mine = token if position == 0 else "%s.%d" % (token, position)
                values = (mine, os.urandom(8).hex(), base_text, spec["cpus"], spec["memory"], spec["gpus"], now)
                job = db.execute(add + " VALUES ('queued', '', ?, ?, ?, ?, ?, ?, ?)", values).lastrowid
                if position == 0:
                    first = job
                    name = wire(spec["stdout"] or "jido-%d.out" % job)
                    spec["stdout"] = plain(os.path.join(wire(spec["cwd"]), name))
                spec["position"], spec["array"] = position, first if spec["tasks"] else 0
                db.execute("UPDATE jobs SET spec = ? WHERE id = ?", (json.dumps(spec), job))
            return {"id": known_as(first, spec), "submitted": now, "again": False}
    return {"id": known_as(row["id"], json.loads(row["spec"])), "submitted": row["submitted"], "again": True}


def status(args: List[str], here: bytes) -> Any:
    """Tells what is known of jobs; ids that are not are left out."""
    settle()
    values: List[str] = []
    if args[:1] == ["--all"]:
        where = "1"
    elif args[:1] == ["--token"] and len(args) == 2:
        where, values = "token = ?", [said(args[1])]
    else:
        # digits only; of `?` there can be but 999
        lone = ",".join(str(first) for first, last in spans(args) if first == last)
        ranges = ["id BETWEEN %d AND %d" % span for span in spans(args) if span[0] != span[1]]
        where = " OR ".join(["id IN (%s)" % lone, *ranges])
    with state("DEFERRED") as db:
        rows = db.execute("SELECT * FROM jobs WHERE %s ORDER BY id" % where, values).fetchall()
        waiting = any(row["state"] == "queued" for row in rows)
        reasons = {row["id"]: reason for row, _, reason, _ in plan(db)} if waiting else {}
    keys = ["token", "state", "exit_code", "signal", "submitted", "started", "ended", "node"]
    keys += ["cpus", "memory", "gpus", "pid"]
    answer = []
    for row in rows:
        spec = json.loads(row["spec"])
        job = dict({key: row[key] for key in keys}, id=str(row["id"]), cuda=json.loads(row["cuda"] or "[]"))
        job["reason"] = row["reason"] or reasons.get(row["id"], "")
        job["after"] = [[how, str(one)] for how, first, last in followed(spec) for one in range(first, last + 1)]
        job.update({key: spec[key] for key in ("name", "cwd", "stdout", "script", "time", "comment")})
        job["array"] = known_as(spec["array"], spec) if spec.get("array") else ""
        job["position"] = spec.get("position", 0)
        answer.append(job)
    return answer


def cancel(args: List[str], here: bytes) -> Any:
    """Ends jobs: queued ones at once, running ones by SIGTERM and, after a grace, SIGKILL."""
    who = os.environ.get("LOGNAME") or os.environ.get("USER") or "uid %d" % os.getuid()
    if args[:1] == ["--by"]:
        who, args = said((args[1:2] or [who])[0]), args[2:]
    settle()
    answer = []
    for job in numbers(args):
        with state() as db:
            row = db.execute("SELECT * FROM jobs WHERE id = ?", (job,)).fetchone()
            if row is None:
                continue
            now = row["state"]
            if now == "queued":
                db.execute(END, ("cancelled", "cancelled by %s" % who, time.time(), job))
                now = "cancelled"
            elif now == "running":
                db.execute("UPDATE jobs SET cancelled_by = ? WHERE id = ?", (who, job))
                if row["keeper"]:  # one that has no keeper yet finds the name before it lets the job go
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(row["keeper"], signal.SIGTERM)
                now = "completing"
        answer.append({"id": str(job), "was": row["state"], "state": now})
    return answer


def send_signal(args: List[str], here: bytes) -> Any:
    """Sends a signal to the process group of a running job."""
    if len(args) != 2:
        raise RefusedError(2, "signal takes a job id and a signal", "signal 17 USR1")
    job = numbers(args[:1])[0]
    name = args[1].upper()
    name = name if name.startswith("SIG") else "SIG" + name
    number = int(args[1]) if args[1].isdecimal() else getattr(signal, name, None)
    if not isinstance(number, int) or not 0 < number < signal.NSIG:
        raise RefusedError(2, "no such signal: %s" % args[1], "a name such as USR1, or a number")
    settle()
    with state("DEFERRED") as db:
        row = db.execute("SELECT * FROM jobs WHERE id = ?", (job,)).fetchone()
    if row is None or row["state"] not in ("running", "completing") or row["pid"] is None:
        raise RefusedError(
            2, "job %d is %s" % (job, row["state"] if row else "unknown"), "only running jobs take signals"
        )
    if birth_of(row["pid"]) != row["birth"]:
        raise RefusedError(2, "job %d has just ended" % job, "see status %d" % job)
    os.killpg(row["pid"], number)
    return {"id": str(job), "signal": int(number)}


def in_short(row: Any, reason: str) -> Dict[str, Any]:
    """Returns what a look at the queue needs of a job."""
    job = {key: row[key] for key in ("state", "cpus", "memory", "gpus")}
    return dict(job, id=str(row["id"]), name=json.loads(row["spec"])["name"], reason=reason or "")


def inventory(args: List[str], here: bytes) -> Any:
    """Tells what this machine has, and what of it is free to this queue."""
    machine = survey(fresh=True)
    settle()
    total = {"cpus": machine["cpus"], "memory": machine["memory"], "gpus": len(machine["gpus"]["list"])}
    with state("DEFERRED") as db:
        rows = db.execute("SELECT * FROM jobs WHERE state IN " + ACTIVE).fetchall()
        queued = [(row, reason) for row, _, reason, _ in plan(db)]
    used = {kind: sum(row[kind] or 0 for row in rows) for kind in total}
    slots = {
        kind: {"total": total[kind], "used": used[kind], "free": max(0, total[kind] - used[kind])} for kind in total
    }
    uname = os.uname()
    return {
        "host": uname.nodename,
        "system": "%s %s %s" % (uname.sysname, uname.release, uname.machine),
        "cpus": total["cpus"],
        "memory": total["memory"],
        "gpus": machine["gpus"]["list"],
        "gpu_source": machine["gpus"]["source"],
        "gpu_error": machine["gpus"]["error"],
        "slots": slots,
        "jobs": {"queued": len(queued), "running": len(rows)},
        "active": [in_short(row, "") for row in rows] + [in_short(row, reason) for row, reason in queued],
        "python": "%d.%d.%d" % sys.version_info[:3],
        "spool": plain(os.getcwdb()),
        "daemon": int(slurp("lock") or b"0") if poke(b"") else None,
        "boot": machine["boot"],
    }


def why(args: List[str], here: bytes) -> Any:
    """Tells of all jobs that are not over, of those that these follow, and what this machine has."""
    wanted = numbers(args)
    jobs = status(["--all"], here)
    follow = {other for job in jobs if int(job["id"]) in wanted for _, other in job["after"]}
    open_ = ("queued", "running", "completing")
    kept = [job for job in jobs if job["state"] in open_ or int(job["id"]) in wanted or job["id"] in follow]
    return {"jobs": kept, "machine": inventory([], here), "now": time.time()}


VERBS: Dict[str, Callable[[List[str], bytes], Any]] = {
    "inventory": inventory,
    "submit": submit,
    "status": status,
    "cancel": cancel,
    "signal": send_signal,
    "why": why,
}


def enter_spool() -> None:
    """Makes the spool folder if need be and goes there: all its names are relative, however long its path is."""
    env = os.environb
    home = env.get(b"XDG_STATE_HOME") or os.path.join(os.path.expanduser(b"~"), b".local/state")
    spool = env.get(b"JIDO_SPOOL") or os.path.join(home, b"jido/process", wire(os.uname().nodename))
    os.makedirs(os.path.join(spool, b"locks"), exist_ok=True)
    os.chdir(spool)
    with state("DEFERRED") as db:
        version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA:
        raise RefusedError(1, "the spool %s is of a newer jido" % plain(spool), "upgrade this one, or set JIDO_SPOOL")
    if version < SCHEMA:
        with state() as db:
            if db.execute("PRAGMA user_version").fetchone()[0] < SCHEMA:  # another may have been quicker
                for table in TABLES:
                    db.execute(table)
                db.execute("PRAGMA user_version = %d" % SCHEMA)


def main(argv: List[str]) -> int:
    """Runs one verb; returns the exit code."""
    CALLER["umask"] = os.umask(0o077)
    verb = VERBS.get(argv[1] if len(argv) > 1 else "")
    try:
        if verb is None:
            raise RefusedError(2, "no such verb: %s" % " ".join(argv[1:2]), "one of: " + " ".join(VERBS))
        here = os.getcwdb()
        enter_spool()
        answer = verb(argv[2:], here)
        rouse()
    except RefusedError as no:
        failure, code = {"error": no.error, "hint": no.hint}, no.code
    except (OSError, sqlite3.Error) as problem:
        hint = "is the spool folder's disk full, read-only or without locks? JIDO_SPOOL names another"
        failure, code = {"error": "%s: %s" % (type(problem).__name__, problem), "hint": hint}, 1
    else:
        sys.stdout.write(json.dumps(answer) + "\n")
        return 0
    sys.stderr.write(json.dumps(failure) + "\n")
    return code
