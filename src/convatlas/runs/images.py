"""Images to embed, each with a path by which it is found again."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..data import CATALOG, Data, Images, Resident, Streamed, load
from ..data.decode import Files, broken_warning
from ..data.folder import TEST, TRAIN, VAL
from ..data.picture import ENDINGS
from ..data.splits import split_off
from ..errors import InputError, unknown
from .preparation import Preparation

SPLITS = ("all", "train", "val", "test")
VAL_SHARE = 0.1  # of a set without validation images, as training takes it
PARTS = (*TRAIN, *VAL, *TEST)
GLANCE = 32  # pixels a side that suffice to open a folder

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ImageSet:
    """Images whose labels are their places, so that one left out takes its path with it.

    Shapes   labels (n,), −1 where the class is not known; paths (n,)
    """

    images: Images
    labels: Ints
    paths: NDArray[np.str_]
    classes: tuple[str, ...]
    root: str
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)


def open_images(data: str, split: str, lens: Preparation, data_dir: Path | None = None) -> ImageSet:
    """The images of a folder, a set or an .npz: all of them, or those of one part as training divides them.

    Raises   InputError if there are none, or their channels are not the network's
    """
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    root = Path(data).expanduser()
    if data not in CATALOG and root.is_dir():
        return whole(root, lens) if split == "all" else part(root, split, lens)
    return of_set(data, split, lens, data_dir)


def whole(root: Path, lens: Preparation) -> ImageSet:
    """Every picture below a folder; the class is the sub-folder, if there is one."""
    names = sorted(below(root))
    if not names:
        raise InputError(f"{root} has no images ({' '.join(sorted(ENDINGS))})")
    of = [class_of(Path(name).parts) for name in names]
    classes = tuple(sorted({name for name in of if name is not None}))
    number = {name: i for i, name in enumerate(classes)}
    labels = np.array([-1 if name is None else number[name] for name in of], np.int64)
    return streamed(root, Files(root, names, labels), lens, classes)


def below(root: Path) -> list[str]:
    """Names relative to the folder."""
    names = []
    for folder, inside, files in os.walk(root, followlinks=True):
        inside[:] = [name for name in inside if not name.startswith(".") and name != "__MACOSX"]
        names += [os.path.relpath(Path(folder, name), root) for name in files
                  if Path(name).suffix.lower() in ENDINGS and not name.startswith(".")]  # fmt: skip
    return names


def class_of(parts: Sequence[str]) -> str | None:
    """The sub-folder a picture lies in, below `train`, `val` or `test`."""
    folders = parts[1:-1] if len(parts) > 2 and parts[0] in PARTS else parts[:-1]
    return folders[0] if folders else None


def part(root: Path, split: str, lens: Preparation) -> ImageSet:
    """The pictures of one part of a folder, divided as for training."""
    data = load(str(root), image_size=GLANCE, resident_share=0)
    images = chosen(data, split, str(root))
    if not isinstance(images, Streamed):
        raise TypeError("a folder that may not be held in memory was")
    names = [os.path.relpath(images.path(i), root) for i in range(len(images))]
    return streamed(root, Files(root, names, images.labels.numpy()), lens, data.classes, data.warnings)


def streamed(root: Path, files: Files, lens: Preparation, classes: tuple[str, ...], known: tuple[str, ...] = ()) -> ImageSet:
    """The files that can be opened, decoded when they are needed."""
    files.without_broken(root.name)
    if not files.names:
        raise InputError(
            f"none of the {len(files.broken)} images of {root} can be read: {broken_warning([files], strict=False)[0]}"
        )
    paths = np.array([os.fsencode(name).decode(errors="replace") for name in files.names], np.str_)
    labels = files.labels
    files.labels = np.arange(len(labels))
    images = files.streamed(lens.channels, lens.side, strict=False, frame=lens.frame)
    return ImageSet(images, labels, paths, classes, str(root.resolve()), (*known, *broken_warning([files], strict=False)))


def chosen(data: Data, split: str, name: str) -> Images:
    """A part that has to be there."""
    images: Images | None = getattr(data, split)
    if images is None:
        raise InputError(f"{name} has no {split} images: choose another --split")
    return images


def of_set(name: str, split: str, lens: Preparation, data_dir: Path | None) -> ImageSet:
    """Images of a set in memory; a path counts in the set's own order, whatever is for validation."""
    data = load(name, data_dir=data_dir, val_share=0)
    parts = [(of, images) for of, images in (("train", data.train), ("test", data.test)) if isinstance(images, Resident)]
    if split in ("train", "val"):
        train, val = split_off(data.train.labels.numpy(), VAL_SHARE, 0)
        places = {"train": train, "val": val}[split]
        parts = [("train", Resident(parts[0][1].pixels(torch.from_numpy(places)), parts[0][1].labels[places]))]
        numbers = [places]
    else:
        parts = parts if split == "all" else parts[1:]
        numbers = [np.arange(len(images)) for _, images in parts]
    pixels = torch.cat([images.x for _, images in parts]) if len(parts) > 1 else parts[0][1].x
    if data.channels != lens.channels:
        if data.channels != 1:
            raise InputError(f"the network sees {lens.channels} channels, but {name} has {data.channels}: choose another set")
        pixels = pixels.expand(-1, lens.channels, -1, -1)
    labels = torch.cat([images.labels for _, images in parts]).numpy().astype(np.int64)
    paths = [f"{data.name}:{of}/{i}" for (of, _), at in zip(parts, numbers, strict=True) for i in at.tolist()]
    root = name if name in CATALOG else str(Path(name).expanduser().resolve())
    images = Resident(pixels, torch.arange(len(labels)))
    return ImageSet(images, labels, np.array(paths, np.str_), data.classes, root, data.warnings)
