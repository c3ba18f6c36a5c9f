"""A dash begins, loses its clusters and finds them again, and ends."""

from __future__ import annotations

import stat
import subprocess
import sys
import time
import webbrowser
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import msgspec
import pytest
from visitor import Dash, Visitor, environment

from jido.config import clusters
from jido.dash import server
from jido.testing.sshd import Server


def test_ctrl_c_tells_the_tabs_and_leaves_no_process(tmp_path: Path, jido_home: Path) -> None:
    env = environment(tmp_path) | {"JIDO_HOME": str(jido_home), "A_DASH_OF": str(tmp_path)}
    dash = Dash(tmp_path, env)
    with Visitor(dash).hears() as stream:
        stream.until(lambda known: known.get("clusters/all"))
        began = time.monotonic()
        code, said = dash.end()
        assert [kind for kind, _ in stream.events()][-1] == "bye"
    assert code == 0
    assert "Traceback" not in said
    assert "has ended" in said
    assert time.monotonic() - began < 20
    assert not [one for one in Path("/proc").iterdir() if one.name.isdecimal() and _of(one, env["A_DASH_OF"])]


def _of(process: Path, mark: str) -> bool:
    try:
        return f"A_DASH_OF={mark}\0".encode() in (process / "environ").read_bytes()
    except OSError:
        return False


def test_a_port_that_is_taken_is_refused_with_a_way_on(tmp_path: Path) -> None:
    dash = Dash(tmp_path, environment(tmp_path))
    try:
        words = [sys.executable, "-m", "jido", "dash", "--no-browser", "--port", str(dash.port)]
        done = subprocess.run(words, env=environment(tmp_path), cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 2
        assert "--port" in done.stderr
    finally:
        dash.end()


@pytest.mark.parametrize(("words", "lang"), [(["--lang", "ko"], "ko"), ([], "en")])
def test_the_page_speaks_the_language_that_is_wanted(tmp_path: Path, words: list[str], lang: str) -> None:
    dash = Dash(tmp_path, environment(tmp_path), *words)
    try:
        assert f'<html lang="{lang}">' in Visitor(dash).page
    finally:
        dash.end()


def test_a_lost_cluster_is_told_with_its_last_good_look_and_heals(
    tmp_path: Path, jido_home: Path, own_sshd: Server
) -> None:
    env = environment(tmp_path) | {"JIDO_HOME": str(jido_home)}
    clusters.put("lab", msgspec.structs.replace(own_sshd.destination, engine="process"))
    words = [sys.executable, "-m", "jido", "probe", "lab"]
    subprocess.run(words, env=env, cwd=tmp_path, check=True, capture_output=True)
    dash = Dash(tmp_path, env)
    try:
        visitor = Visitor(dash)

        def stands(state: str) -> object:
            return lambda known: (row := known.get("cluster/lab")) and row["state"] == state and row

        with visitor.hears() as stream:
            good = stream.until(stands("good"))["good"]
            own_sshd.stop()
            visitor.asks("/clusters/lab/look", body={})
            lost = stream.until(stands("lost"))
            assert lost["good"] >= good
            assert lost["problem"]["what"]
            assert lost["next"] > time.time() - 5
            # What was seen before is still there.
            assert stream.known["what/lab"]
            own_sshd.start()
            assert stream.until(stands("good"))["good"] > lost["good"]
    finally:
        dash.end()


def test_a_browser_is_opened_by_a_file_that_others_cannot_read(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str, int]] = []

    def opened(address: str) -> None:
        file = Path(url2pathname(urlsplit(address).path))
        seen.append((address, file.read_text(), stat.S_IMODE(file.stat().st_mode)))

    monkeypatch.setattr(webbrowser, "open", opened)
    monkeypatch.setenv("DISPLAY", ":7")
    with server._opened("http://127.0.0.1:1/?token=secret&<", 1, wanted=True):
        until = time.monotonic() + 10
        while not seen:
            assert time.monotonic() < until
            time.sleep(0.01)
    [(address, text, mode)] = seen
    assert "secret" not in address
    assert "token=secret&amp;&lt;" in text
    assert mode == 0o600
    assert not Path(url2pathname(urlsplit(address).path)).exists()
    monkeypatch.delenv("DISPLAY")
    with server._opened("http://127.0.0.1:1/?token=secret", 1, wanted=True):
        assert len(seen) == 1


def test_without_its_packages_it_says_what_to_type(tmp_path: Path) -> None:
    code = (
        "import importlib.util as u; real = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name in ('starlette', 'uvicorn') else real(name, *more)\n"
        "from jido.cli.app import run; run(['dash', '--no-browser'])"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(tmp_path), capture_output=True, text=True)
    assert done.returncode == 4
    assert "pip install 'starlette" in done.stderr


def test_no_other_command_pays_for_it() -> None:
    code = (
        "import sys; from jido.cli.app import root, run\n"
        "from jido.cli.commands import dash, ps\n"
        "print(sorted({'starlette', 'uvicorn', 'anyio', 'jido.dash'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
