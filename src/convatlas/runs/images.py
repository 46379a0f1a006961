"""Images to show a network, each with a path by which it is found again: a set, a folder, a part of either, or single files."""

import os
from collections.abc import Collection, Sequence
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..data import CATALOG, Data, Images, Resident, Streamed, folder, load
from ..data.decode import Files, broken_warning
from ..data.feed import Split
from ..data.layout import find_layout
from ..data.picture_file import FORMATS_IN_WORDS, Unreadable
from ..data.table import is_table
from ..data.targets import Labels
from ..data.walk import others_words, plain_name, walk_pictures
from ..errors import InputError, count_of, join_names, unknown_name
from .build import column_options, open_data, split_options, task_of
from .class_names import class_numbers
from .kept import changed_arrays, check_same_arrays, files_of_run
from .network import OpenNetwork
from .preparation import Preparation

SPLITS = ("all", "train", "val", "test")
NAMED = 5
GLANCE = 32  # pixels a side that suffice to open a folder

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ImageSet:
    """Images whose own labels are their places in `labels` and `paths`, so that these stay right when images are left out.

    Shapes   labels (n,): numbers of classes, −1 where the class is not known; paths (n,)
    """

    images: Images
    labels: Ints
    paths: NDArray[np.str_]
    classes: tuple[str, ...]
    root: str
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def with_classes(self) -> Images:
        """The images with the numbers of their classes as labels.

        Raises   TypeError for images that are neither resident nor streamed
        """
        labels = torch.from_numpy(self.labels)
        if isinstance(self.images, Resident):
            return Resident(self.images.x, labels)
        if not isinstance(self.images, Streamed):
            raise TypeError(f"images are resident or streamed, got {type(self.images).__name__}")
        images = copy(self.images)
        images.targets = Labels(labels)
        return images


def open_images(data: str, split: str, network: OpenNetwork, data_dir: Path | None = None) -> ImageSet:
    """The images of a folder, a table, a set or an .npz: all of them, or one part.

    Parts are those that the network's run was trained with: validation and test images are none that it has learned from.
    For a network that is not of a run they are those of the default recipe.

    Raises   InputError if there are none, or their channels are not the network's
    """
    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    root = Path(data).expanduser()
    if data not in CATALOG and is_table(root):
        return open_part(root, split, network, data_dir or root.parent)
    if data in CATALOG or not root.is_dir():
        return open_set(data, split, network, data_dir)
    return open_folder(root, network.preparation) if split == "all" else open_part(root, split, network, root)


def open_folder(root: Path, preparation: Preparation) -> ImageSet:
    """Every picture below a folder; the class is the sub-folder, if there is one.

    Raises   InputError if there is no picture, or none that can be read
    """
    names, left_out = walk_pictures(root)
    if not names:
        raise InputError(f"{root} has no images ({FORMATS_IN_WORDS}){''.join(f': {words}' for words in left_out)}")
    layout = find_layout(root)
    parts = {place.name for place in (*layout.parts.values(), *layout.unlabeled.values())}
    of = [class_of(Path(name).parts, parts) for name in names]
    classes = tuple(sorted({name for name in of if name is not None}))
    number = {name: i for i, name in enumerate(classes)}
    labels = np.array([-1 if name is None else number[name] for name in of], np.int64)
    return stream_files(root, Files(root, names, labels), preparation, classes, left_out)


def class_of(path: Sequence[str], parts: Collection[str]) -> str | None:
    """The folder a picture lies in, below that of its part if it has one."""
    folders = path[1:-1] if path[0] in parts else path[:-1]
    return folders[0] if folders else None


def open_part(place: Path, split: str, network: OpenNetwork, root: Path) -> ImageSet:
    """The pictures of a folder or a table, below `root`: those of one part, divided as for training, or all.

    Raises   InputError if there is no such part
    """
    options = split_options(network.recipe) | (column_options(network.recipe) if is_table(place) else {})
    kept = None if split == "all" else files_of_run(network.run, str(place), root if is_table(place) else None)
    data = load(str(place), data_dir=root, image_size=GLANCE, resident_share=0, kept=kept, **options)
    parts = [part for part in ("train", "val", "test") if getattr(data, part) is not None] if split == "all" else [split]
    names: list[str] = []
    labels: list[Ints] = []
    for part in parts:
        images = images_of(data, part)
        if not isinstance(images, Streamed):
            raise TypeError("pictures that may not be held in memory were")
        names += [os.path.relpath(images.path(i), root) for i in range(len(images))]
        numbers = images.targets.strata()
        labels.append(np.full(len(images), -1) if numbers is None else numbers.numpy())
    files = Files(root, names, np.concatenate(labels))
    return stream_files(root, files, network.preparation, data.classes, data.warnings)


def stream_files(
    root: Path, files: Files, preparation: Preparation, classes: tuple[str, ...], warnings: tuple[str, ...] = ()
) -> ImageSet:
    """The files that can be opened, decoded when they are needed.

    Raises   InputError if none can be read
    """
    channels = files.remove_broken(root.name)
    if not files.names:
        raise InputError(
            f"none of the {len(files.broken)} images of {root} can be read: {broken_warning([files], strict=False)[0]}"
        )
    if channels != preparation.channels and not {channels, preparation.channels} <= {1, 3}:
        raise InputError(
            f"the network sees {count_of(preparation.channels, 'channel')}, and the images of {root} have {channels}: "
            "give images of the kind it was trained on"
        )
    paths = np.array([os.fsencode(name).decode(errors="replace") for name in files.names], np.str_)
    labels = files.labels
    files.labels = np.arange(len(labels))
    images = files.stream(preparation.channels, preparation.side, strict=False, frame=preparation.frame,
                          fit=preparation.fit, white=preparation.white)  # fmt: skip
    warnings += broken_warning([files], strict=False)
    return ImageSet(images, labels, paths, classes, str(root.resolve()), warnings)


