"""ConvNeXt: a ResNet that has learned everything from the transformers, except attention.

Every block computes y = x + γ · W₂ gelu(W₁ norm(dwconv7x7(x))): space is mixed by a depthwise 7x7, channels by two linear
layers with four times the width between, one norm and one activation a block, and a scale γ that starts near zero.

Papers   Liu et al. 2022, arXiv:2201.03545
Differs  In nothing: these are the four networks of table 12 with their stochastic-depth rates.
Small    Up to 64 pixels the 4x4 stem with stride 4 becomes a 3x3 with stride 1: stages at stride 1, 2, 4, 8.
Names    features.0 = stem · features.1 .3 .5 .7 = stages · features.2 .4 .6 = downsampling · classifier = norm and head
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.init import trunc_normal_, zeros_

from ..ops.droppath import DropPath
from ..ops.inplace import has_no_hooks
from ..ops.norm import LayerNorm2d, Permute
from .family import SMALL, Family, Idea, Paper, Printed, Sides, Suits


@dataclass(frozen=True, slots=True)
class Spec:
    """A row of table 12."""

    depths: tuple[int, int, int, int]  # blocks in each stage
    width: int = 96  # channels of the first stage, doubled by each later one
    drop_path: float = 0.0  # stochastic depth of the last block; earlier ones grow linearly up to it
    kernel: int = 7  # of the depthwise convolution
    scale: float = 1e-6  # where γ starts


VARIANTS = {
    "convnext_tiny":  Spec((3, 3, 9, 3), 96, drop_path=0.1),
    "convnext_small": Spec((3, 3, 27, 3), 96, drop_path=0.4),
    "convnext_base":  Spec((3, 3, 27, 3), 128, drop_path=0.5),
    "convnext_large": Spec((3, 3, 27, 3), 192, drop_path=0.5),
}  # fmt: skip


class CNBlock(nn.Module):
    """Depthwise 7x7, norm, wide, gelu, narrow, scaled by γ (figure 4, right)."""

    def __init__(self, spec: Spec, c: int, drop_path: float) -> None:
        super().__init__()
        if spec.kernel % 2 == 0:
            raise ValueError(f"a kernel of {spec.kernel} has no middle: take an odd one")
        self.layer_scale = nn.Parameter(torch.full((c, 1, 1), spec.scale))
        self.block = nn.Sequential(
            nn.Conv2d(c, c, spec.kernel, padding=spec.kernel // 2, groups=c),
            Permute(0, 2, 3, 1),  # n c h w → n h w c, so that norm and linear layers act on channels
            nn.LayerNorm(c, eps=1e-6),
            nn.Linear(c, 4 * c),
            nn.GELU(),
            nn.Linear(4 * c, c),
            Permute(0, 3, 1, 2),
        )
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        y = self.drop_path(self.layer_scale * self.block(x))
        return y.add_(x) if has_no_hooks(self.drop_path) else y + x  # a product is nobody else's


class ConvNeXt(nn.Module):
    """Patchify, four stages with a norm and a 2x2 convolution between, global average, norm, one linear layer.

    Shapes   x (n, in_channels, h, w) float → (n, num_classes); num_classes 0 → (n, 8 · width)
    """

    def __init__(self, spec: Spec, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        c, depth = spec.width, sum(spec.depths)
        if image_size <= SMALL:
            patchify = nn.Conv2d(in_channels, c, 3, padding=1)
        else:
            patchify = nn.Conv2d(in_channels, c, 4, stride=4)
        rates = iter([spec.drop_path * i / max(depth - 1, 1) for i in range(depth)])
        stages: list[nn.Module] = [nn.Sequential(patchify, LayerNorm2d(c, eps=1e-6))]
        for i, blocks in enumerate(spec.depths):
            if i > 0:
                stages.append(nn.Sequential(LayerNorm2d(c, eps=1e-6), nn.Conv2d(c, 2 * c, 2, stride=2)))
                c *= 2
            stages.append(nn.Sequential(*(CNBlock(spec, c, next(rates)) for _ in range(blocks))))
        self.features = nn.Sequential(*stages)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        head = nn.Linear(c, num_classes) if num_classes else nn.Identity()
        self.classifier = nn.Sequential(LayerNorm2d(c, eps=1e-6), nn.Flatten(), head)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                trunc_normal_(module.weight, std=0.02)
                zeros_(module.bias)  # type: ignore[arg-type]  # every layer here has one

    def maps(self, x: Tensor) -> Iterator[Tensor]:
        """The map of each stage.

        Shapes   x (n, in_channels, h, w) → (n, c, h/4, w/4), (n, 2c, h/8, w/8), (n, 4c, h/16, w/16), (n, 8c, h/32, w/32)
        """
        for number, layer in enumerate(self.features):
            x = layer(x)
            if number % 2:  # even ones are the stem and the downsampling
                yield x

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)))


FAMILY = Family(
    name="convnext",
    title="ConvNeXt",
    papers=(Paper("Liu et al.", 2022, "A ConvNet for the 2020s", "arXiv:2201.03545"),),
    ideas=(
        Idea("resnet", "the network that is modernized", "Liu et al. 2022, §2"),
        Idea("swin", "blocks a stage, stem of patches, large windows", "Liu et al. 2022, §2.2, §2.5, §2.6"),
        Idea("resnext", "more groups, more width", "Liu et al. 2022, §2.3"),
        Idea("mobilenet_v2", "wide inside, narrow outside", "Liu et al. 2022, §2.4"),
    ),
    build=ConvNeXt,
    variants=VARIANTS,
    stem="features.0.0",
    heads=("classifier.2",),
    renames=(
        (r"^convnext\.", ""),  # transformers'
        (r"^embeddings\.patch_embeddings\.", "features.0.0."),
        (r"^embeddings\.layernorm\.", "features.0.1."),
        *((rf"^encoder\.stages\.{i}\.downsampling_layer\.", f"features.{2 * i}.") for i in (1, 2, 3)),
        *((rf"^encoder\.stages\.{i}\.layers\.", f"features.{2 * i + 1}.") for i in range(4)),
        (r"^layernorm\.", "classifier.0."), (r"^classifier\.(\w+)$", r"classifier.2.\1"),
        (r"\.layer_scale_parameter$", ".layer_scale"), (r"\.layernorm\.", ".block.2."),
        *((rf"^downsample_layers\.{i}\.", f"features.{2 * i}.") for i in range(4)),  # the first release's
        *((rf"^stages\.{i}\.(\d+)\.", rf"features.{2 * i + 1}.\1.") for i in range(4)),
        (r"^norm\.", "classifier.0."), (r"^head\.(\w+)$", r"classifier.2.\1"),
        (r"\.dwconv\.", ".block.0."), (r"\.pwconv1\.", ".block.3."), (r"\.pwconv2\.", ".block.5."),  # of both
        (r"^stem\.", "features.0."),  # timm's
        *((rf"^stages\.{stage}\.downsample\.", f"features.{2 * stage}.") for stage in (1, 2, 3)),
        *((rf"^stages\.{stage}\.blocks\.", f"features.{2 * stage + 1}.") for stage in range(4)),
        (r"^head\.norm\.", "classifier.0."), (r"^head\.fc\.", "classifier.2."),
        (r"\.gamma$", ".layer_scale"), (r"\.conv_dw\.", ".block.0."), (r"\.norm\.", ".block.2."),
        (r"\.mlp\.fc1\.", ".block.3."), (r"\.mlp\.fc2\.", ".block.5."),
    ),
    suits=Suits("adamw", lr=2e-3, weight_decay=0.05),
    printed={
        "convnext_tiny": Printed("29M", "4.5G", "Liu et al. 2022, table 9"),
        "convnext_small": Printed("50M", "8.7G", "Liu et al. 2022, table 9"),
        "convnext_base": Printed("89M", "15.4G", "Liu et al. 2022, table 9"),
        "convnext_large": Printed("198M", "34.4G", "Liu et al. 2022, table 9"),
    },
    sides={"convnext": Sides((56, 28, 14, 7), "Liu et al. 2022, table 9")},
    slim={"depths": (1, 1, 1, 1), "width": 24},
)  # fmt: skip
