"""Images and those most similar to them: the query at the left, its neighbors at the right, nearest first."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from . import style
from .grid import FRAME, GAP, LINE, Line, Pixels, Tile, draw, page, shorten_to_width

QUERY, SIDE = 196, 132  # pixels a side
GUTTER = 44  # between the query and its neighbors
LEAST, ACROSS = 4, 6  # neighbors in a row
MOST = 12  # queries in a picture
HEAD, TITLE = 34, 13


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """A neighbor: its image (h, w, c) uint8, None where the file is missing, its class if known, and the cosine."""

    pixels: Pixels | None
    name: str
    label: str | None
    similarity: float


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """An image, its class if known, and its neighbors."""

    pixels: Pixels | None
    name: str
    label: str | None
    matches: tuple[Match, ...]

    @property
    def words(self) -> str:
        """How many of the neighbors are of its class."""
        count = len(self.matches)
        if self.label is None:
            return f"The {count} nearest images"
        hits = sum(match.label == self.label for match in self.matches)
        return f"{hits} of the {count} nearest images are of its class, {self.label}"


def figure(queries: Sequence[Query], caption: str = "") -> Figure:
    """One row of images per query; those of its class framed in green, others in red, and the cosine below each."""
    shown = queries[:MOST]
    columns = min(ACROSS, max(LEAST, *(len(query.matches) for query in shown)))
    heights = [height_of(query, columns) for query in shown]
    width = GAP + QUERY + GUTTER + columns * (SIDE + GAP)
    lines = caption.splitlines()
    foot = LINE * (len(lines) + 1) if lines else 0
    height = sum(heights) + GAP + foot
    with style.context():
        chart, axes = style.canvas(width, height, left=0, right=0, top=0, bottom=0)
        top = 0.0
        for query, own in zip(shown, heights, strict=True):
            row(axes, query, top, columns, width)
            top += own
        page(axes, width, height)
        for i, words in enumerate(lines):
            more = f", the first {MOST} of {len(queries)} queries" if i == 0 and len(queries) > MOST else ""
            line = shorten_to_width(f"{words}{more}", width - 2 * GAP)
            axes.text(GAP, height - LINE * (len(lines) - i), line, size=style.TEXT, color=style.MUTED)
    return chart


def height_of(query: Query, columns: int) -> float:
    """How much of the page a query takes."""
    rows = max(1, -(-len(query.matches) // columns))
    return HEAD + max(QUERY + 2 * LINE + 6, rows * (SIDE + 2 * LINE + 6 + GAP)) + GAP


def row(axes: Axes, query: Query, top: float, columns: int, width: float) -> None:
    """A query and its neighbors below their title."""
    words = shorten_to_width(query.words, width - 2 * GAP - QUERY - GUTTER, TITLE)
    left = GAP + QUERY + GUTTER
    axes.text(left, top + GAP + 9, words, size=TITLE, color=style.INK, weight="bold")
    axes.text(GAP, top + GAP + 9, "Query", size=TITLE, color=style.INK, weight="bold")
    label = () if query.label is None else (Line(query.label, ink=style.INK, minor=False),)
    draw_match(axes, query.pixels, style.INK, (*label, Line(query.name)), at=(GAP, top + HEAD), side=QUERY)
    for place, match in enumerate(query.matches):
        down, across = divmod(place, columns)
        known = query.label is not None and match.label is not None
        ink = (style.RIGHT if match.label == query.label else style.WRONG) if known else style.FAINT
        first = Line(
            match.label or match.name, f"{match.similarity:.3f}", style.INK if ink == style.FAINT else ink, minor=False
        )
        lines = (first, Line(match.name)) if match.label else (first,)
        at = left + across * (SIDE + GAP), top + HEAD + down * (SIDE + 2 * LINE + 6 + GAP)
        draw_match(axes, match.pixels, ink, lines, at=at, side=SIDE)


def draw_match(
    axes: Axes, pixels: Pixels | None, ink: str, lines: tuple[Line, ...], *, at: tuple[float, float], side: float
) -> None:
    """An image with its lines; a gray tile where there is none.

    Shapes   pixels (h, w, c)
    Units    at and side in pixels of the page
    """
    if pixels is not None:
        draw(axes, Tile(pixels, ink, lines), *at, side)
        return
    draw(axes, Tile(np.full((2, 2, 3), 255, np.uint8), ink, lines), *at, side)
    axes.add_patch(Rectangle(at, side, side, facecolor=style.GRID, edgecolor=ink, linewidth=FRAME, zorder=3))
    axes.text(
        at[0] + side / 2, at[1] + side / 2, "file missing", size=style.TEXT, color=style.MUTED, ha="center",
        va="center_baseline", zorder=4,
    )  # fmt: skip
