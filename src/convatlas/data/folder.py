"""A folder of pictures with one sub-folder per class, in train, val and test folders or in one tree."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import InputError, count_of, join_names
from .arrays import Labels
from .deal import Groups
from .picture_file import ENDINGS, FORMATS_IN_WORDS, holds_picture

TRAIN, VAL, TEST = ("train",), ("val", "valid", "validation"), ("test",)
_LITTER = frozenset({"thumbs.db", "desktop.ini"})
_LITTER_FOLDERS = frozenset({"__MACOSX"})


@dataclass(frozen=True, slots=True)
class Tree:
    """The pictures below one folder, in the order of their names."""

    root: Path
    classes: tuple[str, ...]
    names: tuple[str, ...]  # relative to root
    labels: Labels
    others: tuple[str, ...]  # files that are no pictures, relative to root
    groups: Groups = None  # (n,): images of one group are never split

    def group(self, pattern: "re.Pattern[str]") -> "Tree":
        """The same with groups.

        Raises   InputError if the pattern matches nothing in a path
        """
        groups = []
        for name in self.names:
            match = pattern.search(Path(name).as_posix())
            if match is None:
                raise InputError(f"--group-by {pattern.pattern} needs to match every path, and does not match {name}")
            groups.append(match[1] or "" if pattern.groups else match[0])
        return replace(self, groups=np.array(groups, np.str_))

    @property
    def endings(self) -> tuple[str, ...]:
        """How those files end, each once."""
        return endings(self.others)


@dataclass(frozen=True, slots=True)
class Folder:
    """The parts of a set of pictures; one that has no folder of its own is None."""

    train: Tree
    val: Tree | None
    test: Tree | None
    whole: bool  # one tree, from which test images are to be drawn

    def pool_train_and_val(self) -> "Folder":
        """The same with training and validation images in one part, which folds divide anew."""
        if self.val is None:
            return self
        places = self.train, self.val
        root = self.train.root if self.val.root == self.train.root else self.train.root.parent
        names, others = (
            tuple(os.path.relpath(place.root / name, root) for place in places for name in getattr(place, kind))
            for kind in ("names", "others")
        )
        labels = np.concatenate([place.labels for place in places])
        groups = [place.groups for place in places if place.groups is not None]
        pool = Tree(root, self.train.classes, names, labels, others, np.concatenate(groups) if groups else None)
        return Folder(pool, None, self.test, whole=False)

    def group(self, pattern: str) -> "Folder":
        """The same with groups: what the pattern's first bracket, or the pattern itself, matches of each path.

        Raises   InputError if it is no regular expression, or matches nothing in a path
        """
        try:
            expression = re.compile(pattern)
        except re.error as error:
            raise InputError(f"--group-by {pattern} is no regular expression: {error}") from None
        train, val, test = (place and place.group(expression) for place in (self.train, self.val, self.test))
        return replace(self, train=train or self.train, val=val, test=test)


def scan(root: Path) -> Folder:
    """The trees of a folder.

    Raises   InputError if it has no pictures, fewer than two classes, or its parts have different ones
    """
    train, val, test = (tree(place) if place else None for place in _parts(root))
    if train is None:
        if val or test:
            there = " and ".join(part.root.name for part in (val, test) if part)
            raise InputError(f"{root} has {there} but no train folder: add one, or give one tree")
        only = tree(root)
        _check_classes(only)
        return Folder(only, None, None, whole=True)
    _check_classes(train)
    for other in (val, test):
        if other is not None:
            _check_same_classes(train, other)
    return Folder(train, val, test, whole=val is None and test is None)


def endings(names: Sequence[str]) -> tuple[str, ...]:
    """How files end, each once."""
    return tuple(sorted({_ending(name) or "no ending" for name in names}))


def others_words(root: Path, others: Sequence[str]) -> str:
    """What is said of files below a folder that are no pictures."""
    return f"{count_of(len(others), 'file')} of no image format ({', '.join(endings(others)[:5])}) left out of {root}"


def part(root: Path, split: str) -> Tree:
    """All pictures of one part, `train`, `val` or `test`; a folder that has no parts is one itself, whichever is asked for.

    Raises   InputError if it has no pictures, or parts but not this one
    """
    places = _parts(root)
    chosen = places[("train", "val", "test").index(split)]
    if chosen is None and any(places):
        there = " and ".join(place.name for place in places if place)
        raise InputError(f"{root} has no {split} images, but {there}: choose another --split")
    return tree(chosen or root)


def parts(root: Path) -> dict[str, Tree]:
    """The parts that exist of `train`, `val` and `test`, or `all` of a folder that has no parts, whatever their classes.

    Raises   InputError if no part has a picture
    """
    places = dict(zip(("train", "val", "test"), _parts(root), strict=True))
    trees = {name: walk(place) for name, place in places.items() if place} or {"all": walk(root)}
    if not any(tree.names for tree in trees.values()):
        _check_filled(next(iter(trees.values())))
    return trees


def tree(root: Path) -> Tree:
    """The pictures below the sub-folders of `root`, each sub-folder a class.

    Raises   InputError if one of them has none
    """
    result = walk(root)
    _check_filled(result)
    return result


def walk(root: Path) -> Tree:
    """The pictures below the sub-folders of `root`, if there are any."""
    classes = tuple(_folders(root))
    names: list[str] = []
    labels: list[int] = []
    others: list[str] = []
    for label, name in enumerate(classes):
        before = len(names)
        for folder, below, files in os.walk(root / name, followlinks=True):
            below[:] = sorted(entry for entry in below if not _is_litter(entry))
            for file in sorted(file for file in files if not _is_litter(file)):
                (names if holds_picture(Path(folder, file)) else others).append(os.path.relpath(Path(folder, file), root))
        labels += [label] * (len(names) - before)
    return Tree(root, classes, tuple(names), np.array(labels, np.int64), tuple(others))


def _parts(root: Path) -> list[Path | None]:
    if not root.is_dir():
        raise InputError(f"{root} does not exist" if not root.exists() else f"{root} is a file; a folder of images is needed")
    places = [next((root / name for name in names if (root / name).is_dir()), None) for names in (TRAIN, VAL, TEST)]
    beside = set(_folders(root)) - {place.name for place in places if place}
    if beside and not any(place and _folders(place) for place in places):
        return [None, None, None]  # "train" may as well be a class, beside planes and ships
    return places


def _ending(name: str) -> str:
    return Path(name).suffix.lower()


def _folders(root: Path) -> list[str]:
    return sorted(entry.name for entry in _entries(root) if entry.is_dir() and not _is_litter(entry.name))


def _entries(root: Path) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(root) as entries:
            return list(entries)
    except OSError as error:
        raise InputError(f"cannot read {root}: {error.strerror or error}") from error


def _is_litter(name: str) -> bool:
    return name.startswith(".") or name.lower() in _LITTER or name in _LITTER_FOLDERS


def _check_filled(tree: Tree) -> None:
    layout = "a sub-folder for each class with images in it"
    if not tree.names:
        loose = sum(entry.name.lower().endswith(tuple(ENDINGS)) for entry in _entries(tree.root))
        beside = f" ({loose} lie beside the sub-folders, where their class is unknown)" if loose else ""
        only = f" (only {', '.join(tree.endings[:5])})" if tree.others else ""
        raise InputError(f"{tree.root} has no images{beside}{only}: {layout} is needed, {FORMATS_IN_WORDS}")
    empty = [tree.classes[label] for label in sorted(set(range(len(tree.classes))) - set(tree.labels.tolist()))]
    if empty:
        raise InputError(
            f"{tree.root} has no image of {', '.join(empty[:8])}: remove the empty folder or fill it ({FORMATS_IN_WORDS})"
        )


def _check_classes(tree: Tree) -> None:
    if len(tree.classes) < 2:
        raise InputError(f"{tree.root} has one class, {tree.classes[0]}: two or more sub-folders are needed")


def _check_same_classes(train: Tree, other: Tree) -> None:
    missing = sorted(set(train.classes) - set(other.classes))
    extra = sorted(set(other.classes) - set(train.classes))
    part = "test" if other.root.name in TEST else "validation"
    if missing and extra:
        raise InputError(
            f"{part} has {join_names(extra)}, which {train.root} lacks, and no images of {join_names(missing)}, which it has: "
            f"give the folders of a class the same name in both"
        )
    if missing:
        raise InputError(
            f"{part} has no images of {join_names(missing)}, which {train.root} has: add some to {other.root / missing[0]}, "
            f"or remove {train.root / missing[0]}"
        )
    if extra:
        raise InputError(
            f"{part} has {join_names(extra)}, which {train.root} lacks: add images to learn from to {train.root / extra[0]}, "
            f"or remove {other.root / extra[0]}"
        )
