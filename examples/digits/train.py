"""Train a small neural network to read handwritten digits; a job to start your own from.

It shows what a job that runs under a time limit should do, and nothing else:

- it takes every path from the environment (JIDO_DATA, JIDO_RESULTS, JIDO_CHECKPOINTS), so it runs
  unchanged on any cluster, and by hand too (then the folders are those beside this file);
- it writes a checkpoint after each epoch and goes on from the last one when it is started again,
  ending with exactly the numbers it would have had without the break;
- it says how far it is, one line an epoch, and writes its numbers where a program can read them.

The network: 64 pixels, one hidden layer, 10 digits; mini-batches with momentum, each image moved a
little every time it is seen. It computes with numpy, on the CPU, whatever GPU it was given.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
LAYERS = ("w1", "b1", "w2", "b2")
KEEP = 3  # checkpoints: one is enough to go on from, the others are for the day one gets damaged


def folder(variable: str, beside: str) -> Path:
    """Give the folder that jido names in the environment, or the one beside this file."""
    return Path(os.environ.get(variable) or HERE / beside)


def load(path: Path, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Read the digits; give images [n, 8, 8] in 0..1 and labels [n] to learn from, then those to test on.

    One row of the file is 64 pixels (0..16) and the digit. A fifth is kept for the test.
    """
    rows = np.loadtxt(path, delimiter=",")
    rows = rows[np.random.default_rng(seed).permutation(len(rows))]
    images, labels = rows[:, :64].reshape(-1, 8, 8) / 16.0, rows[:, 64].astype(int)
    test = len(rows) // 5
    return images[test:], labels[test:], images[:test], labels[:test]


def begin(hidden: int, seed: int) -> dict[str, Any]:
    """Give the state before the first epoch: weights, their momentum, the dice, and no history."""
    rng = np.random.default_rng(seed)
    state: dict[str, Any] = {
        "w1": rng.normal(0, np.sqrt(2 / 64), (64, hidden)),
        "b1": np.zeros(hidden),
        "w2": rng.normal(0, np.sqrt(2 / hidden), (hidden, 10)),
        "b2": np.zeros(10),
    }
    state |= {f"momentum_{name}": np.zeros_like(state[name]) for name in LAYERS}
    return state | {"rng": rng, "history": []}


def save(state: dict[str, Any], where: Path, epoch: int) -> None:
    """Write one checkpoint; a job killed in the middle leaves the one before untouched."""
    arrays = {name: value for name, value in state.items() if isinstance(value, np.ndarray)}
    rest = {"rng": state["rng"].bit_generator.state, "history": state["history"]}
    half = where / f".epoch-{epoch:04d}.half"
    with half.open("wb") as file:
        np.savez(file, rest=json.dumps(rest), **arrays)
        file.flush()
        os.fsync(file.fileno())
    half.replace(where / f"epoch-{epoch:04d}.npz")
    for old in sorted(where.glob("epoch-*.npz"))[:-KEEP]:
        old.unlink()


def restore(where: Path) -> dict[str, Any] | None:
    """Give the state of the newest checkpoint that can be read, or None."""
    for path in sorted(where.glob("epoch-*.npz"), reverse=True):
        try:
            with np.load(path) as stored:
                state: dict[str, Any] = {name: stored[name] for name in stored.files if name != "rest"}
                rest = json.loads(str(stored["rest"]))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as problem:
            print(f"{path.name} cannot be read ({problem}); trying the one before")
            continue
        rng = np.random.default_rng()
        rng.bit_generator.state = rest["rng"]
        return state | {"rng": rng, "history": rest["history"]}
    return None


def forward(state: dict[str, Any], pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the hidden layer [n, hidden] and the probabilities [n, 10] for pixels [n, 64]."""
    hidden = np.maximum(pixels @ state["w1"] + state["b1"], 0)
    scores = hidden @ state["w2"] + state["b2"]
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    return hidden, scores / scores.sum(axis=1, keepdims=True)


def moved(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Give the images [n, 8, 8], each moved by up to one pixel up or down and left or right."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    down, right = rng.integers(0, 3, (2, len(images), 1, 1))
    rows, columns = np.arange(8)[:, None] + down, np.arange(8)[None, :] + right
    return padded[np.arange(len(images))[:, None, None], rows, columns]


def epoch(
    state: dict[str, Any], images: np.ndarray, labels: np.ndarray, rate: float, passes: int, batch: int = 32
) -> float:
    """Learn from every image `passes` times, changing the state in place; give the mean loss."""
    losses = []
    for _ in range(passes):
        order = state["rng"].permutation(len(images))
        pixels = moved(images[order], state["rng"]).reshape(-1, 64)
        for start in range(0, len(order), batch):
            seen, right = pixels[start : start + batch], labels[order[start : start + batch]]
            hidden, chances = forward(state, seen)
            losses.append(-np.log(chances[np.arange(len(right)), right] + 1e-12).mean())
            chances[np.arange(len(right)), right] -= 1
            wrong = chances / len(right)
            back = (wrong @ state["w2"].T) * (hidden > 0)
            slopes = {"w2": hidden.T @ wrong, "b2": wrong.sum(0), "w1": seen.T @ back, "b1": back.sum(0)}
            for name in LAYERS:
                momentum = state[f"momentum_{name}"]
                momentum *= 0.9
                momentum -= rate * slopes[name]
                state[name] += momentum
    return float(np.mean(losses))


def confusion(state: dict[str, Any], images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Count [10, 10]: row, the digit; column, what the network took it for."""
    _, chances = forward(state, images.reshape(-1, 64))
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (labels, chances.argmax(axis=1)), 1)
    return counts


