"""TIFF files of many channels, as satellites and microscopes write them."""

import logging
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from PIL import Image, TiffImagePlugin

from .feed import WHITE
from .levels import to_bytes

SAMPLES, TURN = 277, 274  # TIFF's tags


class ManyChannels:
    """An open file, of which the first page counts; it has what the functions of `picture_file` ask of a Pillow image.

    Units    size (width, height) as it is stored
    Raises   ValueError for a page that is no image of several channels
    """

    mode, format, has_transparency_data = "many channels", "TIFF", False

    def __init__(self, path: Path) -> None:
        import tifffile

        logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # it would write to the terminal what is raised anyway
        self.file = tifffile.TiffFile(path)
        page = self.file.pages.first
        self.axes = page.axes
        if sorted(self.axes) != ["S", "X", "Y"]:
            self.file.close()
            raise ValueError(f"a TIFF page with the axes {self.axes}, and rows, columns and channels are needed")
        lengths = dict(zip(self.axes, page.shape, strict=True))
        self.size, self.count = (lengths["X"], lengths["Y"]), lengths["S"]
        tag = page.tags.get(TURN)
        self.orientation = int(tag.value) if tag is not None else 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.file.close()

    def draft(self, _mode: str | None, _size: tuple[int, int] | None) -> None:
        """Nothing: its pixels cannot be had smaller."""

    def planes(self, white: int = WHITE) -> list[Image.Image]:
        """Each channel as a gray image of 8 bits."""
        levels = np.moveaxis(self.file.pages.first.asarray(), self.axes.index("S"), 0)
        return [Image.fromarray(plane) for plane in np.ascontiguousarray(to_bytes(levels, white))]


def count_samples(path: Path) -> int:
    """How many channels the first page of a TIFF file has, by its tags; 0 where they cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(8)
            if head[2:3] == b"+" or head[3:4] == b"+":  # of more than 4 GB
                head += file.read(8)
            tags = TiffImagePlugin.ImageFileDirectory_v2(head)
            file.seek(tags.next)
            tags.load(file)
            return int(tags.get(SAMPLES, 1))
    except Exception:  # noqa: BLE001 - a damaged file may fail in any way; its reader says how
        return 0
