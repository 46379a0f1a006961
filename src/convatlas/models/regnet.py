"""RegNet: a design space instead of a network, whose good members lie on a line.

Widths grow linearly, u_j = w_0 + w_a · j for blocks 0 ≤ j < d, and are quantized so that few stages remain:
s_j = log(u_j / w_0) / log(w_m), then w_j = w_0 · w_m^round(s_j), rounded to a multiple of 8 and of the group width g. Five
numbers tell a network. Its X block is ResNeXt's bottleneck without a waist; Y adds squeeze-and-excitation.

Papers   Radosavovic et al. 2020, arXiv:2003.13678 · `regnet_y_128gf`: Goyal et al. 2021, 2103.01988
Differs  To fit g the authors round to the nearest multiple, ties to the even one; the networks of the published weights round
         ties up and lose at most a tenth. So three are wider than the paper's: x_400mf ends with 400 channels (384), y_800mf
         has 144 and 784 (128 and 768), y_8gf begins with 224 (168). `regnet_y_128gf` takes 384 pixels, as fine-tuned by Singh
         et al. 2022, 2201.08371.
Small    Up to 64 pixels stem.0 and the first block of stage 1 have stride 1: stages at stride 1, 2, 4, 8.
Names    stem = 3x3 and norm · trunk_output.blockS.blockS-B = block B of stage S · f.a .b .se .c = 1x1, 3x3 in groups, squeeze,
         1x1 · proj = shortcut · fc = head
"""

from collections import OrderedDict
from dataclasses import dataclass
from itertools import groupby
from math import log

from torch import Tensor, nn

from ..ops.conv import conv_norm, round_channels
from ..ops.init import he_normal, normal_linear
from ..ops.inplace import InplaceSequential
from ..ops.squeeze import SqueezeExcitation
from .family import HALVED, SMALL, Family, Idea, Native, Paper, Sides, Suits


@dataclass(frozen=True, slots=True)
class Spec:
    """The paper's parameters of a network (§3.3 and §5)."""

    depth: int  # d, blocks in all stages together
    w_0: int  # channels the line begins with
    w_a: float  # channels it gains with each block
    w_m: float  # factor from one stage's width to the next
    group_width: int  # g, channels that a 3x3 sees
    squeeze: bool = False  # squeeze-and-excitation: Y instead of X
    width: int = 32  # channels of the stem


VARIANTS = {
    "regnet_y_400mf": Spec(16, 48, 27.89, 2.09, 8, squeeze=True),
    "regnet_y_800mf": Spec(14, 56, 38.84, 2.4, 16, squeeze=True),
    "regnet_y_1_6gf": Spec(27, 48, 20.71, 2.65, 24, squeeze=True),
    "regnet_y_3_2gf": Spec(21, 80, 42.63, 2.66, 24, squeeze=True),
    "regnet_y_8gf":   Spec(17, 192, 76.82, 2.19, 56, squeeze=True),
    "regnet_y_16gf":  Spec(18, 200, 106.23, 2.48, 112, squeeze=True),
    "regnet_y_32gf":  Spec(20, 232, 115.89, 2.53, 232, squeeze=True),
    "regnet_y_128gf": Spec(27, 456, 160.83, 2.52, 264, squeeze=True),
    "regnet_x_400mf": Spec(22, 24, 24.48, 2.54, 16),
    "regnet_x_800mf": Spec(16, 56, 35.73, 2.28, 16),
    "regnet_x_1_6gf": Spec(18, 80, 34.01, 2.25, 24),
    "regnet_x_3_2gf": Spec(25, 88, 26.31, 2.25, 48),
    "regnet_x_8gf":   Spec(23, 80, 49.56, 2.88, 120),
    "regnet_x_16gf":  Spec(22, 216, 55.59, 2.1, 128),
    "regnet_x_32gf":  Spec(23, 320, 69.86, 2.0, 168),
}  # fmt: skip


