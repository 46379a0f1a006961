"""EfficientNet: depth, width and resolution grow together, from a small network that was searched for.

Compound scaling: depth d = α^φ, width w = β^φ, resolution r = γ^φ with α · β² · γ² ≈ 2, since compute grows as d · w² · r²:
each step of φ doubles it. A grid search on B0 gave α = 1.2, β = 1.1, γ = 1.15. B0's blocks are MBConvs: 1x1 to six times the
channels, depthwise 3x3 or 5x5, squeeze-and-excitation, 1x1 back, and the input added.

Papers   Tan and Le 2019, arXiv:1905.11946 · lite: Liu 2020, "Higher accuracy on vision models with EfficientNet-Lite"
Differs  B1 to B7 are rounded by hand, as the authors released them; no φ gives them: B7's depth is that of φ = 6.2, its
         resolution that of 7.0 and its width that of 7.3. B2 is used at 288 pixels as its published weights are, not at the
         release's 260. The release has ε = 0.001 in its norms, whose statistics move by 0.01 a step: so have B5 to B7, whose
         weights come from there; those of B0 to B4 were trained with PyTorch's own 0.00001 and 0.1. The release pads strided
         convolutions at the right and bottom alone, here all sides are padded alike: its weights under timm's names (`tf_`)
         load, but see images shifted by a pixel. The squeeze keeps a quarter of the block's input, MnasNet's a quarter of its
         wide middle. Lite: no squeeze, ReLU6 for swish; stem, last 1x1 and the depth of the first and last stage are not
         scaled.
Small    Up to 64 pixels features.0 and features.2 have stride 1: stages at stride 1, 1, 2, 4, 4, 8, 8. Norms forget a tenth a
         step in B5 to B7, too, since small data gives few steps.
Names    features.0 = stem · features.1 to .7 = stages · block.0 .1 .2 .3 = 1x1, depthwise, squeeze (an identity in lite), 1x1;
         the first stage has no first 1x1 · features.8 = last 1x1 · classifier.1 = head
"""

from dataclasses import dataclass
from functools import partial
from math import ceil

from torch import Tensor, nn

from ..ops.conv import conv_norm, round_channels
from ..ops.init import he_normal, normal_linear
from ..ops.mbconv import MBConv
from .family import HALVED, SMALL, Counterpart, Family, Idea, Native, Paper, Printed, Published, Sides, Suits


@dataclass(frozen=True, slots=True)
class Spec:
    """How far B0 is scaled, and how it is trained."""

    width: float = 1.0  # w, of the channels
    depth: float = 1.0  # d, of the blocks in a stage
    dropout: float = 0.2
    drop_path: float = 0.2  # stochastic depth after the last block; earlier ones grow linearly up to it
    eps: float = 1e-5  # of the norms
    momentum: float = 0.1  # of the norms' statistics
    squeeze: bool = True  # squeeze-and-excitation
    lite: bool = False  # ReLU6; stem, head and the depth of the outer stages stay B0's


VARIANTS = {
    "efficientnet_b0":    Spec(1.0, 1.0, dropout=0.2),
    "efficientnet_b1":    Spec(1.0, 1.1, dropout=0.2),
    "efficientnet_b2":    Spec(1.1, 1.2, dropout=0.3),
    "efficientnet_b3":    Spec(1.2, 1.4, dropout=0.3),
    "efficientnet_b4":    Spec(1.4, 1.8, dropout=0.4),
    "efficientnet_b5":    Spec(1.6, 2.2, dropout=0.4, eps=0.001, momentum=0.01),
    "efficientnet_b6":    Spec(1.8, 2.6, dropout=0.5, eps=0.001, momentum=0.01),
    "efficientnet_b7":    Spec(2.0, 3.1, dropout=0.5, eps=0.001, momentum=0.01),
    "efficientnet_lite0": Spec(1.0, 1.0, dropout=0.2, squeeze=False, lite=True),
    "efficientnet_lite1": Spec(1.0, 1.1, dropout=0.2, squeeze=False, lite=True),
    "efficientnet_lite2": Spec(1.1, 1.2, dropout=0.3, squeeze=False, lite=True),
    "efficientnet_lite3": Spec(1.2, 1.4, dropout=0.3, squeeze=False, lite=True),
    "efficientnet_lite4": Spec(1.4, 1.8, dropout=0.3, squeeze=False, lite=True),
}  # fmt: skip

STEM = 32
STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)  # table 1: expansion, kernel, stride, channels, blocks


