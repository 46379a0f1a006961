"""ZFNet: look at what the layers of AlexNet have learned, and mend what you see.

Projected back into the image, a feature map z of layer l becomes relu(Wₗᵀ z) after relu(Wₗᵀ z) down to the pixels. Seen so,
AlexNet's 11x11 filters with stride 4 held only very high and very low frequencies, and its second layer aliased: with 7x7
filters and stride 2 the same network keeps what lies between, and errs less.

Papers   Zeiler and Fergus 2013, arXiv:1311.2901
Differs  Figure 3 leads 224 pixels to 110x110, 55x55, 26x26, 13x13 and 6x6 maps without a word of padding: the first convolution
         takes a border of 1, the second none, and the pools round up. The paper normalizes contrast across maps after the first
         two pools and prints no constants; as in pytorchcv's network it comes before them, as in AlexNet, with an α five times
         smaller: `pool_first=True` has the figure's order, `normalize=False` neither. The paper starts all weights at 0.01,
         which taken by its word would leave all maps of a layer equal for ever; here convolutions start from He's normal
         distribution. In training it also rescales filters whose root mean square exceeds 0.1. Its best single network is
         wider: `widths=(96, 256, 512, 1024, 512)`, top-1 62.5.
Small    Up to 64 pixels features.0 is 3x3 with stride 1 and the second convolution keeps the size (32 → 16 → 8 → 4); the linear
         layers have an eighth of the units.
Names    features, classifier = layers in order; classifier.6 = head
"""

from dataclasses import dataclass

from torch import Tensor, nn

from ..ops.init import he_normal
from ..ops.inplace import InplaceSequential
from ..ops.norm import LocalResponseNorm
from .family import SMALL, Counterpart, Family, Idea, Paper, Published, Sides, Suits


@dataclass(frozen=True, slots=True)
class Spec:
    """Figure 3."""

    widths: tuple[int, int, int, int, int] = (96, 256, 384, 384, 256)  # channels of the five convolutions
    normalize: bool = True  # contrast across maps, around the first two pools
    pool_first: bool = False  # normalized maps are the pooled ones
    hidden: int = 4096  # units of the linear layers
    dropout: float = 0.5


VARIANTS = {"zfnet": Spec()}


def pool_and_norm(spec: Spec) -> list[nn.Module]:
    """Contrast normalization and max-pool, in either order."""
    layers: list[nn.Module] = [nn.MaxPool2d(3, 2, ceil_mode=True)]
    if spec.normalize:
        layers.insert(spec.pool_first, LocalResponseNorm(5, k=2.0))
    return layers


class ZFNet(nn.Module):
    """Five convolutions, three max-pools, three linear layers.

    Shapes   x (n, in_channels, h, w) float → (n, num_classes); num_classes 0 → (n, hidden)
    """

    def __init__(self, spec: Spec, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        small = image_size <= SMALL
        a, b, c, d, e = spec.widths
        first = nn.Conv2d(in_channels, a, 3, padding=1) if small else nn.Conv2d(in_channels, a, 7, stride=2, padding=1)
        second = nn.Conv2d(a, b, 5, padding=2) if small else nn.Conv2d(a, b, 5, stride=2)
        self.features = InplaceSequential(
            first, nn.ReLU(), *pool_and_norm(spec),
            second, nn.ReLU(), *pool_and_norm(spec),
            nn.Conv2d(b, c, 3, padding=1), nn.ReLU(),
            nn.Conv2d(c, d, 3, padding=1), nn.ReLU(),
            nn.Conv2d(d, e, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True),
        )  # fmt: skip
        side, hidden = (4, spec.hidden // 8) if small else (6, spec.hidden)
        self.avgpool = nn.AdaptiveAvgPool2d(side)
        self.classifier = InplaceSequential(
            nn.Linear(e * side**2, hidden), nn.ReLU(), nn.Dropout(spec.dropout),
            nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(spec.dropout),
            nn.Linear(hidden, num_classes) if num_classes else nn.Identity(),
        )  # fmt: skip
        he_normal(self, mode="fan_in")

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


FAMILY = Family(
    name="zfnet",
    title="ZFNet",
    papers=(Paper("Zeiler and Fergus", 2013, "Visualizing and Understanding Convolutional Networks", "arXiv:1311.2901"),),
    ideas=(Idea("alexnet", "the same layers; the first one finer: 7x7 with stride 2", "Zeiler and Fergus 2013, §4.1"),),
    build=ZFNet,
    variants=VARIANTS,
    stem="features.0",
    heads=("classifier.6",),
    published={"zfnet": Published(61.6, "ImageNet", "Zeiler and Fergus 2013, table 2")},
    sized=("classifier",),
    references={"zfnet": (Counterpart("pytorchcv", "zfnet"),)},
    suits=Suits("adamw", lr=5e-4, weight_decay=1e-2),
    sides={"zfnet": Sides((110, 55, 26, 13, 6), "Zeiler and Fergus 2013, figure 3")},
    slim={"hidden": 64},
    tags=frozenset({"heavy"}),
)
