"""Images with the network's predictions, right in green with ✓, wrong in red with ✗."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from . import grid, style
from .confusion import class_name
from .grid import rgb
from .numbers import finite
from .table import Network

LARGEST = 112  # pixels a side of an image in the report; larger ones are reduced
LEAST = 0.005  # a smaller probability of a second class is not worth its line


@dataclass(frozen=True, slots=True)
class Prediction:
    """The prediction for one image; `place` counts the images, `probability` is of the predicted class.

    `true` and `right` are None where the class is not known. `other` is the class beside it with its probability: the true
    one of a wrong prediction, else the second likeliest.
    """

    place: int
    true: str | None
    predicted: str
    right: bool | None
    probability: float | None
    other: tuple[str, float] | None = None

    @property
    def sign(self) -> str:
        return "" if self.right is None else "✓" if self.right else "✗"

    @property
    def percent(self) -> str:
        return "" if self.probability is None else f"{100 * self.probability:.0f} %"


def predictions_in(network: Network, classes: Sequence[str]) -> list[Prediction]:
    """The predictions of a network in the order of the images; those without a prediction are skipped."""
    return [
        Prediction(
            place,
            class_name(classes, row.get("true")),
            class_name(classes, row.get("predicted")),
            row.get("true") == row.get("predicted"),
            finite(row.get("probability")),
        )
        for place, row in enumerate(network.get("predictions") or [])
        if row.get("true") is not None and row.get("predicted") is not None
    ]


def data_uri(pixels: NDArray[np.uint8]) -> str:
    """An image as a PNG inside an address, reduced where it is larger than the page shows it.

    Shapes   pixels (h, w) or (h, w, c)
    """
    shown = rgb(pixels)
    gray = bool((shown == shown[..., :1]).all())
    image = Image.fromarray(shown[..., 0] if gray else shown)
    if max(image.size) > LARGEST:
        image.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"


def figure(network: Network, classes: Sequence[str], pixels: NDArray[np.uint8]) -> Figure:
    """The images of a comparison with what one network says of them.

    Shapes   pixels (k, h, w, c), in the order of the network's predictions
    """
    predictions = predictions_in(network, classes)[: len(pixels)]
    return grid_figure(predictions, [pixels[prediction.place] for prediction in predictions])


def grid_figure(predictions: Sequence[Prediction], pixels: Sequence[NDArray[np.uint8]]) -> Figure:
    """Each image over its sign, the predicted class and its probability, and below them the class it was or might have been.

    Shapes   pixels (h, w, c) each, as many as there are predictions
    """
    return grid.figure([tile(p, image) for p, image in zip(predictions, pixels, strict=True)])


def tile(prediction: Prediction, pixels: NDArray[np.uint8]) -> grid.Tile:
    """One image of the grid.

    Shapes   pixels (h, w, c)
    """
    ink = style.FAINT if prediction.right is None else style.RIGHT if prediction.right else style.WRONG
    words = f"{prediction.sign} {prediction.predicted}".strip()
    first = grid.Line(words, prediction.percent, style.INK if prediction.right is None else ink, minor=False)
    return grid.Tile(pixels, ink, (first, second_line(prediction)))


def second_line(prediction: Prediction) -> grid.Line:
    """The line of the other class."""
    name, probability = prediction.other or (None, None)
    if prediction.right is False:
        return grid.Line(f"is {prediction.true}", "" if probability is None else f"{100 * probability:.0f} %")
    if probability is None or probability < LEAST:
        return grid.Line("")
    return grid.Line(f"or {name}", f"{100 * probability:.0f} %")


def describe(network: Network, classes: Sequence[str]) -> str:
    """The figure for those who cannot see it: how many of the shown images are right."""
    predictions = predictions_in(network, classes)
    return f"{sum(p.right is True for p in predictions)} of {len(predictions)} shown images are right"
