"""The loss landscape around the weights."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .look import AT, SEED, Look, Option, count_option

if TYPE_CHECKING:
    from ..insight.subject import Subject
    from .picture import Picture

OPTIONS = (
    AT,
    count_option("how many images [256]"),
    Option(name="steps", kind=int, default=13, at_least=3, help="points on each side, an odd number [13]"),
    Option(name="reach", kind=float, default=1.0, above=0, help="how far to go, in lengths of the weights [1]"),
    SEED,
)


def pictures(subject: "Subject", **options: Any) -> "Iterator[Picture]":
    """The pictures; heavy libraries are imported only here."""
    from .draw.landscape import pictures

    return pictures(subject, **options)


LOOK = Look(
    "landscape",
    "the loss around the weights, along two random filter-normalized directions",
    pictures,
    OPTIONS,
    tasks=("classify",),
)
