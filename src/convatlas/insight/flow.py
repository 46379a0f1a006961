"""Gradient flow: the gradient norm of each layer during training, and how far one step moves its weights.

A layer's gradient norm is ‖g‖, its update-to-weight ratio ‖Δw‖ / ‖w‖ of the step that the optimizer then makes.

Source   Glorot & Bengio 2010, Understanding the difficulty of training deep feedforward neural networks, AISTATS, §4 (norms by
         layer) · He et al. 2015, arXiv:1512.03385, §4.2 (plain networks that stop learning)
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..anatomy.layers import inspect
from ..data import Batches, Feed, Images
from ..engine.optim import make_optimizer
from ..engine.recipe import Recipe
from ..engine.task import Loss, total
from ..engine.tasks.classify import plain_loss
from ..errors import InputError
from ..models import create_model
from ..recipes import default
from .filters import fixed_seed
from .subject import Subject

STEPS = 40
SMALL_BATCH, LARGE_BATCH, LARGE = 64, 8, 64  # images a step: fewer of more than LARGE pixels a side
APART = 1e3
"""A gradient so many times smaller or larger than at the head is called vanishing or exploding: a convention."""
ENTRY = 4
"""What it is compared with: the median norm of the last quarter of the layers, where the gradient enters."""
HEALTHY = 1e-6, 1.0
"""Outside of these an update-to-weight ratio is called vanishing or exploding: a step so small that it is lost in float32, or
longer than the weights themselves. A convention, wide around the 1e-3 that is often aimed at."""


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """Gradients and updates of each layer with weights, at some steps of a short training and for the subject's own weights.

    Shapes   gradients and ratios (len(steps), layers), in the order of execution; trained (2, layers): both for the
             subject's own weights, with the first step of the same optimizer
    """

    title: str
    layers: tuple[str, ...]
    steps: tuple[int, ...]  # updates made before
    gradients: NDArray[np.float64]
    ratios: NDArray[np.float64]
    losses: tuple[float, ...]  # at these steps
    trained: NDArray[np.float64] | None  # None for an untrained network
    optimizer: str  # in words
    batch: int

    @property
    def first(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Vanishing and exploding layers before the first update."""
        return mark_layers(self.gradients[0], self.ratios[0])

    @property
    def last(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """The same at the last recorded step."""
        return mark_layers(self.gradients[-1], self.ratios[-1])


def mark_layers(gradients: NDArray[np.float64], ratios: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which layers vanish and which explode: by a norm far from those at the head, or by a step outside `HEALTHY`.

    Shapes   (layers,) each
    """
    finite = np.isfinite(gradients) & np.isfinite(ratios)
    head = gradients[-max(1, len(gradients) // ENTRY) :]
    entry = float(np.median(head[np.isfinite(head)])) if np.isfinite(head).any() else 0.0
    low, high = HEALTHY
    vanishing = finite & ((gradients < entry / APART) | (ratios < low))
    return vanishing, ~finite | (gradients > entry * APART) | (ratios > high)


def flow(subject: Subject, *, steps: int = STEPS, batch: int | None = None, seed: int = 0, name: str | None = None) -> Flow:
    """Trains a fresh copy of the network for a few dozen steps and records each layer's gradient and update on the way.

    The recipe is the one that `train` would take; its learning rate rises over the first quarter of the steps and then
    stays. `name` is a network to train in place of the subject's own, on the same images. Nothing of the subject changes.

    Raises   InputError without labels, or for a network without weights
    """
    images = subject.images if subject.train is None else subject.train
    if bool((images.labels < 0).any()):
        raise InputError(
            f"gradients need the classes of the images, and those of {subject.title} are not known: give a labeled data set"
        )
    if steps < 1:
        raise InputError(f"gradient flow needs at least one step, got {steps}")
    size = min(batch or (SMALL_BATCH if subject.image_size <= LARGE else LARGE_BATCH), len(images))
    feed = Feed(size, subject.image_size, subject.mean, subject.std, shuffle=True, seed=seed, drop_last=True)
    recipe = default(name or subject.name, "digits", batch_size=size)
    rates = [recipe.lr * min(1.0, (step + 1) / warmup_steps(recipe, steps)) for step in range(steps)]
    with fixed_seed(seed):
        fresh = subject.fresh() if name is None else create_model(
            name, num_classes=len(subject.classes), in_channels=subject.size[0], image_size=subject.image_size
        )  # fmt: skip
        layers = weight_names(fresh, subject.size)
        untrained = name is not None or have_same_weights(fresh, subject.model)
        records = record_training(fresh, recipe, layers, endless_batches(images, feed), rates, loss_of=plain_loss)
        trained = None
        if not untrained:
            copy = deepcopy(subject.model).requires_grad_(True)
            trained = record_training(copy, recipe, layers, endless_batches(images, feed), rates[:1], loss_of=plain_loss)[0][2]
    values = np.stack([row for _, _, row in records])
    optimizer = "SGD with momentum" if recipe.optimizer == "sgd" else "AdamW"
    return Flow(
        name or subject.title, tuple(layers), tuple(step for step, *_ in records), values[:, 0], values[:, 1],
        tuple(loss for _, loss, _ in records), trained,
        f"{optimizer}, learning rate {recipe.lr:g} from step {warmup_steps(recipe, steps)} on", size,
    )  # fmt: skip


def have_same_weights(a: nn.Module, b: nn.Module) -> bool:
    """Whether two networks have the same weights."""
    return all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))


def recorded_steps(steps: int) -> list[int]:
    """The steps to record: the first, the last and doubling ones between, counted by the updates before."""
    doubling = [0, *(2**i for i in range(2, steps.bit_length()) if 3 * 2**i < 2 * steps)]
    return sorted({*doubling, steps - 1})


def warmup_steps(recipe: Recipe, steps: int) -> int:
    """The step at which the learning rate reaches the recipe's."""
    return max(1, round(recipe.warmup * steps))


def weight_names(model: nn.Module, size: tuple[int, int, int]) -> dict[str, list[str]]:
    """Layers in the order of execution → the names of their kernels and matrices; scales, shifts and tables are left out.

    Raises   InputError for a network without trainable weights
    """
    own: dict[str, list[str]] = {}
    for name, parameter in model.named_parameters():
        path, _, last = name.rpartition(".")
        if last.endswith("weight") and parameter.requires_grad and parameter.numel() > max(parameter.shape, default=1):
            own.setdefault(path, []).append(name)
    order = inspect(model, size).in_order(own)
    if not order:
        raise InputError("the network has no layer with trainable weights: no gradient flows into it")
    return {path: own[path] for path in order}


def endless_batches(images: Images, feed: Feed) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of one epoch after the other, without end.

    Shapes   → x (n, c, h, w) and labels (n,) each
    """
    batches, number = Batches(images, feed), 0
    while True:
        yield from batches.epoch(number)
        number += 1


class StepMeasure:
    """Gradient norm and update-to-weight ratio of the layers around one step of the optimizer."""

    def __init__(self, model: nn.Module, layers: dict[str, list[str]]) -> None:
        parameters = dict(model.named_parameters())
        self.layers = [[parameters[name] for name in names] for names in layers.values()]
        self.before = [[p.detach().clone() for p in own] for own in self.layers]
        self.gradients = [norm([torch.zeros_like(p) if p.grad is None else p.grad for p in own]) for own in self.layers]

    def after(self) -> NDArray[np.float64]:
        """(2, layers)."""
        tiny = torch.finfo(torch.float32).tiny
        ratios = [
            norm([p.detach() - w for p, w in zip(own, was, strict=True)]) / max(norm(was), tiny)
            for own, was in zip(self.layers, self.before, strict=True)
        ]
        return np.array([self.gradients, ratios])


def norm(values: list[Tensor]) -> float:
    """The norm of all values together; in double precision, since squares of tiny gradients would be lost.

    Shapes   tensors of any shapes
    """
    return float(torch.stack([value.double().norm() for value in values]).norm())


StepRecord = tuple[int, float, NDArray[np.float64]]
"""Step, loss before it, and (2, layers): gradient norms and update-to-weight ratios."""


def record_training(
    model: nn.Module,
    recipe: Recipe,
    layers: dict[str, list[str]],
    batches: Iterator[tuple[Tensor, Tensor]],
    rates: list[float],
    *,
    loss_of: Loss,
) -> list[StepRecord]:
    """Gradients and updates of the layers at some steps of plain training.

    Shapes   batches of x (n, c, h, w) and labels (n,)
    """
    model.train()
    optimizer = make_optimizer({"network": model.parameters()}, recipe, "cpu")
    recorded, records = set(recorded_steps(len(rates))), []
    for step, rate in enumerate(rates):
        for group in optimizer.param_groups:
            group["lr"] = rate
        x, labels = next(batches)
        optimizer.zero_grad(set_to_none=True)
        with torch.enable_grad():
            loss = total(loss_of(model, x, labels))
            loss.backward()  # type: ignore[no-untyped-call]
        measured = StepMeasure(model, layers) if step in recorded else None
        optimizer.step()
        if measured:
            records.append((step, float(loss.detach()), measured.after()))
    return records
