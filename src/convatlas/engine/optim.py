"""Optimizers: which parameters decay, and which step is fused."""

from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn, optim

from .recipe import Recipe

Parts = Mapping[str, Iterable[nn.Parameter]]


def parameter_groups(parts: Parts, weight_decay: float) -> list[dict[str, Any]]:
    """Kernels and matrices decay; norms, biases and other vectors don't, since shrinking them regularizes nothing.

    Scales that are stored as (c, 1, 1) are vectors too. Each group says which `part` of the network it is of.
    """
    groups = []
    for part, parameters in parts.items():
        vectors: list[nn.Parameter] = []
        matrices: list[nn.Parameter] = []
        for parameter in parameters:
            is_vector = max(parameter.shape, default=1) == parameter.numel()
            (vectors if is_vector else matrices).append(parameter)
        groups += [
            {"params": matrices, "weight_decay": weight_decay, "part": part},
            {"params": vectors, "weight_decay": 0.0, "part": part},
        ]
    return [group for group in groups if group["params"]]


def make_optimizer(parts: Parts, recipe: Recipe, device_type: str) -> optim.Optimizer:
    """SGD with Nesterov momentum or AdamW, fused into one kernel where the device has one."""
    groups = parameter_groups(parts, recipe.weight_decay)
    scaled_and_clipped = recipe.precision == "fp16" and recipe.clip is not None  # fused steps unscale where nobody can clip
    fused = device_type in ("cpu", "cuda") and not scaled_and_clipped
    if recipe.optimizer == "adamw":
        return optim.AdamW(groups, lr=recipe.lr, betas=(recipe.momentum, 0.999), fused=fused)
    return optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.momentum > 0, fused=fused)
