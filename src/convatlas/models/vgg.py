"""VGG: nothing but small filters, and many of them.

Two 3x3 convolutions see as far as one 5x5, three as far as one 7x7, with fewer weights (3·3²C² = 27C² against 49C²) and
more nonlinearities between. Five stages, each ends in a max-pool; then three linear layers hold most of the weights.

Papers   Simonyan and Zisserman 2014, arXiv:1409.1556 (A = 11, B = 13, D = 16, E = 19) · batch norm: Ioffe 2015, 1502.03167
Differs  Weights start from He's normal distribution; the paper grew the deep networks from trained shallow ones.
Small    Up to 64 pixels the average goes to 1x1 instead of 7x7 (where the five pools have led 32 pixels anyway), and the head
         is 512 → 512 → classes with dropout 0.5: one hidden layer instead of two.
         `small_pools=3` is this package's older form: no pools after stages 4 and 5 (32 → 16 → 8 → 4), two hidden layers.
Names    features = convolutions, numbered as layers · classifier.0 .3 .6 = the linear layers, .3 not for small images
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from ..ops.init import he_normal
from ..ops.inplace import InplaceSequential
from .family import HALVED, SMALL, Family, Idea, Paper, Printed, Sides, Suits


@dataclass(frozen=True, slots=True)
class Spec:
    """A column of table 1."""

    depths: tuple[int, int, int, int, int]  # convolutions in each stage
    norm: bool = False  # batch norm after each convolution
    width: int = 64  # channels of the first stage; the others have 2, 4, 8 and 8 times as many
    dropout: float = 0.5
    small_pools: int = 5  # for small images; 3 leave maps of 4x4 and keep the second hidden layer


DEPTHS = {
    "vgg11": (1, 1, 2, 2, 2),
    "vgg13": (2, 2, 2, 2, 2),
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}
VARIANTS = {f"{name}{'_bn' * norm}": Spec(depths, norm) for name, depths in DEPTHS.items() for norm in (False, True)}


def features(spec: Spec, c_in: int, pools: int) -> InplaceSequential:
    """The convolutions: conv, (norm,) relu repeated as the table says, a max-pool after each of the first `pools` stages."""
    layers: list[nn.Module] = []
    for number, (depth, multiple) in enumerate(zip(spec.depths, (1, 2, 4, 8, 8), strict=True)):
        for _ in range(depth):
            c_out = spec.width * multiple
            norm = [nn.BatchNorm2d(c_out)] if spec.norm else []
            layers += [nn.Conv2d(c_in, c_out, 3, padding=1), *norm, nn.ReLU()]
            c_in = c_out
        layers.append(nn.MaxPool2d(2) if number < pools else nn.Identity())
    return InplaceSequential(*layers)


class VGG(nn.Module):
    """Convolutions, average to 7x7, three linear layers; for small images average to 1x1, two linear layers.

    Shapes   x (n, in_channels, h, w) float → (n, num_classes); num_classes 0 → (n, 4096), or (n, 512) for small images
    """

    def __init__(self, spec: Spec, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        if spec.small_pools not in (3, 5):
            raise ValueError(f"the form for small images has 3 or 5 pools, got {spec.small_pools}")
        small = image_size <= SMALL
        side, hidden = (1, 8 * spec.width) if small else (7, 64 * spec.width)
        second = [nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(spec.dropout)]
        if small and spec.small_pools == 5:
            second = [nn.Identity() for _ in second]  # so that the head keeps its name
        self.features = features(spec, in_channels, pools=spec.small_pools if small else 5)
        self.avgpool = nn.AdaptiveAvgPool2d(side)
        self.classifier = InplaceSequential(
            nn.Linear(8 * spec.width * side**2, hidden), nn.ReLU(), nn.Dropout(spec.dropout),
            *second,
            nn.Linear(hidden, num_classes) if num_classes else nn.Identity(),
        )  # fmt: skip
        he_normal(self)
        gain = 1 if small and spec.small_pools == 5 else 2  # where nothing averages the last map, its features are larger
        for module in self.classifier:
            if isinstance(module, nn.Linear):
                std = 0.01 if hidden >= 4096 else (gain / module.in_features) ** 0.5  # §3.1 had wide layers in mind
                nn.init.normal_(module.weight, std=std)
                nn.init.zeros_(module.bias)

    def maps(self, x: Tensor) -> Iterator[Tensor]:
        """The map of each stage, behind its pool.

        Shapes   x (n, in_channels, h, w) → (n, c, h/2, w/2), (n, 2c, h/4, w/4), … (n, 8c, h/32, w/32)
        """
        start = 0
        for end, layer in enumerate(self.features, start=1):
            if isinstance(layer, nn.MaxPool2d | nn.Identity):
                x = self.features[start:end](x)
                start = end
                yield x

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def older_form(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """What weights for small images had, that were trained before the form had five pools: a second hidden layer."""
    reads, hidden = (shapes.get(f"classifier.{n}.weight", (0, 0))[1] for n in (0, 3))
    return {"small_pools": 3} if hidden and reads == hidden else {}


FAMILY = Family(
    name="vgg",
    title="VGG",
    papers=(
        Paper(
            "Simonyan and Zisserman",
            2014,
            "Very Deep Convolutional Networks for Large-Scale Image Recognition",
            "arXiv:1409.1556",
        ),
    ),
    ideas=(
        Idea("alexnet", "its principles, with stacks of 3x3 for large filters", "Simonyan and Zisserman 2014, §2"),
        Idea("zfnet", "smaller windows and strides in the first layer pay", "Simonyan and Zisserman 2014, §1"),
    ),
    build=VGG,
    variants=VARIANTS,
    years={name: 2015 for name in VARIANTS if name.endswith("_bn")},
    stem="features.0",
    heads=("classifier.6",),
    sized=("classifier",),
    older_form=older_form,
    tags=frozenset({"small-to-1x1"}),
    renames=(  # timm's
        (r"^pre_logits\.fc1\.", "classifier.0."), (r"^pre_logits\.fc2\.", "classifier.3."), (r"^head\.fc\.", "classifier.6."),
    ),
    suits=Suits("sgd", lr=0.1, weight_decay=5e-4),
    variant_suits=dict.fromkeys(DEPTHS, Suits("adamw", lr=5e-4, weight_decay=0.01)),
    printed={
        "vgg11": Printed("133M", "", "Simonyan and Zisserman 2014, table 2"),
        "vgg13": Printed("133M", "", "Simonyan and Zisserman 2014, table 2"),
        "vgg16": Printed("138M", "", "Simonyan and Zisserman 2014, table 2"),
        "vgg19": Printed("144M", "", "Simonyan and Zisserman 2014, table 2"),
    },
    sides={"vgg": Sides((224, *HALVED), "Simonyan and Zisserman 2014, §2.1")},
    slim={"width": 16},
)  # fmt: skip
