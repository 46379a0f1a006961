"""A picture file: told by its content, opened within limits, upright and in bytes; where it cannot be, with the reason."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError, features

from ..errors import InputError, count_of
from .feed import WHITE
from .levels import to_bytes
from .many_channels import ManyChannels, count_samples
from .pillow_limits import OWN_LIMITS

ENDINGS = frozenset(
    ".jpg .jpeg .jpe .jfif .png .apng .bmp .dib .webp .gif .tif .tiff .ppm .pgm .pbm .pnm .avif .heic .heif .hif".split()
)
FORMATS_IN_WORDS = "jpg, png, webp, tiff, heic, avif, bmp, gif or ppm"
NOT_OWN = frozenset(".thm .bak .tmp .part .crdownload .download .orig .old".split())  # copies and halves of other pictures
GRAY = frozenset({"1", "L", "LA", "La", "I"})
ORIENTATION = 0x0112  # EXIF's tag
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
LYING = 5  # from that orientation on pictures lie on their side
LIMIT = "CONVATLAS_MAX_PIXELS"
MOST_PIXELS = 180_000_000  # RGB takes 540 MB then

_FORMATS = ("JPEG", "PNG", "BMP", "DIB", "WEBP", "GIF", "TIFF", "PPM", "AVIF")
_LAST_BYTES = 65536
_END = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}
_BRANDS = {
    "AVIF": (b"avif", b"avis"),
    "HEIC": (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"),
}
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)  # bytes of the second header

Picture = Image.Image | ManyChannels


class Unreadable(Exception):
    """A picture that cannot be decoded; the message is the reason in a few words."""


def holds_picture(path: Path) -> bool:
    """Whether a file is a picture: by its ending, or where the ending says nothing by its first bytes."""
    ending = path.suffix.lower()
    if ending in ENDINGS:
        return True
    if ending in NOT_OWN or path.name.endswith("~"):
        return False
    kind = kind_of(first_bytes(path))
    return kind is not None and (kind != "TIFF" or not ending)  # cameras write raw files as TIFF, with endings of their own


def first_bytes(path: Path, count: int = 32) -> bytes:
    """How a file begins; nothing of a folder, a pipe, or what cannot be opened."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(count)
    except OSError:
        return b""


def kind_of(head: bytes) -> str | None:
    """The format that the first bytes of a file tell, where they are sure to."""
    for kind, mark in (
        ("JPEG", b"\xff\xd8\xff"), ("PNG", b"\x89PNG\r\n\x1a\n"), ("GIF", b"GIF87a"), ("GIF", b"GIF89a"),
        ("TIFF", b"II*\0"), ("TIFF", b"MM\0*"), ("TIFF", b"II+\0"), ("TIFF", b"MM\0+"),
    ):  # fmt: skip
        if head.startswith(mark):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    if head[4:8] == b"ftyp":
        brands = {head[place : place + 4] for place in (8, *range(16, min(int.from_bytes(head[:4]), len(head)), 4))}
        return next((kind for kind, known in _BRANDS.items() if brands & set(known)), None)
    return None


def most_pixels() -> int:
    """How many pixels a picture may have: CONVATLAS_MAX_PIXELS, or 180 million.

    Raises   InputError if the variable is no whole number from 1
    """
    text = os.environ.get(LIMIT, "").replace("_", "").replace(",", "").strip()
    if not text:
        return MOST_PIXELS
    if not text.isdecimal() or not int(text):
        raise InputError(f"{LIMIT} needs to be a number of pixels, such as {2 * MOST_PIXELS}, got {os.environ[LIMIT]!r}")
    return int(text)


