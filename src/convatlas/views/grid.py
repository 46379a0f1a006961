"""Images in a grid, each over lines of text that are shortened to its width."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image

from . import style

Pixels = NDArray[np.uint8]
SMALL = 64  # pixels a side: up to here an image is drawn in a small tile, pixel by pixel
TILE, LARGE, GAP = 144, 180, 16
WIDEST = 1192
FRAME, AIR = 1.8, 10
SIZE, MINOR, LINE = 11.5, 10.5, 15.0
SHARPNESS = 2  # dots of a photograph for each pixel of the page


@dataclass(frozen=True, slots=True)
class Line:
    """A line under an image: words at the left, which give way, and a figure at the right, which does not."""

    words: str
    figure: str = ""
    ink: str = style.MUTED
    minor: bool = True

    @property
    def size(self) -> float:
        return MINOR if self.minor else SIZE


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """An image (h, w, c) uint8, the ink of its frame, and what stands below."""

    pixels: Pixels
    frame: str
    lines: tuple[Line, ...]


def rgb(pixels: Pixels) -> Pixels:
    """An image in three channels: one channel becomes gray, of more than three the first three are taken.

    Shapes   (h, w, c) → (h, w, 3)
    """
    shown = pixels[..., :3] if pixels.shape[-1] >= 3 else pixels[..., :1]
    return np.ascontiguousarray(np.broadcast_to(shown, (*shown.shape[:2], 3)))


def shorten_to_width(text: object, pixels: float, size: float = style.TEXT) -> str:
    """The text, its middle left out as far as it has to be to stand within a width."""
    whole = style.plain(text)
    if style.width(whole, size) <= pixels:
        return whole
    low, high = 1, len(whole)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if style.width(style.short(whole, middle), size) <= pixels else (low, middle)
    return style.short(whole, low)


def side_of(pixels: Sequence[Pixels]) -> int:
    """How large the images of a grid are drawn, in pixels of the page.

    Shapes   images (h, w) or (h, w, c)
    """
    return TILE if max((max(image.shape[:2]) for image in pixels), default=0) <= SMALL else LARGE


def row_length(side: int) -> int:
    """How many images of a size stand in a row."""
    return (WIDEST - GAP) // (side + GAP)


def figure(tiles: Sequence[Tile]) -> Figure:
    """The images in rows, as even as can be."""
    side = side_of([tile.pixels for tile in tiles])
    rows = max(1, -(-len(tiles) // row_length(side)))
    columns = max(1, -(-len(tiles) // rows))
    words = 6 + LINE * max((len(tile.lines) for tile in tiles), default=0)
    width, height = columns * (side + GAP) + GAP, rows * (side + words + GAP) + GAP
    with style.context():
        chart, axes = style.canvas(width, height, left=0, right=0, top=0, bottom=0)
        for place, tile in enumerate(tiles):
            row, column = divmod(place, columns)
            draw(axes, tile, GAP + column * (side + GAP), GAP + row * (side + words + GAP), side)
        page(axes, width, height)
    return chart


def page(axes: Axes, width: float, height: float) -> None:
    """Axes that count the pixels of the page from its upper left corner."""
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_axis_off()


def draw(axes: Axes, tile: Tile, x: float, y: float, side: float) -> None:
    """An image whose upper left corner is (x, y) on axes that count pixels downwards, and its lines."""
    picture(axes, tile.pixels, (x, y), side, tile.frame)
    below = y + side + 1
    for line in tile.lines:
        below += LINE
        room = side - (style.width(line.figure, line.size) + AIR if line.figure else 0)
        axes.text(x, below, shorten_to_width(line.words, room, line.size), size=line.size, color=line.ink)
        axes.text(x + side, below, line.figure, size=line.size, color=line.ink, ha="right")


def picture(axes: Axes, pixels: Pixels, corner: tuple[float, float], side: float, frame: str) -> None:
    """An image and its frame in a square of the page, by its upper left corner; its proportions are kept.

    Shapes   pixels (h, w) or (h, w, c)
    Units    corner and side in pixels of the page
    """
    shown = resize(rgb(pixels), round(SHARPNESS * side))
    h, w = (side * n / max(shown.shape[:2]) for n in shown.shape[:2])
    left, top = corner[0] + (side - w) / 2, corner[1] + (side - h) / 2
    axes.imshow(shown, extent=(left, left + w, top + h, top), interpolation="none", aspect="auto")
    axes.add_patch(Rectangle((left, top), w, h, fill=False, edgecolor=frame, linewidth=FRAME))


def resize(image: Pixels, longest: int) -> Pixels:
    """A photograph with so many pixels on its longer side; a small image is left as it is, its pixels to be seen.

    Shapes   image (h, w, c) → (h', w', c)
    """
    h, w = image.shape[:2]
    if max(h, w) <= SMALL:
        return image
    size = max(1, round(w * longest / max(h, w))), max(1, round(h * longest / max(h, w)))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))


def note(sentence: str) -> Figure:
    """A sentence in place of a picture, where there is nothing to draw."""
    width, size = style.width(sentence, 13), 13
    with style.context():
        chart, axes = style.canvas(width + 64, 72, left=0, right=0, top=0, bottom=0)
        page(axes, width + 64, 72)
        axes.text((width + 64) / 2, 36, sentence, size=size, color=style.INK, ha="center", va="center_baseline")
    return chart
