"""Images as points in the plane: a figure that names the classes where they lie, a page with the image at each point."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image

from . import style
from .grid import rgb
from .labels import Box, place
from .page import render

SIDE, MARGIN = 640, 12
FLAT = 0.6  # of the longer side, at least
MARKERS = ("o", "^", "s", "D", "v", "P", "X", "<", "*", ">")  # a color's second, third … class
GLYPHS = "●▲■◆▼✚✖◀★▶"  # the same in letters
NAMED = 30  # classes named in the figure: those with the most points
NAME = 12.5  # pixels
FEW = 6  # points that a name must not hide
SHEET = 4_200_000  # pixels of all thumbnails together, so that the page stays small
THUMBNAILS = (16, 64)  # pixels a side


@dataclass(frozen=True, slots=True, eq=False)
class Class:
    """The points of one class; its hue counts on where the colors begin again, with another marker."""

    number: int
    name: str
    hue: int
    points: NDArray[np.float32]

    @property
    def ink(self) -> int:
        return self.hue % len(style.SERIES_LIGHT)

    @property
    def color(self) -> str:
        return style.SERIES_LIGHT[self.ink]

    @property
    def marker(self) -> int:
        return self.hue // len(style.SERIES_LIGHT) % len(MARKERS)


def group_by_class(points: NDArray[np.float32], labels: NDArray[np.int64], names: Sequence[str]) -> list[Class]:
    """The classes that have points, in the order of the set; where colors suffice, each has its own in every picture.

    Shapes   points (n, 2), labels (n,)
    """
    there = np.unique(labels).tolist()
    own = len(names) <= len(style.SERIES_LIGHT)
    return [
        Class(k, style.plain(names[k]) if k < len(names) else str(k), k if own else i, points[labels == k])
        for i, k in enumerate(there)
    ]


def figure(points: NDArray[np.float32], labels: NDArray[np.int64], names: Sequence[str]) -> Figure:
    """The points, each in its class's color, and the names of the classes at their medians.

    Shapes   points (n, 2), labels (n,)
    """
    with style.context():
        across, up = np.maximum(np.ptp(points, axis=0), 1e-6)
        width, height = SIDE * min(1, max(across / up, FLAT)), SIDE * min(1, max(up / across, FLAT))
        chart, axes = style.canvas(width, height, left=MARGIN, right=MARGIN, top=MARGIN, bottom=MARGIN)
        draw(axes, points, labels, names)
    return chart


def draw(axes: Axes, points: NDArray[np.float32], labels: NDArray[np.int64], names: Sequence[str]) -> None:
    """The same in given axes, which lose their ticks: the plane has no units.

    Shapes   points (n, 2), labels (n,)
    """
    classes = group_by_class(points, labels, names)
    low, high = points.min(0).astype(np.float64), points.max(0).astype(np.float64)
    box = axes.get_window_extent()
    pixels = np.array([box.width, box.height])
    unit = float(np.maximum((high - low) / (pixels - 2 * MARGIN), 1e-9).max())  # of data in a pixel
    (left, bottom), (right, top) = (low + high) / 2 - pixels * unit / 2, (low + high) / 2 + pixels * unit / 2
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.set_axis_off()
    size = float(np.clip(16000 / len(points), 3, 36))
    for marker in dict.fromkeys(group.marker for group in classes):
        alike = [group for group in classes if group.marker == marker]
        chosen = np.concatenate([group.points for group in alike])
        colors = np.repeat([group.color for group in alike], [len(group.points) for group in alike])
        order = np.random.default_rng(0).permutation(len(chosen))  # so that no class lies over another
        axes.scatter(chosen[order, 0], chosen[order, 1], s=size, c=list(colors[order]), marker=MARKERS[marker],
                     linewidths=0, alpha=0.62, zorder=2, rasterized=len(points) > 4000)  # fmt: skip
    largest = sorted(classes, key=lambda group: -len(group.points))[:NAMED]
    for group, where in zip(largest, place_names(largest, axes, unit), strict=True):
        axes.add_patch(
            Rectangle((where.x, where.y), where.width, where.height, facecolor=style.PAPER, alpha=0.8, linewidth=0, zorder=3)
        )
        axes.text(
            where.x + where.width / 2, where.y + where.height / 2, short_name(group), size=NAME, color=group.color,
            weight="bold", ha="center", va="center_baseline", zorder=4,
        )  # fmt: skip


def short_name(group: Class) -> str:
    """The name as there is room for."""
    return style.short(group.name, 18)


def frame_of(points: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
    """The middle of the points, and how far the frame around them reaches.

    Shapes   points (n, 2) → middle (2,) and half the side
    """
    low, high = points.min(0).astype(np.float64), points.max(0).astype(np.float64)
    return (low + high) / 2, max(float((high - low).max()) / 2 * 1.04, 1e-6)


def place_names(classes: Sequence[Class], axes: Axes, unit: float) -> list[Box]:
    """Where the names go, in data: on the median of a cluster, or beside it where two would overlap or hide its few points."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    area = Box(0, 0, (right - left) / unit, (high - low) / unit)
    sizes = [(style.width(short_name(group), NAME) * 1.12 + 6, NAME + 5) for group in classes]
    medians = [(np.median(group.points, axis=0) - (left, low)) / unit for group in classes]
    # `place` tries first what lies right of a point, seven pixels away: so the name's middle comes upon the median
    shifts = [width / 2 + 7 if len(group.points) > FEW else 0 for group, (width, _) in zip(classes, sizes, strict=True)]
    points = [(float(x) - shift, float(y)) for (x, y), shift in zip(medians, shifts, strict=True)]
    few = [(point - (left, low)) / unit for group in classes if len(group.points) <= FEW for point in group.points]
    boxes = place(points, sizes, area, [Box(float(x) - 4, float(y) - 4, 8, 8) for x, y in few])
    return [Box(left + b.x * unit, low + b.y * unit, b.width * unit, b.height * unit) for b in boxes]


