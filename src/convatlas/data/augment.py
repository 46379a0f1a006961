"""Chance, a whole batch at a time, on the device that holds the images.

Every function takes its chances as an argument, one integer an image from `chances`, and so is pure.
Shapes   x (n, c, h, w) uint8 or float32, pixels 0 to 255; chance (n,) int64, where x is
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate, pad

from .chance import CHANGES, CROP, CUTOUT, ERASING, FLIP, RANGE, ZOOM
from .erasing import blanked, erased
from .feed import ZOOM_MARGIN, Augment


def augmented(x: Tensor, augment: Augment, image_size: int, mean: Tensor, chance: Tensor) -> Tensor:
    """The batch as `augment` says: zoom, crop, flip, RandAugment or TrivialAugment, cutout, erasing, in this order.

    Shapes   chance (rows, n) from `chances`, on the CPU: to know who is changed together, nobody then waits for the device
    """
    here = chance.to(x.device, non_blocking=True)
    if augment.zoom < 1:
        x = zoom(x, augment.zoom, image_size, here[ZOOM])
    if augment.crop:
        x = crop(x, augment.crop, here[CROP])
    if augment.flip:
        x = flip(x, here[FLIP])
    if augment.randaugment or augment.trivialaugment:
        x = _changed(x, augment, chance[CHANGES])
    if augment.cutout:
        x = cutout(x, augment.cutout, mean, here[CUTOUT])
    if augment.erasing:
        x = erased(x, augment.erasing, mean, chance[ERASING])
    return x


def crop(x: Tensor, padding: int, chance: Tensor) -> Tensor:
    """A window of the image's own size, somewhere in the image with `padding` zeros around it."""
    n, c, h, w = x.shape
    x = pad(x, (padding,) * 4).contiguous()
    height, width, places = h + 2 * padding, w + 2 * padding, 2 * padding + 1
    top, left = (chance // places) % places, chance % places
    # A window lies inside one unbroken span of memory: copying spans is ten times faster than gathering pixels.
    span = (c - 1) * height * width + (h - 1) * width + w
    start = torch.arange(n, device=x.device) * (c * height * width) + top * width + left
    spans = x.as_strided((x.numel() - span + 1, span), (1, 1)).index_select(0, start)
    return spans.as_strided((n, c, h, w), (span, height * width, width, 1)).contiguous()


def flip(x: Tensor, chance: Tensor) -> Tensor:
    """Half of the images, left to right."""
    # Choosing whole images from both versions is five times faster than choosing pixel by pixel.
    which = torch.arange(len(x), device=x.device) + len(x) * (chance % 2)
    return torch.cat([x, x.flip(3)]).index_select(0, which)


def cutout(x: Tensor, side: int, fill: Tensor, chance: Tensor) -> Tensor:
    """A square around a random pixel takes the colour `fill`; what would lie outside the image is cut off.

    Shapes   fill (c,); chance (2, n)
    Source   DeVries and Taylor 2017, §3.2
    """
    _, _, h, w = x.shape
    rows, columns = (_within(length, side, which) for length, which in ((h, chance[0]), (w, chance[1])))
    hole = rows[:, None, :, None] & columns[:, None, None, :]
    return blanked(x, hole, fill)


def zoom(x: Tensor, smallest: float, size: int, chance: Tensor) -> Tensor:
    """A random window of a share `smallest` to 1 of the area, 3:4 to 4:3, resized to size x size.

    Shapes   chance (4, n) → float32 (n, c, size, size)
    Source   Szegedy et al. 2014, §6, with a smaller range of areas
    """
    kept = math.ceil(ZOOM_MARGIN * size)
    if min(x.shape[2:]) > kept:
        x = resize(x.float(), kept)
    share, shape, across, down = chance.float() / RANGE
    area, ratio = smallest + (1 - smallest) * share, torch.exp((2 * shape - 1) * math.log(4 / 3))
    width, height = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    theta = x.new_zeros((len(x), 2, 3), dtype=torch.float32)
    theta[:, 0, 0], theta[:, 1, 1] = width, height
    theta[:, 0, 2], theta[:, 1, 2] = (1 - width) * (2 * across - 1), (1 - height) * (2 * down - 1)
    grid = affine_grid(theta, [len(x), x.shape[1], size, size], align_corners=False)
    return grid_sample(x.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)


def resize(x: Tensor, size: int) -> Tensor:
    """The floating-point images at size x size, bilinear, antialiased when they shrink; unequal sides are made equal."""
    smaller = size < max(x.shape[2:])
    return interpolate(x, size=(size, size), mode="bilinear", align_corners=False, antialias=smaller)


def surrounded(x: Tensor, size: int) -> Tensor:
    """The images in the middle of size x size zeros, as LeCun et al. put 28 pixels into 32."""
    rows, columns = size - x.shape[2], size - x.shape[3]
    return pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))


def _changed(x: Tensor, augment: Augment, chance: Tensor) -> Tensor:
    from .policies import randaugment, trivialaugment

    return randaugment(x, augment.randaugment, chance) if augment.randaugment else trivialaugment(x, chance[0])


def _within(length: int, side: int, chance: Tensor) -> Tensor:
    first = (chance % length - side // 2)[:, None]
    pixel = torch.arange(length, device=chance.device)
    return (pixel >= first) & (pixel < first + side)
