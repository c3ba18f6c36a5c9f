"""One recipe per engine that can have a twin; a new one is a file or folder here and a line in the registry."""

from __future__ import annotations

from typing import cast

from jido import registry
from jido.twins.ground import Recipe


def recipe_of(engine: str) -> Recipe:
    """The recipe for an engine.

    Raises:
        NotFound: There is none.
    """
    return cast(Recipe, registry.load("recipe", engine)())
