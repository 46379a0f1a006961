"""The range test: the loss while the learning rate rises, raw and smoothed, with the learning rates it suggests."""

import math
from collections.abc import Sequence
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..engine.rates.suggest import RangeTest
from ..errors import count_of
from . import style
from .scales import Loss, thin
from .schedule import rate_text, write_head

ACROSS, TALL = 560.0, 270.0
NAME = 12.5  # size of text
LEFT, RIGHT, HEAD, FOOT = 54.0, 20.0, 78.0, 44.0


def figure(test: RangeTest, title: str) -> Figure:
    """The raw loss faint, the smoothed one strong, both suggestions marked, and where it diverged."""
    with style.context():
        width, height = LEFT + ACROSS + RIGHT, HEAD + TALL + FOOT
        chart, axes = style.canvas(width, height, left=LEFT, right=RIGHT, top=HEAD, bottom=FOOT)
        write_head(chart, title, caption(test), "training loss", HEAD - 10)
        draw(axes, test)
    return chart


def caption(test: RangeTest) -> str:
    """The result in one line."""
    if test.steepest is None or test.valley is None:
        return f"No suggestion: {test.note}"
    low, high = min(test.smoothed), max(test.smoothed[: test.smoothed.index(min(test.smoothed)) + 1])
    end = f"diverges at {rate_text(test.divergence)}" if test.divergence else f"not diverged up to {rate_text(test.rates[-1])}"
    return f"{count_of(len(test.losses), 'step')}; the smoothed loss falls from {high:.3g} to {low:.3g}, {end}"


def draw(axes: Axes, test: RangeTest) -> None:
    """The curves and their marks."""
    x = [math.log10(rate) for rate in test.rates]
    right = math.log10(test.divergence or test.rates[-1])
    span = max(right - x[0], 1e-9)
    scale = limits(test)
    (low, high), ticks = scale.limits(), scale.ticks(TALL)
    for position, _ in ticks:
        axes.axhline(position, color=style.GRID, linewidth=0.8, zorder=0)
    color, _ = style.series(0)
    axes.plot(x, test.losses, color=color, alpha=0.3, linewidth=1, zorder=2)
    axes.plot(x, test.smoothed, color=color, linewidth=2.4, zorder=3)
    axes.set_xlim(x[0], x[0] + 1.04 * span)
    axes.set_ylim(low, high)
    axes.set_yticks([p for p, _ in ticks], [label for _, label in ticks])
    axes.set_xticks(*decade_ticks(x[0], x[0] + 1.04 * span))
    axes.set_xlabel("learning rate", labelpad=3)
    axes.spines["left"].set_visible(False)

    suggestions = sorted((rate, name) for name, rate in (("steepest", test.steepest), ("valley", test.valley)) if rate)
    for side, (rate, name) in enumerate(suggestions):
        at = math.log10(rate)
        mark(axes, at, interpolate(x, test.smoothed, at), style.series(1 + (name == "valley"))[0])
        label_suggestion(axes, (at - x[0]) / (1.04 * span) * ACROSS, f"{name} {rate_text(rate)}", side, name == "valley")
    if test.divergence:
        axes.axvline(right, color=style.WRONG, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)
        draw_text(axes, (ACROSS / 1.04 - 6, TALL - 16), f"diverged at {rate_text(test.divergence)}", style.WRONG, "right")


def mark(axes: Axes, at: float, loss: float, ink: str) -> None:
    """A suggestion on the smoothed curve, and where it stands on the axis."""
    axes.plot([at, at], [axes.get_ylim()[0], loss], color=ink, linewidth=1.2, linestyle=(0, (2, 2)), zorder=4)
    axes.plot(at, loss, "o", color=ink, markersize=8, markeredgecolor=style.PAPER, markeredgewidth=1.5, zorder=5)


def label_suggestion(axes: Axes, x: float, text: str, side: int, second: bool) -> None:
    """The name of a suggestion at the foot of its line: left of the first, right of the second, where there is room."""
    wide = style.width(text, NAME)
    left = side == 0 if x > wide + 12 else False
    left = left or x + wide + 12 > ACROSS
    ink = style.series(1 + second)[0]
    draw_text(axes, (x - 6 if left else x + 6, 8 + 18 * side), text, ink, "right" if left else "left")


def draw_text(axes: Axes, at: tuple[float, float], text: str, ink: str, align: Literal["left", "right"]) -> None:
    """Text that stays legible over a line."""
    axes.annotate(text, at, xycoords="axes points", size=NAME, color=ink, ha=align, va="bottom", zorder=6,
                  bbox={"facecolor": style.PAPER, "alpha": 0.85, "linewidth": 0, "pad": 1.5})  # fmt: skip


def limits(test: RangeTest) -> Loss:
    """A linear scale from the least loss to what was there before it, with some of what came after."""
    bottom = test.smoothed.index(min(test.smoothed))
    before = max(test.smoothed[: bottom + 1])
    low = min(test.losses)
    return Loss(min(low, before) - 1e-9, min(max(test.losses), before + 0.35 * max(before - low, 0.3 * abs(before))))


def interpolate(x: Sequence[float], y: Sequence[float], at: float) -> float:
    """The height of a line over a place."""
    i = next((i for i in range(1, len(x)) if x[i] >= at), len(x) - 1)
    part = (at - x[i - 1]) / (x[i] - x[i - 1])
    return y[i - 1] + min(max(part, 0), 1) * (y[i] - y[i - 1])


def decade_ticks(low: float, high: float) -> tuple[list[float], list[str]]:
    """Powers of ten, and between them where there are few."""
    decades = range(math.floor(low), math.ceil(high) + 1)
    parts = (1, 3) if high - low > 2 else (1, 2, 5)
    offered = [(d + math.log10(part), rate_text(part * 10.0**d)) for part in parts for d in decades]
    ticks = thin(offered, low, high, 44 * (high - low) / ACROSS)
    return [at for at, _ in ticks], [words for _, words in ticks]


def describe(test: RangeTest, title: str) -> str:
    """The figure for those who cannot see it."""
    if test.steepest is None or test.valley is None:
        return f"{title}; {caption(test)}"
    return f"{title}; {caption(test)}; steepest at {rate_text(test.steepest)}, valley at {rate_text(test.valley)}"
