"""One picture → a square of bytes for a network: its middle, the whole of it, or a random window."""

import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .feed import WHITE
from .many_channels import ManyChannels
from .picture_file import Unreadable, open_picture, orientation, planes, turn_upright, upright, upright_size

if TYPE_CHECKING:
    from torch import Tensor

Frame = Callable[[Image.Image], "Tensor"]
"""Cuts and scales a picture as weights expect it: upright, gray or RGB → uint8 (channels, h, w); workers get it pickled."""


class Region(NamedTuple):
    """A rectangle of an upright picture, in its pixels; it may reach beyond the picture."""

    top: float
    left: float
    height: float
    width: float


class View(NamedTuple):
    """A part of a picture as a network gets it: pixels (channels, side, side), and of which part of it.

    Units    size (height, width) of the upright picture, in pixels
    """

    pixels: NDArray[np.uint8]
    region: Region
    size: tuple[int, int]


class PathTable:
    """The paths of files below one folder.

    The names are bytes in one block: a list of strings would be copied page by page in every worker as its counts are touched.
    """

    def __init__(self, root: Path, names: Sequence[str]) -> None:
        self.root = root
        self.names: NDArray[np.bytes_] = np.array([os.fsencode(name) for name in names], dtype=np.bytes_)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Path:
        return self.root / os.fsdecode(bytes(self.names[index]))

    def subset(self, indices: Sequence[int]) -> "PathTable":
        """Some of the files."""
        return PathTable(self.root, [os.fsdecode(bytes(self.names[index])) for index in indices])


def square(
    source: Path | Image.Image, channels: int, side: int, frame: Frame | None = None, *, fit: str = "cover", white: int = WHITE
) -> NDArray[np.uint8]:
    """The square middle of the picture, or what `frame` makes of the whole of it; to contain, the whole of it on black.

    Shapes   → (channels, side, side)
    Raises   Unreadable
    """
    if frame is None:
        return (whole if fit == "contain" else middle)(source, channels, side, white).pixels
    with open_picture(source) as image:  # not drafted: a frame is exact
        plain = upright(image, channels, white)
    return np.asarray(frame(plain))


def middle(source: Path | Image.Image, channels: int, side: int, white: int = WHITE) -> View:
    """The square middle of the picture, resized.

    Raises   Unreadable
    """
    with open_picture(source) as image:
        size = upright_size(image)
        image.draft(None, (2 * side, 2 * side))
        plain = planes(image, channels, white)
        width, height = plain[0].size
        edge = min(width, height)
        return _cut_out(plain, ((height - edge) // 2, (width - edge) // 2, edge, edge), side, size)


def whole(source: Path | Image.Image, channels: int, side: int, white: int = WHITE) -> View:
    """The whole picture in its proportions, its longer side resized to `side`, zeros on its right or below it.

    Raises   Unreadable
    """
    with open_picture(source) as image:
        width, height = upright_size(image)
        image.draft(None, (side, side))
        plain = planes(image, channels, white)
        w, h = (max(round(length * side / max(width, height)), 1) for length in (width, height))
        pixels = np.zeros((channels, side, side), np.uint8)
        pixels[:, :h, :w] = _resize(plain, (0, 0, plain[0].height, plain[0].width), (h, w))
        return View(pixels, Region(0, 0, height * side / h, width * side / w), (height, width))


def window(path: Path, channels: int, side: int, smallest: float, rng: np.random.Generator, *, white: int = WHITE) -> View:
    """A random window of a share `smallest` to 1 of the picture, 3:4 to 4:3, resized.

    Raises   Unreadable
    Source   Szegedy et al. 2014, §6, with a smaller range of areas
    """
    with open_picture(path) as image:
        width, height = upright_size(image)
        area = width * height * rng.uniform(smallest, 1)
        ratio = math.exp(rng.uniform(-1, 1) * math.log(4 / 3))
        across, down = min(math.sqrt(area * ratio), width), min(math.sqrt(area / ratio), height)
        left, top = rng.uniform(0, width - across), rng.uniform(0, height - down)
        reduction = side / min(across, down)
        image.draft(None, (math.ceil(image.size[0] * reduction), math.ceil(image.size[1] * reduction)))
        plain = planes(image, channels, white)
        scale = plain[0].width / width
        top, left, down, across = (round(scale * length) for length in (top, left, down, across))
        return _cut_out(plain, (top, left, max(down, 1), max(across, 1)), side, (width, height))


def class_numbers(path: Path) -> NDArray[np.uint8]:
    """A mask: the palette index or gray level of each pixel is its class.

    Shapes   → (h, w)
    Raises   Unreadable
    """
    with open_picture(path) as image:
        if isinstance(image, ManyChannels) or image.mode not in {"P", "L"}:
            raise Unreadable(f"a mask needs a palette or 8 bits of gray, and its mode is {image.mode}")
        return np.asarray(turn_upright(image, orientation(image)))


def _cut_out(plain: list[Image.Image], box: tuple[int, int, int, int], side: int, size: tuple[int, int]) -> View:
    across, down = size[0] / plain[0].width, size[1] / plain[0].height  # a drafted picture is smaller than its file says
    top, left, height, width = box
    region = Region(top * down, left * across, height * down, width * across)
    return View(_resize(plain, box, (side, side)), region, size[::-1])


def _resize(plain: list[Image.Image], box: tuple[int, int, int, int], size: tuple[int, int]) -> NDArray[np.uint8]:
    from torchvision.transforms.v2.functional import resized_crop

    small = [np.asarray(resized_crop(image, *box, list(size), antialias=True)) for image in plain]
    return np.ascontiguousarray(small[0].transpose(2, 0, 1)) if small[0].ndim == 3 else np.stack(small)
