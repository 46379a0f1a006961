"""One picture file → bytes a network can use, whatever its kind: upright, 8 bits, grey or RGB, on white."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

if TYPE_CHECKING:
    from torch import Tensor

ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm"})
_FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "GIF", "TIFF", "PPM")
GREY = frozenset({"1", "L", "LA", "La", "I"})
ORIENTATION = 0x0112  # EXIF; 5 to 8 lie on their side
_LAST_BYTES = 65536
_END = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}

Frame = Callable[[Image.Image], "Tensor"]
"""How weights want a picture cut and scaled: upright, grey or RGB → uint8 (channels, h, w); workers get it pickled."""


class Unreadable(Exception):
    """A picture that cannot be decoded; the message is the reason in a few words."""


def is_grey(path: Path) -> bool:
    """Whether the picture has no colour, from its header; files that are empty or end too early are found out here.

    Raises   Unreadable
    """
    with opened(path) as image:
        end = _END.get(image.format or "")
        if end is not None and end not in _tail(path):
            image.load()  # fails if it was cut short; a photograph may also carry a film behind its end
        return image.mode in GREY or image.mode.startswith("I;16")


def square(path: Path, channels: int, side: int, frame: Frame | None = None) -> NDArray[np.uint8]:
    """The square middle of the picture, or what `frame` makes of the whole of it, (channels, side, side).

    Raises   Unreadable
    """
    if frame is not None:
        with opened(path) as image:  # not drafted: a frame is exact
            plain = upright(image, channels)
        return np.asarray(frame(plain))
    with opened(path) as image:
        image.draft(None, (2 * side, 2 * side))
        plain = upright(image, channels)
        edge = min(plain.size)
        return _resized(plain, ((plain.height - edge) // 2, (plain.width - edge) // 2, edge, edge), side)


def window(path: Path, channels: int, side: int, smallest: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A random window of a share `smallest` to 1 of the picture, 3:4 to 4:3, (channels, side, side).

    Raises   Unreadable
    Source   Szegedy et al. 2014, §6, with a smaller range of areas
    """
    with opened(path) as image:
        lying = image.getexif().get(ORIENTATION, 1) >= 5
        width, height = image.size[::-1] if lying else image.size
        area = width * height * rng.uniform(smallest, 1)
        ratio = math.exp(rng.uniform(-1, 1) * math.log(4 / 3))
        across, down = min(math.sqrt(area * ratio), width), min(math.sqrt(area / ratio), height)
        left, top = rng.uniform(0, width - across), rng.uniform(0, height - down)
        reduction = side / min(across, down)
        image.draft(None, (math.ceil(image.width * reduction), math.ceil(image.height * reduction)))
        plain = upright(image, channels)
        scale = plain.width / width
        top, left, down, across = (round(scale * length) for length in (top, left, down, across))
        return _resized(plain, (top, left, max(down, 1), max(across, 1)), side)


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
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
    """The decoded picture as it is meant to be seen, 8 bits, grey or RGB, on white."""
    image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        raise Unreadable("floating-point pixels, whose range is unknown")
    if image.mode == "I" or image.mode.startswith("I;16"):
        levels = np.asarray(image).astype(np.int64)
        if levels.min() < 0 or levels.max() > 65535:
            raise Unreadable("more than 16 bits a pixel")
        image = Image.fromarray(((levels * 255 + 32767) // 65535).astype(np.uint8))
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image.convert("RGBA"))
        image = white
    return image.convert("L" if channels == 1 else "RGB")


def _resized(image: Image.Image, box: tuple[int, int, int, int], side: int) -> NDArray[np.uint8]:
    from torchvision.transforms.v2.functional import resized_crop

    small = np.asarray(resized_crop(image, *box, [side, side], antialias=True))
    return small[None] if small.ndim == 2 else np.ascontiguousarray(small.transpose(2, 0, 1))
