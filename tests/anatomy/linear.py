"""The referee of receptive fields: a network in which nothing can cancel, and a gradient that says what a unit depends on.

All weights are one, norms, activations and dropout do nothing, a maximum is a mean: every unit adds up, with positive weights,
what it sees. Then the pixels with a gradient are the receptive field.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from convatlas.ops.tap import tap

IDENTITY = frozenset(
    "relu relu_ relu6 silu gelu hardswish hardsigmoid sigmoid tanh softmax leaky_relu dropout "
    "batch_norm layer_norm local_response_norm".split()
)


class Level(torch.autograd.Function):
    """Makes every value and every gradient 0 or 1: after a thousand layers they would be neither zero nor finite."""

    @staticmethod
    def forward(_: Any, x: Tensor) -> Tensor:
        return (x > 0).to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(_: Any, gradient: Tensor) -> Tensor:
        return (gradient > 0).to(gradient.dtype)


class Linear(TorchFunctionMode):
    """Within it, networks without values (on the meta device) take real images and are linear and positive."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(function, "__name__", "")
        if name in IDENTITY:
            return args[0]
        if name.strip("_").lstrip("i").rstrip("_") in ("mul", "add", "sub") and (weight := [x for x in args if idle(x)]):
            y = next(x for x in args if x is not weight[0])  # scales and shifts
        elif name == "conv2d":
            y = convolved(*args, **kwargs)
        elif name == "linear":
            y = args[0].sum(-1, keepdim=True).expand(*args[0].shape[:-1], len(args[1]))
        elif "max_pool2d" in name:
            y = pooled(name, *args, **kwargs)
        else:
            y = function(*args, **kwargs)
        return Level.apply(y) if isinstance(y, Tensor) and y.requires_grad else y


def idle(x: object) -> bool:
    return isinstance(x, Tensor) and x.is_meta


def convolved(x: Tensor, weight: Tensor, _: object = None, *settings: Any) -> Tensor:
    """A convolution whose weights are all one: what a group's channels add up to, seen through a window, for each output."""
    c_out, _, *kernel = weight.shape
    groups = settings[3] if len(settings) > 3 else 1
    x = x.unflatten(1, (groups, -1)).sum(2)
    y = F.conv2d(x, torch.ones(groups, 1, *kernel, dtype=x.dtype), None, *settings)
    return y.repeat_interleave(c_out // groups, 1)


def pooled(name: str, x: Tensor, kernel: Any, *settings: Any, **more: Any) -> Tensor:
    """Means for maxima."""
    if "adaptive" in name:
        return F.adaptive_avg_pool2d(x, kernel)
    given = dict(zip(("stride", "padding"), settings, strict=False)) | more
    return F.avg_pool2d(x, kernel, given.get("stride"), given.get("padding", 0), given.get("ceil_mode", False))


def run(model: nn.Module, size: tuple[int, ...], names: Iterable[str]) -> tuple[Tensor, dict[str, Tensor]]:
    """An image of ones, and what the layers make of it."""
    x = torch.ones(1, *size, requires_grad=True)
    with Linear(), tap(model.eval(), *names) as taps:
        model(x)
    return x, dict(taps)


def measured(model: nn.Module, size: tuple[int, ...], names: Iterable[str]) -> dict[str, list[tuple[int, int]]]:
    """First and last pixel that the middle unit of each layer depends on, along height and width."""
    x, maps = run(model, size, names)
    return {name: support(y[..., y.shape[2] // 2, y.shape[3] // 2], x) for name, y in maps.items()}


def covered(model: nn.Module, size: tuple[int, ...], name: str) -> list[tuple[int, int]]:
    """First and last pixel that any unit of a layer depends on."""
    x, maps = run(model, size, [name])
    return support(maps[name], x)


def support(y: Tensor, x: Tensor) -> list[tuple[int, int]]:
    """Where the gradient of a sum is not zero."""
    (gradient,) = torch.autograd.grad(y.sum(), x, retain_graph=True)
    ends = []
    for dims in ((0, 1, 3), (0, 1, 2)):
        (at,) = gradient.abs().sum(dims).nonzero(as_tuple=True)
        ends.append((int(at[0]), int(at[-1])))
    return ends
