"""Numbers as colors, the same for every eye: from dark to bright, or from blue over white to orange."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from . import style

DIVERGING = LinearSegmentedColormap.from_list(
    "blue-orange", ["#0b2f6b", "#2f6db5", "#9cc3e3", "#f5f3ee", "#f2bd7c", "#d2741a", "#7a3300"]
)
BAR = 7.0  # pixels high
DETAIL = 96  # steps of a bar

Pixels = NDArray[np.uint8]


def diverging_colors(values: NDArray[Any], limit: float) -> Pixels:
    """From −limit, blue, to +limit, orange; zero is white.

    Shapes   (…) → (…, 4)
    """
    return apply_colormap(DIVERGING, values / (2 * limit) + 0.5 if limit > 0 else np.full(values.shape, 0.5))


def sequential(values: NDArray[Any], limit: float) -> Pixels:
    """From 0, dark violet, to limit, yellow.

    Shapes   (…) → (…, 4)
    """
    return apply_colormap(mpl.colormaps["viridis"], values / limit if limit > 0 else np.zeros(values.shape))


def colors(values: NDArray[Any], limit: float) -> Pixels:
    """Red, green and blue from −limit to +limit; zero is gray.

    Shapes   (…, 3) → (…, 4)
    """
    shown = np.clip(values / (2 * limit) + 0.5 if limit > 0 else np.full(values.shape, 0.5), 0, 1)
    return np.concatenate([np.round(255 * shown), np.full((*shown.shape[:-1], 1), 255)], -1).astype(np.uint8)


def apply_colormap(ramp: Any, values: NDArray[Any]) -> Pixels:
    """Values in [0, 1], what lies beyond taken as 0 or 1, as a colormap shows them.

    Shapes   values of any shape → (*shape, 4) uint8
    """
    return np.round(255 * ramp(np.clip(values, 0, 1))).astype(np.uint8)


def limit(values: NDArray[Any], share: float = 1.0) -> float:
    """The size that so many of the values do not exceed.

    Shapes   values of any shape
    """
    return float(np.quantile(np.abs(values), share)) if values.size else 0.0


def number(value: float) -> str:
    """Three digits that matter, as they are read: 0.153, 12.4, 3.1e-05."""
    return f"{value:.3g}".replace("-", "−")


def bar(axes: Axes, x: float, y: float, pixels: Pixels, ends: Sequence[str], *, width: float = 96) -> float:
    """A ramp (n, 4) with its ends named at both sides, in axes whose unit is a pixel, y downwards; gives the right edge.

    Units   x and y of the upper left corner of all
    Shapes   pixels (n, 4)
    """
    low, high = ends
    middle = y + BAR / 2
    left = x + style.width(low) + 6
    axes.text(x, middle, low, size=style.TEXT, color=style.MUTED, ha="left", va="center_baseline")
    axes.imshow(pixels[None], extent=(left, left + width, y + BAR, y), interpolation="none", aspect="auto")
    axes.add_patch(Rectangle((left, y), width, BAR, fill=False, edgecolor=style.FAINT, linewidth=0.6))
    axes.text(left + width + 6, middle, high, size=style.TEXT, color=style.MUTED, ha="left", va="center_baseline")
    return left + width + 6 + style.width(high)


def steps(*, signed: bool) -> NDArray[np.float64]:
    """The values along a bar of limit 1.

    Shapes   (DETAIL,)
    """
    return np.linspace(-1.0 if signed else 0.0, 1.0, DETAIL)
