"""Which images train, which validate, which test, drawn once and class by class; and epochs that balance the classes."""

from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from .arrays import Labels
from .deal import Groups, deal

if TYPE_CHECKING:
    import torch
    from torch import Tensor

TEST_SEED = 1797  # of every test split that is drawn here: no user's seed ever moves a test image
TEST_SHARE = 0.2


def split_off(labels: Labels, share: float, seed: int, groups: Groups = None) -> tuple[Labels, Labels]:
    """The indices that stay and those that are set aside, `share` of every class to the nearest image, both ascending.

    A class of two images or more gives at least one and keeps at least one. Groups, and images of several labels, are dealt
    out as evenly as they allow.

    Shapes   labels (n,) or (n, classes), groups (n,) → indices
    """
    aside = np.zeros(len(labels), bool)
    if share > 0 and (groups is not None or labels.ndim == 2):
        aside = deal(labels, groups, (1 - share, share), seed) == 1
    elif share > 0:
        rng = np.random.default_rng(seed)
        for label in np.unique(labels):
            members = np.flatnonzero(labels == label)
            count = min(max(int(share * len(members) + 0.5), 1), len(members) - 1)
            aside[rng.permutation(members)[:count]] = True
    return np.flatnonzero(~aside), np.flatnonzero(aside)


def fold_of(labels: Labels, folds: int, seed: int, groups: Groups = None) -> Labels:
    """The fold that holds out each image, from 0: each class is shuffled, then dealt to the folds one by one.

    No two folds differ by more than one image, neither of a class nor in all. Groups, and images of several labels, are dealt
    out as evenly as they allow.
    Source   Kohavi 1995, §2.2: stratified cross-validation
    """
    if groups is not None or labels.ndim == 2:
        return deal(labels, groups, (1 / folds,) * folds, seed)
    fold, rng, before = np.empty(len(labels), np.int64), np.random.default_rng(seed), 0
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        fold[members] = (before + np.arange(len(members))) % folds  # on from where the last class ended: even in all
        before += len(members)
    return fold


def check_folds(labels: Labels, classes: tuple[str, ...], folds: int) -> None:
    """Makes sure that each fold can have an image of each class.

    Raises   InputError that names the smallest class
    """
    few = [
        (count, name) for name, count in zip(classes, np.bincount(labels, minlength=len(classes)), strict=True) if count < folds
    ]
    if few:
        count, name = min(few)
        rest = len(few) - 1
        more = f" ({rest} other class{'es have' if rest > 1 else ' has'} too few as well)" if rest else ""
        remedy = f"take {count} folds or fewer, or add images" if count > 1 else "add images"
        raise InputError(
            f"{folds} folds need {folds} images of each class to learn from, but {name} has {count}{more}: {remedy}"
        )


def limit_images(labels: Labels, limit: int | None, seed: int) -> Labels:
    """The ascending indices of at most `limit` images, a stratified subset; of all if it is None."""
    return np.arange(len(labels)) if limit is None else subset(labels, limit, seed)


def subset(labels: Labels, count: int, seed: int) -> Labels:
    """The ascending indices of `count` images, each class in proportion and with one image at least; of images of several
    labels any ones.

    Raises   InputError if there are more classes than images asked for
    """
    if labels.ndim == 2:
        return np.sort(np.random.default_rng(seed).permutation(len(labels))[:count])
    classes, sizes = np.unique(labels, return_counts=True)
    if count < len(classes):
        raise InputError(f"limit needs at least one image for each of the {len(classes)} classes, got {count}")
    if count >= len(labels):
        return np.arange(len(labels))
    ideal = count * sizes / len(labels)
    quota = np.maximum(ideal.astype(np.int64), 1)
    while quota.sum() != count:
        missing = quota.sum() < count
        gap = np.where(quota < sizes, ideal - quota, -np.inf) if missing else np.where(quota > 1, quota - ideal, -np.inf)
        quota[gap.argmax()] += 1 if missing else -1
    rng = np.random.default_rng(seed)
    members = [rng.permutation(np.flatnonzero(labels == k))[:q] for k, q in zip(classes, quota, strict=True)]
    return np.sort(np.concatenate(members))


def balanced_order(labels: "Tensor", number: int, generator: "torch.Generator") -> "Tensor":
    """Which images epoch `number` draws, class by class: as many as there are, of every class as many to within one.

    The images of a class form a ring, in the order that `generator`, the same for all epochs, gives them, and each epoch goes
    on where the last one stopped. So the images of a small class come several times, none more than once more often than
    another; those of a large class that an epoch leaves out begin the next.

    Shapes   labels (n,) → (n,) int64
    """
    import torch

    ring = torch.randperm(len(labels), generator=generator)
    ring = ring[labels[ring].argsort(stable=True)]
    sizes = np.unique(labels.numpy(), return_counts=True)[1]
    quota, left = divmod(len(labels), max(len(sizes), 1))
    drawn, begin = np.empty(0, np.int64), 0
    for place, size in enumerate(sizes.tolist()):
        # What remains goes to the classes in turn, and on in the next epoch.
        first, last = (quota * n + (left * n + len(sizes) - 1 - place) // len(sizes) for n in (number, number + 1))
        drawn = np.append(drawn, begin + np.arange(first, last) % size)
        begin += size
    return ring[torch.from_numpy(drawn)]
