"""Where weights come from, when all there is of them is what a user gave."""

from pathlib import Path

from .checkpoints import Checkpoint, find, published
from .store import is_place


def published_as(name: str, weights: str | Path) -> Checkpoint | None:
    """The published checkpoint that a tag means, or whose file name a file bears, whatever its ending; None if there is none.

    Raises   InputError if `weights` can be nothing but a tag, and the network has none of that name
    """
    if is_place(weights):
        return next((row for row in published(name) if Path(row.file).stem == Path(weights).stem), None)
    return find(name, str(weights))


def nearest_published(name: str, weights: str | Path | None) -> Checkpoint | None:
    """The published checkpoint whose images those of some weights are taken to be like: their own, else the network's first."""
    return (None if weights is None else published_as(name, weights)) or next(iter(published(name)), None)
