"""A block as it is inside: its layers as boxes, skips around them, branches side by side, and what its letters stand for."""

from dataclasses import replace
from itertools import pairwise

from matplotlib.path import Path

from .. import style
from .blocks import Kind, dense
from .layout import GAP, Box, Placed, place_boxes
from .nodes import INPUT, Graph
from .pen import BOLD, NAME, NOTE, Pen
from .words import SIGNS, Table, Words

PAD, TITLE, SIGN = 14.0, 20.0, 8.0
CELL, ROW = 9.0, 14.0
SHOWN = 3  # of many blocks that each read all before them; then dots and the last one


class Inset:
    """One kind of block, measured before it is drawn."""

    def __init__(self, kind: Kind, words: dict[int, Words], table: Table, colors: dict[str, str], note: str = "") -> None:
        self.kind, self.words, self.table, self.colors = kind, words, table, colors
        self.color = colors[kind.titles[0]]
        self.title, self.count = " / ".join(kind.titles) + note, f"×{len(kind.paths)}" if len(kind.paths) > 1 else ""
        self.dense = dense(kind.graph)
        graph = elide_middle(kind.graph) if self.dense else kind.graph
        self.graph: Graph = graph
        self.boxes = {INPUT: Box(16, 12, ())} | {key: self.box(key) for key in graph}
        if not self.dense:
            self.layout: Placed = place_boxes(self.boxes)
            inside = self.layout.size
        else:
            inside = (max(box.width for box in self.boxes.values()) + 2 * arc(len(self.boxes) - 1), self.stack()[1])
        self.cells = [max(style.width(t, NOTE) for t in column) + CELL for column in zip(*(v for _, v in table), strict=True)]
        below = (sum(self.cells) + 16, ROW * len(table) + 8) if table else (0.0, 0.0)
        head = style.width(self.title, NAME + 1) * BOLD + style.width(self.count, NAME) + 8
        self.inside = inside
        self.width = max(inside[0], below[0], head) + 2 * PAD
        self.height = TITLE + inside[1] + GAP + below[1] + 2 * PAD - 4

    def box(self, key: int) -> Box:
        node = self.graph[key]
        if node.kind in ("add", "mul", "sub"):
            return Box(2 * SIGN, 2 * SIGN, node.inputs)
        if node.kind == "…":
            return Box(20, 14, node.inputs)
        words = self.words[key]
        wide = max(style.width(words.first, NAME), style.width(words.rest, NOTE) if words.rest else 0) + 16
        return Box(wide, 34 if words.rest else 22, node.inputs, joins=node.kind == "concat")

    def draw(self, pen: Pen, left: float, top: float) -> None:
        """Draws it with its upper left corner there."""
        wide, tall = self.width, self.height
        pen.box(left + wide / 2, top + tall / 2, wide, tall, edge=self.color, fill=self.color, alpha=0.05, round_=8)
        y = top + PAD + 4
        pen.words(left + PAD, y, self.title, size=NAME + 1, color=self.color, ha="left", weight="bold")
        pen.words(left + self.width - PAD, y, self.count, color=style.MUTED, ha="right")
        x0, y0 = left + (self.width - self.inside[0]) / 2, top + PAD + TITLE
        if self.dense:
            self.arcs(pen, x0, y0)
        else:
            self.boxes_and_lines(pen, x0, y0)
        y = top + self.height - PAD - ROW * len(self.table) + ROW / 2
        x0 = left + (self.width - sum(self.cells) - 16) / 2
        for letter, values in self.table:
            pen.words(x0, y, letter, size=NOTE, color=self.color, ha="left", weight="bold")
            right = x0 + 16
            for value, wide in zip(values, self.cells, strict=True):
                right += wide
                pen.words(right, y, value, size=NOTE, color=style.MUTED, ha="right")
            y += ROW

    def node(self, pen: Pen, key: int, x: float, y: float) -> None:
        box = self.boxes[key]
        if key == INPUT:
            pen.words(x, y, "x", size=NAME, color=style.MUTED)
            return
        node, dashed = self.graph[key], key in self.kind.optional and not self.dense
        if node.kind == "…":
            for step in (-5, 0, 5):
                pen.box(x, y + step, 2.4, 2.4, edge=style.MUTED, fill=style.MUTED, round_=1.2)
            return
        if node.kind in SIGNS and node.kind != "concat":
            pen.sign(x, y, SIGNS[node.kind], SIGN, dashed=dashed)
            return
        layer = node.kind.endswith("conv") or node.kind in ("linear", "attention", "SE") or node.kind in self.colors
        color = self.colors.get(node.kind, self.color)
        edge, fill = (color, color) if layer else (style.FAINT, style.FAINT)
        pen.box(x, y, box.width, box.height, fill=style.PAPER, edge="none")
        pen.box(x, y, box.width, box.height, edge=edge, fill=fill, alpha=0.16 if layer else 0.10, dashed=dashed)
        words = self.words[key]
        pen.words(x, y - (6.5 if words.rest else 0), words.first)
        if words.rest:
            pen.words(x, y + 7.5, words.rest, size=NOTE, color=style.MUTED)

    def boxes_and_lines(self, pen: Pen, x0: float, y0: float) -> None:
        """The layered form; a line that passes rows runs down its lane, and into a sum from the side."""
        at = {key: (x0 + self.layout.x[key], y0 + self.layout.y[key]) for key in self.boxes}
        for key, node in self.graph.items():
            for i in node.inputs:
                self.connect(pen, at, i, key, x0)
        last = max(self.graph)
        x, y = at[last]
        bottom = y + self.boxes[last].height / 2
        pen.line([(x, bottom), (x, bottom + GAP - 4)])
        for key, (x, y) in at.items():
            self.node(pen, key, x, y)

    def connect(self, pen: Pen, at: dict[int, tuple[float, float]], i: int, key: int, x0: float) -> None:
        (ax, ay), (bx, by) = at[i], at[key]
        start, end = ay + self.boxes[i].height / 2, by - self.boxes[key].height / 2
        lane = self.layout.lanes[i, key]
        dashed = (i, key) in self.kind.edges
        fork, join = start + GAP * 0.45, end - GAP * 0.5
        via = bx if lane is None else x0 + lane
        into_sum = self.graph[key].kind in ("add", "mul", "sub") and abs(via - bx) > SIGN
        if into_sum and lane is not None:
            side = SIGN if via > bx else -SIGN
            points = [(ax, start), (ax, fork), (via, fork), (via, by), (bx + side, by)]
        elif into_sum:
            side = SIGN if ax > bx else -SIGN
            points = [(ax, start), (ax, by), (bx + side, by)]
        elif lane is None:
            middle = fork if len([n for n in self.graph.values() if i in n.inputs]) > 1 else join
            points = [(ax, start), (ax, middle), (bx, middle), (bx, end)]
        else:
            points = [(ax, start), (ax, fork), (via, fork), (via, join), (bx, join), (bx, end)]
        pen.line(straighten(points), dashed=dashed)

    def stack(self) -> tuple[dict[int, float], float]:
        y, top = {}, 0.0
        for key, box in self.boxes.items():
            y[key] = top + box.height / 2
            top += box.height + GAP
        return y, top - GAP

    def arcs(self, pen: Pen, x0: float, y0: float) -> None:
        """One upon the other, each read by all that follow."""
        y, _ = self.stack()
        keys, x = list(self.boxes), x0 + self.inside[0] / 2
        for k, a in enumerate(keys[:-1]):
            pen.line([(x, y0 + y[a] + self.boxes[a].height / 2), (x, y0 + y[keys[k + 1]] - self.boxes[keys[k + 1]].height / 2)])
        for k, a in enumerate(keys):
            color = style.MUTED if a == INPUT else style.series(k + 3)[0]
            for j, b in enumerate(keys[k + 2 :], start=2):
                if self.graph[b].kind == "…" or a not in self.graph[b].inputs:
                    continue
                side = 1 if k % 2 == 0 else -1
                ax, bx = x + side * self.boxes[a].width / 2, x + side * self.boxes[b].width / 2
                out, ay, by = x + side * (max(abs(ax - x), abs(bx - x)) + 1.6 * arc(j)), y0 + y[a], y0 + y[b]
                pen.path([(ax, ay), (out, ay), (out, by), (bx + side * 4, by)], [Path.MOVETO, *[Path.CURVE4] * 3], color, 1.0)
                pen.line([(bx + side * 6, by), (bx, by)], color=color)
        last = keys[-1]
        bottom = y0 + y[last] + self.boxes[last].height / 2
        pen.line([(x, bottom), (x, bottom + GAP - 4)])
        for key in keys:
            self.node(pen, key, x, y0 + y[key])


