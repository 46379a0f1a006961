"""Numbers as people read them: three significant digits, prefixes, percent, seconds; an en dash where there is none."""

import math
from collections.abc import Sequence
from typing import Any

DASH = "–"


def finite(value: Any) -> float | None:
    """The number, or None for null, NaN, infinity and anything that is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def significant(value: float, digits: int = 3) -> str:
    """A plain decimal number of so many significant digits: 0.412, 61.7, 138."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits - 1}e}")
    return f"{rounded:.{max(0, digits - 1 - math.floor(math.log10(abs(rounded))))}f}"


def thousands(value: float | None) -> str:
    """A whole number with commas: 1,258."""
    return DASH if value is None else f"{value:,.0f}"


def with_prefix(value: float | None, steps: Sequence[str], base: int = 1000) -> str:
    """A number beside the prefix that keeps it short: 61.7 k, 12.3 MiB."""
    if value is None:
        return DASH
    step = next((i for i in range(len(steps)) if float(f"{value / base**i:.2e}") < 1000), len(steps) - 1)
    short = value / base**step
    text = f"{short:.0f}" if (step == 0 and float(short).is_integer()) or short >= 1000 else significant(short)
    return f"{text} {steps[step]}".rstrip()


def count(value: float | None) -> str:
    """A number of things: 986, 61.7 k, 11.2 M."""
    return with_prefix(value, ("", "k", "M", "G", "T"))


def operations(value: float | None) -> str:
    """A number of multiply-accumulates, in millions from a hundred thousand on: 0.42 M, 1.82 G."""
    if value is not None and 1e5 <= value < 1e6:
        return f"{value / 1e6:.2f} M"
    return count(value)


def size(value: float | None) -> str:
    """A number of bytes: 12.3 MiB."""
    return with_prefix(value, ("B", "KiB", "MiB", "GiB", "TiB"), 1024)


def duration(value: float | None) -> str:
    """Seconds as a person says them: 0.42 s, 71 s, 12 min, 3.1 h."""
    if value is None:
        return DASH
    if value < 120:
        return f"{significant(value, 2) if value < 10 else f'{value:.0f}'} s"
    if value < 7200:
        return f"{value / 60:.0f} min"
    return f"{value / 3600:.1f} h"


def rate(value: float | None) -> str:
    """Images a second: 19,000, 84, 0.71."""
    return thousands(value) if value is None or value >= 100 else significant(value, 2)


def milliseconds(value: float | None) -> str:
    """A short time: 0.410, 14.2, 1,250."""
    return thousands(value) if value is None or value >= 100 else significant(value)


def figure(value: float | None) -> str:
    """A number without a unit of its own: 0.412, 61.7, 1,250."""
    return DASH if value is None else f"-{figure(-value)}" if value < 0 else milliseconds(value)


def percent(value: float | None, digits: int) -> str:
    """A share of one in percent, without its sign: 97.6."""
    return DASH if value is None else f"{100 * value:.{digits}f}"
