"""Held-out images with what a network says they are, right in green with ✓, wrong in red with ✗."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image

from . import style
from .confusion import class_name
from .table import Network, finite

LARGEST = 112  # pixels a side of an image in the page; larger ones are reduced
ACROSS, TILE, GAP, WORDS = 8, 64, 12, 30


@dataclass(frozen=True, slots=True)
class Prediction:
    """What is said of one image; `place` counts the images, `probability` is of the predicted class."""

    place: int
    true: str
    predicted: str
    right: bool
    probability: float | None

    @property
    def sign(self) -> str:
        return "✓" if self.right else "✗"

    @property
    def percent(self) -> str:
        return "" if self.probability is None else f"{100 * self.probability:.0f} %"


def of(network: Network, classes: Sequence[str]) -> list[Prediction]:
    """The predictions of a network in the order of the images; those without an answer are left out."""
    return [
        Prediction(
            place,
            class_name(classes, said.get("true")),
            class_name(classes, said.get("predicted")),
            said.get("true") == said.get("predicted"),
            finite(said.get("probability")),
        )
        for place, said in enumerate(network.get("predictions") or [])
        if said.get("true") is not None and said.get("predicted") is not None
    ]


def rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An image as it is shown: one channel gray, of more than three the first three.

    Shapes   (h, w, c) → (h, w, 3)
    """
    shown = pixels[..., :3] if pixels.shape[-1] >= 3 else pixels[..., :1]
    return np.ascontiguousarray(np.broadcast_to(shown, (*shown.shape[:2], 3)))


def data_uri(pixels: NDArray[np.uint8]) -> str:
    """An image as a PNG inside an address, reduced where it is larger than the page shows it."""
    shown = rgb(pixels)
    gray = bool((shown == shown[..., :1]).all())
    image = Image.fromarray(shown[..., 0] if gray else shown)
    if max(image.size) > LARGEST:
        image.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"


def figure(network: Network, classes: Sequence[str], pixels: NDArray[np.uint8]) -> Figure:
    """The images in rows of eight, each over its sign, the predicted class and its probability.

    Shapes   pixels (k, h, w, c), in the order of the network's predictions
    """
    said = of(network, classes)[: len(pixels)]
    rows = max(1, -(-len(said) // ACROSS))
    width, height = ACROSS * (TILE + GAP) + GAP, rows * (TILE + WORDS + GAP) + GAP
    with style.context():
        chart, axes = style.canvas(width, height, left=0, right=0, top=0, bottom=0)
        axes.set_xlim(0, width)
        axes.set_ylim(height, 0)
        axes.set_axis_off()
        for prediction in said:
            row, column = divmod(prediction.place, ACROSS)
            x, y = GAP + column * (TILE + GAP), GAP + row * (TILE + WORDS + GAP)
            color = style.RIGHT if prediction.right else style.WRONG
            axes.imshow(rgb(pixels[prediction.place]), extent=(x, x + TILE, y + TILE, y), interpolation="none", aspect="auto")
            axes.add_patch(Rectangle((x, y), TILE, TILE, fill=False, edgecolor=color, linewidth=1.6))
            axes.text(x, y + TILE + 13, f"{prediction.sign} {style.short(prediction.predicted, 9)}", size=10, color=color)
            also = "" if prediction.right else f" is {style.short(prediction.true, 8)}"
            axes.text(x, y + TILE + 25, f"{prediction.percent}{also}".strip(), size=8.5, color=style.MUTED)
        axes.set_xlim(0, width)
        axes.set_ylim(height, 0)
    return chart


def describe(network: Network, classes: Sequence[str]) -> str:
    """The figure for those who cannot see it: how many of the shown images are right."""
    said = of(network, classes)
    return f"{sum(p.right for p in said)} of {len(said)} shown images are right"
