"""Parts of transformers: heads, windows, offsets within them, grids that change their size, and the MLP after attention."""

from math import isqrt

import torch
from torch import Tensor, nn, unflatten
from torch.nn.functional import interpolate

QKV = ("(?:query|q_proj)", "(?:key|k_proj)", "(?:value|v_proj)")
"""What other libraries call the parts of what is one tensor here, in its order."""


def heads_of(qkv: Tensor, heads: int) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values of each head.

    Shapes   qkv (…, t, 3 · heads · d) → three (…, heads, t, d)
    """
    q, k, v = unflatten(qkv, -1, (3, heads, -1)).unbind(-3)
    return q.transpose(-3, -2), k.transpose(-3, -2), v.transpose(-3, -2)


def blend(scores: Tensor, v: Tensor) -> Tensor:
    """Every token's average of the values, weighted by the softmax of its scores; the heads are concatenated again.

    Shapes   scores (…, heads, t, t), v (…, heads, t, d) → (…, t, heads · d)
    Source   Vaswani et al. 2017, arXiv:1706.03762, eq. 1
    """
    return (scores.softmax(-1) @ v).transpose(-3, -2).flatten(-2)


def windows(x: Tensor, window: int, *, channels_first: bool = False) -> Tensor:
    """The tokens of each window, windows and tokens both row by row.

    Shapes   x (n, h, w, c), or (n, c, h, w) with channels first → (n, h/window · w/window, window², c)
    """
    axis = 2 if channels_first else 1
    x = unflatten(unflatten(x, axis + 1, (-1, window)), axis, (-1, window))
    x = x.movedim(1, -1) if channels_first else x
    return x.transpose(2, 3).flatten(3, 4).flatten(1, 2)  # n rows y columns x c → n windows tokens c


def join_windows(x: Tensor, rows: int, *, channels_first: bool = False) -> Tensor:
    """The map that these windows divide, from the number of rows of windows.

    Shapes   x (n, windows, window², c) → (n, h, w, c), or (n, c, h, w) with channels first
    """
    x = unflatten(unflatten(x, 2, (isqrt(x.shape[2]), -1)), 1, (rows, -1)).transpose(2, 3)  # n rows y columns x c
    x = x.movedim(-1, 1) if channels_first else x
    axis = 2 if channels_first else 1
    return x.flatten(axis + 2, axis + 3).flatten(axis, axis + 1)


def offset_index(window: int) -> Tensor:
    """For each pair of tokens in a window, the row of the table of offsets that belongs to i − j.

    Shapes   (window², window²) int64 in [0, (2 · window − 1)²)
    Source   Liu et al. 2021, arXiv:2103.14030, §3.2, eq. 4
    """
    side = 2 * window - 1
    rows = torch.arange(side**2).view(side, side).unfold(0, window, 1).unfold(1, window, 1)  # i's part of the table
    return rows.flip(2, 3).reshape(window**2, window**2)  # which the offsets to j = 0, 1, … run through backwards


def offset_bias(table: Tensor, index: Tensor) -> Tensor:
    """What is added to the scores of each pair of tokens.

    Shapes   table (offsets, heads), index (t²) or (t, t) → (heads, t, t)
    """
    t = isqrt(index.numel())
    return table[index.flatten()].view(t, t, -1).permute(2, 0, 1).contiguous()


def resize_table(table: Tensor, rows: int) -> Tensor | None:
    """A table with one row per place of a square grid, resized to another square grid: bicubic, with aligned corners.

    None if one of the grids is no square.

    Shapes   table (old², c) → (rows, c)
    """
    old, new = isqrt(table.shape[0]), isqrt(rows)
    if old**2 != table.shape[0] or new**2 != rows:
        return None
    grid = unflatten(table.float().T, 1, (old, old))[None]
    grid = interpolate(grid, (new, new), mode="bicubic", align_corners=True)
    return grid[0].flatten(1).T.to(table.dtype)


def resize_offsets(name: str, value: Tensor, own: Tensor) -> Tensor | None:
    """Fits a table of offsets to other windows: `adapt` of families with such tables.

    Shapes   value (offsets, heads), own (other offsets, heads) → as own
    """
    if not name.endswith("relative_position_bias_table") or value.ndim != 2 or value.shape[1:] != own.shape[1:]:
        return None
    return resize_table(value, own.shape[0])


def check_side(x: Tensor, side: int) -> None:
    """Refuses images of another size than the network has places for.

    Shapes   x (n, c, h, w)
    Raises   ValueError if h or w is not `side`
    """
    h, w = x.shape[-2:]
    if (h, w) != (side, side):
        raise ValueError(f"the network was built for {side}x{side} images, got {h}x{w}: resize them or build it for theirs")


def mlp(c: int, hidden: int, dropout: float = 0.0) -> nn.Sequential:
    """Two linear layers with a gelu between, dropout after both: 0 = to the hidden width, 3 = back.

    Shapes   x (…, c) → (…, c)
    Source   Vaswani et al. 2017, arXiv:1706.03762, §3.3; differs: gelu instead of relu
    """
    return nn.Sequential(nn.Linear(c, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, c), nn.Dropout(dropout))
