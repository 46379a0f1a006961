"""The images of an index, small, for pictures of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..data import CATALOG, load
from ..data.picture import square
from ..data.picture_file import Unreadable
from ..errors import InputError
from ..features.index import Index

SIDE = 400  # pixels a side of a photograph that is drawn

Pixels = NDArray[np.uint8]


def read_thumbnails(index: Index, places: Sequence[int], data_dir: Path | None = None) -> dict[int, Pixels]:
    """The images at some places of an index; those that are no longer there, or lie outside its root, are left out.

    Shapes   (h, w, c) each
    """
    root = Path(index.root)
    thumbnails: dict[int, Pixels] = {}
    if index.root in CATALOG or root.suffix == ".npz":
        try:
            data = load(index.root, data_dir=data_dir, val_share=0)
        except InputError:
            return thumbnails
        for place in places:
            split, _, number = str(index.paths[place]).rpartition(":")[2].partition("/")
            images: Any = {"train": data.train, "test": data.test}.get(split)
            if images is not None and number.isdecimal() and int(number) < len(images):
                thumbnails[place] = images.pixels(torch.tensor([int(number)]))[0].permute(1, 2, 0).numpy()
        return thumbnails
    for place in places:
        path = root / str(index.paths[place])
        if path.resolve().is_relative_to(root.resolve()) and (pixels := read_thumbnail(path)) is not None:
            thumbnails[place] = pixels
    return thumbnails


def read_thumbnail(path: Path) -> Pixels | None:
    """The square middle of a picture; None if it cannot be read.

    Shapes   (side, side, 3)
    """
    try:
        return square(path, 3, SIDE).transpose(1, 2, 0)
    except Unreadable:
        return None
