"""Gradient flow during training."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .look import SEED, Look, Option

if TYPE_CHECKING:
    from ..insight.subject import Subject
    from .picture import Picture

OPTIONS = (
    Option(name="against", kind=str, many=True, default=(), help="up to two other networks to train beside it"),
    Option(name="steps", kind=int, default=40, at_least=1, help="updates [40]"),
    Option(name="batch", kind=int, at_least=1, help="images in each step [64, or 8 large ones]"),
    SEED,
)


def pictures(subject: "Subject", **options: Any) -> "Iterator[Picture]":
    """The pictures; heavy libraries are imported only here."""
    from .draw.gradients import pictures

    return pictures(subject, **options)


LOOK = Look(
    "gradients",
    "gradient norm and update-to-weight ratio of each layer during training",
    pictures,
    OPTIONS,
    tasks=("classify",),
)
