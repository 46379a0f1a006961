"""PreAct ResNet: keep the road free, and put norm and activation on the branch.

With y = x + W₂ relu(norm(W₁ relu(norm(x)))) nothing stands on the shortcut, neither after the sum, so x_L = x_l + Σ F(x_i):
any deeper value is any shallower one plus what was learned between, and gradients come back undamped. The paper trains
1001 layers so.

Papers   He et al. 2016, arXiv:1603.05027
Differs  The paper's CIFAR networks are thin and deep (110, 164, 1001 layers); these have the stages of ResNet-18, 34 and 50 on
         32-pixel images, as K. Liu's often quoted collection spread them, whose topology misses both exceptions of
         the paper's appendix: the stem's output should be activated before the first block divides it, and the last sum
         before the average. `last_norm=True` mends the second, for 1,024 parameters more (18 and 34) or 4,096 (50). A shortcut
         that changes the shape is a bare 1x1 on the activated input. Weights start from He's normal distribution.
Names    conv1 = stem · layer1..4 = stages at stride 1, 2, 4, 8 · shortcut = projection · bn = last norm · fc = head
         (`linear` in K. Liu's files)
"""

from dataclasses import dataclass

from torch import Tensor, nn

from ..ops.init import he_normal
from ..ops.inplace import relu_after
from ..ops.preact import PreActBlock, projection
from .family import Counterpart, Family, Idea, Native, Paper, Suits


@dataclass(frozen=True, slots=True)
class Spec:
    """Depths as in table 1 of the first ResNet."""

    depths: tuple[int, int, int, int]  # blocks in each stage
    bottleneck: bool = False  # 1x1-3x3-1x1 instead of 3x3-3x3
    width: int = 64  # channels of the stem and of the first stage's 3x3; later stages double them
    last_norm: bool = False  # norm and ReLU after the last sum, as the paper has them


VARIANTS = {
    "preact_resnet18": Spec((2, 2, 2, 2)),
    "preact_resnet34": Spec((3, 4, 6, 3)),
    "preact_resnet50": Spec((3, 4, 6, 3), bottleneck=True),
}  # fmt: skip


class PreActBottleneck(nn.Module):
    """1x1 down to the waist, 3x3 there, 1x1 up to four times the waist, each after its own norm and ReLU."""

    expansion = 4

    def __init__(self, c_in: int, waist: int, stride: int) -> None:
        super().__init__()
        c_out = waist * self.expansion
        self.bn1 = nn.BatchNorm2d(c_in)
        self.conv1 = nn.Conv2d(c_in, waist, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(waist)
        self.conv2 = nn.Conv2d(waist, waist, 3, stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(waist)
        self.conv3 = nn.Conv2d(waist, c_out, 1, bias=False)
        self.shortcut = projection(c_in, c_out, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = relu_after(self.bn1, x)
        x = x if self.shortcut is None else self.shortcut(y)
        y = relu_after(self.bn2, self.conv1(y))
        y = relu_after(self.bn3, self.conv2(y))
        return self.conv3(y) + x


def stage(spec: Spec, number: int, c_in: int) -> nn.Sequential:
    """Stage 1 to 4: each halves the size, the first one excepted, and doubles the width."""
    block = PreActBottleneck if spec.bottleneck else PreActBlock
    width = spec.width * 2 ** (number - 1)
    first = block(c_in, width, stride=1 if number == 1 else 2)
    rest = (block(width * block.expansion, width, stride=1) for _ in range(spec.depths[number - 1] - 1))
    return nn.Sequential(first, *rest)


class PreActResNet(nn.Module):
    """A bare convolution, four stages, (norm and ReLU,) global average, one linear layer.

    Shapes   x (n, in_channels, h, w) float → (n, num_classes); num_classes 0 → (n, 512), or (n, 2048) with bottlenecks
    """

    def __init__(self, spec: Spec, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        out = spec.width * (PreActBottleneck if spec.bottleneck else PreActBlock).expansion  # channels after stage 1
        self.conv1 = nn.Conv2d(in_channels, spec.width, 3, padding=1, bias=False)
        self.layer1 = stage(spec, 1, spec.width)
        self.layer2 = stage(spec, 2, out)
        self.layer3 = stage(spec, 3, 2 * out)
        self.layer4 = stage(spec, 4, 4 * out)
        self.bn = nn.BatchNorm2d(8 * out) if spec.last_norm else None
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8 * out, num_classes) if num_classes else nn.Identity()
        he_normal(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.conv1(x)))))
        x = x if self.bn is None else relu_after(self.bn, x)
        return self.fc(self.avgpool(x).flatten(1))


TEN = "with a 3x3 stem, ten classes and no last norm: as the form for 32 pixels is known"
FAMILY = Family(
    name="preact_resnet",
    title="PreAct ResNet",
    papers=(Paper("He et al.", 2016, "Identity Mappings in Deep Residual Networks", "arXiv:1603.05027"),),
    ideas=(Idea("resnet", "residual blocks with a clean shortcut: norm and ReLU first", "He et al. 2016, §4"),),
    build=PreActResNet,
    variants=VARIANTS,
    stem="conv1",
    heads=("fc",),
    native=Native(num_classes=10, image_size=32),
    renames=((r"\bshortcut\.0\.", "shortcut."), (r"^linear\.", "fc.")),
    references={
        f"preact_resnet{theirs[:2]}": (Counterpart("pytorchcv", f"preresnet{theirs}", adjust="small form", why=TEN),)
        for theirs in ("18", "34", "50b")
    },
    suits=Suits("sgd", lr=0.2, weight_decay=5e-4),
    slim={"width": 16, "depths": (2, 1, 1, 1)},
)
