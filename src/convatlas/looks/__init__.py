"""Floor 7: looks at a network: what is computed in `insight` and drawn in `views`, put together under a name each."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from ..errors import unknown

if TYPE_CHECKING:
    from ..insight.subject import Subject
    from .picture import LookOptions, Picture

LOOKS: Mapping[str, str] = MappingProxyType(
    {
        "predictions": "images with what the network says they are",
        "confusion": "which class is taken for which",
        "classes": "accuracy of each class, and the pairs most often confused",
        "calibration": "whether probabilities keep their word",
        "errors": "labels that are likely wrong",
        "curves": "loss and accuracy over the epochs of a run",
        "filters": "the kernels that see the image, beside their start",
        "features": "the strongest maps of layers all the way down",
        "saliency": "where an answer comes from",
        "embedding": "images as a layer sees them, on a plane",
        "gradients": "how much each layer is moved while it learns",
        "dead": "units that never fire, or always saturate",
        "landscape": "the loss around the weights",
    }
)
"""Each is a module of this room with a function `pictures`."""

ALL = "all"


def looks(what: tuple[str, ...]) -> list[str]:
    """The looks that were asked for, each once.

    Raises   InputError for one that does not exist
    """
    for name in what:
        if name not in (ALL, *LOOKS):
            raise unknown("look", name, (ALL, *LOOKS))
    return list(LOOKS) if ALL in what else list(dict.fromkeys(what))


def look(subject: "Subject", name: str, wish: "LookOptions") -> Iterator["Picture"]:
    """The pictures of one look, as they are ready.

    Raises   InputError if the subject cannot be looked at so
    """
    found: Iterator[Picture] = import_module(f".{name}", __name__).pictures(subject, wish)
    yield from found
