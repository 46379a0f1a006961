"""Opens a data set by its name or its path."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, unknown_name
from ..files import is_address, missing_words
from . import folder, npz
from .arrays import Arrays, Labels
from .catalog import CATALOG, data_folder
from .dataset import Data, channel_statistics, gap_warnings, targets_of
from .feed import WHITE, Augment, Split
from .file_list import KeptFiles
from .from_files import FOLDER_SIZE, make_data
from .table import is_table, read_table

if TYPE_CHECKING:
    from .images import Resident


def load(  # noqa: PLR0913 (each is a choice of its own)
    name_or_path: str,
    *,
    data_dir: Path | None = None,
    image_size: int | None = None,
    val_share: float = 0.1,
    split_seed: int = 0,
    limit: int | None = None,
    folds: int | None = None,
    fold: int = 0,
    group_by: str | None = None,
    path_column: str | None = None,
    label_column: str | None = None,
    strict: bool = False,
    resident_share: float = 0.25,
    fit: str = "cover",
    white: int = WHITE,
    kept: KeptFiles | None = None,
) -> Data:
    """A set by its name in the catalog, or a folder of images, a table of labels or an .npz by its path.

    `image_size` matters for folders alone (default 224): their pictures are cut to their square middle, scaled to it.
    `limit` takes so many training images, before validation images are split off, and at most so many test images.
    `folds` divides all labeled images but the test images into so many stratified parts, drawn by `split_seed`; number `fold`,
    from 0, is for validation and the rest for training. A val folder is divided as well; `val_share` means nothing then.
    `group_by` is a column of a table, or a regular expression whose first bracket, or all of it, matches a part of each path:
    images with the same value, of one patient or film, are never split. The columns of a table have names that are known,
    or those given.
    `strict` stops at broken pictures. A folder is held in memory where it takes at most `resident_share` of what is free,
    otherwise it is decoded again each epoch. `fit="contain"` keeps all of a picture, on black, instead of its square middle;
    `white` is the level that is white in pictures of 16 bits.
    `kept` are the files of an earlier run, which are taken as they were divided then, whatever there is now.
    Raises   InputError
    """
    split = Split(val_share, split_seed, limit, folds, fold, group_by)
    if image_size is not None and image_size < 1:
        raise InputError(f"image size needs to be at least 1, got {image_size}")
    path = Path(name_or_path).expanduser()
    table = is_table(path)
    if (path_column or label_column) and not table:
        raise InputError(f"columns are those of a table, and {name_or_path} is none: give a .csv, or leave them out")
    if name_or_path in CATALOG:
        check_no_groups(split, name_or_path)
        source = CATALOG[name_or_path]
        arrays = source.read(data_folder(data_dir))
        return data_of_arrays(source.name, source.title, arrays, source.augment, split)
    if kept:  # the list has seen to the rest
        split = replace(split, val_share=0, limit=None, folds=folds if kept.pool else None, fold=fold if kept.pool else 0)
    options: Any = {"side": image_size or FOLDER_SIZE, "split": split, "strict": strict, "resident_share": resident_share,
                    "fit": fit, "white": white}  # fmt: skip
    if table:
        read = partial(read_table, path, data_dir, path_column=path_column, label_column=label_column, group_by=group_by)
        return make_data(kept_files(kept, read, folder_of(path, data_dir)), path.stem, path.name, **options)
    if path.is_dir() and name_or_path:
        name = path.resolve().name
        return make_data(kept_files(kept, partial(scan_folder, path, group_by), path), name, name, **options)
    if path.suffix.lower() == ".npz":
        check_no_groups(split, name_or_path)
        arrays = npz.read(path)
        augment = Augment(crop=max(arrays.x_train.shape[2:]) // 8)
        data = data_of_arrays(path.stem, path.name, arrays, augment, split)
        return replace(data, digests=arrays.digests())
    if path.is_file():
        remedy = "unpack it first" if path.suffix.lower() in {".zip", ".tar", ".gz", ".tgz"} else "give one of these"
        raise InputError(f"{path} is neither a folder of images, a table of labels (.csv, .tsv) nor an .npz file: {remedy}")
    if name_or_path and path.name != name_or_path:
        raise InputError(nothing_there(name_or_path))
    remedy = "The path of a folder of images, of a table or of an .npz file works as well."
    raise unknown_name("data set", name_or_path, CATALOG, remedy)


def folder_of(path: Path, data_dir: Path | None) -> Path:
    """The folder that the paths of a set's images begin in: itself, or of a table the one given or its own."""
    return path if path.is_dir() else data_dir or path.parent


def kept_files(kept: KeptFiles | None, read: Callable[[], folder.Folder], root: Path) -> folder.Folder:
    """The files of an earlier run, or else those that there are now."""
    return kept.files.find(root, read).folder(pool=kept.pool, complete=kept.complete) if kept else read()


def nothing_there(place: str) -> str:
    """Why a place holds no data, in words."""
    return missing_words(place) if is_address(place) else f"there is no folder, table or .npz file {place}"


def check_no_groups(split: Split, title: str) -> None:
    """Raises InputError if images in memory, which have no paths, are to be grouped by them."""
    if split.group_by:
        raise InputError(
            f"--group-by needs images in files, with a table or their paths to group them by, and {title} has none"
        )


def data_of_arrays(name: str, title: str, arrays: Arrays, augment: Augment, split: Split) -> Data:
    """The set in some arrays, divided; their own validation images stay what they are unless folds divide all anew."""
    pixels, labels, own = arrays.x_train, arrays.y_train, arrays.val
    if own is not None and split.folds:
        pixels, labels, own = np.concatenate([pixels, own[0]]), np.concatenate([labels, own[1]]), None
    train, val = split.train_and_val(labels, arrays.classes, split_val=own is None)
    part = resident(pixels, labels, train)
    validation = resident(*own, split.test(own[1])) if own else resident(pixels, labels, val) if len(val) else None
    test = resident(arrays.x_test, arrays.y_test, split.test(arrays.y_test))
    mean, std = channel_statistics(part.x)
    return Data(
        name, title, arrays.classes, part.channels, part.size, part, validation, test,
        mean, std, augment, gap_warnings(arrays.classes, {"test": arrays.y_test})
    )  # fmt: skip


def resident(x: NDArray[np.uint8], labels: Labels, indices: Labels) -> "Resident":
    """Some of the images in memory.

    Shapes   x (n, c, h, w), labels (n,) or (n, classes), indices (k,)
    """
    import torch

    from .images import Resident

    return Resident(torch.from_numpy(x[indices]), targets_of(labels[indices]))


def scan_folder(root: Path, group_by: str | None = None) -> folder.Folder:
    """The parts of a folder, with groups where a pattern makes some.

    Raises   InputError if it holds no images in classes, with a hint where it holds a set of the catalog
    """
    try:
        tree = folder.scan(root)
    except InputError:
        for name, source in CATALOG.items():
            if source.find(root) and name != "digits":
                raise InputError(
                    f"{root} holds no folders of images but {source.title}: ask for {name} with --data-dir {root}"
                ) from None
        raise
    return tree.group(group_by) if group_by else tree
