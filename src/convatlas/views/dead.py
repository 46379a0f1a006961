"""How often the units of each activation fire: one row per layer, its units sorted, dead ones in red at the end."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from ..insight.dead import Activity
from . import ramps, style
from .grid import shorten_to_width

WIDTH, LABEL, STRIP, COUNT = 840.0, 236.0, 388.0, 94.0
EDGE, HEAD, FOOT = 8.0, 66.0, 12.0
ROW, THICK = 18.0, 13.0
ROWS = 48
"""Layers that a figure has room for: of more, those with the largest share of dead units, and the rest evenly."""
DOTS = 2 * int(STRIP)


def select_layers(layers: Sequence[Activity], rows: int = ROWS) -> list[Activity]:
    """The layers of a figure, in the order of execution."""
    if len(layers) <= rows:
        return list(layers)
    worst = sorted(range(len(layers)), key=lambda i: -layers[i].dead / layers[i].units)[: rows // 2]
    worst = [i for i in worst if layers[i].dead]
    rest = [i for i in range(len(layers)) if i not in worst]
    room = rows - len(worst)
    return [layers[i] for i in sorted([*worst, *(rest[k * len(rest) // room] for k in range(room))])]


def figure(layers: Sequence[Activity]) -> Figure:
    """A strip for each layer: units from the most active to the least, and at the right how many are dead or saturated."""
    shown = select_layers(layers)
    saturates = any(layer.saturated is not None for layer in shown)
    width, height = WIDTH if saturates else LABEL + STRIP + COUNT + EDGE, HEAD + len(shown) * ROW + FOOT
    with style.context():
        chart, axes = style.canvas(width, height, left=0, right=0, top=0, bottom=0)
        axes.set_axis_off()
        squash = all(layer.squashes for layer in shown)
        head(axes, "unsaturated" if squash else "on", saturates=saturates)
        for place, layer in enumerate(shown):
            strip(axes, layer, HEAD + place * ROW)
        axes.set_xlim(0, width)
        axes.set_ylim(height, 0)
    return chart


def head(axes: Axes, words: str, *, saturates: bool) -> None:
    """The key and the heads of the columns."""
    ramp = ramps.sequential(ramps.steps(signed=False), 1.0)
    axes.text(EDGE, 18, f"share of places and images at which a unit is {words}", size=style.TEXT, color=style.MUTED)
    x = EDGE + style.width(f"share of places and images at which a unit is {words}") + 14
    right = ramps.bar(axes, x, 11, ramp, ("0 %", "100 %"))
    axes.add_patch(Rectangle((right + 22, 8), 13, 13, facecolor=style.WRONG, linewidth=0))
    axes.text(right + 40, 18, "never: dead", size=style.TEXT, color=style.MUTED)
    axes.text(EDGE, HEAD - 10, "layer", size=style.TEXT, color=style.MUTED)
    axes.text(LABEL, HEAD - 10, "its units, most active first", size=style.TEXT, color=style.MUTED)
    axes.text(LABEL + STRIP + COUNT, HEAD - 10, "dead", size=style.TEXT, color=style.MUTED, ha="right")
    if saturates:
        axes.text(WIDTH - EDGE, HEAD - 10, "saturated", size=style.TEXT, color=style.MUTED, ha="right")


def strip(axes: Axes, layer: Activity, y: float) -> None:
    """One layer."""
    middle = y + THICK / 2
    kind = layer.kind
    room = LABEL - 2 * EDGE - style.width(kind, 9.5) - 20
    axes.text(EDGE, middle, shorten_to_width(layer.name, room, 10.5), size=10.5, color=style.INK, va="center_baseline")
    axes.text(LABEL - EDGE, middle, kind, size=9.5, color=style.MUTED, ha="right", va="center_baseline")
    shares = np.sort(layer.fired)[::-1]
    alive = STRIP * (1 - layer.dead / layer.units)
    if alive:
        pixels = ramps.sequential(resample(shares[shares > 0], alive), 1.0)
        axes.imshow(pixels[None], extent=(LABEL, LABEL + alive, y + THICK, y), interpolation="none", aspect="auto")
    if layer.dead:
        axes.add_patch(Rectangle((LABEL + alive, y), STRIP - alive, THICK, facecolor=style.WRONG, linewidth=0))
    ink = style.WRONG if layer.dead else style.MUTED
    text = f"{layer.dead:,} of {layer.units:,}"
    axes.text(LABEL + STRIP + COUNT, middle, text, size=10.5, color=ink, ha="right", va="center_baseline")
    if layer.saturated is not None:
        share = f"{100 * layer.saturated:.1f} %"
        axes.text(WIDTH - EDGE, middle, share, size=10.5, color=style.MUTED, ha="right", va="center_baseline")


def resample(shares: NDArray[np.float64], pixels: float) -> NDArray[np.float64]:
    """A value for each dot of the strip, so that thousands of units make no larger file than dozens.

    Shapes   shares (units,) → (dots,), at most as many
    """
    dots = max(1, min(DOTS, round(2 * pixels)))
    if len(shares) <= dots:
        return shares
    return shares[np.arange(dots) * len(shares) // dots]
