"""Axes that fit what they show: accuracy stretched towards 100 %, costs in powers of ten, ticks that do not touch."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from matplotlib.ticker import MaxNLocator

Ticks = list[tuple[float, str]]
# Round accuracies, those that must not be missing first.
_STRETCHED = (
    0.9,
    0.5,
    0.99,
    0.999,
    0.0,
    0.95,
    0.98,
    0.8,
    0.7,
    0.995,
    0.6,
    0.97,
    0.2,
    0.96,
    0.3,
    0.4,
    0.1,
    0.998,
    0.985,
    0.9995,
)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A vertical scale for accuracies; stretched, equal steps are equal ratios of the error, so 98 and 99 % are told apart.

    `floor` is the smallest error that is drawn: half an image.
    """

    low: float
    high: float
    stretched: bool
    floor: float

    @classmethod
    def of(cls, values: Sequence[float], images: int) -> "Accuracy":
        """The scale for these values: stretched where the best errs rarely and the worst at least five times as often."""
        floor = 0.5 / max(images, 50)
        low, high = min(values, default=0.0), max(values, default=1.0)
        return cls(low, high, high >= 0.9 and (1 - low + floor) / (1 - high + floor) >= 5, floor)

    def __call__(self, value: float) -> float:
        """Where a value stands on the axis."""
        return -math.log10(max(1 - value, 0.0) + self.floor) if self.stretched else 100 * value

    def limits(self, pad: float = 0.07) -> tuple[float, float]:
        """The two ends of the axis, with some air."""
        low, high = self(self.low), self(self.high)
        air = pad * (high - low) or (0.1 if self.stretched else 1.0)
        ends = low - air, high + air
        return ends if self.stretched else (max(ends[0], -pad * 100), min(ends[1], 100 + 100 * pad))

    def ticks(self, pixels: float) -> Ticks:
        """Round percentages for an axis of this length."""
        low, high = self.limits()
        if self.stretched:
            offered = [(self(a), f"{100 * a:.4g}") for a in _STRETCHED]
        else:
            steps = MaxNLocator(nbins=max(2, int(pixels / 36)), steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
            offered = [(float(a), f"{a:.4g}") for a in steps if -1e-9 <= a <= 100 + 1e-9]
        return thin(offered, low, high, 17 * (high - low) / pixels)


@dataclass(frozen=True, slots=True)
class Loss:
    """A vertical scale for losses: powers of ten where the values span more than eight times, else linear."""

    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Loss":
        """The scale for these values."""
        return cls(min(values, default=0.0), max(values, default=1.0))

    @property
    def logarithmic(self) -> bool:
        return self.low > 0 and self.high > 8 * self.low

    def __call__(self, value: float) -> float:
        """Where a value stands on the axis."""
        return math.log10(value) if self.logarithmic else value

    def limits(self, pad: float = 0.07) -> tuple[float, float]:
        """The two ends of the axis, with some air."""
        low, high = self(self.low), self(self.high)
        air = pad * (high - low) or 0.1
        return low - air, high + air

    def ticks(self, pixels: float) -> Ticks:
        """Round losses for an axis of this length."""
        low, high = self.limits()
        if self.logarithmic:
            decades = range(math.floor(low), math.ceil(high) + 1)
            offered = [
                (d + math.log10(m), f"{m * 10.0**d:.12g}" if d > -5 else f"{m}e−{-d}") for m in (1, 3, 2, 5) for d in decades
            ]
        else:
            steps = MaxNLocator(nbins=max(2, int(pixels / 36)), steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
            offered = [(float(v), f"{v:.4g}") for v in steps]
        return thin(offered, low, high, 17 * (high - low) / pixels)


@dataclass(frozen=True, slots=True)
class Cost:
    """A horizontal scale for what an accuracy costs: powers of ten where the values span more than four times, else linear."""

    low: float
    high: float

    @property
    def logarithmic(self) -> bool:
        return self.low > 0 and self.high > 4 * self.low

    def __call__(self, value: float) -> float:
        """Where a value stands on the axis."""
        return math.log10(value) if self.logarithmic else value

    def limits(self, pad: float = 0.08) -> tuple[float, float]:
        """The two ends of the axis, with some air."""
        low, high = self(self.low), self(self.high)
        air = pad * (high - low) or abs(low) * 0.5 or 1.0
        return low - air, high + air

    def ticks(self, pixels: float, label: Callable[[float], str]) -> Ticks:
        """Round values for an axis of this length."""
        low, high = self.limits()
        if self.logarithmic:
            decades = range(math.floor(low), math.ceil(high) + 1)
            offered = [(float(d), label(10.0**d)) for d in decades]
            if sum(low <= d <= high for d, _ in offered) < 3:
                offered += [(math.log10(m) + d, label(m * 10.0**d)) for m in (3, 2, 5) for d in decades]
        else:
            offered = [(float(v), label(float(v))) for v in MaxNLocator(nbins=4, steps=[1, 2, 5, 10]).tick_values(low, high)]
        return thin(offered, low, high, 46 * (high - low) / pixels)


def thin(offered: Iterable[tuple[float, str]], low: float, high: float, gap: float) -> Ticks:
    """The ticks between the ends, first offered first kept, none nearer to another than the gap."""
    chosen: Ticks = []
    for position, label in offered:
        if low <= position <= high and all(abs(position - other) >= gap for other, _ in chosen):
            chosen.append((position, label))
    return sorted(chosen)
