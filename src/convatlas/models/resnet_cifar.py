"""ResNet for CIFAR: the same idea on 32-pixel images, without a single parameter in the shortcuts.

Three stages of n blocks at 16, 32 and 64 channels make 6n + 2 layers. Where the size halves, the shortcut keeps every
second pixel and fills the new channels with zeros (option A): y = relu(F(x) + [0, x[::2, ::2], 0]), so that the plain
network without shortcuts has exactly as many parameters and the comparison is fair.

Papers   He et al. 2015, arXiv:1512.03385, §4.2
Differs  Zero channels are put half before and half after, as the published weights have them; the paper does not say where.
Names    conv1 bn1 = stem · layer1..3 = stages at stride 1, 2, 4 · fc = head (`linear` in Y. Idelbayev's files)
"""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.functional import pad, relu

from ..ops.init import he_normal
from ..ops.inplace import relu_after
from .family import Counterpart, Family, Idea, Native, Paper, Printed, Published, Sides, Suits


@dataclass(frozen=True, slots=True)
class Spec:
    """Depth 6n + 2."""

    depths: tuple[int, int, int]  # blocks in each stage: three times the paper's n
    shortcut: bool = True  # False: the plain network, which stops learning as it grows deep
    width: int = 16  # channels of the first stage


VARIANTS = {
    "resnet20":  Spec((3, 3, 3)),
    "resnet32":  Spec((5, 5, 5)),
    "resnet44":  Spec((7, 7, 7)),
    "resnet56":  Spec((9, 9, 9)),
    "resnet110": Spec((18, 18, 18)),
    "plain20":   Spec((3, 3, 3), shortcut=False),
    "plain56":   Spec((9, 9, 9), shortcut=False),
}  # fmt: skip


class BasicBlock(nn.Module):
    """3x3, 3x3; stride 2 doubles the channels."""

    def __init__(self, c_in: int, c_out: int, residual: bool) -> None:
        super().__init__()
        self.stride = c_out // c_in
        self.conv1 = nn.Conv2d(c_in, c_out, 3, self.stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_out)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        y = relu_after(self.bn1, self.conv1(x))
        y = self.bn2(self.conv2(y))
        return (y + self.shortcut(x)).relu_() if self.residual else relu(y)

    def shortcut(self, x: Tensor) -> Tensor:
        """Option A: every second pixel, zeros in the new channels."""
        if self.stride == 1:
            return x
        zeros = x.shape[1] // 2
        return pad(x[:, :, ::2, ::2], (0, 0, 0, 0, zeros, zeros))


class CifarResNet(nn.Module):
    """Stem, three stages, global average, one linear layer.

    Shapes   x (n, in_channels, h, w) float → (n, num_classes); num_classes 0 → (n, 64)
    """

    def __init__(self, spec: Spec, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        w = spec.width
        self.conv1 = nn.Conv2d(in_channels, w, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(w)
        self.layer1 = stage(spec, 1, w, w)
        self.layer2 = stage(spec, 2, w, 2 * w)
        self.layer3 = stage(spec, 3, 2 * w, 4 * w)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(4 * w, num_classes) if num_classes else nn.Identity()
        he_normal(self, mode="fan_in")

    def forward(self, x: Tensor) -> Tensor:
        x = relu_after(self.bn1, self.conv1(x))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(self.avgpool(x).flatten(1))


def stage(spec: Spec, number: int, c_in: int, c_out: int) -> nn.Sequential:
    """Blocks, the first of which halves the size where the channels double."""
    rest = (BasicBlock(c_out, c_out, spec.shortcut) for _ in range(spec.depths[number - 1] - 1))
    return nn.Sequential(BasicBlock(c_in, c_out, spec.shortcut), *rest)


TABLE_6 = "He et al. 2015, table 6"
CHANGES = {
    True: ("shortcut A", "with shortcut A: zeros where pytorchcv projects"),
    False: ("no shortcut", "without shortcuts: figure 3, middle"),
}
FAMILY = Family(
    name="resnet_cifar",
    title="ResNet, CIFAR",
    papers=(Paper("He et al.", 2015, "Deep Residual Learning for Image Recognition", "arXiv:1512.03385"),),
    ideas=(Idea("resnet", "residual blocks, on 32 pixels with free shortcuts", "He et al. 2015, §4.2"),),
    build=CifarResNet,
    variants=VARIANTS,
    stem="conv1",
    heads=("fc",),
    native=Native(num_classes=10, image_size=32, smallest=16),
    published={
        "resnet20":  Published(91.25, "CIFAR-10", TABLE_6),
        "resnet32":  Published(92.49, "CIFAR-10", TABLE_6),
        "resnet44":  Published(92.83, "CIFAR-10", TABLE_6),
        "resnet56":  Published(93.03, "CIFAR-10", TABLE_6),
        "resnet110": Published(93.57, "CIFAR-10", TABLE_6),
    },
    renames=((r"^linear\.", "fc."),),
    tags=frozenset({"no-reference"}),
    references={
        name: (
            Counterpart(
                "pytorchcv", "resnet_cifar", {"blocks": 2 * sum(spec.depths) + 2, "bottleneck": False}, *CHANGES[spec.shortcut]
            ),
        )
        for name, spec in VARIANTS.items()
    },
    suits=Suits("sgd", lr=0.2, weight_decay=5e-4),
    printed={
        "resnet20":  Printed("0.27M", "", TABLE_6),
        "resnet32":  Printed("0.46M", "", TABLE_6),
        "resnet44":  Printed("0.66M", "", TABLE_6),
        "resnet56":  Printed("0.85M", "", TABLE_6),
        "resnet110": Printed("1.7M", "", TABLE_6),
        "plain20":   Printed("0.27M", "", f"{TABLE_6}: shortcuts have no parameters"),
        "plain56":   Printed("0.85M", "", f"{TABLE_6}: shortcuts have no parameters"),
    },
    sides={"resnet_cifar": Sides((32, 16, 8), "He et al. 2015, §4.2")},
    slim={"depths": (2, 2, 2)},
    aliases={"n": "depths"},
)  # fmt: skip
