"""TinyVGG: the smallest network that still looks like VGG, the one CNN Explainer draws.

Twice: two 3x3 convolutions without padding, each with a relu, and a 2x2 max-pool; then one linear layer. A convolution
without padding loses a border: out = (in − 3) + 1, so 64 → 62 → 60 → 30 → 28 → 26 → 13 pixels.

Papers   Wang et al. 2020, arXiv:2004.15004 (CNN Explainer)
Differs  Class scores are logits; CNN Explainer shows them after softmax.
Names    conv_block_1 conv_block_2 = the two stages · classifier.1 = head
"""

from dataclasses import dataclass

from torch import Tensor, nn

from .family import Family, Idea, Native, Paper, Sides, Suits


@dataclass(frozen=True, slots=True)
class Spec:
    """The one size there is."""

    hidden_units: int = 10  # channels of every convolution


VARIANTS = {"tinyvgg": Spec()}


def block(c_in: int, c_out: int) -> nn.Sequential:
    """conv, relu, conv, relu, pool: n pixels become (n − 4) / 2."""
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, 3), nn.ReLU(), nn.Conv2d(c_out, c_out, 3), nn.ReLU(), nn.MaxPool2d(2),
    )  # fmt: skip


class TinyVGG(nn.Module):
    """Two blocks and a linear layer over all that is left of the image.

    Shapes   x (n, in_channels, image_size, image_size) float → (n, num_classes); num_classes 0 → the flattened features
    """

    def __init__(self, spec: Spec, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        side = ((image_size - 4) // 2 - 4) // 2
        self.conv_block_1 = block(in_channels, spec.hidden_units)
        self.conv_block_2 = block(spec.hidden_units, spec.hidden_units)
        head = nn.Linear(spec.hidden_units * side**2, num_classes) if num_classes else nn.Identity()
        self.classifier = nn.Sequential(nn.Flatten(), head)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.conv_block_2(self.conv_block_1(x)))


FAMILY = Family(
    name="tinyvgg",
    title="TinyVGG",
    papers=(
        Paper(
            "Wang et al.",
            2020,
            "CNN Explainer: Learning Convolutional Neural Networks with Interactive Visualization",
            "arXiv:2004.15004",
        ),
    ),
    ideas=(Idea("vgg", "two 3x3 and a pool, twice", "Wang et al. 2020"),),
    build=TinyVGG,
    variants=VARIANTS,
    stem="conv_block_1.0",
    heads=("classifier.1",),
    native=Native(num_classes=10, image_size=64, smallest=16),
    tags=frozenset({"no-reference", "fixed-size"}),
    suits=Suits("adamw", lr=1e-2, weight_decay=1e-2, epochs=30),
    sides={"tinyvgg": Sides((62, 60, 30, 28, 26, 13), "Wang et al. 2020, figure 1")},
)  # fmt: skip
