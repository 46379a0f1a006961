"""From ResNet to ConvNeXt, one step at a time, on images of 32 pixels.

Each step keeps those before it, in the order of Liu et al. 2022 (arXiv:2201.03545, section 2 and figure 2), so that

    convatlas ablate examples/resnet_to_convnext.py:Net --vary step=0,1,2,3,4,5,6,7,8,9 --one-at-a-time --match macs

says what each gives at equal cost. Stages of three blocks stand for the paper's (3, 3, 9, 3).
"""

from torch import Tensor, nn

STEPS = (
    "bottleneck blocks of a ResNet",
    "patchify: the stem is one 2x2 convolution with stride 2",
    "the 3x3 convolution is depthwise, and as wide as the block",
    "inverted bottleneck: four times as wide inside",
    "the depthwise convolution comes first, and is 7x7",
    "GELU in place of ReLU",
    "one activation per block, between the 1x1 convolutions",
    "one norm per block, after the depthwise convolution",
    "LayerNorm over the channels in place of batch norm",
    "a norm and a 2x2 convolution of their own where the size is halved",
)


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of a map (n, c, h, w)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def norm(step: int, channels: int) -> nn.Module:
    """Batch norm, from step 8 on LayerNorm."""
    return ChannelNorm(channels, eps=1e-6) if step >= 8 else nn.BatchNorm2d(channels)


class Block(nn.Module):
    """x + F(x), and a ReLU after the sum up to step 5."""

    def __init__(self, step: int, c_in: int, c: int, stride: int) -> None:
        super().__init__()
        inside = max(1, c // 4) if step < 2 else c if step < 3 else 4 * c
        kernel = 3 if step < 4 else 7
        first = step >= 4  # the spatial convolution reads the block's input
        wide = c_in if first else inside
        spatial = nn.Conv2d(wide, wide, kernel, stride, kernel // 2, groups=wide if step >= 2 else 1)
        if first:
            convolutions = [spatial, nn.Conv2d(c_in, inside, 1), nn.Conv2d(inside, c, 1)]
        else:
            convolutions = [nn.Conv2d(c_in, inside, 1), spatial, nn.Conv2d(inside, c, 1)]
        layers: list[nn.Module] = []
        for place, convolution in enumerate(convolutions):
            layers.append(convolution)
            if step < 7 or place == 0:
                layers.append(norm(step, convolution.out_channels))
            if place == 1 or (place == 0 and step < 6):
                layers.append(nn.GELU() if step >= 5 else nn.ReLU())
        self.branch = nn.Sequential(*layers)
        same = c_in == c and stride == 1
        self.skip = nn.Identity() if same else nn.Sequential(nn.Conv2d(c_in, c, 1, stride), norm(step, c))
        self.after = nn.ReLU() if step < 5 else nn.GELU() if step < 6 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.skip(x) + self.branch(x))


class Net(nn.Module):
    """Three stages, each with half the pixels and twice the channels of the one before.

    Shapes   x (n, in_channels, h, w) → logits (n, num_classes)
    """

    def __init__(self, num_classes: int = 10, in_channels: int = 3, *, step: int = 0, width: int = 32, depth: int = 3) -> None:
        super().__init__()
        if not 0 <= step < len(STEPS):
            raise ValueError(f"step needs to be 0 to {len(STEPS) - 1}, got {step}")
        if step < 1:
            convolution = nn.Conv2d(in_channels, width, 3, padding=1)
            stem = [convolution, norm(step, width), nn.ReLU(), nn.MaxPool2d(2)]
        else:
            stem = [nn.Conv2d(in_channels, width, 2, 2), norm(step, width)]
        layers, c_in = list(stem), width
        for stage in range(3):
            c = width * 2**stage
            if step >= 9 and stage > 0:
                layers += [norm(step, c_in), nn.Conv2d(c_in, c, 2, 2)]
                c_in = c
            for place in range(depth):
                layers.append(Block(step, c_in, c, 2 if stage > 0 and place == 0 and step < 9 else 1))
                c_in = c
        self.body = nn.Sequential(*layers)
        last = [norm(step, c_in)] if step >= 9 else []
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), *last, nn.Flatten(), nn.Linear(c_in, num_classes))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))
