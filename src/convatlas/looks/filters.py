"""The kernels of a layer."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .look import LAYER, SEED, Look, count_option

if TYPE_CHECKING:
    from ..insight.subject import Subject
    from .picture import Picture


def pictures(subject: "Subject", **options: Any) -> "Iterator[Picture]":
    """The pictures; heavy libraries are imported only here."""
    from .draw.filters import pictures

    return pictures(subject, **options)


LOOK = Look(
    "filters",
    "kernels of the first layer, or of others, beside their random initialization",
    pictures,
    (LAYER, count_option("how many kernels [96]"), SEED),
)
