"""Images with the network's predictions."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .look import AT, CLASS, Look, Option, count_option

if TYPE_CHECKING:
    from ..insight.subject import Subject
    from .picture import Picture


def pictures(subject: "Subject", **options: Any) -> "Iterator[Picture]":
    """The pictures; heavy libraries are imported only here."""
    from .draw.predictions import pictures

    return pictures(subject, **options)


LOOK = Look(
    "predictions",
    "images with the predicted class and its probability, the most confident mistakes, the least confident correct predictions",
    pictures,
    (
        AT,
        CLASS,
        count_option("how many images [three rows]"),
        Option(name="only", kind=str, choices=("wrong", "right"), help="wrong or right predictions only"),
    ),
    tasks=("classify",),
)
