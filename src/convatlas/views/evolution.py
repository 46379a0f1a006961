"""The catalog through the years: accuracy, size and cost of its networks, and below them who took ideas from whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log10, sqrt

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, PathPatch, Rectangle
from matplotlib.path import Path
from numpy.typing import NDArray

from ..catalog import Row
from ..models.lineage import Node
from . import style
from .labels import Box, place
from .lanes import choose_lanes
from .pareto import label_sizes

WIDTH, CHART, TREE = 1200, 446, 400  # pixels
LEFT, RIGHT, TOP, YEARS, FOOT = 40, 16, 44, 26, 46
LARGEST = 30.0  # pixels: radius of the disc with the most parameters
COLORS = "cividis"
LOW, HIGH = 48.0, 94.5  # percent
EXTRA = "SWAG"  # in the source of an accuracy that more than ImageNet's images have made


@dataclass(frozen=True, slots=True)
class Column:
    """The variants of one node that came in one year."""

    year: int
    node: str
    x: float  # pixels


def figure(rows: Sequence[Row], nodes: Sequence[Node], edges: Sequence[tuple[str, str]]) -> Figure:
    """Published ImageNet accuracy by year above, the lineage below, on one axis of years.

    The first edge (child, parent) of each child is drawn thick: it is what the network stands on.
    """
    columns, bands = laid_out(rows, nodes)
    height = TOP + CHART + YEARS + TREE + FOOT
    with style.context():
        sheet, chart = style.canvas(WIDTH, height, left=0, right=0, top=TOP, bottom=YEARS + TREE + FOOT)
        tree = sheet.add_axes((0, FOOT / height, 1, TREE / height))
        for axes, tall in ((chart, CHART), (tree, TREE)):
            axes.set_xlim(0, WIDTH)
            axes.set_ylim(0, tall)
            axes.set_axis_off()
            for i, (_, left, right) in enumerate(bands):
                if i % 2 == 0:
                    axes.add_patch(
                        Rectangle((left, 0), right - left, tall, facecolor=(style.GRID, 0.5), edgecolor="none", zorder=0)
                    )
        for year, left, right in bands:
            chart.annotate(str(year), ((left + right) / 2, -17), size=13, color=style.INK, ha="center", annotation_clip=False)
        draw_published(chart, rows, columns, nodes)
        lineage(tree, columns, nodes, edges)
        shown = [row for row in rows if on_imagenet(row)]
        first, last = min(row.year for row in rows), max(row.year for row in rows)
        top = 1 - 26 / height
        words = f"{len(rows)} networks, {first}–{last}: how right, how large, and who learned from whom"
        sheet.text(14 / WIDTH, top, words, size=17, color=style.INK)
        said = (
            f"Above: {len(shown)} variants with a published ImageNet top-1, some of weights that are younger than the network.",
            "Below: blue lines lead to a network from what it stands on, gray ones from what else it took.",
        )
        for i, words in enumerate(said):
            sheet.text(14 / WIDTH, (FOOT - 20 - 16 * i) / height, words, color=style.MUTED)
    return sheet


def on_imagenet(row: Row) -> bool:
    return row.top1 is not None and row.top1_on == "ImageNet"


def node_of(nodes: Sequence[Node]) -> dict[str, str]:
    """Variant → node."""
    return {variant: node.name for node in nodes for variant in node.variants}


def laid_out(
    rows: Sequence[Row], nodes: Sequence[Node]
) -> tuple[dict[tuple[int, str], Column], list[tuple[int, float, float]]]:
    """A column for each node in each year that it has variants of, side by side; the years as bands (year, left, right)."""
    of, order = node_of(nodes), [node.name for node in nodes]
    home = {(node.year, node.name) for node in nodes}
    wanted = home | {(row.year, of[row.name]) for row in rows if on_imagenet(row)}
    keys = sorted(wanted, key=lambda key: (key[0], order.index(key[1])))
    years = sorted({year for year, _ in keys})
    room = {year: max(1.5, sum(key[0] == year for key in keys) + 0.4) for year in years}
    unit = (WIDTH - LEFT - RIGHT) / sum(room.values())
    columns: dict[tuple[int, str], Column] = {}
    bands: list[tuple[int, float, float]] = []
    left = float(LEFT)
    for year in years:
        own = [key for key in keys if key[0] == year]
        right = left + room[year] * unit
        start = (left + right) / 2 - (len(own) - 1) * unit / 2
        columns |= {key: Column(*key, start + i * unit) for i, key in enumerate(own)}
        bands.append((year, left, right))
        left = right
    return columns, bands


def draw_published(axes: Axes, rows: Sequence[Row], columns: Mapping[tuple[int, str], Column], nodes: Sequence[Node]) -> None:
    """A disc for each variant with an accuracy on ImageNet: area its parameters, color its multiply-accumulates."""
    of = node_of(nodes)
    shown = sorted((row for row in rows if on_imagenet(row)), key=lambda row: -row.parameters)
    points = {row.name: (columns[row.year, of[row.name]].x, height_of(row.top1 or 0.0)) for row in shown}
    largest = max(row.parameters for row in shown)
    radius = {row.name: LARGEST * sqrt(row.parameters / largest) for row in shown}
    for percent in range(50, 91, 10):
        axes.plot([LEFT, WIDTH - RIGHT], [height_of(percent)] * 2, color=style.GRID, linewidth=0.8, zorder=1)
        axes.text(LEFT - 6, height_of(percent), str(percent), color=style.MUTED, size=13, ha="right", va="center_baseline")
    axes.text(LEFT + 4, CHART - 16, "ImageNet top-1, %", color=style.MUTED, size=13)
    best = records(shown)
    corners = [points[row.name] for row in best]
    steps = [corners[0], *(p for a, b in pairwise(corners) for p in ((b[0], a[1]), b)), (WIDTH - RIGHT, corners[-1][1])]
    axes.plot(*zip(*steps, strict=True), color=style.MUTED, linewidth=1.4, linestyle=style.DASHES[1], zorder=2)
    macs = [log10(row.macs) for row in shown]
    across, up = zip(*points.values(), strict=True)
    axes.scatter(
        across, up, s=[4 * radius[name] ** 2 for name in points], c=macs, cmap=COLORS,
        edgecolors=style.MUTED, linewidths=0.7, zorder=3,
    )  # fmt: skip
    for row in shown:
        if EXTRA in row.top1_source:
            ring = 2 * radius[row.name] + 7
            axes.add_patch(
                Ellipse(points[row.name], ring, ring, facecolor="none", edgecolor=style.INK, linewidth=1.1, zorder=4)
            )
    keys = legend(axes, (min(macs), max(macs)), largest)
    named = [
        max((row for row in shown if of[row.name] == node.name), key=lambda row: row.top1 or 0, default=None) for node in nodes
    ]
    names = [row.name for row in named if row is not None]
    walls = [Box(x - radius[n], y - radius[n], 2 * radius[n], 2 * radius[n]) for n, (x, y) in points.items()]
    walls += [Box(min(a[0], b[0]), min(a[1], b[1]), abs(a[0] - b[0]) + 1, abs(a[1] - b[1]) + 1) for a, b in pairwise(steps)]
    dots = [points[name] for name in names]
    boxes = place(dots, label_sizes(names), Box(LEFT, 4, WIDTH - LEFT - RIGHT, CHART - 8), [*walls, *keys])
    for name, (x, y), box in zip(names, dots, boxes, strict=True):
        u, v = box.nearest(x, y)
        if (u - x) ** 2 + (v - y) ** 2 > (radius[name] + 7) ** 2:
            axes.plot([x, u], [y, v], color=style.FAINT, linewidth=0.8, zorder=2)
        axes.text(
            box.x + box.width / 2, box.y + box.height / 2, name, color=style.INK, ha="center", va="center_baseline", zorder=5
        )


def height_of(percent: float) -> float:
    """Where an accuracy stands.

    Units   pixels of the chart
    """
    return (percent - LOW) / (HIGH - LOW) * CHART


def records(rows: Sequence[Row]) -> list[Row]:
    """The best of each year that was better than all before."""
    kept: list[Row] = []
    for year in sorted({row.year for row in rows}):
        best = max((row for row in rows if row.year == year), key=lambda row: row.top1 or 0.0)
        if not kept or (best.top1 or 0.0) > (kept[-1].top1 or 0.0):
            kept.append(best)
    return kept


def legend(axes: Axes, macs: tuple[float, float], largest: int) -> list[Box]:
    """What area, color, line and ring mean, in the empty lower right corner; the room it takes."""
    x, y, wide = WIDTH - RIGHT - 272.0, 20.0, 236.0
    axes.imshow(np.linspace(*macs, 256)[None], cmap=COLORS, extent=(x, x + wide, y + 14, y + 24), aspect="auto", zorder=2)
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(0, CHART)
    axes.text(x, y + 32, "color: multiply-accumulates an image", color=style.MUTED)
    for power, words in ((8, "100 M"), (9, "1 G"), (10, "10 G"), (11, "100 G")):
        at = x + (power - macs[0]) / (macs[1] - macs[0]) * wide
        axes.plot([at, at], [y + 10, y + 14], color=style.FAINT, linewidth=0.8)
        axes.text(at, y - 2, words, color=style.MUTED, ha="center")
    at = x
    for millions in (1, 10, 100, 600):
        r = LARGEST * sqrt(millions * 1e6 / largest)
        axes.add_patch(Ellipse((at + r, y + 86), 2 * r, 2 * r, facecolor="none", edgecolor=style.MUTED, linewidth=1))
        axes.text(at + 2 * r + 4, y + 86, f"{millions} M", color=style.MUTED, va="center_baseline")
        at += 2 * r + 4 + style.width(f"{millions} M") + 12
    axes.text(x, y + 122, "area: parameters", color=style.MUTED)
    axes.plot([x, x + 22], [y + 146] * 2, color=style.MUTED, linewidth=1.4, linestyle=style.DASHES[1])
    axes.text(x + 28, y + 146, "best so far", color=style.MUTED, va="center_baseline")
    axes.add_patch(Ellipse((x + 116, y + 146), 11, 11, facecolor="none", edgecolor=style.INK, linewidth=1.1))
    axes.text(x + 126, y + 146, "saw more than ImageNet", color=style.MUTED, va="center_baseline")
    return [Box(x - 8, 0, wide + 44, y + 158)]


def lineage(
    axes: Axes, columns: Mapping[tuple[int, str], Column], nodes: Sequence[Node], edges: Sequence[tuple[str, str]]
) -> None:
    """A dot for each node in its year, a curve from each parent to its child."""
    places = {node.name: columns[node.year, node.name].x for node in nodes}
    lanes = choose_lanes(places, edges)
    room = (TREE - 46) / max(*lanes.values(), 1)
    spot = {name: (x, TREE - 30 - room * lanes[name]) for name, x in places.items()}
    titles = {}
    for node in nodes:
        (x, y), wide = spot[node.name], style.width(node.title) + 4
        titles[node.name] = Box(min(max(x - wide / 2, 4), WIDTH - 4 - wide), y + 5.5, wide, 14)
    stood: set[str] = set()
    for child, parent in edges:
        walls = [Box(x - 5, y - 5, 10, 10) for name, (x, y) in spot.items() if name not in (child, parent)]
        walls += [box for name, box in titles.items() if name not in (child, parent)]
        curve = clearest(spot[parent], spot[child], walls)
        first = child not in stood
        stood.add(child)
        color, weight = (style.SERIES_LIGHT[0], 1.9) if first else (style.FAINT, 1.1)
        axes.add_patch(PathPatch(curve, facecolor="none", edgecolor=color, linewidth=weight, zorder=2 if first else 1))
    for node in nodes:
        (x, y), box = spot[node.name], titles[node.name]
        face = (style.PAPER, 0.82)
        axes.add_patch(Rectangle((box.x, box.y), box.width, box.height, facecolor=face, edgecolor="none", zorder=3))
        axes.text(box.x + box.width / 2, y + 12.5, node.title, color=style.INK, ha="center", va="center_baseline", zorder=5)
        axes.plot(
            x, y, "o", markersize=6.5, color=style.SERIES_LIGHT[0], markeredgecolor=style.PAPER, markeredgewidth=1, zorder=4
        )


def clearest(start: tuple[float, float], end: tuple[float, float], walls: Sequence[Box]) -> Path:
    """Leaves and arrives level; lanes are changed at once, late, halfway or all along, wherever least is in the way."""
    (x, y), (u, v) = start, end
    turn = min(max(1.3 * abs(v - y), 60), u - x)
    middle = (x + u) / 2
    ways = []
    for left, right in ((x, u), (u - turn, u), (x, x + turn), (middle - turn / 2, middle + turn / 2)):
        bend = max(0.45 * (right - left), 10)
        ways.append(np.array([start, (left, y), (left + bend, y), (right - bend, v), (right, v), end]))

    low = np.array([(wall.x, wall.y) for wall in walls])
    high = low + [(wall.width, wall.height) for wall in walls]

    def hidden(corners: NDArray[np.float64]) -> int:
        path = dots(corners)[:, None]
        return int(((low < path) & (path < high)).all(-1).sum())

    return Path(min(ways, key=hidden), [Path.MOVETO, Path.LINETO, Path.CURVE4, Path.CURVE4, Path.CURVE4, Path.LINETO])


def dots(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points along a line, a cubic and a line.

    Shapes   corners (6, 2) → (120, 2)
    """
    p, t = corners[:, None], np.linspace(0, 1, 40)[:, None]
    curve = (1 - t) ** 3 * p[1] + 3 * t * (1 - t) ** 2 * p[2] + 3 * t**2 * (1 - t) * p[3] + t**3 * p[4]
    return np.concatenate([p[0] + t * (p[1] - p[0]), curve, p[4] + t * (p[5] - p[4])])


__all__ = ["figure"]
