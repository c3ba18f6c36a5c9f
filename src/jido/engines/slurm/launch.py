"""Starting the processes of a job on its nodes: srun, and for MPI whatever the cluster has."""

from __future__ import annotations

from jido.engines.base import Launcher
from jido.model.job import JobSpec

# A list of names is no proof: Debian's 22.05 lists pmix where no PMIx library is installed, and where only slurmd
# lacks it a launch hangs. So one task is tried. An mpirun of the user's own MPI can ask Slurm for nodes itself; pmi2
# comes last because an MPI that was built without it takes each task for a job of its own.
_MPI = """\
if [ -z "${JIDO_MPI:-}" ]; then
  if timeout 20 srun --mpi=pmix --nodes=1 --ntasks=1 true >/dev/null 2>&1; then JIDO_MPI=pmix
  elif command -v mpirun >/dev/null 2>&1; then JIDO_MPI=mpirun
  elif srun --mpi=list 2>&1 | grep -qw pmi2; then JIDO_MPI=pmi2
  fi
fi
case ${JIDO_MPI:-} in
  "") mpi= ;;
  */* | mpi*) mpi=$JIDO_MPI ;;
  *) mpi="@WORDS@ --mpi=$JIDO_MPI" ;;
esac"""


def launcher(spec: JobSpec, per_node: int) -> Launcher:
    """See `Engine.launcher`."""
    want = spec.resources
    words = [
        "srun",
        # Said anew: the job's own variables would count the tasks that sbatch was told.
        f"--nodes={want.nodes}",
        f"--ntasks={want.nodes * per_node}",
        f"--ntasks-per-node={per_node}",
        "--kill-on-bad-exit=1",
        "--export=ALL",
    ]
    if want.cpus is not None:
        # A step does not inherit it since 22.05.
        words.append(f"--cpus-per-task={max(1, want.cpus * want.tasks // per_node)}")
    line = " ".join(words)
    return Launcher(
        words=line,
        mpi=_MPI.replace("@WORDS@", line),
        rank="$SLURM_PROCID",
        local_rank="$SLURM_LOCALID",
        node_rank="$SLURM_NODEID",
        address="${SLURMD_NODENAME:-$(uname -n)}",
    )
