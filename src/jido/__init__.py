"""jido (지도): map a compute cluster, lay a project out on it, run jobs there, bring results home.

>>> import jido
>>> jido.connect("aurora").submit(["python", "train.py"], gpus=1).wait().pull()  # doctest: +SKIP
"""

from __future__ import annotations

# Type checkers know the name; importing it from `typing` would double the time of `jido --version`.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from jido.api.handle import Connection

__version__ = "0.1.0"

__all__ = ["connect"]


def connect(name: str) -> Connection:
    """A named cluster; nothing is connected before the first use.

    Args:
        name: As given to `jido add`, a twin's name, or ``local`` for this machine.

    Raises:
        NotFound: No cluster goes by the name; suggests the nearest.
    """
    from jido.api.handle import Connection
    from jido.config import clusters

    return Connection(name, clusters.get(name))
