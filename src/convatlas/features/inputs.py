"""Images as scikit-learn users have them (paths, arrays, rows of a table), read into bytes of one size, batch by batch."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import ceil, sqrt
from pathlib import Path
from typing import Any
from warnings import warn

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data.picture_file import Unreadable
from ..errors import ConvAtlasWarning, InputError
from ..runs.preparation import Preparation
from .extract import NOTHING

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as files are made gray

Images = list[Path] | NDArray[Any]
"""Files, or an array (n, c, h, w) of bytes or of numbers in [0, 1]."""


def batches(images: Images, preparation: Preparation, size: int) -> Iterator[Tensor]:
    """The network's input for the images, `size` at a time; only these are in memory.

    Shapes   → (k, channels, image_size, image_size) each
    Raises   InputError for a file that is no picture
    """
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for start in range(0, len(images), size):
            part = images[start : start + size]
            if isinstance(part, list):
                pixels = torch.from_numpy(np.stack(list(threads.map(lambda path: read_picture(path, preparation), part))))
            else:
                pixels = cut_squares(part, preparation.channels)
            yield preparation.prepare(pixels)


def read_picture(path: Path, preparation: Preparation) -> NDArray[np.uint8]:
    """A picture's bytes.

    Shapes   → (channels, image_size, image_size)
    Raises   InputError for a file that is no picture
    """
    try:
        return preparation.read(path)
    except Unreadable as error:
        raise InputError(f"{path} cannot be read as an image ({error}): take it off the list") from None


def cut_squares(images: NDArray[Any], channels: int) -> Tensor:
    """The square middle of each, on a scale to 255, with other channels: gray ones repeated, or the luma of colors.

    Shapes   images (n, c, h, w) → (n, channels, s, s)
    Raises   InputError where the channels can be neither repeated nor averaged
    """
    x = torch.from_numpy(np.ascontiguousarray(images))
    x = x if x.dtype == torch.uint8 else x.to(torch.float32) * 255
    h, w = x.shape[2:]
    side = min(h, w)
    top, left = (h - side) // 2, (w - side) // 2
    x = x[:, :, top : top + side, left : left + side]
    if x.shape[1] == channels:
        return x
    if x.shape[1] == 1:
        return x.expand(-1, channels, -1, -1)
    if x.shape[1] == 3 and channels == 1:
        return (x * torch.tensor(LUMA).view(3, 1, 1)).sum(1, keepdim=True)
    raise InputError(
        f"the network takes images of {channels} channels, got {x.shape[1]}: build it with in_channels={x.shape[1]}"
    )


def paths_of(value: Any) -> list[Path] | None:
    """The files that a list, a series or a column names; None if it names none.

    Raises   InputError for a single path, an empty list, and one that mixes paths with other things
    """
    if isinstance(value, str | os.PathLike):
        raise InputError(f"needs a list of images, got the one path {value}: give [path], or sorted(folder.rglob('*.jpg'))")
    if isinstance(value, Sequence) and not value:
        raise InputError(NOTHING)
    shape = getattr(value, "shape", None)
    if shape is not None and len(shape) == 2 and shape[1] == 1 and not hasattr(value, "toarray"):
        value = np.asarray(value).ravel()
    elif not isinstance(value, Sequence) and (shape is None or len(shape) != 1):
        return None
    if not len(value) or not isinstance(value[0] if isinstance(value, Sequence) else np.asarray(value)[0], str | os.PathLike):
        return None
    strange = next((item for item in value if not isinstance(item, str | os.PathLike)), None)
    if strange is not None:
        raise InputError(f"a list of paths needs to hold nothing else, got a {type(strange).__name__} in it")
    return [Path(item) for item in value]


def array_of(value: Any) -> NDArray[Any] | None:
    """Images in an array or a list of arrays, channels first; None if it is no such thing.

    Shapes   (n, h, w), (n, h, w, 1 or 3) or (n, 1 or 3, h, w) → (n, c, h, w)
    Raises   InputError for another shape, images of several sizes, numbers that are neither bytes nor in [0, 1]
    """
    if isinstance(value, Sequence) and len(value) and np.ndim(value[0]) >= 2:
        shapes = {np.shape(image) for image in value}
        if len(shapes) > 1:
            raise InputError(f"images of an array have one size, got {' and '.join(map(str, sorted(shapes)[:2]))}: give paths")
        value = np.stack([np.asarray(image) for image in value])
    if getattr(value, "ndim", 0) < 3:
        return None
    images = np.asarray(value)
    if images.ndim == 3:
        images = images[:, None]
    elif images.ndim == 4 and images.shape[3] in (1, 3):
        images = images.transpose(0, 3, 1, 2)
    if images.ndim != 4 or images.shape[1] not in (1, 3) or not images.size:
        raise InputError(f"images need shape (n, h, w), (n, h, w, 3) or (n, 3, h, w), got {np.shape(value)}")
    return check_range(images)


def check_range(images: NDArray[Any]) -> NDArray[Any]:
    """Images as bytes or as numbers in [0, 1], whichever they are.

    Shapes   (n, c, h, w) → the same
    Raises   InputError if they are neither
    """
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind not in "buif":
        raise InputError(f"images need numbers, got {images.dtype}")
    least, most = float(images.min()), float(images.max())
    if images.dtype.kind in "ui" and least >= 0 and 1 < most <= 255:
        return images.astype(np.uint8)
    if not (least >= 0 and most <= 1):
        raise InputError(f"images need bytes from 0 to 255 or numbers from 0 to 1, got {least:.4g} to {most:.4g}")
    return images


def white_level(table: NDArray[Any]) -> float:
    """The number that stands for white in a table: 255 for bytes, 1 for numbers in [0, 1], else the largest magnitude.

    Shapes   table (n, d)
    """
    if table.dtype == np.uint8:
        return 255.0
    most = float(np.abs(table).max())
    return most if most > 1 or table.min() < 0 else 1.0


def rows_to_images(table: NDArray[Any], white: float) -> NDArray[np.float32]:
    """Each row as a square image, rows of pixels one after the other; what is left of the square is black.

    Shapes   table (n, d) → (n, 1, s, s), s = ⌈√d⌉
    """
    n, d = table.shape
    side = ceil(sqrt(d))
    if side**2 != d:
        warn(
            f"rows of {d} numbers are no square images: they fill {side}x{side} pixels, the rest is black",
            ConvAtlasWarning,
            stacklevel=4,
        )
    images = np.zeros((n, side**2), np.float32)
    images[:, :d] = table / white
    return images.reshape(n, 1, side, side)
