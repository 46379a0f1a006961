"""The confusion matrix, and of many classes the part with the most frequent confusions."""

from collections.abc import Iterator

import numpy as np

from ...errors import count_of
from ...insight import confusions
from ...insight.predictions import Predictions, labeled_predictions
from ...insight.subject import Subject
from ...views import confusion
from ...views.confusion import class_name
from ...views.numbers import thousands
from ..picture import Picture

KEY = (
    "Each row is a true class, each column a predicted one; depth of color is the share of the row, blue where right, red "
    "where wrong"
)


def pictures(subject: Subject) -> Iterator[Picture]:
    """The whole matrix, and where its classes are too many for names, the part that is confused most."""
    predictions = labeled_predictions(subject, "confusion")
    counts = confusions.confusion(predictions)
    present = np.flatnonzero(counts.sum(0) + counts.sum(1))
    rows = present if len(present) <= confusion.NAMED else np.arange(predictions.k)
    names = [class_name(subject.classes, i) for i in rows.tolist()]
    correct = int(np.trace(counts))
    pairs = confusions.worst_pairs(predictions, 3)
    named = ((class_name(subject.classes, p.true), class_name(subject.classes, p.predicted), p.count) for p in pairs)
    words = "; ".join(f"{true} taken for {taken} {'once' if count == 1 else f'{count} times'}" for true, taken, count in named)
    absent = predictions.k - len(rows)
    omitted = f" {count_of(absent, 'class')} without images or predictions omitted." if absent else ""
    caption = (
        f"{thousands(correct)} of {count_of(len(predictions), 'image')} right ({100 * predictions.accuracy:.1f} %)"
        f"{f'; most often wrong: {words}' if pairs else ': no image is taken for another class'}. {KEY}.{omitted}"
    )
    figure = confusion.counts_figure(counts[np.ix_(rows, rows)], names, confusion.SLIDE)
    yield Picture("confusion", figure, f"Confusion of {subject.title}", caption)
    if len(rows) <= confusion.NAMED or not pairs:
        return
    worst = most_confused(predictions, confusion.COUNTED)
    part = counts[np.ix_(worst, worst)]
    names = [class_name(subject.classes, i) for i in worst]
    figure = confusion.counts_figure(part, names, confusion.SLIDE, counts[worst].sum(1))
    within, wrong = int(part.sum() - np.trace(part)), len(predictions) - correct
    caption = (
        f"{count_of(len(worst), 'class')} with the most frequent confusions, with {thousands(within)} of "
        f"{count_of(wrong, 'mistake')}. {KEY}, all {predictions.k:,} classes of the row included."
    )
    yield Picture("confusion-worst", figure, f"Most confused classes of {subject.title}", caption)


def most_confused(predictions: Predictions, most: int) -> list[int]:
    """At most so many classes of the most frequent confusions, those that are confused side by side."""
    chosen: dict[int, None] = {}
    for pair in confusions.worst_pairs(predictions, most):
        new = {pair.true, pair.predicted} - chosen.keys()
        if len(chosen) + len(new) > most:
            break
        chosen.update(dict.fromkeys((pair.true, pair.predicted)))
    return list(chosen)
