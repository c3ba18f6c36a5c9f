"""The example job: it learns, it survives being stopped, and it takes its folders from the environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "digits"
HOSTILE = "결과 'of' $(x)\nand more"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits") / HOSTILE
    subprocess.run([sys.executable, EXAMPLE / "get_data.py", folder], check=True, capture_output=True)
    return folder


def train(data: Path, home: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the job as a cluster would: another folder to stand in, every path in the environment."""
    env = dict(
        os.environ,
        JIDO_DATA=str(data),
        JIDO_RESULTS=str(home / HOSTILE / "results"),
        JIDO_CHECKPOINTS=str(home / HOSTILE / "checkpoints"),
        OMP_NUM_THREADS="1",
        OPENBLAS_NUM_THREADS="1",
        **more,
    )
    argv = [sys.executable, str(EXAMPLE / "train.py"), "--passes", "2", "--hidden", "32", *arguments]
    return subprocess.run(argv, env=env, cwd=home, capture_output=True, text=True, timeout=120)


def metrics(home: Path) -> list[dict[str, float]]:
    lines = (home / HOSTILE / "results" / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in lines]


def test_get_data_gives_the_whole_dataset(data: Path) -> None:
    import numpy as np

    rows = np.loadtxt(data / "digits.csv.gz", delimiter=",")
    assert rows.shape == (1797, 65)
    assert set(rows[:, 64]) == set(range(10))


def test_it_learns_and_leaves_metrics_a_summary_a_picture_and_checkpoints(data: Path, tmp_path: Path) -> None:
    done = train(data, tmp_path, "--epochs", "6", "--passes", "8", CUDA_VISIBLE_DEVICES="3")
    assert done.returncode == 0, done.stderr
    results = tmp_path / HOSTILE / "results"
    assert json.loads((results / "summary.json").read_text())["accuracy"] >= 0.9
    assert [point["epoch"] for point in metrics(tmp_path)] == [1, 2, 3, 4, 5, 6]
    assert (results / "digits.png").read_bytes().startswith(b"\x89PNG")
    kept = sorted(path.name for path in (tmp_path / HOSTILE / "checkpoints").iterdir())
    assert kept == ["epoch-0004.npz", "epoch-0005.npz", "epoch-0006.npz"]
    assert done.stdout.count("\nepoch ") == 6
    assert "GPUs given: 3" in done.stdout
    assert "computes on the CPU" in done.stdout


def test_a_training_that_was_stopped_ends_with_the_very_numbers_of_one_that_was_not(
    data: Path, tmp_path: Path
) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "broken").mkdir()
    train(data, tmp_path / "whole", "--epochs", "4")
    train(data, tmp_path / "broken", "--epochs", "2")
    again = train(data, tmp_path / "broken", "--epochs", "4")
    assert "going on from epoch 2" in again.stdout
    assert again.stdout.count("\nepoch ") == 2
    assert len(metrics(tmp_path / "whole")) == 4
    assert metrics(tmp_path / "broken") == metrics(tmp_path / "whole")


def test_a_damaged_checkpoint_is_said_and_the_one_before_is_used(data: Path, tmp_path: Path) -> None:
    train(data, tmp_path, "--epochs", "2")
    newest = tmp_path / HOSTILE / "checkpoints" / "epoch-0002.npz"
    newest.write_bytes(newest.read_bytes()[:1000])
    again = train(data, tmp_path, "--epochs", "3")
    assert again.returncode == 0, again.stderr
    assert "epoch-0002.npz cannot be read" in again.stdout
    assert "going on from epoch 1" in again.stdout


def test_without_data_it_says_what_to_do(tmp_path: Path) -> None:
    done = train(tmp_path / "nowhere", tmp_path)
    assert done.returncode == 1
    assert "hint: python get_data.py" in done.stderr
