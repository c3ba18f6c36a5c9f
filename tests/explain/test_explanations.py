"""What is explained is what the map holds: no fact is invented, what is not known is said so."""

from __future__ import annotations

import msgspec
import pytest

from jido.errors import InputError, NotFound
from jido.explain.cluster import explain_cluster
from jido.explain.page import Page
from jido.explain.speech import Speech
from jido.explain.terms import HERE, explain_term, term_key
from jido.explain.volume import explain_path
from jido.model.facts import absent, known, unknown
from jido.model.limits import Access, Association, Limits, Qos
from jido.model.map import (
    Bytes,
    Gpu,
    Host,
    Instance,
    Map,
    NodeGroup,
    Now,
    Partition,
    Scheduling,
    Seconds,
    Storage,
    Type,
    Volume,
)
from jido.model.seen import Speed
from jido.twins.maps import built_in, built_in_names
from jido.words import LANGUAGES

T = 1024**4
HOSTILE = "$(rm -rf /) '자료 폴더' \"x\" {braces}"


def words(page: Page) -> str:
    lines = [
        line for part in page.sections for line in (part.title, *(f"{one.label} {one.text}" for one in part.lines))
    ]
    return "\n".join([page.title, *page.intro, *lines])


def ariel() -> Map:
    return Map(
        "ariel",
        type=Type(known(("hpc",), "slurm/version"), ("Slurm 23.11 answers with 2 partitions",)),
        instance=Instance(
            login=(
                Host("ariel-master", user=known("u1", "id"), home=known("/home/u1", "home"), gpus=absent("gpus")),
            ),
            nodes=(NodeGroup("ariel-k[1-2]", cpus=64, gpus=(Gpu(8, "a100", known(Bytes(80 * 2**30), "x")),)),),
        ),
        scheduling=Scheduling(
            engine=known("slurm", "x"),
            partitions=known(
                (
                    Partition("batch_vll", "ariel-k[1-2]", max_time=Seconds(6 * 86400)),
                    Partition("debug", "ariel-k1", default=True, max_time=Seconds(14400)),
                    Partition("batch", "ariel-k[1-2]", max_time=Seconds(2 * 86400)),
                ),
                "x",
            ),
            access=known(
                (
                    Access("batch_vll", "no access", words="AllowAccounts vll"),
                    Access("debug", "open"),
                    Access("batch", "open"),
                ),
                "x",
            ),
            accounts=known(("grad",), "x"),
        ),
        storage=Storage(
            (
                Volume("/", tier=known("system", "x")),
                Volume("/home", tier=known("home", "x"), backup=known("매일 밤", "told")),
                Volume(
                    "/data",
                    fs=known("nfs4", "x"),
                    tier=known("work", "x"),
                    size=known(Bytes(91 * T), "x"),
                    mine=known("/data/u1", "x"),
                    shared=unknown("not proved"),
                    speed=(Speed("ariel-k1", at=1.7e9, write=57 * 2**20),),
                ),
                Volume("/data/datasets", tier=known("datasets", "x"), mine=absent("x")),
                Volume("/local_datasets", seen_from="ariel-k1", tier=known("local", "x"), shared=known(False, "x")),
            ),
            missing=("/scratch",),
        ),
        now=Now(at=1.7e9, free={"/data": 14 * T}),
        notes=(HOSTILE, "/data is rebuilt in August"),
    )


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", built_in_names())
def test_every_map_that_comes_with_jido_is_explained_in_every_language(name: str, lang: str) -> None:
    page = explain_cluster(built_in(name), Speech(lang), {})
    assert page.title == name
    assert len(page.sections) >= 5


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("map_", [None, Map("빈 지도"), ariel()], ids=["no map", "empty", "ariel"])
def test_every_word_is_explained_with_and_without_a_map(map_: Map | None, lang: str) -> None:
    speech = Speech(lang)
    assert set(HERE) <= set(speech.terms())
    for key in speech.terms():
        page = explain_term(key, map_, speech)
        assert page.intro == (speech.terms()[key]["text"],)
        for other in speech.terms()[key].get("see", ()):
            assert other in speech.terms(), f"{key} sends the reader to {other}"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_nothing_is_said_of_an_empty_map_but_that_it_is_not_known(lang: str) -> None:
    text = words(explain_cluster(Map("x"), Speech(lang), {}))
    assert "GPU" not in text
    assert {"en": "not known", "ko": "알 수 없습니다"}[lang] in text


def test_a_cluster_is_explained_with_its_own_names_and_numbers() -> None:
    text = words(explain_cluster(ariel(), Speech("en"), {"/data": "nfs"}))
    assert "Your login node is ariel-master; you are u1 there, and your home is /home/u1." in text
    assert "It has no GPU." in text
    assert "2 nodes with 128 CPUs in all, and 16 GPUs (a100)" in text
    assert "Yours is /data/u1. 14T of 91T free." in text
    assert "Backup: 매일 밤 (told by a person)." in text
    assert HOSTILE in text


