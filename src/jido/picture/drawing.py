"""Draw a cluster, or two beside each other, by name: what the faces call."""

from __future__ import annotations

import os

from jido.api.capacity import newest_look
from jido.api.comparing import compare
from jido.api.explaining import Source, source
from jido.explain.speech import Speech, language
from jido.picture.page import comparison, page, viewpoints
from jido.picture.scene import scene


def draw_page(name: str, *, lang: str = "") -> str:
    """One cluster as a page of HTML, asking nobody.

    Args:
        name: A probed cluster, a map that comes with jido, or a map file.
        lang: ``en`` or ``ko``; empty asks ``JIDO_LANG`` and the locale.

    Raises:
        NotFound: It is none of these.
        ConfigError: The file is no map.
        InputError: There is no such language.
    """
    speech = Speech(language(lang, os.environ))
    from_ = _newest(name)
    return page(scene(from_.map, speech, origin=from_.origin), speech)


def draw_viewpoints(name: str, *, lang: str = "") -> str:
    """One cluster as four sections for a larger page of HTML; arguments and errors as of `draw_page`."""
    speech = Speech(language(lang, os.environ))
    from_ = _newest(name)
    return viewpoints(scene(from_.map, speech, origin=from_.origin), speech)


def draw_poster(name: str, *, lang: str = "") -> str:
    """One cluster as a drawing, an SVG document; arguments and errors as of `draw_page`."""
    from jido.picture.poster import poster

    speech = Speech(language(lang, os.environ))
    from_ = _newest(name)
    return poster(scene(from_.map, speech, origin=from_.origin), speech)


def draw_comparison_page(first: str, second: str, *, lang: str = "") -> str:
    """Two clusters side by side as a page of HTML; arguments and errors as of `draw_page`."""
    done = compare(first, second, lang=lang)
    speech = Speech(done.lang)
    one, other = (
        scene(from_.map, speech, origin=from_.origin, name=name)
        for from_, name in zip((_newest(first), _newest(second)), done.names, strict=True)
    )
    return comparison(done, (one, other), speech)


def _newest(name: str) -> Source:
    found = source(name)
    # `jido gpus` may have looked at the nodes since the probe.
    return Source(newest_look(name), found.origin) if found.origin == "probe" else found
