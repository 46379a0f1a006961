"""Where an answer comes from."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .look import AT, LAYER, SEED, Look, Option, count_option

if TYPE_CHECKING:
    from ..insight.subject import Subject
    from .picture import Picture

METHODS = ("gradient", "smoothgrad", "integrated-gradients", "gradcam", "gradcam++", "layercam", "occlusion")
DEFAULT = ("gradcam", "layercam", "smoothgrad", "integrated-gradients")
OPTIONS = (
    AT,
    LAYER,
    count_option("how many images [5]"),
    Option(
        name="method", keyword="methods", kind=str, many=True, default=DEFAULT, choices=METHODS,
        help=f"{', '.join(METHODS)} [{', '.join(DEFAULT)}]",
    ),
    Option(name="target", kind=str, help="class to explain, by its name or number [the predicted one]"),
    Option(name="sanity", kind=bool, default=True, help="test the maps by deletion, insertion and randomization [yes]"),
    SEED,
)  # fmt: skip


def pictures(subject: "Subject", **options: Any) -> "Iterator[Picture]":
    """The pictures; heavy libraries are imported only here."""
    from .draw.saliency import pictures

    return pictures(subject, **options)


LOOK = Look(
    "saliency",
    "saliency maps by several methods, tested by deletion, insertion and randomization",
    pictures,
    OPTIONS,
    tasks=("classify",),
)
