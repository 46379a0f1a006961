"""Images whose label is likely wrong."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .look import CLASS, Look, count_option

if TYPE_CHECKING:
    from ..insight.subject import Subject
    from .picture import Picture


def pictures(subject: "Subject", **options: Any) -> "Iterator[Picture]":
    """The pictures; heavy libraries are imported only here."""
    from .draw.errors import pictures

    return pictures(subject, **options)


LOOK = Look(
    "errors",
    "labels that are likely wrong, by confident learning",
    pictures,
    (CLASS, count_option("how many images [three rows]")),
    tasks=("classify",),
)
