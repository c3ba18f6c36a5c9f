"""Who may come in: a browser of this machine that was given the token, and no page of anybody else's through it.

The token in the address becomes a cookie that no script can read and that no other site's requests carry. What
changes something also needs a second token, which stands in the page itself, and an Origin that is this server's. The
Host header must name this machine, so that no name that was pointed at 127.0.0.1 (DNS rebinding) comes in.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HOSTS = ("127.0.0.1", "localhost", "[::1]")
HEADER = "x-jido-token"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_ALWAYS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Key:
    """The secrets of one server.

    Attributes:
        token: What stands in the address.
        cookie: The cookie's name; other servers of this machine have their own, since cookies know no ports.
    """

    def __init__(self, port: int) -> None:
        self.token = secrets.token_urlsafe(32)
        self.cookie = f"jido-dash-{port}"

    @property
    def hand(self) -> str:
        """What the page shows with each change that it asks for."""
        return hmac.new(self.token.encode(), b"what the page may do", hashlib.sha256).hexdigest()

    def opens(self, said: str) -> bool:
        """Whether this is the token."""
        return hmac.compare_digest(said.encode(), self.token.encode())

    def acts(self, said: str) -> bool:
        """Whether this is the page's token."""
        return hmac.compare_digest(said.encode(), self.hand.encode())


class Gate:
    """Stands before all of the server.

    Args:
        app: What is behind it.
        key: The secrets.
        refused: The page for who has no token.
    """

    def __init__(self, app: ASGIApp, key: Key, refused: str) -> None:
        self._app, self._key, self._refused = app, key, refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through, or answer at once."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        answer = self._answer(HTTPConnection(scope))

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _ALWAYS.items():
                    headers.setdefault(name, value)
            await send(message)

        await (answer or self._app)(scope, receive, with_headers)

    def _answer(self, asked: HTTPConnection) -> Response | None:
        headers, scope = asked.headers, asked.scope
        host = headers.get("host", "")
        if host.rpartition(":")[0] not in _HOSTS and host not in _HOSTS:
            return PlainTextResponse("this machine is not called that", 421)
        if not _from_here(headers, host):
            return PlainTextResponse("not from another site", 403)
        if scope["path"].startswith("/static/"):
            return None
        if scope["path"] == "/" and "token" in asked.query_params:
            return None
        if not self._key.opens(asked.cookies.get(self._key.cookie, "")):
            return Response(self._refused, 403, media_type="text/html")
        if scope["method"] not in ("GET", "HEAD"):
            if headers.get("origin") != f"http://{host}" or not self._key.acts(headers.get(HEADER, "")):
                return PlainTextResponse("only the page itself may change something", 403)
            if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
                return PlainTextResponse("JSON is wanted", 415)
        return None


def _from_here(headers: Headers, host: str) -> bool:
    origin = headers.get("origin")
    if origin is not None and origin != f"http://{host}":
        return False
    # A link on another site may lead here; nothing else of it may.
    site = headers.get("sec-fetch-site", "none")
    return site in ("none", "same-origin") or headers.get("sec-fetch-mode") == "navigate"
