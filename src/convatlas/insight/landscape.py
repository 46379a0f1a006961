"""The loss around a network's weights, along two random directions.

Each direction is normal noise whose filters are made as long as the network's own, so that networks of different scale can be
compared: d ← d / ‖d‖ · ‖w‖ for each filter (a convolution's, or a row of a linear layer). Norms, biases and other gains stay.

Source   Li et al. 2018, Visualizing the Loss Landscape of Neural Nets, arXiv:1712.09913, §4
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from ..engine.evaluate import evaluate
from ..engine.task import Meter
from ..errors import InputError

STEPS = 13
REACH = 1.0

Weights = dict[str, Tensor]
Batches = Callable[[], Iterable[tuple[Tensor, Tensor]]]


@dataclass(frozen=True, eq=False)
class Landscape:
    """Loss and accuracy on a grid around the weights, which are in its middle.

    Shapes   along (steps,); loss and accuracy (steps, steps), rows along the second direction
    Units    loss in nats, accuracy in [0, 1]; a step of 1 is as long as the weights themselves, filter by filter
    """

    along: NDArray[np.float64]
    loss: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    images: int
    seed: int

    @property
    def center(self) -> float:
        """The loss of the network as it is."""
        middle = len(self.along) // 2
        return float(self.loss[middle, middle])


def landscape(
    model: nn.Module, batches: Batches, meter: Callable[[], Meter], *, reach: float = REACH, steps: int = STEPS, seed: int = 0,
    progress: Callable[[int, int], object] = lambda *_: None,
) -> Landscape:  # fmt: skip
    """Evaluates the network at each point of a grid; its weights and mode are never touched.

    `batches` gives the same images and labels whenever it is called, `meter` a new meter of loss and accuracy; `progress` is
    called with the points done and their number.

    Shapes   batches of x (n, c, h, w) and labels (n,)
    Raises   InputError for an even number of steps, whose grid would not hold the network itself, and for no images
    """
    if steps < 3 or steps % 2 == 0:
        raise InputError(f"a landscape needs an odd number of steps, 3 or more, with the network in the middle, got {steps}")
    if not 0 < reach < float("inf"):
        raise InputError(f"a landscape needs a reach above 0, got {reach:g}")
    first, second = (direction(model, 2 * seed + i) for i in range(2))
    if not first:
        raise InputError(f"{type(model).__name__} has no filters to go along")
    weights = {name: model.get_parameter(name) for name in first}
    along = np.linspace(-reach, reach, steps)
    loss, accuracy = np.empty((steps, steps)), np.empty((steps, steps))
    images = 0
    for row, b in enumerate(along):
        for column, a in enumerate(along):
            with torch.no_grad():
                moved = {name: w + float(a) * first[name] + float(b) * second[name] for name, w in weights.items()}
            scores = evaluate(WithWeights(model, moved), checked_batches(batches()), meter())
            loss[row, column], accuracy[row, column] = scores.figures["loss"], scores.figures["accuracy"]
            images = scores.n
            progress(row * steps + column + 1, steps * steps)
    return Landscape(along, loss, accuracy, images, seed)


def direction(model: nn.Module, seed: int) -> Weights:
    """Noise for each weight that has filters, each as long as the filter it moves."""
    chance = torch.Generator().manual_seed(seed)
    directions = {}
    for name, w in model.named_parameters():
        if w.ndim < 2 or w[0].numel() < 2 or "bias" in name.rpartition(".")[2] or not w.is_floating_point():
            continue
        noise = torch.randn(w.shape, generator=chance).to(w)
        length = w.detach().flatten(1).norm(dim=1) / noise.flatten(1).norm(dim=1)
        directions[name] = noise * length.view(-1, *[1] * (w.ndim - 1))
    return directions


class WithWeights(nn.Module):
    """A network with some of its weights exchanged."""

    def __init__(self, model: nn.Module, weights: Weights) -> None:
        super().__init__()
        self.model, self.weights = model, weights

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = functional_call(self.model, self.weights, (x,))
        return logits


def checked_batches(batches: Iterable[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches, at least one.

    Raises   InputError if there are none
    Shapes   batches of x (n, c, h, w) and labels (n,)
    """
    images = 0
    for x, y in batches:
        images += len(y)
        yield x, y
    if not images:
        raise InputError("a landscape needs images with labels, and there were none")
