"""Images of an index as they are drawn."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..data import CATALOG, load
from ..data.picture import Unreadable, square
from ..errors import InputError
from ..features.index import Index

SHOWN = 400  # pixels a side of a photograph that is drawn

Pixels = NDArray[np.uint8]


def read_thumbnails(index: Index, places: Sequence[int], data_dir: Path | None = None) -> dict[int, Pixels]:
    """The images at some places of an index (h, w, c); what is no longer there, or lies outside its root, is left out."""
    root = Path(index.root)
    found: dict[int, Pixels] = {}
    if index.root in CATALOG or root.suffix == ".npz":
        try:
            data = load(index.root, data_dir=data_dir, val_share=0)
        except InputError:
            return found
        for place in places:
            split, _, number = str(index.paths[place]).rpartition(":")[2].partition("/")
            images: Any = {"train": data.train, "test": data.test}.get(split)
            if images is not None and number.isdecimal() and int(number) < len(images):
                found[place] = images.pixels(torch.tensor([int(number)]))[0].permute(1, 2, 0).numpy()
        return found
    for place in places:
        path = root / str(index.paths[place])
        if path.resolve().is_relative_to(root.resolve()) and (pixels := read_thumbnail(path)) is not None:
            found[place] = pixels
    return found


def read_thumbnail(path: Path) -> Pixels | None:
    """The square middle of a picture, large enough to be drawn; None if it cannot be read."""
    try:
        return square(path, 3, SHOWN).transpose(1, 2, 0)
    except Unreadable:
        return None
