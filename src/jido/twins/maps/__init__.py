"""Maps that come with jido, of clusters that publish what they are; what is not public is marked an estimate."""

from __future__ import annotations

from importlib import resources

from jido.errors import NotFound, nearest
from jido.model.document import map_from_yaml
from jido.model.map import Map
from jido.words import tr


def built_in_names() -> list[str]:
    """Names of the clusters whose maps come with jido."""
    folder = resources.files(__name__)
    return sorted(file.name[:-5] for file in folder.iterdir() if file.name.endswith(".yaml"))


def built_in(name: str) -> Map:
    """A map that comes with jido.

    Raises:
        NotFound: None of that name does.
    """
    if name not in built_in_names():
        raise NotFound(tr("no map of {name!r} comes with jido", name=name), hint=nearest(name, built_in_names()))
    file = f"{name}.yaml"
    return map_from_yaml((resources.files(__name__) / file).read_text("utf-8"), file)
