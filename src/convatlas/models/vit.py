"""ViT: an image is a sentence whose words are patches.

Patches become tokens by one linear layer, learned positions are added, and from there on it is the transformer of language:
y = x + attention(norm(x)), z = y + mlp(norm(y)), with attention(x) = softmax(QKᵀ / √d) V. Nothing but the patches knows that
neighbors are neighbors; it has to be learned, from more images than ImageNet has. An extra token collects what names the class.

Papers   Dosovitskiy et al. 2020, arXiv:2010.11929 · the weights of vit_h_14: Singh et al. 2022, 2201.08371 (SWAG)
Differs  No hidden tanh layer before the head, which the paper has while pre-training (appendix D.3). The head starts from
         N(0, 0.02²); the first release's and torchvision's start at zero, so that no gradient passes in the first step. Dropout
         is 0, as for torchvision's weights; for ImageNet alone the paper takes 0.1 (table 3). With gradients switched off
         torchvision runs a fused kernel that rounds differently; here evaluation and training compute the same.
Small    Up to 64 pixels patches are 4x4: 64 tokens of 32 pixels. The patch size of the name no longer counts.
Names    conv_proj = patches to tokens · class_token · encoder.pos_embedding = class token first, then places row by row ·
         encoder.layers.encoder_layer_L.{ln_1 self_attention ln_2 mlp} · encoder.ln · heads.head = head
"""

from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor, nn, unflatten
from torch.nn.functional import linear, scaled_dot_product_attention
from torch.nn.init import normal_, trunc_normal_, xavier_uniform_, zeros_

from ..ops.attention import QKV, check_side, mlp, resize_table
from .family import SMALL, Family, Native, Paper, Printed, Sides, Suits


@dataclass(frozen=True, slots=True)
class Spec:
    """A row of table 1 and the patch size."""

    depth: int  # layers
    width: int  # channels of a token
    heads: int
    patch: int  # pixels a side
    expansion: int = 4  # of the channels within the MLP
    dropout: float = 0.0


VARIANTS = {
    "vit_b_16": Spec(12, 768, 12, 16),
    "vit_b_32": Spec(12, 768, 12, 32),
    "vit_l_16": Spec(24, 1024, 16, 16),
    "vit_l_32": Spec(24, 1024, 16, 32),
    "vit_h_14": Spec(32, 1280, 16, 14),
}  # fmt: skip


class SelfAttention(nn.Module):
    """softmax(QKᵀ / √d) V for each head; parameters as those of `nn.MultiheadAttention`.

    Shapes   x (n, t, c) → the same
    Source   appendix A, eq. 5 to 8
    """

    def __init__(self, c: int, heads: int) -> None:
        super().__init__()
        if c % heads:
            raise ValueError(f"{heads} heads need a width that is a multiple of {heads}, got {c}")
        self.heads = heads
        self.in_proj_weight = nn.Parameter(xavier_uniform_(torch.empty(3 * c, c)))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * c))
        self.out_proj = nn.Linear(c, c)
        zeros_(self.out_proj.bias)

    def forward(self, x: Tensor) -> Tensor:
        # Token by token, as PyTorch's own module sums over the batch: gradients stay equal to the last bit.
        x = x.transpose(0, 1).contiguous()
        qkv = linear(x, self.in_proj_weight, self.in_proj_bias)
        q, k, v = (part.permute(1, 2, 0, 3) for part in unflatten(qkv, 2, (3, self.heads, -1)).unbind(2))  # n heads t d
        y = scaled_dot_product_attention(q, k, v)
        return self.out_proj(y.permute(2, 0, 1, 3).flatten(2)).transpose(0, 1)


