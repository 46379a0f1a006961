"""A network as a tree of its modules, in which equal neighbors are one line."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import Any

from .layer import Costs, Layer, Shape
from .layers import VIEWS, Anatomy
from .receptive import ReceptiveField

ALL = 9
"""The depth from which on nothing is folded: one line per layer, with its name."""

MIXING = frozenset("roll flip softmax normalize pad interpolate cumsum".split())
"""Operations that keep the shape and yet are more than the end of the layer before."""
SHORT = 30  # letters of a name that is shown in full

HOLDERS = frozenset("Sequential ModuleList InplaceSequential".split())
"""Containers, whose class is not worth a line."""


@dataclass(frozen=True)
class Line(Costs):
    """A layer, a module, or neighbors that are the same, with the sums of all that is in it."""

    names: tuple[str, ...]  # one for each of the neighbors, as `ops.tap` takes them
    kind: str  # the class; of joined layers all of them, with + between
    layers: tuple[Layer, ...]  # of all neighbors, in the order of execution
    inside: tuple["Line", ...] = ()  # of the first neighbor

    @property
    def name(self) -> str:
        """`layer1.0`, or `layer1.1 … layer1.2` for neighbors."""
        return self.names[0] if len(self.names) == 1 else f"{self.names[0]} … {self.names[-1]}"

    @property
    def count(self) -> int:
        return len(self.names)

    @property
    def title(self) -> str:
        """The kind, and how often: `Bottleneck ×5`."""
        return self.kind if self.count == 1 else f"{self.kind} ×{self.count}"

    @property
    def input_shape(self) -> Shape:
        return self.layers[0].input_shape

    @property
    def output_shape(self) -> Shape:
        return self.layers[-1].output_shape

    @property
    def receptive_field(self) -> ReceptiveField | None:
        return self.layers[-1].receptive_field

    @property
    def window(self) -> Layer | None:
        """The layer whose kernel is the line's own; None for a module, which may have many."""
        return None if self.opens or self.layers[0].kernel is None else self.layers[0]

    @property
    def opens(self) -> bool:
        """Whether it is a module with layers in it."""
        return self.layers[0].name not in self.names

    @cached_property
    def face(self) -> tuple[Any, ...]:
        """What must be equal in neighbors that are joined without showing what is inside them."""
        window = self.window
        own = None if window is None else (window.kernel, window.stride, window.padding, window.dilation, window.groups)
        return (self.kind, self.input_shape, self.output_shape, self.parameters, self.macs, own)

    @cached_property
    def build(self) -> tuple[Any, ...]:
        """What must be equal in neighbors that are joined together with all that is inside them."""
        return (*self.face, self.flops, self.bytes, *(line.build for line in self.inside))


def outline(anatomy: Anatomy, depth: int = ALL) -> tuple[Line, ...]:
    """The network's lines, each with those of its modules inside, `depth` levels of them.

    Norms and activations stand in the line of the layer they follow; neighbors of one kind, shape and cost are one line. From
    `ALL` levels on each layer is a line, in the order of execution, and nothing is folded.
    """
    if depth >= ALL:
        return tuple(leaf(layer) for layer in anatomy.layers)
    return fold(build_lines(anatomy, anatomy.layers, 0), depth)


def tree(anatomy: Anatomy) -> tuple[Line, ...]:
    """All levels, equal neighbors joined; a layer that is joined with its norm and activation contains these."""
    return fold(build_lines(anatomy, anatomy.layers, 0), len(anatomy.layers))


def depth_within(anatomy: Anatomy, lines: int = 40) -> int:
    """The most levels that fit into so many lines, at least one."""
    whole = build_lines(anatomy, anatomy.layers, 0)
    counts = [sum(1 for _ in walk(fold(whole, depth))) for depth in range(1, ALL)]
    fitting = [count for count in counts if count <= lines]
    return counts.index(fitting[-1]) + 1 if fitting else 1


