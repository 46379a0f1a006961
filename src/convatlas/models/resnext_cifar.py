"""ResNeXt for CIFAR: more paths instead of deeper or wider ones, on 32-pixel images.

Every block adds up C equal branches, y = relu(x + Σ T_i(x)), each a thin 1x1-3x3-1x1, and is computed as one bottleneck whose
3x3 has C groups. Three stages of n such blocks make 9n + 2 layers.

Papers   Xie et al. 2016, arXiv:1611.05431, §5.3
Differs  ReLU after the sum, as in the authors' code, who say that the first edition's CIFAR blocks were pre-activated.
         `resnext29_32x4d` is not in the paper: later collections took ImageNet's 32 paths of 4 channels over.
Names    conv1 bn1 = stem · layer1..3 = stages at stride 1, 2, 4 · downsample = shortcut · fc = head
"""

from dataclasses import dataclass

from torch import Tensor, nn

from ..ops.init import he_normal
from ..ops.inplace import relu_after
from . import resnet
from .family import Counterpart, Family, Idea, Native, Paper, Printed, Published, Sides, Suits


@dataclass(frozen=True, slots=True)
class Spec:
    """ResNeXt-(9n + 2), groups x base_width d."""

    n: int  # blocks in each stage
    groups: int  # C, the cardinality
    base_width: int  # channels of each path in stage 1


VARIANTS = {
    "resnext29_32x4d":  Spec(3, 32, 4),
    "resnext29_8x64d":  Spec(3, 8, 64),
    "resnext29_16x64d": Spec(3, 16, 64),
}  # fmt: skip


class CifarResNeXt(nn.Module):
    """Stem, three stages of ResNet's bottlenecks, global average, one linear layer.

    Shapes   x (n, in_channels, h, w) float → (n, num_classes); num_classes 0 → (n, 1024)
    """

    def __init__(self, spec: Spec, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        blocks = resnet.Spec((spec.n, spec.n, spec.n, spec.n), groups=spec.groups, base_width=spec.base_width)
        self.conv1 = resnet.conv(in_channels, 64, 3)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = resnet.stage(blocks, 1, 64)
        self.layer2 = resnet.stage(blocks, 2, 256)
        self.layer3 = resnet.stage(blocks, 3, 512)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(1024, num_classes) if num_classes else nn.Identity()
        he_normal(self)
        if isinstance(self.fc, nn.Linear):
            nn.init.zeros_(self.fc.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = relu_after(self.bn1, self.conv1(x))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(self.avgpool(x).flatten(1))


FAMILY = Family(
    name="resnext_cifar",
    title="ResNeXt, CIFAR",
    papers=(Paper("Xie et al.", 2016, "Aggregated Residual Transformations for Deep Neural Networks", "arXiv:1611.05431"),),
    ideas=(Idea("resnext", "many equal paths, on 32 pixels", "Xie et al. 2016, §5.3"),),
    build=CifarResNeXt,
    variants=VARIANTS,
    stem="conv1",
    heads=("fc",),
    native=Native(num_classes=10, image_size=32, smallest=16),
    published={
        "resnext29_8x64d":  Published(96.35, "CIFAR-10", "Xie et al. 2016, table 7"),
        "resnext29_16x64d": Published(96.42, "CIFAR-10", "Xie et al. 2016, table 7"),
    },
    references={
        f"resnext29_{groups}x{width}d": (
            Counterpart("pytorchcv", "resnext_cifar", {"blocks": 29, "cardinality": groups, "bottleneck_width": width}),
        )
        for groups, width in ((32, 4), (8, 64), (16, 64))
    },
    suits=Suits("sgd", lr=0.2, weight_decay=5e-4),
    printed={
        "resnext29_8x64d": Printed("34.4M", "", "Xie et al. 2016, table 7"),
        "resnext29_16x64d": Printed("68.1M", "", "Xie et al. 2016, table 7", ours="68.2M", why="the paper cuts 68.16 off"),
    },
    sides={"resnext_cifar": Sides((32, 16, 8), "Xie et al. 2016, §5.3")},
    slim={"n": 2},
)  # fmt: skip
