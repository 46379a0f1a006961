"""What a comparison says of finished runs: numbers with their spread, and the held-out images it shows."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..data import Data

SHOWN = 24  # held-out images in the grid of predictions


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Mean, standard deviation (n − 1), number and values; null where there are too few."""
    n = len(values)
    mean = statistics.fmean(values) if n else None
    return {"mean": mean, "sd": statistics.stdev(values) if n > 1 else None, "n": n, "values": list(values)}


def shown(answers: Mapping[str, torch.Tensor], split: str) -> list[dict[str, Any]]:
    """What was said of the images in the grid: the same for every network, evenly spread over the held-out ones."""
    labels, predicted, probability = (answers[f"{split}_{name}"] for name in ("labels", "predicted", "probability"))
    chosen = shown_indices(len(labels))
    return [
        {
            "index": i,
            "true": int(labels[i]),
            "predicted": int(predicted[i]),
            "probability": float(probability[i]),
        }
        for i in chosen
    ]


def shown_indices(n: int) -> list[int]:
    """Which held-out images the grid shows."""
    return sorted({int(i) for i in np.linspace(0, n - 1, min(SHOWN, n))})


def correctness(answers: Sequence[Mapping[str, torch.Tensor]], split: str) -> NDArray[np.float64] | None:
    """For each held-out image the share of seeds that were right.

    Shapes   (n,)
    """
    if not answers:
        return None
    right = [(a[f"{split}_predicted"] == a[f"{split}_labels"]).numpy().astype(float) for a in answers]
    return np.mean(right, axis=0)


def held_out_pixels(data: Data, rows: Sequence[Mapping[str, Any]]) -> NDArray[np.uint8]:
    """The images of the grid.

    Shapes   (k, h, w, c) uint8
    """
    images = data.test if data.test is not None else data.val
    predictions: list[dict[str, Any]] = next((row["predictions"] for row in rows if row["predictions"]), [])
    if images is None or not predictions:
        return np.zeros((0, 1, 1, 1), np.uint8)
    return images.pixels(torch.tensor([p["index"] for p in predictions])).permute(0, 2, 3, 1).numpy()
