"""The loss around a network's weights: contours in the plane of two directions, and cuts along each of them."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import NDArray

from . import style

SIDE, CUT = 320, 300
HIGHEST = 1e8  # losses above are drawn as this one: far away a network may say anything
SHADES = 40
FINE = 161  # points a side that contours are drawn through
MOST = 9  # losses that get a line
Grid = NDArray[np.float64]


def figure(along: Grid, loss: Grid, *, top: float | None = None) -> Figure:
    """Contours at equal ratios of the loss, and the loss along each direction alone, on one logarithmic scale.

    `top` ends the scale, so that networks can be compared.

    Shapes   along (k,); loss (k, k), rows along the second direction
    """
    with style.context():
        width, height = 58 + SIDE + 84 + CUT + 16, SIDE + 82
        chart, plane = style.canvas(width, height, left=58, right=width - 58 - SIDE, top=28, bottom=54)
        low, high = limits(loss, top)
        contours(plane, along, loss, low, high)
        cut = chart.add_axes(((58 + SIDE + 84) / width, 54 / height, CUT / width, SIDE / height))
        middle = len(along) // 2
        cuts(cut, along, (clip_loss(loss)[middle], clip_loss(loss)[:, middle]), top)
    return chart


def limits(loss: Grid, top: float | None = None) -> tuple[float, float]:
    """Where the scale begins and ends."""
    shown = clip_loss(loss)
    low, high = float(shown.min()), float(shown.max()) if top is None else min(top, HIGHEST)
    return low / 1.05, max(high, low * 1.5)


def clip_loss(loss: Grid) -> Grid:
    """Losses a logarithmic scale can show."""
    return np.clip(np.nan_to_num(loss, nan=HIGHEST, posinf=HIGHEST), 1e-4, HIGHEST)


def contours(ax: Axes, along: Grid, loss: Grid, low: float, high: float) -> None:
    """The plane, dark where the loss is low, with lines at round losses."""
    fine, shown = interpolate(along, loss)
    shown = np.clip(shown, low, high)
    norm = LogNorm(low, high)
    ax.contourf(fine, fine, shown, levels=np.geomspace(low, high, SHADES), norm=norm, cmap="viridis", extend="both")
    levels = [level for level in contour_levels(low, high) if shown.min() < level < shown.max()]
    inks = ["white" if norm(level) < 0.62 else "black" for level in levels]
    if levels:
        lines = ax.contour(fine, fine, shown, levels=levels, colors=inks, linewidths=0.7, alpha=0.8)
        ax.set_aspect("equal")
        ax.apply_aspect()
        remove_overlapping(ax.clabel(lines, fmt=loss_text, fontsize=9.5, inline_spacing=3))
    ax.plot(0, 0, "+", color="white", markersize=11, markeredgewidth=1.8)
    ax.set_aspect("equal")
    ax.set_xlabel("along the first direction")
    ax.set_ylabel("along the second direction")
    ax.set_title("Cross-entropy", loc="left", fontsize=style.TEXT, color=style.MUTED, pad=8)
    ax.set_xticks(ticks(along))
    ax.set_yticks(ticks(along))


def remove_overlapping(labels: Iterable[Text]) -> None:
    """Takes labels away that would lie over others: steep lines are too close for all."""
    chosen: list[Any] = []
    for label in list(labels):
        box = label.get_window_extent()
        if any(box.overlaps(other) for other in chosen):
            label.remove()
        else:
            chosen.append(box)


def interpolate(along: Grid, loss: Grid) -> tuple[Grid, Grid]:
    """A finer grid: cubic splines through the logarithms of what was measured."""
    from scipy.interpolate import RectBivariateSpline

    degree = min(3, len(along) - 1)
    fine = np.linspace(along[0], along[-1], FINE)
    spline = RectBivariateSpline(along, along, np.log(clip_loss(loss)), kx=degree, ky=degree)
    return fine, np.exp(spline(fine, fine))


def contour_levels(low: float, high: float) -> list[float]:
    """Losses worth a line or a tick: about eight on the scale."""
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for parts in ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        levels = [part * 10.0**decade for decade in decades for part in parts]
        levels = [value for value in levels if low <= value <= high]
        if len(levels) <= MOST:
            return levels
    return levels[:: -(-len(levels) // MOST)]


def cuts(ax: Axes, along: Grid, lines: tuple[Grid, Grid], top: float | None = None) -> None:
    """The loss along each direction, the other left where it is."""
    low, high = limits(np.stack(lines), top)
    ax.set_yscale("log")
    for i, values in enumerate(lines):
        color, _ = style.series(i)
        ax.plot(along, values, color=color, marker="o", markersize=3, label=("first direction", "second direction")[i])
    ax.set_ylim(low, high * (high / low) ** 0.12)
    ax.set_xlim(along[0], along[-1])
    ax.set_xticks(ticks(along))
    ax.axvline(0, color=style.GRID, linewidth=0.8, zorder=0)
    ax.set_yticks(contour_levels(low, high), [loss_text(value) for value in contour_levels(low, high)])
    ax.minorticks_off()
    ax.grid(axis="y")
    ax.spines["left"].set_visible(False)
    ax.legend(loc="upper center", frameon=False, ncols=2, fontsize=style.TEXT, labelcolor=style.INK, handlelength=1.6)
    ax.set_xlabel("step, in lengths of the filters")
    ax.set_title("Cross-entropy along one direction", loc="left", fontsize=style.TEXT, color=style.MUTED, pad=8)


def ticks(along: Grid) -> list[float]:
    """The rim, the middle and halfway between."""
    reach = float(along[-1])
    return [-reach, -reach / 2, 0, reach / 2, reach]


def loss_text(value: float) -> str:
    """A loss in few digits."""
    return f"{value:.2g}" if value < 10 else f"{value:,.0f}" if value < 1e6 else f"{value:.0e}"


def describe(along: Grid, loss: Grid) -> str:
    """The figure for those who cannot see it."""
    middle = len(along) // 2
    rim = np.concatenate([loss[0], loss[-1], loss[1:-1, 0], loss[1:-1, -1]])
    return (
        f"the loss is {loss_text(float(loss[middle, middle]))} at the network and {loss_text(float(rim.min()))} to "
        f"{loss_text(float(rim.max()))} on the rim"
    )
