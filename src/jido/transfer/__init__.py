"""Carrying code and data to a cluster and results home: push, snapshot, pull."""

from jido.transfer.snapshots import snapshot

__all__ = ["snapshot"]
