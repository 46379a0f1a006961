"""Stages: the parts of a network whose maps have one resolution, and what each costs."""

from dataclasses import dataclass
from math import prod

from .layer import Costs, Layer, Shape


@dataclass(frozen=True)
class Stage(Costs):
    """The layers whose maps lie the same number of pixels apart; the head, if they have no height and width any more."""

    stride: float | None  # pixels of the image from one unit to the next; None for the head
    layers: tuple[Layer, ...]
    output_shape: Shape  # (channels, height, width) of the map it hands on, or what there is without the batch

    @property
    def name(self) -> str:
        return "head" if self.stride is None else f"stride {self.stride:g}"


def stages(layers: tuple[Layer, ...], size: Shape) -> tuple[Stage, ...]:
    """The stages in the order in which they begin; every layer is in one.

    What has no map of its own, such as a squeeze or attention over tokens, belongs to the stage it stands in.

    Shapes   size (channels, height, width) of the image
    """
    strides: list[float | None] = []
    maps: list[Shape] = []
    side = size[1:]
    stride: float | None = None
    spatial = 0  # layers up to the last one that has an extent
    for place, layer in enumerate(layers, start=1):
        grid = extent(layer, size, side)
        if grid:
            side, stride = grid
        tokens = not grid and is_sequence(layer, side)
        spatial = place if grid or tokens else spatial
        maps.append((prod(layer.output_shape) // prod(side), *side) if grid else layer.output_shape[1:] if tokens else ())
        strides.append(stride)
    first = next((stride for stride in strides if stride is not None), None)
    strides = [first if stride is None else stride for stride in strides[:spatial]] + [None] * (len(strides) - spatial)
    return tuple(stage(layers, strides, own, maps) for own in dict.fromkeys(strides))


def stage(layers: tuple[Layer, ...], strides: list[float | None], own: float | None, maps: list[Shape]) -> Stage:
    """The stage of one stride; it hands on the first of its maps that another one reads after it."""
    places = [place for place, stride in enumerate(strides) if stride == own]
    if own is None:
        return Stage(own, tuple(layers[place] for place in places), layers[-1].output_shape[1:])
    handed = {at for place, stride in enumerate(strides) if stride is None or stride > own for at in layers[place].inputs}
    shapes = [maps[place] for place in places if maps[place]]
    read = [maps[place] for place in places if maps[place] and place in handed]
    return Stage(own, tuple(layers[place] for place in places), read[0] if read else shapes[-1])


def extent(layer: Layer, image: Shape, side: Shape) -> tuple[Shape, float] | None:
    """Height and width of a layer's map, and its stride; None if it has no extent, or none that can be told.

    Shapes   image (channels, height, width); side (height, width) of the map before
    """
    shape, field = layer.output_shape, layer.receptive_field
    if field is not None:
        if field.dims is None or field.jump <= 0:
            return None
        h, w = (shape[d] for d in field.dims)
        return ((h, w), field.jump) if h * w > 1 else None
    if len(shape) != 4 or shape[0] != 1:
        return None
    for h, w in (shape[2:], shape[1:3]):  # channels first, or last: the view was lost, but the map has the image's form
        if h * w > 1 and h <= side[0] and abs(h * image[2] - w * image[1]) < image[2]:
            return (h, w), round(image[1] / h)
    return None


def is_sequence(layer: Layer, side: Shape) -> bool:
    """Whether the units of a map, and perhaps a class token, stand in a row."""
    units = prod(side)
    return len(layer.output_shape) == 3 and layer.output_shape[0] == 1 and layer.output_shape[1] in (units, units + 1)
