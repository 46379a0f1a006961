"""The confusion matrix: each row a true class, each column a predicted one; the diagonal is right, all else wrong."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from . import style
from .table import Network

COUNTED = 20  # up to so many classes each cell shows its count
DRAWN = 250  # above so many classes neighbors share a cell
WIDTH = 320  # in a report, which shows many
SLIDE = 640  # on its own, with a key
NAMED = 40  # there up to so many classes have their names and counts
KEY = 52
KEYED = (0.01, 0.05, 0.2, 0.5, 1.0)  # shares whose colors the key shows
_RIGHT_RGB, _WRONG_RGB = (84, 120, 210), (224, 74, 46)  # in pixels, not in ink: they have to do on light and on dark


def matrix(network: Network) -> NDArray[np.int64] | None:
    """The counts, true by predicted; None where they are missing or not square.

    Shapes   (classes, classes)
    """
    rows = network.get("confusion")
    try:
        counts = np.asarray(rows, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.size or not np.isfinite(counts).all():
        return None
    return counts.astype(np.int64)


def mistakes(network: Network, classes: Sequence[str], most: int = 3) -> list[tuple[str, str, int]]:
    """The confusions that happen most often: (true class, taken for, times)."""
    counts = matrix(network)
    if counts is None:
        return []
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = [(int(i) // len(wrong), int(i) % len(wrong)) for i in order]
    return [(class_name(classes, a), class_name(classes, b), int(wrong[a, b])) for a, b in pairs if wrong[a, b]]


def class_name(classes: Sequence[str], index: Any) -> str:
    """The name of a class, its number where it has none; several names where an image has several."""
    if isinstance(index, list):
        return ", ".join(class_name(classes, one) for one in index) or "none"
    known = isinstance(index, int) and 0 <= index < len(classes)
    return str(classes[index]) if known else str(index)


def figure(network: Network, classes: Sequence[str]) -> Figure:
    """The confusion of one network: depth of color is the share of the row's images, blue where right and red where wrong.

    Raises   ValueError if the network has no square confusion matrix
    """
    counts = matrix(network)
    if counts is None:
        raise ValueError(f"{network.get('name')} has no confusion matrix")
    return counts_figure(counts, classes)


def counts_figure(
    counts: NDArray[np.int64], classes: Sequence[str], width: float = WIDTH, totals: NDArray[np.int64] | None = None
) -> Figure:
    """The confusion of counts, true by predicted; wider than in a report it gets a key to its colors.

    Shapes   counts (k, k), totals (k,): all images of each class, where the counts leave some out
    """
    k, slide = len(counts), width > WIDTH
    names = [style.short(class_name(classes, i), 22 if slide else 13) for i in range(k)]
    names = names if k <= (NAMED if slide else COUNTED) else []
    size = (9.5 if k <= 12 else 8.5) + 1.5 * (slide and k <= COUNTED)
    longest = max((style.width(name, size) for name in names), default=0.0)
    turned = bool(names) and longest > (width - 40 - longest) / k - 4
    left = 26 + longest if names else 40
    top = 24 + (longest if turned else size) if names else 30
    side = width - left - 4
    bottom = 4 + KEY * slide
    with style.context():
        chart, axes = style.canvas(width, side + top + bottom, left=left, right=4, top=top, bottom=bottom)
        axes.set_xlim(0, k)
        axes.set_ylim(k, 0)
        axes.set_axis_off()
        share = counts / np.maximum(counts.sum(axis=1) if totals is None else totals, 1)[:, None]
        if names:
            _cells(axes, counts, share, size, width)
        else:
            axes.imshow(_pixels(share), extent=(0, k, k, 0), interpolation="none", aspect="auto")
        axes.add_patch(Rectangle((0, 0), k, k, fill=False, edgecolor=style.FAINT, linewidth=0.8))
        unit = k / side
        for i, name in enumerate(names):
            axes.text(-5 * unit, i + 0.5, name, size=size, color=style.INK, ha="right", va="center_baseline")
            if turned:
                axes.text(i + 0.5 + size * 0.35 * unit, -5 * unit, name, size=size, color=style.INK, ha="left", va="baseline",
                          rotation=90, rotation_mode="anchor")  # fmt: skip
            else:
                axes.text(i + 0.5, -5 * unit, name, size=size, color=style.INK, ha="center", va="baseline")
        if not names:
            _numbers(axes, k, unit)
        axes.text(0, -(top - 10) * unit, "predicted →", size=10, color=style.MUTED, ha="left", va="baseline")
        axes.text(-(left - 11) * unit, k, "← true", size=10, color=style.MUTED, ha="left", va="baseline", rotation=90,
                  rotation_mode="anchor")  # fmt: skip
        if slide:
            _key(axes, k, unit, bool(names))
    return chart


def describe(network: Network, classes: Sequence[str]) -> str:
    """The figure for those who cannot see it: how many are right, and what is confused most often."""
    counts = matrix(network)
    if counts is None:
        return "no confusion matrix"
    often = ", ".join(f"{a} taken for {b} {n} times" for a, b, n in mistakes(network, classes))
    return f"{int(np.trace(counts)):,} of {int(counts.sum()):,} right{'; ' if often else ''}{often}"


def _cells(axes: Any, counts: NDArray[np.int64], share: NDArray[np.float64], size: float, width: float) -> None:
    k = len(counts)
    digits = len(str(counts.max()))
    fits = min(size + 0.5, width / k / max(digits, 2) * 1.25)
    for i in range(k):
        for j in range(k):
            if not counts[i, j]:
                continue
            color = style.SERIES_LIGHT[0] if i == j else style.WRONG
            depth = _depth(float(share[i, j]), right=i == j)
            axes.add_patch(Rectangle((j + 0.03, i + 0.03), 0.94, 0.94, facecolor=color, alpha=depth, linewidth=0))
            axes.text(j + 0.5, i + 0.5, f"{counts[i, j]}", size=fits, ha="center", va="center_baseline",
                      color=style.PAPER if depth > 0.6 else style.INK)  # fmt: skip


def _depth(share: float, right: bool) -> float:
    """The opacity of a cell; that of mistakes rises faster, so that rare ones are visible."""
    return 0.08 + 0.77 * share if right else 0.14 + 0.76 * share**0.5


def _pixels(share: NDArray[np.float64]) -> NDArray[np.uint8]:
    k = len(share)
    right = np.eye(k, dtype=bool)
    depth = np.where(right, 0.9 * share, np.where(share > 0, 0.12 + 0.88 * np.sqrt(share), 0.0))
    if k > DRAWN:
        step = -(-k // DRAWN)
        wide = -(-k // step) * step
        depth, right = (np.pad(a, (0, wide - k)) for a in (depth, right))
        blocks = (wide // step, step, wide // step, step)
        depth, right = depth.reshape(blocks).max((1, 3)), right.reshape(blocks).max((1, 3))
    painted = np.zeros((*depth.shape, 4), np.uint8)
    painted[..., :3] = np.where(right[..., None], _RIGHT_RGB, _WRONG_RGB)
    painted[..., 3] = np.round(255 * depth)
    painted[painted[..., 3] == 0] = 0
    return painted


def _numbers(axes: Any, k: int, unit: float) -> None:
    step = next(s for s in (5, 10, 20, 50, 100, 200, 500, 1000, 10**9) if k / s <= 8)
    for i in range(0, k, step):
        axes.text(-5 * unit, i + 0.5, str(i), size=9.5, color=style.MUTED, ha="right", va="center_baseline")
        axes.text(i + 0.5, -5 * unit, str(i), size=9.5, color=style.MUTED, ha="center", va="baseline")


def _key(axes: Any, k: int, unit: float, cells: bool) -> None:
    """What the depth of color means, below the matrix."""
    axes.text(0, k + 19 * unit, "share of the row’s images", size=10, color=style.MUTED, va="baseline")
    at = k - (len(KEYED) * 44 + 50) * unit
    for row, (right, word) in enumerate(((True, "right"), (False, "wrong"))):
        y = k + (8 + 15 * row) * unit
        axes.text(at, y + 10 * unit, word, size=10, color=style.MUTED, va="baseline")
        for i, share in enumerate(KEYED):
            color: Any = style.SERIES_LIGHT[0] if right else style.WRONG
            depth = _depth(share, right=right)
            if not cells:
                color = [v / 255 for v in (_RIGHT_RGB if right else _WRONG_RGB)]
                depth = 0.9 * share if right else 0.12 + 0.88 * share**0.5
            box = (at + (50 + 44 * i) * unit, y)
            axes.add_patch(Rectangle(box, 42 * unit, 13 * unit, facecolor=color, alpha=depth, linewidth=0, clip_on=False))
            if row:
                axes.text(box[0] + 21 * unit, y + 26 * unit, f"{100 * share:g} %", size=9.5, color=style.MUTED, ha="center")
