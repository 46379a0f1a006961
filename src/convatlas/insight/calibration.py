"""Calibration: whether predictions of 80 % confidence are right in 80 % of the cases, and temperature scaling.

ECE = Σ_b n_b/n · |accuracy_b − confidence_b| over bins of equal width; MCE is the largest gap. Dividing the scores by a
temperature T > 1 lowers the confidence of an overconfident network and keeps its predictions.

Papers   Naeini et al. 2015, AAAI (ECE, MCE) · Guo et al. 2017, arXiv:1706.04599 (reliability diagrams, temperature)
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .predictions import Floats, Ints, Predictions, softmax

BINS = 15
COLDEST, HOTTEST = 1e-2, 1e2
PRECISE = 1e-4  # of ln T


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """Confidence and accuracy, bin by bin.

    Shapes   edges (bins + 1,), count confidence accuracy (bins,), 0 in an empty bin
    Units    all in [0, 1], NLL in nats
    """

    temperature: float
    edges: NDArray[np.float64]
    count: Ints
    confidence: NDArray[np.float64]  # mean
    accuracy: NDArray[np.float64]
    ece: float
    mce: float
    nll: float


def reliability(predictions: Predictions, temperature: float = 1.0, bins: int = BINS) -> Reliability:
    """The reliability of predictions at a temperature.

    A bin holds its lower edge; a confidence that rounds to one is a bin of its own in ECE and MCE, as torchmetrics counts,
    and lies in the last one of the diagram.
    """
    probability = softmax(predictions.logits, temperature).max(1)
    edges = np.linspace(0, 1, bins + 1, dtype=np.float32)
    where = np.digitize(probability, edges) - 1
    count = np.bincount(where, minlength=bins + 1).astype(np.float64)
    confidence = np.bincount(where, probability, bins + 1)
    right = np.bincount(where, predictions.right, bins + 1)
    gaps = np.abs(right - confidence) / np.maximum(count, 1)

    def merged(sums: NDArray[Any]) -> NDArray[np.float64]:
        return np.append(sums[: bins - 1], sums[bins - 1] + sums[bins])

    total = merged(count)
    return Reliability(
        temperature, edges.astype(np.float64), total.astype(np.int64), merged(confidence) / np.maximum(total, 1),
        merged(right) / np.maximum(total, 1), float((gaps * count).sum() / len(predictions)), float(gaps.max()),
        nll(predictions.logits, predictions.labels, temperature),
    )  # fmt: skip


def nll(logits: Floats, labels: Ints, temperature: float = 1.0) -> float:
    """The mean negative log-likelihood of the labels.

    Shapes   logits (n, k), labels (n,)
    """
    z = logits.astype(np.float64) / temperature
    top = z.max(1, keepdims=True)
    return float((np.log(np.exp(z - top).sum(1)) + top[:, 0] - z[np.arange(len(z)), labels]).mean())


def fit_temperature(predictions: Predictions) -> float:
    """The temperature at which the labels of held-out images are most probable, between 0.01 and 100.

    The NLL is convex in 1/T, so its slope, the mean difference between expected and true score, changes sign once: bisection.
    Source   Guo et al. 2017, §4.2
    """
    beyond = (
        predictions.logits - predictions.logits[np.arange(len(predictions)), predictions.labels][:, None]
    )  # exact where the true class is ahead

    def too_cold(log: float) -> bool:
        """Whether the network is overconfident at this temperature."""
        return bool((softmax(predictions.logits, np.exp(log)) * beyond).sum(dtype=np.float64) > 0)

    low, high = np.log(COLDEST), np.log(HOTTEST)
    while high - low > PRECISE:
        middle = (low + high) / 2
        low, high = (middle, high) if too_cold(middle) else (low, middle)
    return float(np.exp((low + high) / 2))


def cross_fitted_reliability(predictions: Predictions) -> Reliability:
    """The reliability after temperature scaling without validation images; `temperature` is a geometric mean.

    Each half of the images, every other one, is scaled by the temperature fitted on the other half.
    """
    logits, temperatures = predictions.logits.copy(), []
    for start in (0, 1):
        chosen = fit_temperature(Predictions(predictions.logits[1 - start :: 2], predictions.labels[1 - start :: 2]))
        logits[start::2] /= chosen
        temperatures.append(chosen)
    return replace(
        reliability(Predictions(logits, predictions.labels)), temperature=float(np.sqrt(temperatures[0] * temperatures[1]))
    )
