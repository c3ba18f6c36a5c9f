"""How the toys of each dialect print what they know."""

from __future__ import annotations

import time

from toy_server import CPUS, PRO


def _when(seconds):
    return time.strftime("%a %b %d %H:%M:%S %Y", time.localtime(seconds))


def _clock(seconds):
    return f"{int(seconds) // 3600:02}:{int(seconds) // 60 % 60:02}:{int(seconds) % 60:02}"


def pairs(job):
    """A job's attributes in the order in which they are printed."""
    over = job["state"] == "F"
    letter = job["state"] if not over else "C" if not PRO else "X" if job["array"] else "F"
    yield "Job_Name", job["name"]
    yield "job_state", letter
    yield "queue", job["queue"]
    if job["hold"] or job["depend"]:
        yield "Hold_Types", job["hold"] or "s"
    if job["depend"]:
        yield "depend", ",".join(f"{how}:{key}.toy@toy" for how, key in job["depend"])
    yield "ctime", _when(job["ctime"])
    yield "qtime", _when(job["ctime"])
    if "stime" in job:
        yield ("stime" if PRO else "start_time"), _when(job["stime"])
        hosts = (f"toy-n{n + 1}/0" + (f"*{job['ncpus']}" if PRO else "") for n in range(job["nodes"]))
        yield "exec_host", "+".join(hosts)
        yield "resources_used.walltime", _clock((job.get("mtime") or time.time()) - job["stime"])
    yield "Resource_List.walltime", _clock(job["walltime"])
    if over:
        yield ("mtime" if PRO else "comp_time"), _when(job["mtime"])
        if job["exit"] is not None:
            yield ("Exit_status" if PRO else "exit_status"), str(job["exit"])
        if PRO:
            yield "substate", "91" if job["deleted"] else "92"
    if job["comment"]:
        yield "comment", job["comment"]
    yield "Variable_List", job["variables"]


def job_text(job):
    lines = [f"Job Id: {job['key']}.toy"]
    for name, value in pairs(job):
        line = f"    {name} = {value}"
        # A long value goes on in lines that begin with a tab.
        while len(line.expandtabs()) > 78:
            lines.append(line[:78])
            line = "\t" + line[78:]
        lines.append(line)
    return "\n".join(lines) + "\n\n"


def json_text(jobs):
    """As versions really print it: values that are not escaped, numbers that begin with 0, no comma between jobs."""
    told = []
    for job in jobs:
        rows = ",\n".join(
            f'            "{name}":{value if value.isdecimal() else chr(34) + value + chr(34)}'
            for name, value in pairs(job)
        )
        told.append(f'        "{job["key"]}.toy":{{\n{rows},\n            "umask":022\n        }}')
    return '{\n    "timestamp":1764244800,\n    "Jobs":{\n' + "\n".join(told) + "\n}\n"


def server_text():
    return (
        "Server: toy\n    server_state = Active\n    default_queue = workq\n"
        + ("    pbs_version = 23.06.06\n" if PRO else "    pbs_version = 6.1.2\n")
        + "\n"
    )


def queue_text():
    return (
        "Queue: workq\n    queue_type = Execution\n    resources_max.walltime = 24:00:00\n    enabled = True\n"
        "    started = True\n\n"
        "Queue: vip\n    queue_type = Execution\n    acl_user_enable = True\n    acl_users = boss@*\n"
        "    enabled = True\n    started = True\n\n"
    )


def node_text(running):
    told = ""
    for n in (1, 2):
        here = [job for job in running if job["nodes"] >= n]
        used = sum(job["ncpus"] for job in here)
        told += f"toy-n{n}\n     state = {'free' if used < CPUS else 'job-busy' if PRO else 'job-exclusive'}\n"
        if PRO:
            told += f"     resources_available.ncpus = {CPUS}\n     resources_available.mem = 16gb\n"
            told += f"     resources_available.ngpus = 1\n     resources_assigned.ncpus = {used}\n"
        else:
            told += f"     np = {CPUS}\n     gpus = 1\n     ntype = cluster\n     status = physmem=16777216kb\n"
            busy = ",".join(f"0-{job['ncpus'] - 1}/{job['key']}.toy" for job in here)
            told += f"     jobs = {busy}\n" if busy else ""
        told += "\n"
    return told
