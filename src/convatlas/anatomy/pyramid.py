"""Pyramids: the last map of each stride, for models that look at objects of many sizes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf, log2

from torch import Tensor, nn

from ..errors import InputError
from ..ops.layout import layout_of
from ..ops.paths import is_inside
from ..ops.tap import tap
from .layer import Layer, Shape
from .layers import VIEWS, inspect

ASIDE = ("Dropout", "dropout", "AdaptiveAvgPool2d", "adaptive_avg_pool2d", "AdaptiveMaxPool2d")
"""Layers that belong to a classifier, though their outputs are maps."""


@dataclass(frozen=True, slots=True)
class Level:
    """A map of the pyramid.

    Units   stride in pixels of the image
    """

    name: str  # as `ops.tap` takes it
    stride: int
    channels: int


def levels(model: nn.Module, size: Shape, head: str = "") -> tuple[Level, ...]:
    """The last map of each stride, finest first, without computing anything.

    A module that changes the stride more than once is divided further; any other one is a step, whose output counts and not
    the maps within its branches. The module `head` and what runs after it are left out.

    Shapes   size (channels, height, width)
    Raises   InputError for a network whose maps all have one stride, such as a ViT
    """
    anatomy = inspect(model, size)
    rows = list(anatomy.layers)
    cut = next((i for i, row in enumerate(rows) if row.name == head), len(rows))
    by_stride: dict[int, Level] = {}
    for part, first, last in steps(rows, range(cut), anatomy.modules, size):
        row = rows[last - 1]
        layout = row.layout(size)
        stride = stride_of(row, size)
        aside = first == last - 1 and (row.kind in ASIDE or row.kind in VIEWS)
        if layout is None or stride is None or aside:
            continue
        channels = row.output_shape[1 if layout.axis == 2 else 3]
        by_stride[stride] = Level(outermost(part, last - 1, rows, anatomy.modules), stride, channels)
    if len(by_stride) < 2:
        raise InputError(f"{type(model).__name__} has no pyramid: that needs maps of two strides, and it has {len(by_stride)}")
    return tuple(by_stride[stride] for stride in sorted(by_stride))


def pyramid(model: nn.Module, x: Tensor, at: Sequence[Level]) -> list[Tensor]:
    """The maps of these levels, in the mode the network is in; gradients flow back through them.

    Shapes   x (n, channels, h, w) → maps (n, c, h', w')
    """
    with tap(model, *(level.name for level in at)) as taps:
        model(x)
    maps = [taps[level.name] for level in at]
    return [layout.maps(y) for y in maps if (layout := layout_of(y.shape, x.shape[1:]))]


def steps(
    rows: Sequence[Layer], places: range, modules: dict[str, str], size: Shape, within: str = ""
) -> Iterator[tuple[str, int, int]]:
    """The steps of a network in their order: name, first row, end."""
    first = places.start
    while first < places.stop:
        part = below(rows[first].name, within, modules)
        last = first + 1
        while last < places.stop and part in modules and is_inside(rows[last].name, part):
            last += 1
        strides = {stride_of(row, size) for row in rows[first:last]} - {None}
        if len(strides) > 2 and last - first > 1:
            yield from steps(rows, range(first, last), modules, size, part)
        else:
            yield part, first, last
        first = last


def below(name: str, within: str, modules: dict[str, str]) -> str:
    """The module directly within another that a row belongs to; the row itself, if it stands there alone."""
    start = f"{within}." if within else ""
    child = start + name.removeprefix(start).split(".")[0]
    return child if child in modules else name


def outermost(part: str, last: int, rows: Sequence[Layer], modules: dict[str, str]) -> str:
    """The largest module that ends with a row, since a module is cheaper to tap than an operation."""
    above = part.split(".")
    for depth in range(1, len(above)):
        name = ".".join(above[:depth])
        if (
            name in modules
            and is_inside(rows[last].name, name)
            and not any(is_inside(row.name, name) for row in rows[last + 1 :])
        ):
            return name
    return part


def stride_of(row: Layer, size: Shape) -> int | None:
    """The stride of a layer's map, from its height where the receptive field is unknown; None if it is no map."""
    layout, field = row.layout(size), row.receptive_field
    if layout is None or layout.extra is not None:
        return None
    if field is None:
        return int(2 ** max(round(log2(size[1] / layout.height)), 0))
    jump = field.jump
    return int(jump) if 0 < jump < inf and jump == int(jump) else None
