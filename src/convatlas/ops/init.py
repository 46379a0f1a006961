"""How weights start."""

from typing import Literal

from torch import nn
from torch.nn import init


def he_normal(model: nn.Module, mode: Literal["fan_in", "fan_out"] = "fan_out") -> None:
    """Convolutions drawn from N(0, 2 / fan), so that a ReLU network keeps the variance of what flows through it.

    Biases start at zero. Linear layers keep PyTorch's own start.

    Source   He et al. 2015, arXiv:1502.01852, eq. 10 (fan_in: forward) and eq. 14 (fan_out: backward)
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            init.kaiming_normal_(module.weight, mode=mode, nonlinearity="relu")
            if module.bias is not None:
                init.zeros_(module.bias)


def normal_linear(model: nn.Module, std: float = 0.01) -> None:
    """Linear layers drawn from N(0, std²), biases at zero: every class starts equally likely."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            init.normal_(module.weight, std=std)
            if module.bias is not None:
                init.zeros_(module.bias)
