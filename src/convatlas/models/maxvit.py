"""MaxViT: near and far in two cheap steps, after a convolution each time.

Every layer is an inverted bottleneck, then attention within windows of p x p neighbors, then attention on a grid of p x p
tokens spread over the whole map, x → MBConv(x) → window attention → grid attention: the whole image is in reach at a cost that
grows with its area alone.

Papers   Tu et al. 2022, arXiv:2204.01697
Differs  From the first release, as torchvision's published weights do: keys are scaled by 1/√c of all channels c instead of one
         head's 32; strided shortcuts average 3x3 instead of 2x2 pixels, and a 1x1 follows in the first stage too; convolutions
         pad both sides alike; gelu is exact instead of its tanh approximation; the first convolution and the head have no bias
         (30,919,624 instead of 30,916,528 parameters).
Small    Up to 64 pixels the stem and the first stage have stride 1: stages at stride 1, 2, 4, 8. Windows and grids have
         image_size / 8 tokens a side where larger images have image_size / 32: 4 for 32 pixels, 7 for 224.
Names    stem · blocks.S.layers.L.layers.{MBconv window_attention grid_attention} = layer L of stage S · classifier.5 = head
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import silu
from torch.nn.init import normal_, trunc_normal_, zeros_

from ..ops.attention import blend, check_side, heads_of, join_windows, offset_bias, offset_index, resize_offsets, windows
from ..ops.conv import conv_norm
from ..ops.droppath import DropPath
from ..ops.squeeze import SqueezeExcitation
from .family import HALVED, SMALL, Family, Idea, Native, Paper, Sides, Suits


@dataclass(frozen=True, slots=True)
class Spec:
    """A row of table 1."""

    depths: tuple[int, int, int, int]  # layers in each stage
    width: int = 64  # channels of the stem and the first stage, doubled by each later one
    head_width: int = 32  # channels of a head
    expansion: int = 4  # of the channels, in the bottleneck and in the MLPs
    squeeze: float = 0.25  # units of squeeze-and-excitation, in units of a layer's channels
    drop_path: float = 0.2  # stochastic depth of the last layer; earlier ones grow linearly up to it


VARIANTS = {"maxvit_t": Spec((2, 2, 5, 2))}

BatchNorm = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01)


class MBConv(nn.Module):
    """Norm, wide 1x1, depthwise 3x3, squeeze-and-excitation, narrow 1x1 (figure 2); with a stride the shortcut is projected."""

    def __init__(self, spec: Spec, c_in: int, c_out: int, stride: int | None, drop_path: float) -> None:
        super().__init__()
        wide = spec.expansion * c_out
        pool = nn.AvgPool2d(3, stride, padding=1) if stride == 2 else nn.Identity()
        self.proj = nn.Sequential(pool, nn.Conv2d(c_in, c_out, 1)) if stride else nn.Identity()
        self.layers = nn.Sequential(
            OrderedDict(
                pre_norm=BatchNorm(c_in),
                conv_a=conv_norm(c_in, wide, 1, norm=BatchNorm, activation=nn.GELU),
                conv_b=conv_norm(wide, wide, 3, stride or 1, groups=wide, norm=BatchNorm, activation=nn.GELU),
                squeeze_excitation=SqueezeExcitation(wide, int(c_out * spec.squeeze), activation=silu),
                conv_c=nn.Conv2d(wide, c_out, 1),
            )
        )
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x) + self.drop_path(self.layers(x))


class RelativeAttention(nn.Module):
    """softmax(QKᵀ / √c + B) V among the tokens of each window, with B learned for each offset.

    Shapes   x (n, windows, p², c) → the same
    """

    relative_position_index: Tensor

    def __init__(self, c: int, head_width: int, window: int) -> None:
        super().__init__()
        self.heads, self.scale = c // head_width, c**-0.5
        offsets = (2 * window - 1) ** 2
        self.relative_position_bias_table = nn.Parameter(trunc_normal_(torch.empty(offsets, self.heads), std=0.02))
        self.register_buffer("relative_position_index", offset_index(window))
        self.to_qkv = nn.Linear(c, 3 * c)
        self.merge = nn.Linear(c, c)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = heads_of(self.to_qkv(x), self.heads)
        scores = q @ (k * self.scale).transpose(-2, -1)
        scores = scores + offset_bias(self.relative_position_bias_table, self.relative_position_index)
        return self.merge(blend(scores, v))


class PartitionAttention(nn.Module):
    """Attention, then an MLP, both within windows of p x p neighbors or within a grid of p x p tokens spread over the map.

    Shapes   x (n, c, h, w) → the same; h and w multiples of p
    """

    def __init__(self, spec: Spec, c: int, p: int, drop_path: float, grid: bool) -> None:
        super().__init__()
        self.p, self.grid = p, grid
        self.attn_layer = nn.Sequential(nn.LayerNorm(c), RelativeAttention(c, spec.head_width, p))
        waist = spec.expansion * c
        self.mlp_layer = nn.Sequential(nn.LayerNorm(c), nn.Linear(c, waist), nn.GELU(), nn.Linear(waist, c))
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.shape[2] // self.p
        x = windows(x, rows if self.grid else self.p, channels_first=True)
        x = x.transpose(1, 2) if self.grid else x
        x = x + self.drop_path(self.attn_layer(x))
        x = x + self.drop_path(self.mlp_layer(x))
        return (
            join_windows(x.transpose(1, 2), self.p, channels_first=True)
            if self.grid
            else join_windows(x, rows, channels_first=True)
        )


def layers(row: nn.Sequential) -> nn.Sequential:
    """The row one level deeper, under the name `layers`."""
    return nn.Sequential(OrderedDict(layers=row))


def stage(spec: Spec, number: int, stride: int, p: int, rates: Iterator[float]) -> nn.Sequential:
    """Stage 1 to 4: the first layer strides, all but stage 1's double the channels."""
    c = spec.width * 2 ** (number - 1)
    row = []
    for i in range(spec.depths[number - 1]):
        rate = next(rates)
        parts = OrderedDict(
            MBconv=MBConv(spec, c if i or number == 1 else c // 2, c, None if i else stride, rate),
            window_attention=PartitionAttention(spec, c, p, rate, grid=False),
            grid_attention=PartitionAttention(spec, c, p, rate, grid=True),
        )
        row.append(layers(nn.Sequential(parts)))
    return layers(nn.Sequential(*row))


class MaxViT(nn.Module):
    """Two convolutions, four stages, global average, norm, a linear layer with tanh and one without bias.

    Shapes   x (n, in_channels, image_size, image_size) float → (n, num_classes); num_classes 0 → (n, 8 · width)
    Raises   ValueError for images of another size
    """

    def __init__(self, spec: Spec, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        small = image_size <= SMALL
        multiple = 8 if small else 32
        if image_size % multiple:
            raise ValueError(f"windows need an image_size that is a multiple of {multiple}, got {image_size}")
        if spec.width % spec.head_width:
            raise ValueError(f"heads of {spec.head_width} channels need a width that they fill, got {spec.width}")
        self.image_size = image_size
        c, depth = spec.width, sum(spec.depths)
        first = conv_norm(in_channels, c, 3, 1 if small else 2, norm=BatchNorm, activation=nn.GELU)
        self.stem = nn.Sequential(first, nn.Sequential(nn.Conv2d(c, c, 3, padding=1)))
        rates = iter([spec.drop_path * i / max(depth - 1, 1) for i in range(depth)])
        strides = (1 if small else 2, 2, 2, 2)
        self.blocks = nn.Sequential(*(stage(spec, i + 1, strides[i], image_size // multiple, rates) for i in range(4)))
        c *= 8
        head = nn.Linear(c, num_classes, bias=False) if num_classes else nn.Identity()
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(c), nn.Linear(c, c), nn.Tanh(), head
        )  # fmt: skip
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                normal_(module.weight, std=0.02)
                if module.bias is not None:
                    zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        check_side(x, self.image_size)
        return self.classifier(self.blocks(self.stem(x)))


FAMILY = Family(
    name="maxvit",
    title="MaxViT",
    papers=(Paper("Tu et al.", 2022, "MaxViT: Multi-Axis Vision Transformer", "arXiv:2204.01697"),),
    ideas=(
        Idea("swin", "attention within windows", "Tu et al. 2022, §3.2"),
        Idea("mobilenet_v2", "MBConv before attention", "Tu et al. 2022, §3.2"),
    ),
    build=MaxViT,
    variants=VARIANTS,
    stem="stem.0.0",
    heads=("classifier.5",),
    native=Native(multiple=32, small_multiple=8),
    adapt=resize_offsets,
    tags=frozenset({"heavy", "fixed-size"}),
    suits=Suits("adamw", lr=1e-3, weight_decay=0.05),
    sides={"maxvit": Sides(HALVED, "Tu et al. 2022, table 1")},
    slim={"depths": (1, 2, 1, 1), "width": 32, "head_width": 16},
)
