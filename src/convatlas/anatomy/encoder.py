"""Encoders: networks whose forward pass gives the maps of their pyramid, for other networks to build on."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..ops.layout import layout_of
from ..ops.mode import eval_mode
from ..ops.paths import is_inside
from ..ops.trace import Operation, Trace
from .layer import Shape
from .layers import example, without_values
from .pyramid import Level


@dataclass(frozen=True, slots=True)
class Point:
    """Where a hook finds a map: the module, which of its calls, its input or its output, and where the map's channels lie."""

    module: str
    call: int
    entering: bool
    channels_last: bool


class Encoder(nn.Module):
    """A network without its head, whose forward pass gives the last map of each stride, finest first.

    Parameters and buffers have the names that they have in the network, so weights move both ways. What lies behind the
    last level is gone, and never runs.

    Shapes   x (n, in_channels, h, w) → maps (n, channels[i], about h / strides[i], w / strides[i])
    Raises   InputError for images that are too small
    """

    def __init__(self, network: nn.Module, levels: Sequence[Level], points: Sequence[Point], side: int = 0) -> None:
        super().__init__()
        self.levels, self._points, self._side = tuple(levels), tuple(points), side  # that it was built for
        # The network's own dicts, not copies: what moves to another device or is replaced does so in both, under one name.
        # A tuple hides the network from PyTorch, which would list everything a second time under `_network`.
        self._modules, self._parameters, self._buffers = network._modules, network._parameters, network._buffers  # noqa: SLF001
        self._network = (network,)

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
        failure: RuntimeError | None = None
        with ExitStack() as stack:
            for point in self._points:
                stack.callback(watch(network, point, maps, last=point is self._points[-1]))
            try:
                network(x)
            except RuntimeError as error:
                failure = error
        if failure is not None:
            raise self.explain(x, failure) from failure
        return [maps[point].permute(0, 3, 1, 2) if point.channels_last else maps[point] for point in self._points]

    def explain(self, x: Tensor, failure: RuntimeError) -> Exception:
        """The error in words if images are smaller than the least that pass, else as it is.

        Shapes   x (n, in_channels, h, w)
        """
        if x.ndim != 4 or min(x.shape[2:]) >= self._side:
            return failure
        sides = range(1, self._side + 1)
        least = (
            sides[bisect_left(sides, True, key=partial(self.takes, x.shape[1]))] if self.takes(x.shape[1], self._side) else 0
        )
        if min(x.shape[2:]) >= least:
            return failure
        size = "x".join(map(str, x.shape[2:]))
        return InputError(f"{type(self._network[0]).__name__} needs images of at least {least}x{least}, got {size}")

    def takes(self, channels: int, side: int) -> bool:
        """Whether images of so many pixels a side pass the network; nothing is computed."""
        network = self._network[0]
        try:
            with eval_mode(network), torch.no_grad(), without_values(network):
                network(example(network, (channels, side, side)))
        except RuntimeError:
            return False
        return True


def watch(network: nn.Module, point: Point, maps: dict[Point, Tensor], *, last: bool) -> Callable[[], None]:
    """Collects the map at a point, and behind the last point passes an empty batch on; returns what removes the hook.

    Shapes   each map (n, c, h, w), or (n, h, w, c) where channels are last
    """
    module = network.get_submodule(point.module)
    calls = 0

    def collect(y: Tensor) -> Tensor | None:
        nonlocal calls
        calls += 1
        if calls != point.call:
            return None
        maps[point] = y
        return y[:0] if last else None

    if point.entering:
        return module.register_forward_pre_hook(lambda _, args: collect(args[0])).remove
    return module.register_forward_hook(lambda _, __, y: collect(y)).remove


def points_of(network: nn.Module, levels: Sequence[Level], size: Shape) -> tuple[list[Point], list[str]]:
    """Where hooks find the levels, and the modules that only run behind the last one, none of them within another.

    Raises   InputError if an operation gives a level, and no module takes it as it is
    """
    walk = Walk(network, [level.name for level in levels], size)
    with eval_mode(network), torch.no_grad(), without_values(network), walk:
        network(example(network, size))
    missing = next((level.name for level in levels if level.name not in walk.points), None)
    if missing is not None:
        raise InputError(f"{missing} gives a level, but no module takes it as it is: {type(network).__name__} is no encoder")
    behind: list[str] = []
    for path in walk.after:
        begun = any(is_inside(other, path) for other in walk.before)
        if not begun and not any(is_inside(path, other) for other in behind):
            behind.append(path)
    return [walk.points[level.name] for level in levels], behind


class Walk(Trace):
    """Follows a forward pass to each level, and notes which modules begin before the last one is there, and which after."""

    def __init__(self, network: nn.Module, names: Sequence[str], size: Shape) -> None:
        super().__init__(network, self.see_operation, self.see_output)
        self.names, self.size = names, size
        self.points: dict[str, Point] = {}
        self.made: dict[str, Tensor] = {}  # levels that operations gave
        self.calls: Counter[str] = Counter()
        self.before: dict[str, None] = {}
        self.after: dict[str, None] = {}

    def __enter__(self) -> Self:
        for path, module in self.model.named_modules():
            if path:
                self.hooks.append(module.register_forward_pre_hook(partial(self.see_call, path)))
        return super().__enter__()

    def see_call(self, path: str, _: nn.Module, args: tuple[Any, ...]) -> None:
        self.calls[path] += 1
        for name, y in self.made.items():
            if args and args[0] is y and name not in self.points:
                self.points[name] = Point(path, self.calls[path], entering=True, channels_last=self.channels_last(y))
        (self.after if self.names[-1] in self.points else self.before)[path] = None

    def see_operation(self, operation: Operation) -> None:
        if operation.name in self.names:
            self.made[operation.name] = operation.output

    def see_output(self, name: str, y: Any) -> None:
        if name in self.names:
            path, call = (name, 1) if name in self.calls else (name.rpartition("_")[0], self.calls[name.rpartition("_")[0]])
            self.points[name] = Point(path, call, entering=False, channels_last=self.channels_last(y))

    def channels_last(self, y: Tensor) -> bool:
        layout = layout_of(y.shape, self.size)
        return layout is not None and layout.axis == 1
