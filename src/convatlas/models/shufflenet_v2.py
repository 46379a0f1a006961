"""ShuffleNetV2: half of the channels pass, the other half are worked on, then both are shuffled.

A unit computes y = shuffle([x₁, F(x₂)]) on the two halves of x: equal widths and few pieces keep the traffic of memory low,
which decides about speed more than multiplications do; the shuffle lets the halves meet in the next unit.

Papers   Ma et al. 2018, arXiv:1807.11164
Differs  In nothing that is computed. The first release shuffles where a unit begins instead of where it ends: the same network
         with its channels in another order. Many copies have 224 channels in the first stage of x2_0, table 5 has 244.
Small    Up to 64 pixels conv1 has stride 1 and the max-pool is left out: stages at stride 2, 4, 8.
Names    conv1 = stem · stage2 stage3 stage4 = units, branch1 branch2 = their halves · conv5 = last 1x1 · fc = head
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..ops.conv import conv_norm
from ..ops.inplace import InplaceSequential
from .family import HALVED, SMALL, Family, Idea, Paper, Sides, Suits


@dataclass(frozen=True, slots=True)
class Spec:
    """A column of table 5."""

    widths: tuple[int, int, int]  # channels of stages 2 to 4
    last: int = 1024  # channels of the last 1x1
    depths: tuple[int, int, int] = (4, 8, 4)  # units in each stage
    width: int = 24  # channels of the stem
    shuffle: bool = True  # False: the halves never meet within a stage


VARIANTS = {
    "shufflenet_v2_x0_5": Spec((48, 96, 192)),
    "shufflenet_v2_x1_0": Spec((116, 232, 464)),
    "shufflenet_v2_x1_5": Spec((176, 352, 704)),
    "shufflenet_v2_x2_0": Spec((244, 488, 976), last=2048),
}  # fmt: skip


def depthwise_separable(c_in: int, c_out: int, stride: int) -> list[nn.Module]:
    """A 3x3 for each channel, without activation, then a 1x1."""
    return [*conv_norm(c_in, c_in, 3, stride, groups=c_in, activation=None), *conv_norm(c_in, c_out, 1)]


class Unit(nn.Module):
    """1x1, depthwise 3x3, 1x1 on one half of the channels and nothing on the other (figure 3c).

    Where the size halves, both are made from all channels, the second by a depthwise 3x3 and a 1x1 (figure 3d).
    """

    def __init__(self, c_in: int, c_out: int, stride: int, shuffle: bool) -> None:
        super().__init__()
        if c_out % 2:
            raise ValueError(f"{c_out} channels have no halves: take even widths")
        half = c_out // 2
        self.halves, self.shuffle = stride > 1, shuffle
        self.branch1 = InplaceSequential(*depthwise_separable(c_in, half, stride)) if self.halves else InplaceSequential()
        self.branch2 = InplaceSequential(
            *conv_norm(c_in if self.halves else half, half, 1), *depthwise_separable(half, half, stride)
        )

    def forward(self, x: Tensor) -> Tensor:
        passed, worked = (x, x) if self.halves else x.chunk(2, 1)
        y = (self.branch1(passed), self.branch2(worked))
        return torch.stack(y, 2).flatten(1, 2) if self.shuffle else torch.cat(y, 1)  # channels 0, c/2, 1, c/2 + 1, …


def stage(spec: Spec, i: int, c_in: int) -> nn.Sequential:
    """Units of one width, of which the first halves the size."""
    width = spec.widths[i]
    return nn.Sequential(
        Unit(c_in, width, 2, spec.shuffle), *(Unit(width, width, 1, spec.shuffle) for _ in range(spec.depths[i] - 1))
    )


class ShuffleNetV2(nn.Module):
    """Stem, three stages, a last 1x1, global average, one linear layer.

    Shapes   x (n, in_channels, h, w) float → (n, num_classes); num_classes 0 → (n, 1024), or (n, 2048) for x2_0
    """

    def __init__(self, spec: Spec, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        small = image_size <= SMALL
        self.conv1 = conv_norm(in_channels, spec.width, 3, 1 if small else 2)
        self.maxpool = nn.Identity() if small else nn.MaxPool2d(3, stride=2, padding=1)
        self.stage2 = stage(spec, 0, spec.width)
        self.stage3 = stage(spec, 1, spec.widths[0])
        self.stage4 = stage(spec, 2, spec.widths[1])
        self.conv5 = conv_norm(spec.widths[2], spec.last, 1)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(spec.last, num_classes) if num_classes else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.conv1(x))
        x = self.conv5(self.stage4(self.stage3(self.stage2(x))))
        return self.fc(self.avgpool(x).flatten(1))


FAMILY = Family(
    name="shufflenet_v2",
    title="ShuffleNetV2",
    papers=(
        Paper(
            "Ma et al.", 2018, "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design", "arXiv:1807.11164"
        ),
    ),
    ideas=(Idea("densenet", "channels that pass unchanged: features are used again", "Ma et al. 2018, §3"),),
    build=ShuffleNetV2,
    variants=VARIANTS,
    stem="conv1.0",
    heads=("fc",),
    suits=Suits("adamw", lr=2e-3, weight_decay=0.05),
    sides={"shufflenet_v2": Sides(HALVED, "Ma et al. 2018, table 5")},
    slim={"depths": (2, 2, 2)},
)
