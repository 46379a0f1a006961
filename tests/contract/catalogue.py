"""The catalog as the contract tests take it: the smallest network of each family and kind, cut to what is quick to run."""

import math
from collections.abc import Iterator
from dataclasses import astuple
from functools import cache
from typing import Any

import torch
from selection import MODERATE, SMALLEST, networks
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from convatlas import catalog
from convatlas.models import CATALOG, count_parameters, create_model, create_on_meta

IMAGENET = [name for name in CATALOG if CATALOG[name].native_of(name).num_classes == 1000]
CLASSES = 5


def size(name: str) -> float:
    return catalog.ROWS[name].parameters if name in catalog.ROWS else math.inf


def kind(name: str) -> tuple[Any, ...]:
    """Variants of a family whose switches stand alike differ in numbers alone."""
    spec = CATALOG[name].variants[name]
    return CATALOG[name].name, *(value for value in astuple(spec) if isinstance(value, bool | str))


KINDS = [min((name for name in CATALOG if kind(name) == each), key=size) for each in dict.fromkeys(map(kind, CATALOG))]

QUICK = [name for name in SMALLEST if "heavy" not in CATALOG[name].tags]
NETWORKS = networks(KINDS, QUICK, MODERATE)


def tagged(name: str, tag: str) -> bool:
    return tag in CATALOG[name].tags


def without(tag: str, names: list[str]) -> list[str]:
    return [name for name in names if not tagged(name, tag)]


def slim(name: str) -> dict[str, Any]:
    return dict(CATALOG[name].slim)


def small(name: str, **options: Any) -> tuple[nn.Module, Tensor]:
    """The slim network for the smallest images it takes, with five classes, and a batch of four for it."""
    native = CATALOG[name].native_of(name)
    torch.manual_seed(0)
    options = {"num_classes": CLASSES, "image_size": native.smallest, "in_channels": native.in_channels} | slim(name) | options
    return create_model(name, **options), images(4, options["in_channels"], options["image_size"])


def images(n: int, c: int, h: int, w: int | None = None) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(n, c, h, w or h)


def meta(n: int, c: int, h: int, w: int | None = None) -> Tensor:
    return torch.empty(n, c, h, w or h, device="meta")


@cache
def layout(name: str, **options: Any) -> tuple[dict[str, tuple[int, ...]], int]:
    """Shapes by name, and the number of trainable parameters."""
    model = create_on_meta(name, **options)
    return {key: tuple(value.shape) for key, value in model.state_dict().items()}, count_parameters(model)


def shapes(name: str, **options: Any) -> dict[str, tuple[int, ...]]:
    return layout(name, **options)[0]


def tensors(*of: Any) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(of) if isinstance(leaf, Tensor))


def logits(output: Tensor | tuple[Tensor, ...]) -> Tensor:
    """Without those of auxiliary heads."""
    return output[0] if isinstance(output, tuple) else output


def belongs(key: str, *modules: str) -> bool:
    return key.startswith(tuple(f"{module}." for module in modules))


def features(name: str, model: nn.Module) -> int:
    """How many numbers the head reads: its inputs, or the codes' length where it has no weights."""
    head = model.get_submodule(CATALOG[name].heads[0])
    for attribute in ("in_features", "in_channels"):
        if hasattr(head, attribute):
            return getattr(head, attribute)
    return next(iter(head.buffers())).shape[1]
