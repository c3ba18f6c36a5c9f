"""What the kernel asks, and how it is answered."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .volume import Disk

    # A handler returns the reply's body, or the body and when it may be sent.
    Handler = Callable[[Disk, "Request"], bytes | tuple[bytes, float]]


class Request:
    """What the kernel asks."""

    __slots__ = ("body", "gid", "node", "uid", "unique")

    def __init__(self, unique: int, node: int, uid: int, gid: int, body: memoryview) -> None:
        self.unique, self.node, self.uid, self.gid, self.body = unique, node, uid, gid, body

    def name(self, at: int) -> bytes:
        """The name from a place of the body on."""
        return bytes(self.body[at:]).split(b"\0", 1)[0]
