"""Windows: which part of each image of a batch is seen, at which size and which way round.

Shapes   x (n, c, h, w) uint8 or float32; `stored` and `size` are (h, w) of the images and of what is seen of them
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate, pad

from .chance import CROP, FLIP, RANGE, ZOOM
from .feed import ZOOM_MARGIN, Augment
from .geometry import Size, Window, scale_and_shift


@dataclass(frozen=True, eq=False, slots=True)
class Zoom:
    """A part of each image, resized to a square.

    Shapes   left, top, width, height (n,) float, in shares of the image
    """

    stored: Size
    side: int
    left: Tensor
    top: Tensor
    width: Tensor
    height: Tensor
    grid: Tensor  # (n, 2, 3): the same in the coordinates of affine_grid

    @property
    def size(self) -> Size:
        return self.side, self.side

    def see(self, x: Tensor) -> Tensor:
        """Bilinear; an image much larger than its view is first resized with antialiasing. Gives float32."""
        enough = math.ceil(ZOOM_MARGIN * self.side)
        if min(x.shape[2:]) > enough:
            x = resize(x.float(), enough)
        grid = affine_grid(self.grid, [len(x), x.shape[1], self.side, self.side], align_corners=False)
        return grid_sample(x.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)

    def map(self) -> Tensor:
        h, w = self.stored
        return scale_and_shift(w * self.width / self.side, h * self.height / self.side, w * self.left, h * self.top)


@dataclass(frozen=True, eq=False, slots=True)
class Crop:
    """A window of the image's own size, in the image with `padding` zeros around it.

    Shapes   top, left (n,) int64, in pixels of the padded image
    """

    stored: Size
    padding: int
    top: Tensor
    left: Tensor

    @property
    def size(self) -> Size:
        return self.stored

    def see(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        x = pad(x, (self.padding,) * 4).contiguous()
        height, width = h + 2 * self.padding, w + 2 * self.padding
        # A window lies inside one unbroken span of memory: copying spans is ten times faster than gathering pixels.
        span = (c - 1) * height * width + (h - 1) * width + w
        start = torch.arange(n, device=x.device) * (c * height * width) + self.top * width + self.left
        spans = x.as_strided((x.numel() - span + 1, span), (1, 1)).index_select(0, start)
        return spans.as_strided((n, c, h, w), (span, height * width, width, 1)).contiguous()

    def map(self) -> Tensor:
        one = torch.ones(len(self.top), device=self.top.device)
        return scale_and_shift(one, one, self.left - self.padding, self.top - self.padding)


@dataclass(frozen=True, eq=False, slots=True)
class Flip:
    """Some images left to right.

    Shapes   mirrored (n,) int64, 0 or 1
    """

    stored: Size
    mirrored: Tensor

    @property
    def size(self) -> Size:
        return self.stored

    def see(self, x: Tensor) -> Tensor:
        # Choosing whole images from both versions is five times faster than choosing pixel by pixel.
        which = torch.arange(len(x), device=x.device) + len(x) * self.mirrored
        return torch.cat([x, x.flip(3)]).index_select(0, which)

    def map(self) -> Tensor:
        one = torch.ones(len(self.mirrored), device=self.mirrored.device)
        return scale_and_shift(1 - 2 * self.mirrored, one, self.stored[1] * self.mirrored, 0 * self.mirrored)


@dataclass(frozen=True, slots=True)
class WholeImage:
    """A whole image of one size, brought into a square."""

    stored: Size
    side: int

    @property
    def size(self) -> Size:
        return self.side, self.side


class Surround(WholeImage):
    """The image in the middle of zeros, as LeCun et al. put 28 pixels into 32."""

    __slots__ = ()

    def see(self, x: Tensor) -> Tensor:
        rows, columns = self.side - x.shape[2], self.side - x.shape[3]
        return pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))

    def map(self) -> Tensor:
        h, w = self.stored
        return scale_and_shift(1, 1, -((self.side - w) // 2), -((self.side - h) // 2))


class Stretch(WholeImage):
    """The whole image resized to a square; unequal sides are made equal."""

    __slots__ = ()

    def see(self, x: Tensor) -> Tensor:
        return resize(x, self.side)

    def map(self) -> Tensor:
        h, w = self.stored
        return scale_and_shift(w / self.side, h / self.side, 0, 0)


class Letterbox(WholeImage):
    """The whole image in its proportions, resized until its longer side fits; zeros on its right or below it."""

    __slots__ = ()

    @property
    def valid(self) -> Tensor:
        """The rows and columns that the image takes, (2,)."""
        return torch.tensor([max(round(length * self.side / max(self.stored)), 1) for length in self.stored])

    def see(self, x: Tensor) -> Tensor:
        h, w = self.valid.tolist()
        x = interpolate(x.float(), size=(h, w), mode="bilinear", align_corners=False, antialias=self.side < max(self.stored))
        return pad(x, (0, self.side - w, 0, self.side - h))

    def map(self) -> Tensor:
        (h, w), (rows, columns) = self.stored, self.valid.tolist()
        return scale_and_shift(w / columns, h / rows, 0, 0)


@dataclass(frozen=True, eq=False, slots=True)
class Cut:
    """What the decoder has made of pictures of different sizes: a region of each, resized to a square.

    Shapes   regions (n, 4) float: top, left, height and width in pixels of the upright pictures; sizes (n, 2): height and width
    """

    regions: Tensor
    sizes: Tensor
    side: int

    @property
    def size(self) -> Size:
        return self.side, self.side

    @property
    def valid(self) -> Tensor:
        """The rows and columns that each picture takes."""
        return (self.sizes * self.side / self.regions[:, 2:]).round().clamp(max=self.side).long()

    def see(self, x: Tensor) -> Tensor:
        """As they are: the decoder cut and resized them."""
        return x

    def map(self) -> Tensor:
        top, left, height, width = self.regions.unbind(1)
        return scale_and_shift(width / self.side, height / self.side, left, top)


def windows(augment: Augment, stored: Size, side: int, chance: Tensor) -> list[Window]:
    """What chance makes of zoom, crop and flip, in the order in which images pass through them.

    Shapes   chance (rows, n) from `chance.chances`, on the device of the images
    """
    chosen: list[Window] = []
    if augment.zoom < 1:
        chosen.append(zoom(stored, augment.zoom, side, chance[ZOOM]))
        stored = chosen[-1].size
    if augment.crop:
        chosen.append(crop(stored, augment.crop, chance[CROP]))
    if augment.flip:
        chosen.append(Flip(stored, chance[FLIP] % 2))
    return chosen


def zoom(stored: Size, smallest: float, side: int, chance: Tensor) -> Zoom:
    """A random window of a share `smallest` to 1 of the area, 3:4 to 4:3.

    Shapes   chance (4, n)
    Source   Szegedy et al. 2014, §6, with a smaller range of areas
    """
    share, shape, across, down = chance.float() / RANGE
    area, ratio = smallest + (1 - smallest) * share, torch.exp((2 * shape - 1) * math.log(4 / 3))
    width, height = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    grid = width.new_zeros((len(width), 2, 3))
    grid[:, 0, 0], grid[:, 1, 1] = width, height
    grid[:, 0, 2], grid[:, 1, 2] = (1 - width) * (2 * across - 1), (1 - height) * (2 * down - 1)
    return Zoom(stored, side, (1 - width) * across, (1 - height) * down, width, height, grid)


def crop(stored: Size, padding: int, chance: Tensor) -> Crop:
    """A random place for the window.

    Shapes   chance (n,)
    """
    places = 2 * padding + 1
    return Crop(stored, padding, (chance // places) % places, chance % places)


def fit(stored: Size, side: int, how: str = "cover") -> Window | None:
    """What makes images of one size `side` a side; None where they are already.

    To cover, slightly smaller images are surrounded by zeros, all others stretched; to contain, they keep their proportions.
    """
    if stored == (side, side):
        return None
    if how == "contain":
        return Letterbox(stored, side)
    longest = max(stored)
    return Surround(stored, side) if longest <= side < 1.5 * longest else Stretch(stored, side)


def resize(x: Tensor, size: int) -> Tensor:
    """The floating-point images at size x size, bilinear, antialiased when they shrink; unequal sides are made equal.

    Shapes   x (n, c, h, w) float → (n, c, size, size)
    """
    smaller = size < max(x.shape[2:])
    return interpolate(x, size=(size, size), mode="bilinear", align_corners=False, antialias=smaller)