def test_the_partitions_that_are_open_to_me_come_first_and_only_they_are_recommended() -> None:
    page = explain_cluster(ariel(), Speech("ko"), {})
    [queue] = [part for part in page.sections if part.title == "어느 파티션을 쓸까"]
    assert [line.label for line in queue.lines][:3] == ["debug", "batch", "batch_vll"]
    assert "나에게는 열려 있지 않습니다: AllowAccounts vll" in queue.lines[2].text
    assert "debug를" in queue.lines[3].text
    assert "batch를" in queue.lines[3].text


def test_a_path_is_explained_by_the_innermost_volume() -> None:
    text = words(explain_path("/data/u1/my runs", ariel(), Speech("en"), {"/data": "nfs"}))
    assert "work: Projects" in text
    assert "NFS: one server's disks" in text
    assert "91T in all, 14T free" in text
    assert "57M/s written, measured on ariel-k1 on 2023-11-1" in text
    assert "backup not known" in text
    assert "jido note ariel --backup /data" in text
    assert "$JIDO_RESULTS" in text
    assert "/data is rebuilt in August" in text
    assert "no folder there that you may write to" in words(
        explain_path("/data/datasets/x", ariel(), Speech("en"), {})
    )
    assert "/datasets" not in words(explain_path("/database", ariel(), Speech("en"), {}))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_nobody_is_told_to_write_where_nothing_is_hers_to_write(lang: str) -> None:
    data = Volume("/data", tier=known("work", "x"), mine=known("/data/u1", "x"))
    theirs = msgspec.structs.replace(data, mine=absent("x"))
    told = [
        words(explain_path("/data/x", Map("a", storage=Storage((row,))), Speech(lang), {})) for row in (data, theirs)
    ]
    assert ["$JIDO_RESULTS" in text for text in told] == [True, False]
    sets = words(explain_path("/data/datasets/x", ariel(), Speech(lang), {}))
    assert Speech(lang).say("tier.datasets.good") in sets


def test_home_is_the_home_over_there() -> None:
    assert explain_path("~/code", ariel(), Speech("en"), {}).title == "/home/u1/code (ariel)"
    assert explain_path("/data/../home//u1/", ariel(), Speech("en"), {}).title == "/home/u1 (ariel)"
    with pytest.raises(InputError, match="does not know your home"):
        explain_path("~", Map("x"), Speech("en"), {})


def test_a_path_that_the_login_node_has_not_is_said_so() -> None:
    text = words(explain_path("/scratch/u1", ariel(), Speech("ko"), {}))
    assert "로그인 노드에는 /scratch/u1 경로가 없습니다" in text
    assert "jido probe ariel --compute" in text


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("partition", "partition"),
        ("Partitions", "partition"),
        ("파티션", "partition"),
        ("login-node", "login-node"),
        ("LOGIN NODE", "login-node"),
        ("job_array", "array"),
        ("Big Data", "bigdata"),
        ("작업", "job"),
        ("QoS", "qos"),
    ],
)
def test_a_word_is_found_by_any_of_its_names(word: str, key: str) -> None:
    assert term_key(word) == key


def test_an_unknown_word_suggests_the_nearest() -> None:
    with pytest.raises(NotFound) as caught:
        term_key("partiton")
    assert "partition" in caught.value.hint


def test_ten_thousand_nodes_and_two_hundred_partitions_stay_a_page() -> None:
    rows = tuple(Partition(f"p{n}", "n[1-10000]", max_time=Seconds(3600 + n)) for n in range(200))
    big = Map(
        "big",
        instance=Instance(nodes=(NodeGroup("n[1-10000]", cpus=64, gpus=(Gpu(8, "h100"),)),)),
        scheduling=Scheduling(engine=known("slurm", "x"), partitions=known(rows, "x")),
    )
    page = explain_cluster(big, Speech("en"), {})
    assert "80000 GPUs" in words(page)
    assert len(words(page).splitlines()) < 60


@pytest.mark.parametrize(
    ("lang", "together"), [("en", "all its users together"), ("ko", "함께 쓰는 사용자를 모두 합쳐")]
)
def test_limits_that_all_users_of_a_qos_or_an_account_share_are_told_as_such(lang: str, together: str) -> None:
    rules = (
        Qos("course", per_user=Limits(gpus=3), in_all=Limits(gpus=40)),
        Qos("part", in_all=Limits(cpus=240)),
        Qos("others", in_all=Limits(gpus=77)),
    )
    members = (Association("lab", "u1"), Association("lab", in_all=Limits(nodes=31)))
    facts = Scheduling(
        engine=known("slurm", "x"),
        qos=known(("course",), "x"),
        qos_rules=known(rules, "x"),
        associations=known(members, "x"),
        partitions=known((Partition("batch", qos="part"),), "x"),
    )
    text = words(explain_cluster(Map("shared", scheduling=facts), Speech(lang), {}))
    assert text.count(together) == 3
    assert all(number in text for number in ("40", "240", "31"))
    assert "77" not in text