def images_of(data: Data, split: str) -> Images:
    """The images of a part of a set.

    Raises   InputError if it has no such part
    """
    images: Images | None = getattr(data, split)
    if images is None:
        others = [name for name in ("val", "test", "train") if getattr(data, name) is not None]
        raise InputError(f"{data.name} has no {split} images: add --split {' or '.join(others)}")
    return images


def open_set(name: str, split: str, network: OpenNetwork, data_dir: Path | None) -> ImageSet:
    """Images of a set in memory; a path has the image's number in the set's own order, however the set is divided.

    Raises   InputError if there is no such set or part, or its channels are not the network's
    """
    data = load(name, data_dir=data_dir, val_share=0)
    check_same_arrays(network.run, name, data, split)
    places = divide_set(data, split, Split(**split_options(network.recipe)))
    chosen = [(part, torch.from_numpy(at), images_of(data, part)) for part, at in places if len(at)]
    if not chosen:
        raise InputError(f"{data.name} has no {split} images: choose another --split")
    pixels = torch.cat([images.pixels(at) for _, at, images in chosen])
    labels = torch.cat([images.labels[at] for _, at, images in chosen]).numpy().astype(np.int64)
    channels = network.channels
    if data.channels != channels:
        if data.channels != 1:
            raise InputError(f"the network sees {channels} channels, but {name} has {data.channels}: choose another set")
        pixels = pixels.expand(-1, channels, -1, -1)
    paths = [f"{data.name}:{part}/{i}" for part, at, _ in chosen for i in at.tolist()]
    root = name if name in CATALOG else str(Path(name).expanduser().resolve())
    images = Resident(pixels, torch.arange(len(labels)))
    return ImageSet(images, labels, np.array(paths, np.str_), data.classes, root, data.warnings)


def divide_set(data: Data, split: str, parts: Split) -> list[tuple[str, Ints]]:
    """Which images of the set's own parts belong to one of ours, where no images were kept for validation."""
    counts = {part: len(images) for part in ("train", "val", "test") if (images := getattr(data, part)) is not None}
    if split == "all":
        return [(part, np.arange(count)) for part, count in counts.items()]
    if split == "test" or (split == "val" and data.val is not None and not parts.folds):
        return [(split, parts.test(getattr(data, split).labels.numpy()))] if split in counts else []
    pool = [part for part in ("train", "val") if part in counts and (part == "train" or parts.folds)]
    labels = np.concatenate([getattr(data, part).labels.numpy() for part in pool])
    train, val = parts.train_and_val(labels, data.classes, split_val=data.val is None)
    at, count = train if split == "train" else val, counts["train"]
    return [("train", at[at < count]), ("val", at[at >= count] - count)]


def open_data_of_run(network: OpenNetwork, data: str | None = None, data_dir: Path | None = None) -> Data:
    """The set that a run was trained on, or another one of its kind, divided as the run's own.

    Raises   InputError if there is no such set, or its classes or channels are not the run's
    """
    place = str(data_dir) if data_dir else network.recipe.data_dir
    recipe = replace(
        network.recipe, data=data or network.recipe.data, data_dir=place, weights=None, mean=None, std=None
    )  # fmt: skip
    opened = open_data(recipe, files_of_run(network.run, recipe.data, Path(place) if place else None))
    task_of(recipe, opened)
    check_same_arrays(network.run, recipe.data, opened, "test")
    if "train" in changed_arrays(network.run, recipe.data, opened):
        words = f"{recipe.data} has changed since the run began: its training images are others, so none are for validation"
        opened = replace(opened, val=None, warnings=(*opened.warnings, words))
    names = [tuple(map(plain_name, one.classes)) for one in (network, opened)]  # runs before may have other accents
    if names[0] != names[1] or network.channels != opened.channels:
        raise InputError(
            f"{network.run.path if network.run else network.name} knows {len(network.classes)} classes in "
            f"{network.channels} channels, but {recipe.data} has {len(opened.classes)} in {opened.channels}, or others: "
            "give images of the kind it was trained on"
        )
    return opened


def open_photographs(root: Path, split: str, network: OpenNetwork) -> ImageSet:
    """All photographs of one part of a folder, labeled by the network's classes, of which the folder may have but some.

    Raises   InputError if the folder has no such part, or its classes are none of the network's
    """
    tree = folder.part(root, split)
    numbers = np.array(class_numbers(tree.classes, network.classes, root), np.int64)
    files = Files(tree.root, list(tree.names), numbers[tree.labels])
    return stream_files(tree.root, files, network.preparation, network.classes, others_words(tree.others, tree.root))


def read_images(files: Sequence[Path], preparation: Preparation) -> ImageSet:
    """Single files as images of unknown classes, in memory; those that cannot be read are left out.

    Raises   InputError if none can be read
    """
    pixels, names, broken = [], [], []
    for path in files:
        try:
            pixels.append(torch.tensor(preparation.read(path)))
            names.append(str(path))
        except Unreadable as error:
            broken.append(f"{path} ({error})")
    if not pixels:
        raise InputError(f"no image of {len(files)} can be read: {join_names(broken, NAMED)}")
    warnings = (
        (f"{len(broken)} of {len(files)} images cannot be read: {join_names(broken, NAMED)}; left out",) if broken else ()
    )
    images = Resident(torch.stack(pixels), torch.arange(len(names)))
    return ImageSet(images, np.full(len(names), -1), np.array(names, np.str_), (), "", warnings)
