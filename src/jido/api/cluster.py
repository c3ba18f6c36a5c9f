"""One cluster with everything it needs bound together; nothing happens before the first use."""

from __future__ import annotations

import getpass
from functools import cached_property

from jido import registry
from jido.config import clusters, maps, places
from jido.engines.base import Engine
from jido.errors import SchedulerMissing
from jido.model.destination import Destination
from jido.model.map import Map
from jido.transports.base import Transport
from jido.words import tr


class Cluster:
    """A named cluster.

    Args:
        name: As given to `jido add`; ``local`` is this machine.
        destination: Its address; None reads the clusters file at first use.
    """

    def __init__(self, name: str, destination: Destination | None = None) -> None:
        self.name = name
        self._destination = destination

    @cached_property
    def destination(self) -> Destination:
        """How it is reached."""
        return self._destination or clusters.get(self.name)

    @cached_property
    def transport(self) -> Transport:
        """What carries commands to its login node."""
        if self.destination.is_local:
            from jido.transports.local import Local

            return Local()
        from jido.transports.openssh import OpenSSH

        return OpenSSH(self.destination, places.runtime(), self.name)

    @property
    def saved_map(self) -> Map:
        """Its newest map.

        Raises:
            NotFound: It was never probed.
        """
        return maps.need(self.name)

    @property
    def map_if_any(self) -> Map | None:
        """Its newest map, None when it was never probed."""
        return maps.latest(self.name)

    @cached_property
    def user(self) -> str:
        """Who I am there, as the map or the address says; else who I am here."""
        map_ = self.map_if_any
        hosts = map_.instance.login if map_ else ()
        seen = next((host.user.value for host in hosts if host.user.value), None)
        return seen or self.destination.user or getpass.getuser()

    @cached_property
    def engine(self) -> Engine:
        """What runs jobs there, as the user or the map says.

        Raises:
            NotFound: It was never probed.
            SchedulerMissing: The map knows no scheduler there.
        """
        name = self.destination.engine
        if not name:
            fact = self.saved_map.scheduling.engine
            if not fact.value:
                raise SchedulerMissing(
                    tr("no scheduler is known on {name}", name=self.name),
                    cause=fact.why or tr("the probe found none"),
                    hint=tr(
                        "probe it again (`jido probe {name}`), or use jido's own queue there: `jido add {name} "
                        "... --engine process`",
                        name=self.name,
                    ),
                )
            name = fact.value
        return self.engine_named(name)

    @staticmethod
    def engine_named(name: str) -> Engine:
        """An engine by its name in the registry; runs remember theirs, so that no map is read for them."""
        engine = registry.load("engine", name)()
        assert isinstance(engine, Engine)
        return engine

    def close(self) -> None:
        """Close the shared connection."""
        self.transport.close()
