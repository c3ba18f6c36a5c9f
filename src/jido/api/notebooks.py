"""Jupyter on a compute node: a run that serves, and what it takes to open it from here.

Its token is made on the node and stands in no command line and in no log: it is read from the file that Jupyter
writes into a folder of the run that only its owner may enter.
"""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable

import msgspec

from jido.api import jobs
from jido.api.cluster import Cluster
from jido.api.tunnels import reached_by_name
from jido.config.project import Project
from jido.errors import JobFailed, StateUnknown
from jido.jobs.runs import Run
from jido.model.command import Command
from jido.model.job import JobSpec
from jido.words import known, mark, tr

_FOLDER = "jupyter"
_LOOK_EVERY = 1.0
_FIRST_PORT = 8900
_MISSING = 127
_ADD_IT = mark("put jupyterlab into requirements.txt and name that file under [env] in jido.toml")

# $1 the address to listen on (empty: the node's), $2 the port to try first. Jupyter takes the next free one where
# that is taken, and writes which it took. It prints a token of its own into its log, but not one that it was given.
_SERVE = f"""\
umask 077
mkdir -p "$JIDO_RUN/{_FOLDER}" || exit
export JUPYTER_RUNTIME_DIR="$JIDO_RUN/{_FOLDER}"
export JUPYTER_CONFIG_DIR="$JIDO_CACHE/jupyter"
JUPYTER_TOKEN=$(od -An -tx1 -N24 /dev/urandom | tr -d ' \\n'); export JUPYTER_TOKEN
for python in python3 python; do
  for module in jupyterlab notebook jupyter_server; do
    "$python" -c "import $module" 2>/dev/null || continue
    exec "$python" -m "$module" --no-browser --ip="${{1:-$(uname -n)}}" --port="$2" --port-retries=200 \\
      --allow-root --ServerApp.root_dir=.
  done
done
echo "jido: there is no Jupyter in this environment" >&2
exit 127
"""


class Served(msgspec.Struct, frozen=True):
    """A Jupyter that answers.

    Attributes:
        run: The run that it is.
        host: The node, as the login node knows it.
        port: Its port there.
        token: What opens it.
        path: The page to open.
    """

    run: Run
    host: str
    port: int
    token: str
    path: str


def serve(
    cluster: Cluster, project: Project, spec: JobSpec, *, say: Callable[[str], None] = lambda text: None
) -> Run:
    """Submit the job that serves, from what a person asks for.

    Raises:
        JidoError: As `jido.api.jobs.submit`.
    """
    # Where jobs run on the machine that one logs in to, its loopback is enough, and nobody else gets to it.
    address = "" if reached_by_name(cluster.engine, cluster.name) else "127.0.0.1"
    argv = ("sh", "-c", _SERVE, "jido-notebook", address, str(_FIRST_PORT))
    return jobs.submit(cluster, project, msgspec.structs.replace(spec, argv=argv), say=say)


def answers(run: Run, *, say: Callable[[str], None] = lambda text: None, patience: float | None = None) -> Served:
    """Wait until a run's Jupyter answers.

    Args:
        run: The run.
        say: Called with how the run stands when that changes.
        patience: Seconds to wait at most; None waits as long as the run is open.

    Raises:
        JobFailed: The run ended before it answered.
        StateUnknown: It did not answer in time.
    """
    cluster = Cluster(run.cluster)
    folder = f"{run.root}/runs/{run.name}/{_FOLDER}"
    look = Command(("sh", "-c", f"cat {shlex.quote(folder)}/jpserver-*.json 2>/dev/null || :"))
    began, asked = time.monotonic(), 0.0
    while True:
        reply = cluster.transport.run(look)
        if reply.ok and (served := _read(run, reply.text)):
            return served
        if time.monotonic() - asked > 5 * _LOOK_EVERY:
            before = run.state
            [run] = jobs.refresh([run]).runs
            asked = time.monotonic()
            if run.state.ended:
                raise JobFailed(
                    tr(
                        "run {number} ended before Jupyter answered ({state})",
                        number=run.number,
                        state=known(run.state.value),
                    ),
                    cause=_last_words(run),
                    hint=known(_ADD_IT)
                    if run.code == _MISSING
                    else tr("jido logs {number}; jido story {number}", number=run.number),
                )
            if run.state is not before:
                say(
                    tr(
                        "run {number} is {state}{where}",
                        number=run.number,
                        state=known(run.state.value),
                        where=tr(" on {nodes}", nodes=run.nodes) if run.nodes else "",
                    )
                )
        if patience is not None and time.monotonic() - began > patience:
            raise StateUnknown(
                tr(
                    "Jupyter of run {number} has not answered within {patience:g} s",
                    number=run.number,
                    patience=patience,
                ),
                hint=tr(
                    "how it stands: jido logs {number}; open it later: jido notebook {number}", number=run.number
                ),
                transient=True,
            )
        time.sleep(_LOOK_EVERY)


def _read(run: Run, text: str) -> Served | None:
    try:
        said = json.loads(text)
        port, token, host = int(said["port"]), str(said["token"]), str(said["hostname"])
    except (ValueError, KeyError, TypeError):
        return None
    # jupyter_server alone has no page at /lab.
    page = "lab" if "lab" in str(said.get("url", "")) else "tree"
    return Served(run, host, port, token, page)


def _last_words(run: Run) -> str:
    from jido.errors import JidoError

    try:
        return jobs.log(run, last=5).decode("utf-8", "replace").strip()
    except JidoError as error:
        return error.what
