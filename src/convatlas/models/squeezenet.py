"""SqueezeNet: as right as AlexNet with a fiftieth of its weights.

A Fire module first squeezes its input to few channels s by a 1x1, then expands it to e by 1x1 and 3x3 side by side,
y = [relu(E₁ z), relu(E₃ z)] with z = relu(S x): half the filters are 1x1, the others see few channels, and size is halved
late so that maps stay large. There is no linear layer: a 1x1 makes a map for each class, whose average is its score.

Papers   Iandola et al. 2016, arXiv:1602.07360 · `squeezenet1_1`: the authors' second release, 2016, 2.4 times cheaper
Differs  The paper's table 1 prints 224 pixels, but its 111x111 maps need 227 (the authors: a typing error); at 224 the maps
         are 109, 54, 27 and 13. The first release pads the last 1x1 by one pixel, a slip of the program that wrote it, as its
         authors say; here it has no border. A ReLU follows that 1x1, so that no logit is below zero;
         its biases start at 1 where the reference has 0, or classes fall silent before they have learned anything.
         `bypass=True` is the paper's §6: modules that keep their channels add their input.
Small    Up to 64 pixels features.0 is 3x3 with stride 1 and a border: maps at stride 2, 4, 8 (32 → 16 → 8 → 4).
Names    features.0 = stem · features.N.{squeeze expand1x1 expand3x3} = Fire modules · classifier.1 = head
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.init import constant_, kaiming_uniform_, normal_

from ..ops.inplace import InplaceSequential, relu_after
from .family import SMALL, Family, Idea, Paper, Printed, Sides, Suits


@dataclass(frozen=True, slots=True)
class Spec:
    """§5.1: the numbers that make up every SqueezeNet, and what the two releases differ in."""

    stem: int  # channels of the first convolution
    kernel: int  # of the first convolution
    pools: tuple[int, ...]  # layers with a max-pool behind: 1 = first convolution, 2 to 9 = Fire modules
    base: int = 128  # channels of the first two Fire modules
    growth: int = 128  # channels added every two modules
    squeeze: float = 0.125  # squeezed channels for each expanded one
    share3x3: float = 0.5  # of the expanded channels, what the 3x3 makes
    bypass: bool = False  # modules that keep their channels add their input


VARIANTS = {
    "squeezenet1_0": Spec(96, 7, pools=(1, 4, 8)),
    "squeezenet1_1": Spec(64, 3, pools=(1, 3, 5)),
}  # fmt: skip


class Fire(nn.Module):
    """1x1 to few channels, then 1x1 and 3x3 side by side (figure 1)."""

    def __init__(self, spec: Spec, c_in: int, c_out: int) -> None:
        super().__init__()
        waist, wide = int(spec.squeeze * c_out), int(spec.share3x3 * c_out)
        if waist < 1 or not 0 < wide < c_out:
            raise ValueError(f"{c_out} channels leave nothing to squeeze to or to expand to: take fractions between 0 and 1")
        self.squeeze = nn.Conv2d(c_in, waist, 1)
        self.expand1x1 = nn.Conv2d(waist, c_out - wide, 1)
        self.expand3x3 = nn.Conv2d(waist, wide, 3, padding=1)
        self.bypass = spec.bypass and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        z = relu_after(self.squeeze, x)
        y = torch.cat((relu_after(self.expand1x1, z), relu_after(self.expand3x3, z)), 1)
        return y + x if self.bypass else y


class SqueezeNet(nn.Module):
    """One convolution, eight Fire modules, a 1x1 to the classes, global average.

    Shapes   x (n, in_channels, h, w) float → (n, num_classes); num_classes 0 → (n, 512)
    """

    def __init__(self, spec: Spec, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        if image_size <= SMALL:
            first = nn.Conv2d(in_channels, spec.stem, 3, padding=1)
        else:
            first = nn.Conv2d(in_channels, spec.stem, spec.kernel, stride=2)
        self.features = InplaceSequential(first, nn.ReLU())
        c = spec.stem
        for layer in range(1, 10):
            if layer > 1:
                c_in, c = c, spec.base + spec.growth * ((layer - 2) // 2)
                self.features.append(Fire(spec, c_in, c))
            if layer in spec.pools:
                self.features.append(nn.MaxPool2d(3, 2, ceil_mode=True))
        head = nn.Conv2d(c, num_classes, 1) if num_classes else nn.Identity()
        self.classifier = InplaceSequential(nn.Dropout(0.5), head, nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                normal_(module.weight, std=0.01) if module is head else kaiming_uniform_(module.weight)
                constant_(module.bias, module is head)  # type: ignore[arg-type]  # every layer here has one

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x)).flatten(1)


FAMILY = Family(
    name="squeezenet",
    title="SqueezeNet",
    papers=(
        Paper(
            "Iandola et al.",
            2016,
            "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size",
            "arXiv:1602.07360",
        ),
    ),
    ideas=(
        Idea("googlenet", "modules with 1x1 and 3x3 side by side", "Iandola et al. 2016, §2.2"),
        Idea("resnet", "shortcuts around modules (bypass)", "Iandola et al. 2016, §6"),
    ),
    build=SqueezeNet,
    variants=VARIANTS,
    stem="features.0",
    heads=("classifier.1",),
    suits=Suits("adamw", lr=5e-4, weight_decay=1e-2),
    printed={"squeezenet1_0": Printed("1,248,424", "", "Iandola et al. 2016, table 1")},
    sides={
        "squeezenet1_0": Sides(
            (111, 55, 27, 13),
            "Iandola et al. 2016, table 1",
            ours=(109, 54, 27, 13),
            why="the paper's maps need 227 pixels, its 224 is a slip",
        ),
    },
)
