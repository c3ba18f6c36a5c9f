"""A dataset of many small files, the same each time, and an epoch over it."""

from __future__ import annotations

import random
from pathlib import Path

SIZE = 4096

# As a loader does: in random order. What the kernel has kept of a file is dropped first, on whichever disk it lies.
EPOCH = """\
import os, random, sys
names = [os.path.join(folder, name) for folder, _, names in os.walk(sys.argv[1]) for name in names]
random.Random(1).shuffle(names)
total = 0
for name in names:
    fd = os.open(name, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    total += len(os.read(fd, 1 << 20))
    os.close(fd)
print(len(names), total)
"""


def fill(folder: Path, files: int) -> None:
    """Write the dataset: so many files of `SIZE` bytes, in folders of one class each."""
    chance = random.Random(11)
    for number in range(files):
        file = folder / f"class{number % 100}" / f"{number}.bin"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(chance.randbytes(SIZE))
