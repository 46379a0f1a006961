"""Labels that are likely wrong, by a network that was not trained on them.

A class's threshold is the mean probability that its own images give it. An image that reaches the threshold of another class,
and is likelier of it than of any it reaches, is counted there: off the diagonal of these counts stand the likely errors.

Papers   Northcutt, Jiang & Chuang 2019, arXiv:1911.00068 (confident learning)
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .predictions import Floats, Ints, Predictions


@dataclass(frozen=True, slots=True)
class SuspectLabel:
    """An image whose label is likely wrong, with the network's probabilities of both classes."""

    place: int
    label: int
    suggested: int
    label_probability: float
    suggested_probability: float

    @property
    def margin(self) -> float:
        """How much more probable the label is than the suggested class: below 0, and the further the worse."""
        return self.label_probability - self.suggested_probability


@dataclass(frozen=True, slots=True, eq=False)
class LabelErrors:
    """Likely label errors, the most likely first.

    Shapes   thresholds (k,), infinite for a class without images; joint (k, k): rows given, columns likely classes
    """

    suspects: tuple[SuspectLabel, ...]
    thresholds: NDArray[np.float64]
    joint: Ints
    share: float  # of all labels, as the joint estimates it


def likely_errors(predictions: Predictions) -> LabelErrors:
    """The labels that out-of-sample predictions contradict with confidence, ranked by the margin.

    Source   Northcutt et al. 2019, §3.1 (thresholds, confident joint, its calibration), §3.2 (normalized margin); differs: a
             label that the network itself holds likelier than the other class is not called wrong
    """
    return from_probabilities(predictions.probabilities, predictions.labels)


def from_probabilities(p: Floats, labels: Ints) -> LabelErrors:
    """The same from probabilities.

    Shapes   p (n, k), labels (n,)
    """
    n, k = p.shape
    own = p[np.arange(n), labels].astype(np.float64)
    sizes = np.bincount(labels, minlength=k)
    thresholds = np.where(sizes > 0, np.bincount(labels, own, k) / np.maximum(sizes, 1), np.inf)
    reached = np.where(p >= thresholds, p, -1.0)
    likely, sure = reached.argmax(1), reached.max(1) >= 0
    joint = np.bincount(labels[sure] * k + likely[sure], minlength=k * k).reshape(k, k)
    off = 1 - np.diag(joint) / np.maximum(joint.sum(1), 1)
    share = float((off * sizes)[joint.any(1)].sum() / max(n, 1))
    margins = own - p[np.arange(n), likely]
    wrong = np.flatnonzero(sure & (likely != labels) & (margins < 0))
    suspects = tuple(
        SuspectLabel(int(i), int(labels[i]), int(likely[i]), float(own[i]), float(p[i, likely[i]]))
        for i in wrong[np.argsort(margins[wrong], kind="stable")]
    )
    return LabelErrors(suspects, thresholds, joint, share)