def arc(steps: int) -> float:
    """How far a line bulges that passes so many boxes."""
    return 6.0 + 8.0 * steps


def straighten(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Without the points in the middle of straight lines."""
    out = points[:1]
    for at, after in pairwise(points[1:]):
        before = out[-1]
        if not any(abs(before[k] - at[k]) < 0.5 and abs(at[k] - after[k]) < 0.5 for k in (0, 1)):
            out.append(at)
    return [*out, points[-1]]


def elide_middle(graph: Graph) -> Graph:
    """Its first blocks and its last one, reading each other instead of concatenations."""
    readers: dict[int, list[int]] = {}
    for key, node in graph.items():
        for i in node.inputs:
            readers.setdefault(i, []).append(key)
    gone = {key for key, node in graph.items() if node.kind == "concat" and len(readers.get(key, [])) == 1}

    def sources(inputs: tuple[int, ...]) -> tuple[int, ...]:
        found: list[int] = []
        for i in inputs:
            found += sources(graph[i].inputs) if i in gone else [i]
        return tuple(dict.fromkeys(found))

    whole = {key: replace(node, inputs=sources(node.inputs)) for key, node in graph.items() if key not in gone}
    blocks = [key for key, node in whole.items() if node.numbers.get("block")]
    if len(blocks) <= SHOWN + 1:
        return whole
    hidden = set(blocks[SHOWN:-1])
    out: Graph = {}
    for key, node in whole.items():
        if key in hidden:
            if key == blocks[SHOWN]:
                out[key] = replace(node, kind="…", inputs=(blocks[SHOWN - 1],), numbers={})
        else:
            out[key] = replace(node, inputs=tuple(i for i in node.inputs if i not in hidden))
    return out
