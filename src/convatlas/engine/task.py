"""A task as a value: what is trained, what is measured and in which words, so that nothing else asks which task it is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:  # tables and pages of figures read measures, and do without torch
    from torch import Tensor, nn

    from ..data import Data
    from .recipe import Recipe

Kind = Literal["count", "macs", "bytes", "rate", "time", "percent", "seconds", "number"]
Output = Any
"""What a network gives for a batch: a tensor, or several."""
Target = Any
"""What belongs to a batch of images: labels, or whatever else the task learns from."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure that is measured, and how it is written; `better` says which end of it wins."""

    key: str
    header: str
    unit: str
    group: str
    better: Literal["less", "more"]
    kind: Kind
    explain: str
    sentence: str = ""  # "is right on {} of the {}": the figure, and the images it was measured on
    share_of_images: bool = False  # it counts images, so that Wilson's interval holds
    classes: int = 0  # with fewer it says nothing

    def write(self, value: float, digits: int = 2) -> str:
        """A figure with its unit, for a line of text."""
        return f"{100 * value:.{digits}f} %" if self.kind == "percent" else f"{value:.4g}{f' {self.unit}' * bool(self.unit)}"

    @property
    def noun(self) -> str:
        """Its name within a sentence: accuracy, but mIoU, AP and F1."""
        return self.header[:1].lower() + self.header[1:] if self.header[1:2].islower() else self.header

    @property
    def title(self) -> str:
        """Its name with its unit, over a figure or a column."""
        return f"{self.noun}, {self.unit}" if self.unit else self.noun

    def rank(self, value: float) -> float:
        """The figure with a sign such that more is better."""
        return value if self.better == "more" else -value


@dataclass(frozen=True, slots=True)
class View:
    """A window of an image as a test-time view, enlarged back to the image's size.

    Units    side is a share of the image's; top and left go from 0 at one border to 1 at the other
    """

    top: float = 0.0
    left: float = 0.0
    side: float = 1.0
    mirrored: bool = False


@dataclass(frozen=True, slots=True)
class Scores:
    """What was measured over n images."""

    n: int
    figures: Mapping[str, float]  # the loss, and each measure of the task by its key
    per_class: Mapping[str, Sequence[float | None]]  # of some measures; None for a class without images
    tables: Mapping[str, Any]  # JSON for pictures
    answers: Mapping[str, "Tensor"]  # of each image in order: what predictions.safetensors keeps

    def to_json(self) -> dict[str, Any]:
        """The figures without the images."""
        per_class = {f"per_class_{key}": list(values) for key, values in self.per_class.items()}
        return {"n": self.n, **self.figures, **per_class, **self.tables}


class Meter(Protocol):
    """Adds up batch by batch, on the device: of the outputs only small figures of each image stay."""

    def add(self, output: Output, target: Target) -> None:
        """Takes a batch."""

    def scores(self) -> Scores:
        """The figures over all batches taken so far."""


Loss = Callable[["nn.Module", "Tensor", Target], Mapping[str, "Tensor"]]
"""(model, x, target) → named parts, scalars whose sum is minimized. It runs the model, since some need their target to run."""


def total(parts: Mapping[str, "Tensor"]) -> "Tensor":
    """The sum of a loss's parts.

    Shapes   scalars → scalar
    """
    return reduce(add, parts.values())


@dataclass(frozen=True, slots=True)
class Task:
    """What there is to learn, and how it is judged."""

    name: str
    family_task: str  # the task that families of its networks name
    noun: str  # what is learned, for errors
    hub_tag: str  # what the Hugging Face Hub calls it
    output: str  # what a network gives, with the number of classes in the place of {}
    use: str  # what it is for, in a model card
    measures: tuple[Measure, ...]  # the first decides: early stopping, verdict, Pareto front, ranking
    loss: Callable[["Recipe", "Data", "nn.Module | None"], Loss]  # the module is a teacher
    meter: Callable[[Sequence[str]], Meter]  # for the names of the classes
    per_image: Callable[[Mapping[str, "Tensor"]], "Tensor"]  # answers → (n,) in [0, 1], which paired tests draw again
    image_measure: Measure  # what the mean of `per_image` is
    probabilities: Callable[[Output], "Tensor"]  # output → (n, classes) in [0, 1], of an image's classes
    example: Callable[[Mapping[str, "Tensor"], int], Mapping[str, Any]]  # answers, i → JSON for a picture of image i
    score: Callable[[Output, "Tensor"], "Tensor"]  # output, what to explain (n,) → (n,): what saliency explains
    join: Callable[[Sequence[Output], Sequence[View]], Output]  # outputs of test-time views → their mean, views undone
    settings: frozenset[str]  # fields of Recipe that this task alone knows
