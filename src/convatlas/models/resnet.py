"""ResNet: learn the change, not the value.

Every block computes y = relu(F(x) + x): if the best change is none, F only has to learn zero, so depth no longer hurts.

Papers   He et al. 2015, arXiv:1512.03385 · Xie et al. 2016, 1611.05431 (ResNeXt) · Zagoruyko 2016, 1605.07146 (Wide)
Differs  Bottlenecks stride in the 3x3, not in the first 1x1 as the paper's do ("v1.5"): the published weights were trained so.
Small    Up to 64 pixels conv1 is 3x3 with stride 1 and the max-pool is left out: stages at stride 1, 2, 4, 8.
Names    conv1 bn1 = stem · layer1..4 = stages at stride 4, 8, 16, 32 · downsample = shortcut · fc = head ·
         relu_after, add_: relu and + that reuse memory where no hook looks
"""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.functional import relu

from ..ops.init import he_normal
from ..ops.inplace import add_, relu_after
from .family import HALVED, SMALL, Family, Group, Idea, Paper, Printed, Sides, Suits


@dataclass(frozen=True, slots=True)
class Spec:
    """A row of table 1."""

    depths: tuple[int, int, int, int]  # blocks in each stage
    bottleneck: bool = True  # 1x1-3x3-1x1 instead of 3x3-3x3
    groups: int = 1  # cardinality of the 3x3 (ResNeXt)
    base_width: int = 64  # channels per group in stage 1; 128 doubles the waist (Wide ResNet)
    width: int = 64  # channels of the stem
    shortcut: bool = True  # False: the plain network of the paper's figure 4
    dilated: tuple[bool, bool, bool] = (False, False, False)  # stages 2 to 4 that dilate their 3x3 instead of striding


VARIANTS = {
    "resnet18":         Spec((2, 2, 2, 2), bottleneck=False),
    "resnet34":         Spec((3, 4, 6, 3), bottleneck=False),
    "resnet50":         Spec((3, 4, 6, 3)),
    "resnet101":        Spec((3, 4, 23, 3)),
    "resnet152":        Spec((3, 8, 36, 3)),
    "resnext50_32x4d":  Spec((3, 4, 6, 3), groups=32, base_width=4),
    "resnext101_32x8d": Spec((3, 4, 23, 3), groups=32, base_width=8),
    "resnext101_64x4d": Spec((3, 4, 23, 3), groups=64, base_width=4),
    "wide_resnet50_2":  Spec((3, 4, 6, 3), base_width=128),
    "wide_resnet101_2": Spec((3, 4, 23, 3), base_width=128),
}  # fmt: skip


