"""Where height and width lie in a layer's output: channels first or last, or in a row of tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Layout:
    """Where in a tensor height and width lie: an axis each, or both in one axis of tokens, a class token before them or not."""

    height: int
    width: int
    axis: int  # the first one of places; the other one of height and width follows
    extra: int | None = None  # tokens before those of places; None if there are no tokens

    @property
    def dims(self) -> tuple[int, ...]:
        """The axes of places."""
        return (self.axis, self.axis + 1) if self.extra is None else (self.axis,)

    def maps(self, y: Tensor) -> Tensor:
        """Channels first: (n, c, height, width)."""
        if self.extra is not None:
            tokens = y.movedim(self.axis, 1)[:, self.extra :]
            return tokens.reshape(len(y), self.height, self.width, -1).permute(0, 3, 1, 2)
        return y if self.axis == 2 else y.permute(0, 3, 1, 2)


def layout_of(shape: Sequence[int], size: Sequence[int]) -> Layout | None:
    """How a map or tokens lie in a tensor of this shape, judged by the proportions of the image; None without spatial extent.

    Where both fit, channels come first.

    Shapes   shape (n, c, h, w), (n, h, w, c), (n, t, c) or (n, c, t); size (channels, height, width) of the image
    """
    if len(shape) == 4:
        maps = [Layout(shape[axis], shape[axis + 1], axis) for axis in (2, 1)]
        fitting = [layout for layout in maps if proportion_error(layout, size) <= 1 + max(layout.height, layout.width) / 10]
        best = min(fitting, key=lambda layout: proportion_error(layout, size), default=None)
    elif len(shape) == 3:
        tokens = [
            Layout(height, (shape[axis] - extra) // height, axis, extra)
            for axis in (1, 2)
            for extra in (0, 1)
            for height in range(1, min(shape[axis] - extra, size[1]) + 1)
            if (shape[axis] - extra) % height == 0
        ]
        fitting = [layout for layout in tokens if distortion(layout, size) <= rounding(layout)]
        best = min(fitting, key=lambda layout: distortion(layout, size), default=None)
    else:
        return None
    if best is None or best.height * best.width < 2 or best.height > 2 * size[1] or best.width > 2 * size[2]:
        return None
    return best


def proportion_error(layout: Layout, size: Sequence[int]) -> float:
    """How many units its height is off the image's proportions: convolutions without padding take a few."""
    return abs(layout.height - layout.width * size[1] / size[2])


def distortion(layout: Layout, size: Sequence[int]) -> float:
    """How far its proportions are from the image's."""
    return abs(log(layout.height / layout.width * size[2] / size[1]))


def rounding(layout: Layout) -> float:
    """What one unit more on each side would change: patches are never cut off by more."""
    return log((layout.height + 1) / layout.height) + log((layout.width + 1) / layout.width)
