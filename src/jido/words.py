"""What jido says, in the reader's language. English stands in the code; the catalogue holds what it is in Korean.

::

    tr("{count} files are left alone", count=n)          said in the language of `speak`, English unless told
    plural(n, "{n} file", "{n} files")                   one form or the other, ``n`` is filled in
    known(pool.verdict)                                  a text that is a datum elsewhere, marked there by `mark`

English costs nothing: no catalogue is opened. Korean is read from ``locale/ko/LC_MESSAGES/jido.po``, a gettext
catalogue, as it lies in the repository: nothing has to be compiled before a clone, an editable install or a wheel
speaks it. `scripts/words.py` keeps it equal to the code.

Documents for programs (``--json``), the ledger, scripts that run elsewhere and what a scheduler says are not
translated.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

LANGUAGES = ("en", "ko")
CATALOGUE = "locale/{lang}/LC_MESSAGES/jido.po"

_spoken = "en"
_asked = ""
_catalogues: dict[str, dict[str, str]] = {}
_made: Any = None

# Particles of Korean by what they follow: after a final consonant, after a vowel.
_PARTICLES = {"은": "은는", "이": "이가", "을": "을를", "과": "과와", "으로": ("으로", "로"), "이나": ("이나", "나")}
_PARTICLES |= {"이며": ("이며", "며"), "이라": ("이라", "라"), "입니다": ("입니다", "입니다")}
# As Koreans read them aloud: 영 일 삼 육 칠 팔, 엘 엠 엔 알.
_FINAL = frozenset("013678lmnrLMNR")
_RIEUL = frozenset("178lrLR")


def language(said: str, environment: Mapping[str, str]) -> str:
    """The language that is asked for; empty where there is no text in it.

    Args:
        said: What the user asked for at a command; empty asks for what `speak` was told was asked for, then the
            environment.
        environment: ``JIDO_LANG`` first, then what the locale is made of.
    """
    asked = said or _asked or environment.get("JIDO_LANG", "")
    if asked:
        short = asked.lower().replace("-", "_").partition("_")[0].partition(".")[0]
        return short if short in LANGUAGES else ""
    # The first that is set counts, as in gettext; an empty one is not set.
    locale = next(filter(None, (environment.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return "ko" if locale.lower().startswith("ko") else "en"


def speak(lang: str, *, asked: str = "") -> None:
    """Speak a language of `LANGUAGES` from now on, in all of this process.

    Args:
        lang: The language.
        asked: What a person asked for by name, which goes before the environment wherever a text is made in a
            language of its own; empty when nothing was.
    """
    global _spoken, _asked
    _spoken, _asked = lang, asked


def spoken() -> str:
    """The language that is spoken now."""
    return _spoken


def tr(text: str, /, **values: Any) -> str:
    """A message in the language that is spoken.

    Args:
        text: In English, as a literal: the catalogue is made of what stands in the code. With values, braces are
            those of `str.format`; without, nothing is filled in.
        values: What its placeholders stand for.
    """
    if _spoken != "en":
        text = catalogue(_spoken).get(text, text)
        return filled(text, values) if values else text
    return text.format(**values) if values else text


def plural(n: int, one: str, many: str, /, **values: Any) -> str:
    """A message about a number of things, which it names ``{n}``.

    Args:
        n: How many.
        one: In English, of one thing; a literal.
        many: In English, of any other number; a literal.
        values: What its other placeholders stand for.
    """
    if _spoken != "en":
        text = catalogue(_spoken).get(one)
        if text is not None:
            return filled(text, {"n": n, **values})
    return (one if n == 1 else many).format(n=n, **values)


def mark(text: str) -> str:
    """The text itself, which is a datum here and is told by `known` elsewhere."""
    return text


def known(text: str) -> str:
    """A text that some `mark`, help or table holds, in the language that is spoken; any other as it is."""
    return text if _spoken == "en" else catalogue(_spoken).get(text, text)


def filled(template: str, values: Mapping[str, Any]) -> str:
    """A sentence with its values; ``{name:은}`` puts the particle of Korean that fits the value behind it."""
    return str(_filler().vformat(template, (), values))


def _filler() -> Any:
    global _made
    if _made is None:
        import string  # only other languages than English need it

        class Filler(string.Formatter):
            def format_field(self, value: Any, format_spec: str) -> str:
                if format_spec in _PARTICLES:
                    return f"{value}{particle(str(value), format_spec)}"
                return str(super().format_field(value, format_spec))

        _made = Filler()
    return _made


def particle(word: str, kind: str) -> str:
    """The form that a Korean particle takes after a word, as it is read aloud.

    Args:
        word: In any script.
        kind: The form after a consonant: ``은``, ``이``, ``을``, ``과``, ``으로`` ...
    """
    after_consonant, after_vowel = _PARTICLES[kind]
    last = next((char for char in reversed(word) if char.isalnum()), "")
    if "가" <= last <= "힣":
        final = (ord(last) - ord("가")) % 28
        ends, rieul = final != 0, final == 8
    else:
        ends, rieul = last in _FINAL, last in _RIEUL
    # After ㄹ the particle of direction has its short form: 서울로.
    return after_vowel if not ends or (rieul and kind == "으로") else after_consonant


def catalogue(lang: str) -> dict[str, str]:
    """What every message is in a language, by its English; of two plural forms, by the one of one thing."""
    if lang not in _catalogues:
        loader: Any = __spec__.loader  # not a file's path: a package may lie in an archive
        file = os.path.join(os.path.dirname(__file__), CATALOGUE.format(lang=lang))  # noqa: PTH118, PTH120
        _catalogues[lang] = read(loader.get_data(file).decode("utf-8"))
    return _catalogues[lang]


def read(po: str) -> dict[str, str]:
    """The messages of a gettext catalogue in its text form that have a translation, its header left out."""
    messages: dict[str, str] = {}
    part = ""
    texts: dict[str, str] = {}
    for line in [*po.splitlines(), ""]:
        if line.startswith('"'):
            texts[part] += line[1:-1]
        elif line.startswith("msg"):
            part, _, text = line.partition(" ")
            texts[part] = text[1:-1]
        elif not line:
            key = _unescaped(texts.get("msgid", ""))
            said = _unescaped(texts.get("msgstr") or texts.get("msgstr[0]", ""))
            if key and said:
                messages[key] = said
            texts = {}
    return messages


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    parts = text.split("\\\\")
    return "\\".join(part.replace('\\"', '"').replace("\\n", "\n").replace("\\t", "\t") for part in parts)
