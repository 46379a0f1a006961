"""Images with the predicted class, the most confident mistakes, and the least confident correct predictions."""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ...data.images import evenly
from ...errors import InputError, count_of
from ...insight.predictions import Ints, Predictions, class_index, labeled_predictions, predictions_of
from ...insight.subject import Subject
from ...views import grid
from ...views import predictions as view
from ...views.confusion import class_name
from ...views.numbers import thousands
from ..picture import Picture

ROWS = 3
KEY = "The percentage is the network's probability of the class it names"
BELOW = "below it the true class of a wrong prediction, else the second most probable class"


def pictures(
    subject: Subject, *, at: Sequence[int], of_class: str | None, count: int | None, only: str | None
) -> Iterator[Picture]:
    """Grids of images; those sorted by confidence need the true classes.

    Raises   InputError for an image or class that does not exist, and for `only` without true classes
    """
    class_ = None if of_class is None else class_index(subject, of_class)
    subject.check_places(at)
    if subject.labeled:
        yield from labeled_grids(subject, at, class_, count, only)
    elif only:
        raise InputError(f"to tell which are {only} needs the true class of every image: give labeled images")
    else:
        yield unlabeled_grid(subject, at, class_, count)


def labeled_grids(
    subject: Subject, at: Sequence[int], class_: int | None, count: int | None, only: str | None
) -> Iterator[Picture]:
    """Grids of images with known classes, of one true class if it is given.

    Raises   InputError if there are no images of the class
    """
    predictions = labeled_predictions(subject, "predictions", least=1)
    among = np.ones(len(predictions), bool) if class_ is None else predictions.labels == class_
    kind = "" if class_ is None else f" of {class_name(subject.classes, class_)}"
    if not among.any():
        raise InputError(f"of {count_of(len(predictions), 'image')} none is{kind}: choose another class or more images")
    wrong, right = (np.flatnonzero(among & mask) for mask in (~predictions.right, predictions.right))
    candidates = {None: np.flatnonzero(among), "wrong": wrong, "right": right}[only]
    count = count or count_for_rows(subject)
    overall = f"{thousands(len(right))} of {count_of(int(among.sum()), 'image')}{kind} right"
    title = f"{'' if only is None else only + ' '}predictions of {subject.title}"
    title = title[0].upper() + title[1:]
    places = np.array(at, np.int64) if at else candidates[evenly(len(candidates), count)]
    if not len(places):
        sentence = f"No image{kind} is {only}: {overall}."
        yield Picture("predictions", grid.note(sentence), title, sentence)
        return
    marks = (
        f"{predictions.right[places].sum()} of {count_of(len(places), 'image')} shown right (green ✓), the others wrong (red ✗)"
    )
    how = "chosen with --at" if at else "spread evenly over the set"
    yield Picture("predictions", grid_of(subject, predictions, places), title, f"{marks}; {how}; {overall}. {KEY}, {BELOW}.")
    if at:
        return
    if len(wrong) and only != "right":
        places = wrong[np.argsort(-predictions.probability[wrong], kind="stable")][:count]
        what = f"{counted('most confident mistake', len(places))}{kind}, of {thousands(len(wrong))} in all"
        figure = grid_of(subject, predictions, places)
        yield Picture("confident-mistakes", figure, f"Most confident mistakes of {subject.title}", f"{what}. {KEY}, {BELOW}.")
    if len(right) and only != "wrong":
        places = right[np.argsort(predictions.probability[right], kind="stable")][:count]
        what = f"{counted('least confident correct prediction', len(places))}{kind}, of {thousands(len(right))} in all"
        figure = grid_of(subject, predictions, places)
        title = f"Least confident correct predictions of {subject.title}"
        yield Picture("least-confident-correct", figure, title, f"{what}. {KEY}, {BELOW}.")


def counted(what: str, count: int) -> str:
    """The superlative of one image, or of several in its order: The most confident mistake, The 3 most confident mistakes."""
    first = " ".join(what.split()[:2])
    return f"The {what}" if count == 1 else f"The {count_of(count, what)}, the {first} first"


def unlabeled_grid(subject: Subject, at: Sequence[int], class_: int | None, count: int | None) -> Picture:
    """A grid of images of unknown classes, of one predicted class if it is given."""
    predictions = predictions_of(subject)
    among = np.arange(len(predictions)) if class_ is None else np.flatnonzero(predictions.predicted == class_)
    kind = "" if class_ is None else f" predicted as {class_name(subject.classes, class_)}"
    title = f"Predictions of {subject.title}"
    if not len(among):
        sentence = f"Of {count_of(len(predictions), 'image')} none is{kind}."
        return Picture("predictions", grid.note(sentence), title, sentence)
    places = np.array(at, np.int64) if at else among[evenly(len(among), count or count_for_rows(subject))]
    what = f"{len(places)} of {count_of(len(predictions if at else among), 'image')}{kind}, whose true class is not known"
    caption = f"{what}. {KEY}, below it the second most probable class."
    return Picture("predictions", grid_of(subject, predictions, places), title, caption)


def grid_of(subject: Subject, predictions: Predictions, places: Ints) -> Figure:
    """The grid of the images at some places.

    Shapes   places (m,)
    """
    tiles = [prediction_at(subject, predictions, place) for place in places.tolist()]
    return view.grid_figure(tiles, pixels_at(subject, places.tolist()))


def prediction_at(subject: Subject, predictions: Predictions, place: int) -> view.Prediction:
    """The prediction for one image, with its true class, or the second most probable one."""
    p, top, true = predictions.probabilities[place], int(predictions.predicted[place]), int(predictions.labels[place])
    known = true >= 0
    other = true if known and true != top else int(predictions.runner_up[place])
    names = subject.classes
    return view.Prediction(
        place, class_name(names, true) if known else None, class_name(names, top), top == true if known else None,
        float(p[top]), None if other == top else (class_name(names, other), float(p[other])),
    )  # fmt: skip


def pixels_at(subject: Subject, places: Sequence[int]) -> list[NDArray[np.uint8]]:
    """Images as they are stored.

    Shapes   → (h, w, c) uint8 each
    """
    return list(subject.pixels(places).permute(0, 2, 3, 1).numpy())


def count_for_rows(subject: Subject) -> int:
    """How many images fill the rows of a grid."""
    return ROWS * grid.row_length(grid.side_of(pixels_at(subject, [0])))
