"""One picture file → bytes for a network: upright, 8 bits, gray or RGB, on white."""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

if TYPE_CHECKING:
    from torch import Tensor

ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm"})
_FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "GIF", "TIFF", "PPM")
GRAY = frozenset({"1", "L", "LA", "La", "I"})
ORIENTATION, LYING = 0x0112, 5  # EXIF's tag; from that value on pictures lie on their side
_LAST_BYTES = 65536
_END = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}

Frame = Callable[[Image.Image], "Tensor"]
"""Cuts and scales a picture as weights expect it: upright, gray or RGB → uint8 (channels, h, w); workers get it pickled."""


class Unreadable(Exception):
    """A picture that cannot be decoded; the message is the reason in a few words."""


def is_gray(path: Path) -> bool:
    """Whether the picture has no color, from its header; files that are empty or end too early are found here.

    Raises   Unreadable
    """
    with open_picture(path) as image:
        end = _END.get(image.format or "")
        if end is not None and end not in _tail(path):
            image.load()  # fails if it was cut short; a photograph may also carry a film behind its end
        return image.mode in GRAY or image.mode.startswith("I;16")


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


def square(path: Path, channels: int, side: int, frame: Frame | None = None) -> NDArray[np.uint8]:
    """The square middle of the picture, or what `frame` makes of the whole of it.

    Shapes   → (channels, side, side)
    Raises   Unreadable
    """
    if frame is None:
        return middle(path, channels, side).pixels
    with open_picture(path) as image:  # not drafted: a frame is exact
        plain = upright(image, channels)
    return np.asarray(frame(plain))


def middle(path: Path, channels: int, side: int) -> View:
    """The square middle of the picture, resized.

    Raises   Unreadable
    """
    with open_picture(path) as image:
        size = upright_size(image)
        image.draft(None, (2 * side, 2 * side))
        plain = upright(image, channels)
        edge = min(plain.size)
        return _cut_out(plain, ((plain.height - edge) // 2, (plain.width - edge) // 2, edge, edge), side, size)


def whole(path: Path, channels: int, side: int) -> View:
    """The whole picture in its proportions, its longer side resized to `side`, zeros on its right or below it.

    Raises   Unreadable
    """
    with open_picture(path) as image:
        width, height = upright_size(image)
        image.draft(None, (side, side))
        plain = upright(image, channels)
        w, h = (max(round(length * side / max(width, height)), 1) for length in (width, height))
        pixels = np.zeros((channels, side, side), np.uint8)
        pixels[:, :h, :w] = _resize(plain, (0, 0, plain.height, plain.width), (h, w))
        return View(pixels, Region(0, 0, height * side / h, width * side / w), (height, width))


def window(path: Path, channels: int, side: int, smallest: float, rng: np.random.Generator) -> View:
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
        image.draft(None, (math.ceil(image.width * reduction), math.ceil(image.height * reduction)))
        plain = upright(image, channels)
        scale = plain.width / width
        top, left, down, across = (round(scale * length) for length in (top, left, down, across))
        return _cut_out(plain, (top, left, max(down, 1), max(across, 1)), side, (width, height))


def class_numbers(path: Path) -> NDArray[np.uint8]:
    """A mask: the palette index or gray level of each pixel is its class.

    Shapes   → (h, w)
    Raises   Unreadable
    """
    with open_picture(path) as image:
        if image.mode not in {"P", "L"}:
            raise Unreadable(f"a mask needs a palette or 8 bits of gray, and its mode is {image.mode}")
        return np.asarray(ImageOps.exif_transpose(image))


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Width and height as the picture is meant to be seen; before it is drafted."""
    return image.size[::-1] if image.getexif().get(ORIENTATION, 1) >= LYING else image.size


@contextmanager
def open_picture(path: Path) -> Iterator[Image.Image]:
    """The picture, not yet decoded; whatever goes wrong inside the block is a reason why it cannot be.

    Raises   Unreadable
    """
    try:
        with Image.open(path, formats=_FORMATS) as image:
            yield image
    except Unreadable:
        raise
    except UnidentifiedImageError:
        raise Unreadable("no image" if path.stat().st_size else "empty file") from None
    except Exception as error:  # Pillow's readers fail on damaged files with almost any kind of exception
        words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Unreadable(words or type(error).__name__) from error


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _LAST_BYTES, 0))
        return file.read()


def upright(image: Image.Image, channels: int) -> Image.Image:
    """The decoded picture as it is meant to be seen, 8 bits, gray or RGB, on white.

    Raises   Unreadable for floating-point pixels and for more than 16 bits per pixel
    """
    image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        raise Unreadable("floating-point pixels, whose range is unknown")
    if image.mode == "I" or image.mode.startswith("I;16"):
        levels = np.asarray(image).astype(np.int64)
        if levels.min() < 0 or levels.max() > 65535:
            raise Unreadable("more than 16 bits per pixel")
        image = Image.fromarray(((levels * 255 + 32767) // 65535).astype(np.uint8))
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image.convert("RGBA"))
        image = white
    return image.convert("L" if channels == 1 else "RGB")


def _cut_out(image: Image.Image, box: tuple[int, int, int, int], side: int, size: tuple[int, int]) -> View:
    across, down = size[0] / image.width, size[1] / image.height  # a drafted picture is smaller than its file says
    top, left, height, width = box
    region = Region(top * down, left * across, height * down, width * across)
    return View(_resize(image, box, (side, side)), region, size[::-1])


def _resize(image: Image.Image, box: tuple[int, int, int, int], size: tuple[int, int]) -> NDArray[np.uint8]:
    from torchvision.transforms.v2.functional import resized_crop

    small = np.asarray(resized_crop(image, *box, list(size), antialias=True))
    return small[None] if small.ndim == 2 else np.ascontiguousarray(small.transpose(2, 0, 1))
