"""A port of this machine that leads to a port of a run's compute node, through the login node.

Each connection becomes a channel of the shared ssh connection of its own (``ssh -W``), given to ssh as its standard
input and output. So nothing listens on the login node, nothing is left in the shared connection when jido ends,
however it ends, and only this machine's loopback address can be connected to.
"""

from __future__ import annotations

import selectors
import socket
import subprocess
import threading

from jido.api.cluster import Cluster
from jido.config import maps
from jido.engines.base import Engine
from jido.errors import InputError, Refused
from jido.jobs.runs import Run
from jido.model.map import Scheduling
from jido.model.nodeset import expand
from jido.words import known, tr

# At once; each is a process. It also ends a tunnel that leads back to itself.
_MOST = 64


def host_of(run: Run, told: str = "") -> str:
    """Where a run's services listen, as its login node knows the machine.

    Args:
        run: As just seen.
        told: What the service itself says; empty is the run's first node.

    Raises:
        Refused: It is not running.
    """
    nodes = expand(run.nodes) if run.nodes else []
    if run.state.ended or not nodes:
        raise Refused(
            tr("run {number} has no node to connect to", number=run.number),
            cause=tr("it is {state}", state=known(run.state.value)),
            hint=tr("a tunnel needs a running run: jido ps"),
        )
    apart = reached_by_name(Cluster.engine_named(run.engine), run.cluster)
    return told or nodes[0] if apart else "127.0.0.1"


def reached_by_name(engine: Engine, cluster: str) -> bool:
    """Whether jobs run on other machines than the one that is logged in to, which reaches them by their names."""
    map_ = maps.latest(cluster)
    return engine.capabilities(map_.scheduling if map_ else Scheduling()).login_apart.can


class Tunnel:
    """A listening port on this machine's loopback; entering it opens it, leaving it closes it and all connections.

    Args:
        cluster: Whose login node leads there.
        host: The machine, as the login node knows it.
        port: The port there.
        local: The port here; 0 takes a free one.
    """

    def __init__(self, cluster: Cluster, host: str, port: int, local: int = 0) -> None:
        self.host, self.port = host, port
        self._cluster, self._wanted = cluster, local
        self._listener: socket.socket | None = None
        self._stop = threading.Event()
        self._pipes: list[subprocess.Popen[bytes]] = []
        self._thread: threading.Thread | None = None
        self._words: list[str] = []
        self.complaint = ""

    @property
    def local(self) -> int:
        """The port here."""
        if self._listener is None:
            return self._wanted
        port: int = self._listener.getsockname()[1]
        return port

    def __enter__(self) -> Tunnel:
        words = self._cluster.transport.pipe_to(self.host, self.port)
        if words is None:
            raise Refused(
                tr("{name} is this machine, there is nothing to tunnel through", name=self._cluster.name),
                hint=tr("connect to 127.0.0.1:{port}", port=self.port),
            )
        self._words = list(words)
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", self._wanted))
            listener.listen(64)
        except (OSError, OverflowError) as error:
            listener.close()
            raise InputError(
                tr("port {wanted} of this machine cannot be taken", wanted=self._wanted),
                cause=str(error),
                hint=tr("leave --local away to get a free one"),
            ) from error
        self._listener = listener
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5)
        if self._listener is not None:
            self._listener.close()
        for pipe in self._pipes:
            pipe.terminate()
        for pipe in self._pipes:
            pipe.wait(5)

    def _serve(self) -> None:
        assert self._listener is not None
        with selectors.DefaultSelector() as ready:
            ready.register(self._listener, selectors.EVENT_READ)
            while not self._stop.is_set():
                if ready.select(0.2):
                    connection, _ = self._listener.accept()
                    if len(self._pipes) < _MOST:
                        self._carry(connection)
                    else:
                        connection.close()
                        self.complaint = f"more than {_MOST} connections at once"
                self._pipes = [pipe for pipe in self._pipes if pipe.poll() is None]

    def _carry(self, connection: socket.socket) -> None:
        """Give a connection to ssh as its standard input and output."""
        with connection:
            end = connection.fileno()
            try:
                pipe = subprocess.Popen(
                    self._words, stdin=end, stdout=end, stderr=subprocess.PIPE, start_new_session=True
                )
            except OSError as error:
                self.complaint = str(error)
                return
        self._pipes.append(pipe)
        threading.Thread(target=self._listen, args=(pipe,), daemon=True).start()

    def _listen(self, pipe: subprocess.Popen[bytes]) -> None:
        assert pipe.stderr is not None
        with pipe.stderr:
            said = pipe.stderr.read().decode("utf-8", "replace").strip()
        if said:
            self.complaint = said
