"""The feature maps of an image."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .look import AT, LAYER, Look, count_option

if TYPE_CHECKING:
    from ..insight.subject import Subject
    from .picture import Picture


def pictures(subject: "Subject", **options: Any) -> "Iterator[Picture]":
    """The pictures; heavy libraries are imported only here."""
    from .draw.features import pictures

    return pictures(subject, **options)


LOOK = Look(
    "features",
    "feature maps: the strongest channels of layers over the whole depth, for one image",
    pictures,
    (AT, LAYER, count_option("how many channels in each row [8]")),
)
