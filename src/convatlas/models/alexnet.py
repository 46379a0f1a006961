"""AlexNet: the same idea as LeNet, a thousand times larger, with ReLU, dropout and two graphics cards.

Five convolutions and three linear layers; relu(x) = max(0, x) learns several times faster than tanh, dropout holds 60 million
weights back from learning by heart. `alexnet_2012` is the network that won: convolutions 2, 4 and 5 see only the half of the
channels that lived on their own card (groups = 2), and responses are normalized across channels,
b_c = a_c / (2 + 1e-4 · Σ a²)^0.75 over the five nearest channels.

Papers   Krizhevsky et al. 2012, NIPS (`alexnet_2012`) · Krizhevsky 2014, arXiv:1404.5997 (`alexnet`: one tower, no
         normalization)
Differs  The 2012 paper prints 224 pixels, but 55x55 maps need 227. PyTorch divides α by the five channels: 5e-4 here is the
         paper's 1e-4. The 2014 paper has 384 maps in its fourth layer; the published weights have 256, and so has `alexnet`.
Small    Up to 64 pixels (66 in 2012) features.0 is 5x5 with stride 1, the pools keep the border (32 → 16 → 8 → 4), and the
         linear layers have an eighth of the units.
Names    features, classifier = layers in order; classifier.6 = head
"""

from dataclasses import dataclass

from torch import Tensor, nn

from ..ops.inplace import InplaceSequential
from ..ops.norm import LocalResponseNorm
from .family import SMALL, Family, Idea, Native, Paper, Printed, Published, Sides, Suits


@dataclass(frozen=True, slots=True)
class Spec:
    """What the two versions differ in."""

    widths: tuple[int, int, int, int, int]  # channels of the five convolutions
    groups: int = 1  # of convolutions 2, 4 and 5: two towers in 2012
    normalize: bool = False  # local response normalization after convolutions 1 and 2
    padding: int = 2  # of the first convolution
    hidden: int = 4096  # units of the linear layers
    dropout: float = 0.5


VARIANTS = {
    "alexnet":      Spec((64, 192, 384, 256, 256)),
    "alexnet_2012": Spec((96, 256, 384, 384, 256), groups=2, normalize=True, padding=0),
}  # fmt: skip


class AlexNet(nn.Module):
    """Five convolutions, three max-pools, three linear layers.

    Shapes   x (n, in_channels, h, w) float → (n, num_classes); num_classes 0 → (n, hidden)
    """

    def __init__(self, spec: Spec, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        small = image_size <= max(SMALL, 66 - 2 * spec.padding)  # without padding the last pool of 66 pixels has nothing left
        a, b, c, d, e = spec.widths
        norm = [LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)] if spec.normalize else []
        border = 1 if small else 0
        first = nn.Conv2d(in_channels, a, 5, padding=2) if small else nn.Conv2d(in_channels, a, 11, 4, spec.padding)
        self.features = InplaceSequential(
            first, nn.ReLU(), *norm, nn.MaxPool2d(3, 2, border),
            nn.Conv2d(a, b, 5, padding=2, groups=spec.groups), nn.ReLU(), *norm, nn.MaxPool2d(3, 2, border),
            nn.Conv2d(b, c, 3, padding=1), nn.ReLU(),
            nn.Conv2d(c, d, 3, padding=1, groups=spec.groups), nn.ReLU(),
            nn.Conv2d(d, e, 3, padding=1, groups=spec.groups), nn.ReLU(), nn.MaxPool2d(3, 2, border),
        )  # fmt: skip
        side, hidden = (4, spec.hidden // 8) if small else (6, spec.hidden)
        self.avgpool = nn.AdaptiveAvgPool2d(side)
        self.classifier = InplaceSequential(
            nn.Dropout(spec.dropout), nn.Linear(e * side**2, hidden), nn.ReLU(),
            nn.Dropout(spec.dropout), nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, num_classes) if num_classes else nn.Identity(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


FAMILY = Family(
    name="alexnet",
    title="AlexNet",
    papers=(
        Paper("Krizhevsky et al.", 2012, "ImageNet Classification with Deep Convolutional Neural Networks", "NIPS 2012"),
        Paper("Krizhevsky", 2014, "One weird trick for parallelizing convolutional neural networks", "arXiv:1404.5997"),
    ),
    ideas=(Idea("lenet", "convolutions that share their weights, on a thousand classes", "Krizhevsky et al. 2012, §1"),),
    build=AlexNet,
    variants=VARIANTS,
    stem="features.0",
    heads=("classifier.6",),
    natives={"alexnet_2012": Native(image_size=227)},
    years={"alexnet": 2014},
    published={"alexnet_2012": Published(59.3, "ImageNet", "Krizhevsky et al. 2012, table 2")},
    sized=("classifier",),
    suits=Suits("adamw", lr=5e-4, weight_decay=1e-2),
    printed={"alexnet_2012": Printed("60,965,224", "", "Krizhevsky et al. 2012, counted from figure 2")},
    sides={"alexnet_2012": Sides((55, 27, 13, 6), "Krizhevsky et al. 2012, figure 2")},
    slim={"hidden": 64},
)
