"""Who is handing a run over at this moment: a lock of that process, so that no other one settles what is under way.

The kernel drops it with its holder, however that ends; what it left open is then anybody's to settle.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def in_hand(ledger: Path, token: str) -> Iterator[None]:
    """Hold a run while it is handed over.

    Args:
        ledger: The ledger's file; the locks lie beside it.
        token: The run's.
    """
    file = _file(ledger, token)
    handle = None
    # Where nothing can be locked, it goes without: a look that falls into it then shuts the submission out.
    with suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        yield
    finally:
        with suppress(OSError):
            file.unlink()
        if handle is not None:
            os.close(handle)


def is_in_hand(ledger: Path, token: str) -> bool:
    """Whether a living process is handing the run over."""
    try:
        handle = os.open(_file(ledger, token), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    # Its maker was killed.
    with suppress(OSError):
        _file(ledger, token).unlink()
    return False


def _file(ledger: Path, token: str) -> Path:
    return ledger.with_name(f"{ledger.name}.in-hand") / token
