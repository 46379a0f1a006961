"""The kernels of a layer, beside their random initialization."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..errors import InputError, unknown_name
from .subject import Subject

COUNT = 96
"""Kernels by default, or rows and columns of a matrix of 1x1 kernels."""

SILENT = 0.05
"""A kernel with less than this share of the largest norm counts as silent, whatever its color."""

Kernels = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Filters:
    """Kernels of one layer and their initialization, in the same order.

    Shapes   colored: (k, kh, kw, 3) · else (k, kh, kw) · of 1x1 layers the matrix (outputs, inputs)
    """

    name: str
    kind: str  # "colored", "plain" or "matrix"
    order: str  # how they are sorted, in words
    kernels: Kernels
    initial: Kernels
    places: tuple[tuple[int, ...], ...]  # of each kernel in the weights: (output,) or (output, input); of a matrix both axes
    total: int  # kernels of the layer
    shape: tuple[int, ...]  # of the weights


def filters(subject: Subject, layer: str | None = None, *, count: int = COUNT, seed: int = 0) -> Filters:
    """The kernels of a layer, by default the first one, beside their initialization.

    Raises   InputError for a layer without kernels, with the names of those that have some
    """
    name = layer or subject.stem
    weights = weights_of(subject.model, name, subject)
    with fixed_seed(seed):
        initial = weights_of(subject.fresh(), name, subject)
    if initial.shape != weights.shape:
        raise InputError(
            f"{name} has kernels {tuple(weights.shape)}, and {tuple(initial.shape)} before training: nothing to compare"
        )
    kind, pick = "plain", strongest_kernels
    if weights.shape[1] == 3 and name == subject.stem:
        kind, pick = "colored", kernels_by_color
    elif weights.shape[2:] == (1, 1) and weights.shape[1] > 1:
        kind, pick = "matrix", strongest_rows
    now, places, order, total = pick(weights.numpy(), count)
    return Filters(name, kind, order, now(weights.numpy()), now(initial.numpy()), places, total, tuple(weights.shape))


def kernel_layers(model: nn.Module, subject: Subject | None = None) -> list[str]:
    """The names of all layers that have kernels."""
    stem = "" if subject is None else subject.stem
    return [path for path, module in model.named_modules() if path and kernels_in(module, patches=path == stem) is not None]


def kernels_in(module: nn.Module, *, patches: bool = False, channels: int = 3) -> Tensor | None:
    """The kernels (outputs, inputs, kh, kw) of a layer: of a linear one only if it reads square patches of the image.

    Shapes   → (outputs, inputs, kh, kw)
    """
    parameter = module._parameters.get("weight")  # noqa: SLF001
    if parameter is None:
        return None
    weight = parameter.detach().float().cpu()
    if weight.ndim == 4:
        return weight
    if weight.ndim == 3 and min(weight.shape[1:]) > 1:  # one kernel for each connection
        return weight.unsqueeze(1)
    side = round((weight.shape[-1] / channels) ** 0.5) if weight.ndim == 2 else 0
    if patches and side * side * channels == weight.shape[-1]:
        return weight.reshape(-1, channels, side, side)
    return None


def weights_of(model: nn.Module, name: str, subject: Subject) -> Tensor:
    """The kernels of a layer by its name.

    Shapes   → (outputs, inputs, kh, kw)
    Raises   InputError where there are none
    """
    modules = dict(model.named_modules())
    if name not in modules:
        raise unknown_name("layer", name, kernel_layers(model, subject), "These have kernels.")
    weight = kernels_in(modules[name], patches=name == subject.stem, channels=subject.size[0])
    if weight is None:
        some = kernel_layers(model, subject)
        near = [path for path in some if path.startswith(f"{name}.")] or some
        listed = f"{', '.join(near[:6])}{f' and {len(near) - 6} more' if len(near) > 6 else ''}"
        raise InputError(f"{name} is a {type(modules[name]).__name__} and has no kernels; these have some: {listed}")
    return weight


Choice = tuple[Callable[[Kernels], Kernels], tuple[tuple[int, ...], ...], str, int]


def kernels_by_color(weights: Kernels, count: int) -> Choice:
    """The kernels with the largest norms, gray ones before colored ones, nearly silent ones last."""
    norms = np.sqrt((weights**2).sum((1, 2, 3)))
    gray = weights.mean(1, keepdims=True)
    color = ((weights - gray) ** 2).sum((1, 2, 3)) / np.maximum(norms**2, np.finfo(np.float32).tiny)
    color[norms < SILENT * norms.max()] = 2
    order = np.argsort(-norms, kind="stable")[:count]
    order = order[np.argsort(color[order], kind="stable")]
    return (
        lambda w: w[order].transpose(0, 2, 3, 1),
        tuple((int(i),) for i in order),
        "from gray to colored, nearly silent ones last",
        len(weights),
    )


def strongest_kernels(weights: Kernels, count: int) -> Choice:
    """The kernels between one input and one output with the largest norms."""
    outputs, inputs = weights.shape[:2]
    flat = weights.reshape(outputs * inputs, *weights.shape[2:])
    order = np.argsort(-(flat**2).sum((1, 2)), kind="stable")[:count]
    places = tuple((int(i) // inputs, int(i) % inputs) if inputs > 1 else (int(i),) for i in order)
    return lambda w: w.reshape(flat.shape)[order], places, "largest norm first", len(flat)


def strongest_rows(weights: Kernels, count: int) -> Choice:
    """The outputs and inputs of a 1x1 layer with the largest norms."""
    square = weights[:, :, 0, 0] ** 2
    rows = np.argsort(-square.sum(1), kind="stable")[:count]
    columns = np.argsort(-square.sum(0), kind="stable")[:count]
    places = tuple(map(int, rows)), tuple(map(int, columns))
    return lambda w: w[:, :, 0, 0][np.ix_(rows, columns)], places, "largest norms first", square.size


@contextmanager
def fixed_seed(seed: int) -> Iterator[None]:
    """Random numbers that depend on the seed alone; the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