@contextmanager
def open_picture(source: Path | Image.Image) -> Iterator[Picture]:
    """The picture, not yet decoded; whatever goes wrong inside the block is a reason why it cannot be.

    Raises   Unreadable; InputError for a limit on pixels that is none
    """
    if isinstance(source, Image.Image):
        yield source
        return
    try:
        with OWN_LIMITS, open_any(source) as image:
            across = -(-image.count // 3) if isinstance(image, ManyChannels) else 1
            check_pixels(image.size[0] * image.size[1] * across)
            yield image
    except (Unreadable, InputError):
        raise
    except UnidentifiedImageError:
        raise Unreadable(why_unknown(source)) from None
    except MemoryError:
        raise Unreadable("not enough memory for its pixels") from None
    except Exception as error:  # Pillow's readers fail on damaged files with almost any kind of exception
        words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Unreadable(words or type(error).__name__) from error


def open_any(path: Path) -> Picture:
    """The picture by the reader of its format.

    Raises   Unreadable if its reader is not installed; UnidentifiedImageError if it has none
    """
    try:
        return Image.open(path, formats=_FORMATS)
    except UnidentifiedImageError:
        kind = kind_of(first_bytes(path))
        if kind == "HEIC":
            return open_heic(path)
        if kind == "TIFF" and (count := count_samples(path)) > 1:
            return open_channels(path, count)
        raise


def open_heic(path: Path) -> Image.Image:
    """A picture of a phone, by Pillow's plug-in.

    Raises   Unreadable where that is not installed
    """
    if find_spec("pillow_heif") is None:
        raise Unreadable("HEIC needs the package pillow-heif: pip install 'convatlas[heic]'")
    import pillow_heif

    pillow_heif.register_heif_opener()
    return Image.open(path, formats=("HEIF",))


def open_channels(path: Path, count: int) -> ManyChannels:
    """A TIFF file of channels that Pillow has no mode for.

    Raises   Unreadable where its reader is not installed
    """
    if find_spec("tifffile") is None:
        raise Unreadable(f"TIFF of {count} channels, which need the package tifffile: pip install 'convatlas[tiff]'")
    return ManyChannels(path)


def why_unknown(path: Path) -> str:
    """Why a file is no picture that can be read."""
    head = first_bytes(path)
    if not head:
        return "empty file" if path.is_file() else "no file"
    kind = kind_of(head)
    if kind == "AVIF" and not features.check("avif"):
        return "AVIF needs a Pillow that was built with it"
    return "no image" if kind is None else f"damaged {kind}"


def check_pixels(count: int) -> None:
    """Raises Unreadable for more pixels than are allowed: a small file may unpack to all memory there is."""
    most = most_pixels()
    if count > most:
        raise Unreadable(f"{count:,} pixels, and {most:,} are allowed: set {LIMIT}={count} to read it")


def orientation(image: Picture) -> int:
    """How a picture is stored, from 1, upright, to 8, by its EXIF data; 1 where these are damaged or say nothing sensible."""
    if isinstance(image, ManyChannels):
        return image.orientation if image.orientation in TURNS else 1
    if image.format == "PNG":
        image.load()  # as getexif would, whose failures are taken for damaged metadata
    try:
        turn = image.getexif().get(ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - damaged metadata fail in any way, and the pixels may be whole
        return 1
    return turn if isinstance(turn, int) and turn in TURNS else 1


def upright_size(image: Picture) -> tuple[int, int]:
    """Width and height as the picture is meant to be seen; before it is drafted."""
    width, height = image.size
    return (height, width) if orientation(image) >= LYING else (width, height)


def turn_upright(image: Image.Image, turn: int) -> Image.Image:
    """The decoded picture as it is meant to be seen."""
    image.load()
    return image.transpose(TURNS[turn]) if turn in TURNS else image


def is_gray(image: Picture) -> bool:
    """Whether a picture has no color."""
    return image.mode in GRAY or image.mode.startswith("I;16")


def count_channels(path: Path) -> int:
    """1 for a gray picture, 3 for one in color, more for a TIFF of many; files that are empty or end too early are found here.

    Raises   Unreadable
    """
    with open_picture(path) as image:
        end = _END.get(image.format or "")
        if isinstance(image, Image.Image) and end is not None and end not in last_bytes(path):
            image.load()  # fails if it was cut short; a photograph may also carry a film behind its end
        return channels_of(image)


def channels_of(image: Picture) -> int:
    """1 for a gray picture, 3 for one in color, more for a TIFF of many."""
    if isinstance(image, ManyChannels):
        return image.count
    return 1 if is_gray(image) else 3


def upright(image: Picture, channels: int, white: int = WHITE) -> Image.Image:
    """The decoded picture as it is meant to be seen, 8 bits, gray or RGB, on white.

    Raises   Unreadable for floating-point pixels, for more than 16 bits per pixel and for a picture of many channels
    """
    if isinstance(image, ManyChannels):
        raise Unreadable(other_channels(image, channels))
    image = turn_upright(image, orientation(image))
    if image.mode == "F":
        raise Unreadable("floating-point pixels, whose range is unknown")
    if image.mode == "I" or image.mode.startswith("I;16"):
        image = Image.fromarray(to_bytes(np.asarray(image), white))
    if image.has_transparency_data:
        canvas = Image.new("RGBA", image.size, "white")
        canvas.alpha_composite(image.convert("RGBA"))
        image = canvas
    return image.convert("L" if channels == 1 else "RGB")


def planes(image: Picture, channels: int, white: int = WHITE) -> list[Image.Image]:
    """The decoded picture as it is meant to be seen, 8 bits: one image that is gray or RGB, or a gray one for each channel.

    Raises   Unreadable if it has other channels than these
    """
    if channels in (1, 3):
        return [upright(image, channels, white)]
    turn = orientation(image)
    bands = image.planes(white) if isinstance(image, ManyChannels) else image.split()
    if len(bands) != channels or image.mode == "P":
        raise Unreadable(other_channels(image, channels))
    return [turn_upright(band, turn) for band in bands]


def preview(image: Picture, channels: int) -> Image.Image:
    """The upright picture for people to see, gray or RGB; the mean of many channels is gray."""
    if not isinstance(image, ManyChannels):
        return upright(image, channels)
    mean = np.mean([np.asarray(plane) for plane in planes(image, image.count)], axis=0)
    return Image.fromarray(mean.round().astype(np.uint8)).convert("L" if channels == 1 else "RGB")


def other_channels(image: Picture, channels: int) -> str:
    """Why a picture is none for a network, in words."""
    need = "1 is" if channels == 1 else f"{channels} are"
    return f"the picture has {count_of(channels_of(image), 'channel')}, and {need} needed"


def last_bytes(path: Path) -> bytes:
    """How a file ends."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _LAST_BYTES, 0))
        return file.read()
