"""Swin: attention within small windows that shift from layer to layer.

The cost of attention between all tokens grows with the square of an image's area, within windows of 7x7 with the area alone: so
a transformer can start at stride 4 and shrink its maps as ResNets do. Every second layer shifts the windows by half a side, and
what borders kept apart meets. softmax(QKᵀ / √d + B) V, where B depends on how far two tokens are apart. Version 2 is made to
grow: cosines instead of products, norms after the branches, and a B that an MLP computes from log-spaced offsets.

Papers   Liu et al. 2021, arXiv:2103.14030 (`swin_t` `swin_s` `swin_b`) · Liu et al. 2021, 2111.09883 (`swin_v2_…`)
Differs  Maps that windows don't fill are padded with zeros, which are attended to; the first release shrinks the window to a
         smaller map instead. In version 2, as in its release but not in its paper, offsets are scaled to ±8 before the
         logarithm, B is 16 · sigmoid of what the MLP says, and keys have no bias.
Small    Up to 64 pixels patches are 2x2 and windows 4x4: 32 pixels give maps of 16, 8, 4 and 2, the last one padded to 4.
Names    features.0 = patches · features.1 .3 .5 .7 = stages · features.2 .4 .6 = patch merging · norm · head
"""

from dataclasses import dataclass
from math import log

import torch
from torch import Tensor, nn, unflatten
from torch.nn.functional import linear, normalize, pad
from torch.nn.init import trunc_normal_, zeros_

from ..ops.attention import QKV, blend, heads_of, join_windows, mlp, offset_bias, offset_index, resize_offsets, windows
from ..ops.droppath import DropPath
from ..ops.inplace import InplaceSequential
from ..ops.norm import Permute
from .family import SMALL, Family, Group, Idea, Native, Paper, Printed, Sides, Suits


@dataclass(frozen=True, slots=True)
class Spec:
    """A network of §3.3."""

    depths: tuple[int, int, int, int]  # blocks in each stage
    width: int = 96  # channels of the first stage, doubled by each later one
    drop_path: float = 0.2  # stochastic depth of the last block; earlier ones grow linearly up to it
    window: int = 7  # tokens a side
    head_width: int = 32  # channels of a head
    shift: bool = True  # False: windows never meet (table 4)
    v2: bool = False


VARIANTS = {
    "swin_t":    Spec((2, 2, 6, 2), 96, drop_path=0.2),
    "swin_s":    Spec((2, 2, 18, 2), 96, drop_path=0.3),
    "swin_b":    Spec((2, 2, 18, 2), 128, drop_path=0.5),
    "swin_v2_t": Spec((2, 2, 6, 2), 96, drop_path=0.2, window=8, v2=True),
    "swin_v2_s": Spec((2, 2, 18, 2), 96, drop_path=0.3, window=8, v2=True),
    "swin_v2_b": Spec((2, 2, 18, 2), 128, drop_path=0.5, window=8, v2=True),
}  # fmt: skip


def strangers(sides: tuple[int, int], shifts: tuple[int, int], window: int, x: Tensor) -> Tensor:
    """−100 for tokens that only the shift around the border has made neighbors, else 0.

    Shapes   (windows, 1, window², window²), type and device as x
    Source   Liu et al. 2021, §3.2, figure 4
    """
    rows, columns = (
        (torch.arange(side, device=x.device) >= side - window).long() + (torch.arange(side, device=x.device) >= side - shift)
        for side, shift in zip(sides, shifts, strict=True)
    )
    part = windows((3 * rows[:, None] + columns)[None, :, :, None], window).permute(1, 3, 0, 2)  # windows 1 1 tokens
    return torch.zeros_like(part, dtype=x.dtype).masked_fill(part != part.transpose(-2, -1), -100.0)