def walk(lines: Sequence[Line], level: int = 0, above: Line | None = None) -> Iterator[tuple[int, str, Line]]:
    """Each line with its level and its name there, a module before its layers.

    Within joined neighbors, and where the name is long, a name is only what it adds: `.self_attention`.
    """
    for line in lines:
        yield level, name_of(line, above), line
        if line.opens:
            yield from walk(line.inside, level + 1, line)


def name_of(line: Line, above: Line | None) -> str:
    """The name, without the module it stands in where that one stands for many or the name is long."""
    name = line.name
    if above and (above.count > 1 or len(name) > SHORT):
        name = name.replace(f"{above.names[0]}.", ".")
    return name if len(name) <= SHORT or line.count == 1 else f"{name.split()[0]} … {line.names[-1].rpartition('.')[2]}"


def leaf(layer: Layer) -> Line:
    """A line of its own."""
    return Line((layer.name,), layer.kind, (layer,))


def build_lines(anatomy: Anatomy, layers: Sequence[Layer], level: int) -> list[Line]:
    """The lines of one module: its layers, and modules whose layers run one after the other."""
    lines: list[Line] = []

    def part(layer: Layer) -> tuple[str, bool]:
        path = layer.name.split(".")
        return path[level], len(path) == level + 1

    for (_, alone), run in groupby(layers, part):
        rows = tuple(run)
        if alone:
            lines += [leaf(row) for row in rows]
        else:
            path = ".".join(rows[0].name.split(".")[: level + 1])
            kind = anatomy.modules.get(path) or anatomy.modules.get(path.rpartition("_")[0], "")
            lines.append(Line((path,), kind, rows, tuple(build_lines(anatomy, rows, level + 1))))
    return join_followers(lines, anatomy)


def join_followers(lines: Sequence[Line], anatomy: Anatomy) -> list[Line]:
    """Layers with the norm, activation or dropout that directly follows in one line."""
    joined: list[Line] = []
    for line in lines:
        before = joined[-1] if joined else None
        if before and not before.opens and not line.opens and follows(line.layers[0], before.layers[-1], anatomy):
            first = before.inside or (before,)
            joined[-1] = Line(before.names, f"{before.kind} + {line.kind}", before.layers + line.layers, (*first, line))
        else:
            joined.append(line)
    return joined


def follows(layer: Layer, before: Layer, anatomy: Anatomy) -> bool:
    """Whether a layer works on each value of the output before it, and on nothing else."""
    return (
        layer.output_shape == layer.input_shape == before.output_shape
        and not layer.macs
        and layer.kernel is None
        and not {layer.kind, before.kind} & (VIEWS | MIXING)
        and len(layer.inputs) == 1
        and anatomy.layers[layer.inputs[0]] is before
    )


def fold(lines: Sequence[Line], depth: int) -> tuple[Line, ...]:
    """Joins equal neighbors on this level and on `depth` − 1 below; deeper levels are left out."""
    result: list[Line] = []
    first: Line | None = None
    for line in lines:
        shown = limit_depth(line, depth)
        if first and are_alike(first, shown):
            last = result[-1]
            result[-1] = replace(last, names=last.names + shown.names, layers=last.layers + shown.layers)
        else:
            first = shown
            result.append(shown)
    return tuple(result)


def limit_depth(line: Line, depth: int) -> Line:
    """The line with so many levels, its own one included, and none for what only holds a single line."""
    if not line.opens:
        return line
    inside = fold(line.inside, depth - 1) if depth > 1 else ()
    if len(inside) == 1:
        [only] = inside
        if line.kind in HOLDERS or not only.opens:
            return only
        if only.kind in HOLDERS and only.count == 1:
            inside = only.inside
    return replace(line, inside=inside)


def are_alike(a: Line, b: Line) -> bool:
    """Whether two neighbors may be joined: they would be shown alike."""
    return a.build == b.build if a.inside or b.inside else a.face == b.face
