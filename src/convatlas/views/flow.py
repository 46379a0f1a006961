"""Gradient norms and update-to-weight ratios by depth, light before training and dark at its end, one column per network."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator
from numpy.typing import NDArray

from ..insight.flow import HEALTHY, Flow, mark_layers
from . import style
from .grid import shorten_to_width

WIDTH = 1008.0
ALONE = 720.0  # pixels of a figure with one network
LEFT, BETWEEN, EDGE = 56.0, 36.0, 14.0
KEY, HEAD, PANEL, MIDDLE, FOOT = 30.0, 72.0, 208.0, 38.0, 44.0
FAINTEST = 0.22  # opacity of the first step
NAMED = 12  # layers that fit by name
TICKS = 7


def figure(flows: Sequence[Flow]) -> Figure:
    """Above the norm of each layer's gradient, below how far one step moves it, on the same scales for all networks.

    Triangles mark layers that vanish (▼) and explode (▲).
    """
    n = len(flows)
    width = ALONE if n == 1 else WIDTH
    column = (width - LEFT - EDGE - (n - 1) * BETWEEN) / n
    low = FOOT + max((name_width(flow) for flow in flows), default=0)
    height = KEY + HEAD + 2 * PANEL + MIDDLE + low
    with style.context():
        chart = Figure(figsize=(width / 72, height / 72), dpi=72)
        draw_legend(chart, flows, width, height)
        for row, words in enumerate(("gradient norm", "update-to-weight ratio of one step")):
            limits = decades_around(np.concatenate([table(flow, row).ravel() for flow in flows]))
            bottom = low + (1 - row) * (PANEL + MIDDLE)
            for place, flow in enumerate(flows):
                x = LEFT + place * (column + BETWEEN)
                axes = chart.add_axes((x / width, bottom / height, column / width, PANEL / height))
                panel(axes, flow, row, limits)
                axes.tick_params(labelleft=place == 0)
                if row == 0:
                    label_layers(axes, flow)
                    axes.tick_params(labelbottom=False)
                    heading(chart, flow, (x - (LEFT - 8 if place == 0 else 0), height - KEY - 18), column)
                else:
                    label_layers(axes, flow)
                    if place == 0:
                        floor = (
                            "layer, from the image to the head"
                            if name_width(flow)
                            else "layer, numbered from the image to the head"
                        )
                        chart.text(x / width, 12 / height, floor, size=style.TEXT, color=style.MUTED)
            chart.text(8 / width, (bottom + PANEL + 9) / height, words, size=style.TEXT, color=style.MUTED)
    return chart


def table(flow: Flow, row: int) -> NDArray[np.float64]:
    """Gradients or ratios, one row per step, and the trained network as the last row if it was measured.

    Shapes   → (steps, layers)
    """
    own = (flow.gradients, flow.ratios)[row]
    return own if flow.trained is None else np.vstack([own, flow.trained[row]])


def decades_around(values: NDArray[np.float64]) -> tuple[float, float]:
    """Whole decades around all values that have a logarithm, at least two of them.

    Shapes   values of any shape
    """
    fit = values[np.isfinite(values) & (values > 0)]
    low, high = (np.log10(fit.min()), np.log10(fit.max())) if fit.size else (-3.0, 0.0)
    low, high = np.floor(low - 0.1), np.ceil(high + 0.1)
    return float(10.0 ** min(low, high - 2)), float(10.0**high)


def panel(axes: Axes, flow: Flow, row: int, limits: tuple[float, float]) -> None:
    """One network's lines, one per step."""
    axes.set_yscale("log")
    axes.set_ylim(*limits)
    decades = np.arange(round(np.log10(limits[0])), round(np.log10(limits[1])) + 1)
    step = max(1, -(-len(decades) // TICKS))
    axes.yaxis.set_major_locator(FixedLocator([float(10.0**d) for d in decades[::step]]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_yticklabels([decade_text(int(d)) for d in decades[::step]])
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    places = np.arange(1, len(flow.layers) + 1)
    axes.set_xlim(1 - 0.02 * len(places) - 0.1, len(places) * 1.02 + 0.1)
    for ratio in HEALTHY if row == 1 else ():
        if limits[0] <= ratio <= limits[1]:
            axes.axhline(ratio, color=style.MUTED, linewidth=1, linestyle=(0, (4, 3)))
    for line, (values, line_style) in enumerate(zip(table(flow, row), line_styles(flow), strict=True)):
        shown = np.clip(np.nan_to_num(values, nan=limits[1], posinf=limits[1]), limits[0], limits[1])
        axes.plot(places, shown, **line_style)
        gradients, ratios = (table(flow, kind)[line] for kind in (0, 1))
        for mask, sign in zip(mark_layers(gradients, ratios), "v^", strict=True):
            axes.plot(places[mask], shown[mask], sign, color=style.WRONG, markersize=4.5, linestyle="none", markeredgewidth=0,
                      clip_on=False, zorder=4)  # fmt: skip


def line_styles(flow: Flow) -> list[dict[str, Any]]:
    """How each line is drawn: the fresh network from light to dark, the trained one in another color."""
    color, _ = style.series(0)
    lines = [
        {"color": color, "alpha": float(alpha), "marker": "o", "markersize": 2.2, "linewidth": 1.4}
        for alpha in (np.linspace(FAINTEST, 1, len(flow.steps)) if len(flow.steps) > 1 else [1.0])
    ]
    other, _ = style.series(1)
    trained = {"color": other, "alpha": 1.0, "linewidth": 1.4, "linestyle": (0, (4, 2)), "zorder": 3}
    return lines if flow.trained is None else [*lines, trained]


def draw_legend(chart: Figure, flows: Sequence[Flow], width: float, height: float) -> None:
    """What the lines and triangles mean."""
    most = max(flows, key=lambda flow: len(flow.steps))
    lines = line_styles(most)
    entries: list[tuple[str, Any]] = [("updates made:", None), *((str(n), lines[k]) for k, n in enumerate(most.steps))]
    if any(flow.trained is not None for flow in flows):
        entries.append(("trained weights", line_styles(next(flow for flow in flows if flow.trained is not None))[-1]))
    drawn = [mark_layers(*line) for flow in flows for line in zip(table(flow, 0), table(flow, 1), strict=True)]
    signs = [any(mask.any() for mask in masks) for masks in zip(*drawn, strict=True)]
    entries += [
        entry
        for entry, there in zip((("vanishing", {"marker": "v"}), ("exploding", {"marker": "^"})), signs, strict=True)
        if there
    ]
    x, y = 8.0, height - 15
    for words, look in entries:
        if look is not None:
            ends = [x + 7] if "color" not in look else [x, x + 16]
            own = {"color": style.WRONG, "markersize": 6, "linestyle": "none", "markeredgewidth": 0, **look}
            if "color" in look:
                own = {**look, "markersize": 0}
            line = Line2D([end / width for end in ends], [(y + 4) / height] * len(ends), transform=chart.transFigure, **own)
            chart.add_artist(line)
            x += 20
        chart.text(x / width, y / height, words, size=style.TEXT, color=style.MUTED, va="baseline")
        x += style.width(words) + 14


def heading(chart: Figure, flow: Flow, at: tuple[float, float], column: float) -> None:
    """Name and losses of a network, above its panels."""
    width, height = chart.get_figwidth() * 72, chart.get_figheight() * 72
    losses = f"loss {flow.losses[0]:.2f} at first, {flow.losses[-1]:.2f} after {flow.steps[-1]} updates"
    chart.text(at[0] / width, at[1] / height, shorten_to_width(flow.title, column, 13), size=13, color=style.INK)
    chart.text(at[0] / width, (at[1] - 17) / height, shorten_to_width(losses, column), size=style.TEXT, color=style.MUTED)


def name_width(flow: Flow) -> float:
    """Pixels that the names of layers need below the panels; 0 where there are too many for names."""
    return max(style.width(style.short(name, 18), 9.5) for name in flow.layers) if len(flow.layers) <= NAMED else 0.0


def label_layers(axes: Axes, flow: Flow) -> None:
    """The layers by name if they are few, else by number."""
    count = len(flow.layers)
    if name_width(flow):
        axes.set_xticks(range(1, count + 1), [style.short(name, 18) for name in flow.layers], rotation=90, size=9.5)
        return
    step = next(s for s in (5, 10, 20, 50, 100, 200) if count / s <= 12)
    axes.set_xticks([1, *range(step, count + 1, step)])


def decade_text(exponent: int) -> str:
    """A decade as it is read: 0.01, 1, 100, and 10⁻⁵ beyond."""
    if -3 <= exponent <= 3:
        return f"{10.0**exponent:g}"
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
