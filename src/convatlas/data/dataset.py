"""A data set ready to learn from: three parts that never overlap, and what a network needs to know of them."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, unknown_name
from . import folder, npz
from .arrays import Arrays, Labels
from .catalog import CATALOG, data_folder
from .feed import ZOOM_MARGIN, Augment, Split
from .splits import TEST_SEED, TEST_SHARE, split_off

if TYPE_CHECKING:
    from torch import Tensor

    from .decode import Files
    from .images import Images, Resident

FOLDER_SIZE = 224  # pixels a side of a folder's images when nobody asks for another
FOLDER_AUGMENT = Augment(flip=True, zoom=0.35)
_SAMPLE = 512  # images, spread evenly, from which the mean and standard deviation of a streamed set are computed


@dataclass(frozen=True, eq=False)
class Data:
    """A set ready to learn from.

    Shapes   size (h, w) of the stored training images in pixels
    Units    mean and std of the training images, per channel, in [0, 1]
    """

    name: str
    title: str
    classes: tuple[str, ...]
    channels: int
    size: tuple[int, int]
    train: "Images"
    val: "Images | None"
    test: "Images | None"
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augment: Augment  # what suits the set
    warnings: tuple[str, ...]

    @property
    def task(self) -> str:
        """What there is to learn from it: a name of `engine.tasks.TASKS`."""
        return "classify"


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
    strict: bool = False,
    resident_share: float = 0.25,
) -> Data:
    """A set by its name in the catalog, or a folder of images or an .npz by its path.

    `image_size` matters for folders alone (default 224): their pictures are cut to their square middle, scaled to it.
    `limit` takes so many training images, before validation images are split off, and at most so many test images.
    `folds` divides all labeled images but the test images into so many stratified parts, drawn by `split_seed`; number `fold`,
    from 0, is for validation and the rest for training. A val folder is divided as well; `val_share` means nothing then.
    `strict` stops at broken pictures. A folder is held in memory where it takes at most `resident_share` of what is free,
    otherwise it is decoded again each epoch.
    Raises   InputError
    """
    split = Split(val_share, split_seed, limit, folds, fold)
    if image_size is not None and image_size < 1:
        raise InputError(f"image size needs to be at least 1, got {image_size}")
    if name_or_path in CATALOG:
        source = CATALOG[name_or_path]
        arrays = source.read(data_folder(data_dir))
        return _from_arrays(source.name, source.title, arrays, source.augment, split)
    path = Path(name_or_path).expanduser()
    if path.is_dir() and name_or_path:
        return _from_folder(path, image_size or FOLDER_SIZE, split, strict, resident_share)
    if path.suffix.lower() == ".npz":
        arrays = npz.read(path)
        augment = Augment(crop=max(arrays.x_train.shape[2:]) // 8)
        return _from_arrays(path.stem, path.name, arrays, augment, split)
    if path.is_file():
        remedy = "unpack it first" if path.suffix.lower() in {".zip", ".tar", ".gz", ".tgz"} else "give one of these"
        raise InputError(f"{path} is neither a folder of images nor an .npz file: {remedy}")
    if name_or_path and path.name != name_or_path:
        raise InputError(f"there is no folder or .npz file {name_or_path}")
    raise unknown_name("data set", name_or_path, CATALOG, "The path of a folder of images or of an .npz file works as well.")


def _from_arrays(name: str, title: str, arrays: Arrays, augment: Augment, split: Split) -> Data:
    train, val = split.train_and_val(arrays.y_train, arrays.classes)
    parts = [_resident(arrays.x_train, arrays.y_train, part) for part in (train, val)]
    test = _resident(arrays.x_test, arrays.y_test, split.test(arrays.y_test))
    mean, std = _statistics(parts[0].x)
    return Data(
        name, title, arrays.classes, parts[0].channels, parts[0].size, parts[0], parts[1] if len(val) else None, test,
        mean, std, augment, _gaps(arrays.classes, {"test": arrays.y_test})
    )  # fmt: skip


def _resident(x: NDArray[np.uint8], labels: Labels, indices: Labels) -> "Resident":
    import torch

    from .images import Resident

    return Resident(torch.from_numpy(x[indices]), torch.from_numpy(labels[indices]))


def _from_folder(root: Path, side: int, split: Split, strict: bool, resident_share: float) -> Data:
    from .decode import broken_warning
    from .images import Resident

    tree = _scan(root)
    train, val, test = _parts(tree, split)
    parts = [part for part in (train, val, test) if part]
    gray = [part.remove_broken(f"{root.name} {of}") for part, of in zip(parts, ("train", "val", "test"), strict=False)]
    channels = 1 if all(gray) else 3
    larger = round(ZOOM_MARGIN * side)
    size = channels * (len(train.names) * larger**2 + sum(len(part.names) for part in parts[1:]) * side**2)
    hold = size <= resident_share * _free_memory()

    def images(part: "Files", side: int, title: str) -> "Images":
        return part.resident(channels, side, f"{root.name} {title}") if hold else part.stream(channels, side, strict)

    train_images = images(train, larger, "train")
    val_images, test_images = (images(part, side, title) if part else None for part, title in ((val, "val"), (test, "test")))
    classes = tree.train.classes
    warnings = broken_warning(parts, strict) + _others(tree)
    _every_class(train, classes)
    warnings += _gaps(classes, {of: part.labels for of, part in (("validation", val), ("test", test)) if part})
    sample = (
        train_images
        if isinstance(train_images, Resident)
        else train.sample(_SAMPLE).resident(channels, larger, f"a sample of {root.name}")
    )
    mean, std = _statistics(sample.x)
    return Data(
        root.resolve().name, root.resolve().name, classes, channels, train_images.size, train_images,
        val_images or None, test_images or None,
        mean, std, FOLDER_AUGMENT, warnings
    )  # fmt: skip


def _scan(root: Path) -> folder.Folder:
    try:
        return folder.scan(root)
    except InputError:
        for name, source in CATALOG.items():
            if source.find(root) and name != "digits":
                raise InputError(
                    f"{root} holds no folders of images but {source.title}: ask for {name} with --data-dir {root}"
                ) from None
        raise


def _parts(source: folder.Folder, split: Split) -> "tuple[Files, Files | None, Files | None]":
    from .decode import Files

    def files(tree: folder.Tree, indices: Labels) -> "Files":
        return Files(tree.root, [tree.names[i] for i in indices], tree.labels[indices])

    def test_part(tree: folder.Tree | None) -> "Files | None":
        return files(tree, split.test(tree.labels)) if tree else None

    if split.folds:
        source = source.pool_train_and_val()
    whole = source.train
    learn, drawn = split_off(whole.labels, TEST_SHARE if source.whole else 0, TEST_SEED)
    train, val = split.train_and_val(whole.labels[learn], whole.classes, split_val=source.val is None)
    chosen = test_part(source.val) or (files(whole, learn[val]) if len(val) else None)
    tested = files(whole, drawn[split.test(whole.labels[drawn])]) if len(drawn) else test_part(source.test)
    return files(whole, learn[train]), chosen, tested


def _every_class(train: "Files", classes: tuple[str, ...]) -> None:
    absent = sorted(set(range(len(classes))) - set(train.labels.tolist()))
    if absent:
        raise InputError(f"{train.root} has no readable image of {', '.join(classes[label] for label in absent[:8])}")


def _others(source: folder.Folder) -> tuple[str, ...]:
    return tuple(
        f"{count} file{'s' * (count > 1)} of no image format ({', '.join(tree.endings[:5])}) left out of {tree.root}"
        for tree in (source.train, source.val, source.test)
        if tree is not None and (count := len(tree.others))
    )


def _gaps(classes: tuple[str, ...], parts: dict[str, Labels]) -> tuple[str, ...]:
    absent = {of: sorted(set(range(len(classes))) - set(labels.tolist())) for of, labels in parts.items()}
    return tuple(
        f"{of} has no image of {', '.join(classes[label] for label in labels[:8])}: its accuracy leaves them out"
        for of, labels in absent.items()
        if labels
    )


def _statistics(x: "Tensor") -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel of uint8 images, in [0, 1], exact to float64."""
    import torch

    counts = torch.stack([torch.bincount(channel.flatten(), minlength=256) for channel in x.unbind(1)]).double()
    level = torch.arange(256, dtype=torch.float64) / 255
    share = counts / counts.sum(1, keepdim=True)
    mean = share @ level
    std = ((share * (level - mean[:, None]) ** 2).sum(1)).sqrt().clamp(min=1 / 255)  # a flat channel stays finite
    return tuple(mean.tolist()), tuple(std.tolist())


def _free_memory() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    try:  # a container may be allowed less than the machine has
        allowed, used = (int(Path("/sys/fs/cgroup", name).read_text()) for name in ("memory.max", "memory.current"))
    except (OSError, ValueError):
        return free
    return min(free, max(allowed - used, 0))
