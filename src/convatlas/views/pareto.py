"""The figure that decides against what it costs, and the front of the networks that nothing beats on both."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from matplotlib.figure import Figure

from . import style
from .curves import scale_of
from .labels import Box, place
from .numbers import count, operations, significant
from .scales import Cost
from .table import Results, decides, deciding_key, has_failed, held_out, held_out_images, mean, networks, standard_deviation

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
    value: float
    sd: float
    rank: float  # the value with a sign such that more is better


def points(results: Results, price: Price) -> list[Point]:
    """The networks whose cost and deciding figure are both known."""
    key, rank = deciding_key(results), decides(results).rank
    known = []
    for i, network in enumerate(networks(results)):
        cost, value = mean(network, price), mean(network, key)
        if not has_failed(network) and cost is not None and value is not None:
            cost /= UNITS.get(price, 1)
            known.append(Point(i, str(network.get("name")), cost, value, standard_deviation(network, key) or 0.0, rank(value)))
    return known


def front(points: Iterable[Point]) -> list[Point]:
    """Those that no other beats, by cost: each better than everything cheaper."""
    best: list[Point] = []
    for point in sorted(points, key=lambda p: (p.cost, -p.rank)):
        if not best or point.rank > best[-1].rank:
            best.append(point)
    return best


def figure(results: Results, price: Price = "parameters") -> Figure:
    """The deciding figure against one cost: one dot per network, ±1 standard deviation over seeds, the front as steps.

    Networks on the front are filled, the others hollow.
    """
    shown, measure = points(results, price), decides(results)
    best, most = front(shown), 1.0 if measure.kind == "percent" else math.inf
    across, along = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    spans = [(p.value - p.sd, min(p.value + p.sd, most)) for p in shown]
    y = scale_of(measure, [end for span in spans for end in span], held_out_images(results))
    costs = [p.cost for p in shown]
    x = Cost(min(costs, default=0.0), max(costs, default=1.0))
    with style.context():
        chart, axes = style.canvas(WIDTH, HEIGHT, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM)
        style.headline(chart, f"{'Validation' if held_out(results) == 'val' else 'Test'} {measure.title}")
        (left, right), (low, high) = x.limits(), y.limits(0.1)
        axes.set_xlim(left, right)
        axes.set_ylim(low, high)
        for position, _ in y.ticks(along):
            axes.axhline(position, color=style.GRID, linewidth=0.8, zorder=0)
        axes.set_yticks(*positions_and_labels(y.ticks(along)))
        axes.set_xticks(*positions_and_labels(x.ticks(across, _tick(price))))
        axes.set_xlabel(TITLES[price], labelpad=3)
        axes.spines["left"].set_visible(False)
        corners = _steps([(x(p.cost), y(p.value)) for p in best], right)
        axes.plot(*zip(*corners, strict=True) if corners else ([], []), color=style.FAINT, linewidth=1, zorder=1)
        for p in shown:
            color, _ = style.series(p.index)
            if p.sd:
                span = y(p.value - p.sd), y(min(p.value + p.sd, most))
                axes.plot([x(p.cost)] * 2, span, color=color, linewidth=1.2, alpha=0.6, zorder=2)
            face = color if p in best else style.PAPER
            axes.plot(
                x(p.cost), y(p.value), "o", markersize=7, color=face, markeredgecolor=color, markeredgewidth=1.6, zorder=3
            )

        def pixel(a: float, b: float) -> tuple[float, float]:
            return (a - left) / (right - left) * across, (b - low) / (high - low) * along

        bars = [(pixel(x(p.cost), y(p.value - p.sd)), pixel(x(p.cost), y(min(p.value + p.sd, most)))) for p in shown if p.sd]
        lines = [(pixel(*a), pixel(*b)) for a, b in pairwise(corners)]
        walls = [_thin(*pair) for pair in (*bars, *lines)]
        dots = [pixel(x(p.cost), y(p.value)) for p in shown]
        names = [style.short(p.name) for p in shown]
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
    """The space that each name takes.

    Units   pixels
    """
    return [(style.width(name) + 4, style.LINE + 4) for name in names]


def describe(results: Results, price: Price) -> str:
    """The figure for those who cannot see it: each network, cheapest first, and whether it is on the front."""
    shown, measure = points(results, price), decides(results)
    best = front(shown)
    parts = [
        f"{p.name} {measure.write(p.value, 1)} at {_label(price)(p.cost)}{'' if p in best else ' (beaten)'}"
        for p in sorted(shown, key=lambda p: (p.cost, p.index))
    ]
    return "; ".join(parts)


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


def positions_and_labels(ticks: Sequence[tuple[float, str]]) -> tuple[list[float], list[str]]:
    """Ticks as Matplotlib takes them."""
    return [p for p, _ in ticks], [label for _, label in ticks]


def _align(box: Box, x: float) -> Literal["left", "center", "right"]:
    """Labels hold on to the side of their point, so that a narrower font does not drift away from it."""
    return "left" if box.x > x else "right" if box.x + box.width < x else "center"


def _anchor(box: Box, x: float, middle: float) -> tuple[float, float]:
    return {"left": box.x, "right": box.x + box.width, "center": box.x + box.width / 2}[_align(box, x)], middle
