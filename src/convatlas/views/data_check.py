"""A folder of images at a glance: how even its classes are, how large its images, and what is in it twice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from . import grid, style
from .numbers import thousands

SHOWN, MOST, LEAST = 18, 6, 10  # up to so many classes each has its row; beyond, so many from both ends
AIR = 9.0
THIN, THICK = 11.0, 30.0  # pixels of a bar: as thick as leaves the plane beside it no higher
ACROSS, LONGEST = 300.0, 170.0  # pixels of the bars and of the longest name
SQUARE, BETWEEN = 300.0, 92.0  # pixels of the plane of sizes, and beside it
TOP, BOTTOM, SIDE = 60.0, 50.0, 16.0
TICKS = (4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384)
THUMB, PAIRS = 168.0, 3  # side of an image of a pair, and pairs in a row
KINDS = {"same": "same pixels", "near": "nearly the same", "mirrored": "mirrored"}
Part = Mapping[str, int]  # images by class


@dataclass(frozen=True, slots=True, eq=False)
class DuplicatePair:
    """Two images that show the same, with their paths; `bad` says what is wrong with that, if anything is."""

    first: NDArray[np.uint8]
    second: NDArray[np.uint8]
    paths: tuple[str, str]
    kind: str
    correlation: float
    bad: str = ""


def overview(counts: Mapping[str, Part], sizes: Mapping[str, Sequence[tuple[int, int]]], usual: int) -> Figure:
    """Images by class, one bar per part, the largest class above; beside them each image by its width and height.

    `counts` and `sizes` (width, height) are by part, `usual` the side that most networks see.
    """
    totals = {label: sum(part[label] for part in counts.values()) for part in counts.values() for label in part}
    first = next(iter(counts.values()))
    labels = sorted(totals, key=lambda label: (-first[label], -totals[label], label))
    rows: list[str | None] = [*labels] if len(labels) <= SHOWN else [*labels[:MOST], None, *labels[-LEAST:]]
    bar = float(np.clip((SQUARE / len(rows) - AIR) / len(counts), THIN, THICK))
    step = bar * len(counts) + AIR
    names = {label: grid.shorten_to_width(label, LONGEST) for label in rows if label is not None}
    left = SIDE + max((style.width(name) for name in names.values()), default=0) + 10
    high = max(step * len(rows), SQUARE)
    width = left + ACROSS + BETWEEN + SQUARE + SIDE
    with style.context():
        chart, axes = style.canvas(
            width, high + TOP + BOTTOM, left=left, right=width - left - ACROSS, top=TOP, bottom=BOTTOM
        )  # fmt: skip
        bars(axes, counts, rows, names, (bar, high))
        if len(labels) > SHOWN:
            axes.text(8, step * (MOST + 0.5), f"⋮   {len(labels) - MOST - LEAST} classes between", color=style.MUTED,
                      va="center_baseline")  # fmt: skip
        whole = high + TOP + BOTTOM
        box = ((left + ACROSS + BETWEEN) / width, (whole - TOP - SQUARE) / whole, SQUARE / width, SQUARE / whole)
        plane(chart.add_axes(box), sizes, usual)
        draw_legend(chart, counts, width, whole)
        every = [side for part in sizes.values() for side in part]
        small = sum(min(side) < usual for side in every)
        words = f"size of each image, {thousands(small)} of {thousands(len(every))} below {usual} pixels"
        chart.text(1 - (SIDE + SQUARE) / width, 1 - (TOP - 16) / whole, words, color=style.MUTED, va="baseline")
    return chart


def bars(
    axes: Axes, counts: Mapping[str, Part], rows: Sequence[str | None], names: Mapping[str, str], size: tuple[float, float]
) -> None:
    """Rows of bars with their numbers; `size` is how thick a bar is, and how high they all are."""
    thick, high = size
    step = thick * len(counts) + AIR
    most = max((n for part in counts.values() for n in part.values()), default=1) or 1
    limit = most * ACROSS / (ACROSS - style.width(thousands(most)) - 10)
    axes.set_xlim(0, limit)
    axes.set_ylim(high, 0)
    axes.set_yticks([])
    axes.set_xticks([])
    axes.spines[["bottom", "left"]].set_visible(False)
    unit = limit / ACROSS
    for row, label in enumerate(rows):
        if label is None:
            continue
        middle = step * (row + 0.5)
        axes.text(-8 * unit, middle, names[label], ha="right", va="center_baseline")
        for i, part in enumerate(counts.values()):
            y = middle + thick * (i - len(counts) / 2)
            axes.add_patch(Rectangle((0, y), part[label], thick - 1, facecolor=style.series(i)[0], alpha=0.75, linewidth=0))
            ink = style.MUTED if part[label] else style.WRONG
            axes.text(part[label] + 5 * unit, y + thick / 2 - 0.5, thousands(part[label]), size=grid.MINOR, color=ink,
                      va="center_baseline")  # fmt: skip


def plane(axes: Axes, sizes: Mapping[str, Sequence[tuple[int, int]]], usual: int) -> None:
    """Each image by its width and height, equal scales, both logarithmic."""
    sides = [side for part in sizes.values() for size in part for side in size] or [usual]
    low, high = 0.8 * min(*sides, usual), 1.25 * max(*sides, usual)
    for which, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
        getattr(axes, f"set_{which}scale")("log", base=2)
        getattr(axes, f"set_{which}lim")(low, high)
        ticks = [tick for tick in TICKS if low <= tick <= high]
        ticks = ticks[:: -(-len(ticks) // 6) or 1]
        axis.set_ticks(ticks, [str(tick) for tick in ticks])
        axis.set_ticks([], minor=True)
    axes.plot([low, high], [low, high], color=style.GRID, linewidth=1, zorder=0)
    for line in (axes.axhline, axes.axvline):
        line(usual, color=style.MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    total = sum(len(part) for part in sizes.values())
    for i, part in enumerate(sizes.values()):
        if len(part):
            x, y = np.array(part).T
            faint = float(np.clip(12 / total**0.5, 0.12, 0.6))
            axes.scatter(x, y, s=14, color=style.series(i)[0], alpha=faint, linewidths=0, zorder=2, rasterized=total > 5000)
    axes.text(usual, high, f" {usual}", color=style.MUTED, size=grid.MINOR, va="top")
    axes.set_xlabel("width, pixels", labelpad=3)
    axes.set_ylabel("height, pixels", labelpad=4)


def draw_legend(chart: Figure, counts: Mapping[str, Part], width: float, high: float) -> None:
    """What the bars are, and which color is which part."""
    chart.text(SIDE / width, 1 - 20 / high, "images of each class", color=style.MUTED, va="baseline")
    x, y = SIDE, TOP - 16
    for i, (part, row) in enumerate(counts.items()):
        total = thousands(sum(row.values()))
        words = f"{total} in one tree" if part == "all" else f"{part}, {total}"
        chart.add_artist(Rectangle((x / width, 1 - y / high), 10 / width, 10 / high, facecolor=style.series(i)[0], alpha=0.75))
        chart.text((x + 15) / width, 1 - y / high, words, va="baseline")
        x += 15 + style.width(words) + 18


def duplicates_figure(pairs: Sequence[DuplicatePair]) -> Figure:
    """The images of each pair side by side, over where they lie and under what they have in common."""
    columns = min(PAIRS, len(pairs))
    cell, gap, head, foot = 2 * THUMB + 8, 26.0, 10.0, 2 * grid.LINE + 6
    rows = [pairs[start : start + columns] for start in range(0, len(pairs), columns)]
    highs = [max(drawn_height(image) for twins in row for image in (twins.first, twins.second)) for row in rows]
    width = columns * (cell + gap) + gap
    high = sum(highs) + len(rows) * (head + foot + gap) + gap
    with style.context():
        chart, axes = style.canvas(width, high, left=0, right=0, top=0, bottom=0)
        y = gap
        for row, below in zip(rows, highs, strict=True):
            for place, twins in enumerate(row):
                pair(axes, twins, (gap + place * (cell + gap), y + head), below)
            y += head + below + foot + gap
        grid.page(axes, width, high)
    return chart


def pair(axes: Axes, twins: DuplicatePair, corner: tuple[float, float], below: float) -> None:
    """Two images whose upper left corner is given, their paths so many pixels further down."""
    x, y = corner
    cell = 2 * THUMB + 8
    ink = style.WRONG if twins.bad else style.MUTED
    likeness = "" if twins.kind == "same" else f", correlation {min(twins.correlation, 0.999):.3f}"
    axes.text(x, y - 8, f"{KINDS[twins.kind]}{likeness}", size=grid.SIZE)
    axes.text(x + cell, y - 8, twins.bad, size=grid.SIZE, color=ink, ha="right")
    for i, image in enumerate((twins.first, twins.second)):
        grid.picture(axes, image, (x + i * (THUMB + 8), y - (THUMB - drawn_height(image)) / 2), THUMB, ink)
    for i, path in enumerate(twins.paths):
        words = grid.shorten_to_width(path, cell, grid.MINOR)
        axes.text(x, y + below + 2 + grid.LINE * (i + 1), words, size=grid.MINOR, color=style.MUTED)


def drawn_height(image: NDArray[np.uint8]) -> float:
    """How high an image is drawn.

    Shapes   image (h, w, c)
    Units    pixels of the page
    """
    h, w = image.shape[:2]
    return THUMB * h / max(h, w)
