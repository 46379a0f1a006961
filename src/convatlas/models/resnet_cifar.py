"""ResNet for CIFAR: the same idea on 32-pixel images, without a single parameter in the shortcuts.

Three stages of n blocks at 16, 32 and 64 channels make 6n + 2 layers. Where the size halves, the shortcut keeps every
second pixel and fills the new channels with zeros (option A): y = relu(F(x) + [0, x[::2, ::2], 0]), so that the plain
network without shortcuts has exactly as many parameters and the comparison is fair. What else can be changed:

    shortcut    A, zeros; B, a 1x1 convolution with a norm where the channels change (He et al. 2015, §3.3); none, plain
    kernel      of both convolutions of a block; the paper's is 3
    norm        batch (Ioffe & Szegedy 2015, arXiv:1502.03167); group, of 16 channels each or the next more that divide them
                (Wu & He 2018, arXiv:1803.08494); none, with biases in its place
    activation  relu; gelu (Hendrycks & Gimpel 2016, arXiv:1606.08415), silu (Ramachandran et al. 2017, arXiv:1710.05941), elu
                (Clevert et al. 2015, arXiv:1511.07289)

Papers   He et al. 2015, arXiv:1512.03385, §4.2
Differs  Zero channels are put half before and half after, as the published weights have them; the paper does not say where.
Names    conv1 bn1 = stem · layer1..3 = stages at stride 1, 2, 4 · fc = head (`linear` in Y. Idelbayev's files)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn
from torch.nn.functional import elu, gelu, pad, relu, silu

from ..ops.init import he_normal
from ..ops.inplace import relu_after
from .family import Counterpart, Family, Idea, Native, Paper, Printed, Published, Sides, Suits


@dataclass(frozen=True, slots=True)
class Spec:
    """Depth 6n + 2."""

    depths: tuple[int, int, int]  # blocks in each stage: three times the paper's n
    shortcut: Literal["A", "B", "none"] = "A"  # none: the plain network, which stops learning as it grows deep
    width: int = 16  # channels of the first stage
    kernel: int = 3
    norm: Literal["batch", "group", "none"] = "batch"
    activation: Literal["relu", "gelu", "silu", "elu"] = "relu"


VARIANTS = {
    "resnet20":  Spec((3, 3, 3)),
    "resnet32":  Spec((5, 5, 5)),
    "resnet44":  Spec((7, 7, 7)),
    "resnet56":  Spec((9, 9, 9)),
    "resnet110": Spec((18, 18, 18)),
    "plain20":   Spec((3, 3, 3), shortcut="none"),
    "plain56":   Spec((9, 9, 9), shortcut="none"),
}  # fmt: skip


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": relu, "gelu": gelu, "silu": silu, "elu": elu}
CHANNELS_PER_GROUP = 16


class BasicBlock(nn.Module):
    """3x3, 3x3; stride 2 doubles the channels."""

    def __init__(self, spec: Spec, c_in: int, c_out: int) -> None:
        super().__init__()
        self.stride = c_out // c_in
        self.conv1 = convolution(spec, c_in, c_out, spec.kernel, self.stride)
        self.bn1 = norm_of(spec, c_out)
        self.conv2 = convolution(spec, c_out, c_out, spec.kernel)
        self.bn2 = norm_of(spec, c_out)
        self.residual = spec.shortcut != "none"
        projects = spec.shortcut == "B" and self.stride > 1
        self.downsample = (
            nn.Sequential(convolution(spec, c_in, c_out, 1, self.stride), norm_of(spec, c_out)) if projects else None
        )
        self.activation = spec.activation

    def forward(self, x: Tensor) -> Tensor:
        y = activate(self.activation, self.bn1, self.conv1(x))
        y = self.bn2(self.conv2(y))
        if self.residual:
            y = y + self.shortcut(x)
            return y.relu_() if self.activation == "relu" else ACTIVATIONS[self.activation](y)
        return ACTIVATIONS[self.activation](y)

    def shortcut(self, x: Tensor) -> Tensor:
        """Option B, a projection; or A: every second pixel, zeros in the new channels."""
        if self.downsample is not None:
            return self.downsample(x)
        if self.stride == 1:
            return x
        before = x.shape[1] // 2
        return pad(x[:, :, ::2, ::2], (0, 0, 0, 0, before, x.shape[1] - before))


class CifarResNet(nn.Module):
    """Stem, three stages, global average, one linear layer.

    Shapes   x (n, in_channels, h, w) float → (n, num_classes); num_classes 0 → (n, 64)
    """

    def __init__(self, spec: Spec, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        w = spec.width
        self.conv1 = convolution(spec, in_channels, w, 3)
        self.bn1 = norm_of(spec, w)
        self.activation = spec.activation
        self.layer1 = stage(spec, 1, w, w)
        self.layer2 = stage(spec, 2, w, 2 * w)
        self.layer3 = stage(spec, 3, 2 * w, 4 * w)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(4 * w, num_classes) if num_classes else nn.Identity()
        he_normal(self, mode="fan_in")

    def forward(self, x: Tensor) -> Tensor:
        x = activate(self.activation, self.bn1, self.conv1(x))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(self.avgpool(x).flatten(1))


def stage(spec: Spec, number: int, c_in: int, c_out: int) -> nn.Sequential:
    """Blocks, the first of which halves the size where the channels double."""
    rest = (BasicBlock(spec, c_out, c_out) for _ in range(spec.depths[number - 1] - 1))
    return nn.Sequential(BasicBlock(spec, c_in, c_out), *rest)


def convolution(spec: Spec, c_in: int, c_out: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """A convolution that keeps the size at stride 1; with a bias only where no norm follows.

    Raises   ValueError for an even kernel, which has no middle
    """
    if kernel % 2 == 0:
        raise ValueError(f"kernel needs to be odd, such as 3, got {kernel}")
    return nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2, bias=spec.norm == "none")


def norm_of(spec: Spec, channels: int) -> nn.Module:
    """The norm after a convolution."""
    if spec.norm == "group":
        most = max(1, channels // CHANNELS_PER_GROUP)
        return nn.GroupNorm(next(n for n in range(most, 0, -1) if channels % n == 0), channels)
    return nn.BatchNorm2d(channels) if spec.norm == "batch" else nn.Identity()


def activate(activation: str, norm: nn.Module, x: Tensor) -> Tensor:
    """activation(norm(x)).

    Shapes   x (n, c, h, w) → alike
    """
    return relu_after(norm, x) if activation == "relu" else ACTIVATIONS[activation](norm(x))


TABLE_6 = "He et al. 2015, table 6"
CHANGES = {
    "A": ("shortcut A", "with shortcut A: zeros where pytorchcv projects"),
    "none": ("no shortcut", "without shortcuts: figure 3, middle"),
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
    spellings={"shortcut": {True: "A", False: "none", "a": "A", "b": "B"}},
)  # fmt: skip
