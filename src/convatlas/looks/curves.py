"""The training curves of a run."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .look import Look

if TYPE_CHECKING:
    from ..insight.subject import Subject
    from .picture import Picture


def pictures(subject: "Subject", **options: Any) -> "Iterator[Picture]":
    """The pictures; heavy libraries are imported only here."""
    from .draw.curves import pictures

    return pictures(subject, **options)


LOOK = Look("curves", "loss, accuracy and learning rate over the epochs of a run", pictures)
