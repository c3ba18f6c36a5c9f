"""What this machine has, and its processes."""

from jido.engines.process.spooler.ground import HAS_PROC, plain, setting, slurp, state

# It travels from here.
import json
import os
from typing import Any, Dict, List, Sequence


def boot_id() -> str:
    """Returns what changes at each start of the kernel, or nothing where it cannot be known."""
    return plain(slurp("/proc/sys/kernel/random/boot_id").strip())


def ask_gpus() -> Dict[str, Any]:
    """Asks nvidia-smi, which can take seconds; a failed look is told as one, not as "none"."""
    import shutil
    import subprocess

    if "JIDO_PROCESS_GPUS" in os.environ:
        count = int(setting("JIDO_PROCESS_GPUS", 0))
        return {"list": [{"index": i} for i in range(count)], "source": "JIDO_PROCESS_GPUS", "error": None}
    program = shutil.which("nvidia-smi")
    if program is None:
        return {"list": [], "source": None, "error": None}
    argv = [program, "--query-gpu=index,uuid,memory.total,name", "--format=csv,noheader,nounits"]
    try:
        reply = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
        text = reply.stdout.decode("utf-8", "replace").strip()
        if reply.returncode != 0:
            return {"list": [], "source": program, "error": text or "exit code %d" % reply.returncode}
        found = []
        for line in text.splitlines():
            index, uuid, size, name = [word.strip() for word in line.split(",", 3)]
            memory = int(size) << 20 if size.isdecimal() else None  # "[N/A]" on machines with one shared memory
            found.append({"index": int(index), "uuid": uuid, "name": name, "memory": memory})
        return {"list": found, "source": program, "error": None}
    except (OSError, ValueError, subprocess.TimeoutExpired) as problem:
        return {"list": [], "source": program, "error": str(problem)}


def survey(fresh: bool = False) -> Dict[str, Any]:
    """Looks at what this machine has to give and tells the daemon; GPUs are asked once a boot, or when `fresh`."""
    try:
        cpus = len(os.sched_getaffinity(0))
    except AttributeError:
        cpus = os.cpu_count() or 1
    quota = slurp("/sys/fs/cgroup/cpu.max").split()  # a container's own share, under cgroup v2
    if len(quota) == 2 and quota[0].isdigit():
        cpus = max(1, min(cpus, int(quota[0]) // int(quota[1])))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cap = slurp("/sys/fs/cgroup/memory.max").strip()
    if cap.isdigit():
        memory = min(memory, int(cap))
    boot = boot_id()
    with state("DEFERRED") as db:
        row = db.execute("SELECT value FROM meta WHERE key = 'machine'").fetchone()
    known = json.loads(row["value"]) if row else {}
    if fresh or known.get("boot") != boot or "JIDO_PROCESS_GPUS" in os.environ:
        gpus = ask_gpus()
    else:
        gpus = known["gpus"]
    machine = {
        "cpus": int(setting("JIDO_PROCESS_CPUS", cpus)),
        "memory": int(setting("JIDO_PROCESS_MEMORY", memory)),
        "gpus": gpus,
        "boot": boot,
    }
    if machine != known:
        with state() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES ('machine', ?)", (json.dumps(machine),))
    return machine


def name_process(name: bytes, subreaper: bool = False) -> bool:
    """Names this process for `ps`; as a subreaper it inherits whatever its descendants leave behind."""
    try:
        import ctypes

        libc = ctypes.CDLL(None)
        libc.prctl(15, name, 0, 0, 0)  # PR_SET_NAME
        return not subreaper or libc.prctl(36, 1, 0, 0, 0) == 0  # PR_SET_CHILD_SUBREAPER, Linux 3.4
    except (ImportError, OSError, AttributeError):
        return False


def stat_of(pid: int) -> List[bytes]:
    """Returns /proc/PID/stat from the state letter on; the name before it may hold anything, brackets too."""
    return slurp("/proc/%d/stat" % pid).rpartition(b")")[2].split()


def birth_of(pid: int) -> int:
    """Returns when a process began, in clock ticks since boot: with the pid, its identity; 0 when unknown."""
    stat = stat_of(pid)
    return int(stat[19]) if len(stat) > 19 else 0


def processes() -> List[int]:
    """Returns all pids."""
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()] if HAS_PROC else []


def descendants() -> List[int]:
    """Returns the pids of all that descend from this process and are not dead yet."""
    children: Dict[int, List[int]] = {}
    for pid in processes():
        stat = stat_of(pid)
        if stat:
            children.setdefault(int(stat[1]), []).append(pid)
    found = list(children.get(os.getpid(), []))
    for pid in found:
        found.extend(children.get(pid, []))
    return found


def memory_of(pids: Sequence[int], limit: int) -> int:
    """Returns the bytes that processes occupy; shared pages are told apart only when it matters."""
    page = os.sysconf("SC_PAGE_SIZE")
    resident = {pid: int((slurp("/proc/%d/statm" % pid).split() or [b"0"] * 2)[1]) * page for pid in pids}
    if sum(resident.values()) <= limit:
        return sum(resident.values())
    total = 0
    for pid, size in resident.items():
        share = [line for line in slurp("/proc/%d/smaps_rollup" % pid).splitlines() if line.startswith(b"Pss:")]
        total += int(share[0].split()[1]) * 1024 if share else size  # Linux 4.14; else the resident size
    return total
