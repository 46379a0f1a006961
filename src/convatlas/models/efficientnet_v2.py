"""EfficientNetV2: searched for what trains fast, not for what needs few multiplications.

A depthwise 3x3 and its 1x1 need 9 · c + c · c_out multiplications a pixel where a full 3x3 needs 9 · c · c_out, yet on large
maps accelerators run it slower. So the first three stages are fused: one full 3x3 widens, a 1x1 narrows. Later ones are
EfficientNet's MBConvs, with 3x3 kernels alone, fewer channels inside and more layers.

Papers   Tan and Le 2021, arXiv:2104.00298
Differs  Figure 2 draws a squeeze in fused blocks; neither table 4 nor the release has one. In the first edition's table S ends
         with 272 channels and 1792 features; the release, the truth according to its authors, has 256 and 1280. Image sizes
         are those of testing: training begins at 128 pixels and ends at 300 (M and L: 380). The release pads strided
         convolutions at the right and bottom alone, here all sides are padded alike.
Small    Up to 64 pixels features.0 and features.2 have stride 1: stages at stride 1, 1, 2, 4, 4, 8 (M and L: 8 again).
Names    features.0 = stem · features.1 .2 .3 = fused stages · features.4 .5 .6 (.7) = MBConvs · block.0 .1 .2 .3 = 1x1,
         depthwise, squeeze, 1x1; when fused .0 .1 = 3x3, 1x1 · the last of features = 1x1 · classifier.1 = head
"""

from dataclasses import dataclass
from functools import partial

from torch import Tensor, nn

from ..ops.conv import Conv, conv_norm
from ..ops.init import he_normal, normal_linear
from ..ops.inplace import InplaceSequential
from ..ops.mbconv import InvertedResidual, MBConv
from .family import SMALL, Family, Idea, Native, Paper, Suits


@dataclass(frozen=True, slots=True)
class Spec:
    """A column of channels and one of layers, as in table 4."""

    widths: tuple[int, ...]  # channels of each stage; the stem has those of the first
    depths: tuple[int, ...]  # blocks in each stage
    dropout: float = 0.2
    drop_path: float = 0.2  # stochastic depth after the last block; earlier ones grow linearly up to it
    fused: int = 3  # stages of fused blocks, the first ones (table 3)
    features: int = 1280  # of the last 1x1
    eps: float = 0.001  # of the norms


VARIANTS = {
    "efficientnet_v2_s": Spec((24, 48, 64, 128, 160, 256), (2, 4, 4, 6, 9, 15), dropout=0.2),
    "efficientnet_v2_m": Spec((24, 48, 80, 160, 176, 304, 512), (3, 5, 5, 7, 14, 18, 5), dropout=0.3),
    "efficientnet_v2_l": Spec((32, 64, 96, 192, 224, 384, 640), (4, 7, 7, 10, 19, 25, 7), dropout=0.4),
}  # fmt: skip

STAGES = ((1, 1), (4, 2), (4, 2), (4, 2), (6, 1), (6, 2), (6, 1))  # table 4: expansion, stride


class FusedMBConv(InvertedResidual):
    """A full kernel to `expansion` times the channels, 1x1 to the output's; without expansion the kernel alone.

    Shapes   x (n, c_in, h, w) → (n, c_out, h / stride, w / stride), rounded up
    """

    def __init__(
        self, conv: Conv, c_in: int, c_out: int, kernel: int, *, stride: int, expansion: int, drop_path: float
    ) -> None:
        c = c_in * expansion
        widen_narrow = (conv(c_in, c, kernel, stride), conv(c, c_out, 1, activation=None))
        super().__init__(
            InplaceSequential(*widen_narrow if expansion > 1 else (conv(c_in, c_out, kernel, stride),)),
            adds=stride == 1 and c_in == c_out,
            drop_path=drop_path,
        )


class EfficientNetV2(nn.Module):
    """Stem, six or seven stages, 1x1, global average, dropout, one linear layer.

    Shapes   x (n, in_channels, h, w) float → (n, num_classes); num_classes 0 → (n, features)
    """

    def __init__(self, spec: Spec, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        if not len(spec.widths) == len(spec.depths) <= len(STAGES):
            raise ValueError(f"widths and depths need one entry a stage, of up to {len(STAGES)}: change both")
        conv = partial(conv_norm, norm=partial(nn.BatchNorm2d, eps=spec.eps), activation=nn.SiLU)
        rates = (spec.drop_path * i / sum(spec.depths) for i in range(sum(spec.depths)))
        small = image_size <= SMALL
        c = spec.widths[0]
        self.features = nn.Sequential(conv(in_channels, c, 3, 1 if small else 2))
        for i, (width, depth) in enumerate(zip(spec.widths, spec.depths, strict=True), start=1):
            expansion, stride = STAGES[i - 1]
            mbconv = FusedMBConv if i <= spec.fused else partial(MBConv, squeeze=True)
            block = partial(mbconv, conv, kernel=3, expansion=expansion)
            first = block(c, width, stride=1 if small and i == 2 else stride, drop_path=next(rates))
            rest = (block(width, width, stride=1, drop_path=next(rates)) for _ in range(depth - 1))
            self.features.append(nn.Sequential(first, *rest))
            c = width
        self.features.append(conv(c, spec.features, 1))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        head = nn.Linear(spec.features, num_classes) if num_classes else nn.Identity()
        self.classifier = nn.Sequential(nn.Dropout(spec.dropout), head)
        he_normal(self)
        normal_linear(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


FAMILY = Family(
    name="efficientnet_v2",
    title="EfficientNetV2",
    papers=(Paper("Tan and Le", 2021, "EfficientNetV2: Smaller Models and Faster Training", "arXiv:2104.00298"),),
    ideas=(Idea("efficientnet", "MBConv and compound scaling, searched anew for speed", "Tan and Le 2021, §3"),),
    build=EfficientNetV2,
    variants=VARIANTS,
    stem="features.0.0",
    heads=("classifier.1",),
    natives={
        "efficientnet_v2_s": Native(image_size=384),
        "efficientnet_v2_m": Native(image_size=480),
        "efficientnet_v2_l": Native(image_size=480),
    },
    suits=Suits("adamw", lr=2e-3, weight_decay=0.05),
    slim={"depths": (1, 2, 1, 1, 2, 1)},
    tags=frozenset({"heavy"}),
)
