"""What a recipe will do: the learning rate over its epochs, one line per different one, and below which parts learn when."""

import math
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..engine.rates.forecast import Forecast, Line
from ..errors import count_of
from . import style
from .grid import shorten_to_width
from .labels import Box
from .numbers import count
from .scales import thin

ACROSS, TALL = 560.0, 262.0  # pixels of the rates
HEAD, MIDDLE, FOOT, EDGE = 90.0, 40.0, 44.0, 10.0
ROW, THICK = 21.0, 17.0
SPREAD = 3.0  # times the lowest peak: from there on rates stand on a logarithmic scale
BELOW = 12.0, 4.0  # times below the lowest peak, where that scale ends: with a few lines, and with many
MANY = 4


def figure(forecast: Forecast) -> Figure:
    """Rates above, in which warm-up and averaging are marked; stages from the image to the head below, frozen ones pale."""
    lines = forecast.lines()
    names = forecast.parts
    rows = len(names)
    left = min(max(max(map(style.width, names)) + 18, 64), 200)
    right = 74.0
    width, height = left + ACROSS + right, HEAD + TALL + MIDDLE + rows * ROW + FOOT
    colors = line_colors(lines)
    with style.context():
        chart = Figure(figsize=(width / 72, height / 72), dpi=72)
        write_head(chart, title(forecast), totals(forecast), "learning rate", HEAD - 22)
        low = MIDDLE + rows * ROW + FOOT
        rates = chart.add_axes((left / width, low / height, ACROSS / width, TALL / height))
        curves(rates, forecast, lines, colors)
        band = chart.add_axes((left / width, FOOT / height, ACROSS / width, rows * ROW / height))
        draw_stages(band, forecast, colors)
        y = (FOOT + rows * ROW + 8) / height
        chart.text((left + ACROSS + 10) / width, y, "parameters", size=10, color=style.MUTED, va="baseline")
    return chart


def write_head(chart: Figure, title: str, line: str, label: str, down: float) -> None:
    """A title, a line below it, and `down` pixels below the upper edge what the vertical axis shows."""
    width, height = chart.get_size_inches() * chart.dpi
    lines = ((22.0, title, style.INK, 13.5), (41.0, line, style.MUTED, style.TEXT), (down, label, style.MUTED, style.TEXT))
    for y, words, ink, size in lines:
        text = shorten_to_width(words, 0.94 * width - EDGE, size)
        chart.text(EDGE / width, 1 - y / height, text, size=size, color=ink, va="baseline")


def title(forecast: Forecast) -> str:
    """What is trained how."""
    recipe = forecast.recipe
    return f"{recipe.model} on {recipe.data}: {recipe.strategy}, {recipe.optimizer}, {recipe.schedule}"


def totals(forecast: Forecast) -> str:
    """How long it takes."""
    recipe = forecast.recipe
    learning = forecast.learning.trained()
    share = "all" if learning == forecast.total else f"{learning:,} of"
    steps, epochs = count_of(forecast.updates(recipe.epochs), "step"), count_of(recipe.epochs, "epoch")
    return (
        f"{steps} in {epochs}, {count_of(recipe.epochs * forecast.images, 'image')} seen, "
        f"{share} {forecast.total:,} parameters learn"
    )


def line_colors(lines: tuple[Line, ...]) -> dict[float, str]:
    """The color of each share of the rate, the same in both parts of the picture."""
    return {share: style.series(place)[0] for place, share in enumerate(dict.fromkeys(line.share for line in lines))}


def curves(axes: Axes, forecast: Forecast, lines: tuple[Line, ...], colors: dict[float, str]) -> None:
    """The lines, each named where it is highest."""
    epochs = forecast.recipe.epochs
    peaks = [line.top[1] for line in lines]
    logarithmic = max(peaks) > SPREAD * min(peaks)
    if logarithmic:
        axes.set_yscale("log")
        axes.set_ylim(min(peaks) / BELOW[len(lines) >= MANY], max(peaks) * 2.2)
        axes.minorticks_off()
    else:
        axes.set_ylim(0, max(peaks) * 1.18)
    axes.set_xlim(0, epochs)
    shade(axes, forecast)
    for phase in forecast.phases[1:]:
        axes.axvline(phase.start, color=style.GRID, linewidth=1, zorder=0)
    for line in lines:
        x, y = zip(*line.points, strict=True)
        axes.plot(x, y, color=colors[line.share], zorder=3, marker="o" if len(x) == 1 else "", markersize=4)
    label_lines(axes, lines, colors, epochs)
    axes.set_yticks(*ticks(*axes.get_ylim(), logarithmic=logarithmic))
    axes.set_xticks(marks := epoch_ticks(epochs), [""] * len(marks))
    axes.grid(axis="y", zorder=0)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)


