"""A data set of pictures in files: checked, divided, and held in memory or decoded again each epoch."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError, count_of
from . import folder
from .arrays import Labels, class_gaps
from .dataset import Data, channel_statistics, gap_warnings
from .feed import ZOOM_MARGIN, Augment, Split
from .file_list import PARTS, FileList
from .splits import TEST_SEED, TEST_SHARE, split_off
from .walk import others_words

if TYPE_CHECKING:
    from .decode import Files
    from .images import Images

FOLDER_SIZE = 224  # pixels a side of a folder's images when nobody asks for another
FOLDER_AUGMENT = Augment(flip=True, zoom=0.35)
SAMPLE = 512  # images, spread evenly, from which the mean and standard deviation of a streamed set are computed


def make_data(  # noqa: PLR0913 - each is a choice of its own
    source: folder.Folder, name: str, title: str, *, side: int, split: Split, strict: bool, resident_share: float, fit: str,
    white: int,
) -> Data:  # fmt: skip
    """The set of some pictures; it is held in memory where it takes at most `resident_share` of what is free.

    Raises   InputError if no readable image of a class is left for training
    """
    from .decode import broken_warning
    from .images import Resident

    train, val, test = divide(source, split)
    parts = [part for part in (train, val, test) if part]
    counts = [part.remove_broken(f"{title} {of}") for part, of in zip(parts, ("train", "val", "test"), strict=False)]
    channels = source.channels or max(counts)
    larger = round(ZOOM_MARGIN * side)
    size = channels * (len(train.names) * larger**2 + sum(len(part.names) for part in parts[1:]) * side**2)
    hold = size <= resident_share * free_memory()

    def images(part: "Files", side: int, of: str) -> "Images":
        if hold:
            return part.resident(channels, side, f"{title} {of}", fit=fit, white=white)
        return part.stream(channels, side, strict, fit=fit, white=white)

    train_images = images(train, larger, "train")
    val_images, test_images = (images(part, side, of) if part else None for part, of in ((val, "val"), (test, "test")))
    classes = source.train.classes
    warnings = broken_warning(parts, strict) + other_files(source) + shared_groups(source)
    warnings += source.notes + too_few(source, val, test, split)
    if source.channels is None:
        check_every_class(train, classes)
    warnings += gap_warnings(classes, {of: part.labels for of, part in (("validation", val), ("test", test)) if part})
    sample = (
        train_images
        if isinstance(train_images, Resident)
        else train.sample(SAMPLE).resident(channels, larger, f"a sample of {title}", fit=fit, white=white)
    )
    mean, std = channel_statistics(sample.x) if len(sample) else ((0.0,) * channels, (1.0,) * channels)
    listed = FileList.of(
        source, {of: (part.root, part.names) for of, part in zip(PARTS, (train, val, test), strict=True) if part}, channels
    )
    return Data(
        name, title, classes, channels, train_images.size, train_images, val_images or None, test_images or None,
        mean, std, FOLDER_AUGMENT, warnings, listed
    )  # fmt: skip


def divide(source: folder.Folder, split: Split) -> "tuple[Files, Files | None, Files | None]":
    """The files for training, validation and test."""
    from .decode import Files

    def files(tree: folder.Tree, indices: Labels) -> "Files":
        return Files(tree.root, [tree.names[i] for i in indices], tree.labels[indices])

    def test_part(tree: folder.Tree | None) -> "Files | None":
        return files(tree, split.test(tree.labels)) if tree else None

    if split.folds:
        source = source.pool_train_and_val()
    whole = source.train
    learn, drawn = split_off(whole.labels, TEST_SHARE if source.whole else 0, TEST_SEED, whole.groups)
    groups = whole.groups[learn] if whole.groups is not None else None
    train, val = split.train_and_val(whole.labels[learn], whole.classes, split_val=source.val is None, groups=groups)
    chosen = test_part(source.val) or (files(whole, learn[val]) if len(val) else None)
    tested = files(whole, drawn[split.test(whole.labels[drawn])]) if len(drawn) else test_part(source.test)
    return files(whole, learn[train]), chosen, tested


def check_every_class(train: "Files", classes: tuple[str, ...]) -> None:
    """Raises InputError if no readable image of a class is left."""
    if gaps := class_gaps(train.labels, len(classes)):
        why = next((f": {train.root / name} ({reason})" for name, reason in train.broken.items()), "")
        raise InputError(
            f"{train.root} has no readable image of {', '.join(classes[label] for label in gaps.first)}{gaps.more}{why}"
        )


def other_files(source: folder.Folder) -> tuple[str, ...]:
    """A sentence for each part that has files that are no pictures."""
    trees = (source.train, source.val, source.test)
    return tuple(words for tree in trees if tree is not None for words in others_words(tree.others, tree.root))


def too_few(source: folder.Folder, val: "Files | None", test: "Files | None", split: Split) -> tuple[str, ...]:
    """A sentence if images were to be set aside for validation or test and there are too few of them."""
    drawn = {"validation": not val and split.val_share > 0 and not split.folds, "test": not test and source.whole}
    absent = [of for of, none in drawn.items() if none]
    count = count_of(len(source.train.names), "image")
    return (f"there are no {' and no '.join(absent)} images: {count} are too few to set some aside",) if absent else ()


def shared_groups(source: folder.Folder) -> tuple[str, ...]:
    """A sentence for each two given parts that share groups, since what is learned of them flatters."""
    parts = {"train": source.train, "val": source.val, "test": source.test}
    groups = {of: {*part.groups.tolist()} for of, part in parts.items() if part and part.groups is not None}
    pairs = [(a, b) for i, a in enumerate(groups) for b in [*groups][i + 1 :]]
    return tuple(
        f"{len(both)} of the groups of {b}, such as {min(both)!r}, stand in {a} too: its figures flatter"
        for a, b in pairs
        if (both := groups[a] & groups[b])
    )


def free_memory() -> int:
    """Bytes of memory that this process may still take."""
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