class EfficientNet(nn.Module):
    """Stem, seven stages, 1x1, global average, dropout, one linear layer.

    Shapes   x (n, in_channels, h, w) float → (n, num_classes); num_classes 0 → (n, 1280 · width), in lite (n, 1280)
    """

    def __init__(self, spec: Spec, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        small = image_size <= SMALL
        norm = partial(nn.BatchNorm2d, eps=spec.eps, momentum=max(spec.momentum, 0.1) if small else spec.momentum)
        conv = partial(conv_norm, norm=norm, activation=nn.ReLU6 if spec.lite else nn.SiLU)
        if spec.depth <= 0:
            raise ValueError(f"a stage needs a block: take depth > 0, got {spec.depth}")
        fixed = {1, len(STAGES)} if spec.lite else set()
        depths = [n if i in fixed else ceil(n * spec.depth) for i, (*_, n) in enumerate(STAGES, start=1)]
        rates = (spec.drop_path * i / sum(depths) for i in range(sum(depths)))
        c = STEM if spec.lite else round_channels(STEM * spec.width)
        self.features = nn.Sequential(conv(in_channels, c, 3, 1 if small else 2))
        for i, (depth, (expansion, kernel, stride, width, _)) in enumerate(zip(depths, STAGES, strict=True), start=1):
            block = partial(MBConv, conv, kernel=kernel, expansion=expansion, squeeze=spec.squeeze)
            c_in, c = c, round_channels(width * spec.width)
            first = block(c_in, c, stride=1 if small and i == 2 else stride, drop_path=next(rates))
            rest = (block(c, c, stride=1, drop_path=next(rates)) for _ in range(depth - 1))
            self.features.append(nn.Sequential(first, *rest))
        features = 1280 if spec.lite else 4 * c
        self.features.append(conv(c, features, 1))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        head = nn.Linear(features, num_classes) if num_classes else nn.Identity()
        self.classifier = nn.Sequential(nn.Dropout(spec.dropout), head)
        he_normal(self)
        normal_linear(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


# timm's layers in blocks that do not widen, which are the first stage's, and in those that do
THIN = {"conv_dw": "0.0", "bn1": "0.1", "se.conv_reduce": "1.fc1", "se.conv_expand": "1.fc2", "conv_pw": "2.0", "bn2": "2.1"}
WIDE = {
    "conv_pw": "0.0", "bn1": "0.1", "conv_dw": "1.0", "bn2": "1.1", "se.conv_reduce": "2.fc1", "se.conv_expand": "2.fc2",
    "conv_pwl": "3.0", "bn3": "3.1",
}  # fmt: skip

TITLE = "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks"
SIZES = {
    "b0": 224, "b1": 240, "b2": 288, "b3": 300, "b4": 380, "b5": 456, "b6": 528, "b7": 600,
    "lite0": 224, "lite1": 240, "lite2": 260, "lite3": 280, "lite4": 300,
}  # fmt: skip
LITE_TOP1 = {"lite0": 75.1, "lite1": 76.7, "lite2": 77.6, "lite3": 79.8, "lite4": 81.5}

FAMILY = Family(
    name="efficientnet",
    title="EfficientNet",
    papers=(
        Paper("Tan and Le", 2019, TITLE, "arXiv:1905.11946"),
        Paper("Liu", 2020, "Higher accuracy on vision models with EfficientNet-Lite", "TensorFlow blog"),
    ),
    ideas=(
        Idea("mnasnet", "its search space, for multiplications instead of latency", "Tan and Le 2019, §4"),
        Idea("mobilenet_v2", "MBConv blocks", "Tan and Le 2019, §4"),
    ),
    build=EfficientNet,
    variants=VARIANTS,
    stem="features.0.0",
    heads=("classifier.1",),
    natives={f"efficientnet_{name}": Native(image_size=size) for name, size in SIZES.items()},
    years={f"efficientnet_{name}": 2020 for name in LITE_TOP1},
    published={
        f"efficientnet_{name}": Published(top1, "ImageNet", "EfficientNet-Lite's release") for name, top1 in LITE_TOP1.items()
    },
    renames=(
        (r"^conv_stem\.", "features.0.0."),
        (r"^bn1\.", "features.0.1."),
        *((rf"^blocks\.0\.(\d+)\.{theirs}\.", rf"features.1.\1.block.{ours}.") for theirs, ours in THIN.items()),
        *((rf"^blocks\.(\d+\.\d+)\.{theirs}\.", rf"blocks.\1.block.{ours}.") for theirs, ours in WIDE.items()),
        *((rf"^blocks\.{i}\.", f"features.{i + 1}.") for i in range(1, len(STAGES))),
        (r"^conv_head\.", "features.8.0."),
        (r"^bn2\.", "features.8.1."),
        (r"^classifier\.(\w+)$", r"classifier.1.\1"),
    ),
    references={f"efficientnet_{name}": (Counterpart("timm", f"efficientnet_{name}"),) for name in LITE_TOP1},
    suits=Suits("adamw", lr=2e-3, weight_decay=0.05),
    printed={
        "efficientnet_b0": Printed("5.3M", "0.39G", "Tan and Le 2019, table 2"),
        "efficientnet_b1": Printed("7.8M", "", "Tan and Le 2019, table 2"),
        "efficientnet_b3": Printed("12M", "", "Tan and Le 2019, table 2"),
        "efficientnet_b4": Printed("19M", "", "Tan and Le 2019, table 2"),
        "efficientnet_b5": Printed("30M", "", "Tan and Le 2019, table 2"),
        "efficientnet_b6": Printed("43M", "", "Tan and Le 2019, table 2"),
        "efficientnet_b7": Printed("66M", "", "Tan and Le 2019, table 2"),
    },
    sides={"efficientnet_b0": Sides(HALVED, "Tan and Le 2019, table 1")},
    slim={"depth": 0.5},
    tags=frozenset({"heavy"}),
)
