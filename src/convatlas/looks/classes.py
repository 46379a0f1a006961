"""The accuracy of each class, and what is confused."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .look import CLASS, Look, count_option

if TYPE_CHECKING:
    from ..insight.subject import Subject
    from .picture import Picture


def pictures(subject: "Subject", **options: Any) -> "Iterator[Picture]":
    """The pictures; heavy libraries are imported only here."""
    from .draw.classes import pictures

    return pictures(subject, **options)


LOOK = Look(
    "classes",
    "accuracy of each class with its interval, and the most frequent confusions with examples",
    pictures,
    (CLASS, count_option("how many confusions [6]")),
    tasks=("classify",),
)
