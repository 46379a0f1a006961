"""The network from left to right: a slab for each layer or block, as tall as its map is fine, and what it is below."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log2, sqrt

from .. import style
from .blocks import Stage
from .pen import BOLD, NAME, NOTE, Pen
from .words import plainly

BLOCK, LAYER, THIN, BETWEEN = 8.0, 12.0, 6.0, 2.0
SPREAD = 96.0  # pixels that the slabs of one stage may take
APART, ARROW, LINE = 14.0, 20.0, 14.5
SLANT = 0.2
LEAST, OCTAVE = 16.0, 14.0  # pixels of a map of one unit, and for each doubling of its side


@dataclass(frozen=True, slots=True)
class Column:
    """A stage and all it says."""

    names: tuple[tuple[str, str, str], ...]  # text, color, weight
    tall: float  # of a slab's front
    slabs: tuple[tuple[float, str], ...]  # thickness and color
    flat: bool

    @property
    def slant(self) -> float:
        return 0.0 if self.flat else SLANT * self.tall

    @property
    def glyph(self) -> float:
        return sum(wide for wide, _ in self.slabs) + BETWEEN * (len(self.slabs) - 1) + self.slant

    @property
    def width(self) -> float:
        texts = [
            style.width(text, size_of(k)) * (BOLD if weight == "bold" else 1) for k, (text, _, weight) in enumerate(self.names)
        ]
        return max(*texts, self.glyph + ARROW) + APART


def size_of(line: int) -> float:
    return NAME if line == 0 else NOTE


def side_of(shape: Sequence[int]) -> float:
    """Units along a side of a map, tokens as the square they are; 0 for a vector."""
    if len(shape) == 3:
        h, w = spatial(shape)
        return sqrt(h * w) if h * w > 1 else 0
    return sqrt(shape[0]) if len(shape) == 2 else 0


def spatial(shape: Sequence[int]) -> tuple[int, int]:
    """Height and width, which are alike where the channels are not."""
    a, b, c = shape
    return (a, b) if a == b != c or (a != b != c and c > max(a, b)) else (b, c)


def shape_text(shape: Sequence[int]) -> str:
    """Channels, height and width, wherever the network keeps its channels."""
    if len(shape) == 3:
        h, w = spatial(shape)
        c = shape[2] if (h, w) == (shape[0], shape[1]) and (h, w) != (shape[1], shape[2]) else shape[0]
        return f"{c}×{h}×{w}" if h * w > 1 else str(c)
    return f"{shape[0]} tokens × {shape[1]}" if len(shape) == 2 else "×".join(map(str, shape))


def amount(count: float) -> str:
    """A number as people say it: 25.6 M."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size * 0.9995:
            return f"{count / size:.{2 if count < 9.995 * size else 1 if count < 99.95 * size else 0}f} {unit}"
    return f"{count:.0f}"


def image(size: Sequence[int]) -> Column:
    """What the network is given, as a thin sheet."""
    return Column(
        (("image", style.INK, "normal"), (shape_text(size), style.INK, "normal")), tall_of(size), ((3.0, style.INK),), False
    )


def tall_of(shape: Sequence[int]) -> float:
    """How tall a map is drawn: by octaves of its side; a vector by those of its length."""
    side = side_of(shape)
    return LEAST + OCTAVE * log2(side + 1) if side else LEAST + 5 * log2(max(2, *shape))


def column_of(stage: Stage, colors: dict[str, str], nested: Mapping[str, tuple[str, int]]) -> Column:
    """What is drawn and said of a stage."""
    times = f" ×{stage.count}" if stage.count > 1 else ""
    quiet, normal = style.MUTED, "normal"
    if stage.nodes[0].numbers.get("block"):
        names = [(node.kind, colors[node.kind], "bold") for node in stage.nodes]
        names[-1] = (names[-1][0] + times, *names[-1][1:])
        thick = min(BLOCK, SPREAD / (stage.count * len(stage.nodes)) - BETWEEN)
        slabs = [(max(thick, 1.2), colors[node.kind]) for _ in range(stage.count) for node in stage.nodes]
        if len(slabs) == 1 and (inside := nested.get(stage.nodes[0].path)):
            names.append((f"{inside[0]} ×{inside[1]}", quiet, normal))
            slabs = [(max(min(BLOCK, SPREAD / inside[1] - BETWEEN), 1.2), slabs[0][1])] * inside[1]
    else:
        words = plainly(stage.nodes[0])
        names = [(words.first + times, style.INK, normal)]
        if words.rest:
            names.append((words.rest, quiet, normal))
        thin = stage.nodes[0].kind.endswith(("pool", "norm", "act"))
        wide, ink = (THIN, style.FAINT) if thin else (LAYER, colors.get(stage.nodes[0].kind, style.MUTED))
        slabs = [(wide if stage.count == 1 else BLOCK, ink)] * stage.count
    names.append((shape_text(stage.shape), style.INK, normal))
    if stage.parameters:
        names.append((amount(stage.parameters), quiet, normal))
    return Column(tuple(names), tall_of(stage.shape), tuple(slabs), side_of(stage.shape) == 0)


