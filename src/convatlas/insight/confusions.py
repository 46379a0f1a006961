"""Accuracy of each class with its confidence interval, and the most frequent confusions."""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from .predictions import Ints, Predictions

Z = 1.959963984540054  # 95 % of a normal distribution lie within so many standard deviations


@dataclass(frozen=True, slots=True)
class ClassAccuracy:
    """How many images of a class are right, with the 95 % interval of that share.

    Units   low and high in [0, 1]
    """

    place: int  # of the class
    n: int
    hits: int
    low: float
    high: float

    @property
    def accuracy(self) -> float:
        return self.hits / self.n


@dataclass(frozen=True, slots=True, eq=False)
class ConfusedPair:
    """Images of one class that were predicted as another.

    Shapes   places (count,)
    """

    true: int
    predicted: int
    n: int  # images of the true class
    places: Ints  # of the mistakes, the most confident first

    @property
    def count(self) -> int:
        return len(self.places)


def confusion(predictions: Predictions) -> Ints:
    """How often each true class is predicted as each class.

    Shapes   → (k, k), one row per true class
    """
    return np.bincount(predictions.labels * predictions.k + predictions.predicted, minlength=predictions.k**2).reshape(
        predictions.k, predictions.k
    )


def per_class(predictions: Predictions) -> list[ClassAccuracy]:
    """The accuracy of every class that has images, in the order of the classes."""
    sizes = np.bincount(predictions.labels, minlength=predictions.k)
    hits = np.bincount(predictions.labels[predictions.right], minlength=predictions.k)
    return [
        ClassAccuracy(place, int(sizes[place]), int(hits[place]), *wilson(int(hits[place]), int(sizes[place])))
        for place in np.flatnonzero(sizes).tolist()
    ]


def wilson(hits: int, n: int, z: float = Z) -> tuple[float, float]:
    """The confidence interval of a share of which `hits` of n draws are known; never beyond 0 or 1.

    Source   Wilson 1927, JASA 22:209–212
    """
    if not n:
        return 0.0, 1.0
    share, spread = hits / n, z**2 / n
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * sqrt(share * (1 - share) / n + spread / (4 * n))
    return (0.0 if not hits else middle - half), (1.0 if hits == n else middle + half)


def worst_pairs(predictions: Predictions, most: int = 8, of: int | None = None) -> list[ConfusedPair]:
    """The most frequent confusions, of one true class if it is given; ties in the order of the classes."""
    wrong = np.flatnonzero(~predictions.right & (True if of is None else predictions.labels == of))
    pairs = predictions.labels[wrong] * predictions.k + predictions.predicted[wrong]
    codes, counts = np.unique(pairs, return_counts=True)
    sizes = np.bincount(predictions.labels, minlength=predictions.k)
    rows = []
    for pair in codes[np.argsort(-counts, kind="stable")[:most]]:
        true, predicted = divmod(int(pair), predictions.k)
        places = wrong[pairs == pair]
        order = np.argsort(-predictions.probability[places], kind="stable")
        rows.append(ConfusedPair(true, predicted, int(sizes[true]), places[order]))
    return rows
