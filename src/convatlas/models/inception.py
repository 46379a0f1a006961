"""Inception v3: the same view for less, by splitting large filters into small and flat ones.

Two 3x3 see what a 5x5 sees at 18/25 of its cost, a 1x7 after a 7x1 what a 7x7 sees at 2/7: y = conv1x7(conv7x1(x)) in place
of conv7x7(x). Sizes are halved by convolutions and pools side by side, so that no layer has to throw away before it has
looked; batch norm follows every convolution, even in the auxiliary head.

Papers   Szegedy et al. 2015, arXiv:1512.00567
Differs  The paper's table 1 is mistyped; its authors point to their release, and this is the release's network. After the
         first pool come a 1x1 to 80 channels (the table: 3x3) and a 3x3 to 192 with stride 1 (the table: 2), then a second
         max-pool (the table: a 3x3 convolution to 288). Modules at 35x35 read 192, 256 and 288 channels, not thrice 288, and
         keep one 5x5 where figure 5 has a 3x3. Of the table's five modules at 17x17 one is the reduction to 8x8; the other
         reduction goes unmentioned. The head's dropout, ε = 0.001 and the 5x5 in the auxiliary head are the release's too.
         The published weights expect pixels between −1 and 1: `transform_input=True` makes them of images normalized with
         ImageNet's means and standard deviations. Convolutions start from He's normal distribution, classes from N(0, 0.01²),
         where the reference draws all from N(0, 0.1²).
Small    Below 75 pixels, where the last map would vanish, Conv2d_1a_3x3 has stride 1, maxpool1 is left out, and all that has no
         border gets one: modules 5, 6, 7 at stride 2, 4, 8. The auxiliary head averages maps below 17x17 to 5x5.
Names    Conv2d_1a_3x3 … 4a_3x3 = stem · Mixed_5x, 6x, 7x = modules at 35x35, 17x17, 8x8, of which 6a and 7a reduce ·
         AuxLogits = auxiliary head on Mixed_6e · fc = head
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d, max_pool2d

from ..ops.conv import BasicConv2d
from ..ops.init import he_normal, normal_linear
from ..ops.norm import recenter
from .family import Family, Idea, Native, Paper, Sides, Suits

LEAST = 75  # pixels a side, below which the last map vanishes without borders


@dataclass(frozen=True, slots=True)
class Spec:
    """What the paper leaves to taste."""

    pooled: tuple[int, int, int] = (32, 64, 64)  # channels of the pooled branch in modules 5b to 5d
    waists: tuple[int, int, int, int] = (128, 160, 160, 192)  # channels between 1x7 and 7x1 in modules 6b to 6e
    dropout: float = 0.5
    auxiliary: bool = True  # one more head while training
    transform_input: bool = False  # from ImageNet's normalization to pixels between −1 and 1


VARIANTS = {"inception_v3": Spec()}


class InceptionA(nn.Module):
    """1x1, 5x5, two 3x3, average: figure 5, with the 5x5 of the release."""

    def __init__(self, c_in: int, pooled: int) -> None:
        super().__init__()
        self.branch1x1 = BasicConv2d(c_in, 64, 1)
        self.branch5x5_1 = BasicConv2d(c_in, 48, 1)
        self.branch5x5_2 = BasicConv2d(48, 64, 5, padding=2)
        self.branch3x3dbl_1 = BasicConv2d(c_in, 64, 1)
        self.branch3x3dbl_2 = BasicConv2d(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = BasicConv2d(96, 96, 3, padding=1)
        self.branch_pool = BasicConv2d(c_in, pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        one = self.branch1x1(x)
        five = self.branch5x5_2(self.branch5x5_1(x))
        threes = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat((one, five, threes, self.branch_pool(avg_pool2d(x, 3, 1, 1))), 1)


class InceptionB(nn.Module):
    """Half the size: 3x3, two 3x3, max-pool (figure 10)."""

    def __init__(self, c_in: int, border: int) -> None:
        super().__init__()
        self.branch3x3 = BasicConv2d(c_in, 384, 3, 2, border)
        self.branch3x3dbl_1 = BasicConv2d(c_in, 64, 1)
        self.branch3x3dbl_2 = BasicConv2d(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = BasicConv2d(96, 96, 3, 2, border)
        self.border = border

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3(x)
        threes = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat((three, threes, max_pool2d(x, 3, 2, self.border)), 1)


class InceptionC(nn.Module):
    """1x1, a 7x7 in two, two 7x7 in four, average (figure 6, n = 7)."""

    def __init__(self, c_in: int, waist: int) -> None:
        super().__init__()
        self.branch1x1 = BasicConv2d(c_in, 192, 1)
        self.branch7x7_1 = BasicConv2d(c_in, waist, 1)
        self.branch7x7_2 = BasicConv2d(waist, waist, (1, 7), padding=(0, 3))
        self.branch7x7_3 = BasicConv2d(waist, 192, (7, 1), padding=(3, 0))
        self.branch7x7dbl_1 = BasicConv2d(c_in, waist, 1)
        self.branch7x7dbl_2 = BasicConv2d(waist, waist, (7, 1), padding=(3, 0))
        self.branch7x7dbl_3 = BasicConv2d(waist, waist, (1, 7), padding=(0, 3))
        self.branch7x7dbl_4 = BasicConv2d(waist, waist, (7, 1), padding=(3, 0))
        self.branch7x7dbl_5 = BasicConv2d(waist, 192, (1, 7), padding=(0, 3))
        self.branch_pool = BasicConv2d(c_in, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        one = self.branch1x1(x)
        seven = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        sevens = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        sevens = self.branch7x7dbl_5(self.branch7x7dbl_4(sevens))
        return torch.cat((one, seven, sevens, self.branch_pool(avg_pool2d(x, 3, 1, 1))), 1)


class InceptionD(nn.Module):
    """Half the size again: 3x3, a 7x7 in two and a 3x3, max-pool."""

    def __init__(self, border: int) -> None:
        super().__init__()
        self.branch3x3_1 = BasicConv2d(768, 192, 1)
        self.branch3x3_2 = BasicConv2d(192, 320, 3, 2, border)
        self.branch7x7x3_1 = BasicConv2d(768, 192, 1)
        self.branch7x7x3_2 = BasicConv2d(192, 192, (1, 7), padding=(0, 3))
        self.branch7x7x3_3 = BasicConv2d(192, 192, (7, 1), padding=(3, 0))
        self.branch7x7x3_4 = BasicConv2d(192, 192, 3, 2, border)
        self.border = border

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3_2(self.branch3x3_1(x))
        seven = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return torch.cat((three, seven, max_pool2d(x, 3, 2, self.border)), 1)


class InceptionE(nn.Module):
    """1x1, a 3x3 as 1x3 beside 3x1, a 3x3 before such a pair, average: as wide as the last map is small (figure 7)."""

    def __init__(self, c_in: int) -> None:
        super().__init__()
        self.branch1x1 = BasicConv2d(c_in, 320, 1)
        self.branch3x3_1 = BasicConv2d(c_in, 384, 1)
        self.branch3x3_2a = BasicConv2d(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3_2b = BasicConv2d(384, 384, (3, 1), padding=(1, 0))
        self.branch3x3dbl_1 = BasicConv2d(c_in, 448, 1)
        self.branch3x3dbl_2 = BasicConv2d(448, 384, 3, padding=1)
        self.branch3x3dbl_3a = BasicConv2d(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3dbl_3b = BasicConv2d(384, 384, (3, 1), padding=(1, 0))
        self.branch_pool = BasicConv2d(c_in, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        one = self.branch1x1(x)
        y = self.branch3x3_1(x)
        three = self.branch3x3_2a(y), self.branch3x3_2b(y)
        y = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        threes = self.branch3x3dbl_3a(y), self.branch3x3dbl_3b(y)
        return torch.cat((one, *three, *threes, self.branch_pool(avg_pool2d(x, 3, 1, 1))), 1)


class InceptionAux(nn.Module):
    """Average to 5x5, 1x1, 5x5, linear: the classes, seen from module 6e (figure 8)."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.conv0 = BasicConv2d(768, 128, 1)
        self.conv1 = BasicConv2d(128, 768, 5)
        self.fc = nn.Linear(768, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = avg_pool2d(x, 5, 3) if min(x.shape[2:]) >= 17 else adaptive_avg_pool2d(x, 5)
        return self.fc(adaptive_avg_pool2d(self.conv1(self.conv0(x)), 1).flatten(1))


class Inception3(nn.Module):
    """Stem, eleven modules, global average, one linear layer.

    Shapes   x (n, in_channels, h, w) float → (n, num_classes); num_classes 0 → (n, 2048);
             while training with the auxiliary head → (logits, those of the auxiliary head)
    """

    def __init__(self, spec: Spec, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        border = 1 if image_size < LEAST else 0
        self.transform_input = spec.transform_input
        self.Conv2d_1a_3x3 = BasicConv2d(in_channels, 32, 3, stride=1 if border else 2, padding=border)
        self.Conv2d_2a_3x3 = BasicConv2d(32, 32, 3, padding=border)
        self.Conv2d_2b_3x3 = BasicConv2d(32, 64, 3, padding=1)
        self.maxpool1 = nn.Identity() if border else nn.MaxPool2d(3, 2)
        self.Conv2d_3b_1x1 = BasicConv2d(64, 80, 1)
        self.Conv2d_4a_3x3 = BasicConv2d(80, 192, 3, padding=border)
        self.maxpool2 = nn.MaxPool2d(3, 2, border)
        a, b, c = spec.pooled
        self.Mixed_5b = InceptionA(192, a)
        self.Mixed_5c = InceptionA(224 + a, b)
        self.Mixed_5d = InceptionA(224 + b, c)
        self.Mixed_6a = InceptionB(224 + c, border)
        d, e, f, g = spec.waists
        self.Mixed_6b = InceptionC(704 + c, d)
        self.Mixed_6c = InceptionC(768, e)
        self.Mixed_6d = InceptionC(768, f)
        self.Mixed_6e = InceptionC(768, g)
        self.AuxLogits = InceptionAux(num_classes) if spec.auxiliary and num_classes else None
        self.Mixed_7a = InceptionD(border)
        self.Mixed_7b = InceptionE(1280)
        self.Mixed_7c = InceptionE(2048)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(spec.dropout)
        self.fc = nn.Linear(2048, num_classes) if num_classes else nn.Identity()
        he_normal(self, mode="fan_in")
        normal_linear(self)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        x = recenter(x) if self.transform_input else x
        x = self.maxpool1(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))))
        x = self.maxpool2(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)))
        x = self.Mixed_6a(self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x))))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(x))))
        auxiliary = self.AuxLogits(x) if self.training and self.AuxLogits else None
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        logits = self.fc(self.dropout(self.avgpool(x).flatten(1)))
        return logits if auxiliary is None else (logits, auxiliary)


FAMILY = Family(
    name="inception",
    title="Inception v3",
    papers=(Paper("Szegedy et al.", 2015, "Rethinking the Inception Architecture for Computer Vision", "arXiv:1512.00567"),),
    ideas=(Idea("googlenet", "Inception modules, their filters factorized", "Szegedy et al. 2015, §3"),),
    build=Inception3,
    variants=VARIANTS,
    stem="Conv2d_1a_3x3.conv",
    heads=("fc",),
    native=Native(image_size=299),
    auxiliary=("AuxLogits",),
    suits=Suits("sgd", lr=0.1, weight_decay=5e-4),
    sides={"inception_v3": Sides((149, 147, 73, 71, 35, 17, 8), "Szegedy et al. 2015, table 1")},
    slim={"pooled": (16, 32, 32), "waists": (32, 48, 48, 64)},
    tags=frozenset({"heavy"}),
)
