"""MobileNet: one small filter for each channel, then a 1x1 that mixes the channels.

A K x K convolution costs K²·C_in·C_out a pixel; filtering and mixing one after the other costs K²·C_in + C_in·C_out, with
3x3 filters eight to nine times less. A width multiplier α thins every layer, which divides the cost by about α².

Papers   Howard et al. 2017, arXiv:1704.04861
Differs  Table 1 prints stride 2 for the last depthwise layer, whose map stays 7x7: it is 1. The first release cut its ReLU at 6
         (`relu6=True`, as timm's weights need it), dropped 0.1 % before its 1x1 classifier and padded at the bottom and right
         alone; the paper has ReLU and a linear layer.
Small    Up to 64 pixels the stem and the first of the four stages that halve have stride 1: maps at stride 1, 1, 2, 4, 8.
Names    stem = 3x3 · stages.S.B.{depthwise pointwise} = block B of the stage at stride 2 to 32 · classifier = head
"""

from dataclasses import dataclass

from torch import Tensor, nn

from ..ops.conv import conv_norm, round_channels
from ..ops.init import he_normal
from .family import HALVED, SMALL, Counterpart, Family, Idea, Paper, Printed, Published, Sides, Suits


@dataclass(frozen=True, slots=True)
class Spec:
    """A row of table 6."""

    width: float = 1.0  # α, the share of the channels
    depths: tuple[int, int, int, int, int] = (1, 2, 2, 6, 2)  # blocks in each stage; (1, 2, 2, 1, 2) is table 5's shallow one
    separable: bool = True  # False: whole 3x3 convolutions, the comparison of table 4
    relu6: bool = False  # activations end at 6


VARIANTS = {f"mobilenet_v1_{percent:03}": Spec(percent / 100) for percent in (25, 50, 75, 100)}


class DepthwiseSeparable(nn.Module):
    """A 3x3 for each channel, a 1x1 across them, each with norm and activation (figure 3, right)."""

    def __init__(self, c_in: int, c_out: int, stride: int, activation: type[nn.Module]) -> None:
        super().__init__()
        self.depthwise = conv_norm(c_in, c_in, 3, stride, groups=c_in, activation=activation)
        self.pointwise = conv_norm(c_in, c_out, 1, activation=activation)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise(self.depthwise(x))


class MobileNetV1(nn.Module):
    """Stem, five stages, global average, one linear layer.

    Shapes   x (n, in_channels, h, w) float → (n, num_classes); num_classes 0 → (n, 1024 · width)
    """

    def __init__(self, spec: Spec, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        small = image_size <= SMALL
        activation = nn.ReLU6 if spec.relu6 else nn.ReLU
        c = round_channels(32 * spec.width)
        self.stem = conv_norm(in_channels, c, 3, 1 if small else 2, activation=activation)
        self.stages = nn.Sequential()
        full = 2 if small else 1  # stages whose maps are not halved
        for number, depth in enumerate(spec.depths):
            blocks = nn.Sequential()
            for i in range(depth):
                stride = 2 if i == 0 and number >= full else 1
                c_in, c = c, round_channels(64 * 2**number * spec.width)
                if spec.separable:
                    blocks.append(DepthwiseSeparable(c_in, c, stride, activation))
                else:
                    blocks.append(conv_norm(c_in, c, 3, stride, activation=activation))
            self.stages.append(blocks)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(c, num_classes) if num_classes else nn.Identity()
        he_normal(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stages(self.stem(x))
        return self.classifier(self.avgpool(x).flatten(1))


TOP1 = {"025": 50.6, "050": 63.7, "075": 68.4, "100": 70.6}

RELU = "with ReLU: timm's ends at 6, as the first release did"
FAMILY = Family(
    name="mobilenet_v1",
    title="MobileNet",
    papers=(
        Paper(
            "Howard et al.",
            2017,
            "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications",
            "arXiv:1704.04861",
        ),
    ),
    ideas=(Idea("googlenet", "depthwise separable convolutions of Inception models", "Howard et al. 2017, §2"),),
    build=MobileNetV1,
    variants=VARIANTS,
    stem="stem.0",
    heads=("classifier",),
    published={
        f"mobilenet_v1_{width}": Published(top1, "ImageNet", "Howard et al. 2017, table 6") for width, top1 in TOP1.items()
    },
    renames=(
        (r"^conv_stem\.", "stem.0."), (r"^bn1\.", "stem.1."), (r"^blocks\.", "stages."),  # timm's
        (r"\.conv_dw\.", ".depthwise.0."), (r"\.bn1\.", ".depthwise.1."),
        (r"\.conv_pw\.", ".pointwise.0."), (r"\.bn2\.", ".pointwise.1."),
        (r"^features\.init_block\.", "stem."), (r"^output\.", "classifier."),  # pytorchcv's
        *((rf"^features\.stage{i + 1}\.unit(\d)\.", rf"stages.{i}.unit\1.") for i in range(5)),
        *((rf"\.unit{i + 1}\.", f".{i}.") for i in range(6)),
        (r"\.dw_conv\.", ".depthwise."), (r"\.pw_conv\.", ".pointwise."),
        (r"(stem|wise)\.conv\.", r"\1.0."), (r"(stem|wise)\.bn\.", r"\1.1."),
    ),
    references={
        "mobilenet_v1_025": (Counterpart("pytorchcv", "mobilenet_wd4"),),
        "mobilenet_v1_050": (Counterpart("pytorchcv", "mobilenet_wd2"),),
        "mobilenet_v1_075": (Counterpart("pytorchcv", "mobilenet_w3d4"),),
        "mobilenet_v1_100": (
            Counterpart("pytorchcv", "mobilenet_w1"),
            Counterpart("timm", "mobilenetv1_100", {"act_layer": nn.ReLU}, why=RELU),
        ),
    },
    suits=Suits("adamw", lr=2e-3, weight_decay=0.05),
    printed={
        "mobilenet_v1_100": Printed("4.2M", "569M", "Howard et al. 2017, table 6"),
        "mobilenet_v1_075": Printed("2.6M", "325M", "Howard et al. 2017, table 6"),
        "mobilenet_v1_050": Printed("1.3M", "149M", "Howard et al. 2017, table 6"),
        "mobilenet_v1_025": Printed("0.5M", "41M", "Howard et al. 2017, table 6"),
    },
    sides={"mobilenet_v1": Sides(HALVED, "Howard et al. 2017, table 1")},
    slim={"depths": (1, 2, 1, 1, 1)},
)  # fmt: skip
