"""Aurora's twin as its user meets it, by ssh."""

import subprocess
from datetime import datetime
from pathlib import Path

import pytest
from by_hand import HOSTILE, said, shell

from jido.twins import TwinState

pytestmark = [pytest.mark.twin, pytest.mark.xdist_group("twin-aurora")]

NODES = [f"aurora-g{number}" for number in range(1, 9)]


def test_all_nodes_are_idle_and_every_daemon_runs(aurora: TwinState) -> None:
    assert aurora.healthy
    assert aurora.mode == "namespaces"
    assert said(aurora, "sinfo -h -N -p debug_ugrad -o '%N %T'").splitlines() == [f"{name} idle" for name in NODES]


def test_the_user_is_an_ordinary_one_on_every_machine(aurora: TwinState) -> None:
    assert said(aurora, "id -un; id -u; id -g").split() == ["student", "1000", "1000"]
    assert said(aurora, "srun -N2 sh -c 'echo $(id -un) $(id -u)'").splitlines() == ["student 1000"] * 2


def test_the_user_has_no_capabilities(aurora: TwinState) -> None:
    assert said(aurora, "grep CapEff /proc/self/status").split()[1] == "0" * 16
    assert said(aurora, "srun grep CapEff /proc/self/status").split()[1] == "0" * 16


def test_partitions_have_their_time_limits(aurora: TwinState) -> None:
    rows = dict(line.split() for line in said(aurora, "sinfo -h -o '%R %l'").splitlines())
    assert rows["debug_ugrad"] == "4:00:00"
    assert rows["batch_ugrad"] == "6-00:00:00"


def test_there_are_62_gpus(aurora: TwinState) -> None:
    counts = [line.rpartition(":")[2] for line in said(aurora, "sinfo -h -N -p debug_ugrad -o %G").splitlines()]
    assert sum(int(count) for count in counts) == 62


def test_each_machine_has_its_own_name(aurora: TwinState) -> None:
    assert said(aurora, "hostname") == "aurora"
    assert sorted(said(aurora, "srun -N8 hostname").split()) == NODES
    assert said(aurora, "srun -w aurora-g3 python3 -c 'import socket; print(socket.getfqdn())'") == "aurora-g3"


def test_home_and_data_are_shared(aurora: TwinState) -> None:
    said(aurora, "echo from-login > ~/note; srun -w aurora-g2 sh -c 'echo from-g2 > /data/student/note'")
    assert said(aurora, "srun -w aurora-g5 cat /home/student/note") == "from-login"
    assert said(aurora, "cat /data/student/note") == "from-g2"


def test_local_datasets_is_each_nodes_own_and_absent_on_the_login_node(aurora: TwinState) -> None:
    assert shell(aurora, "ls /local_datasets").returncode != 0
    said(aurora, "srun -N2 -w aurora-g[1-2] sh -c 'hostname > /local_datasets/who'")
    assert said(aurora, "srun -w aurora-g1 cat /local_datasets/who") == "aurora-g1"
    assert said(aurora, "srun -w aurora-g2 cat /local_datasets/who") == "aurora-g2"
    assert shell(aurora, "srun -w aurora-g3 cat /local_datasets/who").returncode != 0


def test_tmp_is_each_machines_own(aurora: TwinState) -> None:
    said(aurora, "touch /tmp/mine")
    assert shell(aurora, "srun -w aurora-g1 ls /tmp/mine").returncode != 0


@pytest.mark.parametrize(
    "path", ["/data/x", "/home/x", "/data/datasets/x", "/usr/x", "/etc/slurm/x", "/opt/x", "/run/munge/x"]
)
def test_permissions_bite(aurora: TwinState, path: str) -> None:
    assert shell(aurora, f"touch {path}").returncode != 0


def test_processes_of_one_machine_are_not_seen_on_another(aurora: TwinState) -> None:
    seen = said(aurora, "srun -w aurora-g4 ps ax")
    assert "slurmd -D -N aurora-g4" in seen
    assert "aurora-g5" not in seen
    assert "sshd" not in seen
    assert str(aurora.folder) not in said(aurora, "ps axww")


def test_gpus_are_handed_out(aurora: TwinState) -> None:
    job = "echo $CUDA_VISIBLE_DEVICES $SLURM_JOB_GPUS; ls /dev/nvidia*"
    said(aurora, f"sbatch -W -w aurora-g1 --gres=gpu:1 -o gpus.out --wrap '{job}'")
    visible, job_gpus, *devices = said(aurora, "cat gpus.out").split()
    assert visible == job_gpus == "0"
    assert devices == [f"/dev/nvidia{number}" for number in range(8)]
    assert said(aurora, "srun --gres=gpu:1 sh -c 'echo $CUDA_VISIBLE_DEVICES'") == "0"
    assert said(aurora, "srun sh -c 'echo ${CUDA_VISIBLE_DEVICES:-none}'") == "none"


def test_jobs_do_not_see_how_slurmd_was_told_of_its_hardware(aurora: TwinState) -> None:
    assert "HWLOC" not in said(aurora, "srun env")
    assert said(aurora, "srun -N1 -n64 hostname | sort -u").startswith("aurora-g")


