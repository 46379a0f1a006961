"""GoogLeNet: let every layer choose its filter size, and keep it cheap with 1x1 convolutions.

An Inception module joins four views of its input, y = [1x1(x), 3x3(1x1(x)), 5x5(1x1(x)), 1x1(pool(x))]: the 1x1 in front of
the larger filters leaves them few channels to read. Nine modules and a global average have a twelfth of AlexNet's weights.
Two auxiliary heads on modules 4a and 4d send gradients into the middle while training and are left out afterwards.

Papers   Szegedy et al. 2014, arXiv:1409.4842 (`googlenet_2014`) · batch norm: Ioffe and Szegedy 2015, 1502.03167 (`googlenet`)
Differs  `googlenet_2014` is the paper's network: biases, no batch norm, local response normalization after the first pool and
         before the second, with Caffe's constants, since the paper has none; 6,998,552 weights and biases, and 6,379,728 more
         in its auxiliary heads. The paper's table 1 gives the first convolution 2.7K weights; its 7x7x3x64 are 9.4K. 68.7 % is
         Caffe's replication with one crop: the paper gives top-5 errors alone (10.07 %).
         `googlenet` is the network of the published weights, which came from TensorFlow: batch norm; a 3x3 where the third
         branch should have a 5x5, a slip in TensorFlow's first release that all published weights share; 2x2 instead of
         3x3 in the fourth max-pool; dropout 0.2, not 0.4. Its auxiliary heads average to 4x4 whatever comes, where the
         paper's take 5x5 windows at stride 3; those in the published file were never trained. That file expects pixels
         between −1 and 1: `transform_input=True` makes them of images normalized with ImageNet's statistics.
         In both, convolutions start from He's normal distribution: the paper is silent, and the N(0, 0.01²) of the reference
         makes activations vanish before batch norm has statistics.
Small    Up to 64 pixels conv1 is 3x3 with stride 1 and maxpool1 is left out: modules 3, 4, 5 at stride 2, 4, 8.
Names    conv1..3 = stem · inceptionNX.branch1..4 = 1x1, 3x3, 5x5, pool · aux1 aux2 = heads on 4a and 4d · fc = head
"""

from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d

from ..ops.conv import BasicConv2d
from ..ops.init import he_normal, normal_linear
from ..ops.inplace import InplaceSequential, relu_after
from ..ops.norm import LocalResponseNorm, recenter
from .family import HALVED, SMALL, Family, Idea, Paper, Printed, Published, Sides, Suits


@dataclass(frozen=True, slots=True)
class Spec:
    """What the paper and the published weights differ in."""

    norm: bool = True  # batch norm after each convolution; without it biases, and response normalization in the stem
    kernel: int = 3  # of the third branch
    last_pool: int = 2  # window of the max-pool before the last two modules
    dropout: float = 0.2
    auxiliary: bool = True  # two more heads while training
    transform_input: bool = False  # from ImageNet's normalization to pixels between −1 and 1


VARIANTS = {
    "googlenet":      Spec(),
    "googlenet_2014": Spec(norm=False, kernel=5, last_pool=3, dropout=0.4),
}  # fmt: skip


def conv(spec: Spec, c_in: int, c_out: int, kernel: int, stride: int = 1) -> nn.Module:
    """A convolution that keeps the size at stride 1, (batch norm,) ReLU."""
    if spec.norm:
        return BasicConv2d(c_in, c_out, kernel, stride, kernel // 2)
    return InplaceSequential(OrderedDict(conv=nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2), relu=nn.ReLU()))


class Inception(nn.Module):
    """Four views of one map, joined (figure 2b); the widths are a row of table 1."""

    def __init__(self, spec: Spec, c_in: int, widths: tuple[int, int, int, int, int, int]) -> None:
        super().__init__()
        if spec.kernel % 2 == 0:
            raise ValueError(f"a kernel of {spec.kernel} has no middle: take an odd one")
        one, reduce_three, three, reduce_five, five, pooled = widths
        self.branch1 = conv(spec, c_in, one, 1)
        self.branch2 = nn.Sequential(conv(spec, c_in, reduce_three, 1), conv(spec, reduce_three, three, 3))
        self.branch3 = nn.Sequential(conv(spec, c_in, reduce_five, 1), conv(spec, reduce_five, five, spec.kernel))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), conv(spec, c_in, pooled, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)), 1)


class InceptionAux(nn.Module):
    """Average to 4x4, 1x1, two linear layers: the classes, seen from the middle of the network (§5)."""

    def __init__(self, spec: Spec, c_in: int, num_classes: int) -> None:
        super().__init__()
        self.conv = conv(spec, c_in, 128, 1)
        self.fc1 = nn.Linear(128 * 4 * 4, 1024)
        self.fc2 = nn.Linear(1024, num_classes)
        self.dropout = nn.Dropout(0.7)
        self.windows = not spec.norm

    def forward(self, x: Tensor) -> Tensor:
        if self.windows and min(x.shape[2:]) >= 14:
            x = avg_pool2d(x, 5, 3)  # 14x14 → 4x4, as published
        x = self.conv(adaptive_avg_pool2d(x, 4))
        return self.fc2(self.dropout(relu_after(self.fc1, x.flatten(1))))


