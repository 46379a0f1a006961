"""Augmentation, a whole batch at a time, on the device that holds the images: what is drawn, and what becomes of the pixels.

Where pixels move, windows.py says where to; targets go the same way. Every function takes its chances as an argument, one
integer per image from `chances`, and so is pure.
Shapes   x (n, c, h, w) uint8 or float32, pixels 0 to 255; chance (n,) int64, where x is
"""

import torch
from torch import Tensor

from .chance import CHANGES, CUTOUT, ERASING
from .erasing import blank, erasing_bounds, inside
from .feed import Augment
from .targets import Target, Targets
from .windows import windows


def augment_batch(
    x: Tensor, target: Target, targets: Targets, augment: Augment, *, side: int, mean: Tensor, chance: Tensor
) -> tuple[Tensor, Target]:
    """The batch as `augment` says: zoom, crop, flip, RandAugment or TrivialAugment, cutout, erasing, in this order.

    Units    side: pixels of a zoomed image
    Shapes   target as `targets.take` gives it; chance (rows, n) from `chances`, on the CPU: to know who is changed together,
             nobody then waits for the device
    """
    here = chance.to(x.device, non_blocking=True)
    size = x.shape[2], x.shape[3]
    for window in windows(augment, size, side, here):
        x, target, size = window.see(x), targets.see(target, window), window.size
    if augment.randaugment or augment.trivialaugment:
        from .policies import changes

        for change in changes(augment, size, chance[CHANGES]):
            x, target = change.see(x), targets.see(target, change)
    if augment.cutout:
        hole = cutout_hole(size, augment.cutout, here[CUTOUT])
        x, target = blank(x, hole, mean), targets.blank(target, hole)
    if augment.erasing:
        bounds = erasing_bounds(size, augment.erasing, chance[ERASING])
        hole = inside(bounds.to(x.device, non_blocking=True), *size)
        x, target = blank(x, hole, mean), targets.blank(target, hole)
    return x, target


def cutout_hole(size: tuple[int, int], side: int, chance: Tensor) -> Tensor:
    """A square around a random pixel; what would lie outside the image is cut off.

    Shapes   size (h, w); chance (2, n) → bool (n, 1, h, w)
    Source   DeVries and Taylor 2017, §3.2
    """
    rows, columns = (_within(length, side, which) for length, which in zip(size, chance, strict=True))
    return rows[:, None, :, None] & columns[:, None, None, :]


def _within(length: int, side: int, chance: Tensor) -> Tensor:
    first = (chance % length - side // 2)[:, None]
    pixel = torch.arange(length, device=chance.device)
    return (pixel >= first) & (pixel < first + side)
