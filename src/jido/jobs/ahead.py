"""Makes the folders of tasks that are soon to begin; executed by some of a sweep's tasks, Python >= 3.6 alone.

One process for many folders: a task whose folder is not there makes it itself, with a process for each step.
"""

import os
import sys
from typing import Dict

# Of these a task has its own, unless the code has a folder of that name.
ROLES = (b"results", b"checkpoints")
LAST = ROLES[-1]


def main(code: bytes, results: bytes, checkpoints: bytes, *chunks: bytes) -> None:
    """Make the folders of the tasks on these chunks of `parameters`; executed in the run folder."""
    there = os.scandir(code) if os.path.isdir(code) else ()
    links = {entry.name: entry.path for entry in there if not (entry.is_symlink() and entry.name in ROLES)}
    for folder in (b"tasks", results, checkpoints):
        os.makedirs(folder, exist_ok=True)
    for chunk in chunks:
        try:
            with open(os.path.join(b"parameters", chunk), "rb") as file:
                tasks = file.readline().split()[1:]
        except FileNotFoundError:
            continue
        for task in tasks:
            own = dict(zip(ROLES, (os.path.join(results, task), os.path.join(checkpoints, task))))
            one(task, own, {**own, **links})


def one(task: bytes, folders: Dict[bytes, bytes], links: Dict[bytes, bytes]) -> None:
    """Make the folder of one task; its link `checkpoints`, made last, tells that it is whole."""
    place = os.path.join(b"tasks", task)
    for folder in (*folders.values(), place):
        try:
            os.mkdir(folder)
        except FileExistsError:
            pass
    for name in sorted(links, key=LAST.__eq__):
        try:
            os.symlink(links[name], os.path.join(place, name))
        except FileExistsError:
            # The task has begun meanwhile and makes it itself.
            pass


if __name__ == "__main__":
    main(*map(os.fsencode, sys.argv[1:]))
