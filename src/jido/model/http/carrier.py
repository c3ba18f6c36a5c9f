"""Carries HTTP requests to a server from this machine.

It travels as text to any Python from 3.6 on, and uses its standard library only. What is asked stands behind it as
one JSON text; what came of it is printed as one.
"""

import http.client
import json
import os
import sys
from typing import Any, Dict, List, Tuple
from urllib.parse import urlsplit


def said_by(variables: List[str], files: List[str]) -> str:
    """The first that a variable or a file says; empty where none does."""
    for name in variables:
        value = os.environ.get(name, "").strip()
        if value:
            return value
    for path in files:
        try:
            with open(os.path.expanduser(path), encoding="utf-8") as file:
                value = file.read(4096).strip()
        except (OSError, ValueError):
            continue
        if value:
            return value
    return ""


def place_of(said: str, port: int) -> Tuple[str, str, int, str]:
    """Scheme, host, port and folder of an address; one without http names a host, whatever port of it."""
    if said.startswith(("http://", "https://")):
        parts = urlsplit(said)
        usual = 443 if parts.scheme == "https" else port
        return parts.scheme, parts.hostname or "127.0.0.1", parts.port or usual, parts.path.rstrip("/")
    host = urlsplit(said if "://" in said else "//" + said).hostname
    return "http", host if host and host not in ("auto", "local") else "127.0.0.1", port, ""


def ask(place: Tuple[str, str, int, str], request: Dict[str, Any], secret: str) -> Dict[str, Any]:
    """What became of one request."""
    scheme, host, port, folder = place
    if not all("!" <= char <= "~" for char in secret):
        # Python's own complaint of it would hold it.
        return {
            "status": None,
            "body": "",
            "sent": False,
            "error": "the token that lies there is none: odd characters",
        }
    kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
    line = kind(host, port, timeout=request["timeout"])
    sent = False
    try:
        line.connect()
        headers = dict(request["headers"])
        if secret:
            headers["Authorization"] = "Bearer " + secret
        sent = True
        body = request["body"].encode("utf-8") if request["body"] else None
        line.request(request["method"], folder + request["path"], body, headers)
        reply = line.getresponse()
        text = reply.read().decode("utf-8", "replace")
        return {"status": reply.status, "body": text, "sent": True, "error": ""}
    except (OSError, ValueError, http.client.HTTPException) as error:
        # ValueError: a header that cannot be written; whether something was sent before it is not told.
        return {"status": None, "body": "", "sent": sent, "error": "%s: %s" % (type(error).__name__, error)}
    finally:
        line.close()


def main(text: str) -> None:
    """Find the server, ask it, and print what came of it."""
    asked = json.loads(text)
    service = asked["service"]
    try:
        place = place_of(said_by(service["variables"], service["files"]), service["port"])
    except ValueError as error:
        print(
            json.dumps(
                {
                    "address": "",
                    "replies": [
                        {"status": None, "body": "", "sent": False, "error": "its address cannot be read: %s" % error}
                        for _ in asked["requests"]
                    ],
                }
            )
        )
        return
    named = [os.environ[name] for name in service["secret_paths"] if os.environ.get(name)]
    secret = said_by(service["secret"], [*named, *service["secret_files"]])
    replies = []  # type: List[Dict[str, Any]]
    for request in asked["requests"]:
        if replies and not replies[-1]["sent"]:
            replies.append(dict(replies[-1]))
        else:
            replies.append(ask(place, request, secret))
    host = "[%s]" % place[1] if ":" in place[1] else place[1]
    print(json.dumps({"address": "%s://%s:%d%s" % (place[0], host, place[2], place[3]), "replies": replies}))
    sys.stdout.flush()
