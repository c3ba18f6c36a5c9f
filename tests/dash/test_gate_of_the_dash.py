"""Who may come in, and what a page of another site can do through a visitor's browser: nothing."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from visitor import Dash, Visitor


def test_without_the_cookie_nothing_is_told(visitor: Visitor) -> None:
    for path in ("/", "/projects", "/events", "/clusters/local/map", "/runs/1/log", "/style/picture.css"):
        answer = visitor.asks(path, cookie="")
        assert answer.status == 403, path
        assert "jido-token" not in answer.text
    assert visitor.asks("/?token=wrong", cookie="").status == 403
    assert visitor.asks("/projects", cookie=visitor.cookie + "x").status == 403


def test_the_token_becomes_a_cookie_that_no_script_reads_and_no_other_site_sends(
    dash: Dash, visitor: Visitor
) -> None:
    answer = visitor.asks("/?" + dash.address.partition("?")[2], cookie="")
    said = answer.headers["set-cookie"].lower()
    assert "httponly" in said
    assert "samesite=strict" in said
    # The page that is gone to holds no token, so that no history keeps it.
    assert dash.address.partition("token=")[2] not in answer.text


def test_a_name_that_was_pointed_here_is_refused(visitor: Visitor) -> None:
    assert visitor.asks("/projects", host="attacker.example").status == 421
    assert visitor.asks("/projects", host=f"127.0.0.1.attacker.example:{visitor.port}").status == 421
    assert visitor.asks("/projects", host=f"localhost:{visitor.port}").status == 200


def test_another_sites_requests_are_refused(visitor: Visitor) -> None:
    assert visitor.asks("/projects", origin="http://attacker.example").status == 403
    assert visitor.asks("/projects", origin="http://127.0.0.1:1").status == 403
    assert visitor.asks("/projects", sec_fetch_site="cross-site", sec_fetch_mode="no-cors").status == 403


@pytest.mark.parametrize("path", ["/runs/submit", "/runs/1/cancel", "/clusters/local/probe", "/clusters/local/look"])
def test_a_change_needs_the_pages_own_token_and_origin(visitor: Visitor, path: str) -> None:
    body = {"deed": "0" * 12}
    assert visitor.asks(path, body=body, x_jido_token="").status == 403
    assert visitor.asks(path, body=body, x_jido_token="wrong").status == 403
    assert visitor.asks(path, body=body, origin="").status == 403
    assert visitor.asks(path, body=body, content_type="text/plain").status == 415
    assert visitor.asks(path).status in (404, 405)


def test_the_policy_takes_no_script_and_no_style_but_the_servers_own(visitor: Visitor) -> None:
    for path in ("/", "/static/main.js", "/projects"):
        headers = visitor.asks(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
    assert "http://" not in visitor.page
    assert "https://" not in visitor.page


def test_it_listens_on_loopback_alone(dash: Dash) -> None:
    table = Path("/proc/net/tcp").read_text().splitlines()
    ports = [line.split()[1] for line in table if line.split()[3] == "0A"]
    mine = [one for one in ports if one.endswith(f":{dash.port:04X}")]
    assert mine == [f"{int.from_bytes(socket.inet_aton('127.0.0.1'), 'little'):08X}:{dash.port:04X}"]


def test_no_file_beside_its_own_is_served(visitor: Visitor) -> None:
    for path in ("/static/../gate.py", "/static/%2e%2e/gate.py", "/static//etc/passwd", "/static/"):
        assert visitor.asks(path).status in (403, 404, 405), path
