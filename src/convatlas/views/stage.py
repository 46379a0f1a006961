"""Where windows, pixels and outputs of a convolution stand in a picture, whatever it is drawn with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from ..anatomy.arithmetic import Convolution, Size, Step, count_unread, shape_text
from ..errors import InputError
from . import style

MOST, LARGEST = 4, 64  # layers in one picture; pixels a side of a drawn board
SHOWN = 49  # windows that are drawn one by one
BOARD, GAP, HEAD, LINE, MARGIN = 264, 76, 66, 22, 20
PIXEL, WINDOW, DONE = style.SERIES_LIGHT[0], style.SERIES_LIGHT[1], style.SERIES_LIGHT[2]


@dataclass(frozen=True, slots=True)
class Scene:
    """A layer with an input that is small enough to be drawn, and the real one."""

    layer: Convolution
    size: Size
    real: Size

    @classmethod
    def of(cls, layer: Convolution, real: Size) -> "Scene":
        """The layer over its own input, or over the smallest one whose borders come out alike.

        Raises   InputError if not even that can be drawn
        """
        own = cls(layer, real, real)
        if max(own.board) <= 18 and prod(own.windows) <= SHOWN:
            return own
        small = cls(layer, (smaller(layer, real, 0), smaller(layer, real, 1)), real)
        if max(small.board) > LARGEST:
            raise InputError(
                f"a board of {shape_text(small.board)} is too large to draw: windows and strides up to about 30 pixels fit"
            )
        return small

    @property
    def windows(self) -> Size:
        """How many windows there are along each axis."""
        return self.size if self.layer.transposed else self.layer.output(self.size)

    @property
    def pixels(self) -> Size:
        """Of the side that windows lie on: the input, transposed the output."""
        return self.layer.output(self.size) if self.layer.transposed else self.size

    @property
    def board(self) -> Size:
        """The same with padding."""
        (h, w), (p, q) = self.pixels, self.layer.padding
        return h + 2 * p, w + 2 * q

    @property
    def title(self) -> str:
        layer = self.layer
        said = [f"{shape_text(layer.kernel)} kernel", f"stride {short(layer.stride)}"]
        said += [f"padding {short(layer.padding)}"] * any(layer.padding)
        said += [f"dilation {short(layer.dilation)}"] * (max(layer.dilation) > 1)
        sizes = f"{shape_text(self.real)} → {shape_text(layer.output(self.real))}"
        return f"{'Transposed, ' * layer.transposed}{', '.join(said)}: {sizes}"

    @property
    def subtitle(self) -> str:
        down, across = (self.layer.formula(n, at) for at, n in enumerate(self.real))
        said = [down if down == across else f"{down}, {across}"]
        if self.size != self.real:
            said.append(f"drawn small: {shape_text(self.size)} → {shape_text(self.layer.output(self.size))}")
        if not self.layer.transposed and any(count_unread(self.step, at) for at in (0, 1)):
            said.append("no window reads gray pixels")
        return " · ".join(said)

    @property
    def step(self) -> Step:
        return Step(self.layer, self.size, self.layer.output(self.size), (0, 0), (0, 0))

    def read(self, at: int) -> list[bool]:
        """Whether a window reads each row (0) or column (1) of the board."""
        k, s, d = self.layer.kernel[at], self.layer.stride[at], self.layer.dilation[at]
        places = {i * s + d * j for i in range(self.windows[at]) for j in range(k)}
        return [place in places for place in range(self.board[at])]


def smaller(layer: Convolution, real: Size, at: int) -> int:
    """A side with a few windows and the same remainder behind the last one."""
    if layer.transposed:
        return min(real[at], 4)
    s, p, reach = layer.stride[at], layer.padding[at], layer.reach[at]
    rest = (real[at] + 2 * p - reach) % s
    windows = min(layer.axis(real[at], at), 5 if reach + 4 * s <= 18 else 3)
    side = (windows - 1) * s + reach - 2 * p + rest
    return min(real[at], side + max(0, -(-(1 - side) // s)) * s)


def short(pair: Size) -> str:
    return str(pair[0]) if pair[0] == pair[1] else shape_text(pair)


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle by its upper left corner.

    Units   pixels, y downwards
    """

    x: float
    y: float
    width: float
    height: float
    fill: str = "none"
    opacity: float = 1.0
    edge: str = "none"
    weight: float = 1.0
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Stage:
    """A scene with its place in the picture: the board with the windows, the other grid, their cell sizes."""

    scene: Scene
    x: float
    y: float
    side: float  # of the board's longer side

    @property
    def unit(self) -> float:
        return min(26.0, self.side / max(self.scene.board))

    @property
    def cell(self) -> float:
        """Of the grid that has one cell a window."""
        return min(max(self.unit, self.side / 16), self.side / max(self.scene.windows))

    @property
    def spans(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Width and height of the board and of the grid."""
        (h, w), (rows, columns) = self.scene.board, self.scene.windows
        return (w * self.unit, h * self.unit), (columns * self.cell, rows * self.cell)

    @property
    def gap(self) -> float:
        return GAP * self.side / BOARD

    @property
    def width(self) -> float:
        return self.spans[0][0] + self.gap + self.spans[1][0]

    @property
    def height(self) -> float:
        return max(self.spans[0][1], self.spans[1][1])

    @property
    def corners(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Upper left of the board and of the grid; data flows from left to right."""
        (bw, bh), (gw, gh) = self.spans
        top, right = self.y, self.x + (gw if self.scene.layer.transposed else bw) + self.gap
        board, grid = (self.x, top + (self.height - bh) / 2), (right, top + (self.height - gh) / 2)
        return ((right, board[1]), (self.x, grid[1])) if self.scene.layer.transposed else (board, grid)

    def still(self) -> Iterator[Rect]:
        """What does not move: pixels, padding, and the empty cells of the output."""
        (x, y), (u, v) = self.corners
        layer, a = self.scene.layer, self.unit
        (h, w), (rows, columns) = self.scene.board, self.scene.windows
        read, own = (self.scene.read(0), self.scene.read(1)), self.scene.pixels
        for i in range(h):
            for j in range(w):
                inside = 0 <= i - layer.padding[0] < own[0] and 0 <= j - layer.padding[1] < own[1]
                at = x + j * a, y + i * a, a, a
                if not inside:
                    yield Rect(*at, edge=style.FAINT, weight=0.7, dashed=True)
                elif layer.transposed:
                    yield Rect(*at, edge=style.FAINT, weight=0.8)
                else:
                    seen = read[0][i] and read[1][j]
                    yield Rect(*at, fill=PIXEL if seen else style.GRID, opacity=0.3 if seen else 1, edge=style.PAPER)
        for i in range(rows):
            for j in range(columns):
                at = u + j * self.cell, v + i * self.cell, self.cell, self.cell
                if layer.transposed:
                    yield Rect(*at, fill=PIXEL, opacity=0.3, edge=style.PAPER)
                else:
                    yield Rect(*at, edge=style.FAINT, weight=0.8)

    def window(self, opacity: float, fill: str = WINDOW) -> Iterator[Rect]:
        """The pixels of one window, from its own corner on."""
        (k, m), (d, e), a = self.scene.layer.kernel, self.scene.layer.dilation, self.unit
        yield from (Rect(j * e * a, i * d * a, a, a, fill, opacity) for i in range(k) for j in range(m))

    def at(self, step: int) -> tuple[tuple[float, float], tuple[float, float]]:
        """Upper left of the window and of its cell."""
        (x, y), (u, v) = self.corners
        row, column = divmod(step, self.scene.windows[1])
        s, t = self.scene.layer.stride
        return (x + column * t * self.unit, y + row * s * self.unit), (u + column * self.cell, v + row * self.cell)

    def outlines(self, step: int) -> tuple[Rect, Rect]:
        """The outlines of the window and of its cell."""
        (x, y), (u, v) = self.at(step)
        h, w = self.scene.layer.reach
        window = Rect(x, y, w * self.unit, h * self.unit, edge=WINDOW, weight=2)
        cell = Rect(u, v, self.cell, self.cell, WINDOW, 0.9, WINDOW, 2)
        return window, cell

    def rays(self, step: int) -> list[tuple[float, float, float, float]]:
        """Lines from the window's facing side to the cell's."""
        window, cell = self.outlines(step)
        left, right = (cell, window) if self.scene.layer.transposed else (window, cell)
        edge = left.x + left.width
        return [(edge, left.y, right.x, right.y), (edge, left.y + left.height, right.x, right.y + right.height)]

    def left_behind(self, step: int) -> list[Rect]:
        """What the windows up to this one have made: cells of the output, or stamps that add up."""
        places = [self.at(i) for i in range(step + 1)]
        if self.scene.layer.transposed:
            stamp = list(self.window(0.22, DONE))
            return [Rect(x + r.x, y + r.y, r.width, r.height, r.fill, r.opacity) for (x, y), _ in places for r in stamp]
        return [Rect(u, v, self.cell, self.cell, DONE, 0.6, style.PAPER) for _, (u, v) in places]

    @property
    def count(self) -> int:
        return prod(self.scene.windows)

    def legends(self) -> list[tuple[float, float, str]]:
        """Names of both grids, below them: left edge, baseline, words."""
        board, grid = self.corners
        padding = self.scene.layer.padding
        first, second = ("output", "input") if self.scene.layer.transposed else ("input", "output")
        cut = self.scene.layer.transposed
        border = (f", {short(padding)} cut off around it" if cut else f", padding {short(padding)}") if any(padding) else ""
        y = self.y + self.height + 17
        sizes = shape_text(self.scene.pixels), shape_text(self.scene.windows)
        return [(board[0], y, f"{first} {sizes[0]}{border}"), (grid[0], y, f"{second} {sizes[1]}")]


def scenes(layers: Sequence[tuple[Convolution, Size]]) -> list[Scene]:
    """The layers as they can be drawn.

    Raises   InputError for too many, or one too large
    """
    if not 1 <= len(layers) <= MOST:
        raise InputError(f"a picture holds 1 to {MOST} layers, got {len(layers)}: leave --out away, or draw fewer")
    return [Scene.of(*layer) for layer in layers]


def place_scenes(drawn: Sequence[Scene], left: float, top: float, side: float) -> list[Stage]:
    """The scenes below one another."""
    placed, y = [], top
    for scene in drawn:
        placed.append(Stage(scene, left, y + HEAD, side))
        y += HEAD + placed[-1].height + LINE + MARGIN
    return placed


def extent(placed: Sequence[Stage]) -> tuple[float, float]:
    """Width and height of the picture that holds them, with their names."""
    words = max(max(style.width(s.scene.title, 15), style.width(s.scene.subtitle)) for s in placed)
    legends = max(x + style.width(said) for s in placed for x, _, said in s.legends())
    across = max(*(s.x + s.width for s in placed), legends, placed[0].x + words)
    return across + MARGIN, placed[-1].y + placed[-1].height + LINE + MARGIN


__all__ = ["Rect", "Scene", "Stage", "extent", "place_scenes", "scenes"]
