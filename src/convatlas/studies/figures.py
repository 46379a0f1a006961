"""What a comparison reports of finished runs: figures with their spread, and the held-out images it shows."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..data import Data
from ..data.images import evenly
from ..engine.recipe import Recipe
from ..engine.record import Run, is_run
from ..engine.task import Task

SHOWN = 24  # held-out images in the grid of predictions


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Mean, standard deviation (n − 1), number and values; null where there are too few."""
    n = len(values)
    mean = statistics.fmean(values) if n else None
    return {"mean": mean, "sd": statistics.stdev(values) if n > 1 else None, "n": n, "values": list(values)}


def fastest_training(metrics: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Images a second of the fastest run, and the share of all cores that other programs took meanwhile."""
    best: Mapping[str, Any] = max(metrics, key=lambda one: one["images_per_second"], default={})
    return {"training_images_per_second": best.get("images_per_second"), "training_other_load": best.get("other_load")}


def machine_of_runs(runs: Sequence[Run]) -> dict[str, Any]:
    """The precision and the threads of some runs: the one they share, else all of them in words; None without runs."""
    known = [run.environment for run in runs if (run.path / "env.json").is_file()]
    found = {}
    for key in ("precision", "threads"):
        values = sorted({one[key] for one in known if key in one})
        found[key] = values[0] if len(values) == 1 else " or ".join(map(str, values)) or None
    return found


def in_precision_of(folder: Path, recipe: Recipe) -> Recipe:
    """A recipe that leaves the precision open in the one that an earlier run took, if there is one."""
    run = Run.open(folder) if is_run(folder) else None
    own = machine_of_runs([run])["precision"] if run else None
    return replace(recipe, precision=own) if own and recipe.precision == "auto" else recipe


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
    """The images of the grid; none if some are gone since, for then the answers belong to others.

    Shapes   (k, h, w, c) uint8
    """
    images = data.test if data.test is not None else data.val
    predictions: list[dict[str, Any]] = next((row["predictions"] for row in rows if row["predictions"]), [])
    if images is None or not predictions or len(images) != predictions[-1]["index"] + 1:
        return np.zeros((0, 1, 1, 1), np.uint8)
    return images.pixels(torch.tensor([p["index"] for p in predictions])).permute(0, 2, 3, 1).numpy()