class EncoderBlock(nn.Module):
    """Attention between tokens, then an MLP on each, both with a norm before and a shortcut around (figure 1, right)."""

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        c = spec.width
        self.ln_1 = nn.LayerNorm(c, eps=1e-6)
        self.self_attention = SelfAttention(c, spec.heads)
        self.dropout = nn.Dropout(spec.dropout)
        self.ln_2 = nn.LayerNorm(c, eps=1e-6)
        self.mlp = mlp(c, spec.expansion * c, spec.dropout)
        for layer in self.mlp:
            if isinstance(layer, nn.Linear):
                xavier_uniform_(layer.weight)
                normal_(layer.bias, std=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.dropout(self.self_attention(self.ln_1(x))) + x
        return x + self.mlp(self.ln_2(x))


class Encoder(nn.Module):
    """Adds the positions and runs all layers."""

    def __init__(self, spec: Spec, tokens: int) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(torch.empty(1, tokens, spec.width).normal_(std=0.02))
        self.dropout = nn.Dropout(spec.dropout)
        self.layers = nn.Sequential(OrderedDict((f"encoder_layer_{i}", EncoderBlock(spec)) for i in range(spec.depth)))
        self.ln = nn.LayerNorm(spec.width, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        return self.ln(self.layers(self.dropout(x + self.pos_embedding)))


class VisionTransformer(nn.Module):
    """Patches, positions, encoder; the class token goes through one linear layer.

    Shapes   x (n, in_channels, image_size, image_size) float → (n, num_classes); num_classes 0 → (n, width)
    Raises   ValueError for images of another size
    """

    def __init__(self, spec: Spec, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        patch = min(4, spec.patch) if image_size <= SMALL else spec.patch
        if image_size % patch:
            raise ValueError(f"patches of {patch}x{patch} need an image_size that is a multiple of {patch}, got {image_size}")
        self.image_size = image_size
        self.class_token = nn.Parameter(torch.zeros(1, 1, spec.width))
        self.conv_proj = nn.Conv2d(in_channels, spec.width, patch, stride=patch)
        trunc_normal_(self.conv_proj.weight, std=(in_channels * patch**2) ** -0.5)
        zeros_(self.conv_proj.bias)  # type: ignore[arg-type]  # it has one
        self.encoder = Encoder(spec, 1 + (image_size // patch) ** 2)
        head = nn.Linear(spec.width, num_classes) if num_classes else nn.Identity()
        if isinstance(head, nn.Linear):
            normal_(head.weight, std=0.02)
            zeros_(head.bias)
        self.heads = nn.Sequential(OrderedDict(head=head))

    def forward(self, x: Tensor) -> Tensor:
        check_side(x, self.image_size)
        x = self.conv_proj(x).flatten(2).transpose(1, 2)  # n c h w → n t c
        x = torch.cat([self.class_token.expand(x.shape[0], -1, -1), x], 1)
        return self.heads(self.encoder(x)[:, 0])


def adapt(name: str, value: Tensor, own: Tensor) -> Tensor | None:
    """Position embeddings for another number of patches; the class token's is kept.

    Shapes   value (1, 1 + patches, c), own (1, 1 + other patches, c) → as own
    Source   §3.2
    """
    if name != "encoder.pos_embedding" or value.ndim != 3 or value.shape[::2] != own.shape[::2]:
        return None
    places = resize_table(value[0, 1:], own.shape[1] - 1)
    return None if places is None else torch.cat([value[:, :1], places[None]], 1)


FAMILY = Family(
    name="vit",
    title="ViT",
    papers=(
        Paper(
            "Dosovitskiy et al.",
            2020,
            "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale",
            "arXiv:2010.11929",
        ),
    ),
    ideas=(),
    build=VisionTransformer,
    variants=VARIANTS,
    stem="conv_proj",
    heads=("heads.head",),
    natives={name: Native(multiple=spec.patch, small_multiple=4) for name, spec in VARIANTS.items()},
    renames=(
        (r"^vit\.", ""),  # transformers', of its versions 4 and 5
        (r"^embeddings\.cls_token$", "class_token"),
        (r"^embeddings\.position_embeddings$", "encoder.pos_embedding"),
        (r"^embeddings\.patch_embeddings\.projection\.", "conv_proj."),
        (r"^(?:encoder\.layer|layers)\.(\d+)\.", r"encoder.layers.encoder_layer_\1."),
        (r"^layernorm\.", "encoder.ln."),
        (r"^classifier\.", "heads.head."),
        *((rf"\.attention\.(?:attention\.)?{word}\.(\w+)$", rf".self_attention.in_proj_\1[{n}]") for n, word in enumerate(QKV)),
        (r"\.attention\.(?:output\.dense|o_proj)\.", ".self_attention.out_proj."),
        (r"\.intermediate\.dense\.", ".mlp.0."),
        (r"\.output\.dense\.", ".mlp.3."),
        (r"\.layernorm_before\.", ".ln_1."),
        (r"\.layernorm_after\.", ".ln_2."),
        (r"^cls_token$", "class_token"),  # timm's
        (r"^pos_embed$", "encoder.pos_embedding"),
        (r"^patch_embed\.proj\.", "conv_proj."),
        (r"^blocks\.(\d+)\.", r"encoder.layers.encoder_layer_\1."),
        (r"^norm\.", "encoder.ln."),
        (r"^head\.", "heads.head."),
        (r"\.norm([12])\.", r".ln_\1."),
        (r"\.attn\.qkv\.", ".self_attention.in_proj_"),
        (r"\.attn\.proj\.", ".self_attention.out_proj."),
        (r"\.mlp\.(fc|linear_)1\.", ".mlp.0."),  # linear_: torchvision's published files
        (r"\.mlp\.(fc|linear_)2\.", ".mlp.3."),
    ),
    adapt=adapt,
    tags=frozenset({"fixed-size", "transformer"}),
    suits=Suits("adamw", lr=5e-4, weight_decay=0.05),
    printed={"vit_h_14": Printed("632M", "", "Dosovitskiy et al. 2020, table 1")},
    sides={
        "vit_b_16": Sides((14,), "Dosovitskiy et al. 2020, §3.1"),
        "vit_b_32": Sides((7,), "Dosovitskiy et al. 2020, §3.1"),
        "vit_l_16": Sides((14,), "Dosovitskiy et al. 2020, §3.1"),
        "vit_l_32": Sides((7,), "Dosovitskiy et al. 2020, §3.1"),
        "vit_h_14": Sides((16,), "Dosovitskiy et al. 2020, §3.1"),
    },
    slim={"depth": 2, "width": 64, "heads": 4},
)
