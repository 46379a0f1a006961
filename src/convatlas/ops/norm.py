"""Normalizations that PyTorch does not have, or has for fewer types and at twice the cost, and axes in the order they need."""

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, pad


class LayerNorm2d(nn.LayerNorm):
    """Layer norm over the channels of each pixel.

    Shapes   x (n, c, h, w) → the same
    Source   Liu et al. 2022, arXiv:2201.03545, §2.5
    """

    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(0, 2, 3, 1)
        x = layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


class LocalResponseNorm(nn.LocalResponseNorm):
    """x / (k + α · mean of x² over the `size` nearest channels)^β, as a sum of shifted maps.

    Shapes   x (n, c, h, w) → the same
    Source   Krizhevsky et al. 2012, §3.3, whose α multiplies the sum and is `size` times smaller
    """

    def forward(self, x: Tensor) -> Tensor:
        c = x.shape[1]
        squares = pad(x.square(), (0, 0, 0, 0, self.size // 2, (self.size - 1) // 2))
        total = squares[:, :c]
        for i in range(1, self.size):
            total = total + squares[:, i : i + c]
        return x / (self.k + self.alpha / self.size * total) ** self.beta


def recenter(x: Tensor) -> Tensor:
    """Images normalized by ImageNet's means and standard deviations, as if by 0.5 and 0.5: in [−1, 1], as Google trains.

    Shapes   x (n, c, h, w) → the same; a single channel takes the averages of the three, further ones take them in turn
    """
    scales = [std / 0.5 for std in (0.229, 0.224, 0.225)]
    shifts = [(mean - 0.5) / 0.5 for mean in (0.485, 0.456, 0.406)]
    if x.shape[1] == 1:
        return x * (sum(scales) / 3) + sum(shifts) / 3
    channels = (channel * scales[i % 3] + shifts[i % 3] for i, channel in enumerate(x.unbind(1)))
    return torch.stack([*channels], 1)


class Permute(nn.Module):
    """The axes in another order, so that a layer norm or a linear layer acts on channels.

    Shapes   x → x.permute(axes)
    """

    def __init__(self, *axes: int) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.axes)
