"""The reliability diagram: accuracy by confidence, and how many images have which confidence."""

from collections.abc import Sequence
from math import log10
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from ..insight.calibration import Reliability
from . import style
from .numbers import thousands

SIDE, FLAT = 300.0, 72.0  # pixels of a diagram and of the histogram below it
LEAST, APART, EDGE = 44.0, 20.0, 18.0
HEAD, MIDDLE, FOOT, KEY = 66.0, 34.0, 40.0, 26.0
BAR = style.SERIES_LIGHT[0]
DASHED: Any = (0, (4, 3))
PERCENT = (0, 20, 40, 60, 80, 100)


def figure(diagrams: Sequence[tuple[str, Reliability]]) -> Figure:
    """One diagram per reliability under its name: bars of accuracy, the gap to confidence in red, below the number of images.

    Where accuracy lies below confidence the network is overconfident.
    """
    most = max(int(r.count.max()) for _, r in diagrams)
    left = max(LEAST, style.width(thousands(most)) + 12)
    width = len(diagrams) * (left + SIDE) + (len(diagrams) - 1) * APART + EDGE
    height = HEAD + SIDE + MIDDLE + FLAT + FOOT + KEY
    with style.context():
        chart = Figure(figsize=(width / 72, height / 72), dpi=72)
        for place, (name, r) in enumerate(diagrams):
            x = left + place * (left + SIDE + APART)
            start = (x - left + 8) / width
            words = f"ECE {100 * r.ece:.2f} % · MCE {100 * r.mce:.1f} % · NLL {r.nll:.3f}"
            chart.text(start, 1 - 16 / height, name, size=13, color=style.INK, va="baseline")
            chart.text(start, 1 - 34 / height, words, size=style.TEXT, color=style.INK, va="baseline")
            chart.text(start, 1 - 56 / height, "accuracy, %", size=style.TEXT, color=style.MUTED, va="baseline")
            top = height - HEAD - SIDE
            diagram(chart.add_axes((x / width, top / height, SIDE / width, SIDE / height)), r)
            low = top - MIDDLE - FLAT
            histogram(chart.add_axes((x / width, low / height, SIDE / width, FLAT / height)), r, most)
            chart.text(start, (low + FLAT + 11) / height, "images", size=style.TEXT, color=style.MUTED)
        draw_legend(chart, width, height)
    return chart


def diagram(axes: Axes, r: Reliability) -> None:
    """Accuracy against confidence."""
    step = 100 / len(r.count)
    axes.plot([0, 100], [0, 100], color=style.MUTED, linewidth=1.2, linestyle=DASHED, zorder=3)
    for edge, n, confidence, accuracy in zip(r.edges * 100, r.count, r.confidence * 100, r.accuracy * 100, strict=False):
        if not n:
            continue
        at, wide = edge + 0.06 * step, 0.88 * step
        low, high = sorted((accuracy, confidence))
        axes.add_patch(Rectangle((at, 0), wide, low, facecolor=BAR, alpha=0.55, linewidth=0, zorder=1))
        axes.add_patch(Rectangle((at, low), wide, high - low, facecolor=style.WRONG, alpha=0.3, linewidth=0, zorder=2))
        axes.plot([at, at + wide], [confidence] * 2, color=style.WRONG, linewidth=1.4, solid_capstyle="butt", zorder=4)
        axes.plot([at, at + wide], [accuracy] * 2, color=BAR, linewidth=2.6, solid_capstyle="butt", zorder=4)
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 100)
    axes.set_xticks(PERCENT, [""] * len(PERCENT))
    axes.set_yticks(PERCENT, [str(p) for p in PERCENT])
    axes.grid(axis="y", zorder=0)
    axes.set_axisbelow(True)


def histogram(axes: Axes, r: Reliability, most: int) -> None:
    """How many images have which confidence, in powers of ten."""
    step = 100 / len(r.count)
    heights = np.where(r.count > 0, np.log10(np.maximum(r.count, 1)) + 0.12, 0)
    axes.bar(r.edges[:-1] * 100 + step / 2, heights, 0.88 * step, color=style.MUTED, alpha=0.7, linewidth=0)
    axes.set_xlim(0, 100)
    axes.set_ylim(0, log10(max(most, 2)) + 0.2)
    ticks = [10.0**power for power in range(int(log10(most)) + 1)] if most >= 10 else sorted({1.0, float(most)})
    axes.set_yticks([log10(n) + 0.12 for n in ticks], [thousands(n) for n in ticks])
    axes.set_xticks(PERCENT, [str(p) for p in PERCENT])
    axes.set_xlabel("confidence, %", labelpad=3)
    axes.grid(axis="y")
    axes.set_axisbelow(True)


def draw_legend(chart: Figure, width: float, height: float) -> None:
    """What the colors mean, in one row at the foot."""
    at = 4.0
    lines: dict[str, tuple[str, float, Any] | None] = {
        "accuracy": (BAR, 2.6, "-"),
        "mean confidence": (style.WRONG, 1.4, "-"),
        "gap": None,
        "perfect": (style.MUTED, 1.2, DASHED),
    }
    for word, line in lines.items():
        if line:
            color, wide, dash = line
            ends = [at / width, (at + 16) / width]
            chart.add_artist(Line2D(ends, [13 / height] * 2, color=color, linewidth=wide, linestyle=dash))
        else:
            box = Rectangle((at / width, 7 / height), 16 / width, 12 / height, facecolor=style.WRONG, alpha=0.3, linewidth=0,
                            transform=chart.transFigure)  # fmt: skip
            chart.add_artist(box)
        chart.text((at + 21) / width, 9 / height, word, size=style.TEXT, color=style.MUTED, va="baseline")
        at += 21 + style.width(word) + 12