def picture(path: Path, history: list[dict[str, float]], counts: np.ndarray) -> None:
    """Draw the learning curve and the confusion matrix."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("no picture: matplotlib is not installed here")
        return
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    numbers = [point["epoch"] for point in history]
    left.plot(numbers, [100 * point["accuracy"] for point in history], color="tab:blue", marker="o", ms=3)
    left.set(xlabel="epoch", ylabel="right on the test images (%)", title="learning curve")
    left.xaxis.get_major_locator().set_params(integer=True)
    left.grid(alpha=0.3)
    loss = left.twinx()
    loss.plot(numbers, [point["loss"] for point in history], color="tab:orange")
    loss.set_ylabel("loss", color="tab:orange")
    right.imshow(counts, cmap="Blues")
    right.set(xlabel="taken for", ylabel="digit", xticks=range(10), yticks=range(10))
    right.set_title(f"{np.trace(counts)} of {counts.sum()} right")
    for row, column in np.argwhere(counts):
        bright = counts[row, column] > counts.max() / 2
        colour = "white" if bright else "black"
        right.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour, fontsize=8)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Train, or go on training, and write the results."""
    parser = argparse.ArgumentParser(description="Train a network on the handwritten digits.")
    parser.add_argument("--epochs", type=int, default=20, help="epochs in all (default 20)")
    parser.add_argument("--passes", type=int, default=30, help="times each image is seen in one (default 30)")
    parser.add_argument("--hidden", type=int, default=256, help="size of the hidden layer (default 256)")
    parser.add_argument("--rate", type=float, default=0.02, help="learning rate (default 0.02)")
    parser.add_argument("--seed", type=int, default=0, help="of the first weights and the order (default 0)")
    parser.add_argument("--fresh", action="store_true", help="ignore the checkpoints that are there")
    args = parser.parse_args()

    data = folder("JIDO_DATA", "data") / "digits.csv.gz"
    results, checkpoints = folder("JIDO_RESULTS", "results"), folder("JIDO_CHECKPOINTS", "checkpoints")
    if not data.exists():
        raise SystemExit(f"{data} is not there; hint: python get_data.py writes it")
    results.mkdir(parents=True, exist_ok=True)
    checkpoints.mkdir(parents=True, exist_ok=True)

    images, labels, test_images, test_labels = load(data)
    print(f"{len(labels)} digits to learn from, {len(test_labels)} to test on, from {data}")
    gpus = os.environ.get("CUDA_VISIBLE_DEVICES")
    print(f"GPUs given: {gpus or 'none'} (CUDA_VISIBLE_DEVICES; this example computes on the CPU)")

    state = None if args.fresh else restore(checkpoints)
    if state is None:
        state = begin(args.hidden, args.seed)
    else:
        print(f"going on from epoch {len(state['history'])}, found in {checkpoints}")
    history = state["history"]

    for number in range(len(history) + 1, args.epochs + 1):
        began = time.perf_counter()
        loss = epoch(state, images, labels, args.rate * 0.9 ** (number - 1), args.passes)
        counts = confusion(state, test_images, test_labels)
        accuracy = float(np.trace(counts) / counts.sum())
        seconds = round(time.perf_counter() - began, 3)
        history.append({"epoch": number, "loss": loss, "accuracy": accuracy, "seconds": seconds})
        save(state, checkpoints, number)
        with (results / "metrics.jsonl").open("w") as file:
            file.writelines(json.dumps(point) + "\n" for point in history)
        print(f"epoch {number:2d}/{args.epochs}  loss {loss:.4f}  test {accuracy:6.1%}  {seconds:.2f} s", flush=True)

    counts = confusion(state, test_images, test_labels)
    picture(results / "digits.png", history, counts)
    summary = {"accuracy": float(np.trace(counts) / counts.sum()), "confusion": counts.tolist()}
    (results / "summary.json").write_text(json.dumps(summary) + "\n")
    print(f"{summary['accuracy']:.1%} of the test digits read right; results in {results}")


if __name__ == "__main__":
    main()
