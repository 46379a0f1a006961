"""What a comparison reports of finished runs: figures with their spread, and the held-out images it shows."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..data import Data
from ..data.images import evenly
from ..engine.task import Task

SHOWN = 24  # held-out images in the grid of predictions


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Mean, standard deviation (n − 1), number and values; null where there are too few."""
    n = len(values)
    mean = statistics.fmean(values) if n else None
    return {"mean": mean, "sd": statistics.stdev(values) if n > 1 else None, "n": n, "values": list(values)}


def of_split(answers: Mapping[str, torch.Tensor], split: str) -> dict[str, torch.Tensor]:
    """The answers of one split by their names, of a run's predictions.

    Shapes   answers (n, …) each → those of the split
    """
    start = f"{split}_"
    return {name.removeprefix(start): tensor for name, tensor in answers.items() if name.startswith(start)}


def examples(task: Task, answers: Mapping[str, torch.Tensor], split: str) -> list[dict[str, Any]]:
    """The answers for the images in the grid: the same images for every network, evenly spread over the held-out ones.

    Shapes   answers (n, …) each
    """
    own = of_split(answers, split)
    n = len(task.per_image(own))
    return [{"index": int(i), **task.example(own, int(i))} for i in evenly(n, SHOWN)]


def per_image(task: Task, answers: Sequence[Mapping[str, torch.Tensor]], split: str) -> NDArray[np.float64] | None:
    """The score of each held-out image, the mean over seeds; None without runs.

    Shapes   (n,) in [0, 1]
    """
    if not answers:
        return None
    return np.mean([task.per_image(of_split(one, split)).double().numpy() for one in answers], axis=0)


def held_out_pixels(data: Data, rows: Sequence[Mapping[str, Any]]) -> NDArray[np.uint8]:
    """The images of the grid.

    Shapes   (k, h, w, c) uint8
    """
    images = data.test if data.test is not None else data.val
    predictions: list[dict[str, Any]] = next((row["predictions"] for row in rows if row["predictions"]), [])
    if images is None or not predictions:
        return np.zeros((0, 1, 1, 1), np.uint8)
    return images.pixels(torch.tensor([p["index"] for p in predictions])).permute(0, 2, 3, 1).numpy()
