"""A folder of pictures with one sub-folder per class, in train, val and test folders or in one tree."""

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import InputError, count_of, join_names
from .arrays import Labels
from .deal import Groups
from .layout import beside_words, check_are_classes, count_pictures, find_layout, loose_words, part_of, set_below
from .picture_file import FORMATS_IN_WORDS, holds_picture
from .walk import Walk, ending_of, path_below, plain_name


@dataclass(frozen=True, slots=True)
class Tree:
    """The pictures below one folder, in the order of their names."""

    root: Path
    classes: tuple[str, ...]
    names: tuple[str, ...]  # relative to root
    labels: Labels
    others: tuple[str, ...]  # files that are no pictures, relative to root
    groups: Groups = None  # (n,): images of one group are never split
    loose: tuple[str, ...] = ()  # files that lie in no class folder

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
        return tuple(sorted({ending_of(name) or "no ending" for name in self.others}))


@dataclass(frozen=True, slots=True)
class Folder:
    """The parts of a set of pictures; one that has no folder of its own is None."""

    train: Tree
    val: Tree | None
    test: Tree | None
    whole: bool  # one tree, from which test images are to be drawn
    notes: tuple[str, ...] = ()  # what is not read, and why
    unused: bool = False  # whether there are pictures of the user's among it
    channels: int | None = None  # of the run whose files these are; None where they are all that there are
    root: Path | None = None  # that holds the parts, if it is not that of the training images
    order: tuple[str, ...] = ()  # of the paths in the list of a run, where the parts tell another

    @property
    def place(self) -> Path:
        """The folder that holds all of it."""
        return self.root or self.train.root

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
        return replace(self, train=pool, val=None, whole=False)

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
    """The trees of a folder, and what is not read of it.

    Raises   InputError if it has no pictures, fewer than two classes, or its parts have different ones
    """
    layout = find_layout(root)
    if not layout.parts:
        return _scan_tree(root)
    if "train" not in layout.parts:
        there = " and ".join(place.name for place in (*layout.parts.values(), *layout.unlabeled.values()))
        raise InputError(f"{root} has {there} but no train folder: add one, or give one tree")
    walk = Walk(root, layout.parts.values())
    loose = walk.list_folder(root, enter=False)[1]
    trees = {part: tree(place, walk) for part, place in layout.parts.items()}
    beside = beside_words(layout)
    notes = loose_words(root, loose) + _check_classes(trees["train"]) + beside
    train = trees["train"] = _with_plain_names(trees["train"])
    unlabeled = dict(layout.unlabeled)
    for part in ("val", "test"):
        if part in trees and _is_one_unknown(trees[part], train):
            unlabeled[part] = trees.pop(part).root
    for part, other in trees.items():
        notes += loose_words(other.root, other.loose)
        if part != "train":
            trees[part] = _with_plain_names(other)
            _check_same_classes(train, trees[part], part)
            trees[part] = _with_labels_of(train, trees[part])
    whole = len(trees) == 1
    for part, place in unlabeled.items():
        notes += _unlabeled_words(part, place, train.root, whole)
    unused = bool(beside or unlabeled) or _are_lost(walk, {root: loose} | {tree.root: tree.loose for tree in trees.values()})
    return Folder(train, trees.get("val"), trees.get("test"), whole, notes + walk.left_out.words(), unused, root=root)


def _scan_tree(root: Path) -> Folder:
    walk = Walk(root)
    only = walk_tree(root, walk)
    inner = set_below(root, _direct(only))
    if inner and len(set(only.labels.tolist())) < 2:
        raise InputError(f"{root} has {_one_class(only)}: did you mean --data {inner}?")
    _check_filled(only)
    notes = _check_classes(only)
    if inner:
        raise InputError(f"{inner} is a set of its own, with parts, so it is no class of {root}: did you mean --data {inner}?")
    notes += loose_words(root, only.loose)
    doubtful = [name for name in only.classes if part_of(name)]
    if doubtful:
        others = join_names([name for name in only.classes if name not in doubtful])
        notes += (f"{join_names(doubtful)} of {root} counts as a class, as it lies beside {others} and has no folders in it",)
    return Folder(_with_plain_names(only), None, None, True, notes + walk.left_out.words(), _are_lost(walk, {root: only.loose}))


def part(root: Path, split: str) -> Tree:
    """All pictures of one part, `train`, `val` or `test`; a folder that has no parts is one itself, whichever is asked for.

    Raises   InputError if it has no pictures, or parts but not this one
    """
    layout = find_layout(root)
    if not layout.parts:
        return _with_plain_names(tree(root))
    if split in layout.unlabeled:
        raise InputError(f"{layout.unlabeled[split]} has no classes: a sub-folder for each class is needed")
    if split not in layout.parts:
        there = " and ".join(place.name for place in layout.parts.values())
        raise InputError(f"{root} has no {split} images, but {there}: choose another --split")
    return _with_plain_names(tree(layout.parts[split]))