class GoogLeNet(nn.Module):
    """Stem, nine Inception modules, global average, one linear layer.

    Shapes   x (n, in_channels, h, w) float → (n, num_classes); num_classes 0 → (n, 1024);
             while training with auxiliary heads → (logits, those of aux2, those of aux1)
    """

    def __init__(self, spec: Spec, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        small, pool, auxiliary = image_size <= SMALL, spec.last_pool, spec.auxiliary and num_classes > 0
        self.transform_input = spec.transform_input
        self.conv1 = conv(spec, in_channels, 64, 3) if small else conv(spec, in_channels, 64, 7, stride=2)
        self.maxpool1 = nn.Identity() if small else nn.MaxPool2d(3, 2, ceil_mode=True)
        self.norm1 = nn.Identity() if spec.norm else LocalResponseNorm(5)
        self.conv2 = conv(spec, 64, 64, 1)
        self.conv3 = conv(spec, 64, 192, 3)
        self.norm2 = nn.Identity() if spec.norm else LocalResponseNorm(5)
        self.maxpool2 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.inception3a = Inception(spec, 192, (64, 96, 128, 16, 32, 32))
        self.inception3b = Inception(spec, 256, (128, 128, 192, 32, 96, 64))
        self.maxpool3 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.inception4a = Inception(spec, 480, (192, 96, 208, 16, 48, 64))
        self.inception4b = Inception(spec, 512, (160, 112, 224, 24, 64, 64))
        self.inception4c = Inception(spec, 512, (128, 128, 256, 24, 64, 64))
        self.inception4d = Inception(spec, 512, (112, 144, 288, 32, 64, 64))
        self.inception4e = Inception(spec, 528, (256, 160, 320, 32, 128, 128))
        self.maxpool4 = nn.MaxPool2d(pool, 2, ceil_mode=True)
        self.inception5a = Inception(spec, 832, (256, 160, 320, 32, 128, 128))
        self.inception5b = Inception(spec, 832, (384, 192, 384, 48, 128, 128))
        self.aux1 = InceptionAux(spec, 512, num_classes) if auxiliary else None
        self.aux2 = InceptionAux(spec, 528, num_classes) if auxiliary else None
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(spec.dropout)
        self.fc = nn.Linear(1024, num_classes) if num_classes else nn.Identity()
        he_normal(self, mode="fan_in")
        normal_linear(self)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        x = recenter(x) if self.transform_input else x
        x = self.norm1(self.maxpool1(self.conv1(x)))
        x = self.maxpool2(self.norm2(self.conv3(self.conv2(x))))
        x = self.maxpool3(self.inception3b(self.inception3a(x)))
        x = self.inception4a(x)
        aux1 = self.aux1(x) if self.training and self.aux1 else None
        x = self.inception4d(self.inception4c(self.inception4b(x)))
        aux2 = self.aux2(x) if self.training and self.aux2 else None
        x = self.maxpool4(self.inception4e(x))
        x = self.inception5b(self.inception5a(x))
        logits = self.fc(self.dropout(self.avgpool(x).flatten(1)))
        return logits if aux1 is None or aux2 is None else (logits, aux2, aux1)


FAMILY = Family(
    name="googlenet",
    title="GoogLeNet",
    papers=(
        Paper("Szegedy et al.", 2014, "Going Deeper with Convolutions", "arXiv:1409.4842"),
        Paper(
            "Ioffe and Szegedy",
            2015,
            "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift",
            "arXiv:1502.03167",
        ),
    ),
    ideas=(Idea("lenet", "the standard structure that modules of many filter sizes refine", "Szegedy et al. 2014, §2"),),
    build=GoogLeNet,
    variants=VARIANTS,
    years={"googlenet": 2015},
    stem="conv1.conv",
    heads=("fc",),
    published={"googlenet_2014": Published(68.7, "ImageNet", "BVLC Caffe, models/bvlc_googlenet/readme.md")},
    auxiliary=("aux1", "aux2"),
    suits=Suits("sgd", lr=0.2, weight_decay=5e-4),
    variant_suits={"googlenet_2014": Suits("adamw", lr=5e-4, weight_decay=0.01)},
    printed={
        "googlenet": Printed(
            "6,998,552",
            "",
            "Szegedy et al. 2014, counted from table 1",
            ours="6,624,904",
            why="the published weights have batch norm instead of biases, and by a slip 3x3 where the paper has 5x5",
        ),
        "googlenet_2014": Printed("6,998,552", "", "Szegedy et al. 2014, counted from table 1"),
    },
    sides={"googlenet": Sides(HALVED, "Szegedy et al. 2014, table 1")},
    tags=frozenset({"heavy"}),
)
