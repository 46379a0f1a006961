"""A page in pixels with y downwards, and what is drawn on it: boxes, rounded lines, words."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, PathPatch, Polygon
from matplotlib.path import Path

from .. import style

Point = tuple[float, float]
NAME, NOTE = 11.0, 9.5  # pixels of text
TIP, CORNER = 5.0, 7.0
BOLD = 1.18  # how much wider bold text runs


class Pen:
    """Draws on one figure."""

    def __init__(self, width: float, height: float) -> None:
        self.figure = Figure(figsize=(width / 72, height / 72), dpi=72, facecolor=style.PAPER)
        self.axes: Axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_xlim(0, width)
        self.axes.set_ylim(height, 0)
        self.axes.set_axis_off()

    def words(self, x: float, y: float, text: str, *, size: float = NAME, color: str = style.INK, ha: str = "center",
              weight: str = "normal") -> None:  # fmt: skip
        """A line of text, `y` its middle."""
        self.axes.text(x, y, text, size=size, color=color, ha=ha, va="center_baseline", weight=weight)

    def box(  # noqa: PLR0913 (what boxes differ in)
        self, x: float, y: float, width: float, height: float, *, edge: str = style.MUTED, fill: str = style.PAPER,
        alpha: float = 1.0, dashed: bool = False, round_: float = 4.0,
    ) -> None:  # fmt: skip
        """A box with round corners and its middle at (x, y)."""
        self.axes.add_patch(FancyBboxPatch(
            (x - width / 2, y - height / 2), width, height, boxstyle=f"round,pad=0,rounding_size={min(round_, height / 2)}",
            facecolor=tint(fill, alpha), edgecolor=edge, linewidth=1.0, linestyle=(0, (3, 2)) if dashed else "-",
        ))  # fmt: skip

    def sign(self, x: float, y: float, sign: str, radius: float, *, dashed: bool = False) -> None:
        """A circle with a plus, a cross or a minus in it."""
        ring = (0, (3, 2)) if dashed else "-"
        self.axes.add_patch(Circle((x, y), radius, facecolor=style.PAPER, edgecolor=style.INK, linewidth=1.1, linestyle=ring))
        reach = radius * 0.55
        strokes = {"+": ((1, 0), (0, 1)), "×": ((0.75, 0.75), (0.75, -0.75)), "−": ((1, 0),)}[sign]
        for dx, dy in strokes:
            self.axes.plot([x - dx * reach, x + dx * reach], [y - dy * reach, y + dy * reach], color=style.INK, linewidth=1.3)

    def line(self, points: Sequence[Point], *, color: str = style.INK, width: float = 1.1, dashed: bool = False) -> None:
        """A line through points with round corners, an arrow at its end."""
        points = [p for k, p in enumerate(points) if k == 0 or distance(p, points[k - 1]) > 0.5]
        if len(points) < 2:
            return
        (ax, ay), (bx, by) = points[-2:]
        whole = distance(points[-2], points[-1])
        ux, uy = TIP * (bx - ax) / whole, TIP * (by - ay) / whole
        wings = [(bx - ux - uy / 2, by - uy + ux / 2), (bx - ux + uy / 2, by - uy - ux / 2)]
        self.axes.add_patch(Polygon([(bx, by), *wings], closed=True, facecolor=color, edgecolor="none"))
        points = [*points[:-1], (bx - ux * 0.8, by - uy * 0.8)]
        vertices, codes = [points[0]], [Path.MOVETO]
        for before, at, after in zip(points, points[1:], points[2:], strict=False):
            r = min(CORNER, distance(before, at) / 2, distance(at, after) / 2)
            vertices += [toward(at, before, r), at, toward(at, after, r)]
            codes += [Path.LINETO, Path.CURVE3, Path.CURVE3]
        self.path([*vertices, points[-1]], [*codes, Path.LINETO], color, width, dashed=dashed)

    def path(self, vertices: list[Point], codes: list[Any], color: str, width: float, *, dashed: bool = False) -> None:
        kind: Any = (0, (3, 2)) if dashed else "-"
        self.axes.add_patch(
            PathPatch(Path(vertices, codes), facecolor="none", edgecolor=color, linewidth=width, linestyle=kind)
        )

    def face(self, points: Sequence[Point], color: str, alpha: float, line: float = 0.8) -> None:
        """A side of a slab."""
        self.axes.add_patch(Polygon(points, closed=True, facecolor=style.PAPER, edgecolor="none"))
        self.axes.add_patch(Polygon(points, closed=True, facecolor=tint(color, alpha), edgecolor=color, linewidth=line))


def tint(color: str, alpha: float) -> Any:
    """A color so opaque."""
    return (color, alpha)


def distance(a: Point, b: Point) -> float:
    """Pixels from a to b."""
    return float(((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5)


def toward(a: Point, b: Point, step: float) -> Point:
    """The point so many pixels from a on the way to b."""
    whole = distance(a, b) or 1.0
    return a[0] + (b[0] - a[0]) * step / whole, a[1] + (b[1] - a[1]) * step / whole
