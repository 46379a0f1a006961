"""Inverted residuals: thin between blocks, wide inside them."""

from torch import Tensor, nn
from torch.nn.functional import silu

from .conv import Conv
from .droppath import DropPath
from .inplace import InplaceSequential
from .squeeze import SqueezeExcitation


class InvertedResidual(nn.Module):
    """The branch, and its input added where that has the same shape; while training whole branches are skipped at random.

    Source   Sandler et al. 2018, arXiv:1801.04381, figure 3
    """

    def __init__(self, branch: InplaceSequential, *, adds: bool, drop_path: float) -> None:
        super().__init__()
        self.block = branch
        self.drop_path = DropPath(drop_path if adds else 0)
        self.adds = adds

    def forward(self, x: Tensor) -> Tensor:
        y = self.block(x)
        return x + self.drop_path(y) if self.adds else y


class MBConv(InvertedResidual):
    """1x1 to `expansion` times the channels, depthwise kernel, squeeze-and-excitation, 1x1 to the output's channels.

    Shapes   x (n, c_in, h, w) → (n, c_out, h / stride, w / stride), rounded up
    Source   Tan et al. 2018, arXiv:1807.11626, figure 7; differs: the squeeze keeps a quarter of the block's input channels
    """

    def __init__(
        self, conv: Conv, c_in: int, c_out: int, kernel: int, *, stride: int, expansion: int, squeeze: bool, drop_path: float
    ) -> None:
        c = c_in * expansion
        super().__init__(
            InplaceSequential(
                *([conv(c_in, c, 1)] if expansion > 1 else []),
                conv(c, c, kernel, stride, groups=c),
                SqueezeExcitation(c, max(1, c_in // 4), activation=silu) if squeeze else nn.Identity(),
                conv(c, c_out, 1, activation=None),
            ),
            adds=stride == 1 and c_in == c_out,
            drop_path=drop_path,
        )
