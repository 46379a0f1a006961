"""Images with what the network says they are; its most confident mistakes; its least confident hits."""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..errors import InputError, unknown
from ..insight.predictions import Ints, Predictions, class_index, labelled, predictions_of
from ..insight.subject import Subject
from ..views import grid, predictions
from ..views.confusion import class_name
from ..views.numbers import thousands
from .picture import LookOptions, Picture

ROWS = 3
KEY = "The percentage is the network's probability of the class it names"
BELOW = "below it the true class of a wrong prediction, else the second likeliest"


def pictures(subject: Subject, wish: LookOptions) -> Iterator[Picture]:
    """The grids that suit the images: without labels the answers alone."""
    asked = None if wish.of_class is None else class_index(subject, wish.of_class)
    if wish.only not in (None, "wrong", "right"):
        raise unknown("choice for only", wish.only, ("wrong", "right"))
    if any(not 0 <= place < len(subject) for place in wish.places):
        raise InputError(f"places of images go from 0 to {len(subject) - 1}, got {', '.join(map(str, wish.places))}")
    if subject.labelled:
        yield from judged(subject, wish, asked)
    elif wish.only:
        raise InputError(f"to tell which are {wish.only} needs the true class of every image: give labelled images")
    else:
        yield unjudged(subject, wish, asked)


def judged(subject: Subject, wish: LookOptions, asked: int | None) -> Iterator[Picture]:
    """Grids of images whose classes are known, those of a true class if one is asked for."""
    said = labelled(subject, "predictions", least=1)
    among = np.ones(len(said), bool) if asked is None else said.labels == asked
    kind = "" if asked is None else f" of {class_name(subject.classes, asked)}"
    if not among.any():
        raise InputError(f"none of the {thousands(len(said))} images is{kind}: look at another class or at more images")
    wrong, right = (np.flatnonzero(among & mask) for mask in (~said.right, said.right))
    fitting = {None: np.flatnonzero(among), "wrong": wrong, "right": right}[wish.only]
    count = wish.count or counted(subject)
    overall = f"{thousands(len(right))} of all {thousands(among.sum())} images{kind} are right"
    title = f"{'' if wish.only is None else wish.only + ' '}predictions of {subject.title}"
    title = title[0].upper() + title[1:]
    places = np.array(wish.places, np.int64) if wish.places else spread(fitting, count)
    if not len(places):
        sentence = f"No image{kind} is {wish.only}: {overall}."
        yield Picture("predictions", grid.note(sentence), title, sentence)
        return
    marks = f"{said.right[places].sum()} of these {len(places)} images are right (green ✓), the others wrong (red ✗)"
    how = "as asked for" if wish.places else "spread evenly over the set"
    yield Picture("predictions", drawn(subject, said, places), title, f"{marks}; {how}; {overall}. {KEY}, {BELOW}.")
    if wish.places:
        return
    if len(wrong) and wish.only != "right":
        places = wrong[np.argsort(-said.probability[wrong], kind="stable")][:count]
        what = f"The {len(places)} mistakes{kind} it is surest of, the surest first, of {thousands(len(wrong))} in all"
        chart = drawn(subject, said, places)
        yield Picture("confident-mistakes", chart, f"Most confident mistakes of {subject.title}", f"{what}. {KEY}, {BELOW}.")
    if len(right) and wish.only != "wrong":
        places = right[np.argsort(said.probability[right], kind="stable")][:count]
        what = f"The {len(places)} hits{kind} it is least sure of, the most doubtful first, of {thousands(len(right))} in all"
        chart = drawn(subject, said, places)
        yield Picture("doubtful-hits", chart, f"Least confident hits of {subject.title}", f"{what}. {KEY}, {BELOW}.")


def unjudged(subject: Subject, wish: LookOptions, asked: int | None) -> Picture:
    """Answers whose truth nobody knows, those of a predicted class if one is asked for."""
    said = predictions_of(subject)
    among = np.arange(len(said)) if asked is None else np.flatnonzero(said.predicted == asked)
    kind = "" if asked is None else f" called {class_name(subject.classes, asked)}"
    title = f"Predictions of {subject.title}"
    if not len(among):
        sentence = f"None of {thousands(len(said))} images is{kind}."
        return Picture("predictions", grid.note(sentence), title, sentence)
    places = np.array(wish.places, np.int64) if wish.places else spread(among, wish.count or counted(subject))
    what = f"{len(places)} of {thousands(len(said if wish.places else among))} images{kind}, whose true class is not known"
    return Picture("predictions", drawn(subject, said, places), title, f"{what}. {KEY}, below it the second likeliest.")


def drawn(subject: Subject, said: Predictions, places: Ints) -> Figure:
    """The grid of some images."""
    shown = [prediction(subject, said, place) for place in places.tolist()]
    return predictions.images(shown, stored(subject, places.tolist()))


def prediction(subject: Subject, said: Predictions, place: int) -> predictions.Prediction:
    """What is said of one image, with the class it was or might have been."""
    p, top, true = said.probabilities[place], int(said.predicted[place]), int(said.labels[place])
    known = true >= 0
    other = true if known and true != top else int(said.runner_up[place])
    names = subject.classes
    return predictions.Prediction(
        place, class_name(names, true) if known else None, class_name(names, top), top == true if known else None,
        float(p[top]), None if other == top else (class_name(names, other), float(p[other])),
    )  # fmt: skip


def stored(subject: Subject, places: Sequence[int]) -> list[NDArray[np.uint8]]:
    """Images (h, w, c) as they are stored."""
    return list(subject.pixels(places).permute(0, 2, 3, 1).numpy())


def counted(subject: Subject) -> int:
    """How many images fill the rows of a grid."""
    return ROWS * grid.across(grid.side_of(stored(subject, [0])))


def spread(places: Ints, count: int) -> Ints:
    """So many of the places, spread evenly."""
    chosen = np.linspace(0, max(len(places) - 1, 0), min(count, len(places))).round().astype(np.int64)
    return places[np.unique(chosen)]
