"""A Ray cluster of a Slurm job's own nodes comes with the command and goes with it: a real Slurm, a real Ray."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.e2e.conftest import Person

from jido.twins import processes
from jido.twins.folder import STATE
from jido.twins.state import read

pytestmark = [pytest.mark.twin, pytest.mark.xdist_group("hanok")]

# As `ray` in a user's environment, but that nothing listens beyond this machine's loopback, which all nodes of the
# twin share, and that a twin's machine has no /dev/shm to write to.
RAY = """\
#!/bin/sh
exec python3 -c '
import sys
from ray._private import ray_constants, services
ray_constants.ENABLE_RAY_CLUSTER = True
services.resolve_ip_for_localhost = lambda host: host
from ray.scripts.scripts import main
sys.argv += ["--plasma-directory=/tmp", "--node-ip-address=127.0.0.1"]
main()
' "$@"
"""
LOOPBACK = ("-e", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0", "-e", "RAY_prestart_worker_first_driver=0")
# It stays until it is told to end.
WORK = """\
import os, socket, signal, sys, time
import ray

ray.init(logging_level="ERROR")
print(len([node for node in ray.nodes() if node["Alive"]]), int(ray.cluster_resources()["CPU"]), flush=True)

@ray.remote(num_cpus=2)
def where():
    time.sleep(1)
    return socket.gethostname()

print(sorted(ray.get([where.remote() for _ in range(2)])), flush=True)

def told(number, frame):
    print("told to end", flush=True)
    os._exit(3)

signal.signal(signal.SIGTERM, told)
open(os.environ["JIDO_RESULTS"] + "/here", "w").close()
time.sleep(600)
"""
# In Ray's place: it begins, and stays until it is ended; or it does not begin.
TOY = """\
#!/bin/sh
[ "$*" = "${*#*--head}" ] && [ -n "$BROKEN" ] && { echo "no such luck"; exit 1; }
mkdir -p "$RAY_TMPDIR/ray" && echo "Ray runtime started."
trap 'kill $!; exit 0' TERM
sleep 600 & wait
"""


@pytest.fixture(scope="module")
def with_ray(on_twin: Person) -> Iterator[tuple[str, ...]]:
    """Words for `jido run` by which a job has Ray: that of this Python, seen in the user's folder there."""
    found = find_spec("ray")
    if found is None or found.origin is None:
        pytest.skip("Ray is not installed: pip install 'jido[ray]'")
    theirs = subprocess.run(["/usr/bin/python3", "-V"], capture_output=True, text=True, check=True).stdout
    if not theirs.startswith(f"Python {sys.version_info.major}.{sys.version_info.minor}."):
        pytest.skip(f"Ray is installed for another Python than the twin's ({theirs.strip()})")
    own = on_twin.home / "jido/state/twins/hanok/volumes/data/student/rays"
    (own / "bin").mkdir(parents=True)
    packages = str(Path(found.origin).parents[1])
    if subprocess.run(["cp", "-al", packages, str(own / "packages")], capture_output=True).returncode:
        subprocess.run(["cp", "-a", packages, str(own)], check=True)
    (own / "bin/ray").write_text(RAY)
    (own / "bin/ray").chmod(0o755)
    seen = "/data/student/rays"
    yield ("-e", f"PATH={seen}/bin:/usr/bin:/bin", "-e", f"PYTHONPATH={seen}/packages", *LOOPBACK)
    subprocess.run(["rm", "-rf", str(own)], check=True)


def rays(person: Person) -> list[str]:
    """Ray's own processes in the twin."""
    keeper = read(person.home / "jido/state/twins/hanok" / STATE)
    assert keeper is not None
    names = map(processes.command_of, processes.descendants(keeper.keeper.pid))
    return [name for name in names if name in ("raylet", "gcs_server")]


def test_a_command_has_a_cluster_of_its_nodes_and_a_job_that_is_cancelled_takes_it_along(
    person: Person, with_ray: tuple[str, ...]
) -> None:
    (person.folder / "work.py").write_text(WORK)
    words = ("submit", "--on", "hanok", "-N", "2", "-c", "2", "-m", "3G", "--launch", "ray", *with_ray)
    number = person.types(*words, "--", "python3", "work.py").stdout.strip()
    name, deadline = person.run(number)["name"], time.monotonic() + 90
    volumes = person.home / "jido/state/twins/hanok/volumes"
    while not list(volumes.glob(f"**/results/{name}/here")):
        assert time.monotonic() < deadline, person.types("story", number).stdout
        time.sleep(0.2)
    assert sorted(rays(person)) == ["gcs_server", "raylet", "raylet"]
    person.types("cancel", number)
    person.types("wait", number, code=10)
    assert person.run(number)["state"] == "cancelled"
    assert processes.until(lambda: not rays(person), within=30)
    said = [line for line in person.types("logs", number).stdout.splitlines() if line[:1] in "2[t"]
    assert said[:2] == ["2 4", "['hanok-g1', 'hanok-g2']"]
    # By Slurm, and by the shell that started it: maybe twice.
    assert said[2].startswith("told to end")


@pytest.fixture
def toy(person: Person) -> tuple[str, ...]:
    """Words for `jido run` by which a job has the toy for its Ray."""
    file = person.home / "jido/state/twins/hanok/volumes/data/student/toys/ray"
    file.parent.mkdir(exist_ok=True)
    file.write_text(TOY)
    file.chmod(0o755)
    return ("run", "--on", "hanok", "-N", "2", "--launch", "ray", "-e", "PATH=/data/student/toys:/usr/bin:/bin")


def test_the_commands_end_is_the_jobs_and_nothing_is_left(person: Person, toy: tuple[str, ...]) -> None:
    line = 'echo "$RAY_ADDRESS" | cut -d: -f1; [ ${#RAY_AUTH_TOKEN} = 48 ] && echo secret; exit 7'
    said = person.types(*toy, "--", "bash", "-c", line, code=10).stdout.splitlines()
    assert [line for line in said if not line.startswith(("srun: ", "slurmstepd-"))] == ["hanok-g1", "secret"]
    run = person.run()
    assert (run["state"], run["code"]) == ("failed", 7)
    assert list((person.home / "jido/state/twins/hanok/nodes").glob("*/tmp/jr-*")) == []


def test_a_node_on_which_ray_does_not_begin_fails_the_job_in_rays_words(person: Person, toy: tuple[str, ...]) -> None:
    said = person.types(*toy, "-e", "BROKEN=1", "--", "echo", "began", code=10).stdout
    assert "Ray did not start on hanok-g2" in said
    assert "no such luck" in said
    assert "began" not in said


def test_a_job_without_ray_is_told_so_before_anything_begins(person: Person) -> None:
    words = ("run", "--on", "hanok", "-N", "2", "--launch", "ray", "--", "echo", "began")
    said = person.types(*words, code=10).stdout
    assert "this job has no ray" in said
    assert "began" not in said
