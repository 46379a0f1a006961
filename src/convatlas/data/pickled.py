"""CIFAR-10 and CIFAR-100 in their original pickles, opened by torchvision, which checks each file's md5 first."""

import warnings
from pathlib import Path

import numpy as np

from ..errors import InputError
from . import download
from .arrays import Arrays, Labels, Pixels

FOLDERS = {"CIFAR10": "cifar-10-batches-py", "CIFAR100": "cifar-100-python"}
ARCHIVES = {"CIFAR10": "cifar-10-python.tar.gz", "CIFAR100": "cifar-100-python.tar.gz"}


def find(name: str, data_dir: Path) -> Path | None:
    """The folder of the original files: the data folder itself, or inside it."""
    if data_dir.name == FOLDERS[name] and data_dir.is_dir():
        return data_dir
    folders = (data_dir / FOLDERS[name], data_dir / name / FOLDERS[name])
    return next((folder for folder in folders if folder.is_dir()), None)


def read(name: str, classes: tuple[str, ...], data_dir: Path) -> Arrays:
    """The set from the original files, downloaded first if they are not there.

    Raises   InputError if a file's md5 is not the published one: it is then never unpickled
    """
    folder = find(name, data_dir)
    if folder is None:
        download.fetch(name, data_dir, files=[ARCHIVES[name]], into=data_dir)
        folder = data_dir / FOLDERS[name]
    try:
        return Arrays(*_split(name, folder.parent, True), *_split(name, folder.parent, False), classes)
    except RuntimeError as error:
        raise InputError(
            f"{folder} needs the original files of {name} with their published md5 sums, but one is missing, "
            "cut short or changed: delete the folder and run again"
        ) from error


def _split(name: str, root: Path, train: bool) -> tuple[Pixels, Labels]:
    import torchvision.datasets

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pickles of 2009 carry flags that NumPy finds old-fashioned
        split = getattr(torchvision.datasets, name)(str(root), train=train)
    return np.ascontiguousarray(split.data.transpose(0, 3, 1, 2)), np.asarray(split.targets, np.int64)
