"""Axes in another order, as a layer."""

from torch import Tensor, nn


class Permute(nn.Module):
    """The axes in another order."""

    def __init__(self, *axes: int) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.axes)
