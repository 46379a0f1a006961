"""Classification: one class for each image."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, kl_div, nll_loss

from ...data import Data
from ..hardware import autocast
from ..recipe import Recipe
from ..task import Loss, Measure, Scores, Task, View

AUXILIARY = 0.3  # weight of each auxiliary head: Szegedy et al. 2014, arXiv:1409.4842, §5
BINS = 15  # of the calibration error

ACCURACY = Measure("accuracy", "Accuracy", "%", "Accuracy", "more", "percent", "Right", "is right on {} of the {}",
                   share_of_images=True)  # fmt: skip
TOP5 = Measure("top5_accuracy", "Top-5", "%", "Accuracy", "more", "percent",
               "The true class is among the five most probable", share_of_images=True, classes=6)  # fmt: skip
CALIBRATION = Measure("calibration_error", "Calibration error", "%", "Accuracy", "less", "percent",
                      "Expected gap between the stated probability and how often it is right")  # fmt: skip


def plain_loss(model: nn.Module, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """Cross-entropy; networks with auxiliary heads give (logits, auxiliary logits, …) in training, whose losses are added.

    Shapes   x as the model takes it, y (n,) int64 or (n, classes) float, rows that sum to one → scalars
    """
    logits, *auxiliary = heads(model(x))
    return {"class": entropy(logits, y)} | auxiliary_losses(auxiliary, y)


def loss_of(recipe: Recipe, data: Data, teacher: nn.Module | None) -> Loss:
    """The recipe's loss: smoothed, weighted by class, and compared with a teacher's answers.

    With a teacher it is (1 − distill) · cross-entropy + distill · T² · KL(teacher ‖ student), with both softened by the
    temperature T; auxiliary heads take cross-entropy alone. The teacher is put into evaluation mode and lies on the
    network's device.

    Source   Hinton et al. 2015, arXiv:1503.02531, §2
    """
    weights = class_weights(data.train.labels, len(data.classes)) if recipe.balance == "weights" else None
    return Objective(recipe, weights, teacher)


class Objective:
    """A recipe's loss as a function of model, images and labels.

    Shapes   x as the model takes it, y (n,) int64 or (n, classes) float, rows that sum to one → scalars
    """

    def __init__(self, recipe: Recipe, weights: Tensor | None = None, teacher: nn.Module | None = None) -> None:
        self.recipe, self.weights = recipe, weights
        self.teacher = teacher.eval() if teacher is not None else None

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        recipe = self.recipe
        if self.weights is not None:
            self.weights = self.weights.to(x.device)
        logits, *auxiliary = heads(model(x))
        parts = {"class": entropy(logits, y, recipe.label_smoothing, self.weights)}
        if self.teacher is not None:
            distance = distillation(logits, self.answers(self.teacher, x), recipe.temperature)
            parts = {"class": (1 - recipe.distill) * parts["class"], "teacher": recipe.distill * distance}
        return parts | auxiliary_losses(auxiliary, y, recipe.label_smoothing, self.weights)

    def answers(self, teacher: nn.Module, x: Tensor) -> Tensor:
        """The teacher's logits, in the precision the network itself computes with.

        Shapes   x (n, c, h, w) → (n, classes)
        """
        device = x.device.type
        with torch.no_grad(), autocast(self.recipe.precision, device):
            return heads(teacher(x))[0]


def heads(output: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The logits of every head, the network's own first.

    Shapes   each (n, classes)
    """
    return output if isinstance(output, tuple) else (output,)


def auxiliary_losses(
    auxiliary: Sequence[Tensor], y: Tensor, smoothing: float = 0.0, weights: Tensor | None = None
) -> dict[str, Tensor]:
    """The weighted cross-entropy of each auxiliary head.

    Shapes   auxiliary (n, classes) each, y (n,) int64 or (n, classes) float, weights (classes,) → scalars
    """
    return {f"auxiliary {i}": AUXILIARY * entropy(one, y, smoothing, weights) for i, one in enumerate(auxiliary, start=1)}


def entropy(logits: Tensor, y: Tensor, label_smoothing: float = 0.0, weights: Tensor | None = None) -> Tensor:
    """Σ w_c t_c (−log p_c) / Σ w_c y_c over classes and images, where t is y smoothed and p the softmax of the logits.

    Labels are rows y with a single one, so that a label and its row give the same; PyTorch divides rows by n instead.

    Shapes   logits (n, classes), y (n,) int64 or (n, classes) float, weights (classes,) → a scalar
    """
    logits = logits.float()
    if weights is None:
        return cross_entropy(logits, y, label_smoothing=label_smoothing)
    weights = weights.to(logits)
    if not y.is_floating_point():
        return cross_entropy(logits, y, weights, label_smoothing=label_smoothing)
    return cross_entropy(logits, y, weights, reduction="sum", label_smoothing=label_smoothing) / (y.to(weights) @ weights).sum()


def distillation(logits: Tensor, answers: Tensor, temperature: float) -> Tensor:
    """T² · KL(teacher ‖ student), the mean over images: T² keeps gradients as large as cross-entropy's, whatever T is.

    Shapes   logits and answers (n, classes) → a scalar
    """
    student, teacher = ((z.float() / temperature).log_softmax(1) for z in (logits, answers))
    return temperature**2 * kl_div(student, teacher, reduction="batchmean", log_target=True)


