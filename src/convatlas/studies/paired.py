"""Whether a network is behind the best one by more than the choice of images explains."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.task import Measure

RESAMPLES, BLOCKS = 10_000, 20


def against_best(rows: Sequence[dict[str, Any]], held_out: str, measure: Measure, of_images: Measure) -> None:
    """Puts a paired test against the network that the measure calls best into every other row; `of_images` is the score of
    each image.

    Shapes   `per_image` of each row (n,) in [0, 1]
    """
    whole = [row for row in rows if row["per_image"] is not None and row["status"] == "done"]
    if not whole:
        return
    best = max(whole, key=lambda row: (measure.rank(row[f"{held_out}_{measure.key}"]["mean"]), -row["parameters"]))
    for row in whole:
        if row is not best:
            of = "" if of_images is measure else of_images.noun
            row["against_best"] = paired_bootstrap(row["name"], row["per_image"], best["name"], best["per_image"], of)


def paired_bootstrap(name: str, a: NDArray[np.float64], best: str, b: NDArray[np.float64], of: str = "") -> dict[str, Any]:
    """A paired bootstrap test that `best` is better: the held-out images are drawn again, ten thousand times.

    The differences take few values, so drawing n of them with replacement is one multinomial draw of their counts.

    Shapes   a and b (n,): the score of each image, the mean over seeds
    Source   Efron and Tibshirani 1993, An Introduction to the Bootstrap, §13.3 and §16.4
    """
    values, counts = np.unique(np.round(a - b, 12), return_counts=True)
    rng = np.random.default_rng(0)
    blocks = (rng.multinomial(len(a), counts / len(a), size=RESAMPLES // BLOCKS) for _ in range(BLOCKS))  # less memory
    means = np.concatenate([draws @ values for draws in blocks]) / len(a)
    low, high = np.quantile(means, [0.025, 0.975])
    tail = min(int((means >= 0).sum()), int((means <= 0).sum()))
    p = min(1.0, 2 * (tail + 1) / (RESAMPLES + 1))
    difference = float((a - b).mean())
    return {
        "best": best,
        "difference": difference,
        "interval": [float(low), float(high)],
        "p_value": p,
        "words": f"{name} is {words(best, difference, (float(low), float(high)), p, of)}",
    }


def words(best: str, difference: float, interval: tuple[float, float], p: float, of: str = "") -> str:
    """The result of the test in words, after "is"; `of` names what is compared where it is not the measure that decides.

    The best network by the measure that decides may be behind in the score of images that is compared here.
    """
    low, high = interval
    span = f"95 % interval {100 * low:+.1f} to {100 * high:+.1f} points"
    if difference == 0:
        return f"as good as {best} on these images ({span})."
    side = "behind" if difference < 0 else "ahead of"
    behind = f"{abs(100 * difference):.1f} points {of and f'of {of} '}{side} {best} ({span})"
    if p < 0.05:
        return f"{behind}: more than the choice of images explains (p {'< 0.001' if p < 0.001 else f'= {p:.3f}'})."
    return f"{behind}: the choice of images alone could explain it (p = {p:.2f})."
