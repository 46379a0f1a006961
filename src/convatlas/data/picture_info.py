"""A summary of a picture file: what its header says, and a thumbnail of what it shows."""

from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .picture import GRAY, ORIENTATION, open_picture, upright, upright_size

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

    Raises   picture.Unreadable
    """
    with open_picture(path) as image:
        turn = image.getexif().get(ORIENTATION, 1)
        width, height = upright_size(image)
        gray, alpha = image.mode in GRAY or image.mode.startswith("I;16"), image.has_transparency_data
        image.draft("L", (4 * SIDE, 4 * SIDE))
        small = upright(image, 1).resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=3.0)
        return PictureInfo(width, height, gray, alpha, turn != 1, np.asarray(small))


def digest(path: Path) -> bytes:
    """A hash that is the same for two files if their upright pixels in RGB are.

    Raises   picture.Unreadable
    """
    with open_picture(path) as image:
        plain = upright(image, 3)
        return blake2b(plain.tobytes(), key=repr(plain.size).encode(), digest_size=16).digest()


def reduced_pixels(path: Path, longest: int = 384) -> NDArray[np.uint8]:
    """The upright picture in its proportions, reduced where it is larger than a page shows it.

    Shapes   (h, w, 3)
    Raises   picture.Unreadable
    """
    with open_picture(path) as image:
        image.draft("RGB", (longest, longest))
        plain = upright(image, 3)
        plain.thumbnail((longest, longest))
        return np.asarray(plain)