def label_lines(axes: Axes, lines: tuple[Line, ...], colors: dict[float, str], epochs: int) -> None:
    """The parts of each line and their highest learning rate, at the peak; beside another name that stands there."""
    taken: list[Box] = []
    for line in lines:
        x, top = line.top
        words = shorten_to_width(f"{line.words} · {rate_text(top)}", ACROSS * 0.6)
        up = axes.transData.transform((x, top))[1] - axes.transAxes.transform((0, 0))[1]
        wide = style.width(words)
        box = Box(min(x / epochs * ACROSS, ACROSS - wide - 4), up + 5, wide, 13)
        for other in taken:
            if box.overlap(other):
                box = Box(other.x + other.width + 10, box.y, box.width, box.height)
        taken.append(box)
        axes.annotate(words, (box.x, box.y), xycoords="axes points", color=colors[line.share], va="bottom", ha="left",
                      annotation_clip=False, zorder=5)  # fmt: skip


def shade(axes: Axes, forecast: Forecast) -> None:
    """Where rates rise and where weights are averaged."""
    recipe = forecast.recipe
    spans = {phase.span: phase.start for phase in reversed(forecast.phases)}  # which a run that was extended enters late
    rises = [(start, first + recipe.warmup * (end - first)) for (first, end), start in reversed(spans.items())]
    shaded = [(start, end, "warm-up") for start, end in rises if start < end]
    shaded += [(*forecast.averaged, "averaged")] if forecast.averaged else []
    right = -1.0
    for start, end, words in shaded:
        axes.axvspan(start, end, color=style.GRID, alpha=0.55, linewidth=0, zorder=0)
        wide = style.width(words, 10)
        at = min(start / recipe.epochs * ACROSS, ACROSS - wide)
        if at > right:
            axes.annotate(words, (at, TALL + 4), xycoords="axes points", size=10, color=style.MUTED)
            right = at + wide


def draw_stages(axes: Axes, forecast: Forecast, colors: dict[float, str]) -> None:
    """A row for each part: in the color of its rate where it learns, pale where it is frozen."""
    parts, epochs = forecast.parts, forecast.recipe.epochs
    for row, part in enumerate(parts):
        for start, end, share in spans_of(forecast, part):
            color = colors[share] if share else style.GRID
            box = Rectangle((start, row + (ROW - THICK) / 2 / ROW), end - start, THICK / ROW, facecolor=color,
                            alpha=0.85 if share else 0.6, edgecolor=style.PAPER, linewidth=1)  # fmt: skip
            axes.add_patch(box)
            if not share and (end - start) / epochs * ACROSS > style.width("frozen", 10) + 10:
                axes.text((start + end) / 2, row + 0.5, "frozen", size=10, color=style.MUTED, ha="center", va="center_baseline")
        axes.annotate(count(forecast.parameters(part)), (1, row + 0.5), (10, 0), ("axes fraction", "data"), "offset points",
                      va="center_baseline", color=style.MUTED)  # fmt: skip
    axes.set_xlim(0, epochs)
    axes.set_ylim(len(parts), 0)
    axes.set_yticks([row + 0.5 for row in range(len(parts))], [shorten_to_width(part, 180) for part in parts])
    axes.set_xticks(marks := epoch_ticks(epochs), [str(mark) for mark in marks])
    steps = f"{forecast.updates(1):,} step{'s' * (forecast.updates(1) > 1)}"
    axes.set_xlabel(f"epoch, {steps} each", labelpad=3)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


def spans_of(forecast: Forecast, part: str) -> list[tuple[int, int, float]]:
    """The epochs over which a part keeps its share of the rate, 0 where it is frozen."""
    runs = groupby(forecast.phases, key=lambda phase: forecast.learning.share(part, phase))
    spans = [(share, list(run)) for share, run in runs]
    return [(run[0].start, run[-1].end, share) for share, run in spans]


def epoch_ticks(epochs: int) -> list[int]:
    """Epochs worth a tick."""
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 10**9) if epochs / s * 26 <= ACROSS)
    offered = [(0.0, ""), (float(epochs), ""), *((float(e), "") for e in range(0, epochs, step))]
    return [int(at) for at, _ in thin(offered, 0, epochs, step * 0.7)]


def ticks(low: float, high: float, *, logarithmic: bool) -> tuple[list[float], list[str]]:
    """Round rates for the axis."""
    if logarithmic:
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        parts = (1, 2, 5) if high < 300 * low else (1,)
        rates = [part * 10.0**d for d in decades for part in parts if low <= part * 10.0**d <= high]
    else:
        step = 10 ** math.floor(math.log10(high / 2))
        step *= next(m for m in (0.5, 1, 2, 5) if high / (step * m) <= 6)
        rates = [step * i for i in range(int(high / step) + 1)]
    return rates, [rate_text(value) for value in rates]


def rate_text(rate: float) -> str:
    """A learning rate in few digits: 0.004, 3e-5."""
    mantissa, _, power = f"{rate:.2g}".partition("e")
    return f"{mantissa}e{int(power)}" if power else mantissa


def describe(forecast: Forecast) -> str:
    """The figure for those who cannot see it."""
    tops = ", ".join(f"{line.words} at up to {rate_text(line.top[1])}" for line in forecast.lines())
    return f"{title(forecast)}; {totals(forecast)}; {tops}"
