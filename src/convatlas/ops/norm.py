"""Normalizations that PyTorch does not have."""

from torch import Tensor, nn
from torch.nn.functional import layer_norm


class LayerNorm2d(nn.LayerNorm):
    """Layer norm over the channels of each pixel.

    Shapes   x (n, c, h, w) → the same
    Source   Liu et al. 2022, arXiv:2201.03545, §2.5
    """

    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(0, 2, 3, 1)
        x = layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)
