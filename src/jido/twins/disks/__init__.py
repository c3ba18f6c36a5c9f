"""Volumes with the size, limits and speed of the mapped ones: a file system in user space over ordinary folders.

Content lies in a folder of this machine; what `df` shows, where ENOSPC and EDQUOT come, and how fast it is are told.
It speaks the kernel's FUSE protocol (7.31) itself: the keeper loads this folder into an interpreter without site
packages, and no tool at hand shows a size other than that of the file system below. One process serves all volumes
of a twin, so that locks and caches are the kernel's own and shared by all machines. Verified on Linux 6.18.

To the keeper this is ``disks``, not ``jido.twins.disks``: the files import each other relatively, and little besides.
"""

from .mounting import start

__all__ = ["start"]
