"""Accuracy against what it costs, and the front of the networks that nothing beats on both."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from matplotlib.figure import Figure

from . import style
from .labels import Box, place
from .numbers import count, operations, significant
from .scales import Accuracy, Cost
from .table import Results, deviation, failed, held_out, held_out_images, mean, networks
from .verdict import accuracy_key

Price = Literal["parameters", "macs", "latency_ms", "trained_parameters", "training_memory_bytes", "seconds"]
TITLES: Mapping[str, str] = {
    "parameters": "parameters",
    "macs": "multiply-accumulates an image",
    "latency_ms": "latency of one image, ms",
    "trained_parameters": "parameters that learn",
    "training_memory_bytes": "peak memory while training, MiB",
    "seconds": "seconds to train one seed",
}
UNITS = {"training_memory_bytes": 2**20}
WIDTH, HEIGHT = 340, 290
LEFT, RIGHT, TOP, BOTTOM = 36, 14, 30, 42


@dataclass(frozen=True, slots=True)
class Point:
    """A network on the plane; `index` is its place in the results, which gives its color."""

    index: int
    name: str
    cost: float
    accuracy: float
    sd: float


def points(results: Results, price: Price) -> list[Point]:
    """The networks whose cost and held-out accuracy are both known."""
    key = accuracy_key(results)
    found = []
    for i, network in enumerate(networks(results)):
        cost, accuracy = mean(network, price), mean(network, key)
        if not failed(network) and cost is not None and accuracy is not None:
            cost /= UNITS.get(price, 1)
            found.append(Point(i, str(network.get("name")), cost, accuracy, deviation(network, key) or 0.0))
    return found


def front(found: Iterable[Point]) -> list[Point]:
    """Those that no other beats, by cost: each more accurate than everything cheaper."""
    kept: list[Point] = []
    for point in sorted(found, key=lambda p: (p.cost, -p.accuracy)):
        if not kept or point.accuracy > kept[-1].accuracy:
            kept.append(point)
    return kept


def figure(results: Results, price: Price = "parameters") -> Figure:
    """Held-out accuracy against one cost: a dot a network, ±1 standard deviation over seeds, the front as steps.

    Networks on the front are filled, the others hollow.
    """
    found = points(results, price)
    best = front(found)
    across, along = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    y = Accuracy.of([a for p in found for a in (p.accuracy - p.sd, min(p.accuracy + p.sd, 1.0))], held_out_images(results))
    costs = [p.cost for p in found]
    x = Cost(min(costs, default=0.0), max(costs, default=1.0))
    with style.context():
        chart, axes = style.canvas(WIDTH, HEIGHT, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM)
        style.headline(chart, f"{'Validation' if held_out(results) == 'val' else 'Test'} accuracy, %")
        (left, right), (low, high) = x.limits(), y.limits(0.1)
        axes.set_xlim(left, right)
        axes.set_ylim(low, high)
        for position, _ in y.ticks(along):
            axes.axhline(position, color=style.GRID, linewidth=0.8, zorder=0)
        axes.set_yticks(*_split(y.ticks(along)))
        axes.set_xticks(*_split(x.ticks(across, _tick(price))))
        axes.set_xlabel(TITLES[price], labelpad=3)
        axes.spines["left"].set_visible(False)
        corners = _steps([(x(p.cost), y(p.accuracy)) for p in best], right)
        axes.plot(*zip(*corners, strict=True) if corners else ([], []), color=style.FAINT, linewidth=1, zorder=1)
        for p in found:
            color, _ = style.series(p.index)
            if p.sd:
                span = y(p.accuracy - p.sd), y(min(p.accuracy + p.sd, 1.0))
                axes.plot([x(p.cost)] * 2, span, color=color, linewidth=1.2, alpha=0.6, zorder=2)
            face = color if p in best else style.PAPER
            axes.plot(
                x(p.cost), y(p.accuracy), "o", markersize=7, color=face, markeredgecolor=color, markeredgewidth=1.6, zorder=3
            )

        def pixel(a: float, b: float) -> tuple[float, float]:
            return (a - left) / (right - left) * across, (b - low) / (high - low) * along

        bars = [
            (pixel(x(p.cost), y(p.accuracy - p.sd)), pixel(x(p.cost), y(min(p.accuracy + p.sd, 1.0)))) for p in found if p.sd
        ]
        lines = [(pixel(*a), pixel(*b)) for a, b in pairwise(corners)]
        walls = [_thin(*pair) for pair in (*bars, *lines)]
        dots = [pixel(x(p.cost), y(p.accuracy)) for p in found]
        names = [style.short(p.name) for p in found]
        boxes = place(dots, label_sizes(names), Box(2, 2, across + RIGHT - 4, along + 4), walls)
        for name, (a, b), box in zip(names, dots, boxes, strict=True):
            u, v = box.nearest(a, b)
            if (u - a) ** 2 + (v - b) ** 2 > 13**2:
                axes.plot([a / across, u / across], [b / along, v / along], color=style.FAINT, linewidth=0.7, zorder=1,
                          transform=axes.transAxes, clip_on=False)  # fmt: skip
            middle = box.y + box.height / 2
            axes.annotate(name, (0, 0), _anchor(box, a, middle), "axes points", "axes points", va="center_baseline",
                          ha=_align(box, a), color=style.INK, annotation_clip=False)  # fmt: skip
    return chart


def label_sizes(names: Sequence[str]) -> list[tuple[float, float]]:
    """The room each name takes.

    Units   pixels
    """
    return [(style.width(name) + 4, style.LINE + 4) for name in names]


def describe(results: Results, price: Price) -> str:
    """The figure for those who cannot see it: each network, cheapest first, and whether it is on the front."""
    found = points(results, price)
    best = front(found)
    said = [
        f"{p.name} {100 * p.accuracy:.1f} % at {_label(price)(p.cost)}{'' if p in best else ' (beaten)'}"
        for p in sorted(found, key=lambda p: (p.cost, p.index))
    ]
    return "; ".join(said)


def _label(price: Price) -> Callable[[float], str]:
    labels: dict[Price, Callable[[float], str]] = {"parameters": count, "trained_parameters": count, "macs": operations}
    return labels.get(price, significant)


def _tick(price: Price) -> Callable[[float], str]:
    def bare(value: float) -> str:
        number, _, prefix = _label(price)(value).partition(" ")
        return f"{number.rstrip('0').rstrip('.') if '.' in number else number} {prefix}".rstrip()

    return bare


def _steps(corners: Sequence[tuple[float, float]], right: float) -> list[tuple[float, float]]:
    path: list[tuple[float, float]] = []
    for a, b in corners:
        path += [(a, path[-1][1]), (a, b)] if path else [(a, b)]
    return [*path, (right, path[-1][1])] if path else []


def _thin(a: tuple[float, float], b: tuple[float, float]) -> Box:
    return Box(min(a[0], b[0]) - 1, min(a[1], b[1]) - 1, abs(a[0] - b[0]) + 2, abs(a[1] - b[1]) + 2)


def _split(ticks: Sequence[tuple[float, str]]) -> tuple[list[float], list[str]]:
    return [p for p, _ in ticks], [label for _, label in ticks]


def _align(box: Box, x: float) -> Literal["left", "center", "right"]:
    """Labels hold on to the side of their point, so that a narrower font does not drift away from it."""
    return "left" if box.x > x else "right" if box.x + box.width < x else "center"


def _anchor(box: Box, x: float, middle: float) -> tuple[float, float]:
    return {"left": box.x, "right": box.x + box.width, "center": box.x + box.width / 2}[_align(box, x)], middle
