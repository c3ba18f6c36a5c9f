"""The picture of a real Slurm with a job of mine on it: which node has it is Slurm's word, not a guess."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, found
from pages_of_maps import of_class, tree, words

from jido.api import probing
from jido.api.cluster import Cluster
from jido.model.command import Command, Reply
from jido.picture.drawing import draw_page
from jido.twins import processes
from real_twins import ACCOUNTING, brought_up_at

pytestmark = [pytest.mark.twin, pytest.mark.xdist_group("picture")]


@pytest.fixture(scope="module")
def jido_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("jido")


@pytest.fixture(scope="module")
def aurora(jido_home: Path) -> Iterator[Cluster]:
    with brought_up_at(jido_home, "aurora", *ACCOUNTING) as name:
        yield Cluster(name)


def there(cluster: Cluster, *argv: str) -> Reply:
    return cluster.transport.run(Command(argv=argv))


def test_my_gpu_is_drawn_on_the_node_that_has_it(aurora: Cluster, tmp_path: Path) -> None:
    options = ("-o", "/dev/null", "-w", "aurora-g3", "--gres=gpu:1", "-c", "4", "--mem=8G", "-p", "batch_ugrad")
    submitted = there(aurora, "sbatch", *options, "--wrap", "sleep 300")
    assert submitted.ok, submitted.stderr
    assert processes.until(lambda: "RUNNING" in there(aurora, "squeue", "-h", "-o", "%T").text, within=30)
    probing.probe(aurora.name)
    text = draw_page(aurora.name, lang="en")
    drawn = {words(of_class(one, "name")[0]): one for one in of_class(tree(text), "node")}
    mine = {name: len(of_class(one, "mine")) for name, one in drawn.items()}
    assert {name: count for name, count in mine.items() if count} == {"aurora-g3": 1}
    assert sum(len(of_class(one, "free")) for one in drawn.values()) == 61
    assert "1 running, 0 waiting" in words(tree(text))
    there(aurora, "scancel", "-u", "student")
    if found():
        file = tmp_path / "twin.html"
        file.write_text(text, "utf-8")
        browser = Browser(tmp_path / "browser")
        browser.open(file, width=390)
        assert browser.value("document.documentElement.scrollWidth") <= 390
        assert browser.complaints() == []
        browser.close()
