"""The accuracy of each class, and the most frequent confusions with examples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from ..errors import count_of
from . import grid, style
from .numbers import thousands

SHOWN = 30  # up to so many classes each has its bar
WORST, BEST = 20, 8  # beyond, so many from both ends
ROW, BAR = 19.0, 11.0
ACROSS, LONGEST = 380.0, 190.0  # pixels of the bars and of the longest name
COLOR = style.SERIES_LIGHT[0]
THUMB, THUMBS, WORDS, BETWEEN = 80.0, 6, 220.0, 20.0


@dataclass(frozen=True, slots=True)
class Bar:
    """The accuracy of a class over n images with its interval; shares of one."""

    name: str
    accuracy: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Images of one class taken for another, with examples (h, w, c) and how probable the wrong class was for each."""

    true: str
    predicted: str
    count: int
    n: int  # images of the true class
    examples: tuple[NDArray[np.uint8], ...]
    probabilities: tuple[float, ...]


def figure(bars: Sequence[Bar], overall: float) -> Figure:
    """One bar per class, the best above, with its interval, and a line for the accuracy over all images.

    Of many classes the best and the worst are shown, with the number of classes between.
    """
    order = sorted(bars, key=lambda bar: (-bar.accuracy, -bar.n, bar.name))
    few = len(order) <= SHOWN
    rows: list[Bar | None] = [*order] if few else [*order[:BEST], None, *order[-WORST:]]
    names = {id(bar): grid.shorten_to_width(bar.name, LONGEST) for bar in rows if bar}
    figures = {id(bar): thousands(bar.n) for bar in rows if bar}
    left = max((style.width(name) for name in names.values()), default=0) + 14
    counts = max((style.width(n) for n in [*figures.values(), "images"]), default=0)
    right, top, bottom = 64 + counts, 24.0, 38.0
    width, high = left + ACROSS + right, ROW * len(rows)
    with style.context():
        chart, axes = style.canvas(width, high + top + bottom, left=left, right=right, top=top, bottom=bottom)
        axes.set_xlim(0, 100)
        axes.set_ylim(high, 0)
        draw_frame(axes)
        unit = 100 / ACROSS
        axes.axvline(100 * overall, color=style.MUTED, linewidth=1.2, linestyle=(0, (4, 3)), zorder=3)
        words = f"all {100 * overall:.1f} %"
        half = style.width(words) / 2
        middle = min(max(100 * overall, half * unit), 100 - half * unit)
        axes.text(middle, -6, words, color=style.MUTED, ha="center", va="baseline")
        axes.text(100 + 10 * unit, -6, "right", color=style.MUTED, va="baseline")
        axes.text(100 + (right - 2) * unit, -6, "images", color=style.MUTED, ha="right", va="baseline")
        for place, bar in enumerate(rows):
            y = ROW * (place + 0.5)
            if bar is None:
                between = order[BEST:-WORST]
                text = f"{count_of(len(between), 'class')} between, {accuracy_text(between[-1])} to {accuracy_text(between[0])}"
                axes.text(0, y, f"⋮   {text}", color=style.MUTED, va="center_baseline")
                continue
            draw_bar(axes, bar, y)
            axes.text(-8 * unit, y, names[id(bar)], ha="right", va="center_baseline")
            axes.text(100 + 10 * unit, y, accuracy_text(bar), va="center_baseline")
            axes.text(100 + (right - 2) * unit, y, figures[id(bar)], color=style.MUTED, ha="right", va="center_baseline")
    return chart


def draw_frame(axes: Axes) -> None:
    """Percent along the foot."""
    axes.set_xticks([0, 20, 40, 60, 80, 100], ["0", "20", "40", "60", "80", "100"])
    axes.set_yticks([])
    axes.set_xlabel("accuracy with its 95 % interval, %", labelpad=3)
    axes.grid(axis="x")
    axes.set_axisbelow(True)


def draw_bar(axes: Axes, bar: Bar, y: float) -> None:
    """A bar and its interval."""
    axes.add_patch(Rectangle((0, y - BAR / 2), 100 * bar.accuracy, BAR, facecolor=COLOR, alpha=0.55, linewidth=0, zorder=2))
    axes.plot([100 * bar.low, 100 * bar.high], [y, y], color=style.INK, linewidth=1.3, solid_capstyle="butt", zorder=4)
    axes.plot([100 * bar.accuracy], [y], color=style.INK, marker="o", markersize=4, zorder=5, clip_on=False)


def accuracy_text(bar: Bar) -> str:
    """Its accuracy in words."""
    return f"{100 * bar.accuracy:.1f} %"


def pairs_figure(pairs: Sequence[Pair]) -> Figure:
    """One row per confusion: how often it happened, and examples, the most confident mistake first.

    Shapes   examples of a pair (h, w, c) uint8 each
    """
    row = THUMB + 18 + BETWEEN
    most = max((len(pair.examples) for pair in pairs), default=0)
    texts = [
        (
            pair,
            grid.shorten_to_width(pair.true, WORDS, 13),
            grid.shorten_to_width(f"taken for {pair.predicted}", WORDS, 13),
            count_words(pair),
        )
        for pair in pairs
    ]
    words = 24 + max(
        (style.width(text, size) for _, *row in texts for text, size in zip(row, (13, 13, style.TEXT), strict=True)), default=0
    )
    width = 12 + words + most * (THUMB + 12)
    height = 12 + row * len(pairs) - BETWEEN + 10
    with style.context():
        chart, axes = style.canvas(width, height, left=0, right=0, top=0, bottom=0)
        for place, (pair, true, taken, count) in enumerate(texts):
            y = 12 + place * row
            axes.text(12, y + 22, true, size=13, color=style.INK)
            axes.text(12, y + 42, taken, size=13, color=style.WRONG)
            axes.text(12, y + 64, count, color=style.MUTED)
            for i, (image, probability) in enumerate(zip(pair.examples, pair.probabilities, strict=True)):
                x = 12 + words + i * (THUMB + 12)
                grid.picture(axes, image, (x, y), THUMB, style.WRONG)
                axes.text(x, y + THUMB + 14, f"{100 * probability:.0f} %", size=grid.MINOR, color=style.MUTED)
        grid.page(axes, width, height)
    return chart


def count_words(pair: Pair) -> str:
    """How often it happened, in words."""
    share = f"{100 * pair.count / pair.n:.{1 if pair.n >= 100 else 0}f} %"
    return f"{thousands(pair.count)} of {thousands(pair.n)} image{'s' * (pair.n > 1)} ({share})"
