"""Twins: a mapped cluster rebuilt on one machine out of real parts."""

from jido.twins.from_map import spec_of
from jido.twins.lifecycle import down, look, up
from jido.twins.spec import TwinSpec
from jido.twins.state import DaemonState, TwinState

__all__ = ["DaemonState", "TwinSpec", "TwinState", "down", "look", "spec_of", "up"]
