"""MnasNet: searched by machine for what is both right and fast on a phone.

The reward of the search is accuracy · (latency / target)^−0.07 with the latency measured on the phone itself, not estimated by
multiplications. Each of seven stages chose its own kernel, expansion and depth; within a stage all blocks are alike.

Papers   Tan et al. 2018, arXiv:1807.11626
Differs  This is B1, found without squeeze-and-excitation; the paper's headline network A1 has it. Running statistics move by
         0.0003 a step in the published weights' training, by 0.01 in the first release: after a few hundred steps they still
         are at their start, so that short training wants `momentum=0.1`. Norms have ε = 1e-5, the first release 0.001. The
         first published weights of 0_5 had a stem as wide as 1_0's (`fixed_stem=True`). The head starts within ±1/√1280,
         torchvision's within ±√(3 / classes), which is too loud for ten classes.
Small    Up to 64 pixels the stem and layers.8 have stride 1: maps at stride 1, 1, 2, 4, 8; momentum is at least 0.1.
Names    layers.0 to .7 = stem and a block that does not widen · layers.8 to .13 = stages, layers = a block's · layers.14 = last
         1x1 · classifier.1 = head
"""

from dataclasses import dataclass
from functools import partial

from torch import Tensor, nn

from ..ops.conv import Conv, conv_norm, round_channels
from ..ops.init import he_normal
from ..ops.inplace import InplaceSequential, add_
from .family import HALVED, SMALL, Family, Idea, Paper, Sides, Suits


@dataclass(frozen=True, slots=True)
class Spec:
    """How B1 is scaled and trained."""

    width: float = 1.0  # the share of the channels
    dropout: float = 0.2
    momentum: float = 1 - 0.9997  # what a step adds to the running statistics
    fixed_stem: bool = False  # 32 and 16 channels at any width


VARIANTS = {
    "mnasnet0_5":  Spec(0.5),
    "mnasnet0_75": Spec(0.75),
    "mnasnet1_0":  Spec(1.0),
    "mnasnet1_3":  Spec(1.3),
}  # fmt: skip

STAGES = (
    (3, 3, 2, 24, 3),
    (3, 5, 2, 40, 3),
    (6, 5, 2, 80, 3),
    (6, 3, 1, 96, 2),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)  # figure 7 without its squeeze-and-excitation: expansion, kernel, stride, channels, blocks


class InvertedResidual(nn.Module):
    """1x1 to the wide, a filter for each channel there, 1x1 back to the thin."""

    def __init__(self, conv: Conv, c_in: int, c_out: int, kernel: int, *, stride: int, expansion: int) -> None:
        super().__init__()
        wide = c_in * expansion
        self.layers = InplaceSequential(
            *conv(c_in, wide, 1),
            *conv(wide, wide, kernel, stride, groups=wide),
            *conv(wide, c_out, 1, activation=None),
        )
        self.shortcut = stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        y = self.layers(x)
        return add_(x, y, after=self.layers) if self.shortcut else y


class MNASNet(nn.Module):
    """Stem, seven stages, a last 1x1, global average, one linear layer.

    Shapes   x (n, in_channels, h, w) float → (n, num_classes); num_classes 0 → (n, 1280)
    """

    _version = 2  # stands in state dicts; torchvision builds the fixed stem for version 1 and refuses what has none

    def __init__(self, spec: Spec, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        small = image_size <= SMALL
        momentum = max(spec.momentum, 0.1) if small else spec.momentum
        conv = partial(conv_norm, norm=partial(nn.BatchNorm2d, momentum=momentum))
        stem, c = (32, 16) if spec.fixed_stem else (round_channels(32 * spec.width), round_channels(16 * spec.width))
        self.layers = InplaceSequential(
            *conv(in_channels, stem, 3, 1 if small else 2),
            *conv(stem, stem, 3, groups=stem),
            *conv(stem, c, 1, activation=None),
        )
        for number, (expansion, kernel, stride, width, depth) in enumerate(STAGES):
            c_in, c = c, round_channels(width * spec.width)
            block = partial(InvertedResidual, conv, kernel=kernel, expansion=expansion)
            first = block(c_in, c, stride=1 if small and number == 0 else stride)
            rest = (block(c, c, stride=1) for _ in range(depth - 1))
            self.layers.append(nn.Sequential(first, *rest))
        self.layers.extend(conv(c, 1280, 1))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        head = nn.Linear(1280, num_classes) if num_classes else nn.Identity()
        self.classifier = nn.Sequential(nn.Dropout(spec.dropout), head)
        he_normal(self)
        if spec.fixed_stem:
            self._version = 1

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.layers(x)).flatten(1))


# timm's layers in the block that does not widen, and in those that do
THIN = {"conv_dw": 3, "bn1": 4, "conv_pw": 6, "bn2": 7}
WIDE = {"conv_pw": 0, "bn1": 1, "conv_dw": 3, "bn2": 4, "conv_pwl": 6, "bn3": 7}

FAMILY = Family(
    name="mnasnet",
    title="MnasNet",
    papers=(
        Paper("Tan et al.", 2018, "MnasNet: Platform-Aware Neural Architecture Search for Mobile", "arXiv:1807.11626"),
    ),
    ideas=(Idea("mobilenet_v2", "its layers as the start of a search", "Tan et al. 2018, §4.1"),),
    build=MNASNet,
    variants=VARIANTS,
    stem="layers.0",
    heads=("classifier.1",),
    renames=(
        (r"^conv_stem\.", "layers.0."), (r"^bn1\.", "layers.1."), (r"^conv_head\.", "layers.14."), (r"^bn2\.", "layers.15."),
        (r"^classifier\.(\w+)$", r"classifier.1.\1"),
        *((rf"^blocks\.0\.0\.{theirs}\.", f"layers.{ours}.") for theirs, ours in THIN.items()),
        *((rf"^(blocks\.\d\.\d)\.{theirs}\.", rf"\1.layers.{ours}.") for theirs, ours in WIDE.items()),
        *((rf"^blocks\.{i}\.", f"layers.{i + 7}.") for i in range(1, 7)),
    ),
    suits=Suits("adamw", lr=2e-3, weight_decay=0.05),
    sides={"mnasnet": Sides(HALVED, "Tan et al. 2018, figure 7")},
    tags=frozenset({"heavy"}),
)  # fmt: skip
