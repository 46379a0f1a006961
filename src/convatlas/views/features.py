"""Feature maps down the depth of a network: a row a layer, its strongest channels first, the image on top."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from ..insight.maps import Maps
from . import ramps, style
from .grid import rgb, shorten_to_width

WIDTH, LABEL, EDGE = 1008.0, 196.0, 8.0
SPACE, NUMBER = 8.0, 16.0  # pixels between maps, and below one for the number of its channel
INPUT = 128.0
DOTS = 2  # that a map keeps for each pixel of the page
CLIPPED = 0.998
"""Share of a row's values within its scale; the few beyond would leave no contrast to the others."""


def scale(maps: Maps) -> float:
    """The value at the end of a row's ramp."""
    return ramps.limit(maps.maps, CLIPPED) or ramps.limit(maps.maps)


def figure(rows: Sequence[Maps], image: NDArray[np.uint8], words: str = "input") -> Figure:
    """The image and, in each row, the strongest channels of a layer on a scale of their own, which stands at the left.

    Shapes   image (h, w, c) uint8
    """
    across = max(len(row.maps) for row in rows)
    tile = min((WIDTH - LABEL - EDGE) / across - SPACE, INPUT - SPACE)
    pitch = tile + NUMBER + SPACE
    top = INPUT + 3 * SPACE
    height = top + len(rows) * pitch + SPACE
    with style.context():
        chart, axes = style.canvas(WIDTH, height, left=0, right=0, top=0, bottom=0)
        axes.set_axis_off()
        axes.imshow(shrink(rgb(image), INPUT), extent=(LABEL, LABEL + INPUT, SPACE + INPUT, SPACE), interpolation="none")
        axes.text(EDGE, SPACE + 14, shorten_to_width(words, LABEL - 2 * EDGE, 13), size=13, color=style.INK)
        axes.text(EDGE, SPACE + 32, "x".join(map(str, image.shape)), size=style.TEXT, color=style.MUTED)
        legend(axes, rows, LABEL + INPUT + 3 * EDGE, SPACE)
        for place, row in enumerate(rows):
            layer(axes, row, top + place * pitch, tile)
        axes.set_xlim(0, WIDTH)
        axes.set_ylim(height, 0)
    return chart


def legend(axes: Axes, rows: Sequence[Maps], x: float, y: float) -> None:
    """How to read the colors, for the ramps that are there."""
    y += 8
    for signed in (False, True):
        if any(row.signed == signed for row in rows):
            ramp = ramps.steps(signed=signed)
            pixels = ramps.diverging_colors(ramp, 1.0) if signed else ramps.sequential(ramp, 1.0)
            ramps.bar(axes, x, y, pixels, ("−1" if signed else "0", f"{'+' if signed else ''}1 times the row's scale"))
            y += 22
    axes.text(
        x,
        y + 10,
        "left to right: largest mean |activation| first, the channel's number below",
        size=style.TEXT,
        color=style.MUTED,
    )


def layer(axes: Axes, row: Maps, y: float, tile: float) -> None:
    """One row: name, shape and scale, then the maps."""
    limit = scale(row)
    kind = f"{row.shape[0]} tokens of {row.shape[1]}" if row.tokens else "x".join(map(str, row.shape))
    ends = f"±{ramps.number(limit)}" if row.signed else f"0 … {ramps.number(limit)}"
    axes.text(EDGE, y + 14, shorten_to_width(row.name, LABEL - 2 * EDGE, 12), size=12, color=style.INK)
    axes.text(EDGE, y + 32, kind, size=style.TEXT, color=style.MUTED)
    axes.text(EDGE, y + 50, f"scale {ends}", size=style.TEXT, color=style.MUTED)
    for place, (values, channel) in enumerate(zip(row.maps, row.channels, strict=True)):
        x = LABEL + place * (tile + SPACE)
        painted = ramps.diverging_colors(values, limit) if row.signed else ramps.sequential(values, limit)
        h, w = (n / max(values.shape) * tile for n in values.shape)
        axes.imshow(shrink(painted, tile), extent=(x, x + w, y + h, y), interpolation="none", aspect="auto")
        axes.text(x, y + tile + 12, str(channel), size=9.5, color=style.MUTED)


def shrink(pixels: NDArray[np.uint8], side: float) -> NDArray[np.uint8]:
    """An image with no more dots than can be seen, averaged over what falls together.

    Shapes   pixels (h, w, c) → (h', w', c), at most as large
    """
    most = round(DOTS * side)
    if max(pixels.shape[:2]) <= most:
        return pixels
    picture = Image.fromarray(pixels)
    picture.thumbnail((most, most), Image.Resampling.BOX)
    return np.asarray(picture)
