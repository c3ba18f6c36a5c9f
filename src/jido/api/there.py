"""Jobs of mine that were submitted from another computer."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from jido.api import errands
from jido.api.cluster import Cluster
from jido.api.jobs import ledger
from jido.config import clusters
from jido.errors import JidoError
from jido.jobs.elsewhere import Elsewhere, elsewhere
from jido.jobs.ledger import Ledger


class There(msgspec.Struct, frozen=True):
    """What clusters say of jobs that other computers submitted.

    Attributes:
        jobs: The open ones.
        problems: By cluster, why it could not be asked.
    """

    jobs: list[Elsewhere]
    problems: dict[str, JidoError]


def there(names: Iterable[str] = ()) -> There:
    """Ask clusters for open jobs of mine that carry a token of jido's, and that the ledger here does not know.

    Args:
        names: Which clusters; none are all that have a map, since the others were never used.

    Raises:
        NotFound: No cluster goes by a name.
    """
    asked = list(names)
    for name in asked:
        clusters.get(name)
    asked = asked or [name for name in clusters.read() if Cluster(name).map_if_any is not None]
    jobs: list[Elsewhere] = []
    problems: dict[str, JidoError] = {}

    def one(name: str) -> None:
        # A ledger of its own for each thread: one SQLite connection holds one transaction.
        own = Ledger(ledger().file)
        # The looks of a probe carry tokens as well, and are no runs.
        known = {errand.token for session in errands.sessions(name) for errand in session.errands}
        try:
            cluster = Cluster(name)
            jobs.extend(elsewhere(cluster.transport, cluster.engine, own, name, known))
        except JidoError as error:
            problems[name] = error
        finally:
            own.close()

    if asked:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(max_workers=min(8, len(asked))) as pool:
            list(pool.map(one, asked))
    return There(sorted(jobs, key=lambda job: (job.cluster, job.submitted or 0.0)), problems)
