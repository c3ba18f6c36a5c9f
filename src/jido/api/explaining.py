"""Understand a cluster: in plain words, or side by side with another."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from jido.api.probing import engine_of, kinds
from jido.config import clusters, maps
from jido.errors import InputError, JidoError, NotFound, nearest
from jido.explain.page import Page
from jido.explain.speech import Speech, language
from jido.model.document import map_from_json, map_from_yaml
from jido.model.map import Map
from jido.words import tr


class Source(msgspec.Struct, frozen=True):
    """A map and where it is from.

    Attributes:
        map: The map.
        origin: ``probe``, ``file`` or ``built-in``.
    """

    map: Map
    origin: str


def source(name: str) -> Source:
    """A map by the name of a cluster, of a map that comes with jido, or by its file.

    Args:
        name: A probed cluster comes first; then a path with ``/`` or a map's ending; then the built-in maps.

    Raises:
        NotFound: There is none; suggests the nearest.
        ConfigError: The file is no map.
    """
    named = clusters.read()
    found = maps.latest(name) if name in named else None
    if found is not None:
        return Source(found, "probe")
    file = Path(name)
    if file.suffix in (".yaml", ".yml", ".json") or "/" in name:
        try:
            text = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise NotFound(tr("the map file {name} cannot be read", name=name), cause=str(error)) from error
        is_json = file.suffix == ".json"
        return Source(map_from_json(text.encode(), name) if is_json else map_from_yaml(text, name), "file")
    from jido.twins.maps import built_in, built_in_names

    if name in built_in_names():
        return Source(built_in(name), "built-in")
    if name in named:
        raise NotFound(tr("there is no map of {name} yet", name=name), hint=f"jido probe {name}")
    raise NotFound(
        tr("no cluster and no map is called {name!r}", name=name), hint=nearest(name, {*named, *built_in_names()})
    )


def storage_kinds(map_: Map) -> dict[str, str]:
    """The registry's name of each volume's kind, by path; left out where none recognises it."""
    known = kinds()
    return {
        volume.path: kind.name
        for volume in map_.storage.volumes
        for kind in known
        if volume.fs.value and kind.recognises(volume.fs.value)
    }


class Explained(msgspec.Struct, frozen=True):
    """An explanation, and the map it is made from.

    Attributes:
        page: The explanation.
        origin: As `Source.origin`; empty when no map was used.
    """

    page: Page
    origin: str


def explain(what: str = "", *, on: str = "", lang: str = "") -> Explained:
    """Explain a cluster, a path on one, or a word.

    Args:
        what: A cluster's name, an absolute path (or one from ``~``), or a word of the field; empty is the cluster.
        on: The cluster that a path or a word is about; empty is the only one that has a name.
        lang: ``en`` or ``ko``; empty asks ``JIDO_LANG`` and the locale.

    Raises:
        NotFound: Nothing goes by that name; suggests the nearest.
        InputError: It is not clear which cluster is meant.
    """
    from jido.explain import cluster, terms, volume

    speech = Speech(language(lang, os.environ))
    if what.startswith(("/", "~", "$HOME", "${HOME}")):
        from_ = source(on or _only())
        page = volume.explain_path(what, from_.map, speech, storage_kinds(from_.map))
        return Explained(page, from_.origin)
    if not what or (not on and _is_cluster(what)):
        from_ = source(what or on or _only())
        page = cluster.explain_cluster(from_.map, speech, storage_kinds(from_.map), engine_of(from_.map))
        return Explained(page, from_.origin)
    try:
        key = terms.term_key(what)
    except NotFound as error:
        close = nearest(what, [*_names(), *(name for name in _term_names())])
        raise NotFound(tr("nothing here is called {what!r}", what=what), hint=close) from error
    here = _here(on)
    return Explained(terms.explain_term(key, here.map if here else None, speech), here.origin if here else "")


def _is_cluster(name: str) -> bool:
    """Whether a name stands for a map rather than for a word that happens to be the same."""
    if name == "local" and maps.latest(name) is None:
        return False
    return name in _names() or name.endswith((".yaml", ".yml", ".json"))


def _names() -> list[str]:
    from jido.twins.maps import built_in_names

    return [*clusters.read(), *built_in_names()]


def _term_names() -> list[str]:
    from jido.words import LANGUAGES

    return sorted({name.replace("-", " ") for lang in LANGUAGES for name in Speech(lang).terms()})


def _only() -> str:
    """The only cluster that has a name.

    Raises:
        InputError: There is not exactly one.
    """
    names = [name for name in clusters.read() if name != "local"]
    if len(names) == 1:
        return names[0]
    raise InputError(tr("on which cluster?"), hint=f"--on CLUSTER; {nearest('', _names())}")


def _here(on: str) -> Source | None:
    """The cluster to speak of beside a word; None where none is named and not exactly one is known."""
    if on:
        return source(on)
    try:
        return source(_only())
    except JidoError:
        # A word has its meaning without a map too.
        return None
