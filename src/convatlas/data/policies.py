"""RandAugment and TrivialAugment: each image is changed in its own way.

Images of the batch that drew the same change to the same degree go through it together, by torchvision's functions. What comes
in from outside a turned, sheared or moved image is black, as around a crop. A grey image has no color to change.

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

STRONGEST = 30
_BETWEEN = InterpolationMode.BILINEAR


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


class Change(NamedTuple):
    """One change of images, and whether its degree has a sign or matters at all."""

    apply: Callable[[Tensor, Degree, Space], Tensor]
    signed: bool = False
    graded: bool = True


def _moved(x: Tensor, *, across: float = 0, down: float = 0, shear: tuple[float, float] = (0, 0)) -> Tensor:
    angles = [math.degrees(math.atan(tangent)) for tangent in shear]
    shift: list[Any] = [int(across * x.shape[3]), int(down * x.shape[2])]
    # A shear leaves the upper left corner where it is, as in the papers' code.
    return change.affine(x, 0.0, shift, 1.0, angles, interpolation=_BETWEEN, center=[0.0, 0.0])


def _turned(x: Tensor, degrees: float) -> Tensor:
    return change.rotate(x, degrees, interpolation=_BETWEEN)


CHANGES = {
    "identity": Change(lambda x, _degree, _space: x, graded=False),
    "shear x": Change(lambda x, degree, space: _moved(x, shear=(degree * space.shear, 0)), signed=True),
    "shear y": Change(lambda x, degree, space: _moved(x, shear=(0, degree * space.shear)), signed=True),
    "translate x": Change(lambda x, degree, space: _moved(x, across=degree * space.shift), signed=True),
    "translate y": Change(lambda x, degree, space: _moved(x, down=degree * space.shift), signed=True),
    "rotate": Change(lambda x, degree, space: _turned(x, degree * space.turn), signed=True),
    "brightness": Change(lambda x, degree, space: change.adjust_brightness(x, 1 + degree * space.blend), signed=True),
    "color": Change(lambda x, degree, space: change.adjust_saturation(x, 1 + degree * space.blend), signed=True),
    "contrast": Change(lambda x, degree, space: change.adjust_contrast(x, 1 + degree * space.blend), signed=True),
    "sharpness": Change(lambda x, degree, space: change.adjust_sharpness(x, 1 + degree * space.blend), signed=True),
    "posterize": Change(lambda x, degree, space: change.posterize(x, 8 - round(degree * space.bits))),
    "solarize": Change(lambda x, degree, _space: change.solarize(x, 255 * (1 - degree)) if degree else x),
    "autocontrast": Change(lambda x, _degree, _space: change.autocontrast(x), graded=False),
    "equalize": Change(lambda x, _degree, _space: change.equalize(x), graded=False),
}
NAMES = tuple(CHANGES)

Pick = tuple[str, Degree]


def randaugment(x: Tensor, strength: int, chance: Tensor) -> Tensor:
    """Two changes of each image, one after the other, each of `strength` of 30.

    Shapes   x (n, c, h, w) uint8, or float32 from 0 to 255; c 1 or 3; chance (2, n) → uint8
    Source   Cubuk et al. 2019, §3 with N = 2; differs: the end of each range is at 30, as in torchvision, not at 10
    """
    for row in chance.tolist():
        x = changed(x, [pick(number, strength) for number in row], RANDAUGMENT)
    return x


def trivialaugment(x: Tensor, chance: Tensor) -> Tensor:
    """One change of each image, of a strength that is drawn too.

    Shapes   x (n, c, h, w) uint8, or float32 from 0 to 255; c 1 or 3; chance (n,) → uint8
    Source   Müller and Hutter 2021, algorithm 1, on its wide space
    """
    return changed(x, [pick(number, None) for number in chance.tolist()], TRIVIALAUGMENT)


def pick(number: int, strength: int | None) -> Pick:
    """What a chance means: one of fourteen changes, its direction, and its strength from 0 to 30 if none is given."""
    rest, which = divmod(number, len(NAMES))
    rest, backwards = divmod(rest, 2)
    how = CHANGES[NAMES[which]]
    degree = (rest % (STRONGEST + 1) if strength is None else strength) / STRONGEST if how.graded else 0.0
    return NAMES[which], -degree if backwards and how.signed else degree


def changed(x: Tensor, picks: list[Pick], space: Space) -> Tensor:
    """Each image as its pick says, whatever the others do.

    Shapes   x (n, c, h, w) uint8, or float32 from 0 to 255; n picks → uint8
    """
    if x.is_floating_point():
        x = x.round().clamp(0, 255).to(torch.uint8)
    order = sorted(range(len(picks)), key=picks.__getitem__)
    place = torch.tensor(order).to(x.device, non_blocking=True)
    x = x.index_select(0, place)
    y, start = torch.empty_like(x), 0
    for (name, degree), alike in groupby(picks[i] for i in order):
        stop = start + len(list(alike))
        y[start:stop] = CHANGES[name].apply(x[start:stop], degree, space)
        start = stop
    return y.index_select(0, place.argsort())
