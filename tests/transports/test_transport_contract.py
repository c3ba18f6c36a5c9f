"""Every transport, over one suite; OpenSSH over every login shell that is installed here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jido.config import places
from jido.testing.sshd import Server
from jido.testing.transports import TransportContract
from jido.transports.base import Transport
from jido.transports.local import Local
from jido.transports.openssh import OpenSSH


class TestLocal(TransportContract):
    @pytest.fixture
    def transport(self) -> Transport:
        return Local()


class TestOpenSSH(TransportContract):
    @pytest.fixture
    def transport(self, sshd: Server) -> Iterator[Transport]:
        transport = OpenSSH(sshd.destination, places.runtime(), "testhost")
        yield transport
        transport.close()
