"""Attention over channels."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, relu


class SqueezeExcitation(nn.Module):
    """Every channel is scaled by a gate in [0, 1] that reads the global average of all: x · gate(W₂ activation(W₁ mean(x))).

    Shapes   x (n, c, h, w) → the same
    Source   Hu et al. 2017, arXiv:1709.01507, eq. 2 to 4
    """

    def __init__(
        self,
        c: int,
        waist: int,
        activation: Callable[..., Tensor] = relu,
        gate: Callable[[Tensor], Tensor] = torch.sigmoid,
    ) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(c, waist, 1)
        self.fc2 = nn.Conv2d(waist, c, 1)
        self.activation, self.gate = activation, gate

    def forward(self, x: Tensor) -> Tensor:
        y = self.activation(self.fc1(adaptive_avg_pool2d(x, 1)))
        return self.gate(self.fc2(y)) * x
