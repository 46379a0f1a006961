"""Whether a network is behind the best one by more than the choice of images explains."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000


def against_best(rows: Sequence[dict[str, Any]], held_out: str) -> None:
    """Puts a paired test against the best network into every other row."""
    whole = [row for row in rows if row["correct"] is not None and row["status"] == "done"]
    if not whole:
        return
    best = max(whole, key=lambda row: (row[f"{held_out}_accuracy"]["mean"], -row["parameters"]))
    for row in whole:
        if row is not best:
            row["against_best"] = paired_bootstrap(row["name"], row["correct"], best["name"], best["correct"])


def paired_bootstrap(name: str, a: NDArray[np.float64], best: str, b: NDArray[np.float64]) -> dict[str, Any]:
    """How sure it is that `best` is better, judged by drawing the held-out images again, ten thousand times.

    The differences take few values, so drawing n of them with replacement is one multinomial draw of their counts.

    Shapes   a and b (n,): the share of seeds that were right about each image
    Source   Efron and Tibshirani 1993, An Introduction to the Bootstrap, §13.3 and §16.4
    """
    values, counts = np.unique(np.round(a - b, 12), return_counts=True)
    draws = np.random.default_rng(0).multinomial(len(a), counts / len(a), size=RESAMPLES)
    means = draws @ values / len(a)
    low, high = np.quantile(means, [0.025, 0.975])
    tail = min(int((means >= 0).sum()), int((means <= 0).sum()))
    p = min(1.0, 2 * (tail + 1) / (RESAMPLES + 1))
    difference = float((a - b).mean())
    return {
        "best": best,
        "difference": difference,
        "interval": [float(low), float(high)],
        "p_value": p,
        "words": f"{name} is {words(best, difference, float(low), float(high), p)}",
    }


def words(best: str, difference: float, low: float, high: float, p: float) -> str:
    """What the test says of a network, after "is"."""
    interval = f"95 % interval {100 * low:+.1f} to {100 * high:+.1f} points"
    if difference == 0:
        return f"as good as {best} on these images ({interval})."
    behind = f"{abs(100 * difference):.1f} points behind {best} ({interval})"
    if p < 0.05:
        return f"{behind}: more than the choice of images explains (p {'< 0.001' if p < 0.001 else f'= {p:.3f}'})."
    return f"{behind}: the choice of images alone could explain it (p = {p:.2f})."
