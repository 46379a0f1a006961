"""Which published checkpoint weights come from, told by a tag or a file name."""

from pathlib import Path

from .checkpoints import Checkpoint, checkpoints_of, find
from .store import is_place


def published_as(name: str, weights: str | Path) -> Checkpoint | None:
    """The published checkpoint with this tag, or with this file's name, whatever its suffix; None if there is none.

    Raises   InputError if `weights` can be nothing but a tag, and the network has none of that name
    """
    if is_place(weights):
        return next((row for row in checkpoints_of(name) if Path(row.file).stem == Path(weights).stem), None)
    return find(name, str(weights))


def nearest_published(name: str, weights: str | Path | None) -> Checkpoint | None:
    """The published checkpoint whose preparation of images fits these weights: their own, or else the network's first."""
    return (None if weights is None else published_as(name, weights)) or next(iter(checkpoints_of(name)), None)
