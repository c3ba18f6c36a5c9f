"""Which tier a volume is: by whose home is on it, what the site's variables call it, its name, its kind.

In this order, the first that says something decides:

1. the volume that my home is on is ``home``;
2. ``/`` and what belongs to the operating system is ``system``;
3. a variable of the site (``$SCRATCH``, ``$WORK``, ``$LOCAL_SCRATCH`` ...) that points to it names its tier;
4. its path: ``local``, ``ssd``, ``nvme``, ``tmp`` are node-local unless the files come over a network;
   ``dataset`` is ``datasets``, ``scratch`` is ``scratch``; ``data``, ``work``, ``project``, ``store`` and the
   names of parallel file systems are ``work``;
5. a network or parallel file system with a folder that is mine is ``work``;
6. else nobody has said: unknown.
"""

from __future__ import annotations

import re

from jido.model.facts import Fact, known, unknown
from jido.storage.base import StorageKind

_SYSTEM = re.compile(r"/(?:(?:bin|boot|dev|etc|lib\w*|opt|proc|run|sbin|snap|sys|usr|var)(?:/.*)?)?")
_LOCAL = re.compile(
    r"(?:^|[/_-])l?local|(?:^|/)l?scratch_local|/(?:ssd|nvme|raid|tmp|ramdisk)\d*(?:/|$)", re.IGNORECASE
)
_DATASETS = re.compile(r"datasets?(?:/|$)", re.IGNORECASE)
_SCRATCH = re.compile(r"scratch|/scr\d*(?:/|$)", re.IGNORECASE)
_WORK = re.compile(
    r"/(?:ceph_)?data\d*(?:/|$)|work|project|/stor(?:e|age)|/shared?(?:/|$)|/groups?(?:/|$)|/archive|/fast(?:/|$)"
    r"|/(?:lustre|gpfs|beegfs|ceph|cephfs|gluster|nfs)\w*(?:/|$)",
    re.IGNORECASE,
)


def tier(
    path: str, *, is_home: bool, kind: type[StorageKind] | None, hints: dict[str, str], mine: bool, by: str
) -> Fact[str]:
    """What a volume is good for.

    Args:
        path: Where a user meets it.
        is_home: Whether my home folder is on it.
        kind: Its storage kind, where one is recognised.
        hints: The site's variables that point to it or into it.
        mine: Whether there is a folder on it that is mine to write.
        by: The look that saw it.
    """
    network = kind is not None and kind.network
    if is_home:
        return known("home", by)
    if _SYSTEM.fullmatch(path):
        return known("system", by)
    for name in sorted(hints):
        if named := _by_variable(name):
            return known(named, "environment")
    if not network and _LOCAL.search(path):
        return known("local", by)
    for pattern, named in ((_DATASETS, "datasets"), (_SCRATCH, "scratch"), (_WORK, "work")):
        if pattern.search(path):
            return known(named, by)
    if network and mine:
        return known("work", by)
    why = "its name does not tell, and no folder on it is yours" if not mine else "its name does not tell"
    return unknown(why, settle="ask the administrators what it is for", by=by)


def _by_variable(name: str) -> str | None:
    if "LOCAL" in name or name in ("TMPDIR", "LSCRATCH", "FASTTMP"):
        return "local"
    if "SCR" in name:
        return "scratch"
    if "DATASETS" in name:
        return "datasets"
    return "work"
