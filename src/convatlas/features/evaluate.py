"""How well features tell classes apart without learning new ones: by a vote of neighbors and by one linear layer.

Source   k-NN: Wu et al. 2018, arXiv:1805.01978, §3.4 · linear evaluation: Alain and Bengio 2016, arXiv:1610.01644
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .index import Ints, Vectors
from .nearest import exact_search

TEMPERATURE = 0.07
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # C, the inverse of the penalty's weight
FOLDS = 3
QUERIES = 1024  # at a time


@dataclass(frozen=True, slots=True)
class Linear:
    """Accuracy of a linear layer, and the strength that cross-validation on the training images chose."""

    accuracy: float
    strength: float


def neighbor_vote(labels: Ints, weights: NDArray[np.floating[Any]] | None = None) -> Ints:
    """The class that the nearest neighbors vote for, each with its weight or with one vote; the nearest one breaks a tie.

    Shapes   labels (n, k): classes of the neighbors, nearest first; weights (n, k) → (n,)
    """
    rows = np.arange(len(labels))[:, None]
    totals = np.zeros((len(labels), int(labels.max(initial=0)) + 1))
    np.add.at(totals, (rows, labels), 1.0 if weights is None else weights)
    winner: Ints = labels[rows[:, 0], totals[rows, labels].argmax(1)]
    return winner


def knn_accuracy(train_vectors: Vectors, train_labels: Ints, vectors: Vectors, labels: Ints, k: int = 20) -> float:
    """How often the k nearest training images name the class, each with the weight exp(cosine / 0.07).

    Shapes   train_vectors (m, d), train_labels (m,), vectors (n, d), labels (n,)
    Raises   InputError if k is below 1
    Source   Wu et al. 2018, §3.4
    """
    if k < 1:
        raise InputError(f"--k needs to be at least 1, got {k}")
    right = 0
    for first in range(0, len(vectors), QUERIES):
        neighbors = exact_search(train_vectors, vectors[first : first + QUERIES], min(k, len(train_vectors)))
        predicted = neighbor_vote(train_labels[neighbors.places], vote_weights(neighbors.similarities))
        right += int((predicted == labels[first : first + QUERIES]).sum())
    return right / len(vectors)


def knn_leave_one_out(vectors: Vectors, labels: Ints, k: int = 20) -> float:
    """The same among the images of one set, each named by the others.

    Shapes   vectors (n, d), labels (n,)
    """
    right = 0
    for first in range(0, len(vectors), QUERIES):
        neighbors = exact_search(vectors, vectors[first : first + QUERIES], min(k + 1, len(vectors)))
        own = neighbors.places == np.arange(first, first + len(neighbors.places))[:, None]
        weights = np.where(own, 0, vote_weights(neighbors.similarities))
        spare = ~own.any(1)  # k copies of itself came first, so the last one is one too many
        weights[spare, -1] = 0
        right += int((neighbor_vote(labels[neighbors.places], weights) == labels[first : first + QUERIES]).sum())
    return right / len(vectors)


def vote_weights(similarities: Vectors) -> NDArray[np.float64]:
    """exp(cosine / 0.07).

    Shapes   similarities (n, k) → (n, k)
    """
    return np.exp(similarities.astype(np.float64) / TEMPERATURE)


def linear_accuracy(train_vectors: Vectors, train_labels: Ints, vectors: Vectors, labels: Ints) -> Linear:
    """How often logistic regression on standardized features, fitted to training images, names the class.

    Its penalty is chosen among a few by cross-validation on the training images alone.

    Shapes   train_vectors (m, d), train_labels (m,), vectors (n, d), labels (n,)
    Raises   InputError if the training images have one class
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    counts = np.bincount(train_labels)
    if (counts > 0).sum() < 2:
        raise InputError("linear evaluation needs training images of two classes or more, and there is one")
    folds = min(FOLDS, int(counts[counts > 0].min()))
    models = {c: make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=200)) for c in STRENGTHS}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # nearly there is good enough to be compared
        strength = 1e-2
        if folds > 1:
            order = StratifiedKFold(folds, shuffle=True, random_state=0)
            scores = {c: cross_val_score(model, train_vectors, train_labels, cv=order).mean() for c, model in models.items()}
            strength = max(scores, key=lambda c: (scores[c], -c))
        accuracy = models[strength].fit(train_vectors, train_labels).score(vectors, labels)
    return Linear(float(accuracy), strength)
