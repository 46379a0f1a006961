"""MobileNetV2: thin where information is kept, wide where it is filtered.

A block computes y = x + P(F(E(x))): a 1x1 E widens six times, a depthwise 3x3 F filters, a 1x1 P narrows again and has no
activation, since a ReLU between few channels would lose what it cuts off. Shortcuts join the thin ends, unlike a ResNet's.

Papers   Sandler et al. 2018, arXiv:1801.04381
Differs  The paper's first version halved the 28x28 map in table 2's row of 96 channels instead of 64; corrected since. A width
         below 1 leaves the last 1280 channels as they are. The first release padded at the bottom and right alone, and its
         norms had ε = 0.001. Depthwise filters start with a standard deviation of √(2 / 9); torchvision divides by
         √channels, too.
Small    Up to 64 pixels the stem and stage 2 have stride 1: stages 1 to 7 at stride 1, 1, 2, 4, 4, 8, 8.
Names    features.0 = stem · features.1 to .17 = blocks, conv = their layers · features.18 = last 1x1 · classifier.1 = head
"""

from dataclasses import dataclass

from torch import Tensor, nn

from ..ops.conv import conv_norm, round_channels
from ..ops.init import he_normal, normal_linear
from ..ops.inplace import InplaceSequential, add_
from .family import HALVED, SMALL, Family, Idea, Paper, Sides, Suits


@dataclass(frozen=True, slots=True)
class Spec:
    """Table 2: a number for each of its seven rows."""

    depths: tuple[int, int, int, int, int, int, int] = (1, 2, 3, 4, 3, 3, 1)  # n, blocks in each stage
    widths: tuple[int, int, int, int, int, int, int] = (16, 24, 32, 64, 96, 160, 320)  # c, channels between blocks
    strides: tuple[int, int, int, int, int, int, int] = (1, 2, 2, 2, 1, 2, 1)  # s, of each stage's first block
    expansion: int = 6  # t, of all stages but the first, which has none
    width: float = 1.0  # α, the share of the channels
    dropout: float = 0.2
    linear: bool = True  # False: an activation after the narrow 1x1, too (figure 6a)
    shortcut: bool = True  # False: y = P(F(E(x))) (figure 6b)


VARIANTS = {"mobilenet_v2": Spec()}


class InvertedResidual(nn.Module):
    """1x1 to the wide, 3x3 for each channel there, 1x1 back to the thin (figure 4d)."""

    def __init__(self, spec: Spec, c_in: int, c_out: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = c_in * expansion
        self.conv = InplaceSequential(
            *([conv_norm(c_in, wide, 1, activation=nn.ReLU6)] if expansion > 1 else []),
            conv_norm(wide, wide, 3, stride, groups=wide, activation=nn.ReLU6),
            *conv_norm(wide, c_out, 1, activation=None if spec.linear else nn.ReLU6),
        )
        self.shortcut = spec.shortcut and stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return add_(x, y, after=self.conv) if self.shortcut else y


class MobileNetV2(nn.Module):
    """Stem, seven stages, a last 1x1, global average, one linear layer.

    Shapes   x (n, in_channels, h, w) float → (n, num_classes); num_classes 0 → (n, 1280)
    """

    def __init__(self, spec: Spec, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        small = image_size <= SMALL
        c = round_channels(32 * spec.width)
        self.features = nn.Sequential(conv_norm(in_channels, c, 3, 1 if small else 2, activation=nn.ReLU6))
        for number, (depth, width, stride) in enumerate(zip(spec.depths, spec.widths, spec.strides, strict=True)):
            for i in range(depth):
                c_in, c = c, round_channels(width * spec.width)
                halve = stride if i == 0 and not (small and number == 1) else 1
                self.features.append(InvertedResidual(spec, c_in, c, halve, spec.expansion if number else 1))
        last = round_channels(1280 * max(1.0, spec.width))
        self.features.append(conv_norm(c, last, 1, activation=nn.ReLU6))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Dropout(spec.dropout), nn.Linear(last, num_classes) if num_classes else nn.Identity()
        )
        he_normal(self)
        normal_linear(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


# timm's layers in the block that does not widen, and in those that do
THIN = {"conv_dw": "0.0", "bn1": "0.1", "conv_pw": "1", "bn2": "2"}
WIDE = {"conv_pw": "0.0", "bn1": "0.1", "conv_dw": "1.0", "bn2": "1.1", "conv_pwl": "2", "bn3": "3"}
BLOCKS = [f"{stage}.{i}" for stage, depth in enumerate(Spec().depths) for i in range(depth)]

FAMILY = Family(
    name="mobilenet_v2",
    title="MobileNetV2",
    papers=(Paper("Sandler et al.", 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks", "arXiv:1801.04381"),),
    ideas=(
        Idea("mobilenet_v1", "depthwise separable convolutions", "Sandler et al. 2018, §3.1"),
        Idea("resnet", "shortcuts, between the narrow ends", "Sandler et al. 2018, §3.3"),
    ),
    build=MobileNetV2,
    variants=VARIANTS,
    stem="features.0.0",
    heads=("classifier.1",),
    renames=(
        (r"^conv_stem\.", "features.0.0."), (r"^bn1\.", "features.0.1."),
        (r"^conv_head\.", "features.18.0."), (r"^bn2\.", "features.18.1."), (r"^classifier\.(\w+)$", r"classifier.1.\1"),
        *((rf"^blocks\.0\.0\.{theirs}\.", f"features.1.conv.{ours}.") for theirs, ours in THIN.items()),
        *((rf"^(blocks\.\d\.\d)\.{theirs}\.", rf"\1.conv.{ours}.") for theirs, ours in WIDE.items()),
        *((rf"^blocks\.{block}\.", f"features.{number}.") for number, block in enumerate(BLOCKS, start=1)),
    ),
    suits=Suits("adamw", lr=2e-3, weight_decay=0.05),
    sides={"mobilenet_v2": Sides(HALVED, "Sandler et al. 2018, table 2")},
    slim={"depths": (1, 2, 1, 1, 1, 2, 1)},
)  # fmt: skip
