"""What losses at geometrically rising rates suggest: where the loss falls fastest, and where most of its fall is done."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

DIVERGED = 4.0  # times the best smoothed loss
PATIENT = 0.1  # of the steps, in which nothing is called diverged
REACH = 0.06  # of the steps: how far the smoothed loss looks to either side
DOWN = 2 / 3  # of the descent, for the valley
WORSE = 1.25  # times the loss of the opening: beyond it losses are all the same to the smoothed one
CLEAR = 0.02  # of the loss, and
SIGMA = 6.0  # times its noise after smoothing: what a descent has to exceed


@dataclass(frozen=True, slots=True)
class RangeTest:
    """The result of a range test. Rates and losses are of each step, until it ended or diverged.

    steepest   where the smoothed loss falls fastest over the logarithm of the rate
    valley     where two thirds of its longest descent are behind it
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    steepest: float | None
    valley: float | None
    divergence: float | None  # the rate at which it was stopped; None if it never was
    note: str = ""  # why there is no suggestion, or what is doubtful about it

    def to_json(self) -> dict[str, Any]:
        """Plain values by name."""
        return asdict(self)


class DivergenceWatch:
    """Says when the loss has left: no number, or its moving average above four times its best.

    The average is s_i = Σ_j β^(i-j) l_j / Σ_j β^(i-j): without the pull of a start at zero.
    """

    def __init__(self, steps: int) -> None:
        self.decay, self.patience = decay(steps), PATIENT * steps
        self.total = self.weight = 0.0
        self.steps, self.best = 0, math.inf

    def diverges(self, loss: float) -> bool:
        """Takes the next loss."""
        if not math.isfinite(loss):
            return True
        self.total = self.decay * self.total + loss
        self.weight = self.decay * self.weight + 1
        self.steps += 1
        average = self.total / self.weight
        self.best = min(self.best, average)
        return self.steps > self.patience and average > DIVERGED * self.best


def decay(steps: int) -> float:
    """The weight of a step beside its neighbor in the average."""
    return 1 - 1 / max(REACH * steps, 1.0)


def smooth(losses: Sequence[float], beta: float) -> list[float]:
    """The moving average to both sides, s_i = Σ_j β^|i-j| l_j / Σ_j β^|i-j|, which shifts neither slopes nor minima."""
    forward, back = one_sided(losses, beta), one_sided(losses[::-1], beta)[::-1]
    sums = [(a + b - loss, u + v - 1) for (a, u), (b, v), loss in zip(forward, back, losses, strict=True)]
    return [total / weight for total, weight in sums]


def one_sided(losses: Sequence[float], beta: float) -> list[tuple[float, float]]:
    """Σ_j≤i β^(i-j) l_j and the sum of these weights."""
    sums, total, weight = [], 0.0, 0.0
    for loss in losses:
        total, weight = beta * total + loss, beta * weight + 1
        sums.append((total, weight))
    return sums


def suggest_rate(rates: Sequence[float], losses: Sequence[float], divergence: float | None = None) -> RangeTest:
    """The suggestions that losses at geometrically rising rates give, and none where the loss does not clearly fall.

    smoothed   losses above all of the first tenth and 1.25 times their median count as that, lest a burst hide a fall
    descent    the place b of the least s, and a ≤ b of the largest s before it
    steepest   r_i with the least (s_{i+1} - s_{i-1}) / (log r_{i+1} - log r_{i-1}), a < i < b
    valley     the first rate, interpolated in its logarithm, with s ≤ s_a - 2/3 (s_a - s_b)
    clear      s_a - s_b above 2 % of s_a and six times what noise leaves after smoothing
    """
    rates, losses = tuple(rates), tuple(losses)
    if len(losses) < 3:
        return RangeTest(rates, losses, losses, None, None, divergence, "the loss diverged at once: try a lower --from")
    beta = decay(len(losses))
    opening = sorted(losses[: max(len(losses) // 10, 3)])
    ceiling = max(opening[-1], WORSE * opening[len(opening) // 2])
    smoothed = smooth([min(loss, ceiling) for loss in losses], beta)
    b = smoothed.index(min(smoothed))
    a = smoothed.index(max(smoothed[: b + 1]))
    fall = smoothed[a] - smoothed[b]
    if fall <= max(CLEAR * abs(smoothed[a]), SIGMA * noise(losses[: max(b + 1, len(losses) // 3)], beta)):
        return RangeTest(rates, losses, tuple(smoothed), None, None, divergence, why_no_rate(smoothed))
    slopes = {i: (smoothed[i + 1] - smoothed[i - 1]) / math.log(rates[i + 1] / rates[i - 1]) for i in range(a + 1, b)}
    steepest = rates[min(slopes, key=slopes.__getitem__)] if slopes else rates[b]
    goal = smoothed[a] - DOWN * fall
    i = next(i for i in range(a + 1, b + 1) if smoothed[i] <= goal)
    part = (smoothed[i - 1] - goal) / (smoothed[i - 1] - smoothed[i])
    valley = rates[i - 1] * (rates[i] / rates[i - 1]) ** part
    falling = divergence is None and b >= len(losses) - 2
    note = "the loss still falls at the highest rate: try a higher --to" if falling else ""
    return RangeTest(rates, losses, tuple(smoothed), steepest, valley, divergence, note)


def noise(losses: Sequence[float], beta: float) -> float:
    """What smoothing leaves of the standard deviation of a loss that only wavers from step to step.

    The median of |l_i - l_{i-1}| is 0.954 standard deviations of normal noise; the weights' squares sum to
    ((1-β)/(1+β))² (1+β²)/(1-β²).
    """
    jumps = sorted(abs(b - a) for a, b in pairwise(losses))
    if not jumps:
        return 0.0
    sd = jumps[len(jumps) // 2] / 0.954
    return sd * (1 - beta) / (1 + beta) * math.sqrt((1 + beta**2) / (1 - beta**2))


def why_no_rate(smoothed: Sequence[float]) -> str:
    """Why there is no suggestion."""
    lowest = min(smoothed)
    if smoothed.index(lowest) <= 0.05 * len(smoothed) and max(smoothed) > (1 + CLEAR) * lowest:
        return "the loss only rises: nothing is left to learn, or --from is too high"
    return "the loss stays flat within its noise: try a higher --to, more --steps or a larger --batch-size"
