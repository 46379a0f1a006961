"""Dead and saturated units."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .look import LAYER, Look

if TYPE_CHECKING:
    from ..insight.subject import Subject
    from .picture import Picture


def pictures(subject: "Subject", **options: Any) -> "Iterator[Picture]":
    """The pictures; heavy libraries are imported only here."""
    from .draw.dead import pictures

    return pictures(subject, **options)


LOOK = Look("dead", "units that never fire or are saturated", pictures, (LAYER,))
