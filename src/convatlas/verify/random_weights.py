"""Networks built without initialization, and random weights under which every part affects the result."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode

RATES = ("p", "drop_prob", "drop_rate", "dropout_rate")  # what modules call the probability of dropping something


class Hollow(TorchFunctionMode):
    """Derived tables get their values, weights neither values nor memory: `torch.empty` goes to the meta device."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = dict(kwargs or {})
        if function is torch.empty:
            options["device"] = "meta"
        return function(*args, **options)


def empty_model(build: Callable[[], nn.Module], dtype: torch.dtype, *, tables: bool = True) -> nn.Module:
    """A network without weights yet; all of it on the meta device if `tables` is False.

    Some networks compute their widths with tensors, so they can't be built on that device.
    """
    with Hollow():
        model = build().to(dtype)
    return model if tables else model.to("meta")


def randomize_weights(model: nn.Module) -> None:
    """Weights that keep the variance of what they read, everything else at random: at their start (1, 0, 1e-6) a scale, a norm
    or a bias that is missing would go unnoticed.
    """
    for module in model.modules():
        for key, p in module._parameters.items():  # noqa: SLF001 (a parameter on the meta device can only be replaced)
            if p is not None:
                value = nn.Parameter(draw_value(key, p), requires_grad=p.requires_grad)
                module._parameters[key] = value  # noqa: SLF001


def draw_value(key: str, p: Tensor) -> Tensor:
    """A value for one parameter.

    Shapes   any → the same
    """
    value = torch.empty(p.shape, dtype=p.dtype)
    if p.ndim > 1 and key.endswith("weight"):
        gain = 2 if p.ndim == 4 else 1  # a ReLU halves what a convolution gives
        return value.normal_(std=(gain / p[0].numel()) ** 0.5)
    if key.endswith("bias"):
        return value.uniform_(-0.5, 0.5)
    return value.uniform_(0.5, 1.5)


def calibrate_batch_norms(model: nn.Module, x: Tensor) -> None:
    """Batch norms get the statistics of these images with a random factor: else deep networks would overflow in evaluation.

    Shapes   x (n, c, h, w)
    """
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        model.train()(x)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            for value in (norm.running_mean, norm.running_var):
                if value is not None:
                    value.mul_(torch.empty_like(value).uniform_(0.8, 1.2))


def without_dropout(model: nn.Module) -> None:
    """No dropout and no stochastic depth."""
    for module in model.modules():
        for rate in RATES:
            if isinstance(getattr(module, rate, None), float):
                setattr(module, rate, 0.0)


@contextmanager
def without_fused_attention() -> Iterator[None]:
    """PyTorch's attention step by step, as in training: the fused kernel that evaluation may take rounds differently."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
