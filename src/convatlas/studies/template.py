"""A network of my own: residual blocks in three stages, each with half the pixels and twice the channels of the one before.

Its keywords are what to try: how wide it is, how deep, how large its kernels are, and whether its blocks have a skip.
"""

from torch import Tensor, nn


class Block(nn.Module):
    """Two convolutions; with a skip, the block's input is added to what they give (He et al. 2015, arXiv:1512.03385)."""

    def __init__(self, c_in: int, c_out: int, stride: int, kernel: int, skip: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2, bias=False)
        self.norm1 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, kernel, padding=kernel // 2, bias=False)
        self.norm2 = nn.BatchNorm2d(c_out)
        resize = nn.Identity() if c_in == c_out else nn.Conv2d(c_in, c_out, 1, stride, bias=False)
        self.skip = resize if skip else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(self.conv1(x)).relu()
        y = self.norm2(self.conv2(y))
        return (y if self.skip is None else y + self.skip(x)).relu()


class Net(nn.Module):
    """Called with the classes and channels of the data; every other keyword is an ablation: mynet.py:Net:width=48,skip=false.

    Shapes   x (n, in_channels, h, w) → logits (n, num_classes)
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 3,
        *,
        width: int = 32,
        depth: int = 1,
        kernel: int = 3,
        skip: bool = True,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(  # the norm and the activation have a quarter of the work after the pool
            nn.Conv2d(in_channels, width, 3, padding=1, bias=False), nn.MaxPool2d(2), nn.BatchNorm2d(width), nn.ReLU()
        )
        blocks, c_in = [], width
        for stage in range(3):
            for block in range(depth):
                c_out, stride = width * 2**stage, 2 if stage > 0 and block == 0 else 1
                blocks.append(Block(c_in, c_out, stride, kernel, skip))
                c_in = c_out
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c_in, num_classes))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(self.stem(x)))