def conv(c_in: int, c_out: int, kernel: int, stride: int = 1, groups: int = 1, *, dilation: int = 1) -> nn.Conv2d:
    """A convolution that keeps the size at stride 1; no bias, since batch norm follows and brings one."""
    return nn.Conv2d(c_in, c_out, kernel, stride, dilation * (kernel // 2), dilation, groups, bias=False)


class BasicBlock(nn.Module):
    """3x3, 3x3 (figure 5, left)."""

    expansion = 1

    def __init__(self, spec: Spec, c_in: int, width: int, stride: int, dilation: int) -> None:
        super().__init__()
        if dilation != 1:
            raise ValueError("basic blocks are dilated in no published network: add bottleneck=True")
        if (spec.groups, spec.base_width) != (1, 64):
            raise ValueError("basic blocks have no waist for groups or base_width to act on: add bottleneck=True")
        self.conv1 = conv(c_in, width, 3, stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv(width, width, 3)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = shortcut(c_in, width, stride) if spec.shortcut else None

    def forward(self, x: Tensor) -> Tensor:
        y = relu_after(self.bn1, self.conv1(x))
        y = self.bn2(self.conv2(y))
        if self.downsample is None:
            return relu(y)
        return add_(self.downsample(x), y, after=self.bn2).relu_()


class Bottleneck(nn.Module):
    """1x1 down to the waist, 3x3 there, 1x1 up to four times the width (figure 5, right)."""

    expansion = 4

    def __init__(self, spec: Spec, c_in: int, width: int, stride: int, dilation: int) -> None:
        super().__init__()
        waist = width * spec.base_width // 64 * spec.groups
        c_out = width * self.expansion
        self.conv1 = conv(c_in, waist, 1)
        self.bn1 = nn.BatchNorm2d(waist)
        self.conv2 = conv(waist, waist, 3, stride, spec.groups, dilation=dilation)
        self.bn2 = nn.BatchNorm2d(waist)
        self.conv3 = conv(waist, c_out, 1)
        self.bn3 = nn.BatchNorm2d(c_out)
        self.downsample = shortcut(c_in, c_out, stride) if spec.shortcut else None

    def forward(self, x: Tensor) -> Tensor:
        y = relu_after(self.bn1, self.conv1(x))
        y = relu_after(self.bn2, self.conv2(y))
        y = self.bn3(self.conv3(y))
        if self.downsample is None:
            return relu(y)
        return add_(self.downsample(x), y, after=self.bn3).relu_()


def shortcut(c_in: int, c_out: int, stride: int) -> nn.Module:
    """The identity, or a 1x1 projection where the shape changes (option B, §3.3)."""
    if stride == 1 and c_in == c_out:
        return nn.Identity()
    return nn.Sequential(conv(c_in, c_out, 1, stride), nn.BatchNorm2d(c_out))


def stage(spec: Spec, number: int, c_in: int) -> nn.Sequential:
    """Stage 1 to 4: every stage halves the size (the first one excepted, the stem did so) and doubles the width.

    A dilated one keeps the size and doubles the dilation from its second block on; the first keeps the dilation before it.
    """
    block = Bottleneck if spec.bottleneck else BasicBlock
    width = spec.width * 2 ** (number - 1)
    strides = [1, *(1 if dilated else 2 for dilated in spec.dilated)]
    before, dilation = (2 ** strides[1:end].count(1) for end in (max(number - 1, 1), number))
    first = block(spec, c_in, width, strides[number - 1], before)
    rest = (block(spec, width * block.expansion, width, 1, dilation) for _ in range(spec.depths[number - 1] - 1))
    return nn.Sequential(first, *rest)


class ResNet(nn.Module):
    """Stem, four stages, global average, one linear layer.

    Shapes   x (n, in_channels, h, w) float → (n, num_classes); num_classes 0 → (n, 2048), or (n, 512) with basic blocks
    """

    def __init__(self, spec: Spec, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        small = image_size <= SMALL
        out = spec.width * (Bottleneck if spec.bottleneck else BasicBlock).expansion  # channels after stage 1
        self.conv1 = conv(in_channels, spec.width, 3) if small else conv(in_channels, spec.width, 7, stride=2)
        self.bn1 = nn.BatchNorm2d(spec.width)
        self.maxpool = nn.Identity() if small else nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = stage(spec, 1, spec.width)
        self.layer2 = stage(spec, 2, out)
        self.layer3 = stage(spec, 3, 2 * out)
        self.layer4 = stage(spec, 4, 4 * out)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8 * out, num_classes) if num_classes else nn.Identity()
        he_normal(self)

    def maps(self, x: Tensor) -> Iterator[Tensor]:
        """The map of each stage.

        Shapes   x (n, in_channels, h, w) → (n, c, h/4, w/4), (n, 2c, h/8, w/8), (n, 4c, h/16, w/16), (n, 8c, h/32, w/32)
        """
        x = self.maxpool(relu_after(self.bn1, self.conv1(x)))
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            yield x

    def forward(self, x: Tensor) -> Tensor:
        for y in self.maps(x):
            last = y
        return self.fc(self.avgpool(last).flatten(1))


NORMALIZED = (("convolution", "conv"), ("normalization", "bn"))  # transformers' words for our layers
TABLE_1 = "He et al. 2015, table 1"
STRIDE = "the published weights stride in the 3x3, the paper in the 1x1 before it"
RESNEXT, WIDE = (tuple(name for name in VARIANTS if name.startswith(start)) for start in ("resnext", "wide"))

FAMILY = Family(
    name="resnet",
    title="ResNet",
    papers=(
        Paper("He et al.", 2015, "Deep Residual Learning for Image Recognition", "arXiv:1512.03385"),
        Paper("Xie et al.", 2016, "Aggregated Residual Transformations for Deep Neural Networks", "arXiv:1611.05431"),
        Paper("Zagoruyko and Komodakis", 2016, "Wide Residual Networks", "arXiv:1605.07146"),
    ),
    ideas=(Idea("vgg", "3x3 everywhere; half the size, twice the channels", "He et al. 2015, §3.3"),),
    groups=(
        Group("resnext", "ResNeXt", RESNEXT, (
            Idea("resnet", "blocks of one shape, repeated", "Xie et al. 2016, §3.1"),
            Idea("googlenet", "split, transform, merge: many paths in a block", "Xie et al. 2016, §1"),
        )),
        Group("wide_resnet", "Wide ResNet", WIDE, (
            Idea("resnet", "bottlenecks, twice as wide inside", "Zagoruyko and Komodakis 2016, §3"),
        )),
    ),
    build=ResNet,
    variants=VARIANTS,
    suits=Suits("sgd", lr=0.2, weight_decay=5e-4),
    slim={"width": 16, "depths": (2, 1, 1, 1)},
    stem="conv1",
    heads=("fc",),
    renames=(
        (r"^resnet\.", ""),  # transformers'
        *((rf"^embedder\.embedder\.{theirs}\.", f"{ours}1.") for theirs, ours in NORMALIZED),
        *((rf"^encoder\.stages\.{i}\.layers\.", f"layer{i + 1}.") for i in range(4)),
        (r"\.shortcut\.convolution\.", ".downsample.0."), (r"\.shortcut\.normalization\.", ".downsample.1."),
        *((rf"\.layer\.{i}\.{theirs}\.", f".{ours}{i + 1}.") for i in range(3) for theirs, ours in NORMALIZED),
        (r"^classifier\.1\.", "fc."),
    ),
    years=dict.fromkeys((*RESNEXT, *WIDE), 2016),
    printed={
        "resnet18":        Printed("", "1.8G", TABLE_1),
        "resnet50":        Printed("", "3.8G", TABLE_1, ours="4.1G", why=STRIDE),
        "resnet101":       Printed("", "7.6G", TABLE_1, ours="7.8G", why=STRIDE),
        "resnet152":       Printed("", "11.3G", TABLE_1, ours="11.5G", why=STRIDE),
        "resnext50_32x4d": Printed("25.0M", "4.2G", "Xie et al. 2016, table 1"),
    },
    sides={"resnet": Sides(HALVED, TABLE_1)},
)  # fmt: skip
