"""The digits example's environment: built by the first run that needs it, and what the second pays for it."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

from measure import Count, Figure, Findings, in_turn, quietly
from twin_site import Site

DIGITS = Path(__file__).resolve().parent.parent / "examples/digits"
# Where the twin's jobs find their Python.
SYSTEM = "/usr/local/bin:/usr/bin:/bin"
# What people write into their job scripts instead: make sure of the packages each time.
BY_HAND = """\
[ -x /data/student/venv/bin/python ] || python3 -m venv /data/student/venv
/data/student/venv/bin/python -m pip install -q --disable-pip-version-check --no-index --find-links wheels \\
  -r requirements.txt
"""


def measure(site: Site, rounds: int) -> Findings:
    with_env, without = site.folder / "digits", site.folder / "bare"
    shutil.copytree(DIGITS, with_env)
    find = 'import sys; print("%d.%d" % sys.version_info[:2])'
    python = quietly(["python3", "-c", find], env={"PATH": SYSTEM}).strip()
    fetch = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check", "--only-binary=:all:"]
    wheels, file = with_env / "wheels", with_env / "requirements.txt"
    quietly([*fetch, "--python-version", python, "-d", str(wheels), "-r", str(file)])
    toml = with_env / "jido.toml"
    toml.write_text(toml.read_text().replace("# wheels =", "wheels ="))
    # The same in every other respect.
    shutil.copytree(with_env, without)
    (without / "jido.toml").write_text('[project]\nname = "bare"\n')
    run = ("run", "--on", "aurora", "--", "true")
    site.jido("push", "--on", "aurora", cwd=with_env)
    began = time.monotonic()
    said = site.jido(*run, cwd=with_env)
    first = time.monotonic() - began
    assert "building the environment" in said, said
    (with_env / "by-hand.sh").write_text(BY_HAND)

    def second() -> None:
        assert "building" not in site.jido(*run, cwd=with_env)

    again, bare, by_hand = in_turn(
        rounds,
        second,
        lambda: site.jido(*run, cwd=without),
        lambda: site.jido("run", "--on", "aurora", "--", "sh", "by-hand.sh", cwd=with_env),
    )
    what = "the digits example's environment, the second run"
    return Findings(
        [
            Figure(f"{what}, against none", ("jido run", again), ("the same project without [env]", bare), 1.1),
            Figure(
                f"{what}, against pip each time", ("jido run", again), ("jido run, pip install -r in it", by_hand)
            ),
        ],
        [Count("the digits example's environment, the first run, which builds it", f"{first:.1f} s", "", True)],
    )
