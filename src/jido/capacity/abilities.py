"""What a GPU can do, by the name its scheduler or driver gives it; an unknown name claims nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib import resources

import msgspec

GIB = 1024**3
_PREFIXES = ("gpu", "nvidia", "geforce", "tesla", "amd", "instinct")


class Ability(msgspec.Struct, frozen=True, kw_only=True):
    """One model.

    Attributes:
        model: As its maker writes it.
        names: As schedulers type it.
        memory: GiB of each variant.
        capability: NVIDIA's compute capability; empty where there is none.
        bf16: Whether its tensor cores take bfloat16; None where no source was clear.
        fp8: Whether its tensor cores take 8-bit floats; None where no source was clear.
        nvlink: ``yes``, ``bridge`` (two cards may be joined) or ``no``; empty where the board decides or nobody told.
        source: Keys of the data file's sources.
        unverified: Facts that none of these confirms, which are not claimed.
    """

    model: str
    names: tuple[str, ...] = ()
    memory: tuple[int, ...] = ()
    capability: str = ""
    bf16: bool | None = None
    fp8: bool | None = None
    nvlink: str = ""
    source: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()

    @property
    def least_memory(self) -> int | None:
        """Bytes of the smallest variant: what may be claimed without knowing which it is."""
        return min(self.memory) * GIB if self.memory else None


class _File(msgspec.Struct, frozen=True):
    sources: dict[str, str]
    gpu: tuple[Ability, ...]


@cache
def _file() -> _File:
    text = resources.files("jido.capacity").joinpath("gpus.toml").read_bytes()
    return msgspec.toml.decode(text, type=_File)


@cache
def _table() -> dict[str, Ability]:
    return {name: one for one in _file().gpu for name in one.names}


def sources(one: Ability) -> tuple[str, ...]:
    """Where its facts come from, as a reader could find them."""
    return tuple(_file().sources[key] for key in one.source)


def known_models() -> tuple[Ability, ...]:
    """Every model of the data file."""
    return _file().gpu


@cache
def ability(name: str | None) -> Ability | None:
    """The model a name stands for; None where it is not certain.

    Takes ``a100``, ``NVIDIA A100-SXM4-80GB``, ``nvidia_geforce_rtx_3090``, ``tesla_v100-32g``, and slices of a GPU
    as ``nvidia_a100_1g.5gb``, whose memory is the slice's own.
    """
    if not name:
        return None
    text = name.lower()
    sliced = re.search(r"[_\s-]*(?:mig[_\s-]*)?\d+g\.(\d+)gb(?:\+me)?$", text)
    if sliced:
        text = text[: sliced.start()]
    sized = re.search(r"[_\s-]*(\d+)[_\s-]?g(?:i?b)?(?=$|[_\s-])", text)
    size = int(sized[1]) if sized else None
    whole = _plain(text)
    without = _plain(text[: sized.start()] + " " + text[sized.end() :]) if sized else whole
    found = _table().get(whole) or _table().get(without)
    if found is None:
        return None
    if sliced:
        return msgspec.structs.replace(found, memory=(int(sliced[1]),), nvlink="no")
    if size is not None:
        # The name says which variant; one that is not made is no such GPU, and its size is not claimed.
        memory = tuple(variant for variant in found.memory if variant == size)
        return msgspec.structs.replace(found, memory=memory)
    return found


def of_features(features: Iterable[str]) -> Ability | None:
    """The one model that a node's features name, where they name exactly one."""
    found = {one.model: one for feature in features if (one := ability(feature)) is not None}
    return next(iter(found.values())) if len(found) == 1 else None


def _plain(text: str) -> str:
    words = re.sub(r"[^a-z0-9]+", " ", text).split()
    while words and words[0] in _PREFIXES:
        words.pop(0)
    joined = "".join(words)
    for prefix in _PREFIXES:
        if joined.startswith(prefix) and joined not in _table():
            joined = joined.removeprefix(prefix)
    return joined
