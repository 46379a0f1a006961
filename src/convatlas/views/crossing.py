"""A panel of an interaction plot: the levels of one factor along the foot, one line per level of another."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from . import style
from .grid import shorten_to_width
from .labels import spread

TALL, HEAD, FOOT, SIDE, APART = 170.0, 58.0, 44.0, 38.0, 30.0  # pixels of a panel, above, below, left of it; between two
LEAST, MOST = 60.0, 96.0  # from one level to the next, and for a name
TITLE = 13.0
PER_LINE = 15.0  # of the height for the name of each line


@dataclass(frozen=True, slots=True)
class Crossing:
    """A panel: the levels of one factor along the foot, one line per level of another.

    Shapes   means (lines, levels), in percent
    """

    across: str
    along: str
    levels: tuple[str, ...]
    names: tuple[str, ...]  # of the lines
    means: tuple[tuple[float | None, ...], ...]
    strongest: str  # the largest of its interactions, in words

    @property
    def step(self) -> float:
        """Pixels from one level to the next."""
        return min(max(LEAST, *(style.width(level) + 12 for level in self.levels)), MOST)

    @property
    def span(self) -> float:
        """Pixels of the axes."""
        return self.step * len(self.levels)

    @property
    def width(self) -> float:
        """Pixels of everything, without air to its right."""
        names = 22 + max(map(style.width, (*self.names, self.along)))
        return max(SIDE + self.span + names, style.width(self.strongest), style.width(self.title, TITLE))

    @property
    def height(self) -> float:
        """Pixels of the axes, with room for the names of the lines."""
        return max(TALL, PER_LINE * len(self.names))

    @property
    def title(self) -> str:
        return f"{self.across} × {self.along}"


def shorten_apart(names: Sequence[str], pixels: float) -> list[str]:
    """Names within a width that still differ: without what all begin with, where leaving out the middle makes two alike."""
    whole = [shorten_to_width(name, pixels) for name in names]
    if len(set(whole)) == len(set(names)):
        return whole
    shared = next(i for i in count() if len({name[: i + 1] for name in names}) > 1)
    return [shorten_to_width(f"…{name[shared:]}", pixels) for name in names]


def draw_crossing(chart: Figure, panel: Crossing, box: tuple[float, float, float, float], span: tuple[float, float]) -> None:
    """The lines of a panel, each named at its end.

    Units   box is left, bottom, width and height in pixels, span in percent
    """
    (wide, high), (x, y, across, tall) = style.page_size(chart), box
    axes = chart.add_axes((x / wide, y / high, across / wide, tall / high))
    air = 0.06 * (span[1] - span[0]) or 1.0
    low, top = span[0] - air, span[1] + air
    axes.set_xlim(-0.5, len(panel.levels) - 0.5)
    axes.set_ylim(low, top)
    ticks = [
        tick
        for tick in MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, top)
        if max(low, 0) <= tick <= min(top, 100)
    ]
    axes.set_yticks(ticks, [f"{tick:.4g}" for tick in ticks])
    axes.set_xticks(range(len(panel.levels)), shorten_apart(panel.levels, panel.step - 8))
    axes.set_xlabel(panel.across, labelpad=3)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    style.place_text(chart, x + across + 22, y + tall + 2, panel.along, style.MUTED)
    lines = [(place, line) for place, line in enumerate(panel.means) if any(value is not None for value in line)]
    last = [max(i for i, value in enumerate(line) if value is not None) for _, line in lines]
    ends = [((line[i] or 0.0) - low) / (top - low) * tall for i, (_, line) in zip(last, lines, strict=True)]
    for (place, line), i, end, at in zip(lines, last, ends, spread(ends, style.LINE, 4, tall - 6), strict=True):
        color, dash = style.series(place)
        values = [math.nan if value is None else value for value in line]
        axes.plot(range(len(values)), values, color=color, linestyle=dash, marker="o", markersize=5, zorder=3)
        route = [((i + 0.5) * panel.step + 5, end), (across + 2, end), (across + 12, at), (across + 18, at)]
        axes.plot([p / across for p, _ in route], [p / tall for _, p in route], color=color, linewidth=0.8,
                  alpha=0.7, transform=axes.transAxes, clip_on=False, zorder=1)  # fmt: skip
        style.place_text(chart, x + across + 22, y + at - 4, panel.names[place])
