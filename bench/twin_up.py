"""How long a twin of Aurora takes to come up, against a bare slurmctld with one slurmd, measured in turn.

Both begin with nothing running and end when `sinfo` says that every node is idle; the twin's sshd must answer too.
The bare one is started in two ways: each daemon as soon as the one before answers (the best there is), and all at
once (as one types it; slurmd then misses its slurmctld and tries again after a second). The twin too: `up` alone,
and with the start of an interpreter and the reading of the map. Prints one JSON line: medians in seconds, and ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import pwd
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from jido.twins import down

CONF = """ClusterName=bare
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ctld}
SlurmUser={user}
SlurmdUser={user}
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
NodeName=n1 NodeHostname=localhost NodeAddr=127.0.0.1 Port={slurmd} CPUs=2 RealMemory=1024
PartitionName=all Nodes=n1 Default=YES
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    rows = (row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return any(row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port for row in rows)


def bare(*, ordered: bool) -> float:
    """Seconds until one bare slurmd is idle."""
    with tempfile.TemporaryDirectory(prefix="bare-") as name:
        folder = Path(name)
        for part in ("state", "spool"):
            (folder / part).mkdir()
        ports = {"ctld": free_port(), "slurmd": free_port()}
        facts = {"host": socket.gethostname(), "user": pwd.getpwuid(os.getuid()).pw_name, "folder": folder}
        (folder / "slurm.conf").write_text(CONF.format(**ports, **facts))
        key = folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(128))
        env = {
            **os.environ,
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin",
        }
        quiet = {"env": env, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        files = [f"--{what}-file={folder}/munge.{what}" for what in ("key", "pid", "seed")]
        running: list[subprocess.Popen[bytes]] = []
        begun = time.perf_counter()
        try:
            munged = ["munged", "--foreground", "--force", f"--socket={folder}/munge.socket", *files]
            running.append(subprocess.Popen(munged, **quiet))
            while not (folder / "munge.socket").exists():
                time.sleep(0.002)
            running.append(subprocess.Popen(["slurmctld", "-D"], **quiet))
            while ordered and not listens(ports["ctld"]):
                time.sleep(0.002)
            running.append(subprocess.Popen(["slurmd", "-D", "-N", "n1"], **quiet))
            while True:
                seen = subprocess.run(["sinfo", "-h", "-o", "%T"], env=env, capture_output=True, text=True)
                if seen.stdout.strip() == "idle":
                    return time.perf_counter() - begun
                time.sleep(0.02)
        finally:
            for process in reversed(running):
                process.terminate()
            for process in running:
                process.wait()


def twin() -> tuple[float, float]:
    """Seconds until all 8 nodes of Aurora's twin are idle and its sshd answers: `up` alone, and the whole command."""
    code = (
        "import sys, time; from pathlib import Path; from jido.twins import spec_of, up;"
        "from jido.twins.maps import built_in;"
        "spec = spec_of(built_in('aurora')); begun = time.perf_counter();"
        "state = up(spec, Path(sys.argv[1])); print(time.perf_counter() - begun);"
        "assert state.healthy and len(state.nodes) == 8, state"
    )
    with tempfile.TemporaryDirectory(prefix="twin-") as name:
        folder = Path(name) / "twin"
        begun = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code, str(folder)], check=True, capture_output=True, text=True)
        took = time.perf_counter() - begun
        down(folder)
    return float(done.stdout), took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    # One of each first, so that none pays for a cold disk; then in turn, so that all meet the same load.
    bare(ordered=True), twin()
    rows = [(bare(ordered=True), bare(ordered=False), *twin()) for _ in range(rounds)]
    best, at_once, alone, command = (statistics.median(row[column] for row in rows) for column in range(4))
    print(
        json.dumps(
            {
                "what": "Aurora's twin up against a bare slurmctld + one slurmd",
                "rounds": rounds,
                "bare, each as soon as it can": round(best, 3),
                "bare, all at once": round(at_once, 3),
                "twin, up()": round(alone, 3),
                "twin, whole command": round(command, 3),
                "ratio up() / best bare": round(statistics.median(row[2] / row[0] for row in rows), 2),
                "ratio command / bare at once": round(statistics.median(row[3] / row[1] for row in rows), 2),
            }
        )
    )


if __name__ == "__main__":
    main()
