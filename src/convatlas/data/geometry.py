"""Geometry: pixels, masks and boxes look at an image through the same window.

A window is drawn from chance once (windows.py). Pixels look through it in the fastest way that gives the right bits; masks and
boxes need only its affine map, from a point of what is seen to the point of the image that is seen there. What lies outside the
image is black in pixels and `IGNORED` in masks, and boxes are clipped to what is seen.

Shapes   x (n, c, h, w) uint8 or float32; masks (n, h, w) uint8; maps (n, 2, 3) or (1, 2, 3) float32, applied to (x, y, 1)
Units    points in pixels from the upper left corner, so that the center of the first pixel is (0.5, 0.5)
"""

from typing import Protocol

import torch
from torch import Tensor

IGNORED = 255  # the class number in a mask that counts for nothing
_NOTHING = 1e-3  # pixels; a box of a shorter side has nothing left

Size = tuple[int, int]  # h, w


class Window(Protocol):
    """A way to look at each image of a batch."""

    @property
    def size(self) -> Size: ...
    def see(self, x: Tensor) -> Tensor:
        """The pixels that are seen, (n, c, *size)."""
        ...

    def map(self) -> Tensor:
        """From points of what is seen to points of the image."""
        ...


def scale_and_shift(across: Tensor | float, down: Tensor | float, left: Tensor | float, top: Tensor | float) -> Tensor:
    """The map x → across · x + left, y → down · y + top.

    Shapes   numbers or (n,) → (1, 2, 3) or (n, 2, 3) float32
    """
    a, d, x, y = (torch.as_tensor(number, dtype=torch.float32).reshape(-1) for number in (across, down, left, top))
    none = torch.zeros_like(a)
    return torch.stack([a, none, x, none, d, y], 1).view(-1, 2, 3)


def see_masks(masks: Tensor, window: Window) -> Tensor:
    """The class of the pixel that each seen pixel's center lies on; `IGNORED` outside.

    Shapes   masks (n, h, w) uint8 → (n, *window.size) uint8
    """
    (n, h, w), (rows, columns) = masks.shape, window.size
    map_ = window.map().to(masks.device)
    y, x = (torch.arange(length, device=masks.device) + 0.5 for length in (rows, columns))
    column, row = (
        (map_[:, k, 0, None, None] * x + map_[:, k, 1, None, None] * y[:, None] + map_[:, k, 2, None, None]).floor().long()
        for k in (0, 1)
    )
    outside = (column < 0) | (column >= w) | (row < 0) | (row >= h)
    place = row.clamp(0, h - 1) * w + column.clamp(0, w - 1)
    classes = masks.flatten(1).gather(1, place.expand(n, rows, columns).flatten(1)).view(n, rows, columns)
    return classes.masked_fill(outside, IGNORED)


def see_boxes(xyxy: Tensor, image: Tensor, window: Window) -> tuple[Tensor, Tensor]:
    """The upright box around each box as it is seen, clipped, and which boxes have anything left.

    Shapes   xyxy (m, 4) float; image (m,) int64, the place in the batch of each box's image → (m, 4), (m,) bool
    """
    map_ = window.map().to(xyxy.device)
    map_ = map_[image] if len(map_) > 1 else map_
    (left, top, right, bottom), (rows, columns) = xyxy.float().unbind(1), window.size
    corners = torch.stack([torch.stack([x, y], 1) for x in (left, right) for y in (top, bottom)], 2)  # (m, 2, 4)
    moved = torch.linalg.inv(map_[:, :, :2]) @ (corners - map_[:, :, 2:])
    limit = moved.new_tensor([columns, rows])
    low, high = (torch.minimum(point.clamp(min=0), limit) for point in (moved.amin(2), moved.amax(2)))
    return torch.cat([low, high], 1).to(xyxy.dtype), ((high - low) > _NOTHING).all(1)