def class_weights(labels: Tensor, classes: int) -> Tensor:
    """n / (k · n_c): every class weighs the same in total, and the mean over images is one.

    Classes without an image weigh nothing and don't count among the k.

    Shapes   labels (n,) int64 → (classes,) float
    """
    counts = torch.bincount(labels, minlength=classes)
    weights = len(labels) / ((counts > 0).sum() * counts.clamp(min=1))
    return weights.where(counts > 0, 0.0).float()


class ClassMeter:
    """Accuracy, calibration and confusion. Of each image stay its label, the predicted class with its probability, the
    logarithm of the true class's probability and whether that is among the five largest.

    Shapes   add takes logits (n, k) and labels (n,) int64
    Source   calibration error: Naeini et al. 2015, AAAI; Guo et al. 2017, arXiv:1706.04599, eq. 3
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.k = len(classes)
        self.batches: list[tuple[Tensor, ...]] = []

    def add(self, output: Tensor, target: Tensor) -> None:
        logits = output.float()
        probability, predicted = logits.softmax(1).max(1)
        likelihood = logits.log_softmax(1).gather(1, target[:, None]).squeeze(1)
        among = (logits.topk(min(5, self.k), dim=1).indices == target[:, None]).any(1)
        self.batches.append((target, predicted, probability, likelihood, among))

    def scores(self) -> Scores:
        labels, predicted, probability, likelihood, among = (torch.cat(parts) for parts in zip(*self.batches, strict=True))
        n, k = len(labels), self.k
        confusion = torch.bincount(labels * k + predicted, minlength=k * k).view(k, k)
        hits, sizes = confusion.diag().tolist(), confusion.sum(1).tolist()
        return Scores(
            n=n,
            figures={
                # One column of logarithms under one label is summed as PyTorch sums cross-entropy, to the bit.
                "loss": nll_loss(likelihood[:, None], torch.zeros_like(labels)).item(),
                "accuracy": sum(hits) / n,
                "top5_accuracy": (among.sum() / n).item(),
                "calibration_error": calibration_error(probability, predicted == labels).item(),
            },
            per_class={"accuracy": [hit / size if size else None for hit, size in zip(hits, sizes, strict=True)]},
            tables={"confusion": confusion.tolist()},  # rows true, columns predicted
            answers={"labels": labels.cpu(), "predicted": predicted.cpu(), "probability": probability.cpu()},
        )


def calibration_error(confidence: Tensor, right: Tensor, bins: int = BINS) -> Tensor:
    """Σ n_b / n · |share right − mean confidence| over bins of equal width; a bin holds its lower edge.

    Shapes   confidence (n,) float in [0, 1], right (n,) bool → a scalar
    """
    edges = torch.linspace(0, 1, bins + 1, dtype=confidence.dtype, device=confidence.device)
    bin_of = torch.bucketize(confidence, edges, right=True) - 1
    count, sure, hits = (
        torch.zeros_like(edges).scatter_add_(0, bin_of, values)
        for values in (torch.ones_like(confidence), confidence, right.to(confidence.dtype))
    )
    gaps = ((hits / count).nan_to_num() - (sure / count).nan_to_num()).abs()
    return (gaps * (count / count.sum())).sum()


def per_image(answers: Mapping[str, Tensor]) -> Tensor:
    """One where the predicted class is the true one.

    Shapes   labels and predicted (n,) → (n,) float
    """
    return (answers["predicted"] == answers["labels"]).float()


def example(answers: Mapping[str, Tensor], i: int) -> dict[str, Any]:
    """The answer for one image, as JSON.

    Shapes   labels, predicted and probability (n,)
    """
    true, predicted, probability = (answers[name][i] for name in ("labels", "predicted", "probability"))
    return {"true": int(true), "predicted": int(predicted), "probability": float(probability)}


def class_probabilities(output: Tensor) -> Tensor:
    """The probability of each class, given that an image is of one of them.

    Shapes   output (n, classes) → the same
    """
    return output.float().softmax(1)


def logit(output: Tensor, chosen: Tensor) -> Tensor:
    """The logit of a class of each image.

    Shapes   output (n, classes), chosen (n,) int64 → (n,)
    """
    return output.gather(1, chosen[:, None]).squeeze(1)


def mean_probability(outputs: Sequence[Tensor], views: Sequence[View]) -> Tensor:  # noqa: ARG001 (a class has no place)
    """The logarithm of the mean probability over views.

    Shapes   outputs (n, classes) each → (n, classes) float32
    """
    logarithms = torch.stack([output.float().log_softmax(1) for output in outputs])
    return logarithms.logsumexp(0) - torch.tensor(float(len(logarithms))).log().item()


CLASSIFY = Task(
    name="classify",
    family_task="classify",
    noun="one class per image",
    hub_tag="image-classification",
    output="a score for each of {} classes",
    use=(
        "To name which of its classes an image shows, for images of the kind it learned from. It answers with one of these "
        "classes whatever it is shown: it has no way to say that an image shows none of them."
    ),
    measures=(ACCURACY, TOP5, CALIBRATION),
    loss=loss_of,
    meter=ClassMeter,
    per_image=per_image,
    image_measure=ACCURACY,
    probabilities=class_probabilities,
    example=example,
    score=logit,
    join=mean_probability,
    settings=frozenset({"label_smoothing", "mixup", "cutmix", "balance", "teacher", "distill", "temperature"}),
)
