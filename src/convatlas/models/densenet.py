"""DenseNet: every layer reads all that came before it.

Inside a block layer l computes x_l = H([x_0, x_1, …, x_{l−1}]): features are joined, not added, so each layer needs to
write only a few new channels (the growth rate k) and gradients reach the first layer directly.

Papers   Huang et al. 2016, arXiv:1608.06993
Differs  In nothing that is computed: H is BN-ReLU-1x1-BN-ReLU-3x3 with a waist of 4k, transitions halve channels and
         size ("BC").
Small    Up to 64 pixels conv0 is 3x3 with stride 1 and pool0 is left out: blocks at stride 1, 2, 4, 8. `densenet_bc_100_12`
         is the paper's own CIFAR network, whose stem has neither norm nor pool.
Names    features.conv0 norm0 = stem · denseblockB.denselayerL.{norm1 conv1 norm2 conv2} · transitionB · norm5 ·
         classifier = head
"""

from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from ..ops.init import he_normal
from ..ops.inplace import InplaceSequential, has_no_hooks, relu_after
from .family import HALVED, SMALL, Counterpart, Family, Idea, Native, Paper, Printed, Published, Sides, Suits


@dataclass(frozen=True, slots=True)
class Spec:
    """A column of table 1."""

    depths: tuple[int, ...]  # layers in each block
    growth: int = 32  # k, the channels each layer adds
    width: int = 64  # channels of the stem
    waist: int = 4  # channels between the 1x1 and the 3x3, in units of k
    compression: float = 0.5  # θ, what a transition keeps of the channels
    dropout: float = 0.0
    bare_stem: bool = False  # 3x3 alone, as on CIFAR


VARIANTS = {
    "densenet121":        Spec((6, 12, 24, 16)),
    "densenet161":        Spec((6, 12, 36, 24), growth=48, width=96),
    "densenet169":        Spec((6, 12, 32, 32)),
    "densenet201":        Spec((6, 12, 48, 32)),
    "densenet_bc_100_12": Spec((16, 16, 16), growth=12, width=24, bare_stem=True),
}  # fmt: skip


class DenseLayer(nn.Module):
    """H: from everything before to k new channels."""

    def __init__(self, spec: Spec, c_in: int) -> None:
        super().__init__()
        waist = spec.waist * spec.growth
        self.norm1 = nn.BatchNorm2d(c_in)
        self.conv1 = nn.Conv2d(c_in, waist, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(waist)
        self.conv2 = nn.Conv2d(waist, spec.growth, 3, padding=1, bias=False)
        self.dropout = nn.Dropout(spec.dropout)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(relu_after(self.norm1, x))
        y = self.conv2(relu_after(self.norm2, y))
        return self.dropout(y)


class DenseBlock(nn.Module):
    """Layers that each append to what they read: c_in → c_in + depth · k channels."""

    def __init__(self, spec: Spec, depth: int, c_in: int) -> None:
        super().__init__()
        for i in range(depth):
            self.add_module(f"denselayer{i + 1}", DenseLayer(spec, c_in + i * spec.growth))

    def forward(self, x: Tensor) -> Tensor:
        maps = [x]
        for layer in self.children():
            maps.append(layer(torch.cat(maps, 1)))
        return torch.cat(maps, 1)


def transition(c_in: int, c_out: int) -> InplaceSequential:
    """Fewer channels by a 1x1, half the size by an average."""
    layers = {
        "norm": nn.BatchNorm2d(c_in),
        "relu": nn.ReLU(),
        "conv": nn.Conv2d(c_in, c_out, 1, bias=False),
        "pool": nn.AvgPool2d(2),
    }
    return InplaceSequential(OrderedDict(layers))


class DenseNet(nn.Module):
    """Stem, dense blocks with transitions between, global average, one linear layer.

    Shapes   x (n, in_channels, h, w) float → (n, num_classes); num_classes 0 → (n, channels of the last block)
    """

    def __init__(self, spec: Spec, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        self.features = InplaceSequential()
        if spec.bare_stem or image_size <= SMALL:
            self.features.add_module("conv0", nn.Conv2d(in_channels, spec.width, 3, padding=1, bias=False))
        else:
            self.features.add_module("conv0", nn.Conv2d(in_channels, spec.width, 7, stride=2, padding=3, bias=False))
        if not spec.bare_stem:
            self.features.add_module("norm0", nn.BatchNorm2d(spec.width))
            self.features.add_module("relu0", nn.ReLU())
            if image_size > SMALL:
                self.features.add_module("pool0", nn.MaxPool2d(3, stride=2, padding=1))
        c = spec.width
        for block, depth in enumerate(spec.depths, start=1):
            self.features.add_module(f"denseblock{block}", DenseBlock(spec, depth, c))
            c += depth * spec.growth
            if block < len(spec.depths):
                self.features.add_module(f"transition{block}", transition(c, int(c * spec.compression)))
                c = int(c * spec.compression)
        self.features.add_module("norm5", nn.BatchNorm2d(c))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(c, num_classes) if num_classes else nn.Identity()
        he_normal(self, mode="fan_in")
        if isinstance(self.classifier, nn.Linear):
            nn.init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = relu(self.features(x), inplace=has_no_hooks(self.features, self.features[-1]))
        return self.classifier(self.avgpool(x).flatten(1))


FAMILY = Family(
    name="densenet",
    title="DenseNet",
    papers=(Paper("Huang et al.", 2016, "Densely Connected Convolutional Networks", "arXiv:1608.06993"),),
    ideas=(
        Idea("resnet", "shortcuts, joined instead of added", "Huang et al. 2016, §3"),
        Idea("preact_resnet", "norm and ReLU before each convolution", "Huang et al. 2016, §3"),
    ),
    build=DenseNet,
    variants=VARIANTS,
    stem="features.conv0",
    heads=("classifier",),
    renames=((r"(denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2."),),  # the first published files
    natives={"densenet_bc_100_12": Native(num_classes=10, image_size=32, smallest=16)},
    published={"densenet_bc_100_12": Published(95.49, "CIFAR-10", "Huang et al. 2016, table 2")},
    references={"densenet_bc_100_12": (Counterpart("pytorchcv", "densenet100_k12_bc_cifar10"),)},
    suits=Suits("sgd", lr=0.2, weight_decay=5e-4),
    printed={"densenet_bc_100_12": Printed("0.8M", "", "Huang et al. 2016, table 2")},
    sides={
        "densenet": Sides(HALVED, "Huang et al. 2016, table 1"),
        "densenet_bc_100_12": Sides((32, 16, 8), "Huang et al. 2016, §3"),
    },
    slim={"depths": (2, 2, 2)},
)
