"""Measures a classifier on images it was not trained on."""

import os
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ..data import Images, Resident, Streamed
from ..ops.malloc import keep_freed_memory
from ..ops.mode import eval_mode


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures over n images, accuracies in [0, 1], and what was said of each image in order."""

    n: int
    loss: float
    accuracy: float
    top5_accuracy: float
    calibration_error: float  # expected calibration error with 15 bins
    per_class_accuracy: list[float | None]  # None for a class without images
    confusion: list[list[int]]  # rows true, columns predicted
    labels: Tensor  # (n,) int64
    predicted: Tensor  # (n,) int64
    probability: Tensor  # (n,) float32, of the predicted class

    def to_json(self) -> dict[str, Any]:
        """The figures without the images."""
        names = ("n", "loss", "accuracy", "top5_accuracy", "calibration_error", "per_class_accuracy", "confusion")
        return {name: getattr(self, name) for name in names}


def evaluate(
    model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], autocast: AbstractContextManager[Any] | None = None
) -> Evaluation:
    """Runs the model in evaluation mode over all batches; afterwards each of its modules is in the mode it was in.

    Shapes   batches of x (n, c, h, w) float and y (n,) int64; the model gives logits (n, k)
    Source   calibration error: Naeini et al. 2015, AAAI; Guo et al. 2017, arXiv:1706.04599, eq. 3
    """
    logits, labels = [], []
    with keep_freed_memory(), eval_mode(model), torch.inference_mode(), autocast or nullcontext():
        for x, y in batches:
            logits.append(model(x).float())
            labels.append(y)
    return measure(torch.cat(logits), torch.cat(labels))


def measure(logits: Tensor, labels: Tensor) -> Evaluation:
    """All figures from the scores of all images.

    Shapes   logits (n, k) float, labels (n,) int64
    """
    from torchmetrics.functional.classification import (
        multiclass_accuracy,
        multiclass_calibration_error,
        multiclass_confusion_matrix,
    )

    k = logits.shape[1]
    probability, predicted = logits.softmax(1).max(1)
    confusion = multiclass_confusion_matrix(predicted, labels, k)
    hits = confusion.diag().tolist()
    sizes = confusion.sum(1).tolist()
    return Evaluation(
        n=len(labels),
        loss=cross_entropy(logits, labels).item(),
        accuracy=sum(hits) / len(labels),
        top5_accuracy=multiclass_accuracy(logits, labels, k, average="micro", top_k=min(5, k)).item(),
        calibration_error=multiclass_calibration_error(logits.softmax(1), labels, k, n_bins=15).item(),
        per_class_accuracy=[hit / size if size else None for hit, size in zip(hits, sizes, strict=True)],
        confusion=confusion.tolist(),
        labels=labels.cpu(),
        predicted=predicted.cpu(),
        probability=probability.cpu(),
    )


def sample(images: Images, count: int) -> Images:
    """Some of the images, evenly spread, as they are stored."""
    chosen = torch.linspace(0, len(images) - 1, min(len(images), count)).long()
    if isinstance(images, Streamed):
        names = [os.fsdecode(bytes(name)) for name in images.names[chosen]]
        same = {name: getattr(images, name) for name in ("channels", "side", "strict", "frame")}
        return Streamed(images.root, names, images.labels[chosen], **same)
    return Resident(images.pixels(chosen), images.labels[chosen])
