"""The accuracy of each class, and the most frequent confusions with examples."""

from collections.abc import Iterator

from ...errors import count_of
from ...insight import confusions
from ...insight.predictions import class_index, labeled_predictions
from ...insight.subject import Subject
from ...views import classes
from ...views.confusion import class_name
from ...views.numbers import thousands
from ..picture import Picture
from .predictions import pixels_at

PAIRS = 6


def pictures(subject: Subject, *, of_class: str | None, count: int | None) -> Iterator[Picture]:
    """One bar per class, and the most frequent confusions, of one true class if it is given."""
    class_ = None if of_class is None else class_index(subject, of_class)
    predictions = labeled_predictions(subject, "classes")
    rows = confusions.per_class(predictions)
    names = {row.place: class_name(subject.classes, row.place) for row in rows}
    bars = [classes.Bar(names[row.place], row.accuracy, row.low, row.high, row.n) for row in rows]
    best, worst = max(bars, key=lambda bar: bar.accuracy), min(bars, key=lambda bar: bar.accuracy)
    absent = predictions.k - len(bars)
    omitted = f" {count_of(absent, 'class')} without images omitted." if absent else ""
    highest, lowest = classes.accuracy_text(best), classes.accuracy_text(worst)
    caption = (
        f"Best {best.name} with {highest}, worst {worst.name} with {lowest}; over all {count_of(len(predictions), 'image')} "
        f"{100 * predictions.accuracy:.1f} % (dashed). Lines are 95 % intervals (Wilson)."
        f"{omitted}"
    )
    if predictions.right.all():
        caption += " No image is wrong, so no classes are confused."
    yield Picture("classes", classes.figure(bars, predictions.accuracy), f"Accuracy of {subject.title} by class", caption)
    worst_pairs = confusions.worst_pairs(predictions, count or PAIRS, of=class_)
    if not worst_pairs:
        return
    pairs = []
    for pair in worst_pairs:
        places = pair.places[: classes.THUMBS].tolist()
        true, taken = (class_name(subject.classes, i) for i in (pair.true, pair.predicted))
        probabilities = tuple(predictions.probability[places].tolist())
        pairs.append(classes.Pair(true, taken, pair.count, pair.n, tuple(pixels_at(subject, places)), probabilities))
    wrong = int((~predictions.right).sum())
    kind = f" of {class_name(subject.classes, class_)}" if class_ is not None else ""
    frequent = "most frequent confusion" if len(pairs) == 1 else f"{len(pairs)} most frequent confusions"
    caption = (
        f"The {frequent}{kind}, together {thousands(sum(p.count for p in pairs))} of "
        f"{count_of(wrong, 'mistake')}, each with its most confident examples and the probability of the wrong class."
    )
    yield Picture("confused-pairs", classes.pairs_figure(pairs), f"What {subject.title} confuses", caption)
