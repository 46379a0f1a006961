"""Probes of the layers of a network: two accuracies over depth, and the level of chance."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import style
from .grid import shorten_to_width
from .labels import spread

STEP, LEAST = 104, 600  # pixels from layer to layer
TALL = 300
LEFT, RIGHT, TOP, BOTTOM = 52, 108, 58, 62
TITLE = 14
APART = 15  # pixels between two names
BOLD = 1.13  # times as wide as plain letters


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer and what was measured on its features.

    Units   accuracies in [0, 1]
    """

    name: str
    width: int
    knn: float
    linear: float


def figure(layers: Sequence[Layer], title: str, words: str, chance: float, k: int = 20) -> Figure:
    """Accuracy on held-out images over depth, by linear evaluation and by a vote of neighbors."""
    width = max(LEAST, LEFT + RIGHT + STEP * (len(layers) - 1) + 40)
    with style.context():
        chart, axes = style.canvas(width, TOP + TALL + BOTTOM, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM)
        for at, text, size, ink, weight in (
            (28, title, TITLE, style.INK, "bold"),
            (46, words, style.TEXT, style.MUTED, "normal"),
        ):
            up = 1 - at / (TOP + TALL + BOTTOM)
            chart.text(
                LEFT / 2 / width, up, shorten_to_width(text, (width - LEFT) / BOLD, size), size=size, color=ink, weight=weight
            )
        places = range(len(layers))
        rows = {"linear": [layer.linear for layer in layers], f"{k}-NN": [layer.knn for layer in layers]}
        low = min(min(values) for values in rows.values())
        floor = min(low, chance) if chance > 0.6 * low or low < 0.5 else low
        bottom = max(0.0, floor - 0.06)
        axes.set_ylim(100 * bottom, 101)
        axes.set_xlim(-0.3, len(layers) - 0.7 if len(layers) > 1 else 0.3)
        axes.grid(visible=True, axis="y")
        axes.set_axisbelow(True)
        for i, (name, values) in enumerate(rows.items()):
            color = style.series(i)[0]
            axes.plot(places, [100 * v for v in values], color=color, marker="o" if i == 0 else "s", markersize=5, label=name)
        label_line_ends(axes, rows, bottom)
        if chance >= bottom:
            axes.axhline(100 * chance, color=style.FAINT, linewidth=1, linestyle=(0, (2, 3)))
            axes.text(-0.28, 100 * chance, f"chance {100 * chance:.0f} %", color=style.MUTED, size=style.TEXT, va="bottom")
        axes.set_xticks(list(places), [f"{style.short(layer.name, 15)}\n{layer.width}" for layer in layers])
        axes.tick_params(axis="x", length=0, pad=8)
        step = 20 if bottom < 0.5 else 10 if bottom < 0.8 else 5
        axes.set_yticks([tick for tick in range(0, 101, step) if tick >= 100 * bottom])
        axes.yaxis.set_major_formatter("{x:.0f} %")
        axes.spines["left"].set_visible(False)
        middle = (LEFT + (width - RIGHT)) / 2 / width
        chart.text(middle, 10 / (TOP + TALL + BOTTOM), "layer, and its features per image", size=style.TEXT,
                   color=style.MUTED, ha="center")  # fmt: skip
    return chart


def label_line_ends(axes: Axes, rows: dict[str, list[float]], bottom: float) -> None:
    """Names and last values right of the lines, as far apart as they need to be."""
    unit = (101 - 100 * bottom) / TALL
    wanted = [100 * values[-1] / unit for values in rows.values()]
    last = len(next(iter(rows.values()))) - 1
    for i, ((name, values), y) in enumerate(zip(rows.items(), spread(wanted, APART, 0, 101 / unit), strict=True)):
        axes.annotate(
            f"{name} {100 * values[-1]:.1f} %", (last, y * unit), (10, 0), textcoords="offset pixels", size=style.TEXT,
            color=style.series(i)[0], va="center", annotation_clip=False, weight="bold",
        )  # fmt: skip
