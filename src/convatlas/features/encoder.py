"""Encoders: networks of the catalogue that give the pyramid their maps make, for other networks to build on."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from ..anatomy.layer import Shape
from ..anatomy.layers import example, without_values
from ..errors import InputError
from ..models import create_model, family_of, parse, settings_of_weights
from ..ops.layout import layout_of
from ..ops.mode import eval_mode
from ..ops.trace import Operation, Trace
from ..runs.preparation import size_of_run
from .maps import Level
from .maps import levels as levels_of


@dataclass(frozen=True, slots=True)
class Point:
    """Where a map passes a module: the module, which of its calls, whether on the way in; where in the map channels lie."""

    module: str
    call: int
    entering: bool
    channels_last: bool


class Encoder(nn.Module):
    """A network without its head, whose forward pass gives the last map of each stride, finest first.

    Parameters and buffers have the names that they have in the network, so weights move both ways. What lies behind the
    last level is gone, and never runs.

    Shapes   x (n, in_channels, h, w) → maps (n, channels[i], about h / strides[i], w / strides[i])
    """

    def __init__(self, network: nn.Module, levels: Sequence[Level], points: Sequence[Point]) -> None:
        super().__init__()
        self.levels, self._points = tuple(levels), tuple(points)
        self._modules, self._parameters, self._buffers = network._modules, network._parameters, network._buffers  # noqa: SLF001
        self._network = (network,)  # in a tuple it is no part under a name of its own

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of each map."""
        return tuple(level.channels for level in self.levels)

    @property
    def strides(self) -> tuple[int, ...]:
        """Pixels of the image between neighbors of each map."""
        return tuple(level.stride for level in self.levels)

    def forward(self, x: Tensor) -> list[Tensor]:
        network = self._network[0]
        network.training = self.training
        maps: dict[Point, Tensor] = {}
        with ExitStack() as stack:
            for point in self._points:
                stack.callback(watch(network, point, maps, last=point is self._points[-1]))
            network(x)
        return [maps[point].permute(0, 3, 1, 2) if point.channels_last else maps[point] for point in self._points]


def watch(network: nn.Module, point: Point, maps: dict[Point, Tensor], *, last: bool) -> Callable[[], None]:
    """Keeps the map that passes a point, and behind the last one lets no image through; gives what ends it."""
    module = network.get_submodule(point.module)
    calls = 0

    def passing(y: Tensor) -> Tensor | None:
        nonlocal calls
        calls += 1
        if calls != point.call:
            return None
        maps[point] = y
        return y[:0] if last else None

    if point.entering:
        return module.register_forward_pre_hook(lambda _, given: passing(given[0])).remove
    return module.register_forward_hook(lambda _, __, y: passing(y)).remove


def create_encoder(
    name: str,
    *,
    weights: str | Path | None = None,
    in_channels: int | None = None,
    image_size: int | None = None,
    levels: Sequence[int] | None = None,
    **changes: Any,
) -> Encoder:
    """A network of the catalogue as an encoder: its pyramid, with channels and strides known before anything runs.

    Networks for segmentation and detection stand on it. `levels` are the strides to give, all of them if None; what only
    coarser ones need is left out. The other arguments are those of `create_model`.

    Raises   InputError as `create_model` does; for a network without a pyramid, such as a ViT, and a stride it does not have
    """
    channels, side = (None, None) if weights is None else size_of_run(weights)
    in_channels, image_size = in_channels or channels, image_size or side
    network = create_model(name, in_channels=in_channels, image_size=image_size, weights=weights, **changes)
    family, base = family_of(name), parse(name)[0]
    native = family.native_of(base)
    side = image_size or settings_of_weights(base, weights)[1] or native.image_size
    size = (in_channels or native.in_channels, side, side)
    found = levels_of(network, size)
    if levels is not None:
        strides = [level.stride for level in found]
        if not levels or not set(levels) <= set(strides):
            there = ", ".join(map(str, strides))
            raise InputError(f"{name} has maps of stride {there}: levels needs one or more of these, got {tuple(levels)}")
        found = tuple(level for level in found if level.stride in levels)
    points, behind = points_of(network, found, size)
    for path in (*behind, *family.auxiliary):
        network.set_submodule(path, nn.Identity())
    return Encoder(network, found, points)


def points_of(network: nn.Module, levels: Sequence[Level], size: Shape) -> tuple[list[Point], list[str]]:
    """Where hooks find the levels, and the modules that only run behind the last one, none of them within another.

    Raises   InputError if an operation gives a level, and no module takes it as it is
    """
    walk = Walk(network, [level.name for level in levels], size)
    with eval_mode(network), torch.no_grad(), without_values(network), walk:
        network(example(network, size))
    lost = next((level.name for level in levels if level.name not in walk.points), None)
    if lost is not None:
        raise InputError(f"{lost} gives a level, but no module takes it as it is: {type(network).__name__} is no encoder")
    behind: list[str] = []
    for path in walk.after:
        within = [other for other in walk.before if other == path or other.startswith(f"{path}.")]
        if not within and not any(path.startswith(f"{other}.") for other in behind):
            behind.append(path)
    return [walk.points[level.name] for level in levels], behind


class Walk(Trace):
    """Follows a forward pass to each level, and notes which modules begin before the last one is there, and which after."""

    def __init__(self, network: nn.Module, names: Sequence[str], size: Shape) -> None:
        super().__init__(network, self.operated, self.left)
        self.names, self.size = names, size
        self.points: dict[str, Point] = {}
        self.made: dict[str, Tensor] = {}  # levels that operations gave
        self.calls: Counter[str] = Counter()
        self.before: dict[str, None] = {}
        self.after: dict[str, None] = {}

    def __enter__(self) -> Self:
        for path, module in self.model.named_modules():
            if path:
                self.hooks.append(module.register_forward_pre_hook(partial(self.begun, path)))
        return super().__enter__()

    def begun(self, path: str, _: nn.Module, given: tuple[Any, ...]) -> None:
        self.calls[path] += 1
        for name, y in self.made.items():
            if given and given[0] is y and name not in self.points:
                self.points[name] = Point(path, self.calls[path], entering=True, channels_last=self.is_last(y))
        (self.after if self.names[-1] in self.points else self.before)[path] = None

    def operated(self, operation: Operation) -> None:
        if operation.name in self.names:
            self.made[operation.name] = operation.output

    def left(self, name: str, y: Any) -> None:
        if name in self.names:
            path, call = (name, 1) if name in self.calls else (name.rpartition("_")[0], self.calls[name.rpartition("_")[0]])
            self.points[name] = Point(path, call, entering=False, channels_last=self.is_last(y))

    def is_last(self, y: Tensor) -> bool:
        found = layout_of(y.shape, self.size)
        return found is not None and found.axis == 1
