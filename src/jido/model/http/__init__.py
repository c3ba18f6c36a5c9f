"""What is asked of a server that speaks HTTP and is reached from a cluster's login node only; plain data.

A request is carried by a small program that travels with it (``python3 -``, everything on stdin) and speaks to the
server from there. So nothing listens anywhere, neither here nor there; neither addresses nor secrets stand in a
command line; and a request goes where every other command goes: through the transport with its time limits, through
the exec that hands a job over, into recorded replies. The program finds the server, and the secret it wants, by what
lies on that machine (`Service`): a secret never leaves it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib import resources
from urllib.parse import quote

import msgspec

from jido.model.command import Command, Reply

# What starting Python takes on a login node under load, seconds.
_START = 20.0


class Service(msgspec.Struct, frozen=True):
    """How a server is found on the machine that carries the requests; the first that says an address is taken.

    Attributes:
        port: Its usual port, for an address that names a host only, or the port of another of its servers.
        variables: Environment variables that may hold its address.
        files: Files that may hold it.
        secret: Environment variables that may hold the bearer token it wants.
        secret_paths: Environment variables that may name the file with that token.
        secret_files: Files that may hold it; ``~`` is the home folder.
    """

    port: int
    variables: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()
    secret_paths: tuple[str, ...] = ()
    secret_files: tuple[str, ...] = ()


class HttpRequest(msgspec.Struct, frozen=True):
    """One request.

    Attributes:
        method: ``GET``, ``POST`` ...
        path: With its query, as it stands in the request line; quoted already.
        body: Text; empty is none.
        headers: Besides those that HTTP itself needs.
        timeout: Seconds for each step of it.
    """

    method: str
    path: str
    body: str = ""
    headers: dict[str, str] = {}
    timeout: float = 20.0


class HttpReply(msgspec.Struct, frozen=True):
    """What became of one.

    Attributes:
        status: The server's code; None where it gave none.
        body: Text; what is not UTF-8 is replaced.
        sent: Whether the request may have reached the server; False is certain that it did not.
        error: Why there is no status.
    """

    status: int | None
    body: str = ""
    sent: bool = True
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether the server did what it was asked for."""
        return self.status is not None and 200 <= self.status < 300


class Replies(msgspec.Struct, frozen=True):
    """What became of a command's requests.

    Attributes:
        address: Where the server was sought, without secrets.
        replies: In the order of the requests. Where one has not reached the server, those behind it were not sent.
    """

    address: str
    replies: tuple[HttpReply, ...]


def quoted(part: str) -> str:
    """One part of a path as it stands in a request line, a slash within it quoted too."""
    return quote(part, safe="")


@cache
def _program() -> str:
    return resources.files(__name__).joinpath("carrier.py").read_text("utf-8")


def text(service: Service, requests: Sequence[HttpRequest]) -> str:
    """The program with its requests, as Python text in plain ASCII."""
    said = {"service": msgspec.to_builtins(service), "requests": msgspec.to_builtins(list(requests))}
    # JSON of ASCII only is a string literal of any Python once it is quoted.
    return f"{_program()}\nmain({json.dumps(said)!r})\n"


def command(service: Service, requests: Sequence[HttpRequest]) -> Command:
    """The command that carries these requests, one after the other."""
    limit = sum(request.timeout for request in requests) + _START
    return Command(("python3", "-"), stdin=text(service, requests).encode("ascii"), timeout=limit)


def read(reply: Reply) -> Replies | None:
    """What became of the requests; None where that is not told, or not whole."""
    if reply.code != 0:
        return None
    return decode(reply.stdout)


def decode(stdout: bytes) -> Replies | None:
    """The program's output; None where it broke off or is something else's."""
    try:
        return msgspec.json.decode(stdout, type=Replies)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
