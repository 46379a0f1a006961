"""Wide ResNet: sixteen wide layers learn as much as a thousand thin ones, and many times faster.

Three stages of n pre-activated blocks, y = x + W₂ relu(norm(W₁ relu(norm(x)))), at k times the 16, 32 and 64 channels of
CIFAR's ResNet: parameters and work grow linearly with depth and with the square of k, which fills a processor where
depth only makes it wait.

Papers   Zagoruyko and Komodakis 2016, arXiv:1605.07146
Differs  In nothing: a depth of 6n + 4 counts the convolutions, projections included. The accuracies are those without
         dropout; the paper's best for WRN-28-10 (96.11) has 0.3 of it between the two convolutions. WRN-40-2 was measured
         on ZCA-whitened images, the others on normalized ones.
Names    conv1 = stem · layer1..3 = stages at stride 1, 2, 4 · shortcut = projection · bn = last norm · fc = head
         (block1..3, convShortcut and bn1 in files of the much used WideResNet-pytorch)
"""

from dataclasses import dataclass

from torch import Tensor, nn

from ..ops.init import he_normal
from ..ops.inplace import relu_after
from ..ops.preact import PreActBlock
from .family import Counterpart, Family, Idea, Native, Paper, Printed, Published, Sides, Suits


@dataclass(frozen=True, slots=True)
class Spec:
    """WRN-depth-width."""

    depth: int  # 6n + 4
    width: int  # k, in units of 16 channels
    dropout: float = 0.0  # between the convolutions of a block


VARIANTS = {
    "wrn_16_4":  Spec(16, 4),
    "wrn_28_10": Spec(28, 10),
    "wrn_40_2":  Spec(40, 2),
}  # fmt: skip


class WideResNet(nn.Module):
    """A bare convolution, three stages, norm and ReLU, global average, one linear layer.

    Shapes   x (n, in_channels, h, w) float → (n, num_classes); num_classes 0 → (n, 64 · width)
    """

    def __init__(self, spec: Spec, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        if spec.depth < 10 or spec.depth % 6 != 4:
            raise ValueError(f"three stages of n blocks have a depth of 6n + 4, such as 16, 22 or 28, got {spec.depth}")
        w = 16 * spec.width
        self.conv1 = nn.Conv2d(in_channels, 16, 3, padding=1, bias=False)
        self.layer1 = stage(spec, 16, w, 1)
        self.layer2 = stage(spec, w, 2 * w, 2)
        self.layer3 = stage(spec, 2 * w, 4 * w, 2)
        self.bn = nn.BatchNorm2d(4 * w)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(4 * w, num_classes) if num_classes else nn.Identity()
        he_normal(self)
        if isinstance(self.fc, nn.Linear):
            nn.init.zeros_(self.fc.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer3(self.layer2(self.layer1(self.conv1(x))))
        return self.fc(self.avgpool(relu_after(self.bn, x)).flatten(1))


def stage(spec: Spec, c_in: int, c_out: int, stride: int) -> nn.Sequential:
    """n blocks, the first of which widens and strides."""
    rest = (PreActBlock(c_out, c_out, 1, spec.dropout) for _ in range(spec.depth // 6 - 1))
    return nn.Sequential(PreActBlock(c_in, c_out, stride, spec.dropout), *rest)


_ZAGORUYKO = "Zagoruyko and Komodakis 2016"
FAMILY = Family(
    name="wrn_cifar",
    title="WRN, CIFAR",
    papers=(Paper("Zagoruyko and Komodakis", 2016, "Wide Residual Networks", "arXiv:1605.07146"),),
    ideas=(
        Idea("preact_resnet", "norm and ReLU before each convolution", "Zagoruyko and Komodakis 2016, §2"),
        Idea("resnet_cifar", "three stages of residual blocks, k times as wide", "Zagoruyko and Komodakis 2016, §2"),
    ),
    build=WideResNet,
    variants=VARIANTS,
    stem="conv1",
    heads=("fc",),
    native=Native(num_classes=10, image_size=32, smallest=16),
    published={
        "wrn_16_4":  Published(94.98, "CIFAR-10", f"{_ZAGORUYKO}, table 6"),
        "wrn_28_10": Published(96.00, "CIFAR-10", f"{_ZAGORUYKO}, table 5"),
        "wrn_40_2":  Published(94.67, "CIFAR-10", f"{_ZAGORUYKO}, table 4"),
    },
    renames=((r"^block(\d)\.layer\.", r"layer\1."), (r"\.convShortcut\.", ".shortcut."), (r"^bn1\.", "bn.")),
    references={
        f"wrn_{depth}_{k}": (Counterpart("pytorchcv", "wrn_cifar", {"blocks": depth, "width_factor": k}),)
        for depth, k in ((16, 4), (28, 10), (40, 2))
    },
    suits=Suits("sgd", lr=0.2, weight_decay=5e-4),
    printed={
        "wrn_28_10": Printed("36.5M", "", "Zagoruyko and Komodakis 2016, table 5"),
        "wrn_40_2": Printed("2.2M", "", "Zagoruyko and Komodakis 2016, table 4"),
    },
    sides={"wrn_cifar": Sides((32, 16, 8), "Zagoruyko and Komodakis 2016, table 1")},
    slim={"depth": 16},
)  # fmt: skip
