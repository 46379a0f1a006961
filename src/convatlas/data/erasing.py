"""Random erasing: a rectangle of the image is blanked.

Paper    Zhong et al. 2017, arXiv:1708.04896
"""

import torch
from torch import Tensor

from .chance import uniform

AREA = 0.02, 0.4  # share of the image: s_l and s_h of the paper's experiments
RATIO = 0.3, 1 / 0.3  # height over width: r_1 and r_2


def erasing_bounds(size: tuple[int, int], probability: float, chance: Tensor) -> Tensor:
    """The rectangle of each image that is blanked, with `probability`; else an empty one.

    Shapes   size (h, w); chance (5, n) → (4, n) int64 as `rectangles` gives them
    Source   Zhong et al. 2017, algorithm 1; with the mean as its value it is the paper's "RE-M"
    """
    return rectangles(*size, chance[1:]) * (uniform(chance[0]) < probability)


def rectangles(h: int, w: int, chance: Tensor) -> Tensor:
    """Rectangles of random area, shape and place that lie wholly in the image.

    Shapes   chance (4, n) → (4, n) int64: first row, row after the last, first column, column after the last
    Source   Zhong et al. 2017, algorithm 1; differs: a ratio is drawn among those that fit, so that nothing is drawn again,
             and evenly in its logarithm, so that tall ones are as frequent as wide ones
    """
    share, shape, down, across = uniform(chance)
    share = AREA[0] + (AREA[1] - AREA[0]) * share
    tallest, widest = (h / (w * share)).clamp(max=RATIO[1]).log(), (h * share / w).clamp(min=RATIO[0]).log()
    ratio = (widest + (tallest - widest) * shape).exp()
    height = (h * w * share * ratio).sqrt().round().clamp(1, h)
    width = (h * w * share / ratio).sqrt().round().clamp(1, w)
    top, left = ((h - height + 1) * down).floor(), ((w - width + 1) * across).floor()
    return torch.stack([top, top + height, left, left + width]).long()


def inside(bounds: Tensor, h: int, w: int) -> Tensor:
    """Which pixels of each image lie in its rectangle.

    Shapes   bounds (4, n) as `rectangles` gives them → bool (n, 1, h, w)
    """
    top, bottom, left, right = bounds[:, :, None]
    row, column = torch.arange(h, device=bounds.device), torch.arange(w, device=bounds.device)
    return ((row >= top) & (row < bottom))[:, None, :, None] & ((column >= left) & (column < right))[:, None, None, :]


def blank(x: Tensor, hole: Tensor, fill: Tensor) -> Tensor:
    """The images with the color `fill` where `hole` is true.

    Shapes   x (n, c, h, w) uint8 or float32; hole bool (n, 1, h, w); fill (c,)
    """
    fill = fill.to(x.dtype) if x.is_floating_point() else fill.round().to(x.dtype)
    return torch.where(hole, fill[:, None, None], x)
