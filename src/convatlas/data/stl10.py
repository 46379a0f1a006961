"""STL-10 from its original binaries: bytes only, column by column, labels from 1."""

from pathlib import Path

import numpy as np

from ..errors import InputError
from . import download
from .arrays import Arrays, Labels, Pixels

FOLDER = "stl10_binary"
SIDE = 96
FILES = ("train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin")


def find(data_dir: Path) -> Path | None:
    """The folder of the labeled files: the data folder itself, or inside it; the unlabeled images are not needed."""
    folders = (data_dir / FOLDER, data_dir, data_dir / "STL10" / FOLDER, data_dir / "STL10")
    return next((folder for folder in folders if all((folder / file).is_file() for file in FILES)), None)


def read(classes: tuple[str, ...], data_dir: Path) -> Arrays:
    """The labeled images, downloaded first if they are not there."""
    folder = find(data_dir)
    if folder is None:
        download.fetch("STL10", data_dir, files=FILES, into=data_dir / FOLDER)
        folder = data_dir / FOLDER
    train, test = (_split(folder, *files, len(classes)) for files in (FILES[:2], FILES[2:]))
    return Arrays(*train, *test, classes)


def _split(folder: Path, images: str, labels: str, classes: int) -> tuple[Pixels, Labels]:
    x, y = np.fromfile(folder / images, np.uint8), np.fromfile(folder / labels, np.uint8).astype(np.int64) - 1
    needed = len(y) * 3 * SIDE * SIDE
    if x.size != needed or not len(y):
        raise InputError(
            f"{folder / images} needs {needed:,} bytes for the {len(y):,} labels beside it, but has {x.size:,}: "
            "it was cut short; delete both and run again"
        )
    if not 0 <= y.min() <= y.max() < classes:
        raise InputError(f"{folder / labels} needs labels from 1 to {classes}, got {y.min() + 1} to {y.max() + 1}")
    return np.ascontiguousarray(x.reshape(-1, 3, SIDE, SIDE).swapaxes(2, 3)), y
