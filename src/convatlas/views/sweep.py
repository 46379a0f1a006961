"""A sweep in one picture: every trial in its order with the best so far, and below a slice for each field that was searched."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..engine.task import Measure
from ..errors import count_of
from . import style
from .curves import scale_of
from .scales import Accuracy, Loss, Ticks, thin
from .schedule import rate_text, write_head

ACROSS, TALL = 660.0, 220.0  # of the history, in pixels
COLUMNS, LOW = 3, 150.0  # slices in a row, and how tall they are
LEFT, RIGHT, HEAD, GAP, FOOT = 54.0, 20.0, 96.0, 64.0, 46.0
BETWEEN = 26.0  # slices of a row
AIR = 0.06  # of an axis, at both ends
ENDED, PRUNED = ("complete", "repeated"), ("pruned",)
KEY = "● trained to the end   ○ pruned, at its last epoch   × diverged or failed   ━ best so far"
Trials = Sequence[Mapping[str, Any]]


class Picture(NamedTuple):
    """What both parts of the picture draw."""

    trials: Trials
    chosen: int | None
    measure: Measure
    scale: Accuracy | Loss


def figure(results: Mapping[str, Any]) -> Figure:
    """The history above, the slices below, all on one scale of validation figures."""
    measure = Measure(**results["measure"])
    trials = results["trials"]
    values = [trial["figure"] for trial in trials if trial["figure"] is not None and trial["status"] in (*ENDED, *PRUNED)]
    drawn = Picture(trials, results["chosen"], measure, scale_of(measure, values, results["best"]["val"]["n"]))
    search = results["search"]
    rows = math.ceil(len(search) / COLUMNS)
    width, height = LEFT + ACROSS + RIGHT, HEAD + TALL + rows * (GAP + LOW) + FOOT
    with style.context():
        chart = Figure(figsize=(width / 72, height / 72), dpi=72)
        write_head(chart, f"{results['title']}: {count_of(len(trials), 'trial')}", caption(results), KEY, HEAD - 34)
        chart.text(10 / width, 1 - (HEAD - 14) / height, f"validation {measure.title}", color=style.MUTED, va="baseline")
        bottom = height - HEAD - TALL
        draw_history(add_axes(chart, (LEFT, bottom, ACROSS, TALL), drawn), drawn)
        across = (ACROSS - (COLUMNS - 1) * BETWEEN) / COLUMNS
        for place, dimension in enumerate(search):
            row, column = divmod(place, COLUMNS)
            box = LEFT + column * (across + BETWEEN), bottom - (row + 1) * (GAP + LOW), across, LOW
            draw_slice(add_axes(chart, box, drawn, named=column == 0), drawn, dimension, across)
    return chart


def caption(results: Mapping[str, Any]) -> str:
    """How the trials ended and what the best is worth, in one line."""
    measure, best = Measure(**results["measure"]), results["best"]
    ends = Counter(trial["status"] for trial in results["trials"])
    counts = ", ".join(f"{number} {status}" for status, number in ends.items())
    chosen = next(trial["figure"] for trial in results["trials"] if trial["number"] == results["chosen"])
    of = f", the best of {results['candidates']} and so optimistic" if results["candidates"] > 1 else ""
    test = f"; test {measure.write(best['test'][measure.key])}" if best["test"] else ""
    return f"{counts}; validation {measure.write(chosen)}{of}{test}"


def add_axes(chart: Figure, box: tuple[float, float, float, float], drawn: Picture, *, named: bool = True) -> Axes:
    """Axes for validation figures in a box of pixels; `named` ones have the ticks' labels."""
    width, height = chart.get_size_inches() * 72
    left, bottom, across, tall = box
    axes = chart.add_axes((left / width, bottom / height, across / width, tall / height))
    low, high = drawn.scale.limits()
    ticks = drawn.scale.ticks(tall)
    for position, _ in ticks:
        axes.axhline(position, color=style.GRID, linewidth=0.8, zorder=0)
    axes.set_ylim(low, high)
    axes.set_yticks([at for at, _ in ticks], [words if named else "" for _, words in ticks])
    axes.spines["left"].set_visible(False)
    return axes


