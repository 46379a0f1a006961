"""Which class is taken for which."""

from collections.abc import Iterator

import numpy as np

from ..insight import confusions
from ..insight.predictions import Predictions, labelled
from ..insight.subject import Subject
from ..views import confusion
from ..views.confusion import class_name
from ..views.numbers import thousands
from .picture import LookOptions, Picture

KEY = (
    "A row is a true class, a column a predicted one; depth of color is the share of the row, blue where right, red where wrong"
)


def pictures(subject: Subject, _: LookOptions) -> Iterator[Picture]:
    """The whole matrix, and where its classes are too many to be named, the part that is confused most."""
    said = labelled(subject, "confusion")
    counts = confusions.confusion(said)
    seen = np.flatnonzero(counts.sum(0) + counts.sum(1))
    some = seen if len(seen) <= confusion.NAMED else np.arange(said.k)
    names = [class_name(subject.classes, i) for i in some.tolist()]
    hits = int(np.trace(counts))
    often = confusions.confused(said, 3)
    named = ((class_name(subject.classes, p.true), class_name(subject.classes, p.predicted), p.count) for p in often)
    words = "; ".join(f"{true} taken for {taken} {'once' if count == 1 else f'{count} times'}" for true, taken, count in named)
    out = said.k - len(some)
    left = f" The {thousands(out)} classes that are neither seen nor predicted are left out." if out else ""
    caption = (
        f"{thousands(hits)} of {thousands(len(said))} images are right ({100 * said.accuracy:.1f} %)"
        f"{f'; most often wrong: {words}' if often else ': no image is taken for another class'}. {KEY}.{left}"
    )
    chart = confusion.drawn(counts[np.ix_(some, some)], names, confusion.SLIDE)
    yield Picture("confusion", chart, f"Confusion of {subject.title}", caption)
    if len(some) <= confusion.NAMED or not often:
        return
    worst = most_confused(said, confusion.COUNTED)
    part = counts[np.ix_(worst, worst)]
    names = [class_name(subject.classes, i) for i in worst]
    chart = confusion.drawn(part, names, confusion.SLIDE, counts[worst].sum(1))
    within, wrong = int(part.sum() - np.trace(part)), len(said) - hits
    caption = (
        f"The {len(worst)} classes with the most frequent confusions, which hold {thousands(within)} of the {thousands(wrong)} "
        f"mistakes. {KEY}, all of the row's {thousands(said.k)} classes included."
    )
    yield Picture("confusion-worst", chart, f"Most confused classes of {subject.title}", caption)


def most_confused(said: Predictions, most: int) -> list[int]:
    """The classes of the most frequent confusions, so many at most, those that are confused side by side."""
    chosen: dict[int, None] = {}
    for pair in confusions.confused(said, most):
        new = {pair.true, pair.predicted} - chosen.keys()
        if len(chosen) + len(new) > most:
            break
        chosen.update(dict.fromkeys((pair.true, pair.predicted)))
    return list(chosen)
