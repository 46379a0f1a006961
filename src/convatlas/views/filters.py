"""The kernels of a layer in a grid, the current ones on the left and their random initialization on the right."""

from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..errors import count_of
from ..insight.filters import Filters
from . import ramps, style

SIDE = 480.0  # pixels of the wider panel
BETWEEN, EDGE, HEAD, FOOT = 32.0, 8.0, 50.0, 34.0
LARGEST, SPACE = 92.0, 0.1  # pixels a side of a kernel with the space around it, and the share of that space
CLIPPED = 0.995
"""Share of the weights within the scale; single large ones would leave no contrast to the others."""
FAINT = 4
"""An initial state so many times weaker is magnified to a scale of its own, else nothing would be seen of it."""


def scales(filters: Filters) -> tuple[float, float]:
    """The largest weight that is told apart, of the current weights and of the initial ones: one scale if they are similar."""
    now, before = (ramps.limit(kernels, CLIPPED) for kernels in (filters.kernels, filters.initial))
    if not now or not before:
        return max(now, before), max(now, before)
    shared = max(now, before)
    return (shared, shared) if before * FAINT > now and now * FAINT > before else (now, before)


def figure(filters: Filters, names: tuple[str, str] = ("current", "random initialization")) -> Figure:
    """Both panels, each under its name, with its scale below."""
    count, matrix = len(filters.kernels), filters.kind == "matrix"
    turned = matrix and count > filters.kernels.shape[1]
    columns = max(filters.kernels.shape) if matrix else columns_for(count)
    rows = min(filters.kernels.shape) if matrix else ceil(count / columns)
    pitch = min(SIDE / columns, LARGEST)
    wide, high = columns * pitch, rows * pitch
    panel = max(wide, 230.0)
    width, height = 2 * panel + BETWEEN + 2 * EDGE, HEAD + high + FOOT
    with style.context():
        chart, axes = style.canvas(width, height, left=0, right=0, top=0, bottom=0)
        axes.set_axis_off()
        for place, (kernels, limit, name) in enumerate(
            zip((filters.kernels, filters.initial), scales(filters), names, strict=True)
        ):
            x = EDGE + place * (panel + BETWEEN)
            axes.text(x, 16, name, size=13, color=style.INK)
            axes.text(x, 36, panel_text(filters, count), size=style.TEXT, color=style.MUTED)
            painted = paint(filters, kernels, limit)
            if matrix:
                painted = painted.swapaxes(0, 1) if turned else painted
                axes.imshow(painted, extent=(x, x + wide, HEAD + high, HEAD), interpolation="none", aspect="auto")
            else:
                sheet(axes, painted, (x, HEAD, pitch), columns)
            ramp = ramps.steps(signed=True)
            pixels = (
                ramps.colors(np.repeat(ramp[:, None], 3, 1), 1.0)
                if filters.kind == "colored"
                else ramps.diverging_colors(ramp, 1.0)
            )
            ramps.bar(axes, x, HEAD + high + 16, pixels, (f"−{ramps.number(limit)}", f"+{ramps.number(limit)}"))
        axes.set_xlim(0, width)
        axes.set_ylim(height, 0)
    return chart


def columns_for(count: int) -> int:
    """How many kernels stand in a row: at least as many as rows, at most twice as many, and the last row as full as can be."""
    most = range(ceil(count**0.5), max(ceil((2 * count) ** 0.5), 1) + 1)
    return min(most, key=lambda columns: (-count % columns, columns))


def panel_text(filters: Filters, count: int) -> str:
    """What is in a panel."""
    if filters.kind == "matrix":
        inputs = filters.kernels.shape[1]
        return f"{count} outputs {'→' if count > inputs else '↓'} from {inputs} inputs {'↓' if count > inputs else '→'}"
    size = "x".join(map(str, filters.kernels.shape[1:3]))
    return (
        f"{count_of(count, 'kernel')} {size}"
        if count == filters.total
        else f"{count} of {count_of(filters.total, 'kernel')} {size}"
    )


def paint(filters: Filters, kernels: NDArray[np.float32], limit: float) -> ramps.Pixels:
    """Kernels as colors.

    Shapes   kernels (k, h, w), or (k, 3, h, w) if they are in color → (k, h, w, 4)
    """
    return ramps.colors(kernels, limit) if filters.kind == "colored" else ramps.diverging_colors(kernels, limit)


def sheet(axes: Axes, painted: ramps.Pixels, corner: tuple[float, float, float], columns: int) -> None:
    """Kernels (k, h, w, 4) row by row from a corner on, each in a square of `pitch` pixels with some space around it.

    Shapes   painted (k, h, w, 4)
    Units    corner: x and y of the upper left corner, and the pitch, in pixels
    """
    x, y, pitch = corner
    side = pitch * (1 - SPACE)
    for place, kernel in enumerate(painted):
        row, column = divmod(place, columns)
        left, top = x + column * pitch, y + row * pitch
        h, w = (n / max(kernel.shape[:2]) * side for n in kernel.shape[:2])
        axes.imshow(kernel, extent=(left, left + w, top + h, top), interpolation="none", aspect="auto")
