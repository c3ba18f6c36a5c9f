"""The everyday path in Korean, on a real Slurm: map it, look at it, run something, ask what became of it."""

from __future__ import annotations

import re
import shutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from spoken import Jido

from jido.api import twins

_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
_MISSING = [p for p in ("munged", "slurmctld", "slurmd", "sshd", "bwrap") if not shutil.which(p, path=_PATH)]

pytestmark = [
    pytest.mark.twin,
    pytest.mark.xdist_group("twin-korean"),
    pytest.mark.skipif(bool(_MISSING), reason=f"not installed: {', '.join(_MISSING)}"),
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "내 project $(x)"
    folder.mkdir()
    (folder / "train.py").write_text("print('학습')\n", "utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("JIDO_LANG", "ko")
    twins.up("aurora", accounting=False)
    yield folder
    twins.down("aurora")


def columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def test_the_everyday_path_speaks_korean(project: Path, jido: Jido) -> None:
    assert "aurora의 지도를 만들었습니다" in jido("probe", "aurora").err
    shown = jido("show", "aurora").out
    assert [line for line in shown.splitlines() if line in ("유형", "인스턴스", "스케줄링", "스토리지", "모르는 것")]
    assert "파티션 4개: 나에게 열림 2개" in shown
    said = jido("run", "--on", "aurora", "--name", "학습", "--", "python3", "train.py")
    assert (said.code, said.out) == (0, "학습\n")
    assert "런 1(학습): aurora의 job" in said.err
    assert re.search(r"^런 1\(학습\): 완료 .*종료 코드 0$", said.err, re.MULTILINE)
    head, row = jido("ps", "-a").out.splitlines()
    assert head.split() == ["런", "이름", "클러스터", "job", "상태", "어디", "대기", "실행", "이유"]
    for title, cell in (("이름", "학습"), ("클러스터", "aurora"), ("상태", "완료")):
        assert columns(head[: head.index(title)]) == columns(row[: row.index(cell)])
    assert jido("ps", "-a", "--json").json["runs"][0]["state"] == "done"


def test_a_refusal_says_in_korean_what_would_do(project: Path, jido: Jido) -> None:
    jido("probe", "aurora")
    said = jido("run", "--on", "aurora", "--gpus", "100", "--", "true")
    assert said.code == 5
    assert "노드 하나에 GPU가 최대 8개인데 100개를 요청했습니다" in said.err
    assert "원인: " in said.err
    assert "힌트: " in said.err
