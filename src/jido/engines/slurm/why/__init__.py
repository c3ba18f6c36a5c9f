"""Why a Slurm job stands as it does: looks, facts, and changes put to the dry run."""

from __future__ import annotations

from jido.engines.reasons import Table
from jido.engines.slurm.why import looks
from jido.engines.slurm.why.options import options
from jido.engines.slurm.why.read import read
from jido.model.bundle import bundle
from jido.model.command import Ask
from jido.model.why import Waiting

REASONS = Table("jido.engines.slurm")


def why(id_: str) -> Ask[Waiting]:
    """See `Engine.why`.

    Raises:
        InputError: The id is none.
    """
    asked = bundle(looks.parts(id_), common=looks.common())
    return Ask(asked.command, lambda reply: read(id_, asked.parse(reply), reply, REASONS))


__all__ = ["REASONS", "options", "why"]
