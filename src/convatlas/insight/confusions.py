"""Which classes a network knows, how surely that can be said, and what it takes for what."""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from .predictions import Ints, Predictions

Z = 1.959963984540054  # of a normal distribution, 95 % lie within


@dataclass(frozen=True, slots=True)
class ClassAccuracy:
    """How many images of a class are right, with the 95 % interval of that share."""

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
    """Images of one class taken for another."""

    true: int
    predicted: int
    n: int  # images of the true class
    places: Ints  # which were mistaken, the most confident mistake first

    @property
    def count(self) -> int:
        return len(self.places)


def confusion(said: Predictions) -> Ints:
    """How often each class (a row) is taken for each (a column), (k, k)."""
    return np.bincount(said.labels * said.k + said.predicted, minlength=said.k**2).reshape(said.k, said.k)


def per_class(said: Predictions) -> list[ClassAccuracy]:
    """The accuracy of every class that has images, in the order of the classes."""
    sizes = np.bincount(said.labels, minlength=said.k)
    hits = np.bincount(said.labels[said.right], minlength=said.k)
    return [
        ClassAccuracy(place, int(sizes[place]), int(hits[place]), *wilson(int(hits[place]), int(sizes[place])))
        for place in np.flatnonzero(sizes).tolist()
    ]


def wilson(hits: int, n: int, z: float = Z) -> tuple[float, float]:
    """The interval that holds the share of a whole from which n were drawn and so many hit; never beyond 0 or 1.

    Source   Wilson 1927, JASA 22:209–212
    """
    if not n:
        return 0.0, 1.0
    share, spread = hits / n, z**2 / n
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * sqrt(share * (1 - share) / n + spread / (4 * n))
    return (0.0 if not hits else middle - half), (1.0 if hits == n else middle + half)


def worst_pairs(said: Predictions, most: int = 8, of: int | None = None) -> list[ConfusedPair]:
    """The confusions that happen most often, of one true class if it is given; ties in the order of the classes."""
    wrong = np.flatnonzero(~said.right & (True if of is None else said.labels == of))
    pairs = said.labels[wrong] * said.k + said.predicted[wrong]
    found, counts = np.unique(pairs, return_counts=True)
    sizes = np.bincount(said.labels, minlength=said.k)
    rows = []
    for pair in found[np.argsort(-counts, kind="stable")[:most]]:
        true, predicted = divmod(int(pair), said.k)
        places = wrong[pairs == pair]
        order = np.argsort(-said.probability[places], kind="stable")
        rows.append(ConfusedPair(true, predicted, int(sizes[true]), places[order]))
    return rows