def parts(root: Path) -> dict[str, Tree]:
    """The parts that exist of `train`, `val` and `test`, or `all` of a folder that has no parts, whatever their classes.

    Raises   InputError if no part has a picture
    """
    layout = find_layout(root)
    places = layout.parts or {"all": root}
    walk = Walk(root, places.values())
    trees = {name: walk_tree(place, walk) for name, place in places.items()}
    if not any(tree.names for tree in trees.values()):
        _check_filled(next(iter(trees.values())))
    return trees


def tree(root: Path, walk: Walk | None = None) -> Tree:
    """The pictures below the sub-folders of `root`, each sub-folder a class.

    Raises   InputError if one of them has none
    """
    result = walk_tree(root, walk or Walk(root))
    _check_filled(result)
    return result


def walk_tree(root: Path, walk: Walk) -> Tree:
    """The pictures below the sub-folders of `root`, if there are any."""
    classes, loose = walk.list_folder(root)
    names: list[str] = []
    labels: list[int] = []
    others: list[str] = []
    for label, name in enumerate(classes):
        before = len(names)
        for path in walk.files(root / name):
            (names if holds_picture(Path(path)) else others).append(path_below(path, root))
        labels += [label] * (len(names) - before)
    return Tree(root, tuple(classes), tuple(names), np.array(labels, np.int64), tuple(others), loose=tuple(loose))


def _are_lost(walk: Walk, loose: Mapping[Path, Sequence[str]]) -> bool:
    """Whether pictures of the user's lie where they are not used."""
    left_out = walk.left_out
    lies_loose = any(holds_picture(place / name) for place, names in loose.items() for name in names)
    return lies_loose or bool(left_out.links or left_out.special or left_out.closed)


def _with_plain_names(tree: Tree) -> Tree:
    """The same with the names of classes as text.

    Raises   InputError if two folders have the same
    """
    classes = tuple(map(plain_name, tree.classes))
    if twice := sorted({name for name in classes if classes.count(name) > 1} if len(set(classes)) < len(classes) else ()):
        raise InputError(f"{tree.root} has two folders {twice[0]}, with accents written in two ways: merge them")
    return replace(tree, classes=classes)


def _with_labels_of(train: Tree, other: Tree) -> Tree:
    """A part with the same classes, numbered as those of the training images."""
    number = np.array([train.classes.index(name) for name in other.classes], np.int64)
    return replace(other, classes=train.classes, labels=number[other.labels])


def _one_class(tree: Tree) -> str:
    return f"one class, {tree.classes[0]}" if len(tree.classes) == 1 else "no two classes"


def _is_one_unknown(other: Tree, train: Tree) -> bool:
    """Whether a part has one folder, whose name is none of a class: pictures to classify."""
    return len(other.classes) == 1 and other.classes[0].casefold() not in {name.casefold() for name in train.classes}


def _unlabeled_words(part: str, place: Path, train: Path, whole: bool) -> tuple[str, ...]:
    count = count_pictures(place)
    if not count:
        return (f"{place} is empty and is left out",)
    instead = f"{part} images are drawn from {train}" if part == "val" or whole else "there are no test figures"
    words = (
        f"{place} has no classes ({count_of(count, 'image')} without class folders), so {instead}; to classify them: "
        f"convatlas predict RUN {shlex.quote(str(place))} --csv answers.csv"
    )
    return (words,)


def _check_filled(tree: Tree) -> None:
    layout = "a sub-folder for each class with images in it"
    if not tree.names:
        loose = sum(holds_picture(tree.root / name) for name in tree.loose)
        lying = f" in class folders ({loose} lie loose in it)" if loose else ""
        only = f" (only {', '.join(tree.endings[:5])})" if tree.others else ""
        raise InputError(f"{tree.root} has no images{lying}{only}: {layout} is needed, {FORMATS_IN_WORDS}")
    empty = [tree.classes[label] for label in sorted(set(range(len(tree.classes))) - set(tree.labels.tolist()))]
    if empty:
        raise InputError(
            f"{tree.root} has no image of {', '.join(empty[:8])}: remove the empty folder or fill it ({FORMATS_IN_WORDS})"
        )


def _check_classes(tree: Tree) -> tuple[str, ...]:
    """Raises InputError for fewer than two classes, and for folders that are none; what is to be said of those that are."""
    if len(tree.classes) < 2:
        raise InputError(
            f"{tree.root} has one class, {tree.classes[0]}: a classifier needs two or more classes, each in its own sub-folder"
        )
    return check_are_classes(tree.root, tree.classes, _direct(tree))


def _direct(tree: Tree) -> set[str]:
    """The classes with pictures in their folder itself."""
    return {os.path.split(name)[0] for name in tree.names}


def _check_same_classes(train: Tree, other: Tree, of: str) -> None:
    missing = sorted(set(train.classes) - set(other.classes))
    extra = sorted(set(other.classes) - set(train.classes))
    part = "validation" if of == "val" else of
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