def draw_history(axes: Axes, drawn: Picture) -> None:
    """The trials in their order, and the best so far as steps."""
    last = max((trial["number"] for trial in drawn.trials), default=0)
    best: list[tuple[float, float]] = []
    top = -math.inf
    for trial in drawn.trials:
        if trial["status"] == "complete" and (rank := drawn.measure.rank(trial["figure"])) > top:
            top = rank
            best.append((trial["number"], drawn.scale(trial["figure"])))
    if best:
        axes.step([*(x for x, _ in best), last + 0.5], [*(y for _, y in best), best[-1][1]], where="post", zorder=1,
                  color=style.series(1)[0], linewidth=2)  # fmt: skip
    for trial in drawn.trials:
        draw_trial(axes, drawn, trial, trial["number"])
    axes.set_xlim(-0.5, last + 0.5)
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10**9) if (last + 1) / step * 26 <= ACROSS)
    axes.set_xticks(range(0, last + 1, step))
    axes.set_xlabel("trial", labelpad=3)


def draw_slice(axes: Axes, drawn: Picture, dimension: Mapping[str, Any], across: float) -> None:
    """The validation figures over the values of one field; the other fields vary too."""
    name, values = dimension["name"], dimension.get("values")
    for trial in drawn.trials:
        text = trial["settings"][name]
        draw_trial(axes, drawn, trial, beside(values.index(text), trial) if values else position(dimension, float(text)))
    low, high = (-0.5, len(values) - 0.5) if values else (position(dimension, dimension[end]) for end in ("low", "high"))
    air = AIR * (high - low)
    axes.set_xlim(low - air, high + air)
    if values:
        offered = [(i, style.short(text, 16)) for i, text in enumerate(values)]
        widest = max(style.width(words) for _, words in offered)
        ticks = thin(offered, low, high, (widest + 6) / across * (1 + 2 * AIR) * len(values))
    else:
        ticks = number_ticks(dimension, low, high, across)
    axes.set_xticks([at for at, _ in ticks], [words for _, words in ticks])
    axes.set_xlabel(style.short(f"{name}, log scale" if dimension["logarithmic"] else name, 24), labelpad=3)


def draw_trial(axes: Axes, drawn: Picture, trial: Mapping[str, Any], x: float) -> None:
    """A trial's mark at its validation figure; at the foot where it has none that counts."""
    color = style.series(0)[0]
    if trial["status"] not in (*ENDED, *PRUNED) or trial["figure"] is None:
        axes.plot(x, axes.get_ylim()[0], "x", color=style.WRONG, markersize=7, markeredgewidth=1.6, zorder=4, clip_on=False)
        return
    y = drawn.scale(trial["figure"])
    if trial["number"] == drawn.chosen:
        axes.plot(x, y, "o", color=style.series(1)[0], markersize=10, markeredgecolor=style.PAPER, zorder=5)
    elif trial["status"] in PRUNED:
        axes.plot(x, y, "o", color=style.PAPER, markersize=6, markeredgecolor=color, markeredgewidth=1.2, zorder=2)
    else:
        axes.plot(x, y, "o", color=color, markersize=7, markeredgecolor=style.PAPER, markeredgewidth=0.8, zorder=3)


def beside(place: int, trial: Mapping[str, Any]) -> float:
    """A place on an axis of choices, a little aside, so that trials do not cover each other."""
    return place + 0.3 * ((0.618 * trial["number"]) % 1 - 0.5)


def position(dimension: Mapping[str, Any], value: float) -> float:
    """Where a number stands on its axis."""
    return math.log10(value) if dimension["logarithmic"] else float(value)


def number_ticks(dimension: Mapping[str, Any], low: float, high: float, across: float) -> Ticks:
    """Round values for an axis between these ends."""
    if dimension["logarithmic"]:
        decades = range(math.floor(low) - 1, math.ceil(high) + 1)
        offered = [(d + math.log10(m), rate_text(m * 10.0**d)) for m in (1, 3, 2, 5) for d in decades]
    else:
        whole = isinstance(dimension["low"], int) and isinstance(dimension["high"], int)
        steps = MaxNLocator(nbins=4, steps=[1, 2, 5, 10], integer=whole).tick_values(low, high)
        offered = [(float(at), f"{at:g}") for at in steps]
    return thin(offered, low - 1e-9, high + 1e-9, 40 * (high - low) / across)


def describe(results: Mapping[str, Any]) -> str:
    """The figure for those who cannot see it."""
    return f"{results['title']}; {caption(results)}"