def stages(spec: Spec) -> list[tuple[int, int, int]]:
    """Blocks, channels and groups of each stage: the line, quantized (eq. 2 to 4).

    Raises   ValueError for widths that do not grow
    """
    if spec.w_0 < 8 or spec.w_a < 0 or spec.w_m <= 1:
        raise ValueError(f"widths grow from w_0 >= 8 by w_a >= 0 and w_m > 1, got {spec.w_0}, {spec.w_a} and {spec.w_m}")
    line = (spec.w_0 + spec.w_a * j for j in range(spec.depth))
    steps = (round(log(w / spec.w_0) / log(spec.w_m)) for w in line)
    rows = []
    for w, blocks in groupby(round(spec.w_0 * spec.w_m**s / 8) * 8 for s in steps):
        g = min(spec.group_width, w)
        rows.append((len(list(blocks)), round_channels(w, g), round_channels(w, g) // g))
    return rows


class Block(nn.Module):
    """1x1, 3x3 in groups, (squeeze,) 1x1, all of one width; the first of a stage strides and projects its shortcut."""

    def __init__(self, c_in: int, c: int, groups: int, stride: int, *, squeeze: bool, first: bool) -> None:
        super().__init__()
        self.proj = conv_norm(c_in, c, 1, stride, activation=None) if first else nn.Identity()
        layers: dict[str, nn.Module] = {"a": conv_norm(c_in, c, 1), "b": conv_norm(c, c, 3, stride, groups=groups)}
        if squeeze:
            layers["se"] = SqueezeExcitation(c, c_in // 4)
        layers["c"] = conv_norm(c, c, 1, activation=None)
        self.f = InplaceSequential(OrderedDict(layers))

    def forward(self, x: Tensor) -> Tensor:
        return (self.proj(x) + self.f(x)).relu_()


class RegNet(nn.Module):
    """Stem, stages, global average, one linear layer.

    Shapes   x (n, in_channels, h, w) float → (n, num_classes); num_classes 0 → (n, channels of the last stage)
    """

    def __init__(self, spec: Spec, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        small = image_size <= SMALL
        self.stem = conv_norm(in_channels, spec.width, 3, 1 if small else 2)
        self.trunk_output = nn.Sequential()
        c = spec.width
        for i, (depth, width, groups) in enumerate(stages(spec), start=1):
            stage = nn.Sequential()
            for j in range(depth):
                stride = 2 if j == 0 and not (small and i == 1) else 1
                stage.add_module(f"block{i}-{j}", Block(c, width, groups, stride, squeeze=spec.squeeze, first=j == 0))
                c = width
            self.trunk_output.add_module(f"block{i}", stage)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(c, num_classes) if num_classes else nn.Identity()
        he_normal(self)
        normal_linear(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.avgpool(self.trunk_output(self.stem(x))).flatten(1))


DEEPEST = 27  # blocks of a stage: timm counts them from 1

PARTS = ("convolution", "normalization")  # transformers' words for the layers 0 and 1

FAMILY = Family(
    name="regnet",
    title="RegNet",
    papers=(
        Paper("Radosavovic et al.", 2020, "Designing Network Design Spaces", "arXiv:2003.13678"),
        Paper("Goyal et al.", 2021, "Self-supervised Pretraining of Visual Features in the Wild", "arXiv:2103.01988"),
    ),
    ideas=(Idea("resnext", "bottlenecks with grouped 3x3 as the space of designs", "Radosavovic et al. 2020, §3.2"),),
    build=RegNet,
    variants=VARIANTS,
    stem="stem.0",
    heads=("fc",),
    natives={"regnet_y_128gf": Native(image_size=384)},
    years={"regnet_y_128gf": 2021},
    renames=(
        (r"^regnet\.", ""),  # transformers'
        *((rf"^embedder\.embedder\.{theirs}\.", f"stem.{n}.") for n, theirs in enumerate(PARTS)),
        *((rf"^encoder\.stages\.{i}\.layers\.", f"trunk_output.block{i + 1}.block{i + 1}-") for i in range(4)),
        *((rf"\.shortcut\.{theirs}\.", f".proj.{n}.") for n, theirs in enumerate(PARTS)),
        *((rf"\.layer\.{i}\.{theirs}\.", f".f.{'abcc'[i]}.{n}.") for i in range(4) for n, theirs in enumerate(PARTS)),
        (r"\.layer\.2\.attention\.0\.", ".se.fc1."),
        (r"\.layer\.2\.attention\.2\.", ".se.fc2."),
        (r"^classifier\.1\.", "fc."),
        (r"\.conv\.(\w+)$", r".0.\1"),
        (r"\.bn\.(\w+)$", r".1.\1"),
        (r"^head\.", ""),
        *((rf"^s(\d)\.b{j + 1}\.", rf"trunk_output.block\1.block\1-{j}.") for j in range(DEEPEST)),
        (r"\.conv1\.", ".f.a."),
        (r"\.conv2\.", ".f.b."),
        (r"\.se\.", ".f.se."),
        (r"\.conv3\.", ".f.c."),
        (r"\.downsample\.", ".proj."),
    ),
    suits=Suits("adamw", lr=2e-3, weight_decay=0.05),
    sides={"regnet": Sides(HALVED, "Radosavovic et al. 2020, §3.2")},
    tags=frozenset({"heavy"}),
)
