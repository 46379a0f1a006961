"""MobileNetV3: a machine searched the blocks, people made their ends cheap.

The blocks of MobileNetV2 with attention over channels inside and, in the deeper half, h-swish(x) = x · relu6(x + 3) / 6, which
needs no exponential. The last 1x1 stands behind the global average, where it costs a fiftieth.

Papers   Howard et al. 2019, arXiv:1905.02244
Differs  The paper's first version strides in block 14 of table 1 instead of 13; corrected since. Table 2 ticks attention for
         the last 1x1 of the small network, too; the first release has none there. The waist of attention is a quarter of the
         wide channels, rounded to eights. A width below 1 thins the 1x1 behind the average, too, which the first release keeps
         whole. Norms have ε = 0.001, in timm's port 1e-5: its weights need `eps=1e-5`.
Small    Up to 64 pixels the stem and the first block that halves have stride 1: 32 → 4x4 at the end. Batch norm forgets a tenth
         a step instead of a hundredth, since small data gives few steps.
Names    features.0 = stem · features.1 to .15 (small: .11) = blocks, block = their layers · the last of features = a 1x1 ·
         classifier.0 = the 1x1 behind the average · classifier.3 = head
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn.functional import hardsigmoid

from ..ops.conv import Conv, conv_norm, round_channels
from ..ops.init import he_normal, normal_linear
from ..ops.inplace import InplaceSequential
from ..ops.mbconv import InvertedResidual
from ..ops.squeeze import SqueezeExcitation
from .family import HALVED, SMALL, Family, Idea, Paper, Sides, Suits


@dataclass(frozen=True, slots=True)
class Spec:
    """One of two tables, and what can be left out of it."""

    large: bool  # table 1, else table 2
    width: float = 1.0  # the share of the channels
    kernel: int = 5  # of the larger filters; with 3, squeeze=False and swish=False the networks released as "minimalistic"
    squeeze: bool = True  # False: no attention over channels
    swish: bool = True  # False: ReLU everywhere
    dropout: float = 0.2
    eps: float = 0.001  # of the batch norms
    momentum: float = 0.01  # what a step adds to the running statistics


VARIANTS = {
    "mobilenet_v3_large": Spec(large=True),
    "mobilenet_v3_small": Spec(large=False),
}  # fmt: skip


class Row(NamedTuple):
    """A block."""

    kernel: int
    wide: int  # channels inside
    c_out: int
    squeeze: bool
    swish: bool  # h-swish, else ReLU
    stride: int


SE, HS, NO, RE = True, True, False, False
TABLE_1 = (
    (3, 16, 16, NO, RE, 1),
    (3, 64, 24, NO, RE, 2), (3, 72, 24, NO, RE, 1),
    (5, 72, 40, SE, RE, 2), (5, 120, 40, SE, RE, 1), (5, 120, 40, SE, RE, 1),
    (3, 240, 80, NO, HS, 2), (3, 200, 80, NO, HS, 1), (3, 184, 80, NO, HS, 1), (3, 184, 80, NO, HS, 1),
    (3, 480, 112, SE, HS, 1), (3, 672, 112, SE, HS, 1),
    (5, 672, 160, SE, HS, 2), (5, 960, 160, SE, HS, 1), (5, 960, 160, SE, HS, 1),
)  # fmt: skip
TABLE_2 = (
    (3, 16, 16, SE, RE, 2),
    (3, 72, 24, NO, RE, 2), (3, 88, 24, NO, RE, 1),
    (5, 96, 40, SE, HS, 2), (5, 240, 40, SE, HS, 1), (5, 240, 40, SE, HS, 1),
    (5, 120, 48, SE, HS, 1), (5, 144, 48, SE, HS, 1),
    (5, 288, 96, SE, HS, 2), (5, 576, 96, SE, HS, 1), (5, 576, 96, SE, HS, 1),
)  # fmt: skip


def rows(spec: Spec) -> Iterator[Row]:
    """The blocks of the table, thinned and simplified as the spec says.

    Raises   ValueError for an even kernel
    """
    if spec.kernel % 2 == 0:
        raise ValueError(f"a kernel of {spec.kernel} has no middle: take an odd one")
    for row in map(Row._make, TABLE_1 if spec.large else TABLE_2):
        yield Row(
            3 if row.kernel == 3 else spec.kernel,
            round_channels(row.wide * spec.width),
            round_channels(row.c_out * spec.width),
            row.squeeze and spec.squeeze,
            row.swish and spec.swish,
            row.stride,
        )


def block(conv: Conv, c_in: int, row: Row, stride: int) -> InvertedResidual:
    """1x1 to the wide, a filter for each channel, attention, 1x1 back to the thin (figure 4)."""
    conv = partial(conv, activation=nn.Hardswish if row.swish else nn.ReLU)
    branch = InplaceSequential(
        *([conv(c_in, row.wide, 1)] if row.wide != c_in else []),
        conv(row.wide, row.wide, row.kernel, stride, groups=row.wide),
        *([SqueezeExcitation(row.wide, round_channels(row.wide // 4), gate=hardsigmoid)] if row.squeeze else []),
        conv(row.wide, row.c_out, 1, activation=None),
    )
    return InvertedResidual(branch, adds=stride == 1 and c_in == row.c_out, drop_path=0)


class MobileNetV3(nn.Module):
    """Stem, blocks, a 1x1, global average, another 1x1 as a linear layer, one linear layer.

    Shapes   x (n, in_channels, h, w) float → (n, num_classes); num_classes 0 → (n, 1280), or (n, 1024) for the small one
    """

    def __init__(self, spec: Spec, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        small = image_size <= SMALL
        norm = partial(nn.BatchNorm2d, eps=spec.eps, momentum=max(spec.momentum, 0.1) if small else spec.momentum)
        conv = partial(conv_norm, norm=norm)
        last = nn.Hardswish if spec.swish else nn.ReLU
        c = round_channels(16 * spec.width)
        self.features = nn.Sequential(conv(in_channels, c, 3, 1 if small else 2, activation=last))
        halved = not small  # small images keep their size in the first block that would halve it
        self.ends: list[int] = []  # the last layer of each stride
        for row in rows(spec):
            stride = row.stride if halved else 1
            if stride == 2:
                self.ends.append(len(self.features) - 1)
            self.features.append(block(conv, c, row, stride))
            halved = halved or row.stride == 2
            c = row.c_out
        self.ends.append(len(self.features))
        self.features.append(conv(c, 6 * c, 1, activation=last))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        hidden = round_channels((1280 if spec.large else 1024) * spec.width)
        head = nn.Linear(hidden, num_classes) if num_classes else nn.Identity()
        self.classifier = InplaceSequential(nn.Linear(6 * c, hidden), last(), nn.Dropout(spec.dropout), head)
        he_normal(self)
        normal_linear(self)

    def maps(self, x: Tensor) -> Iterator[Tensor]:
        """The last map of each stride.

        Shapes   x (n, in_channels, h, w) → (n, c, h/2, w/2), … (n, c, h/32, w/32)
        """
        for number, layer in enumerate(self.features):
            x = layer(x)
            if number in self.ends:
                yield x

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


# timm's layers in the first block, which does not widen, and in the others
SQUEEZE = ("se.conv_reduce", "se.conv_expand")
THIN = (("conv_dw", "bn1"), SQUEEZE, ("conv_pw", "bn2"))
WIDE = (("conv_pw", "bn1"), ("conv_dw", "bn2"), SQUEEZE, ("conv_pwl", "bn3"))


def timm(large: bool) -> Iterator[tuple[str, str]]:
    """timm's names, whose stages are the blocks of one width, into ours."""
    yield from (("^conv_stem", "features.0.0"), ("^bn1", "features.0.1"))
    yield from (("^conv_head", "classifier.0"), (r"^classifier\.(?!\d)", "classifier.3."))
    number = 0
    for stage, (_, blocks) in enumerate(groupby(rows(Spec(large=large)), key=attrgetter("c_out"))):
        for i, row in enumerate(blocks):
            number += 1
            layers = [layer for layer in (WIDE if stage else THIN) if row.squeeze or layer is not SQUEEZE]
            for n, layer in enumerate(layers):
                for theirs, ours in zip(layer, ("fc1", "fc2") if layer is SQUEEZE else "01", strict=True):
                    yield rf"^blocks\.{stage}\.{i}\.{theirs}\.", f"features.{number}.block.{n}.{ours}."
    yield from (
        (rf"^blocks\.{stage + 1}\.0\.{theirs}", f"features.{number + 1}.{n}") for n, theirs in enumerate(("conv", "bn1"))
    )


FAMILY = Family(
    name="mobilenet_v3",
    title="MobileNetV3",
    papers=(Paper("Howard et al.", 2019, "Searching for MobileNetV3", "arXiv:1905.02244"),),
    ideas=(
        Idea("mnasnet", "its search and the network it found", "Howard et al. 2019, §4.1"),
        Idea("mobilenet_v2", "wide inside, narrow outside, linear at the end", "Howard et al. 2019, §3"),
    ),
    build=MobileNetV3,
    variants=VARIANTS,
    stem="features.0.0",
    heads=("classifier.3",),
    renames=tuple(timm(large=True)),
    more_renames=(tuple(timm(large=False)),),
    suits=Suits("adamw", lr=2e-3, weight_decay=0.05),
    sides={"mobilenet_v3": Sides(HALVED, "Howard et al. 2019, tables 1 and 2")},
)
