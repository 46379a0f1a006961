"""What training makes small: cross-entropy, weighted or smoothed, and how far the answers are from a teacher's."""

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn.functional import kl_div

from ...ops.loss import AUXILIARY, entropy, heads
from ..hardware import autocast, choose_precision
from ..recipe import Recipe


class Objective:
    """The loss of a batch: `objective(model(x), x, y)`.

    With a teacher it is (1 − distill) · cross-entropy + distill · T² · KL(teacher ‖ student), with both softened by the
    temperature T; auxiliary heads take cross-entropy alone. The teacher is put into evaluation mode and lies on the
    network's device.

    Shapes   output logits (n, classes) or (logits, auxiliary logits, …), x as the network takes it,
             y (n,) int64 or (n, classes) float, rows that sum to one → a scalar
    Source   Hinton et al. 2015, arXiv:1503.02531, §2
    """

    def __init__(self, recipe: Recipe, class_weights: Tensor | None = None, teacher: nn.Module | None = None) -> None:
        self.recipe, self.weights = recipe, class_weights
        self.teacher = teacher.eval() if teacher is not None else None

    def __call__(self, output: Tensor | tuple[Tensor, ...], x: Tensor, y: Tensor) -> Tensor:
        recipe = self.recipe
        logits, *auxiliary = heads(output)
        loss = entropy(logits, y, recipe.label_smoothing, self.weights)
        if self.teacher is not None:
            loss = (1 - recipe.distill) * loss + recipe.distill * self.distance(logits, self.answers(self.teacher, x))
        for more in auxiliary:
            loss = loss + AUXILIARY * entropy(more, y, recipe.label_smoothing, self.weights)
        return loss

    def distance(self, logits: Tensor, answers: Tensor) -> Tensor:
        """T² · KL(teacher ‖ student), the mean over images: T² keeps gradients as large as cross-entropy's, whatever T is."""
        temperature = self.recipe.temperature
        student, teacher = ((z.float() / temperature).log_softmax(1) for z in (logits, answers))
        return temperature**2 * kl_div(student, teacher, reduction="batchmean", log_target=True)

    def answers(self, teacher: nn.Module, x: Tensor) -> Tensor:
        """The teacher's logits, in the precision the network itself computes with."""
        device = x.device.type
        with torch.no_grad(), autocast(precision(self.recipe.precision, device), device):
            return heads(teacher(x))[0]


precision = cache(choose_precision)


def class_weights(labels: Tensor, classes: int) -> Tensor:
    """n / (k · n_c): every class weighs the same in total, and the mean over images is one.

    Classes without an image weigh nothing and don't count among the k.

    Shapes   labels (n,) int64 → (classes,) float
    """
    counts = torch.bincount(labels, minlength=classes)
    weights = len(labels) / ((counts > 0).sum() * counts.clamp(min=1))
    return weights.where(counts > 0, 0.0).float()
