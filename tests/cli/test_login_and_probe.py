"""``jido login``, ``logout``, ``probe`` over a real sshd."""

from __future__ import annotations

from pathlib import Path

import pytest
from spoken import Jido

from jido.config import clusters, maps
from jido.model.command import Command
from jido.testing.sshd import Server
from jido.transports.local import Local
from jido.transports.ssh_config import install_key

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample me@laptop with spaces"


@pytest.fixture
def site(sshd: Server) -> str:
    clusters.put("site", sshd.destination)
    return "site"


def test_a_login_opens_the_connection_and_a_logout_closes_it(jido: Jido, site: str) -> None:
    assert "connected to site" in jido("login", site).err
    assert jido("ls").out.splitlines()[-1].endswith("open")
    assert "closed" in jido("logout", site).err
    assert jido("ls").out.splitlines()[-1].endswith("closed")
    assert "no connection" in jido("logout", site).err


def test_this_machine_needs_no_login(jido: Jido) -> None:
    assert "no login is needed" in jido("login", "local").err


def test_no_key_is_offered_where_a_key_opens_it(jido: Jido, site: str) -> None:
    assert "site takes your key already" in jido("login", site, "--install-key").err


@pytest.mark.parametrize("before", [None, "", "ssh-rsa OLD old\n", "ssh-rsa OLD without newline", f"{KEY}\n"])
def test_a_key_is_added_once_and_joins_no_other(before: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = Path.home() / ".ssh" / "authorized_keys"
    if before is not None:
        keys.parent.mkdir()
        keys.write_text(before)
    for _ in range(2):
        assert Local().run(install_key(KEY)).ok
    lines = keys.read_text().splitlines()
    assert lines.count(KEY) == 1
    assert all(line in lines for line in (before or "").splitlines())
    assert keys.stat().st_mode & 0o077 == 0 or before is not None


def test_a_probe_over_ssh_makes_the_map(jido: Jido, site: str, sshd: Server) -> None:
    said = jido("probe", site)
    assert said.code == 0
    assert "mapped site" in said.err
    assert "this is its first map" in said.err
    assert said.out == ""
    map_ = maps.need(site)
    assert map_.instance.login[0].home.value == str(sshd.home)
    assert map_.storage.volumes
    assert "nothing has changed" in jido("probe", site).err


def test_a_probe_prints_its_map_as_json(jido: Jido, site: str) -> None:
    said = jido("probe", site, "--json").json
    assert said["schema"] == "jido/1"
    assert said["looks"]["id"]["command"] == "id"


def test_the_only_cluster_need_not_be_named(jido: Jido, site: str) -> None:
    assert "mapped site" in jido("probe").err
    clusters.put("other", clusters.get(site))
    said = jido("probe")
    assert said.code == 2
    assert "which cluster?" in said.err


def test_a_preview_prints_the_script_and_connects_to_nothing(jido: Jido) -> None:
    jido("add", "nowhere", "u1@nowhere.invalid")
    script = jido("probe", "nowhere", "--dry-run").out
    assert "df -B1" in script
    checked = Local().run(Command(argv=("sh", "-n"), stdin=script.encode()))
    assert checked.ok, checked.complaint


def test_a_host_that_cannot_be_reached_is_an_error_with_a_next_step(jido: Jido) -> None:
    jido("add", "nowhere", "u1@127.0.0.1", "-p", "1")
    said = jido("probe", "nowhere")
    assert said.code == 6
    assert "cannot be reached" in said.err
    assert "hint" in said.err
    assert maps.latest("nowhere") is None


def test_a_hostile_home_and_a_chatty_login_spoil_nothing(jido: Jido, own_sshd: Server) -> None:
    own_sshd.set_noise(b"Welcome! \x1e\x00 jido\n" * 20, b"stty: not a tty\n")
    own_sshd.set_shell("/bin/bash")
    (own_sshd.home / ".bash_profile").write_text(
        'echo profile noise; export SCRATCH="$HOME/my scratch" WORK_TOKEN=s3cret\n'
    )
    (own_sshd.home / "my scratch").mkdir()
    clusters.put("chatty", own_sshd.destination)
    assert jido("probe", "chatty").code == 0
    map_ = maps.need("chatty")
    environment = map_.instance.environment.value or {}
    assert environment["SCRATCH"] == f"{own_sshd.home}/my scratch"
    assert "WORK_TOKEN" not in environment
    home = next(row for row in map_.storage.volumes if row.tier.value == "home")
    assert str(own_sshd.home).startswith(home.path)


def test_this_machine_is_mapped_with_the_engine_it_has(jido: Jido) -> None:
    assert jido("probe", "local").code == 0
    map_ = maps.need("local")
    assert map_.scheduling.engine.value == "process"
    assert map_.instance.nodes
