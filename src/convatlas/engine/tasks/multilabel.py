"""Multi-label classification: several classes for each image, or none, each decided for itself."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from ...data import Data
from ..recipe import Recipe
from ..task import Loss, Measure, Scores, Task, View
from .classify import AUXILIARY, heads, logit

THRESHOLD = 0.5  # probability from which on a class counts as predicted

MEAN_AP = Measure("mean_ap", "mAP", "%", "Accuracy", "more", "percent",
                  "Mean over classes of the average precision, the area under precision over recall",
                  "ranks the images of a class first with a mean average precision of {} on the {}")  # fmt: skip
CLASS_F1 = Measure("class_f1", "F1 per class", "%", "Accuracy", "more", "percent",
                   "Mean over classes of the harmonic mean of precision and recall, at a probability of 0.5")  # fmt: skip
IMAGE_F1 = Measure("image_f1", "F1 per image", "%", "Accuracy", "more", "percent",
                   "Mean over images of the harmonic mean of precision and recall among an image's classes")  # fmt: skip
EXACT = Measure("exact_match", "All classes right", "%", "Accuracy", "more", "percent",
                "Images of which every class is decided right", share_of_images=True)  # fmt: skip


def loss_of(recipe: Recipe, data: Data, teacher: nn.Module | None) -> Loss:  # noqa: ARG001 (none of its settings has one)
    """Binary cross-entropy, the mean over images and classes: smoothed, and with `balance` weights for rare classes.

    A class of p images among n then weighs (n − p) / p times as much where it is present as where it is absent.
    """
    weights = None
    if recipe.balance == "weights":
        weights = positive_weights(data.train.targets.take(torch.arange(len(data.train))))

    def loss(model: nn.Module, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        nonlocal weights
        logits, *auxiliary = heads(model(x))
        if weights is not None:
            weights = weights.to(logits.device)
        if recipe.label_smoothing:
            y = y * (1 - recipe.label_smoothing) + recipe.label_smoothing / 2
        parts = {"class": binary_cross_entropy_with_logits(logits.float(), y, pos_weight=weights)}
        for i, one in enumerate(auxiliary, start=1):
            parts[f"auxiliary {i}"] = AUXILIARY * binary_cross_entropy_with_logits(one.float(), y, pos_weight=weights)
        return parts

    return loss


def positive_weights(rows: Tensor) -> Tensor:
    """Absent over present images of each class; one for a class that no image has.

    Shapes   rows (n, classes) of 0 and 1 → (classes,) float
    """
    present = rows.sum(0)
    return torch.where(present > 0, (len(rows) - present) / present.clamp(min=1), 1.0).clamp(min=1e-3)


class LabelMeter:
    """Average precision and F1 of each class. Of each image stay its labels, the probabilities and its loss.

    Shapes   add takes logits (n, k) and rows of 0 and 1 (n, k)
    Source   average precision: Everingham et al. 2010, The Pascal Visual Object Classes Challenge, §4.2, without interpolation
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.k = len(classes)
        self.batches: list[tuple[Tensor, ...]] = []

    def add(self, output: Tensor, target: Tensor) -> None:
        logits = output.float()
        loss = binary_cross_entropy_with_logits(logits, target, reduction="none").mean(1)
        self.batches.append((target.to(torch.uint8), logits.sigmoid(), loss))

    def scores(self) -> Scores:
        labels, probability, loss = (torch.cat(parts).cpu() for parts in zip(*self.batches, strict=True))
        answers = {"labels": labels, "probability": probability}
        precision = average_precisions(labels.numpy(), probability.numpy())
        f1 = class_f1(labels, probability >= THRESHOLD)
        return Scores(
            n=len(labels),
            figures={
                "loss": loss.double().mean().item(),
                "mean_ap": mean_of(precision),
                "class_f1": mean_of(f1),
                "image_f1": per_image(answers).double().mean().item(),
                "exact_match": ((probability >= THRESHOLD) == labels.bool()).all(1).double().mean().item(),
            },
            per_class={"mean_ap": precision, "class_f1": f1},
            tables={"images_per_class": labels.sum(0, dtype=torch.int64).tolist()},
            answers=answers,
        )


def average_precisions(labels: Any, probability: Any) -> list[float | None]:
    """The average precision of each class; None where no image has it.

    Shapes   labels and probability (n, classes)
    """
    from sklearn.metrics import average_precision_score

    each = zip(labels.T, probability.T, strict=True)
    return [float(average_precision_score(true, score)) if true.any() else None for true, score in each]


def class_f1(labels: Tensor, predicted: Tensor) -> list[float | None]:
    """F1 = 2 · right / (predicted + true) of each class; None where no image has it.

    Shapes   labels and predicted (n, classes)
    """
    true = labels.bool()
    right, total = (true & predicted).sum(0), true.sum(0) + predicted.sum(0)
    values = (2 * right / total.clamp(min=1)).tolist()
    return [value if has else None for value, has in zip(values, true.any(0).tolist(), strict=True)]


def mean_of(values: Sequence[float | None]) -> float:
    """The mean of those that are known; 0 if none is."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else 0.0


def per_image(answers: Mapping[str, Tensor]) -> Tensor:
    """F1 among the classes of each image; one where it has none and none is predicted.

    Shapes   labels and probability (n, classes) → (n,) float
    """
    true, predicted = answers["labels"].bool(), answers["probability"] >= THRESHOLD
    total = true.sum(1) + predicted.sum(1)
    return torch.where(total > 0, 2 * (true & predicted).sum(1) / total.clamp(min=1), 1.0).float()


def example(answers: Mapping[str, Tensor], i: int) -> dict[str, Any]:
    """The classes of one image, as JSON, and the least probability of a predicted one.

    Shapes   labels and probability (n, classes)
    """
    true, probability = answers["labels"][i].bool(), answers["probability"][i]
    predicted = probability >= THRESHOLD
    least = float(probability[predicted].min()) if predicted.any() else 1 - float(probability.max())
    return {"true": true.nonzero()[:, 0].tolist(), "predicted": predicted.nonzero()[:, 0].tolist(), "probability": least}


def independent_probabilities(output: Tensor) -> Tensor:
    """The probability of each class, whatever the others are.

    Shapes   output (n, classes) → the same
    """
    return output.float().sigmoid()


def mean_of_views(outputs: Sequence[Tensor], views: Sequence[View]) -> Tensor:  # noqa: ARG001 (a class has no place)
    """The logit of the mean probability over views.

    Shapes   outputs (n, classes) each → (n, classes) float32
    """
    return torch.stack([output.float().sigmoid() for output in outputs]).mean(0).logit(eps=1e-7)


MULTILABEL = Task(
    name="multilabel",
    family_task="classify",
    noun="several labels per image",
    hub_tag="image-classification",
    output="a score for each of {} classes, each by itself",
    use=(
        "To name all of its classes that an image shows, for images of the kind it learned from. Each class is decided by "
        "itself, so an image may have several or none."
    ),
    measures=(MEAN_AP, CLASS_F1, IMAGE_F1, EXACT),
    loss=loss_of,
    meter=LabelMeter,
    per_image=per_image,
    image_measure=IMAGE_F1,
    probabilities=independent_probabilities,
    example=example,
    score=logit,
    join=mean_of_views,
    settings=frozenset({"label_smoothing", "mixup", "cutmix", "balance"}),
)
