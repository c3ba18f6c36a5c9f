"""One recipe per engine that can have a twin; a new one is a file here and a line in the table."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from jido.twins.ground import Recipe

RECIPES: dict[str, str] = {
    "slurm": "jido.twins.recipes.slurm:Slurm",
}


def recipe_of(engine: str) -> Recipe:
    """The recipe for an engine of the table."""
    module, _, name = RECIPES[engine].partition(":")
    return cast(Recipe, getattr(import_module(module), name)())
