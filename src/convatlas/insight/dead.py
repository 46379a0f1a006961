"""Units that never fire, and activations that are saturated, layer by layer over a set of images.

A unit is a channel of an activation's output. It is dead if its activation is off at every place of every image. An activation
is saturated at a flat end, where hardly any gradient passes.

Source   Glorot & Bengio 2010, AISTATS, §3 (saturation) · Maas et al. 2013, Rectifier nonlinearities improve neural network
         acoustic models, ICML workshop (units that never activate)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..anatomy.layers import Anatomy, inspect
from ..errors import InputError, unknown_name
from ..ops.mode import eval_mode
from ..ops.paths import is_in_any, is_inside
from ..ops.trace import Operation, Trace
from .subject import BATCH, Subject

OFF = {"relu": 0.0, "relu6": 0.0, "hardswish": -3.0, "gelu": -2.7, "silu": -6.5}
"""Inputs up to which an activation is off: its output is zero, for GELU and SiLU within 0.01 of it."""

FLAT = 0.05
"""An activation is saturated where its slope is below this share of the steepest: |tanh| > 0.975, a sigmoid off by < 0.013."""

ENDS: dict[str, tuple[float, float]] = {
    "tanh": (-((1 - FLAT) ** 0.5), (1 - FLAT) ** 0.5),
    "sigmoid": ((1 - (1 - FLAT) ** 0.5) / 2, (1 + (1 - FLAT) ** 0.5) / 2),
    "hardsigmoid": (0.0, 1.0),
}
"""Outputs at and beyond which a squashing activation is saturated."""

ROOF = 6.0  # of ReLU6


@dataclass(frozen=True, slots=True, eq=False)
class Activity:
    """How often the units of one activation fired over all images.

    Shapes   fired (units,): the share of places at which each was on, or unsaturated if the activation squashes
    """

    name: str
    kind: str  # relu, tanh …
    fired: NDArray[np.float64]
    saturated: float | None  # share of all activations at a flat end; None for a kind without one
    shape: tuple[int, ...]  # of its output for one image

    @property
    def squashes(self) -> bool:
        return self.kind in ENDS

    @property
    def dead(self) -> int:
        """Units that were off, or saturated, everywhere."""
        return int((self.fired == 0).sum())

    @property
    def units(self) -> int:
        return len(self.fired)


class Tally:
    """Counts how often the units of one activation fire, batch by batch."""

    def __init__(self, operation: Operation, kind: str, axis: int) -> None:
        self.kind, self.axis = kind, axis
        self.shape = tuple(operation.output.shape[1:])
        units = operation.output.shape[axis]
        self.on = torch.zeros(units, dtype=torch.int64)
        self.flat = self.places = 0

    def add(self, x: Tensor, y: Tensor) -> None:
        if self.kind in ENDS:
            low, high = ENDS[self.kind]
            flat = (y <= low) | (y >= high)
            self.flat += int(flat.count_nonzero())
            on = ~flat
        else:
            on = y > 0 if OFF[self.kind] == 0 else x > OFF[self.kind]
            self.flat += int((y >= ROOF).count_nonzero()) if self.kind == "relu6" else 0
        self.on += count_true(on, self.axis).cpu()
        self.places += y.numel() // y.shape[self.axis]

    def activity(self, name: str) -> Activity:
        share = self.flat / (self.places * len(self.on)) if self.kind in ENDS or self.kind == "relu6" else None
        return Activity(name, self.kind, self.on.numpy() / self.places, share, self.shape)


def count_true(mask: Tensor, axis: int) -> Tensor:
    """How often each unit is true; bytes add up faster than bools.

    Shapes   mask (n, …) with the units along `axis`, 1 or −1 → (units,) int64
    """
    ones = mask.contiguous().view(torch.uint8)
    if axis == -1 or mask.ndim == 2:
        return ones.flatten(0, -2).sum(0)
    return ones.flatten(2).sum(2, dtype=torch.int32).sum(0)


def activity(subject: Subject, layers: Sequence[str] = (), *, batch: int = BATCH) -> list[Activity]:
    """The activity of all activations, or of those within some layers, over all images, in the order of execution.

    Raises   InputError for a network without an activation that can be off or saturated, or a layer without one
    """
    tallies: dict[str, Tally] = {}
    axis = 1

    def record(operation: Operation) -> None:
        nonlocal axis
        axis = AXES.get(operation.kind, axis)
        kind = activation(operation)
        if kind is None:
            return
        leaf = next(operation.module.children(), None) is None and operation.module is not subject.model
        name = operation.path if leaf else operation.name
        if name not in names:
            return
        if name not in tallies:
            tallies[name] = Tally(operation, kind, axis)
        tallies[name].add(operation.args[0] if operation.args else operation.kwargs["input"], operation.output)

    with torch.no_grad(), eval_mode(subject.model):
        names = layers_fed_by_image(inspect(subject.model, subject.size, name=subject.name))
        with Trace(subject.model, record):
            for x, _ in subject.batches(batch):
                subject.model(x)
    if not tallies:
        raise InputError(
            f"{subject.name} has no activation that can be off or saturated; these are known: {', '.join([*OFF, *ENDS])}"
        )
    for layer in layers:
        if not any(is_inside(name, layer) for name in tallies):
            raise unknown_name("layer with an activation", layer, tallies)
    return [tally.activity(name) for name, tally in tallies.items() if not layers or is_in_any(name, layers)]


def layers_fed_by_image(anatomy: Anatomy) -> set[str]:
    """The layers that depend on the image; tables computed from weights alone have activations too."""
    places, names = {-1}, set()
    for place, layer in enumerate(anatomy.layers):
        if places & set(layer.inputs):
            places.add(place)
            names.add(layer.name)
    return names


def activation(operation: Operation) -> str | None:
    """The kind of activation that an operation is, if it is one."""
    if operation.kind == "hardtanh" and isinstance(operation.module, nn.ReLU6):
        return "relu6"
    return operation.kind if operation.kind in OFF or operation.kind in ENDS else None


AXES = dict.fromkeys("conv2d batch_norm".split(), 1) | dict.fromkeys("linear layer_norm".split(), -1)
"""Layers with weights → where the units of what follows lie."""