def page(
    points: NDArray[np.float32], labels: NDArray[np.int64], names: Sequence[str], thumbnails: Sequence[NDArray[np.uint8]],
    *, words: Sequence[str], head: Mapping[str, Any],
) -> str:  # fmt: skip
    """The same as a page of its own, with the image at each point, in which classes can be hidden.

    Shapes   points (n, 2), labels (n,); thumbnails n times (h, w, c); words n sentences; head: title, caption, facts
    """
    classes = group_by_class(points, labels, names)
    middle, reach = frame_of(points)
    side, across, address = sheet(thumbnails)
    where = np.round((points - middle) / reach * 5000).astype(int)
    order = {group.number: i for i, group in enumerate(classes)}
    across_up = np.maximum(np.ptp(points, axis=0), 1e-6)
    return render(
        "embedding.html.j2",
        extra="embedding.js",
        kind="embedding",
        verb="look",
        sheet=address,
        side=side,
        shape=f"{min(1, max(across_up[1] / across_up[0], FLAT)):.3f}",
        classes=[(i, group.name, len(group.points), group.ink + 1, GLYPHS[group.marker]) for i, group in enumerate(classes)],
        data={
            "x": where[:, 0].tolist(),
            "y": where[:, 1].tolist(),
            "of": [order[int(k)] for k in labels],
            "inks": [f"--series-{group.ink + 1}" for group in classes],
            "markers": [group.marker for group in classes],
            "names": [short_name(group) for group in classes[:NAMED]],
            "words": [style.plain(word) for word in words],
            "side": side,
            "across": across,
        },
        **head,
    )


def sheet(thumbnails: Sequence[NDArray[np.uint8]]) -> tuple[int, int, str]:
    """All images on one, as an address: their side, how many are in a row, and the address.

    Shapes   thumbnails (h, w, 3)
    """
    least, most = THUMBNAILS
    largest = max(max(image.shape[:2]) for image in thumbnails)
    side = max(least, min(most, largest, int(sqrt(SHEET / len(thumbnails)))))
    across = ceil(sqrt(len(thumbnails)))
    whole = Image.new("RGB", (across * side, ceil(len(thumbnails) / across) * side))
    for i, image in enumerate(thumbnails):
        small = Image.fromarray(rgb(image))
        small = small if small.size == (side, side) else small.resize((side, side), Image.Resampling.LANCZOS)
        whole.paste(small, (i % across * side, i // across * side))
    stream = io.BytesIO()
    whole.save(stream, "WEBP", quality=80, method=4)
    return side, across, f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}"
