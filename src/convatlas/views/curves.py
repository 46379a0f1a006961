"""Learning curves: one line per network, the mean over its seeds, in a band as wide as the seeds lie apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..engine.task import Measure
from . import style
from .labels import spread
from .numbers import finite, significant
from .scales import Accuracy, Loss, Ticks, thin
from .table import Network, Results, decides, networks

LOSSES: Mapping[str, str] = {"train_loss": "Training loss", "val_loss": "Validation loss"}
WIDTH, HEIGHT = 400, 272
LEFT, TOP, BOTTOM = 34, 30, 38
ACROSS, TALL, EDGE = 300, 320, 10  # of a chart beside others
Points = list[tuple[int, float, float, float]]


@dataclass(frozen=True, slots=True)
class Line:
    """What is drawn under one name; `place` gives its color."""

    name: str
    points: Points
    place: int

    @property
    def label(self) -> str:
        return style.short(self.name, 19)


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart beside others: what it measures, and its lines on one scale."""

    title: str
    lines: tuple[Line, ...]
    scale: Accuracy | Loss


def over_seeds(network: Network, key: str) -> Points:
    """(epoch, mean, lowest, highest) over the seeds that reached the epoch."""
    values: dict[int, list[float]] = {}
    for run in network.get("runs") or []:
        for epoch in run.get("epochs") or []:
            value = finite(epoch.get(key))
            if value is not None:
                values.setdefault(int(epoch["epoch"]), []).append(value)
    return [(epoch, sum(v) / len(v), min(v), max(v)) for epoch, v in sorted(values.items())]


def keys(results: Results) -> tuple[str, str]:
    """The curves of a comparison: the figure that decides, and what was minimized."""
    return f"val_{decides(results).key}", "train_loss"


def title(results: Results, key: str) -> str:
    """What a curve shows."""
    return LOSSES.get(key) or f"Validation {decides(results).title}"


def scale_of(measure: Measure, values: Sequence[float], images: int) -> Accuracy | Loss:
    """The axis for figures of a measure."""
    return Accuracy.of(values, images) if measure.kind == "percent" else Loss.of(values)


def has(results: Results, key: str) -> bool:
    """Whether any network has such a curve."""
    return any(over_seeds(network, key) for network in networks(results))


def figure(results: Results, key: str | None = None) -> Figure:
    """The curves of all networks, named at their ends; of the figure that decides if no key is given."""
    key = key or keys(results)[0]
    lines = [Line(str(n.get("name")), points, i) for i, n in enumerate(networks(results)) if (points := over_seeds(n, key))]
    values = [v for line in lines for _, *three in line.points for v in three]
    right = margin(lines)
    with style.context():
        chart, axes = style.canvas(WIDTH, HEIGHT, left=LEFT, right=right, top=TOP, bottom=BOTTOM)
        style.headline(chart, title(results, key))
        scale = Loss.of(values) if key in LOSSES else scale_of(decides(results), values, validation_images(results))
        draw(axes, lines, scale, (WIDTH - LEFT - right, HEIGHT - TOP - BOTTOM))
    return chart


def panels(drawn: Sequence[Panel]) -> Figure:
    """Several charts of one run side by side, each with what it measures above it."""
    rights = [margin(panel.lines) for panel in drawn]
    lefts = [max(style.width(label) for _, label in panel.scale.ticks(TALL - TOP - BOTTOM)) + 10 for panel in drawn]
    width = sum(lefts) + sum(rights) + (ACROSS + 2 * EDGE) * len(drawn)
    with style.context():
        chart = Figure(figsize=(width / 72, TALL / 72), dpi=72)
        at = float(EDGE)
        for panel, left, right in zip(drawn, lefts, rights, strict=True):
            high = TALL - TOP - BOTTOM
            axes = chart.add_axes(((at + left) / width, BOTTOM / TALL, ACROSS / width, high / TALL))
            chart.text(at / width, 1 - 18 / TALL, panel.title, color=style.MUTED, size=style.TEXT, va="baseline")
            draw(axes, panel.lines, panel.scale, (ACROSS, high))
            at += left + ACROSS + right + 2 * EDGE
    return chart


def margin(lines: Sequence[Line]) -> float:
    """The width right of a chart that the names of its lines take, in pixels."""
    return max((style.width(line.label) for line in lines), default=0) + 30


def draw(axes: Axes, lines: Sequence[Line], scale: Accuracy | Loss, size: tuple[float, float]) -> None:
    """Lines over epochs, each named at its end.

    Units   size (width, height) of the axes in pixels
    """
    across, height = size
    (low, high), ticks = scale.limits(), scale.ticks(height)
    for position, _ in ticks:
        axes.axhline(position, color=style.GRID, linewidth=0.8, zorder=0)
    last = max((line.points[-1][0] for line in lines), default=1)
    first = min((line.points[0][0] for line in lines), default=0)
    for line in lines:
        color, dash = style.series(line.place)
        x, y, bottom, top = ([p[0] for p in line.points], *([scale(p[k]) for p in line.points] for k in (1, 2, 3)))
        if bottom != top:
            axes.fill_between(x, bottom, top, color=color, alpha=0.16, linewidth=0, zorder=2)
        axes.plot(x, y, color=color, linestyle=dash, zorder=3, marker="o" if len(x) == 1 else "", markersize=4)
    axes.set_xlim(first - 0.001 * (last == first), last + 0.001 * (last == first))
    axes.set_ylim(low, high)
    axes.set_yticks([p for p, _ in ticks], [label for _, label in ticks])
    axes.set_xticks(*_epochs(first, last, across))
    axes.set_xlabel("epoch", labelpad=3)
    axes.spines["left"].set_visible(False)
    pixels = height / (high - low)
    ends = [(scale(line.points[-1][1]) - low) * pixels for line in lines]
    for line, end, place in zip(lines, ends, spread(ends, style.LINE, 2, height - 2), strict=True):
        color, _ = style.series(line.place)
        begin = (line.points[-1][0] - first) / max(last - first, 1) * across if last > first else across / 2
        if last == first:
            axes.set_xlim(first - 1, last + 1)
        route = [(begin + 3, end), (across + 8, end), (across + 16, place), (across + 21, place)]
        axes.plot(*zip(*((x / across, y / height) for x, y in route[begin < across - 1 :]), strict=True), color=color,
                  linewidth=0.8, alpha=0.7, transform=axes.transAxes, clip_on=False, zorder=1)  # fmt: skip
        axes.annotate(line.label, (0, 0), (across + 24, place), "axes points", "axes points", va="center_baseline",
                      ha="left", color=style.INK, annotation_clip=False)  # fmt: skip


def validation_images(results: Results) -> int:
    """How many validation images there were."""
    return int(finite(results.get("data", {}).get("val")) or 0)


def describe(results: Results, key: str) -> str:
    """The figure for those who cannot see it: where each network starts and ends."""
    measure, parts = decides(results), []
    for network in networks(results):
        if points := over_seeds(network, key):
            a, b = (significant(v) if key in LOSSES else measure.write(v, 1) for v in (points[0][1], points[-1][1]))
            parts.append(f"{network.get('name')} from {a} to {b} in {points[-1][0]} epochs")
    return "; ".join(parts)


def _epochs(first: int, last: int, pixels: float) -> tuple[list[int], list[str]]:
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10**9) if (last - first) / s * 28 <= pixels)
    offered: Ticks = [(first, ""), (last, ""), *((e, "") for e in range(0, last, step) if e > first)]
    epochs = [int(e) for e, _ in thin(offered, first, last, max(step * 0.7, 1))]
    return epochs, [f"{e:d}" for e in epochs]
