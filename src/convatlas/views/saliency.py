"""Images beside their saliency maps, and the sanity checks of the maps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from . import style
from .grid import rgb, shorten_to_width

SMALL, LARGE = 132, 160  # pixels a side of a tile; the small one for images up to 64 pixels
GAP, HEAD, WORDS, FOOT = 12, 34, 24, 32
BRIGHTEST = 99.5  # percentile of a map that is drawn as 1: single pixels would leave all others dark
NOTHING = "no evidence for it"  # stands on a map without any
PANEL, LEFT, BETWEEN, SWATCH = 236, 44, 66, 18
TITLES = {
    "gradient": "Gradient",
    "smoothgrad": "SmoothGrad",
    "integrated-gradients": "Integrated gradients",
    "gradcam": "Grad-CAM",
    "gradcam++": "Grad-CAM++",
    "layercam": "LayerCAM",
    "occlusion": "Occlusion",
}

Gray = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Column:
    """The maps of one method, and the layer they come from.

    Shapes   maps (n, h, w)
    """

    title: str
    note: str
    maps: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class AnswerText:
    """The text under an image: the prediction in its ink, and a second line."""

    answer: str
    ink: str = style.INK
    also: str = ""


def relative(evidence: NDArray[np.float32]) -> Gray:
    """A map in [0, 1]: the evidence for the class, as a share of its own 99.5th percentile.

    Shapes   evidence (h, w) → (h, w)
    """
    positive = np.clip(np.nan_to_num(evidence.astype(np.float64)), 0, None)
    top = float(np.percentile(positive, BRIGHTEST)) or float(positive.max())
    return np.clip(positive / top, 0, 1) if top else positive


def heat(gray: Gray, share: Gray) -> Gray:
    """A dimmed gray image under a map, both in [0, 1], the more opaque the higher.

    Shapes   gray and share (h, w) → (h, w, 3)
    """
    color = mpl.colormaps["inferno"](0.3 + 0.7 * share)[..., :3]
    opacity = 0.9 * np.sqrt(share)[..., None]
    return np.asarray((1 - opacity) * (0.75 * gray)[..., None] + opacity * color)


def luma(pixels: NDArray[np.uint8]) -> Gray:
    """(h, w, c) uint8 → (h, w) in [0, 1].

    Shapes   pixels (h, w, c) → (h, w)
    """
    return np.asarray(rgb(pixels) @ np.array([0.299, 0.587, 0.114]) / 255)


def figure(pixels: Sequence[NDArray[np.uint8]], columns: Sequence[Column], words: Sequence[AnswerText]) -> Figure:
    """A row for each image: itself with the answer, then a map of each method over it, all on one scale.

    Shapes   pixels n times (h, w, c) uint8, of the size of the maps
    """
    side = SMALL if max(max(image.shape[:2]) for image in pixels) <= 64 else LARGE
    width = GAP + (len(columns) + 1) * (side + GAP)
    words_below = WORDS + 12 * any(text.also for text in words)
    height = HEAD + len(pixels) * (side + words_below) + FOOT
    with style.context():
        chart, axes = style.canvas(width, height, left=0, right=0, top=0, bottom=0)
        axes.set_axis_off()
        for place, column in enumerate(columns, start=1):
            x = GAP + place * (side + GAP)
            axes.text(x, 14, shorten_to_width(column.title, side), color=style.INK, size=style.TEXT, va="baseline")
            axes.text(x, 27, shorten_to_width(column.note, side, 9), color=style.MUTED, size=9, va="baseline")
        for row, (image, text) in enumerate(zip(pixels, words, strict=True)):
            y = HEAD + row * (side + words_below)
            draw_image(axes, rgb(image), GAP, y, side)
            axes.text(GAP, y + side + 13, shorten_to_width(text.answer, side, 10.5), color=text.ink, size=10.5, va="baseline")
            axes.text(GAP, y + side + 25, shorten_to_width(text.also, side, 9), color=style.MUTED, size=9, va="baseline")
            for place, column in enumerate(columns, start=1):
                x, share = GAP + place * (side + GAP), relative(column.maps[row])
                draw_image(axes, heat(luma(image), share), x, y, side)
                if not share.any():
                    box = {"facecolor": style.INK, "edgecolor": "none", "pad": 3}
                    axes.text(
                        x + side / 2, y + side / 2, NOTHING, size=9, color=style.PAPER, ha="center", va="center", bbox=box
                    )
        scale(axes, width - GAP - LARGE, height - 24)
        axes.set_xlim(0, width)
        axes.set_ylim(height, 0)
    return chart


def draw_image(axes: Axes, pixels: NDArray[Any], x: float, y: float, side: int) -> None:
    """An image as large as fits into a square.

    Shapes   pixels (h, w) or (h, w, c)
    Units    x, y and side in pixels of the page
    """
    h, w = (side * n / max(pixels.shape[:2]) for n in pixels.shape[:2])
    left, top = x + (side - w) / 2, y + (side - h) / 2
    smooth = "nearest" if max(pixels.shape[:2]) <= 64 else "antialiased"
    axes.imshow(pixels, extent=(left, left + w, top + h, top), interpolation=smooth, aspect="auto")


def scale(axes: Axes, x: float, y: float) -> None:
    """The small bar that all maps share, over a middle gray."""
    ramp = np.linspace(0, 1, 128)[None]
    axes.imshow(heat(np.full_like(ramp, 0.5), ramp), extent=(x, x + LARGE, y + 8, y), interpolation="nearest", aspect="auto")
    axes.text(x, y + 18, "0", color=style.MUTED, size=9, va="baseline")
    axes.text(x + LARGE, y + 18, "1", color=style.MUTED, size=9, va="baseline", ha="right")
    axes.text(x + LARGE / 2, y + 18, "share of the map's maximum", color=style.MUTED, size=9, va="baseline", ha="center")


@dataclass(frozen=True, eq=False, slots=True)
class Line:
    """A method in a panel: a point for each x, and the figure that stands beside its name."""

    title: str
    y: NDArray[np.float32]
    figure: str
    chance: bool = False  # of a random order, drawn faint


@dataclass(frozen=True, eq=False, slots=True)
class Panel:
    """Lines over one axis in [0, 1]."""

    title: str
    x_label: str
    x: NDArray[np.float32]
    lines: tuple[Line, ...]
    dots: bool = False


def checks_figure(panels: Sequence[Panel]) -> Figure:
    """Panels side by side, each with a key of its methods and their figures below."""
    rows = max(len(panel.lines) for panel in panels)
    top, below = 26, 44
    width = LEFT + len(panels) * PANEL + (len(panels) - 1) * BETWEEN + 2 * GAP
    height = top + PANEL * 0.75 + below + rows * style.LINE + GAP
    inks = ink_of(panels)
    with style.context():
        chart = Figure(figsize=(width / 72, height / 72), dpi=72)
        for place, panel in enumerate(panels):
            left = LEFT + place * (PANEL + BETWEEN)
            axes = chart.add_axes((left / width, 1 - (top + PANEL * 0.75) / height, PANEL / width, PANEL * 0.75 / height))
            low = min(0.0, *(float(line.y.min()) for line in panel.lines))
            axes.set_xlim(0, 1)
            axes.set_ylim(low - 0.02 * (low < 0), 1.02)
            axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100 %"])
            levels = [level / 4 for level in range(-4, 5) if level / 4 >= low]
            axes.set_yticks(levels, [f"{level:g}".replace("-", "−") for level in levels])
            axes.grid(visible=True, axis="y")
            for line in panel.lines:
                color, dash = inks[line.title]
                axes.plot(
                    panel.x,
                    line.y,
                    color=color,
                    linestyle=dash,
                    marker="o" if panel.dots else None,
                    markersize=3.2,
                    clip_on=False,
                )
            chart.text((left - 34) / width, 1 - 14 / height, panel.title, color=style.INK, size=style.TEXT, va="baseline")
            under = top + PANEL * 0.75 + 30
            chart.text(
                (left + PANEL / 2) / width,
                1 - under / height,
                panel.x_label,
                color=style.MUTED,
                size=10,
                ha="center",
                va="baseline",
            )
            for row, line in enumerate(panel.lines):
                draw_method(chart, line, inks[line.title], (left, under + 18 + row * style.LINE))
    return chart


def ink_of(panels: Sequence[Panel]) -> dict[str, tuple[str, Any]]:
    """A color and a dash for each method, the same in all panels."""
    inks: dict[str, tuple[str, Any]] = {}
    for line in (line for panel in panels for line in panel.lines):
        if line.title not in inks:
            chances = sum(ink[0] == style.FAINT for ink in inks.values())
            inks[line.title] = (style.FAINT, style.DASHES[1]) if line.chance else style.series(len(inks) - chances)
    return inks


def draw_method(chart: Figure, line: Line, ink: tuple[str, Any], at: tuple[float, float]) -> None:
    """The swatch of a method, its name and its figure."""
    width, height = 72 * chart.get_figwidth(), 72 * chart.get_figheight()
    x, y = at
    swatch = mpl.lines.Line2D(
        [x / width, (x + SWATCH) / width],
        [1 - (y - 3.5) / height] * 2,
        color=ink[0],
        linestyle=ink[1],
        transform=chart.transFigure,
    )
    chart.add_artist(swatch)
    chart.text((x + SWATCH + 6) / width, 1 - y / height, line.title, color=style.INK, size=10, va="baseline")
    chart.text((x + PANEL) / width, 1 - y / height, line.figure, color=style.INK, size=10, ha="right", va="baseline")
