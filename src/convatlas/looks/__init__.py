"""The looks at a network: what `insight` computes and `views` draws, each a value with its own options.

A new look is a module here with a `LOOK`, its drawing function in `draw`, and one name in `LOOKS`.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..errors import unknown_name
from . import (
    calibration,
    classes,
    confusion,
    curves,
    dead,
    embedding,
    errors,
    features,
    filters,
    gradients,
    landscape,
    predictions,
    saliency,
)  # fmt: skip
from .look import Look, distribute

if TYPE_CHECKING:
    from ..insight.subject import Subject
    from .picture import Picture

LOOKS = (
    predictions.LOOK, confusion.LOOK, classes.LOOK, calibration.LOOK, errors.LOOK, curves.LOOK, filters.LOOK, features.LOOK,
    saliency.LOOK, embedding.LOOK, gradients.LOOK, dead.LOOK, landscape.LOOK,
)  # fmt: skip
BY_NAME: Mapping[str, Look] = MappingProxyType({look.name: look for look in LOOKS})
ALL = "all"


def choose_looks(names: Sequence[str], values: Mapping[str, Any]) -> dict[Look, dict[str, Any]]:
    """The looks of these names, each once, with its options; `values` are options by name, and a look takes those it has.

    Raises   InputError for an unknown look, an option that none of them has, or a value out of range
    """
    for name in names:
        if name not in (ALL, *BY_NAME):
            raise unknown_name("look", name, (ALL, *BY_NAME))
    looks = LOOKS if ALL in names else tuple(BY_NAME[name] for name in dict.fromkeys(names))
    return {look: look.parse(own) for look, own in zip(looks, distribute(values, looks), strict=True)}


def draw_look(subject: "Subject", name: str, **values: Any) -> "Iterator[Picture]":
    """The pictures of one look, each as soon as it is ready.

    Raises   InputError for an unknown look or option, or if the subject cannot be looked at so
    """
    if name not in BY_NAME:
        raise unknown_name("look", name, BY_NAME)
    return BY_NAME[name].draw(subject, **values)
