"""Maps to draw, and a page read as the tree it is."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import msgspec

from jido.explain.speech import Speech
from jido.model.facts import absent, known, unknown
from jido.model.limits import Access, Limits
from jido.model.map import Bytes, Gpu, Host, Map, NodeNow, Partition, QueuedJob, Seconds, Storage, Volume
from jido.model.quota import Quota, Usage
from jido.picture.page import page
from jido.picture.scene import scene
from small_clusters import G, cluster, idle, node

T = 1024 * G
HTML = "{http://www.w3.org/1999/xhtml}"
HOSTILE = "<script>alert('1')</script>\"&amp;\u202e\x07 이름\n]]>"


def busy(name: str = "aurora") -> Map:
    """Two kinds of nodes in every state there is, one of them partly mine."""
    made = cluster(
        (node("g[1-4]", Gpu(8, "rtx3090")), node("k1", Gpu(4, "a6000")), node("c1")),
        (
            NodeNow("g1", "mixed", cpus_used=16, gpus_used={"rtx3090": 5}),
            NodeNow("g2", "down", ("not_responding",), "fan of shelf 2"),
            NodeNow("g3", "mixed", cpus_used=64, gpus_used={"rtx3090": 1}),
            idle("k1"),
            idle("c1"),
        ),
        (
            Partition("batch", "g[1-4],c1", default=True, max_time=Seconds(6 * 86400)),
            Partition("lab", "k1", max_time=Seconds(3600)),
        ),
        (
            Access("batch", "open", "verified", up_to=Limits(gpus=4), per_user=Limits(gpus=4)),
            Access("lab", "no access", "declared", "it takes the accounts vll; yours: ugrad"),
        ),
        queue=(QueuedJob("7", "running", gpus=2, on="g1"), QueuedJob("8", "pending")),
        name=name,
    )
    volumes = (
        Volume("/data", fs=known("nfs4", "x"), tier=known("work", "x"), size=known(Bytes(100 * T), "x"),
               shared=known(True, "x"), mine=known("/data/u1", "x"), quota=known(Quota(hard=Bytes(4 * T)), "x")),
        Volume("/home", fs=known("nfs4", "x"), tier=known("home", "x"), quota=absent("x"),
               shared=unknown("likely", "jido probe site --compute")),
        Volume("/local_datasets", "compute", tier=known("local", "x"), size=known(Bytes(900 * G), "x")),
        Volume("/", tier=known("system", "x")),
    )  # fmt: skip
    return msgspec.structs.replace(
        made,
        instance=msgspec.structs.replace(made.instance, login=(Host("login1", user=known("u1", "x")),)),
        storage=Storage(volumes),
        now=msgspec.structs.replace(made.now, free={"/data": 25 * T}, used={"/data": Usage(bytes=Bytes(T))}),
    )


def html(map_: Map, lang: str = "en", origin: str = "probe") -> str:
    speech = Speech(lang)
    return page(scene(map_, speech, origin=origin), speech)


def tree(text: str) -> ET.Element:
    """A page as XML, which is stricter than any browser."""
    return ET.fromstring(text.removeprefix("<!DOCTYPE html>"))


def words(element: ET.Element) -> str:
    return " ".join(" ".join(element.itertext()).split())


def of_class(root: ET.Element, name: str) -> list[ET.Element]:
    return [one for one in root.iter() if name in one.get("class", "").split()]
