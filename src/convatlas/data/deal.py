"""Images dealt to parts such that groups stay together and every class is spread as evenly as they allow."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, count_of
from .arrays import Labels

Groups = NDArray[np.str_] | None  # (n,): the name of the group that each image belongs to


def deal(labels: Labels, groups: Groups, shares: Sequence[float], seed: int) -> Labels:
    """The part of each image. Groups come in random order, the large ones first, each to where its classes are most wanted.

    What a part still lacks of a class counts as a share of that class, so that rare classes weigh as much as frequent ones.

    Shapes   labels (n,), or (n, classes) of 0 and 1; groups (n,); shares sum to 1 → (n,), 0 to the number of shares - 1
    Source   Sechidis et al. 2011, On the stratification of multi-label data, which deals images by their rarest label
    Raises   InputError if there are fewer groups than parts
    """
    rows = one_hot(labels)
    number = np.unique(groups, return_inverse=True)[1] if groups is not None else np.arange(len(rows))
    count = int(number.max(initial=-1)) + 1
    if count < len(shares):
        raise InputError(
            f"{len(shares)} parts need as many groups of images, got {count_of(count, 'group')}: group them otherwise"
        )
    sums = np.zeros((count, rows.shape[1]))
    np.add.at(sums, number, rows)
    sums /= np.maximum(sums.sum(0), 1)
    order = np.random.default_rng(seed).permutation(count)
    order = order[np.argsort(-sums[order].sum(1), kind="stable")]
    part_of, members = np.empty(count, np.int64), np.zeros(len(shares), np.int64)
    weight = np.array(shares)
    lacking = np.outer(weight, np.ones(rows.shape[1])) * (sums.sum(0) > 0)
    for place, group in enumerate(order.tolist()):
        empty = np.flatnonzero(members == 0)
        choice = empty if count - place <= len(empty) else np.arange(len(shares))  # no part stays empty
        # What a part lacks weighs by its share: Σ lack² / share grows by (s² - 2 s lack) / share where a group of s joins it.
        cost = (sums[group] ** 2 - 2 * sums[group] * lacking[choice]).sum(1) / weight[choice]
        part = choice[cost.argmin()]
        part_of[group] = part
        members[part] += 1
        lacking[part] -= sums[group]
    return part_of[number]


def one_hot(labels: Labels) -> NDArray[np.float64]:
    """A column per class, and one more of ones, by which parts get as many images as their shares say.

    Shapes   labels (n,) or (n, classes) → (n, classes + 1)
    """
    rows = labels if labels.ndim == 2 else labels[:, None] == np.unique(labels)
    return np.concatenate([rows, np.ones((len(labels), 1))], 1).astype(np.float64)
