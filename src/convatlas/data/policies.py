"""RandAugment and TrivialAugment: each image is changed in its own way.

Images of the batch that drew the same change to the same degree go through it together, by torchvision's functions. What comes
in from outside a turned, sheared or moved image is black, as around a crop. A gray image has no color to change.

Shapes   x (n, c, h, w) uint8, or float32 from 0 to 255, c 1 or 3

Papers   Cubuk et al. 2019, arXiv:1909.13719 (RandAugment) · Müller and Hutter 2021, arXiv:2103.10158 (TrivialAugment)
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as change

from .feed import Augment
from .geometry import Size

STRONGEST = 30
_BILINEAR = InterpolationMode.BILINEAR


@dataclass(frozen=True, slots=True)
class Space:
    """How far each change goes at most."""

    shear: float  # the tangent of its angle
    shift: float  # share of the side
    turn: float  # degrees
    blend: float  # of brightness, color, contrast and sharpness, around 1
    bits: int  # of the eight that posterizing takes away


RANDAUGMENT = Space(0.3, 150 / 331, 30, 0.9, 4)  # AutoAugment's: Cubuk et al. 2018, arXiv:1805.09501, appendix A
TRIVIALAUGMENT = Space(0.99, 32 / 224, 135, 0.99, 6)  # the paper's "wide" space, with its 32 pixels as a share of 224

Degree = float  # from −1 to 1, as a share of how far the change goes


Rows = tuple[tuple[float, float, float], tuple[float, float, float]]  # of an affine map, as in geometry.py


class Change(NamedTuple):
    """One change of images, whether its degree has a sign or matters at all, and where it takes points seen from."""

    apply: Callable[[Tensor, Degree, Space], Tensor]
    signed: bool = False
    graded: bool = True
    map: Callable[[Degree, Space, Size], Rows] | None = None  # None: nothing moves


def _move(x: Tensor, *, across: float = 0, down: float = 0, shear: tuple[float, float] = (0, 0)) -> Tensor:
    angles = [math.degrees(math.atan(tangent)) for tangent in shear]
    shift: list[Any] = [int(across * x.shape[3]), int(down * x.shape[2])]
    # A shear leaves the upper left corner where it is, as in the papers' code.
    return change.affine(x, 0.0, shift, 1.0, angles, interpolation=_BILINEAR, center=[0.0, 0.0])


def _rotate(x: Tensor, degrees: float) -> Tensor:
    return change.rotate(x, degrees, interpolation=_BILINEAR)


def _rotation(degrees: float, size: Size) -> Rows:
    angle, (y, x) = math.radians(degrees), (length / 2 for length in size)
    cos, sin = math.cos(angle), math.sin(angle)
    return (cos, -sin, x - cos * x + sin * y), (sin, cos, y - sin * x - cos * y)


CHANGES = {
    "identity": Change(lambda x, _degree, _space: x, graded=False),
    "shear x": Change(
        lambda x, degree, space: _move(x, shear=(degree * space.shear, 0)), signed=True,
        map=lambda degree, space, _size: ((1, degree * space.shear, 0), (0, 1, 0)),
    ),
    "shear y": Change(
        lambda x, degree, space: _move(x, shear=(0, degree * space.shear)), signed=True,
        map=lambda degree, space, _size: ((1, 0, 0), (degree * space.shear, 1, 0)),
    ),
    "translate x": Change(
        lambda x, degree, space: _move(x, across=degree * space.shift), signed=True,
        map=lambda degree, space, size: ((1, 0, -int(degree * space.shift * size[1])), (0, 1, 0)),
    ),
    "translate y": Change(
        lambda x, degree, space: _move(x, down=degree * space.shift), signed=True,
        map=lambda degree, space, size: ((1, 0, 0), (0, 1, -int(degree * space.shift * size[0]))),
    ),
    "rotate": Change(
        lambda x, degree, space: _rotate(x, degree * space.turn), signed=True,
        map=lambda degree, space, size: _rotation(degree * space.turn, size),
    ),
    "brightness": Change(lambda x, degree, space: change.adjust_brightness(x, 1 + degree * space.blend), signed=True),
    "color": Change(lambda x, degree, space: change.adjust_saturation(x, 1 + degree * space.blend), signed=True),
    "contrast": Change(lambda x, degree, space: change.adjust_contrast(x, 1 + degree * space.blend), signed=True),
    "sharpness": Change(lambda x, degree, space: change.adjust_sharpness(x, 1 + degree * space.blend), signed=True),
    "posterize": Change(lambda x, degree, space: change.posterize(x, 8 - round(degree * space.bits))),
    "solarize": Change(lambda x, degree, _space: change.solarize(x, 255 * (1 - degree)) if degree else x),
    "autocontrast": Change(lambda x, _degree, _space: change.autocontrast(x), graded=False),
    "equalize": Change(lambda x, _degree, _space: change.equalize(x), graded=False),
}  # fmt: skip
NAMES = tuple(CHANGES)

Drawn = tuple[str, Degree]


@dataclass(frozen=True, slots=True)
class Changes:
    """One change of each image of a batch, its own; the window that its pixels, masks and boxes look through."""

    size: Size
    drawn: list[Drawn]
    space: Space

    def see(self, x: Tensor) -> Tensor:
        """Each image changed as it drew, whatever the others do. Gives uint8."""
        return apply_changes(x, self.drawn, self.space)

    def map(self) -> Tensor:
        still: Rows = (1, 0, 0), (0, 1, 0)
        maps = ((CHANGES[name].map, degree) for name, degree in self.drawn)
        rows = [map_(degree, self.space, self.size) if map_ else still for map_, degree in maps]
        return torch.tensor(rows, dtype=torch.float32)


def changes(augment: Augment, size: Size, chance: Tensor) -> list[Changes]:
    """Two changes of each image for RandAugment, one for TrivialAugment, in the order in which images pass through them.

    Shapes   size (h, w); chance (2, n)
    """
    if augment.randaugment:
        return randaugment(size, augment.randaugment, chance)
    return [trivialaugment(size, chance[0])] if augment.trivialaugment else []


def randaugment(size: Size, strength: int, chance: Tensor) -> list[Changes]:
    """Two changes of each image, one after the other, each of `strength` of 30.

    Shapes   size (h, w); chance (2, n)
    Source   Cubuk et al. 2019, §3 with N = 2; differs: the end of each range is at 30, as in torchvision, not at 10
    """
    return [Changes(size, [draw(number, strength) for number in row], RANDAUGMENT) for row in chance.tolist()]


def trivialaugment(size: Size, chance: Tensor) -> Changes:
    """One change of each image, of a strength that is drawn too.

    Shapes   size (h, w); chance (n,)
    Source   Müller and Hutter 2021, algorithm 1, on its wide space
    """
    return Changes(size, [draw(number, None) for number in chance.tolist()], TRIVIALAUGMENT)


def draw(number: int, strength: int | None) -> Drawn:
    """What a chance means: one of fourteen changes, its direction, and its strength from 0 to 30 if none is given."""
    rest, which = divmod(number, len(NAMES))
    rest, backwards = divmod(rest, 2)
    change_ = CHANGES[NAMES[which]]
    degree = (rest % (STRONGEST + 1) if strength is None else strength) / STRONGEST if change_.graded else 0.0
    return NAMES[which], -degree if backwards and change_.signed else degree


def apply_changes(x: Tensor, drawn: list[Drawn], space: Space) -> Tensor:
    """Each image with its own change.

    Shapes   x (n, c, h, w) uint8, or float32 from 0 to 255; n drawn → uint8
    """
    if x.is_floating_point():
        x = x.round().clamp(0, 255).to(torch.uint8)
    order = sorted(range(len(drawn)), key=drawn.__getitem__)
    place = torch.tensor(order).to(x.device, non_blocking=True)
    x = x.index_select(0, place)
    y, start = torch.empty_like(x), 0
    for (name, degree), alike in groupby(drawn[i] for i in order):
        stop = start + len(list(alike))
        y[start:stop] = CHANGES[name].apply(x[start:stop], degree, space)
        start = stop
    return y.index_select(0, place.argsort())