class Strip:
    """All columns, in as many lines as the page needs, measured before they are drawn."""

    def __init__(self, columns: Sequence[Column], stages: Sequence[Stage], width: float) -> None:
        self.columns = columns
        self.skips = [(i + 1, at + 1) for at, stage in enumerate(stages) for i in stage.inputs if i != at - 1]
        total = sum(c.width for c in self.columns)
        lines = max(1, -(-int(total) // int(width)))
        self.lines: list[list[int]] = [[]]
        used = 0.0
        for at, column in enumerate(self.columns):
            if self.lines[-1] and (used + column.width > width or (len(self.lines) < lines and used >= total / lines)):
                self.lines.append([])
                used = 0.0
            self.lines[-1].append(at)
            used += column.width
        self.width = max(sum(self.columns[at].width for at in line) for line in self.lines)
        self.tall = [max(self.columns[at].tall + self.columns[at].slant for at in line) for line in self.lines]
        self.said = [LINE * max(len(self.columns[at].names) for at in line) for line in self.lines]
        self.above = [22.0 + 7 * len(self.skips) if self.skips else 0.0] * len(self.lines)
        self.height = sum(self.tall) + sum(self.said) + sum(self.above) + 12 * len(self.lines) + 22 * (len(self.lines) - 1)

    def draw(self, pen: Pen, left: float, top: float) -> None:
        """Draws it with its upper left corner there."""
        center: dict[int, tuple[float, float]] = {}
        previous: tuple[float, float] | None = None
        for k, line in enumerate(self.lines):
            y = top + self.above[k] + self.tall[k] / 2
            x = left
            foot = top + self.above[k] + self.tall[k]
            for at in line:
                column = self.columns[at]
                middle = x + column.width / 2
                start = middle - column.glyph / 2
                if previous:
                    if at == line[0]:
                        turn, out = top - 12, left + self.width + 6
                        pen.line(
                            [previous, (out, previous[1]), (out, turn), (left - 6, turn), (left - 6, y), (start - 3, y)],
                            color=style.MUTED,
                        )
                    else:
                        pen.line([previous, (start - 3, y)], color=style.MUTED)
                slabs(pen, column, start, y)
                center[at] = (middle, y - column.tall / 2 - column.slant / 2)
                previous = (start + column.glyph + 3, y)
                for n, (text, color, weight) in enumerate(column.names):
                    pen.words(middle, foot + 10 + LINE * n, text, size=size_of(n), color=color, weight=weight)
                x += column.width
            self.bridge(pen, center, line, top + self.above[k])
            top = foot + self.said[k] + 12 + 22

    def bridge(self, pen: Pen, center: dict[int, tuple[float, float]], line: Sequence[int], roof: float) -> None:
        """Lines over the slabs for what is read besides the neighbor."""
        for n, (i, at) in enumerate(self.skips):
            if at in line:
                (ax, ay), (bx, by) = center.get(i, center[at]) if i in line else (center[line[0]][0] - 20, roof - 8), center[at]
                high = roof - 14 - 7 * n
                pen.line([(ax, ay - 2), (ax, high), (bx, high), (bx, by - 3)], color=style.MUTED)


def slabs(pen: Pen, column: Column, x: float, y: float) -> None:
    """Slabs one behind the other, `y` their middle; a vector has no depth."""
    d, h = column.slant, column.tall
    top, bottom = y - h / 2 + d / 2, y + h / 2 + d / 2
    for wide, color in column.slabs:
        line = min(0.8, wide / 4)
        if d:
            pen.face([(x, top), (x + d, top - d), (x + wide + d, top - d), (x + wide, top)], color, 0.12, line)
            pen.face(
                [(x + wide, top), (x + wide + d, top - d), (x + wide + d, bottom - d), (x + wide, bottom)], color, 0.40, line
            )
        pen.face([(x, top), (x + wide, top), (x + wide, bottom), (x, bottom)], color, 0.24, line)
        x += wide + BETWEEN


__all__ = ["Strip", "amount", "column_of", "image", "shape_text"]
