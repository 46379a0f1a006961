"""A summary of a picture file: what its header says, and a thumbnail of what it shows."""

from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .picture_file import channels_of, is_gray, open_picture, orientation, planes, preview, upright_size

SIDE = 16  # pixels of a thumbnail


@dataclass(frozen=True, slots=True, eq=False)
class PictureInfo:
    """The summary of a picture.

    Shapes   thumbnail (16, 16) uint8, gray, upright, both sides scaled to fit
    Units    width and height in pixels of the upright picture
    """

    width: int
    height: int
    gray: bool
    alpha: bool
    rotated: bool  # stored turned or mirrored, and set right by its EXIF data
    thumbnail: NDArray[np.uint8]


def picture_info(path: Path) -> PictureInfo:
    """The whole picture decoded, at a fraction of its size where the format allows that.

    Raises   picture_file.Unreadable
    """
    with open_picture(path) as image:
        turn = orientation(image)
        width, height = upright_size(image)
        gray, alpha = is_gray(image), image.has_transparency_data
        image.draft("L", (4 * SIDE, 4 * SIDE))
        small = preview(image, 1).resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=3.0)
        return PictureInfo(width, height, gray, alpha, turn != 1, np.asarray(small))


def digest(path: Path) -> bytes:
    """A hash that is the same for two files if their upright pixels are, in RGB or in their many channels.

    Raises   picture_file.Unreadable
    """
    with open_picture(path) as image:
        plain = planes(image, max(channels_of(image), 3))
        content = b"".join(plane.tobytes() for plane in plain)
        return blake2b(content, key=repr(plain[0].size).encode(), digest_size=16).digest()


def reduced_pixels(path: Path, longest: int = 384) -> NDArray[np.uint8]:
    """The upright picture in its proportions, reduced where it is larger than a page shows it.

    Shapes   (h, w, 3)
    Raises   picture_file.Unreadable
    """
    with open_picture(path) as image:
        image.draft("RGB", (longest, longest))
        plain = preview(image, 3)
        plain.thumbnail((longest, longest))
        return np.asarray(plain)
