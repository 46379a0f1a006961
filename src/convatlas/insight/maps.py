"""Feature maps of an image: the channels of layers over the whole depth of the network."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, takewhile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..anatomy.layer import Layer, Shape
from ..anatomy.layers import Anatomy, inspect
from ..errors import InputError
from ..ops.layout import layout_of
from ..ops.mode import eval_mode
from ..ops.paths import is_inside
from ..ops.tap import tap
from .subject import Subject

ROWS, CHANNELS = 8, 8
ENOUGH = 4  # blocks; of a network with fewer the activations are shown
MOST = 0.5  # of all parameters; a module with a larger share is no block but the trunk
ACTIVATIONS = frozenset("relu relu6 silu gelu hardswish tanh sigmoid".split())
ACTIVATING = frozenset("ReLU ReLU6 SiLU GELU Hardswish Tanh Sigmoid ScaledTanh".split()) | ACTIVATIONS


@dataclass(frozen=True, slots=True, eq=False)
class Maps:
    """The strongest channels of one layer for one image.

    Shapes   maps (k, h, w) float32, strongest first; channels and strengths (k,)
    """

    name: str
    shape: Shape  # of the layer's output for one image, as the network has it
    channels: tuple[int, ...]
    strengths: tuple[float, ...]  # mean absolute activation; after a ReLU that is the mean
    maps: NDArray[np.float32]
    total: int  # channels of the layer
    tokens: bool  # whether the grid was made of tokens

    @property
    def signed(self) -> bool:
        """Whether values below zero matter, unlike after a ReLU or a GELU."""
        return float(self.maps.min()) < -0.1 * float(np.abs(self.maps).max())


def feature_maps(
    subject: Subject, place: int, layers: Sequence[str] = (), *, rows: int = ROWS, count: int = CHANNELS
) -> list[Maps]:
    """The strongest channels of these layers for an image, or of layers spread evenly over the depth.

    Raises   InputError for a layer that does not exist or has no height and width, with names that have both
    """
    with torch.no_grad(), eval_mode(subject.model):
        anatomy = inspect(subject.model, subject.size, name=subject.name)
        names = list(layers) or spread_layers(subject.model, anatomy, rows)
        with tap(subject.model, *names) as taps:
            subject.model(subject.x([place]))
        return [strongest_channels(name, taps[name], anatomy, subject.model, count) for name in names]


def strongest_channels(name: str, y: object, anatomy: Anatomy, model: nn.Module, count: int) -> Maps:
    """The channels of a layer's output with the largest mean absolute activation.

    Shapes   y (1, c, h, w), or tokens (1, t, c)
    Raises   InputError where height and width are gone
    """
    layout = layout_of(y.shape, anatomy.size) if isinstance(y, Tensor) and len(y) == 1 else None
    if layout is None or not isinstance(y, Tensor):
        shape = tuple(y.shape) if isinstance(y, Tensor) else type(y).__name__
        examples = ", ".join(spread_layers(model, anatomy, ENOUGH))
        raise InputError(f"{name} gives {shape}, which has no height and width; layers that have both: {examples}")
    planes = layout.maps(y)[0].float().cpu()
    strength = planes.abs().mean((1, 2))
    order = strength.argsort(descending=True, stable=True)[:count]
    return Maps(
        name, tuple(y.shape[1:]), tuple(order.tolist()), tuple(strength[order].tolist()), planes[order].numpy(), len(planes),
        tokens=y.ndim == 3,
    )  # fmt: skip


def spread_layers(model: nn.Module, anatomy: Anatomy, count: int = ROWS) -> list[str]:
    """Layers with height and width, spread evenly over the stages of a network; of each stage the last before others.

    Raises   InputError for a network without any
    """
    chain = block_names(model)
    names = stem_layers(anatomy, chain[0]) if chain else []
    names += [name for name in chain if (layer := last_layer(anatomy, name)) and layer.layout(anatomy.size)]
    if len(names) < ENOUGH:
        names = [layer.name for layer in anatomy.layers if layer.kind in ACTIVATING and layer.layout(anatomy.size)]
    if not names:
        names = [layer.name for layer in anatomy.layers if layer.kind == "Conv2d" and layer.layout(anatomy.size)]
    if not names:
        raise InputError(f"no layer of {anatomy.name or 'the network'} has height and width: there are no maps to show")
    stages = [list(group) for _, group in groupby(names, key=lambda name: map_width(last_layer(anatomy, name), anatomy))]
    if len(stages) > count:
        return [stages[i][-1] for i in evenly_spaced(len(stages), count)]
    counts = [1] * len(stages)
    while sum(counts) < min(count, len(names)):
        needy = max((i for i, names in enumerate(stages) if counts[i] < len(names)), key=lambda i: len(stages[i]) / counts[i])
        counts[needy] += 1
    return [names[i] for names, k in zip(stages, counts, strict=True) for i in evenly_spaced(len(names), k)]


def evenly_spaced(n: int, k: int) -> list[int]:
    """k of n places, evenly, the last one among them."""
    return [(i + 1) * n // k - 1 for i in range(k)]


def block_names(model: nn.Module) -> list[str]:
    """The modules that a network is a chain of, without mere sequences of modules and a trunk that holds most parameters."""
    total = sum(p.numel() for p in model.parameters())

    def below(module: nn.Module, path: str) -> list[str]:
        names = []
        for name, child in module.named_children():
            here = f"{path}{name}"
            inner = [m for m in child.children() if next(m.children(), None) is not None]
            row = isinstance(child, nn.Sequential | nn.ModuleList)
            trunk = sum(p.numel() for p in child.parameters()) > MOST * total
            if inner and (row or trunk):
                names += below(child, f"{here}.")
            elif next(child.children(), None) is not None:
                names.append(here)
        return names

    return below(model, "")


def stem_layers(anatomy: Anatomy, first: str) -> list[str]:
    """The last activation before the first block, or the first layer if there is none; empty if that block takes the image."""
    before = list(takewhile(lambda layer: not within(layer, first), anatomy.layers))
    names = [layer.name for layer in before if layer.layout(anatomy.size)]
    return [layer.name for layer in before if layer.kind in ACTIVATING and layer.layout(anatomy.size)][-1:] or names[:1]


def within(layer: Layer, name: str) -> bool:
    """Whether a row is a layer or block of this name, or in it."""
    return name == layer.name or is_inside(layer.module, name)


def last_layer(anatomy: Anatomy, name: str) -> Layer | None:
    """The last row of a layer or block, if it ran."""
    return next((layer for layer in reversed(anatomy.layers) if within(layer, name)), None)


def map_width(layer: Layer | None, anatomy: Anatomy) -> int:
    """The width of a layer's map; 0 without one."""
    layout = layer.layout(anatomy.size) if layer else None
    return layout.width if layout else 0