def test_more_gpus_than_a_node_has_are_refused(aurora: TwinState) -> None:
    done = shell(aurora, "sbatch --gres=gpu:9 --wrap true")
    assert done.returncode != 0
    assert "Requested node configuration is not available" in done.stderr


def test_a_batch_job_runs_and_may_submit_and_srun_itself(aurora: TwinState) -> None:
    script = "#!/bin/sh\nhostname\nsrun -n2 -N2 hostname\nsbatch --parsable --wrap true >/dev/null && echo queued\n"
    said(aurora, f"cat > ~/job.sh <<'E'\n{script}E\nsbatch -W -N2 -w aurora-g[6-7] -o job.out ~/job.sh")
    first, *rest = said(aurora, "cat job.out").split()
    assert first == "aurora-g6"
    assert sorted(rest) == ["aurora-g6", "aurora-g7", "queued"]


def test_a_job_starts_soon_after_it_is_queued(aurora: TwinState) -> None:
    number = said(aurora, "sbatch --parsable -W -o /dev/null --wrap true")
    shown = dict(pair.split("=", 1) for pair in said(aurora, f"scontrol -o show job {number}").split() if "=" in pair)
    queued, began = (datetime.fromisoformat(shown[name]) for name in ("SubmitTime", "StartTime"))
    # Slurm's time stamps are whole seconds; the figure itself belongs to bench/.
    assert (began - queued).total_seconds() < 5


def test_a_job_over_its_memory_is_killed(aurora: TwinState) -> None:
    job = "python3 -c 'import time; x = bytearray(300 << 20); time.sleep(30)'"
    done = shell(aurora, f"srun --mem=50M {job}")
    assert done.returncode != 0
    assert "memory" in done.stderr.lower()


def test_a_terminal_works_on_both_sides(aurora: TwinState) -> None:
    terminal = [*aurora.ssh[:1], "-tt", *aurora.ssh[1:]]
    done = subprocess.run(
        [*terminal, "tty && srun --pty tty"], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60
    )
    assert done.stdout.split() == ["/dev/pts/0", "/dev/pts/0"]


def test_scp_sftp_and_rsync_work(aurora: TwinState, tmp_path: Path) -> None:
    config = str(aurora.ssh_config)
    sent = tmp_path / HOSTILE
    sent.write_text("payload")
    for command in (
        ["scp", "-q", "-F", config, str(sent), "aurora:by-scp"],
        ["rsync", "-e", f"ssh -F '{config.replace(chr(39), chr(39) * 2)}'", str(sent), "aurora:by-rsync"],
        ["sftp", "-q", "-F", config, "-b", "-", "aurora"],
    ):
        text = f'put "{sent}" by-sftp\n' if command[0] == "sftp" else ""
        subprocess.run(command, input=text, check=True, text=True, capture_output=True, timeout=60)
    assert said(aurora, "cat by-scp by-rsync by-sftp") == "payload" * 3


def test_the_environment_is_a_fresh_login_not_the_starters(
    aurora: TwinState, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = dict(line.split("=", 1) for line in said(aurora, "env").splitlines())
    assert seen["HOME"] == "/home/student"
    assert not [name for name in seen if name.startswith(("PIP_", "VIRTUAL", "PYTEST", "JIDO"))]
    assert not [name for name in seen if "pyenv" in seen[name]]


def test_the_machine_underneath_shows_as_on_any_debian(aurora: TwinState) -> None:
    for look in (
        "cat /etc/os-release",
        "getent passwd student",
        "getent hosts aurora-g8",
        "getent services ssh",
        "date",
    ):
        assert said(aurora, look), look
        assert said(aurora, f"srun {look}"), look


def test_nothing_listens_beyond_the_loopback(aurora: TwinState) -> None:
    pids = {daemon.pid for daemon in aurora.daemons}
    rows = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=True).stdout.splitlines()
    mine = [row.split()[3] for row in rows if any(f"pid={pid}," in row for pid in pids)]
    # Nine of Slurm's own, slurmdbd and sshd.
    assert len(mine) == 11
    assert all(address.startswith("127.0.0.1:") for address in mine)


def test_a_stranger_is_not_let_in(aurora: TwinState, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True)
    identity = ["-o", f"IdentityFile={tmp_path}/other", "-o", "IdentitiesOnly=yes"]
    known = ["-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={tmp_path}/known"]
    options = ["-F", "/dev/null", "-o", "BatchMode=yes", *identity, *known, "-p", str(aurora.port)]
    done = subprocess.run(["ssh", *options, "student@127.0.0.1", "true"], capture_output=True, text=True)
    assert done.returncode == 255
    assert "Permission denied" in done.stderr


def test_the_folder_is_nobody_elses_business(aurora: TwinState) -> None:
    assert aurora.folder.stat().st_mode & 0o077 == 0
    for key in (aurora.folder / "id_ed25519", aurora.folder / "keys/munge/munge.key"):
        assert key.stat().st_mode & 0o077 == 0
