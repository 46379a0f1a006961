"""The confusion matrix."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .look import Look

if TYPE_CHECKING:
    from ..insight.subject import Subject
    from .picture import Picture


def pictures(subject: "Subject", **options: Any) -> "Iterator[Picture]":
    """The pictures; heavy libraries are imported only here."""
    from .draw.confusion import pictures

    return pictures(subject, **options)


LOOK = Look("confusion", "confusion matrix: which class is taken for which", pictures, tasks=("classify",))
