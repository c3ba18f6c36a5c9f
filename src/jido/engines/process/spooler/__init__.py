"""A small honest job queue for a machine without a scheduler, as one program for any Python >= 3.6.

It travels as one text (``python3 - VERB ARGS``, the text on stdin), so it needs only the standard library. Verbs:
``inventory``, ``submit SPEC``, ``status IDS | --token T | --all``, ``cancel [--by WHO] IDS``, ``signal ID SIG``.
Each prints one JSON document; an error is ``{"error", "hint"}`` on stderr with exit code 1 (the machine), 2 (a bad
request) or 3 (a request that can never fit here). Sizes are bytes, times seconds.

Who does what:

* A **verb** writes its wish into the state file, then wakes the daemon or, where none lives, becomes its parent.
* The **daemon** (one a spool, whoever holds ``lock``) only starts jobs. It leaves when there is nothing to do.
* A **keeper** (one a running job, holding ``locks/ID``) starts the job's process, enforces its limits, ends what
  it left behind and writes its end into the state file. It needs no daemon, so killing the daemon harms no job.

A held lock is the proof of life: the kernel drops it with its holder, at kill -9 and at reboot alike, and no
reused pid can fake it. A job whose keeper is gone without a word is ``node_failed``, never ``done``; one whose
process was never let go is queued again. The process is let go only after its pid is in the state file.

Order: first come, first served. A job that does not fit yet has its slots set aside before later ones are looked
at; so a later job may pass only on slots the earlier one is not waiting for, and delays it not at all.

Memory is looked at every 0.1 s or so (at most 5 % of a CPU) as the sum over the job's processes: resident pages,
and, when those exceed the limit, the proportional share, so that pages shared by workers count once. A job can
overshoot between two looks; page cache is not counted; without a limit nothing is set aside. Processes are found
by descent from the keeper, which is their subreaper (Linux); elsewhere only the job's process group is known and
memory is not enforced. What a job asks others to start (docker, systemd-run) is not its own and is not seen.

Settings: ``JIDO_SPOOL`` (the folder), ``JIDO_PROCESS_{CPUS,MEMORY,GPUS}`` (what to give, instead of what there is;
the last submission's view counts), ``JIDO_SPOOL_GRACE`` (from SIGTERM to SIGKILL, 5 s) and ``JIDO_SPOOL_IDLE`` (3 s),
both as whoever woke the daemon had them. Where systemd-logind is told to KillUserProcesses, a logout ends it all.

The state is SQLite with its default rollback journal, not WAL: WAL needs shared memory, which network homes do
not have, and here a commit is rare. A shared home is why the default spool folder carries the host's name.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

# Each part uses only the ones before it: joined in this order, they are the program.
PARTS = ("ground", "machine", "keeper", "daemon", "verbs")
_MARK = "\n# It travels from here.\n"


@cache
def program() -> bytes:
    """The program as one text: what stands in the parts from their marks on, and a call of ``main``."""
    folder = resources.files(__name__)
    parts = [(folder / f"{part}.py").read_text("utf-8").partition(_MARK)[2] for part in PARTS]
    return "\n".join([*parts, "sys.exit(main(sys.argv))\n"]).encode()
