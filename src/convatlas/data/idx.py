"""idx, the file format of MNIST: a big-endian header, then bytes; plain or gzip-compressed, read where it lies."""

import gzip
import hashlib
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from . import download
from .arrays import Arrays, Labels, Pixels

STEMS = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")

# Both sets use the same file names; the md5 of the unpacked test labels tells them apart.
TEST_LABELS = {"MNIST": "27ae3e4e09519cfbb04c329615203637", "FashionMNIST": "15d484375f8d13e6eb1aabb0c3f46965"}


def find(folder_name: str, data_dir: Path) -> Path | None:
    """The folder that holds the four files of the set: the data folder itself or its usual sub-folders."""
    for folder in (data_dir / folder_name / "raw", data_dir / folder_name, data_dir / "raw", data_dir):
        files = [_file(folder, stem) for stem in STEMS]
        if None not in files and not _is_another(files[-1], folder_name):
            return folder
    return None


def read(folder_name: str, classes: tuple[str, ...], data_dir: Path) -> Arrays:
    """The set from its four files, downloaded first if they are not there."""
    folder = find(folder_name, data_dir)
    if folder is None:
        download.fetch(folder_name, data_dir, files=[f"{stem}.gz" for stem in STEMS], into=data_dir / folder_name)
        folder = data_dir / folder_name / "raw"
    files = [_file(folder, stem) or folder / stem for stem in STEMS]
    pairs = [_read_pair(images, labels, len(classes)) for images, labels in (files[:2], files[2:])]
    return Arrays(*pairs[0], *pairs[1], classes)


def read_file(path: Path) -> NDArray[np.uint8]:
    """The array in an idx file of bytes.

    Shapes   → as the header says, 1 to 4 axes
    Raises   InputError if the header is wrong or the file is not as long as its header says
    """
    content = _content(path)
    zeros, kind, axes = content[:2], content[2:3], content[3] if len(content) > 3 else 0
    if zeros != b"\0\0" or kind != b"\x08" or not 1 <= axes <= 4 or len(content) < 4 + 4 * axes:
        raise InputError(f"{path} is no idx file of bytes: its header is {content[:4].hex()}; delete it and run again")
    shape = tuple(int(side) for side in np.frombuffer(content, ">u4", axes, offset=4))
    start, size = 4 + 4 * axes, math.prod(shape)
    if len(content) != start + size:
        raise InputError(
            f"{path} needs {start + size:,} bytes by its header, unpacked, but has {len(content):,}: "
            "it was cut short or damaged; delete it and run again"
        )
    return np.frombuffer(content, np.uint8, size, offset=start).reshape(shape)


def _content(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        size = path.stat().st_size
        raise InputError(
            f"{path} ({size:,} bytes) is not a whole gzip file: it was cut short or damaged; delete it and run again"
        ) from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def _file(folder: Path, stem: str) -> Path | None:
    # Some copies have a dot before idx: train-images.idx3-ubyte, in a folder of that name where it was unpacked by hand.
    names = (stem, stem.replace("-idx", ".idx"))
    places = [path for name in names for path in (folder / name, folder / f"{name}.gz", folder / name / name)]
    return next((path for path in places if path.is_file()), None)


def _is_another(test_labels: Path | None, folder_name: str) -> bool:
    try:
        digest = hashlib.md5(_content(test_labels), usedforsecurity=False).hexdigest() if test_labels else ""
    except InputError:
        return False
    return digest in {md5 for name, md5 in TEST_LABELS.items() if name != folder_name}


def _read_pair(images: Path, labels: Path, classes: int) -> tuple[Pixels, Labels]:
    x, y = read_file(images), read_file(labels)
    if x.ndim != 3 or y.ndim != 1 or len(x) != len(y) or not len(x):
        raise InputError(f"{images} needs images (n, h, w) and {labels.name} as many labels (n,), got {x.shape} and {y.shape}")
    if y.max() >= classes:
        raise InputError(f"{labels} needs labels from 0 to {classes - 1}, got {y.max()}")
    return x[:, None], y.astype(np.int64)
