"""A whole data set in memory: the result of every source of arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

Pixels = NDArray[np.uint8]  # (n, c, h, w)
Labels = NDArray[np.int64]  # (n,), 0 to k - 1; or (n, k) of 0 and 1, where images have several labels
Part = tuple[Pixels, Labels]


@dataclass(frozen=True, slots=True)
class Arrays:
    """Training and test images with the names of their classes; validation images where the set brings its own."""

    x_train: Pixels
    y_train: Labels
    x_test: Pixels
    y_test: Labels
    classes: tuple[str, ...]
    val: Part | None = None

    def digests(self) -> dict[str, str]:
        """A hash of the pixels and labels for training, and of those for test."""
        parts = {"train": (self.x_train, self.y_train, *(self.val or ())), "test": (self.x_test, self.y_test)}
        return {name: digest_arrays(arrays) for name, arrays in parts.items()}


def digest_arrays(arrays: Sequence[Pixels | Labels]) -> str:
    """A hash that differs if a number or a shape does.

    Shapes   arrays of any shape
    """
    digest = blake2b(digest_size=16)
    for array in arrays:
        digest.update(repr(array.shape).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Gaps:
    """Classes without an image: the first ones, and how many more there are in words."""

    first: tuple[int, ...]
    more: str


def class_gaps(labels: Labels, classes: int, most: int = 8) -> Gaps | None:
    """The classes that no image is of; None if every class has one. No table of all classes is made.

    Shapes   labels (n,) or (n, classes)
    """
    present = present_classes(labels)
    present = present[present < classes]
    count = classes - len(present)
    if not count:
        return None
    known = set(present.tolist())
    first: list[int] = []
    label = 0
    while len(first) < min(most, count):
        if label not in known:
            first.append(label)
        label += 1
    return Gaps(tuple(first), f" and {count - most:,} more" if count > most else "")


def present_classes(labels: Labels) -> Labels:
    """The ascending numbers of the classes that some image is of.

    Shapes   labels (n,) or (n, k) → (m,)
    """
    return np.flatnonzero(labels.any(0)) if labels.ndim == 2 else np.unique(labels)


def check_classes(title: str, classes: Sequence[str], *, several: bool = False) -> None:
    """Raises InputError if there is one class only, where an image has no more than one, or a name stands for two."""
    if len(classes) < 2 and not several:
        raise InputError(f"{title} has one class, {', '.join(classes)}: a classifier needs two or more")
    twice = sorted({name for name in classes if classes.count(name) > 1}) if len(set(classes)) < len(classes) else []
    if twice:
        raise InputError(f"{title} gives the name {twice[0]!r} to two classes: give every class a name of its own")