class WindowAttention(nn.Module):
    """Attention of each window's tokens to each other, windows shifted by so many tokens.

    Shapes   x (n, h, w, c) → the same
    """

    relative_position_index: Tensor

    def __init__(self, spec: Spec, c: int, window: int, shift: int) -> None:
        super().__init__()
        self.window, self.shift, self.heads = window, shift, c // spec.head_width
        self.qkv = nn.Linear(c, 3 * c)
        self.proj = nn.Linear(c, c)
        self.places()

    def places(self) -> None:
        """What is learned for each offset between two tokens."""
        offsets = (2 * self.window - 1) ** 2
        self.relative_position_bias_table = nn.Parameter(trunc_normal_(torch.empty(offsets, self.heads), std=0.02))
        self.register_buffer("relative_position_index", offset_index(self.window).flatten())

    def bias(self) -> Tensor:
        """B, for each head and pair of tokens."""
        return offset_bias(self.relative_position_bias_table, self.relative_position_index)

    def scores(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """How well queries and keys match, and the values."""
        q, k, v = heads_of(self.qkv(x), self.heads)
        return q * q.shape[-1] ** -0.5 @ k.transpose(-2, -1), v

    def forward(self, x: Tensor) -> Tensor:
        _, h, w, _ = x.shape
        below, right = -h % self.window, -w % self.window
        if below or right:
            x = pad(x, (0, 0, 0, right, 0, below))
        sides = x.shape[1], x.shape[2]
        down, across = (self.shift if side > self.window else 0 for side in sides)  # one window has no border to cross
        y = x.roll((-down, -across), (1, 2)) if down or across else x
        scores, v = self.scores(windows(y, self.window))
        scores = scores + self.bias()
        if down or across:
            scores = scores + strangers(sides, (down, across), self.window, scores)
        y = join_windows(self.proj(blend(scores, v)), sides[0] // self.window)
        y = y.roll((down, across), (1, 2)) if down or across else y
        return y[:, :h, :w]


class CosineAttention(WindowAttention):
    """Version 2: scores are cosines over a learned temperature of at least 0.01, B is an MLP of log-spaced offsets.

    Shapes   x (n, h, w, c) → the same
    Source   Liu et al. 2021, arXiv:2111.09883, eq. 2 to 4
    """

    relative_coords_table: Tensor

    def __init__(self, spec: Spec, c: int, window: int, shift: int) -> None:
        super().__init__(spec, c, window, shift)
        self.cpb_mlp = InplaceSequential(nn.Linear(2, 512), nn.ReLU(), nn.Linear(512, self.heads, bias=False))

    def places(self) -> None:
        self.logit_scale = nn.Parameter(torch.full((self.heads, 1, 1), log(10)))
        steps = torch.arange(1.0 - self.window, self.window) / max(self.window - 1, 1) * 8
        steps = steps.sign() * (steps.abs() + 1).log2() / 3
        self.register_buffer("relative_coords_table", torch.stack(torch.meshgrid(steps, steps, indexing="ij"), -1)[None])
        self.register_buffer("relative_position_index", offset_index(self.window).flatten())

    def bias(self) -> Tensor:
        table = self.cpb_mlp(self.relative_coords_table).flatten(0, 2)
        return 16 * offset_bias(table, self.relative_position_index).sigmoid()

    def scores(self, x: Tensor) -> tuple[Tensor, Tensor]:
        c, own = x.shape[-1], self.qkv.bias
        bias = torch.cat([own[:c], torch.zeros_like(own[:c]), own[2 * c :]])
        q, k, v = heads_of(linear(x, self.qkv.weight, bias), self.heads)
        return normalize(q, dim=-1) @ normalize(k, dim=-1).transpose(-2, -1) * self.logit_scale.clamp(max=log(100)).exp(), v


class Block(nn.Module):
    """Attention within windows, then an MLP on each token; norms before the branches, in version 2 after them."""

    def __init__(self, spec: Spec, c: int, window: int, shift: int, drop_path: float) -> None:
        super().__init__()
        self.v2 = spec.v2
        self.norm1 = nn.LayerNorm(c)
        self.attn = (CosineAttention if spec.v2 else WindowAttention)(spec, c, window, shift)
        self.drop_path = DropPath(drop_path)
        self.norm2 = nn.LayerNorm(c)
        self.mlp = mlp(c, 4 * c)

    def forward(self, x: Tensor) -> Tensor:
        if self.v2:
            x = x + self.drop_path(self.norm1(self.attn(x)))
            return x + self.drop_path(self.norm2(self.mlp(x)))
        x = x + self.drop_path(self.attn(self.norm1(x)))
        return x + self.drop_path(self.mlp(self.norm2(x)))


class PatchMerging(nn.Module):
    """Four neighbors become one token with twice the channels.

    Shapes   x (n, h, w, c) → (n, ⌈h/2⌉, ⌈w/2⌉, 2c)
    """

    def __init__(self, spec: Spec, c: int) -> None:
        super().__init__()
        self.v2 = spec.v2
        self.reduction = nn.Linear(4 * c, 2 * c, bias=False)
        self.norm = nn.LayerNorm(2 * c if spec.v2 else 4 * c)

    def forward(self, x: Tensor) -> Tensor:
        _, h, w, _ = x.shape
        if h % 2 or w % 2:
            x = pad(x, (0, 0, 0, w % 2, 0, h % 2))
        x = unflatten(unflatten(x, 2, (-1, 2)), 1, (-1, 2))  # n h 2 w 2 c
        x = x.permute(0, 1, 3, 4, 2, 5).flatten(3)
        return self.norm(self.reduction(x)) if self.v2 else self.reduction(self.norm(x))


class SwinTransformer(nn.Module):
    """Patches, four stages with merging between, norm, global average, one linear layer.

    Shapes   x (n, in_channels, h, w) float → (n, num_classes); num_classes 0 → (n, 8 · width)
    """

    def __init__(self, spec: Spec, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        if spec.width % spec.head_width:
            raise ValueError(f"heads of {spec.head_width} channels need a width that they fill, got {spec.width}")
        small = image_size <= SMALL
        patch, window = (2, min(4, spec.window)) if small else (4, spec.window)
        c, depth = spec.width, sum(spec.depths)
        rates = iter([spec.drop_path * i / max(depth - 1, 1) for i in range(depth)])
        patchify = nn.Conv2d(in_channels, c, patch, stride=patch)
        stages: list[nn.Module] = [nn.Sequential(patchify, Permute(0, 2, 3, 1), nn.LayerNorm(c))]
        for i, blocks in enumerate(spec.depths):
            if i > 0:
                stages.append(PatchMerging(spec, c))
                c *= 2
            shifts = [window // 2 if spec.shift and j % 2 else 0 for j in range(blocks)]
            stages.append(nn.Sequential(*(Block(spec, c, window, shift, next(rates)) for shift in shifts)))
        self.features = nn.Sequential(*stages)
        self.norm = nn.LayerNorm(c)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(c, num_classes) if num_classes else nn.Identity()
        for module in self.modules():
            if isinstance(module, nn.Linear):
                trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.features(x)).permute(0, 3, 1, 2)
        return self.head(self.avgpool(x).flatten(1))


TIMM = (
    (r"\.attn\.q_bias$", ".attn.qkv.bias[0]"),  # the second version stores the biases of queries and values apart
    (r"\.attn\.v_bias$", ".attn.qkv.bias[2]"),
    (r".*\.attn_mask$", ""),
    (r"^patch_embed\.proj\.", "features.0.0."),
    (r"^patch_embed\.norm\.", "features.0.2."),
    *((rf"^layers\.{i}\.downsample\.", f"features.{2 * i}.") for i in (1, 2, 3)),
    *((rf"^layers\.{i}\.blocks\.", f"features.{2 * i + 1}.") for i in range(4)),
    (r"\.mlp\.fc1\.", ".mlp.0."),
    (r"\.mlp\.fc2\.", ".mlp.3."),
    (r"^head\.fc\.", "head."),
)

FAMILY = Family(
    name="swin",
    title="Swin",
    papers=(
        Paper(
            "Liu et al.", 2021, "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows", "arXiv:2103.14030"
        ),
        Paper("Liu et al.", 2021, "Swin Transformer V2: Scaling Up Capacity and Resolution", "arXiv:2111.09883"),
    ),
    ideas=(
        Idea("vit", "patches as tokens, attention between them", "Liu et al. 2021, §3.1"),
        Idea("resnet", "maps at stride 4, 8, 16 and 32", "Liu et al. 2021, §3.1"),
    ),
    build=SwinTransformer,
    variants=VARIANTS,
    stem="features.0.0",
    heads=("head",),
    natives={name: Native(image_size=256) for name, spec in VARIANTS.items() if spec.v2},
    renames=(
        (r"^swin(?:v2)?\.", ""),  # transformers'
        (r"^embeddings\.patch_embeddings\.projection\.", "features.0.0."),
        (r"^embeddings\.norm\.", "features.0.2."),
        *((rf"^encoder\.layers\.{i}\.downsample\.", f"features.{2 * i + 2}.") for i in (0, 1, 2)),
        *((rf"^encoder\.layers\.{i}\.blocks\.", f"features.{2 * i + 1}.") for i in range(4)),
        (r"^layernorm\.", "norm."),
        (r"^classifier\.", "head."),
        *((rf"\.attention\.(?:self\.)?{word}\.(\w+)$", rf".attn.qkv.\1[{n}]") for n, word in enumerate(QKV)),
        (r"\.attention\.(?:output\.dense|o_proj)\.", ".attn.proj."),
        (r"\.attention\.(?:self|relative_position_bias)\.", ".attn."),
        (r"\.continuous_position_bias_mlp\.", ".cpb_mlp."),
        (r"\.intermediate\.dense\.", ".mlp.0."),
        (r"\.output\.dense\.", ".mlp.3."),
        (r"\.layernorm_before\.", ".norm1."),
        (r"\.layernorm_after\.", ".norm2."),
        *TIMM,
    ),
    more_renames=(  # the first release's, whose stages end with what ours begin with
        (*((rf"^layers\.{i}\.downsample\.", f"features.{2 * i + 2}.") for i in (0, 1, 2)), *TIMM),
    ),
    adapt=resize_offsets,
    tags=frozenset({"transformer"}),
    groups=(
        Group(
            "swin_v2",
            "Swin V2",
            ("swin_v2_t", "swin_v2_s", "swin_v2_b"),
            (Idea("swin", "shifted windows; norms and scores made to grow", "Liu et al. 2021 (2111.09883), §3"),),
        ),
    ),
    suits=Suits("adamw", lr=1e-3, weight_decay=0.05),
    printed={
        "swin_s": Printed("50M", "8.7G", "Liu et al. 2021, table 1"),
        "swin_b": Printed("88M", "15.4G", "Liu et al. 2021, table 1"),
    },
    sides={
        "swin_t": Sides((56, 28, 14, 7), "Liu et al. 2021, table 7"),
        "swin_s": Sides((56, 28, 14, 7), "Liu et al. 2021, table 7"),
        "swin_b": Sides((56, 28, 14, 7), "Liu et al. 2021, table 7"),
    },
    slim={"depths": (2, 2, 2, 2), "width": 32, "head_width": 16},
)
